"""What is done with tables and recorded runs; a module for each task."""
