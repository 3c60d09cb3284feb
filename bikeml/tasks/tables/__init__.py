"""What is done with a table before any run."""
