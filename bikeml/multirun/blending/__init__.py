"""A blend of the cells of a sweep: which cells can be its members, and with which weights."""
