"""
What can go wrong.

    BikemlError
    ├── ConfigError      the configuration cannot be used as it is
    ├── DataError        the table does not fit the configuration
    ├── FitError         an estimator refuses the data or its arguments
    ├── RunFolderError   the result cannot be written
    ├── ModelFileError   a saved model is refused
    ├── TrackingError    the experiment is done, but could not be recorded
    └── SweepStoppedError  the cell was left out, since more cells failed than may fail

Every message says what is wrong, the value, what is allowed and what to do next.
"""


class BikemlError(Exception):
    """Base of every error that a user can cause and mend."""


class ConfigError(BikemlError):
    """The configuration cannot be used as it is."""


class DataError(BikemlError):
    """The table cannot be read, or does not fit the configuration."""


class FitError(BikemlError):
    """An estimator refuses the data or the combination of its arguments."""


class RunFolderError(BikemlError):
    """A folder that a run or a sweep writes to cannot be made or written."""


class ModelFileError(BikemlError):
    """A saved model is missing, damaged, or holds what is not trusted."""


class TrackingError(BikemlError):
    """The experiment is done, but its record could not be written to the tracking store."""


class SweepStoppedError(BikemlError):
    """The cell of a sweep was left out, since more cells had failed than sweep.max_failures allows."""
