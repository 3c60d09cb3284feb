"""Run one cell: in this process, or in a worker that gets all it needs to be like this one."""

import gc
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import cloudpickle
from hydra import version
from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobRuntime, configure_log, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from threadpoolctl import threadpool_limits

from bikeml.errors import BikemlError
from bikeml.multirun.composed import Job
from bikeml.multirun.local.publication import Publication, publications_left, publish_cell
from bikeml.system.clock import stopped_at
from bikeml.system.redaction import take_over

OBJECTS_BEFORE_COLLECTION = 10_000
"""As in a command."""


@dataclass(frozen=True)
class Surroundings:
    """What a worker takes over from the process of the sweep."""

    context: HydraContext
    task: TaskFunction
    name: str
    """Of the program, for Hydra."""
    variables: Mapping[str, str]
    folder: str
    """The working folder."""

    def pack(self) -> bytes:
        """Return it as what a worker unpacks; a task function of a script's main module is sent as a whole."""
        return bytes(cloudpickle.dumps(self))


def run_here(context: HydraContext, task: TaskFunction, job: Job) -> None:
    """Run a cell in this process; an error of the cell is in its folder."""
    config = job.compose()
    run_job(
        hydra_context=context,
        task_function=task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)  # close the log of the cell


def run_in_worker(packed: bytes, job: Job, until: float) -> list[Publication]:
    """
    Run a cell in a worker's process, and return what it leaves to be drawn and recorded.

    `until` is the Unix time at which it is stopped, so that it can end before if it will not be ready.
    """
    surroundings = _enter(packed)
    os.chdir(surroundings.folder)
    with publications_left() as left, stopped_at(until):
        run_here(surroundings.context, surroundings.task, job)
    return left


def publish_in_worker(packed: bytes, publication: Publication) -> BikemlError | None:
    """Draw and record a result in a worker's process, and return why it could not."""
    os.chdir(_enter(packed).folder)
    return publish_cell(publication)


def answer_in_worker(
    packed: bytes, known: tuple[Sequence[str], str], function: Callable[..., object], args: Sequence[object]
) -> tuple[object, BikemlError | None]:
    """
    Return what a function returns in a worker's process, and the error that a user can cause if it raises one.

    `known` is what the process of the sweep knows of secrets.
    """
    os.chdir(_enter(packed).folder)
    take_over(*known)
    try:
        return function(*args), None
    except BikemlError as error:
        return None, error


@cache
def _enter(packed: bytes) -> Surroundings:
    """Make this process like that of the sweep, once."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    surroundings: Surroundings = pickle.loads(packed)  # noqa: S301  it comes from the process that started this one
    os.environ.clear()
    os.environ.update(surroundings.variables)
    threads = os.environ["OMP_NUM_THREADS"].split(",")[0]
    if threads.isdigit():  # the libraries that are loaded already have read it
        threadpool_limits(limits=int(threads), user_api="openmp")
    setup_globals()
    version.setbase("1.3")
    JobRuntime.instance().set("name", surroundings.name)
    return surroundings


def without_loader(context: HydraContext) -> HydraContext:
    """Return Hydra's context for a process that composes nothing."""
    return HydraContext(config_loader=cast(ConfigLoader, None), callbacks=context.callbacks)
