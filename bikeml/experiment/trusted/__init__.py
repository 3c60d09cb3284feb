"""What a config may name and a model file may hold: packages, functions and types, each of them reviewed."""
