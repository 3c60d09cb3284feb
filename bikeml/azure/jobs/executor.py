"""
Submit the jobs that are missing and wait for all: whatever gets lost on the way, each cell is bought once.

Only a command that a person runs buys a failed cell again: which generation of a cell is wanted is decided once, before
anything is submitted. The one exception is a job that provably lost its node.
"""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from bikeml.azure.jobs.conclusion import Conclusion, conclude
from bikeml.azure.jobs.explainer import Explainer
from bikeml.azure.jobs.finder import NotOursError, check_ours, find_last, find_listed, list_latest
from bikeml.azure.jobs.ledger import Ledger, Policy
from bikeml.azure.jobs.pace import Clock
from bikeml.azure.jobs.patience import PatientService
from bikeml.azure.jobs.service import (
    Job,
    Listener,
    QuotaError,
    Request,
    Service,
    ServiceError,
    State,
    find_sweep_tag,
    sweep_tag,
)
from bikeml.errors import ClusterError
from bikeml.records.tags import FINGERPRINT

THREADS = 10
"""One MLClient serves as many: its connections to a host are as many too."""
BATCH = 64
"""Jobs submitted between two looks at those that run."""
SUBMIT_SECONDS = 50
"""How long a look is put off while there is something to submit: pages of jobs keep the rest back for seconds."""
REST = 4
"""How many times as long as a look took the next one is put off: thousands of jobs are a minute of pages."""


