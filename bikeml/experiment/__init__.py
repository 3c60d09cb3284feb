"""One experiment: its story, its pipeline, its fits, and its model as a file."""
