"""Draw and record results in a process of its own, which imports what it needs while an experiment computes."""

import gc
import logging
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from bikeml.config.fields import AZUREML
from bikeml.errors import TRACEBACK_VARIABLE, BikemlError
from bikeml.records.run_folder import LOG, RunFolder
from bikeml.system.processes import GRACE_SECONDS, uninterrupted
from bikeml.system.redaction import recall, take_over
from bikeml.system.workers.cores import has_idle_core
from bikeml.system.workers.warm import DeadWorkerError, WarmServer
from bikeml.terminal.progress import Announce, silent
from bikeml.terminal.status import log_error, settle_logging

if TYPE_CHECKING:
    from bikeml.config.schema import Config
    from bikeml.destination.system_metrics import Sample

METHOD = "spawn"
"""It begins at once, in every system; a fork of a server could open no store before it is needed."""
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""As in conf/hydra/job_logging/quiet.yaml."""


@dataclass(frozen=True)
class Publication:
    """A run folder that is to be drawn and recorded."""

    folder: RunFolder
    config: "Config"
    samples: "Sequence[Sample]" = ()
    is_cell: bool = False


@dataclass(frozen=True)
class Ended:
    """What became of a publication."""

    publication: Publication
    same: str
    """The earlier run that is the same, as tell_same says; of a cell nothing is asked."""
    error: BikemlError | None


class Recorder:
    """A process that draws and records what is added, one after the other; `connection` can be waited for."""

    def __init__(self, uri: str | None) -> None:
        """Begin to import what is needed, and to open the store at `uri`."""
        self._worker = WarmServer((), METHOD).start()
        self.connection = self._worker.connection
        self._waiting: deque[Publication] = deque()
        self._current: Publication | None = None
        self._worker.call(_prepare, uri)
        self._is_busy = True

    @property
    def left(self) -> Sequence[Publication]:
        """What has been added and is not recorded yet."""
        return (*([] if self._current is None else [self._current]), *self._waiting)

    def add(self, publication: Publication) -> None:
        """Draw and record a folder when those before it are done."""
        self._waiting.append(publication)
        self._begin_next()

    def take(self) -> Ended | None:
        """
        Wait for an answer, and return what has ended; None if the process has only got ready.

        Raises DeadWorkerError if it has died, or has failed as it never should; then it is dead.
        """
        answer = self._worker.read()
        if answer.error is not None:
            raise DeadWorkerError(0)
        ended, self._current, self._is_busy = self._current, None, False
        self._begin_next()
        return None if ended is None else Ended(ended, *answer.value)

    def _begin_next(self) -> None:
        if self._waiting and not self._is_busy:
            self._current, self._is_busy = self._waiting.popleft(), True
            self._worker.call(_publish, self._current, dict(os.environ), recall())

    def kill(self, *, gently: bool = False) -> None:
        """End the process at once, or `gently`, so that the run that it records has an end."""
        with uninterrupted():
            if gently and self._current is not None:
                self._worker.terminate()
                self._worker.join(GRACE_SECONDS)
            self._worker.kill()


class Publishes(Protocol):
    """What draws and records the folder of a run, and returns which earlier run is the same."""

    def __call__(
        self, folder: RunFolder, config: "Config", announce: Announce = silent, samples: "Sequence[Sample]" = ()
    ) -> str:
        """Raises RunFolderError and TrackingError."""


@contextmanager
def recorder_beside(uri: str | None) -> Iterator[Publishes]:
    """
    Yield what draws and records a run in the store at `uri`: a process that gets ready while the block computes.

    Without an idle core it is this process, and also if the other one dies. A store of Azure ML may ask for a login,
    and whoever looks for a cause wants the whole traceback.
    """
    is_here = str(uri).startswith(AZUREML) or bool(os.environ.get(TRACEBACK_VARIABLE)) or not has_idle_core()
    if is_here:
        yield _publish_here
        return
    recorder, is_done = Recorder(uri), False

    def publish(
        folder: RunFolder, config: "Config", announce: Announce = silent, samples: "Sequence[Sample]" = ()
    ) -> str:
        announce("recording")
        recorder.add(Publication(folder, config, samples))
        try:
            while (ended := recorder.take()) is None:
                pass
        except DeadWorkerError:
            recorder.kill()
            _end_dead_runs(config)
            return _publish_here(folder, config, announce, samples)
        if ended.error is not None:
            raise ended.error
        return ended.same

    try:
        yield publish
        is_done = True
    finally:
        recorder.kill(gently=not is_done)


def _end_dead_runs(config: "Config") -> None:
    from bikeml.tracking.owners import end_dead_runs  # mlflow's import takes seconds

    with suppress(BikemlError):  # the store will say it again
        end_dead_runs(config)


def _publish_here(
    folder: RunFolder, config: "Config", announce: Announce = silent, samples: "Sequence[Sample]" = ()
) -> str:
    from bikeml.multirun.display.same import tell_same  # they import what takes seconds
    from bikeml.multirun.publish import publish

    publish(folder, config, announce, samples)
    return tell_same(config, folder.require(), folder.path)


def _prepare(uri: str | None) -> None:
    """Import what draws and records, and open the store; what is wrong with it is told when it is needed."""
    gc.disable()
    from bikeml.pages.run import report  # noqa: F401

    if uri is not None:
        from bikeml.tracking import record, store  # noqa: F401

        store.get_ready(uri)
    from bikeml.multirun.display import same  # noqa: F401

    gc.freeze()
    gc.enable()


def _publish(
    publication: Publication, variables: Mapping[str, str], known: tuple[Sequence[str], str]
) -> tuple[str, BikemlError | None]:
    """Draw and record a folder as the process with these variables, and what it knows of secrets, would do."""
    os.environ.clear()
    os.environ.update(variables)
    take_over(*known)
    with _logging_to(publication.folder):
        try:
            if not publication.is_cell:
                return _publish_here(publication.folder, publication.config, silent, publication.samples), None
            from bikeml.multirun.publish import publish

            publish(publication.folder, publication.config, silent, publication.samples)
        except BikemlError as error:
            if publication.is_cell:
                log_error(error)
            return "", error
        return "", None


@contextmanager
def _logging_to(folder: RunFolder) -> Iterator[None]:
    """Let warnings go to the log of the run, as in the process that ran it."""
    handler: Any = logging.FileHandler(folder.path / LOG, delay=True)
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    settle_logging()
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
