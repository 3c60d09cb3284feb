"""Typed records of runs and sweeps, the folders that hold them, and the names of their tags."""
