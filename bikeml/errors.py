"""
What can go wrong.

    BikemlError
    ├── ConfigError      the configuration cannot be used as it is
    ├── DataError        the table does not fit the configuration
    ├── FitError         an estimator refuses the data or its arguments
    ├── RunFolderError   the result cannot be written
    │   └── FolderTakenError  another process writes there, or the files there are not a run's
    ├── RecordError      a file of a run or a sweep is missing, broken, or of another experiment
    ├── ModelFileError   a saved model is refused
    ├── TrackingError    a run could not be recorded in the tracking store, or read from it
    ├── SweepStoppedError  the cell was left out, since more cells failed than may fail
    ├── ClusterError     the Azure ML workspace refuses, or cannot be reached
    ├── DetachedError    no failure: the sweep goes on without this process
    ├── PlannedError     no failure: a plan was asked for, and shown
    ├── RunNotFoundError the store has no such run, or one that is of no use here
    ├── ServeError       a model cannot be served on this machine
    ├── ReproduceError   a recorded experiment cannot be run again, or ends with other figures
    └── FingerprintError the experiment is another than the one asked for

Every message says what is wrong, the value, what is allowed and what to do next.
"""

import difflib
from collections.abc import Iterable


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


class FolderTakenError(RunFolderError):
    """Another process writes to the folder, or files in it have the names of a run's and are not."""


class RecordError(BikemlError):
    """A file that a run or a sweep wrote is missing, broken, changed, or of another experiment."""


class ModelFileError(BikemlError):
    """A saved model is missing, damaged, or holds what is not trusted."""


class TrackingError(BikemlError):
    """A run could not be recorded in the tracking store, or read from it; what is in the run folder is safe."""


class SweepStoppedError(BikemlError):
    """The cell of a sweep was left out, since more cells had failed than sweep.max_failures allows."""


class ClusterError(BikemlError):
    """The Azure ML workspace refuses what is asked of it, or cannot be reached."""


class DetachedError(BikemlError):
    """The process leaves before the sweep has come to its end, as it was asked to."""


class PlannedError(BikemlError):
    """Only a plan was asked for; it was shown, and nothing was done."""


class FingerprintError(BikemlError):
    """The experiment is another than the one that was asked for by its fingerprint."""


class RunNotFoundError(BikemlError):
    """The tracking store has no run of that name, or the run failed or lacks what is wanted of it."""


class ServeError(BikemlError):
    """A model cannot be served on this machine."""


class ReproduceError(BikemlError):
    """A recorded experiment cannot be run again, or ends with other figures than those recorded."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean 'x'?' for the nearest known word, else ''."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(by_lower), n=1)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""
