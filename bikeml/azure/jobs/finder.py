"""Find jobs, by a sweep's tag or by name, and take none for a cell's that is not provably its own."""

from collections.abc import Iterable

from bikeml.azure.jobs.service import Job, Service, is_ours, job_name
from bikeml.errors import ClusterError
from bikeml.records.tags import FINGERPRINT


class NotOursError(ClusterError):
    """A job has the name of a cell and is not its job."""


def list_latest(service: Service, tag: str) -> dict[str, Job]:
    """Return the last generation of each fingerprint's jobs among those that have the tag."""
    ours = [job for job in service.list_jobs(tag) if is_ours(job, job.tags.get(FINGERPRINT, ""))]
    return {job.tags[FINGERPRINT]: job for job in sorted(ours, key=lambda job: job.generation)}


def find_listed(service: Service, tags: Iterable[str], names: set[str]) -> dict[str, Job]:
    """
    Return those of `names` that lists show.

    A list is read no further than that takes. Where the newest jobs come first, as far as is known, the many that have
    ended long ago are left unread; in any other order it takes no more pages than the whole list has.
    """
    found: dict[str, Job] = {}
    for tag in tags:
        missing = names - found.keys()
        found |= _take(service.list_jobs(tag), missing) if missing else {}
    return found


def _take(jobs: Iterable[Job], names: set[str]) -> dict[str, Job]:
    """Return the jobs of these names; of one that the list shows twice, the later."""
    found: dict[str, Job] = {}
    for job in jobs:
        if job.name in names:
            found[job.name] = job
        if len(found) == len(names):
            break
    return found


def find_last(service: Service, fingerprint: str, job: Job | None) -> Job | None:
    """
    Return the last generation of a cell's jobs, from `job` on: other launches may have bought it too.

    Raises NotOursError where one of the names is taken by another job.
    """
    while later := service.get_job(job_name(fingerprint, 0 if job is None else job.generation + 1)):
        check_ours(later, fingerprint)
        job = later
    return job


def check_ours(job: Job, fingerprint: str) -> None:
    """Raise NotOursError where a job is not provably the cell's."""
    if not is_ours(job, fingerprint):
        raise NotOursError(
            f"job {job.name} has the name of a cell of this sweep, but its tag {FINGERPRINT} is "
            f"{job.tags.get(FINGERPRINT)!r}, not {fingerprint!r}; it was left alone: look at {job.studio}"
        )
