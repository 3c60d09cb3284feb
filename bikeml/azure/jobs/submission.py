"""Submit and cancel jobs, no faster than the service allows."""

from collections.abc import Mapping

from bikeml.azure.jobs.finder import check_ours
from bikeml.azure.jobs.pace import Clock, Limit, Patience
from bikeml.azure.jobs.service import Job, Request, Service, ServiceError

WRITES, WRITES_PER_SECOND = 150, 9.0
"""Below Resource Manager's bucket for writes, 200 and 10 a second, which other programs draw from too."""


class Submitter:
    """Writes to the service from several threads."""

    def __init__(self, service: Service, patience: Patience, clock: Clock) -> None:
        self._service, self._patience = service, patience
        self._limit = Limit(WRITES, WRITES_PER_SECOND, clock)

    def submit(self, request: Request, tags: Mapping[str, str]) -> Job:
        """
        Return the job of a request, of which there is one whoever submits it and however often.

        Raises ServiceError where the service refuses it, and NotOursError where its name is taken by another job.
        """
        job = self._patience.ask(lambda: self._put(request, tags))
        check_ours(job, request.fingerprint)
        return job

    def _put(self, request: Request, tags: Mapping[str, str]) -> Job:
        self._limit.wait()
        try:
            return self._service.put_job(request, tags)
        except ServiceError:  # it may be there all the same: the reply was lost, or another launch was faster
            job = self._service.get_job(request.name)
            if job is None:
                raise
            return job

    def cancel(self, name: str) -> str | None:
        """Ask once for a job's end; return what kept it from being asked for."""
        self._limit.wait()
        try:
            self._service.cancel_job(name)
        except ServiceError as error:
            return f"job {name} was not cancelled and may still run: {error}"
        return None