class Executor:
    """
    One launch of the cells of a sweep.

    Parameters
    ----------
    prepare : callable
        Called with the requests that will be submitted before the first of them is, and once more where jobs that
        lost their nodes are to be submitted again: it makes what jobs need, unless it is there.
    """

    def __init__(
        self,
        service: Service,
        policy: Policy,
        listener: Listener,
        prepare: Callable[[Sequence[Request]], None],
        clock: Clock = time,
    ) -> None:
        self._policy, self._listener, self._prepare, self._clock = policy, listener, prepare, clock
        self._service = PatientService(service, policy, clock, listener.waits)
        self._explainer = Explainer(self._service, policy.patience_minutes, clock)
        self._pool = ThreadPoolExecutor(THREADS)
        self._ledger = Ledger([], policy, clock)
        self._accepted = False
        self._next_look = 0.0

    @property
    def n_open(self) -> int:
        """How many jobs are submitted and not told to have ended."""
        return len(self._ledger.open)

    def run(self, requests: Sequence[Request]) -> None:
        """
        Submit what is missing of `requests` and, as the policy says, wait until all have ended.

        Raises ClusterError where it cannot go on: what was submitted goes on, and the next launch finds it.
        """
        self._ledger = Ledger(requests, self._policy, self._clock)
        self._tag = sweep_tag(self._ledger.asked)
        self._next_look = self._clock.monotonic() + self._policy.poll_seconds
        try:
            self._conduct(self._decide([asked[0] for asked in self._ledger.asked.values()]))
        finally:  # after an interrupt, what is being submitted still gets into the ledger, but waits for no outage
            self._service.end()
            self._pool.shutdown(cancel_futures=True)

    def cancel(self) -> None:
        """Ask for the end of every open job; raises ClusterError with those that could not be asked for."""
        names = [job.name for _, job in self._ledger.running()]
        with ThreadPoolExecutor(THREADS) as pool:
            problems = [problem for problem in pool.map(self._cancel, names) if problem is not None]
        if problems:
            raise ClusterError("\n".join(problems))

    def _cancel(self, name: str) -> str | None:
        """Ask for a job's end; return what kept it from being asked for."""
        try:
            self._service.cancel_job(name)
        except ServiceError as error:
            return f"job {name} was not cancelled and may still run: {error}"
        return None

    def _decide(self, requests: Sequence[Request]) -> list[Request]:
        """Take over the jobs that there are already, and return what is to be submitted."""
        known = list_latest(self._service, self._tag)
        found = self._pool.map(
            lambda request: self._find(request.fingerprint, known.get(request.fingerprint)), requests
        )
        waiting = []
        for request, job in zip(requests, found, strict=True):
            is_bought_again = job is not None and self._policy.reuse == "finished" and _is_lost(job)
            generation = job.generation + is_bought_again if job and self._policy.reuse == "finished" else 0
            self._ledger.want(request, generation)
            if job is None or is_bought_again:
                waiting.append(replace(request, generation=generation))
            else:
                self._stand(request, job)
        return waiting

    def _find(self, fingerprint: str, listed: Job | None) -> Job | None:
        """Return the job that stands for a cell now; which one it is matters only where a lost one is bought again."""
        if self._policy.reuse == "finished" and (listed is None or _is_lost(listed)):
            with suppress(NotOursError):  # its submission will say so, and cost its cell
                return find_last(self._service, fingerprint, listed)
        return listed

    def _conduct(self, waiting: list[Request]) -> None:
        waiting += self._collect(buys_void=self._policy.reuse == "finished")
        if waiting or self._ledger.open:
            self._ledger.check_cost()
        self._prepare_all(waiting)
        while waiting or (self._ledger.open and self._policy.wait):
            room = self._room()
            batch, waiting = waiting[:room], waiting[room:]
            self._submit_all(batch)
            if not batch or self._clock.monotonic() >= self._next_look + SUBMIT_SECONDS:
                self._look()
            again = self._collect()
            self._prepare_all(again)
            waiting += again

    def _prepare_all(self, requests: Sequence[Request]) -> None:
        if requests:
            self._service.ask(lambda: self._prepare(requests))

    def _room(self) -> int:
        """Return how many jobs may be submitted now."""
        most = BATCH if self._accepted else 1  # the first one carries the code, which the others refer to
        parallel = self._policy.max_parallel_jobs
        return most if parallel is None else max(0, min(most, parallel - self.n_open))

    def _submit_all(self, batch: Sequence[Request]) -> None:
        for request, refusal in zip(batch, self._pool.map(self._submit, batch), strict=True):
            if refusal is None:
                self._accepted = True
                self._tell_stand(request.fingerprint)
            elif isinstance(refusal, QuotaError) or (isinstance(refusal, ServiceError) and self._is_first(request)):
                raise refusal
            else:
                self._end(request, [Conclusion(str(refusal))] * len(self._ledger.asked[request.fingerprint]))

    def _is_first(self, request: Request) -> bool:
        """Whether what keeps this one back would keep all others back too, as far as is known."""
        return not self._accepted and self._ledger.is_wanted(request)

    def _submit(self, request: Request) -> ServiceError | NotOursError | None:
        """Put the cell's job among the open ones, of which there is one; return what keeps this one from it."""
        try:
            job = self._service.put_job(request, {FINGERPRINT: request.fingerprint, self._tag: "true"})
            check_ours(job, request.fingerprint)
        except (ServiceError, NotOursError) as error:
            return error
        self._ledger.note(request, job)
        return None

    def _stand(self, request: Request, job: Job) -> None:
        self._ledger.note(request, job)
        self._tell_stand(request.fingerprint)

    def _tell_stand(self, fingerprint: str) -> None:
        request, job = self._ledger.open[fingerprint]
        for asked in self._ledger.asked[fingerprint]:
            self._listener.stands(replace(asked, generation=request.generation), job)

    def _look(self) -> None:
        """Look at the jobs that have not ended, a page at a time; what no list shows is asked for by name."""
        self._clock.sleep(max(self._next_look - self._clock.monotonic(), 0))
        began, running = self._clock.monotonic(), self._ledger.running()
        tags = {find_sweep_tag(job.tags, self._tag) for _, job in running}
        seen = find_listed(self._service, sorted(tags), {job.name for _, job in running})
        found = self._pool.map(lambda each: seen.get(each[1].name) or self._service.get_job(each[1].name), running)
        now = [job or replace(before, status="NotFound") for (_, before), job in zip(running, found, strict=True)]
        for (request, _), job in zip(running, self._explainer.explain(now), strict=True):
            self._stand(request, job)
        moment = self._clock.monotonic()
        jitter = random.uniform(0.8, 1.2)  # noqa: S311  launches that began together shall not look together
        self._next_look = moment + max(self._policy.poll_seconds * jitter, REST * (moment - began))

    def _collect(self, *, buys_void: bool = False) -> list[Request]:
        """Tell of the cells that have ended; return those that are to be bought again, in their next generation."""
        ended = self._ledger.ended(self._policy.patience_minutes)
        again = []
        for (request, _), conclusions in zip(ended, self._pool.map(self._conclude, ended), strict=True):
            if isinstance(conclusions, Job):
                self._stand(request, conclusions)
                continue
            if conclusions[0].is_void and buys_void:
                self._ledger.want(request, request.generation + 1)
            elif not (conclusions[0].is_preempted and self._ledger.may_be_replaced(request)):
                self._end(request, conclusions)
                continue
            del self._ledger.open[request.fingerprint]
            again.append(replace(request, generation=request.generation + 1))
        return again

    def _conclude(self, ended: tuple[Request, Job]) -> list[Conclusion] | Job:
        """Return what a job's end means for those who asked, or the job that was bought in its place meanwhile."""
        request, job = ended
        asked = self._ledger.asked[request.fingerprint]
        try:
            conclusions = [conclude(each, job, self._service, self._policy.patience_minutes) for each in asked]
            is_failure = conclusions[0].failure and job.state.is_final
            last = find_last(self._service, request.fingerprint, job) if is_failure else job
        except (ServiceError, NotOursError) as error:
            failure = f"job {job.name} is {job.status}, and nothing more is known: {error}; {job.studio}"
            return [Conclusion(failure) for _ in asked]
        return last if last and last.name != job.name else conclusions

    def _end(self, request: Request, conclusions: Sequence[Conclusion]) -> None:
        self._ledger.close(request)
        for asked, conclusion in zip(self._ledger.asked[request.fingerprint], conclusions, strict=True):
            told = replace(asked, generation=request.generation)
            if conclusion.delay is None:
                self._listener.ended(told, conclusion.failure)
            else:
                self._listener.delayed(told, conclusion.delay)


def _is_lost(job: Job) -> bool:
    return job.state in (State.FAILED, State.CANCELED)
