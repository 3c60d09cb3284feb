"""
What a job is called, how it stands, and what the service must be able to do with it.

A job's name is its identity: the service lets no name be used twice, so a cell that is submitted under the name of its
fingerprint is submitted once, whoever submits it and however often.
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
"""Of the fingerprint, in a job's name: 128 bits tell any two experiments apart, and the tag holds the whole."""


class State(Enum):
    """How a job stands, in the words of a sweep."""

    WAITING = "waiting"
    RUNNING = "running"
    UNCLEAR = "unclear"
    """Paused, not responding, or a state that this program has never heard of: it may recover."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to the job any more."""
        return self in (State.COMPLETED, State.FAILED, State.CANCELED)


STATES = {
    **dict.fromkeys(("NotStarted", "Starting", "Provisioning", "Preparing", "Queued"), State.WAITING),
    **dict.fromkeys(("Running", "Finalizing", "CancelRequested"), State.RUNNING),
    "Completed": State.COMPLETED,
    "Failed": State.FAILED,
    "Canceled": State.CANCELED,
}
"""Azure ML's states; every other is UNCLEAR, Completed alone is a success."""


@dataclass(frozen=True)
class Job:
    """A job as the service tells of it."""

    name: str
    status: str
    """In the service's own word."""
    tags: Mapping[str, str]
    studio: str = ""
    """Its page in the Studio."""
    timeout_minutes: float | None = None
    """For how long it may run; None where it has no limit."""
    note: str | None = None
    """Why it waits, where the service says so."""

    @property
    def state(self) -> State:
        """How it stands."""
        return STATES.get(self.status, State.UNCLEAR)

    @property
    def generation(self) -> int:
        """How often its cell had been bought before."""
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
    """Whether it searches, and keeps what it has searched, so that it goes on there when it is run again."""
    experiment_name: str
    folder: Path
    """Where its result belongs on this machine."""

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
    """A quota, which the message names, leaves no room; there may be some later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, temporary=False)


class Service(Protocol):
    """An Azure ML workspace; the seam between what a sweep wants and how it is asked for. Calls raise ServiceError."""

    def put_job(self, request: Request, tags: Mapping[str, str]) -> Job:
        """Submit a job, or return the one that has its name already and asks for the same."""

    def get_job(self, name: str) -> Job | None:
        """Return a job, or None where there is none of that name."""

    def list_jobs(self, tag: str) -> Iterable[Job]:
        """Return all jobs that have a tag of that key."""

    def cancel_job(self, name: str) -> None:
        """Ask for a job's end; harmless where it has ended."""

    def fetch_result(self, name: str, files: Iterable[str], folder: Path) -> None:
        """Bring those of `files` that a completed job left into `folder`."""

    def find_verdict(self, name: str) -> Verdict:
        """Return what the service itself says of the end of a job that has failed or was cancelled."""

    def find_build_log(self, name: str) -> str | None:
        """Return which of a job's files is the log of its image's build, where there is or was one."""

    def explain_queue(self) -> str | None:
        """Return what keeps the cluster from having more nodes, in its own words, where it says so."""

    def read_last_words(self, name: str) -> str:
        """Return the last lines of a job's log, empty where there is none."""


def job_name(fingerprint: str, generation: int) -> str:
    """Return the name of a cell's job: letters, digits and dashes, as the service wants it."""
    return f"bikeml-{fingerprint[:NAME_DIGITS]}-{generation}"


def sweep_tag(fingerprints: Iterable[str]) -> str:
    """Return the key of the tag that the jobs of one sweep share, however its cells are ordered."""
    return f"{SWEEP_PREFIX}{sha256(' '.join(sorted(fingerprints)).encode()).hexdigest()[:16]}"


def find_sweep_tag(tags: Iterable[str], wanted: str) -> str:
    """Return the key by which a job is listed: the wanted sweep's, or that of the sweep that submitted it."""
    return wanted if wanted in tags else next((key for key in sorted(tags) if key.startswith(SWEEP_PREFIX)), wanted)


def is_ours(job: Job, fingerprint: str) -> bool:
    """Whether a job is provably the one of that cell, in any generation: a copy made in the Studio has its tags."""
    digits = job.name.rpartition("-")[2]
    named = digits.isascii() and digits.isdigit() and job.name == job_name(fingerprint, int(digits))
    return named and job.tags.get(FINGERPRINT) == fingerprint


def node_hours(last_generations: Iterable[int], timeout_minutes: int) -> float:
    """Return what jobs may cost at the most: each cell's generations, from 0 to its last one, at the full timeout."""
    return sum(generation + 1 for generation in last_generations) * timeout_minutes / 60


def describe_cost(hours: float, price_per_node_hour: float | None) -> str:
    """Return node hours in words, with what they cost where their price is known."""
    if price_per_node_hour is None:
        return f"{hours:g} node hours"
    return (
        f"{hours:g} node hours, {hours * price_per_node_hour:,.2f} at azure.price_per_node_hour={price_per_node_hour:g}"
    )


class Listener(Protocol):
    """Told what becomes of each cell."""

    def stands(self, request: Request, job: Job) -> None:
        """Take how a cell's job stands now."""

    def ended(self, request: Request, failure: str | None) -> None:
        """Take the end of a cell: its result is in the request's folder, or `failure` says why there is none."""

    def delayed(self, request: Request, reason: str) -> None:
        """Take why a cell's result is not here, as its job was last said to stand: the same command looks again."""

    def waits(self, reason: str) -> None:
        """Take what keeps the launch from going on for a while, in any thread; once for each kind of trouble."""
