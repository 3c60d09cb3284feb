"""Run the rounds of a search on its data, and gather what they give."""

import uuid
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples

from bikeml.experiment.searching.budget import Budget
from bikeml.experiment.searching.checkpoint import Checkpoint
from bikeml.experiment.searching.failing import evaluate
from bikeml.experiment.searching.rounds import Proposer, Round
from bikeml.experiment.searching.timed import STOPPED, Task, TimedWork
from bikeml.search.cache import PROCESS_CACHE
from bikeml.search.evaluate import Outcome, Scored
from bikeml.search.plan import make_plan
from bikeml.search.rules.rule import Data, Estimator
from bikeml.search.sharing import Fold, Job, Result

OnProgress = Callable[[int, int], None]


@dataclass
class Runner:
    """A search on its data, and what it has found so far."""

    estimator: Estimator
    X: Data
    y: Data
    folds: Sequence[Fold]
    job: Job
    n_jobs: int | None
    evaluated: frozenset[int] | None
    """The numbers of the candidates to evaluate, in the order in which they are proposed; None for all."""
    checkpoint: Checkpoint | None
    on_progress: OnProgress
    budget: Budget | None
    numbers: list[int] = field(default_factory=list)
    """Of the candidates that were evaluated on all folds."""
    n_proposed: int = 0
    n_left: int = 0
    """How many candidates later rounds could have had."""
    n_fits: int = 0
    n_fits_resumed: int = 0
    _n_tasks: int = 0
    _warned: bool = False

    def run(self, proposer: Proposer) -> Scored:
        """Return the candidates that were evaluated on all folds."""
        timed = self.budget and TimedWork(clone(self.estimator), self.X, self.y, self.job, self.n_jobs, self.budget)
        scored = Scored([], [], defaultdict(list))
        rounds = proposer.propose(_num_samples(self.X))
        try:
            proposed = next(rounds, None)
            while proposed is not None:
                self.n_left = proposed.n_left
                found = self._run_round(proposed, timed or None)
                self._gather(scored, proposed, found)
                if self._is_over():
                    break
                scores = [_mean_score(found.get(index)) for index in range(len(proposed.candidates))]
                proposed = _send(rounds, scores)
        finally:
            if timed:
                timed.close()
            PROCESS_CACHE.clear()
        return scored

    def _run_round(self, proposed: Round, timed: TimedWork | None) -> dict[int, list[Result]]:
        """Return the results on each fold of the candidates of a round that were evaluated on all of them."""
        first, self.n_proposed = self.n_proposed, self.n_proposed + len(proposed.candidates)
        wanted = [
            index
            for index in range(len(proposed.candidates))
            if self.evaluated is None or first + index in self.evaluated
        ]
        groups = make_plan(self.estimator, [proposed.candidates[index] for index in wanted]).groups
        # The cache of transformers knows the search by its token, and a round may fit on other rows.
        job = replace(self.job, token=uuid.uuid4().hex)
        # Ordered by fold and then by setting, so that one slot of the cache is enough.
        tasks = [
            Task(self._n_tasks + number, fold, group)
            for number, (fold, group) in enumerate(product([_cut(fold, proposed.share) for fold in self.folds], groups))
        ]
        found: dict[int, list[Result]] = defaultdict(list)
        by_number = {task.number: task for task in tasks}
        for number, outcome in self._evaluate(tasks, job, proposed, timed):
            group = by_number[number].group
            for index, result in zip(group.indices, outcome.results, strict=False):  # there are none if it was stopped
                found[wanted[index]].append({**result, "fold": by_number[number].fold.number})
            self._learn([found[wanted[index]] for index in group.indices], proposed.share)
        self._n_tasks += len(tasks)
        whole = {index: results for index, results in sorted(found.items()) if len(results) == len(self.folds)}
        self.numbers += [first + index for index in whole]
        return {index: _by_fold(results) for index, results in whole.items()}

    def _learn(self, members: Sequence[Sequence[Result]], share: float) -> None:
        """Tell the budget what a fit has taken once its candidates have been evaluated on all folds."""
        if self.budget is None or any(len(results) < len(self.folds) for results in members):
            return
        fits = [sum(results[fold]["fit_time"] for results in members) for fold in range(len(self.folds))]
        scorings = [sum(results[fold]["score_time"] for results in members) for fold in range(len(self.folds))]
        score = max(map(_mean_score, members), key=lambda mean: -np.inf if np.isnan(mean) else mean)
        self.budget.learn(score, max(fits), max(scorings), len(self.folds), share)

    def _evaluate(
        self, tasks: Sequence[Task], job: Job, proposed: Round, timed: TimedWork | None
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcomes that the checkpoint has, and then the others as they come."""
        total = self._n_tasks + len(tasks) + proposed.n_left * len(self.folds)
        known = dict(self._load(tasks))
        self.n_fits_resumed += sum(outcome.n_fits for outcome in known.values())
        n_done = self._n_tasks + len(known)
        self.on_progress(n_done, total)
        yield from known.items()
        self.n_fits += sum(outcome.n_fits for outcome in known.values())
        waiting = [task for task in tasks if task.number not in known]
        work = timed.evaluate(waiting, job, len(self.folds)) if timed else self._work(waiting, job)
        for number, outcome in work:
            yield number, outcome
            self.n_fits += outcome.n_fits
            self._keep(number, outcome)
            n_done += 1
            self.on_progress(n_done, total)

    def _is_over(self) -> bool:
        if self.evaluated is not None:
            return self.n_proposed > max(self.evaluated, default=-1)
        return self.budget is not None and self.budget.is_over

    def _gather(self, scored: Scored, proposed: Round, found: Mapping[int, list[Result]]) -> None:
        for index, results in found.items():
            scored.candidates.append(proposed.candidates[index])
            scored.results.extend(results)
            for name, value in proposed.columns.items():
                scored.columns[name].append(value)

    def _load(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        for number, _, group in tasks:
            outcome = self.checkpoint.load(number, len(group.indices)) if self.checkpoint else None
            if outcome is not None and (outcome != STOPPED or self.budget):
                yield number, outcome

    def _keep(self, number: int, outcome: Outcome) -> None:
        """Keep the outcome of a task; warn once if that fails, since the search can go on without."""
        if self.checkpoint is None:
            return
        try:
            self.checkpoint.keep(number, outcome)
        except OSError as error:
            if not self._warned:
                warnings.warn(
                    f"cannot keep fits in {str(self.checkpoint.folder)!r}: {error.strerror or error}; the search goes "
                    "on, and repeats them if it is killed; set search.checkpoint_dir to another folder, or "
                    "search.checkpoint=false",
                    stacklevel=2,
                )
            self._warned = True

    def _work(self, waiting: Sequence[Task], job: Job) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcomes from joblib's active backend as they finish."""
        estimator = clone(self.estimator)
        calls = ((task, estimator, self.X, self.y, job) for task in waiting)
        if effective_n_jobs(self.n_jobs) == 1:
            yield from (_evaluate_numbered(*call) for call in calls)
            return
        # multiprocessing cannot return its results one by one
        one_by_one = getattr(get_active_backend()[0], "supports_return_unordered", False)
        return_as = "generator_unordered" if one_by_one else "list"
        parallel = Parallel(n_jobs=self.n_jobs, pre_dispatch="2*n_jobs", return_as=return_as)
        yield from parallel(delayed(_evaluate_numbered)(*call) for call in calls)


def _evaluate_numbered(task: Task, estimator: Estimator, X: Data, y: Data, job: Job) -> tuple[int, Outcome]:
    return task.number, evaluate(estimator, X, y, task.group, task.fold, job)


def _cut(fold: Fold, share: float) -> Fold:
    """Return the fold with a share of the rows that it fits on; a larger share has the rows of a smaller one too."""
    if share >= 1:
        return fold
    order = np.random.RandomState(fold.number).permutation(len(fold.train))
    return fold._replace(train=fold.train[np.sort(order[: max(2, int(share * len(fold.train)))])])


def _by_fold(results: Sequence[Result]) -> list[Result]:
    ordered = sorted(results, key=lambda result: result["fold"])
    return [{name: value for name, value in result.items() if name != "fold"} for result in ordered]


def _mean_score(results: Sequence[Result] | None) -> float:
    scores = [result["test_scores"] for result in results or ()]
    return float(np.mean(scores)) if scores and not isinstance(scores[0], dict) else float("nan")


def _send(rounds: Any, scores: Sequence[float]) -> Round | None:  # noqa: ANN401  a generator of rounds
    try:
        proposed: Round = rounds.send(scores)
    except StopIteration:
        return None
    return proposed
