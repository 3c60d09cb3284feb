"""What the end of a job means for its cell: a result that is provably the cell's, or why there is none."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bikeml.azure.jobs import Job, Request, Service, State
from bikeml.azure.pace import Patience
from bikeml.errors import RecordError
from bikeml.files import move
from bikeml.records.run import check_fingerprint
from bikeml.records.run_folder import CANDIDATES, KEPT, RESULT, RunFolder
from bikeml.records.sweep_folder import is_collected


@dataclass(frozen=True)
class Ending:
    """The end of a cell's job."""

    failure: str | None = None
    """Why there is no result; None where it is in the cell's folder."""
    is_preempted: bool = False
    """Whether the job provably lost its node, so that it may be bought again."""
    is_void: bool = False
    """Whether the job is Completed and its output holds no result of the cell, such as when it was deleted."""


def conclude(request: Request, job: Job, service: Service, patience: Patience) -> Ending:
    """Bring the result of a job that has ended, or that nobody waits for any more, or say why there is none."""
    if job.state is State.COMPLETED:
        return _fetch(request, job, service, patience)
    if job.state is State.FAILED:
        if patience.ask(lambda: service.was_preempted(job.name)):
            return Ending(
                f"job {job.name} lost its node, and hydra.launcher.preemptions allows no further one; reuse=finished "
                f"submits it again; {job.studio}",
                is_preempted=True,
            )
        why = patience.ask(lambda: service.explain_failure(job.name))
        return Ending(f"{why}\njob {job.name} Failed; reuse=finished submits it again; {job.studio}")
    if job.state is State.CANCELED:
        return Ending(f"job {job.name} was cancelled; reuse=finished submits it again; {job.studio}")
    return Ending(
        f"job {job.name} has been {job.status} for {patience.minutes:g} minutes and may still run; the same command "
        f"looks again; {job.studio}"
    )


def _fetch(request: Request, job: Job, service: Service, patience: Patience) -> Ending:
    """Bring a job's result into the cell's folder, unless an earlier launch has."""
    if is_collected(RunFolder(request.folder), request.fingerprint):
        return Ending()
    try:
        problem = _move(request, job, service, patience)
    except OSError as error:
        return Ending(
            f"job {job.name} is Completed, but {str(request.folder)!r} cannot be written: {error.strerror or error}; "
            f"the same command tries again; {job.studio}"
        )
    if problem is None:
        return Ending()
    return Ending(
        f"job {job.name} is Completed, but {problem}; reuse=finished submits it again; {job.studio}", is_void=True
    )


def _move(request: Request, job: Job, service: Service, patience: Patience) -> str | None:
    """Move what was fetched, result.json last, where the service and the result agree that it is the cell's."""
    request.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".fetched-", dir=request.folder) as fetched:
        files = [name for name in KEPT if request.checkpoints or name != CANDIDATES]
        patience.ask(lambda: service.fetch_result(job.name, files, Path(fetched)))
        failure = _check(RunFolder(Path(fetched)), request)
        if failure is None:
            for file in sorted(Path(fetched).iterdir(), key=lambda path: path.name == RESULT):
                move(file, request.folder / file.name)
    return failure


def _check(fetched: RunFolder, request: Request) -> str | None:
    """Return what is wrong with the result of a job, if anything is."""
    try:
        record = fetched.read()
        if record is None:
            return f"it left no {RESULT}"
        check_fingerprint(record, request.fingerprint)
        fetched.verify()
    except RecordError as error:
        return str(error).replace(f"{fetched.path}/", "")
    return None
