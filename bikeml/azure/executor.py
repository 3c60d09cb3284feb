"""
Submit the jobs that are missing and wait for all: whatever gets lost on the way, each cell is bought once.

Only a command that a person runs buys a failed cell again: which generation of a cell is wanted is decided once, before
anything is submitted. The one exception is a job that provably lost its node.
"""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from bikeml.azure.endings import Ending, conclude
from bikeml.azure.jobs import (
    FINGERPRINT_TAG,
    Job,
    Request,
    Service,
    ServiceError,
    State,
    find_sweep_tag,
    is_ours,
    job_name,
    node_hours,
    sweep_tag,
)
from bikeml.azure.pace import Clock, Limit, Patience
from bikeml.errors import ClusterError

THREADS = 8
"""One MLClient serves as many."""
BATCH = 64
"""Jobs submitted between two looks at those that run."""
WRITES, WRITES_PER_SECOND = 150, 9.0
"""Below Resource Manager's bucket for writes, 200 and 10 a second, which other programs draw from too."""
TRIES = 5
"""How often a submission whose reply was lost is made, each with the client's own retries."""


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


class Listener(Protocol):
    """Told what becomes of each cell."""

    def stands(self, request: Request, job: Job) -> None:
        """Take how a cell's job stands now."""

    def ended(self, request: Request, failure: str | None) -> None:
        """Take the end of a cell: its result is in the request's folder, or `failure` says why there is none."""


