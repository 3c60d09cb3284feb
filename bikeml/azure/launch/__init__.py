"""A sweep on a cluster: what its jobs need, how they are launched, and what becomes of them."""
