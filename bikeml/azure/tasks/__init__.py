"""What is done with a workspace beside a sweep; a module for each task."""
