"""The file of a local store: what MLflow makes in it."""
