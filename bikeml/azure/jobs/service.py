"""
The names and states of jobs, and the protocol of the service that runs them.

A job's name is its identity: the service allows each name once. A cell is submitted under the name of its fingerprint,
so it is submitted once, even if several launches ask for it several times.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from bikeml.azure.jobs.verdict import Verdict
from bikeml.errors import ClusterError
from bikeml.records.tags import FINGERPRINT, SWEEP_PREFIX

NAME_DIGITS = 32
"""The digits of the fingerprint in a job's name: 128 bits tell any two experiments apart. The tag has them all."""


class State(Enum):
    """The state of a job, in the words of a sweep."""

    WAITING = "waiting"
    RUNNING = "running"
    UNCLEAR = "unclear"
    """Paused, not responding, or a state unknown to this program; the job may recover."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended for good."""
        return self in (State.COMPLETED, State.FAILED, State.CANCELED)


STATES = {
    **dict.fromkeys(("NotStarted", "Starting", "Provisioning", "Preparing", "Queued"), State.WAITING),
    **dict.fromkeys(("Running", "Finalizing", "CancelRequested"), State.RUNNING),
    "Completed": State.COMPLETED,
    "Failed": State.FAILED,
    "Canceled": State.CANCELED,
}
"""Azure ML's states. Every other one is UNCLEAR; only Completed is a success."""


@dataclass(frozen=True)
class Job:
    """A job as the service describes it."""

    name: str
    status: str
    """In the service's own word."""
    tags: Mapping[str, str]
    studio: str = ""
    """Its page in the Studio."""
    timeout_minutes: float | None = None
    """How long it may run; None if it has no limit."""
    note: str | None = None
    """Why it waits, if the service says so."""

    @property
    def state(self) -> State:
        """The state in the words of a sweep."""
        return STATES.get(self.status, State.UNCLEAR)

    @property
    def generation(self) -> int:
        """How often its cell had been submitted before."""
        return int(self.name.rpartition("-")[2])


@dataclass(frozen=True)
class Request:
    """A cell as a job to ask for."""

    fingerprint: str
    generation: int
    display_name: str
    command: str
    """What the job's shell runs."""
    table: str
    """The sha256 of its table."""
    checkpoints: bool
    """Whether it searches. Then it keeps what it has searched, and goes on there when it is run again."""
    experiment_name: str
    folder: Path
    """The folder of its result on this machine."""
    test_table: str | None = None
    """The sha256 of its test file, if it has one."""

    @property
    def name(self) -> str:
        """The job's name, which is its identity."""
        return job_name(self.fingerprint, self.generation)


class ServiceError(ClusterError):
    """
    The service refused a call, or did not answer it.

    `temporary` tells whether the same call may succeed later.
    """

    def __init__(self, message: str, *, temporary: bool) -> None:
        super().__init__(message)
        self.temporary = temporary


class QuotaError(ServiceError):
    """A quota, which the message names, is full; there may be room later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, temporary=False)


class Service(Protocol):
    """An Azure ML workspace as a sweep needs it. Every call raises ServiceError."""

    def put_job(self, request: Request, tags: Mapping[str, str]) -> Job:
        """Submit a job; if a job of its name asks for the same already, return that one."""

    def get_job(self, name: str) -> Job | None:
        """Return the job of that name, or None."""

    def list_jobs(self, tag: str) -> Iterable[Job]:
        """Return all jobs that have a tag of that key."""

    def cancel_job(self, name: str) -> None:
        """Ask for a job's end; harmless if it has ended."""

    def fetch_result(self, name: str, files: Iterable[str], folder: Path) -> None:
        """Bring those of `files` that a completed job left into `folder`."""

    def find_verdict(self, name: str) -> Verdict:
        """Return what the service itself says of the end of a job that has failed or was cancelled."""

    def find_build_log(self, name: str) -> str | None:
        """Return the name of the job's file that logs the build of its image, or None."""

    def explain_queue(self) -> str | None:
        """Return, in the cluster's own words, why it has no more nodes; None if it does not say."""

    def read_last_words(self, name: str) -> str:
        """Return the last lines of a job's log, '' if there is no log."""


def job_name(fingerprint: str, generation: int) -> str:
    """Return the name of a cell's job: letters, digits and dashes, as the service wants it."""
    return f"bikeml-{fingerprint[:NAME_DIGITS]}-{generation}"


def sweep_tag(fingerprints: Iterable[str]) -> str:
    """Return the key of the tag that the jobs of one sweep share, however its cells are ordered."""
    return f"{SWEEP_PREFIX}{sha256(' '.join(sorted(fingerprints)).encode()).hexdigest()[:16]}"


def find_sweep_tag(tags: Iterable[str], wanted: str) -> str:
    """Return the tag that lists a job: `wanted` if the job has it, else that of the sweep that submitted it."""
    return wanted if wanted in tags else next((key for key in sorted(tags) if key.startswith(SWEEP_PREFIX)), wanted)


def is_ours(job: Job, fingerprint: str) -> bool:
    """Whether a job is provably the one of that cell, in any generation: a copy made in the Studio has its tags."""
    digits = job.name.rpartition("-")[2]
    named = digits.isascii() and digits.isdigit() and job.name == job_name(fingerprint, int(digits))
    return named and job.tags.get(FINGERPRINT) == fingerprint


def node_hours(last_generations: Iterable[int], timeout_minutes: int) -> float:
    """Return the most node hours that jobs may take: all generations of each cell, at the full timeout."""
    return sum(generation + 1 for generation in last_generations) * timeout_minutes / 60


def describe_cost(hours: float, price_per_node_hour: float | None) -> str:
    """Return node hours in words, with their cost if the price is known."""
    if price_per_node_hour is None:
        return f"{hours:g} node hours"
    return (
        f"{hours:g} node hours, {hours * price_per_node_hour:,.2f} at azure.price_per_node_hour={price_per_node_hour:g}"
    )


class Listener(Protocol):
    """Receives what becomes of each cell."""

    def stands(self, request: Request, job: Job) -> None:
        """Take the present state of a cell's job."""

    def ended(self, request: Request, failure: str | None) -> None:
        """Take the end of a cell: its result is in the request's folder, or `failure` says why there is none."""

    def delayed(self, request: Request, reason: str) -> None:
        """Take the reason why a cell's result is not here yet; the same command looks again."""

    def waits(self, reason: str) -> None:
        """Take the reason why the launch waits, once for each kind of trouble; called in any thread."""
