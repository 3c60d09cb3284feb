"""
Submit the missing jobs of a sweep and wait for all. Each cell is submitted once, even if replies are lost.

The generation of each cell is chosen once, before anything is submitted. So only another command of a person submits a
failed cell again. The one exception is a job that provably lost its node.
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
"""As many as the connections of one MLClient to a host."""
BATCH = 64
"""The most jobs to submit between two looks at those that run."""
SUBMIT_SECONDS = 50
"""How long a look is put off while there are jobs to submit: reading the pages of jobs takes seconds."""
REST = 4
"""The pause after a look, in multiples of its duration: the pages of thousands of jobs take a minute."""


class Executor:
    """
    One launch of the cells of a sweep.

    Parameters
    ----------
    prepare : callable
        Called with the requests before the first of them is submitted, and again before jobs that lost their nodes
        are replaced. It makes what the jobs need and the workspace lacks.
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
        """The number of jobs that are submitted and not yet reported as ended."""
        return len(self._ledger.open)

    def run(self, requests: Sequence[Request]) -> None:
        """
        Submit the missing jobs of `requests` and, if the policy says so, wait until all have ended.

        Raises ClusterError if it cannot go on. The submitted jobs go on, and the next launch finds them.
        """
        self._ledger = Ledger(requests, self._policy, self._clock)
        self._tag = sweep_tag(self._ledger.asked)
        self._next_look = self._clock.monotonic() + self._policy.poll_seconds
        try:
            self._submit_and_wait(self._decide([asked[0] for asked in self._ledger.asked.values()]))
        finally:  # after an interrupt, jobs that are being submitted still get into the ledger; no outage is waited for
            self._service.end()
            self._pool.shutdown(cancel_futures=True)

    def cancel(self) -> None:
        """Cancel every open job; raises ClusterError with the jobs that could not be cancelled."""
        names = [job.name for _, job in self._ledger.running()]
        with ThreadPoolExecutor(THREADS) as pool:
            problems = [problem for problem in pool.map(self._cancel, names) if problem is not None]
        if problems:
            raise ClusterError("\n".join(problems))

    def _cancel(self, name: str) -> str | None:
        """Cancel a job; return what went wrong, or None."""
        try:
            self._service.cancel_job(name)
        except ServiceError as error:
            return f"job {name} was not cancelled and may still run: {error}"
        return None

    def _decide(self, requests: Sequence[Request]) -> list[Request]:
        """Take over the existing jobs, and return the requests to submit."""
        known = list_latest(self._service, self._tag)
        found = self._pool.map(
            lambda request: self._find(request.fingerprint, known.get(request.fingerprint)), requests
        )
        waiting = []
        for request, job in zip(requests, found, strict=True):
            is_submitted_again = job is not None and self._policy.reuse == "finished" and _has_failed(job)
            generation = job.generation + is_submitted_again if job and self._policy.reuse == "finished" else 0
            self._ledger.want(request, generation)
            if job is None or is_submitted_again:
                waiting.append(replace(request, generation=generation))
            else:
                self._note_state(request, job)
        return waiting

    def _find(self, fingerprint: str, listed: Job | None) -> Job | None:
        """Return the present job of a cell. If failed jobs are submitted again, look beyond the list."""
        if self._policy.reuse == "finished" and (listed is None or _has_failed(listed)):
            with suppress(NotOursError):  # its submission will say so, and the cell fails
                return find_last(self._service, fingerprint, listed)
        return listed

    def _submit_and_wait(self, waiting: list[Request]) -> None:
        waiting += self._collect(replaces_missing=self._policy.reuse == "finished")
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
        """Return the number of jobs that may be submitted now."""
        most = BATCH if self._accepted else 1  # the first one uploads the code that the others refer to
        parallel = self._policy.max_parallel_jobs
        return most if parallel is None else max(0, min(most, parallel - self.n_open))

    def _submit_all(self, batch: Sequence[Request]) -> None:
        for request, refusal in zip(batch, self._pool.map(self._submit, batch), strict=True):
            if refusal is None:
                self._accepted = True
                self._report_state(request.fingerprint)
            elif isinstance(refusal, QuotaError) or (isinstance(refusal, ServiceError) and self._is_first(request)):
                raise refusal
            else:
                self._end(request, [Conclusion(str(refusal))] * len(self._ledger.asked[request.fingerprint]))

    def _is_first(self, request: Request) -> bool:
        """Whether no job was accepted yet, so that the service may refuse all others for the same reason."""
        return not self._accepted and self._ledger.is_wanted(request)

    def _submit(self, request: Request) -> ServiceError | NotOursError | None:
        """Submit the cell's job, or find the existing one, and note it as open; return the error if that fails."""
        try:
            job = self._service.put_job(request, {FINGERPRINT: request.fingerprint, self._tag: "true"})
            check_ours(job, request.fingerprint)
        except (ServiceError, NotOursError) as error:
            return error
        self._ledger.note(request, job)
        return None

    def _note_state(self, request: Request, job: Job) -> None:
        self._ledger.note(request, job)
        self._report_state(request.fingerprint)

    def _report_state(self, fingerprint: str) -> None:
        request, job = self._ledger.open[fingerprint]
        for asked in self._ledger.asked[fingerprint]:
            self._listener.stands(replace(asked, generation=request.generation), job)

    def _look(self) -> None:
        """Look at the jobs that have not ended, a page at a time; ask by name for those that no list shows."""
        self._clock.sleep(max(self._next_look - self._clock.monotonic(), 0))
        began, running = self._clock.monotonic(), self._ledger.running()
        tags = {find_sweep_tag(job.tags, self._tag) for _, job in running}
        seen = find_listed(self._service, sorted(tags), {job.name for _, job in running})
        found = self._pool.map(lambda each: seen.get(each[1].name) or self._service.get_job(each[1].name), running)
        now = [job or replace(before, status="NotFound") for (_, before), job in zip(running, found, strict=True)]
        for (request, _), job in zip(running, self._explainer.explain(now), strict=True):
            self._note_state(request, job)
        moment = self._clock.monotonic()
        jitter = random.uniform(0.8, 1.2)  # noqa: S311  launches that began together should not look together
        self._next_look = moment + max(self._policy.poll_seconds * jitter, REST * (moment - began))

    def _collect(self, *, replaces_missing: bool = False) -> list[Request]:
        """Report the cells that have ended; return the requests to submit again, in their next generation."""
        ended = self._ledger.ended(self._policy.patience_minutes)
        again = []
        for (request, _), conclusions in zip(ended, self._pool.map(self._conclude, ended), strict=True):
            if isinstance(conclusions, Job):
                self._note_state(request, conclusions)
                continue
            if conclusions[0].is_result_missing and replaces_missing:
                self._ledger.want(request, request.generation + 1)
            elif not (conclusions[0].is_preempted and self._ledger.may_be_replaced(request)):
                self._end(request, conclusions)
                continue
            del self._ledger.open[request.fingerprint]
            again.append(replace(request, generation=request.generation + 1))
        return again

    def _conclude(self, ended: tuple[Request, Job]) -> list[Conclusion] | Job:
        """Return a conclusion for each request that asked for the job, or the later job that has replaced it."""
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


def _has_failed(job: Job) -> bool:
    return job.state in (State.FAILED, State.CANCELED)
