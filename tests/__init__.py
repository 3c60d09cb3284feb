"""
Make tests/ a package.

Without this file pytest would put tests/ itself on the import path, and tests/azureml would hide the installed
`azureml` package, in which the MLflow plugin lives.
"""
