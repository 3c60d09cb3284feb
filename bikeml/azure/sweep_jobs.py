"""Read, follow and cancel the jobs of a sweep, also after its own command has ended."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from bikeml.azure.jobs.limits import check
from bikeml.azure.jobs.service import Job, ServiceError, is_ours, sweep_tag
from bikeml.azure.workspace.client import Workspace
from bikeml.azure.workspace.connection import connect
from bikeml.azure.workspace.logs import Log
from bikeml.config.composition import compose, resolve
from bikeml.config.schema import Config, typed
from bikeml.errors import BikemlError, ClusterError
from bikeml.records.sweep_folder import SweepFolder
from bikeml.terminal.tables import show_notice


def read_jobs(folder: Path, overrides: Iterable[str] = ()) -> list[Job]:
    """
    Return the jobs of the sweep in `folder`, every generation, in their present states.

    Raises BikemlError if there is no such sweep, and ClusterError.
    """
    return sorted(connect(_config(overrides).azure).list_jobs(_tag(folder)), key=lambda job: job.name)


def follow_jobs(folder: Path, seconds: float, overrides: Iterable[str] = ()) -> Iterator[Job]:
    """Yield each job of a sweep whenever its state has changed, until all have ended."""
    workspace, tag = connect(_config(overrides).azure), _tag(folder)
    told: dict[str, str] = {}
    while True:
        jobs = list(workspace.list_jobs(tag))
        for job in sorted(jobs, key=lambda job: job.name):
            if told.get(job.name) != job.status:
                told[job.name] = job.status
                yield job
        if all(job.state.is_final for job in jobs):
            return
        time.sleep(seconds)


def follow_log(folder: Path, cell: str, seconds: float, overrides: Iterable[str] = ()) -> Iterator[str]:
    """
    Yield the lines of a cell's log as they come, until its job has ended.

    Until the log has lines, yield those of the build of its image. `cell` is a number or the name of a job. Raises
    BikemlError if there is no such cell or job, and ClusterError.
    """
    workspace = connect(_config(overrides).azure)
    name = cell if not cell.isdecimal() else _find_job(workspace, folder, int(cell))
    log = Log(workspace, name)
    status = ""
    while True:
        job = workspace.get_job(name)
        if job is None:
            raise BikemlError(f"there is no job {name!r}; give the number of a cell, or the name of one of its jobs")
        if job.status != status:
            status = job.status
            show_notice(f"{name}: {status}, {job.studio}")
        yield from log.read(is_whole=job.state.is_final)
        if job.state.is_final:
            return
        time.sleep(seconds)


def _find_job(workspace: Workspace, folder: Path, number: int) -> str:
    """Return the name of the last job of a cell."""
    cells = {cell.number: cell for cell in SweepFolder(folder).read().cells}
    if number not in cells:
        raise BikemlError(f"the sweep in {str(folder)!r} has no cell {number}; it has 0 to {len(cells) - 1}")
    found = [job for job in workspace.list_jobs(_tag(folder)) if is_ours(job, str(cells[number].fingerprint))]
    if not found:
        raise BikemlError(f"cell {number} of the sweep in {str(folder)!r} has no job in the workspace")
    return max(found, key=lambda job: job.generation).name


def cancel_jobs(folder: Path, overrides: Iterable[str] = ()) -> Iterator[Job]:
    """
    Cancel every job of a sweep that has not ended, and yield the cancelled jobs.

    Raises ClusterError; at the end it lists the jobs that could not be cancelled.
    """
    workspace = connect(_config(overrides).azure)
    problems = []
    for job in [job for job in workspace.list_jobs(_tag(folder)) if not job.state.is_final]:
        try:
            workspace.cancel_job(job.name)
        except ServiceError as error:
            problems.append(f"job {job.name} was not cancelled and may still run: {error}")
        else:
            yield job
    if problems:
        raise ClusterError("\n".join(problems))


def _tag(folder: Path) -> str:
    cells = [cell for cell in SweepFolder(folder).read().cells if not cell.reused and not cell.is_blend]
    fingerprints = [cell.fingerprint for cell in cells if cell.fingerprint is not None]
    if not fingerprints:
        raise BikemlError(f"the sweep in {str(folder)!r} has submitted no job; give the folder of one that has")
    return sweep_tag(fingerprints)


def _config(overrides: Iterable[str]) -> Config:
    config = typed(resolve(compose(list(overrides))))
    check(config)
    return config
