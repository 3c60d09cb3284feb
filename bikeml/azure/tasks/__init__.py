"""The tasks of the command line with a workspace, a module for each."""
