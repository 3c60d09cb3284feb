"""Where an experiment is going to be recorded, found out before its fit and without the import of mlflow."""
