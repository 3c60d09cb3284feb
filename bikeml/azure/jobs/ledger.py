"""Keep account of a launch: the requests for each cell, how often it may be submitted, and its present job."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bikeml.azure.jobs.pace import Clock
from bikeml.azure.jobs.service import Job, Request, State, describe_cost, node_hours
from bikeml.errors import ClusterError


@dataclass(frozen=True)
class Policy:
    """What a launch may do and cost."""

    reuse: Literal["finished", "all"]
    wait: bool
    max_parallel_jobs: int | None
    timeout_minutes: int
    max_node_hours: float
    preemptions: int
    poll_seconds: float
    patience_minutes: float
    on_quota: Literal["stop", "wait"]
    price_per_node_hour: float | None = None


class Ledger:
    """
    What a launch knows of its cells, by fingerprint. It does not call the service.

    Parameters
    ----------
    policy : Policy
        How often a job that lost its node may be replaced, and what all jobs together may cost.
    """

    def __init__(self, requests: Sequence[Request], policy: Policy, clock: Clock) -> None:
        self._policy, self._clock = policy, clock
        self.asked: dict[str, list[Request]] = {}
        """The requests for each: a sweeper may want the value of one experiment several times."""
        for request in requests:
            self.asked.setdefault(request.fingerprint, []).append(request)
        self.open: dict[str, tuple[Request, Job]] = {}
        """The cells whose jobs are submitted and not yet reported as ended."""
        self._wanted: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._unclear_since: dict[str, float] = {}

    def want(self, request: Request, generation: int) -> None:
        """Note the generation that the command asks for; jobs that lose their nodes may add further ones."""
        self._wanted[request.fingerprint] = generation
        self._last[request.fingerprint] = generation + self._policy.preemptions

    def is_wanted(self, request: Request) -> bool:
        """Whether the request is of the generation that the command asks for, not a replacement for a lost node."""
        return request.generation == self._wanted[request.fingerprint]

    def may_be_replaced(self, request: Request) -> bool:
        """Whether the request's job may be replaced if it lost its node."""
        return request.generation < self._last[request.fingerprint]

    def note(self, request: Request, job: Job) -> None:
        """Note the present job of a cell."""
        fingerprint = request.fingerprint
        self.open[fingerprint] = replace(request, generation=job.generation), job
        self._last[fingerprint] = max(self._last[fingerprint], job.generation)
        if job.state is State.UNCLEAR:
            self._unclear_since.setdefault(job.name, self._clock.monotonic())
        else:
            self._unclear_since.pop(job.name, None)

    def close(self, request: Request) -> None:
        """Note that no further job of the cell is submitted."""
        self.open.pop(request.fingerprint, None)
        self._last[request.fingerprint] = request.generation

    def running(self) -> list[tuple[Request, Job]]:
        """Return the open cells whose jobs have not ended."""
        return [(request, job) for request, job in self.open.values() if not job.state.is_final]

    def ended(self, minutes: float) -> list[tuple[Request, Job]]:
        """Return the open cells whose jobs have ended, or have been unclear for so many minutes."""
        return [
            (request, job) for request, job in self.open.values() if job.state.is_final or self._is_late(job, minutes)
        ]

    def _is_late(self, job: Job, minutes: float) -> bool:
        since = self._unclear_since.get(job.name)
        return since is not None and self._clock.monotonic() - since >= minutes * 60

    def check_cost(self) -> None:
        """Raise ClusterError if all possible generations, past ones included, may cost too much."""
        policy = self._policy
        cost = node_hours(self._last.values(), policy.timeout_minutes)
        if cost > policy.max_node_hours:
            raise ClusterError(
                f"the {len(self._last)} cells may take {describe_cost(cost, policy.price_per_node_hour)}, and "
                f"hydra.launcher.max_node_hours={policy.max_node_hours:g} allows no more; nothing was submitted: "
                f"raise it, or lower hydra.launcher.timeout_minutes={policy.timeout_minutes}"
            )
