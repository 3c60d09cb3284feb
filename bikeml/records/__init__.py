"""What is remembered of runs and sweeps: typed records, their folders, and the names they go by."""
