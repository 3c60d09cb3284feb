"""The loopback's own tests: CI runs them with `pytest tests/azureml`, and scripts/test only with -m slow."""
