"""Find out why jobs wait: their image is being built, or the cluster has no nodes for them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from bikeml.azure.jobs.pace import Clock
from bikeml.azure.jobs.service import Job, Service, ServiceError, State

PREPARING, QUEUED = "Preparing", "Queued"


class Explainer:
    """
    Asks the service why the jobs of a launch wait. It is no error if the service does not say why.

    Parameters
    ----------
    minutes : float
        How long a job is in the queue before the cluster is asked why, and the time between two such questions.
    """

    def __init__(self, service: Service, minutes: float, clock: Clock) -> None:
        self._service, self._minutes, self._clock = service, minutes, clock
        self._queued_since: dict[str, float] = {}
        self._next_question = 0.0
        self._reason: str | None = None

    def explain(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs; if the service says why a job waits, the job has a note."""
        image, queue = self._look_at_image(jobs), self._look_at_queue(jobs)
        notes = {**dict.fromkeys(self._find_late(jobs), queue), **{job.name: image for job in _in(jobs, PREPARING)}}
        return [replace(job, note=notes.get(job.name)) for job in jobs]

    def _look_at_image(self, jobs: Sequence[Job]) -> str | None:
        """Return what the first job in preparation waits for: all jobs of a launch have the same image."""
        for job in _in(jobs, PREPARING)[:1]:
            with suppress(ServiceError):
                log = self._service.find_build_log(job.name)
                return f"image: building, its log is {log}" if log else None
        return None

    def _look_at_queue(self, jobs: Sequence[Job]) -> str | None:
        """Return why jobs have been in the queue for too long; None if the cluster does not say why and a job runs."""
        now, queued = self._clock.monotonic(), {job.name for job in _in(jobs, QUEUED)}
        self._queued_since = {name: self._queued_since.get(name, now) for name in queued}
        if not self._find_late(jobs):
            return None
        if now >= self._next_question:
            self._next_question = now + self._minutes * 60
            self._reason = None
            with suppress(ServiceError):
                self._reason = self._service.explain_queue()
        late = f"for {self._minutes:g} minutes or longer"
        if self._reason is None:
            is_stuck = not any(job.state is State.RUNNING for job in jobs)
            return f"{late}, and the cluster does not say why" if is_stuck else None
        return f"{late}: {self._reason}"

    def _find_late(self, jobs: Sequence[Job]) -> list[str]:
        now, queued = self._clock.monotonic(), [job.name for job in _in(jobs, QUEUED)]
        return [name for name in queued if now - self._queued_since[name] >= self._minutes * 60]


def _in(jobs: Sequence[Job], status: str) -> list[Job]:
    return [job for job in jobs if job.status == status]
