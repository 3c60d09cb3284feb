"""Evaluate candidates in processes that are killed when a fit outlasts what a budget leaves for it."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from joblib import cpu_count, effective_n_jobs
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from bikeml.errors import FitError
from bikeml.evaluation.threads import ROWS_FOR_THREADS
from bikeml.experiment.searching.budget import Budget, spread
from bikeml.experiment.searching.failing import RAISE, describe_failure, evaluate
from bikeml.search.evaluate import Outcome
from bikeml.search.plan import Group
from bikeml.search.rules.rule import Data, Estimator
from bikeml.search.sharing import Fold, Job
from bikeml.system.workers.worker import DEAD, Worker

STOPPED = Outcome([], 0)
"""The outcome of a task that was not evaluated, since the time was up."""
FEW_ROWS = 50
DIED = "the process of the fit died, as for lack of memory"


class Task(NamedTuple):
    """A group of candidates on a fold, and the number that its outcome is kept by."""

    number: int
    fold: Fold
    group: Group


@dataclass(frozen=True)
class _Running:
    worker: Worker
    limit: float
    """When it is killed, by time.monotonic()."""
    task: Task | None
    """None for a process that starts."""


class TimedWork:
    """
    Processes that evaluate the tasks of a search within its budget.

    The tasks of a candidate follow each other, so that the candidates that are evaluated are whole ones.
    """

    def __init__(self, estimator: Estimator, X: Data, y: Data, job: Job, n_jobs: int | None, budget: Budget) -> None:
        self._budget, self._job = budget, job
        self._running: dict[Future[Any], _Running] = {}
        self._idle: list[Worker] = []
        n_workers = effective_n_jobs(n_jobs)
        variables = {"OMP_NUM_THREADS": str(max(1, cpu_count() // n_workers))}
        self.workers = [Worker(_hold, estimator, X, y, variables=variables) for _ in range(n_workers)]
        for worker in self.workers:
            self._warm(worker)

    def _warm(self, worker: Worker) -> None:
        self._running[worker.submit(_warm_up)] = _Running(worker, self._budget.deadline, None)

    def evaluate(self, tasks: Sequence[Task], job: Job, n_folds: int) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcomes by number as they come, STOPPED for each fit that is killed, until the time is up."""
        self._job = job
        waiting = deque(self._sort(tasks))
        stopped: set[int] = set()
        while waiting or any(each.task for each in self._running.values()):
            while waiting and self._idle:
                task = waiting.popleft()
                n_fits = n_folds - task.fold.number
                if id(task.group) in stopped:
                    yield task.number, STOPPED
                elif not self._start(task, self._budget.limit(n_fits)):
                    waiting.clear()
            if not self._running:
                return
            limit = min(each.limit for each in self._running.values())
            done, _ = wait(self._running, max(0.0, limit - time.monotonic()), FIRST_COMPLETED)
            yield from filter(None, [self._finish(future) for future in done])
            for task in self._kill_overdue():
                stopped.add(id(task.group))
                yield task.number, STOPPED
            if self._budget.is_over:
                waiting.clear()

    def _sort(self, tasks: Sequence[Task]) -> list[Task]:
        groups = list({id(task.group): None for task in tasks})
        order = [groups[number] for number in spread(len(groups))] if self._budget.spreads else groups
        places = {group: place for place, group in enumerate(order)}
        return sorted(tasks, key=lambda task: (places[id(task.group)], task.fold.number))

    def _start(self, task: Task, limit: float) -> bool:
        if limit <= time.monotonic():
            return False
        worker = self._idle.pop()
        self._running[worker.submit(_evaluate, task, self._job)] = _Running(worker, limit, task)
        return True

    def _finish(self, future: "Future[Any]") -> tuple[int, Outcome] | None:
        """Return the number and outcome of a task that has ended, and let its process take another one."""
        worker, task = self._running[future].worker, self._running.pop(future).task
        try:
            outcome = future.result()
        except DEAD as error:
            if task is None or self._job.error_score == RAISE:
                raise FitError(f"{DIED}; take fewer search.n_jobs, or fewer rows") from error
            self._warm(worker)
            failed = describe_failure(DIED, task.fold, self._job)
            return task.number, Outcome([dict(failed) for _ in task.group.indices], 1)
        self._idle.append(worker)
        return None if task is None else (task.number, outcome)

    def _kill_overdue(self) -> Iterator[Task]:
        """Yield the tasks whose processes are killed."""
        now = time.monotonic()
        for future, each in list(self._running.items()):
            if each.limit > now or future.done():
                continue
            each.worker.kill()
            del self._running[future]
            if now < self._budget.deadline:
                self._warm(each.worker)
            if each.task is not None:
                yield each.task

    def close(self) -> None:
        """End all processes."""
        for worker in self.workers:
            worker.kill()


_held: tuple[Estimator, Data, Data]


def _hold(estimator: Estimator, X: Data, y: Data) -> None:
    """Keep, in a worker, what all of its tasks need; the threads are those that the experiment itself uses."""
    global _held  # noqa: PLW0603  the worker has one search
    _held = estimator, X, y
    threadpool_limits(limits=1, user_api="blas" if len(y) > ROWS_FOR_THREADS else None)


def _warm_up() -> None:
    """Fit on a few rows: the first fit of a process imports a lot, and would be taken for a slow one."""
    estimator, X, y = _held
    with suppress(Exception):  # the search tells it
        clone(estimator).fit(X[:FEW_ROWS], y[:FEW_ROWS]).predict(X[:FEW_ROWS])


def _evaluate(task: Task, job: Job) -> Outcome:
    estimator, X, y = _held
    return evaluate(estimator, X, y, task.group, task.fold, job)
