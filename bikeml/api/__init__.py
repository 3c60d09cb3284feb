"""bikeml from Python: what the command line does, with DataFrames in and objects out."""
