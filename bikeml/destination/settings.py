"""Set environment variables that mlflow reads when it is imported, unless the user has set them."""

import os

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # with the default of 7 a user waits for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # else it prints an address of the API into our output
    "MLFLOW_LOGGING_LEVEL": "ERROR",  # else it logs each table that it creates
}
for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)
