"""Run the cells of a sweep on this machine, several at a time and in time."""