class Executor:
    """
    One launch of the cells of a sweep.

    Parameters
    ----------
    prepare : callable
        Called with the requests that will be submitted before the first one is: it makes what jobs need.
    """

    def __init__(
        self,
        service: Service,
        policy: Policy,
        listener: Listener,
        prepare: Callable[[Sequence[Request]], None],
        clock: Clock = time,
    ) -> None:
        self._service, self._policy, self._listener, self._prepare = service, policy, listener, prepare
        self._clock, self._limit = clock, Limit(WRITES, WRITES_PER_SECOND, clock)
        self._patience = Patience(policy.patience_minutes, policy.poll_seconds, clock)
        self._budget: dict[str, int] = {}
        self._unclear_since: dict[str, float] = {}
        self.open: dict[str, tuple[Request, Job]] = {}
        """The cells whose jobs are submitted and not told to have ended, by fingerprint."""

    def run(self, requests: Sequence[Request]) -> None:
        """
        Submit what is missing of `requests` and, as the policy says, wait until all have ended.

        Raises ClusterError where it cannot go on: what was submitted goes on, and the next launch finds it.
        """
        self._tag = sweep_tag(request.fingerprint for request in requests)
        self._budget = {request.fingerprint: self._policy.preemptions for request in requests}
        waiting = self._decide(requests)
        self._check_cost([*waiting, *(request for request, _ in self.open.values())])
        if waiting:
            self._prepare(waiting)
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                self._conduct(waiting, pool)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def cancel(self) -> None:
        """Ask for the end of every open job."""
        for _, job in self.open.values():
            if not job.state.is_final:
                self._service.cancel_job(job.name)

    def _decide(self, requests: Sequence[Request]) -> list[Request]:
        """Take over the jobs that there are already, and return what is to be submitted."""
        known = _latest(self._list(self._tag))
        waiting = []
        for request in requests:
            job = known.get(request.fingerprint)
            if self._policy.reuse == "finished" and (job is None or _is_lost(job)):
                job = self._find_last(request.fingerprint, job)
            if job is None:
                waiting.append(request)
            elif self._policy.reuse == "finished" and _is_lost(job):
                waiting.append(replace(request, generation=job.generation + 1))
            else:
                self._adopt(request, job)
        return waiting

    def _list(self, tag: str) -> list[Job]:
        return self._patience.ask(lambda: list(self._service.list_jobs(tag)))

    def _get(self, name: str) -> Job | None:
        return self._patience.ask(lambda: self._service.get_job(name))

    def _find_last(self, fingerprint: str, job: Job | None) -> Job | None:
        """Return the last generation of a cell's jobs, from `job` on: other sweeps may have bought it too."""
        while later := self._get(job_name(fingerprint, 0 if job is None else job.generation + 1)):
            _check_ours(later, fingerprint)
            job = later
        return job

    def _check_cost(self, requests: Sequence[Request]) -> None:
        policy = self._policy
        cost = node_hours((each.generation for each in requests), policy.timeout_minutes, policy.preemptions)
        if cost > policy.max_node_hours:
            raise ClusterError(
                f"{len(requests)} cells may take {cost:g} node hours, and hydra.launcher.max_node_hours="
                f"{policy.max_node_hours:g} allows no more; nothing was submitted: raise it, or lower "
                f"hydra.launcher.timeout_minutes={policy.timeout_minutes}"
            )

    def _conduct(self, waiting: list[Request], pool: ThreadPoolExecutor) -> None:
        if waiting:  # the first one carries the code, which the others refer to
            self._adopt(waiting[0], self._submit(waiting[0]))
        waiting, next_look = waiting[1:], 0.0
        while waiting or self.open:
            room = min(BATCH, (self._policy.max_parallel_jobs or BATCH + len(self.open)) - len(self.open))
            batch, waiting = waiting[: max(room, 0)], waiting[max(room, 0) :]
            self._submit_all(batch, pool)
            if not waiting and not self._policy.wait:
                return
            if batch and self._clock.time() < next_look:
                continue
            waiting += self._collect(pool)
            if self.open:
                if not batch:
                    self._clock.sleep(max(next_look - self._clock.time(), 0))
                self._look()
            next_look = self._clock.time() + self._policy.poll_seconds * random.uniform(0.8, 1.2)  # noqa: S311  jitter

    def _submit_all(self, batch: Sequence[Request], pool: ThreadPoolExecutor) -> None:
        for request, answer in zip(batch, pool.map(self._try_to_submit, batch), strict=True):
            if isinstance(answer, Job):
                self._adopt(request, answer)
            else:
                self._listener.ended(request, str(answer))

    def _try_to_submit(self, request: Request) -> Job | ClusterError:
        """Return the job, or what the service has against this one; raise what would keep the others back too."""
        try:
            return self._submit(request)
        except ServiceError as error:
            if error.temporary:
                raise
            return error
        except NotOursError as error:
            return error

    def _submit(self, request: Request) -> Job:
        """Return the cell's job, of which there is one; raises ServiceError where that is not certain."""
        tags = {FINGERPRINT_TAG: request.fingerprint, self._tag: "true"}
        tries = TRIES
        while True:
            self._limit.wait()
            try:
                job: Job | None = self._service.put_job(request, tags)
            except ServiceError as error:
                tries -= 1
                job = self._find_unanswered(request)
                if job is None and (tries == 0 or not error.temporary):
                    raise
            if job is not None:
                _check_ours(job, request.fingerprint)
                return job
            self._clock.sleep(self._policy.poll_seconds)

    def _find_unanswered(self, request: Request) -> Job | None:
        """Return the job of a submission that failed: it may be there all the same, made by it or by another launch."""
        try:
            return self._service.get_job(request.name)
        except ServiceError:
            return None  # the submission is made again or its error raised

    def _adopt(self, request: Request, job: Job) -> None:
        if self._policy.reuse == "all" and _is_lost(job):  # it was there before, and a later one counts
            job = self._find_last(request.fingerprint, job) or job
        self._stand(replace(request, generation=job.generation), job)

    def _stand(self, request: Request, job: Job) -> None:
        self.open[request.fingerprint] = request, job
        if job.state is State.UNCLEAR:
            self._unclear_since.setdefault(job.name, self._clock.time())
        else:
            self._unclear_since.pop(job.name, None)
        self._listener.stands(request, job)

    def _look(self) -> None:
        """Look at the jobs that have not ended, a page at a time; what no list shows is asked for by name."""
        running = [(request, job) for request, job in self.open.values() if not job.state.is_final]
        tags = {find_sweep_tag(job.tags, self._tag) for _, job in running}
        seen = {job.name: job for tag in sorted(tags) for job in self._list(tag)}
        for request, job in running:
            self._stand(request, seen.get(job.name) or self._get(job.name) or job)

    def _collect(self, pool: ThreadPoolExecutor) -> list[Request]:
        """Tell of the cells that have ended; return those whose job lost its node, in their next generation."""
        ended = [(request, job) for request, job in self.open.values() if job.state.is_final or self._is_late(job)]
        again = []
        for (request, _), ending in zip(ended, pool.map(self._conclude, ended), strict=True):
            del self.open[request.fingerprint]
            if ending.preempted and self._budget[request.fingerprint] > 0:
                self._budget[request.fingerprint] -= 1
                again.append(replace(request, generation=request.generation + 1))
            else:
                self._listener.ended(request, ending.failure)
        return again

    def _conclude(self, ended: tuple[Request, Job]) -> Ending:
        return conclude(*ended, self._service, self._patience)

    def _is_late(self, job: Job) -> bool:
        since = self._unclear_since.get(job.name)
        return since is not None and self._clock.time() - since >= self._patience.minutes * 60


class NotOursError(ClusterError):
    """A job has the name of a cell and is not its job."""


def _check_ours(job: Job, fingerprint: str) -> None:
    if not is_ours(job, fingerprint):
        raise NotOursError(
            f"job {job.name} has the name of a cell of this sweep, but its tag {FINGERPRINT_TAG} is "
            f"{job.tags.get(FINGERPRINT_TAG)!r}, not {fingerprint!r}; it was left alone: look at {job.studio}"
        )


def _is_lost(job: Job) -> bool:
    return job.state in (State.FAILED, State.CANCELED)


def _latest(jobs: Iterable[Job]) -> dict[str, Job]:
    """Return the last generation of each fingerprint's jobs."""
    named = (job for job in jobs if FINGERPRINT_TAG in job.tags)
    ours = (job for job in named if job.name.startswith(job_name(job.tags[FINGERPRINT_TAG], 0).rpartition("-")[0]))
    return {job.tags[FINGERPRINT_TAG]: job for job in sorted(ours, key=lambda job: job.generation)}
