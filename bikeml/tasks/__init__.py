"""The tasks of the command line with tables and recorded runs, one module each."""
