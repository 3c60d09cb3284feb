"""Conclude a job that has ended: fetch the result that is provably its cell's, or say why there is no result."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bikeml.azure.jobs.service import Job, Request, Service, ServiceError, State
from bikeml.errors import RecordError
from bikeml.records.fingerprint import check_fingerprint
from bikeml.records.run_folder import CANDIDATES, KEPT, RESULT, RunFolder
from bikeml.records.sweep_folder import is_collected
from bikeml.system.files import move

AGAIN = "reuse=finished submits it again; "


@dataclass(frozen=True)
class Conclusion:
    """The end of a cell's job. Without a failure and a delay, the result is in the cell's folder."""

    failure: str | None = None
    """Why there is no result."""
    delay: str | None = None
    """Why the result is not here although nothing is lost: the same command looks again."""
    is_preempted: bool = False
    """Whether the job provably lost its node, so that another job may replace it."""
    is_result_missing: bool = False
    """Whether the job is Completed without a result of the cell, for example because its output was deleted."""


def conclude(request: Request, job: Job, service: Service, patience_minutes: float) -> Conclusion:
    """
    Bring the result of a job, or say why it is not here.

    The job has ended, or its state was unclear for `patience_minutes`. Raises ClusterError if the service does not
    answer for too long.
    """
    if job.state is State.COMPLETED:
        return _fetch(request, job, service)
    if job.state.is_final:
        return _explain(job, service)
    return Conclusion(
        delay=f"job {job.name} has been {job.status} for {patience_minutes:g} minutes and may still run; the same "
        f"command looks again; {job.studio}"
    )


def _explain(job: Job, service: Service) -> Conclusion:
    """Say why a job has no result: it lost its node, had too little time, was cancelled, or failed by itself."""
    try:
        verdict = service.find_verdict(job.name)
    except ServiceError as error:
        return Conclusion(f"job {job.name} is {job.status}, and the reason cannot be read: {error}; {job.studio}")
    if verdict.has_lost_node:
        return Conclusion(
            f"job {job.name} lost its node, and hydra.launcher.preemptions allows no further job; {AGAIN}{job.studio}",
            is_preempted=True,
        )
    if verdict.has_outrun(job.timeout_minutes):
        return Conclusion(
            f"job {job.name} was ended after {verdict.minutes:.0f} minutes, which is all that "
            f"hydra.launcher.timeout_minutes={job.timeout_minutes:g} gave it; raise that; {AGAIN}{job.studio}"
        )
    if job.state is State.CANCELED:
        return Conclusion(f"job {job.name} was cancelled; {AGAIN}{job.studio}")
    why = _last_words(job, service) or " ".join(verdict.messages) or "the service gives no reason"
    return Conclusion(f"{why}\njob {job.name} Failed; {AGAIN}{job.studio}")


def _last_words(job: Job, service: Service) -> str:
    try:
        return service.read_last_words(job.name)
    except ServiceError as error:
        return f"its log cannot be read: {error}"


def _fetch(request: Request, job: Job, service: Service) -> Conclusion:
    """Bring a job's result into the cell's folder, unless an earlier launch did."""
    if is_collected(RunFolder(request.folder), request.fingerprint):
        return Conclusion()
    try:
        problem = _move(request, job, service)
    except ServiceError as error:
        return _wait(job, str(error))
    except OSError as error:
        return _wait(job, f"{str(request.folder)!r} cannot be written: {error.strerror or error}")
    if problem is None:
        return Conclusion()
    return Conclusion(f"job {job.name} is Completed, but {problem}; {AGAIN}{job.studio}", is_result_missing=True)


def _wait(job: Job, problem: str) -> Conclusion:
    return Conclusion(
        delay=f"job {job.name} is Completed, and its result was not fetched: {problem}; the same command fetches it; "
        f"{job.studio}"
    )


def _move(request: Request, job: Job, service: Service) -> str | None:
    """Fetch a result and move it to the cell's folder, result.json last; if it is not the cell's, return why."""
    request.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".fetched-", dir=request.folder) as fetched:
        files = [name for name in KEPT if request.checkpoints or name != CANDIDATES]
        service.fetch_result(job.name, files, Path(fetched))
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
