"""Call a service again while it is out of reach, and write to it only as fast as it allows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Event, Lock
from typing import TypeVar

from bikeml.azure.jobs.ledger import Policy
from bikeml.azure.jobs.pace import Clock, Limit
from bikeml.azure.jobs.service import Job, QuotaError, Request, Service, ServiceError
from bikeml.azure.jobs.verdict import Verdict
from bikeml.errors import ClusterError

Answer = TypeVar("Answer")

WRITES, WRITES_PER_SECOND = 150, 9.0
"""Below Resource Manager's bucket for writes, 200 and 10 a second, which other programs draw from too."""


class PatientService:
    """
    A Service around another. During an outage it waits and asks again, since no job has failed.

    Calls raise ServiceError at once if the service refuses, or after `end`; and ClusterError if the service is away,
    or a quota full, for too long. It may be used from several threads.

    Parameters
    ----------
    policy : Policy
        How long and how often it asks again, and whether it also waits for a full quota.
    tell : callable
        Called once for each kind of trouble with what it waits for.
    """

    def __init__(self, service: Service, policy: Policy, clock: Clock, tell: Callable[[str], None]) -> None:
        self._service, self._policy, self._clock, self._tell = service, policy, clock, tell
        self._writes = Limit(WRITES, WRITES_PER_SECOND, clock)
        self._told, self._lock = set[type](), Lock()
        self._over = Event()

    def end(self) -> None:
        """Stop asking again, in every thread."""
        self._over.set()

    def put_job(self, request: Request, tags: Mapping[str, str]) -> Job:
        """Submit a job and return it; if it exists already, return that one."""
        return self.ask(lambda: self._put(request, tags))

    def _put(self, request: Request, tags: Mapping[str, str]) -> Job:
        self._writes.wait()
        try:
            return self._service.put_job(request, tags)
        except ServiceError:  # it may be there all the same: the reply was lost, or another launch was faster
            job = self._service.get_job(request.name)
            if job is None:
                raise
            return job

    def get_job(self, name: str) -> Job | None:
        """Return the job of that name, or None."""
        return self.ask(lambda: self._service.get_job(name))

    def list_jobs(self, tag: str) -> Iterator[Job]:
        """Yield all jobs that have a tag of that key; after an outage yield all again, in their states then."""
        began = self._clock.monotonic()
        while True:
            try:
                yield from self._service.list_jobs(tag)
            except ServiceError as error:
                self._wait(error, began)
            else:
                return

    def cancel_job(self, name: str) -> None:
        """Cancel a job; ask only once."""
        self._writes.wait()
        self._service.cancel_job(name)

    def fetch_result(self, name: str, files: Iterable[str], folder: Path) -> None:
        """Bring those of `files` that a completed job left into `folder`."""
        names = list(files)
        self.ask(lambda: self._service.fetch_result(name, names, folder))

    def find_verdict(self, name: str) -> Verdict:
        """Return what the service itself says of the end of a job that has failed or was cancelled."""
        return self.ask(lambda: self._service.find_verdict(name))

    def read_last_words(self, name: str) -> str:
        """Return the last lines of a job's log, '' if there is no log."""
        return self.ask(lambda: self._service.read_last_words(name))

    def find_build_log(self, name: str) -> str | None:
        """Ask once which of a job's files is the log of its image's build."""
        return self._service.find_build_log(name)

    def explain_queue(self) -> str | None:
        """Ask once what keeps the cluster from having more nodes."""
        return self._service.explain_queue()

    def ask(self, call: Callable[[], Answer]) -> Answer:
        """Return the answer of a call to the service."""
        began = self._clock.monotonic()
        while True:
            try:
                return call()
            except ServiceError as error:
                self._wait(error, began)

    def _wait(self, error: ServiceError, began: float) -> None:
        """Wait before asking again, and say so; raise the error if waiting does not help, or was too long."""
        is_quota, minutes = isinstance(error, QuotaError), self._policy.patience_minutes
        if is_quota and self._policy.on_quota != "wait":
            raise QuotaError(
                f"{error}; or wait for room with hydra.launcher.on_quota=wait; what was submitted goes on"
            ) from error
        if self._over.is_set() or not (is_quota or error.temporary):
            raise error
        if self._clock.monotonic() - began >= minutes * 60:
            what = "there has been no room" if is_quota else "the workspace has not answered"
            raise ClusterError(
                f"{what} for {minutes:g} minutes: {error}; what was submitted goes on, and the same command finds it "
                "again"
            ) from error
        with self._lock:
            is_news = type(error) not in self._told
            self._told.add(type(error))
        if is_news:
            self._tell(f"waiting for up to {minutes:g} minutes: {error}")
        self._clock.sleep(self._policy.poll_seconds)
