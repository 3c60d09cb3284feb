"""Find jobs, by a sweep's tag or by name, and take none for a cell's that is not provably its own."""

from collections.abc import Iterable
from itertools import islice

from bikeml.azure.jobs.pace import Patience
from bikeml.azure.jobs.service import Job, Service, is_ours, job_name
from bikeml.errors import ClusterError
from bikeml.records.tags import FINGERPRINT


class NotOursError(ClusterError):
    """A job has the name of a cell and is not its job."""


class Finder:
    """Looks for jobs, with patience; every call raises ServiceError where the service refuses."""

    def __init__(self, service: Service, patience: Patience) -> None:
        self._service, self._patience = service, patience

    def list_jobs(self, tag: str) -> list[Job]:
        """Return all jobs that have a tag of that key."""
        return self._patience.ask(lambda: list(self._service.list_jobs(tag)))

    def list_latest(self, tag: str) -> dict[str, Job]:
        """Return the last generation of each fingerprint's jobs among those that have the tag."""
        return _latest(self.list_jobs(tag))

    def find_listed(self, tags: Iterable[str], names: set[str]) -> dict[str, Job]:
        """
        Return those of `names` that lists show.

        A list is read no further than that takes. Where the newest jobs come first, as far as is known, the many that
        have ended long ago are left unread; in any other order it takes no more pages than the whole list has.
        """
        found: dict[str, Job] = {}
        for tag in tags:
            missing = names - found.keys()
            found |= self._patience.ask(lambda: _take(self._service.list_jobs(tag), missing))  # noqa: B023  called at once
        return found

    def get_job(self, name: str) -> Job | None:
        """Return a job, or None where there is none of that name."""
        return self._patience.ask(lambda: self._service.get_job(name))

    def find_last(self, fingerprint: str, job: Job | None) -> Job | None:
        """
        Return the last generation of a cell's jobs, from `job` on: other launches may have bought it too.

        Raises NotOursError where one of the names is taken by another job.
        """
        while later := self.get_job(job_name(fingerprint, 0 if job is None else job.generation + 1)):
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


def _take(jobs: Iterable[Job], names: set[str]) -> dict[str, Job]:
    wanted = (job for job in jobs if job.name in names)
    return {job.name: job for job in islice(wanted, len(names))}


def _latest(jobs: Iterable[Job]) -> dict[str, Job]:
    ours = [job for job in jobs if is_ours(job, job.tags.get(FINGERPRINT, ""))]
    return {job.tags[FINGERPRINT]: job for job in sorted(ours, key=lambda job: job.generation)}
