"""Draw and record one run: beside the experiment, if a core is idle."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

import psutil

from bikeml.config.fields import AZUREML
from bikeml.errors import TRACEBACK_VARIABLE, BikemlError
from bikeml.multirun.local.publication import Publication, publish_here
from bikeml.multirun.local.recorder import Recorder
from bikeml.records.run_folder import RunFolder
from bikeml.system.workers.cores import has_idle_core
from bikeml.system.workers.warm import DeadWorkerError
from bikeml.terminal.progress import Announce, silent

if TYPE_CHECKING:
    from bikeml.config.schema import Config
    from bikeml.destination.system_metrics import Sample

RECORDER_BYTES = 350_000_000
"""What the recorder takes with its libraries."""


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
    recorder, is_done = _start(uri), False
    if recorder is None:
        yield publish_here
        return

    def publish(
        folder: RunFolder, config: "Config", announce: Announce = silent, samples: "Sequence[Sample]" = ()
    ) -> str:
        announce("recording")
        recorder.add(Publication(folder, config, samples))
        try:
            while (ended := recorder.take()) is None:  # it has got ready
                continue
        except DeadWorkerError:
            recorder.kill()
            _end_dead_runs(config)
            return publish_here(folder, config, announce, samples)
        sys.stderr.write(ended.said)
        if ended.error is not None:
            raise ended.error
        return ended.same

    try:
        yield publish
        is_done = True
    finally:
        recorder.kill(gently=not is_done)


def _start(uri: str | None) -> Recorder | None:
    is_here = str(uri).startswith(AZUREML) or bool(os.environ.get(TRACEBACK_VARIABLE))
    if is_here or psutil.virtual_memory().available < RECORDER_BYTES or not has_idle_core():
        return None
    try:
        return Recorder(uri)
    except OSError:  # no more processes or files are allowed
        return None


def _end_dead_runs(config: "Config") -> None:
    from bikeml.tracking.owners import end_dead_runs  # mlflow's import takes seconds

    with suppress(BikemlError):  # the store will say it again
        end_dead_runs(config)
