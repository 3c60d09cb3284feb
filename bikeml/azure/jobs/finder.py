"""Find the jobs of cells by a sweep's tag or by name, and check that each is provably its cell's."""

from collections.abc import Iterable

from bikeml.azure.jobs.service import Job, Service, is_ours, job_name
from bikeml.errors import ClusterError
from bikeml.records.tags import FINGERPRINT


class NotOursError(ClusterError):
    """A job has the name of a cell's job, but is not the cell's."""


def list_latest(service: Service, tag: str) -> dict[str, Job]:
    """Return the job of the last generation for each fingerprint, among the jobs with the tag."""
    ours = [job for job in service.list_jobs(tag) if is_ours(job, job.tags.get(FINGERPRINT, ""))]
    return {job.tags[FINGERPRINT]: job for job in sorted(ours, key=lambda job: job.generation)}


def find_listed(service: Service, tags: Iterable[str], names: set[str]) -> dict[str, Job]:
    """
    Return the jobs of these `names` that the lists of the `tags` show.

    Each list is read only until all names are found. The newest jobs seem to come first, so the many jobs that ended
    long ago are not read. In any other order the whole list may be read.
    """
    found: dict[str, Job] = {}
    for tag in tags:
        missing = names - found.keys()
        found |= _take(service.list_jobs(tag), missing) if missing else {}
    return found


def _take(jobs: Iterable[Job], names: set[str]) -> dict[str, Job]:
    """Return the jobs of these names; if the list shows a job twice, the later entry."""
    found: dict[str, Job] = {}
    for job in jobs:
        if job.name in names:
            found[job.name] = job
        if len(found) == len(names):
            break
    return found


def find_last(service: Service, fingerprint: str, job: Job | None) -> Job | None:
    """
    Return the last generation of a cell's jobs, from `job` on: other launches may have submitted it too.

    Raises NotOursError if another job has one of the names.
    """
    while later := service.get_job(job_name(fingerprint, 0 if job is None else job.generation + 1)):
        check_ours(later, fingerprint)
        job = later
    return job


def check_ours(job: Job, fingerprint: str) -> None:
    """Raise NotOursError if a job is not provably the cell's."""
    if not is_ours(job, fingerprint):
        raise NotOursError(
            f"job {job.name} has the name of a cell of this sweep, but its tag {FINGERPRINT} is "
            f"{job.tags.get(FINGERPRINT)!r}, not {fingerprint!r}; it was left alone: look at {job.studio}"
        )
