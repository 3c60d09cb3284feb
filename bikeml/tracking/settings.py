"""Settings that mlflow reads when it is imported; a user's own win."""

import os

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the default of 7 keeps a user waiting for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # an address of the API, in the middle of our table
    "MLFLOW_LOGGING_LEVEL": "ERROR",  # it tells of every table that it creates
}
for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)
