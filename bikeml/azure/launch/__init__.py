"""Launch a sweep on a cluster: prepare its jobs, submit them, and record what becomes of them."""
