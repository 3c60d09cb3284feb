"""
The errors that a user can cause.

    BikemlError
    ├── ConfigError      the configuration cannot be used
    ├── DataError        the table does not fit the configuration
    ├── FitError         an estimator refuses the data or its arguments
    ├── RunFolderError   the folder of a run or a sweep cannot be created or written
    │   └── FolderTakenError  another process writes to the folder, or other files in it have the names of a run's
    ├── RecordError      a file of a run or a sweep is missing, broken, or of another experiment
    ├── ModelFileError   a saved model is missing, damaged, or not trusted
    ├── TrackingError    a run could not be recorded in the tracking store, or read from it
    ├── SweepStoppedError  the cell was skipped, since too many cells had failed
    ├── LateError          the cell was ended, since it would have outlasted the sweep's budget
    ├── ClusterError     the Azure ML workspace refuses, or cannot be reached
    ├── DetachedError    not a failure: the sweep goes on without this process
    ├── PlannedError     not a failure: only a plan was requested, and it was shown
    ├── RunNotFoundError the store has no such run, or the run cannot be used here
    │   └── CellNotFoundError  a sweep has no cell of that number
    ├── ServeError       a model cannot be served on this machine
    ├── MachineError     the machine has too little memory, files or room on its disk
    ├── ReproduceError   a recorded experiment cannot be run again, or gives different figures
    └── FingerprintError the experiment does not have the expected fingerprint

Every message says what is wrong, the value, what is allowed and what to do next.
"""

import os

TRACEBACK_VARIABLE = "BIKEML_TRACEBACK"
"""The environment variable that asks for whole tracebacks."""


class BikemlError(Exception):
    """Base of every error that a user can cause and fix. Its message holds no secret."""

    def __init__(self, *args: object) -> None:
        """Take the message."""
        from bikeml.system.redaction import redact  # noqa: PLC0415  `import bikeml` needs no regular expressions

        super().__init__(*(redact(each) if isinstance(each, str) else each for each in args))

    def add_note(self, note: str, /) -> None:
        """Add a line below the message."""
        from bikeml.system.redaction import redact  # noqa: PLC0415

        super().add_note(redact(note))

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of the traceback, unless TRACEBACK_VARIABLE is set."""
        if os.environ.get(TRACEBACK_VARIABLE):
            import traceback  # noqa: PLC0415  few need it

            return traceback.format_exception(self)
        return [f"{type(self).__name__}: {self}"]


class ConfigError(BikemlError):
    """The configuration cannot be used."""


class DataError(BikemlError):
    """The table cannot be read, or does not fit the configuration."""


class FitError(BikemlError):
    """An estimator refuses the data or the combination of its arguments."""


class RunFolderError(BikemlError):
    """The folder of a run or a sweep cannot be created or written."""


class FolderTakenError(RunFolderError):
    """Another process writes to the folder, or other files in it have the names of a run's."""


class RecordError(BikemlError):
    """A file that a run or a sweep wrote is missing, broken, changed, or of another experiment."""


class ModelFileError(BikemlError):
    """A saved model is missing, damaged, or holds types that are not trusted."""


class TrackingError(BikemlError):
    """A run could not be recorded in the tracking store, or read from it; its run folder is safe."""


class BlendError(ConfigError):
    """The cells of a sweep cannot be blended."""


class SweepStoppedError(BikemlError):
    """The cell of a sweep was skipped, since more cells had failed than sweep.max_failures allows."""


class LateError(BikemlError):
    """The cell of a sweep was ended, since it would have outlasted sweep.budget_seconds."""


class ClusterError(BikemlError):
    """The Azure ML workspace refuses a request, or cannot be reached."""


class DetachedError(BikemlError):
    """The process ends before the sweep does, as the user requested."""


class PlannedError(BikemlError):
    """Only a plan was requested; it was shown, and nothing was run."""


class FingerprintError(BikemlError):
    """The experiment does not have the fingerprint that its caller expects."""


class RunNotFoundError(BikemlError):
    """The tracking store has no run of that name, or the run failed or lacks what the task needs."""


class CellNotFoundError(RunNotFoundError, IndexError):
    """A sweep has no cell of that number; it is an IndexError too, as of any sequence."""


class ServeError(BikemlError):
    """A model cannot be served on this machine."""


class MachineError(BikemlError):
    """The machine has too little memory, files or room on its disk, or the working folder is gone."""


class ReproduceError(BikemlError):
    """A recorded experiment cannot be run again, or gives figures that differ from the recorded ones."""
