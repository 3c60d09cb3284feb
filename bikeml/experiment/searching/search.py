"""The search of an experiment: SharedFitGridSearchCV in rounds, with progress, a checkpoint and a budget."""

import warnings
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import ParameterGrid

from bikeml.errors import FitError
from bikeml.experiment.searching.budget import Budget
from bikeml.experiment.searching.checkpoint import Checkpoint
from bikeml.experiment.searching.rounds import Every, Proposer
from bikeml.experiment.searching.runner import Runner
from bikeml.search.estimator import SharedFitGridSearchCV
from bikeml.search.evaluate import Scored
from bikeml.search.plan import Params, Plan
from bikeml.search.rules.rule import Data, Estimator
from bikeml.search.sharing import Fold, Job, Result

MOST_REASON = 300


def _ignore_progress(done: int, total: int) -> None:
    """Ignore a progress report."""


class ResumableSearchCV(SharedFitGridSearchCV):
    """
    SharedFitGridSearchCV in rounds, with a checkpoint, a progress report and a budget.

    These three are attributes and not parameters: a clone, as in a nested cross-validation, has none of them.

    Parameters
    ----------
    estimator, param_grid, scoring, n_jobs, refit, cv, return_train_score, error_score
        As in GridSearchCV.
    proposer : Proposer or None
        Says which candidates are evaluated; None for all of `param_grid` at once.
    evaluated : sequence of int or None
        The numbers of the candidates to evaluate, counted in the order in which they are proposed; None for all.

    Attributes
    ----------
    checkpoint : Checkpoint or None
        Keeps the finished tasks, and returns them in a later search.
    on_progress : callable
        Called with the number of finished tasks and of all tasks; a task is one fit for a group of candidates.
    budget : Budget or None
        Ends the search in time.
    evaluated_ : list of int
        The numbers of the candidates that were evaluated.
    n_not_evaluated_ : int
        How many there would have been in addition.
    failures_ : list of (mapping, str)
        The candidates of which a fit has failed, and why the first of their fits did.
    n_fits_resumed_ : int
        The number of fits that were read from the checkpoint and not made.
    """

    checkpoint: Checkpoint | None = None
    on_progress: Callable[[int, int], None] = staticmethod(_ignore_progress)
    budget: Budget | None = None

    def __init__(
        self,
        estimator: Estimator,
        param_grid: Any,  # noqa: ANN401  as in GridSearchCV
        *,
        proposer: Proposer | None = None,
        evaluated: Sequence[int] | None = None,
        scoring: Any = None,  # noqa: ANN401
        n_jobs: int | None = None,
        refit: Any = True,  # noqa: ANN401
        cv: Any = None,  # noqa: ANN401
        return_train_score: bool = False,
        error_score: float | str = np.nan,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            return_train_score=return_train_score,
            error_score=error_score,
        )
        self.proposer, self.evaluated = proposer, evaluated

    def _shares_enough(self, plan: Plan) -> bool:  # noqa: ARG002
        return True  # a search that shares nothing can report its progress and be resumed too

    def _score(self, plan: Plan, X: Data, y: Data, folds: list[Fold], job: Job) -> Scored:  # noqa: ARG002
        runner = Runner(
            self.estimator,
            X,
            y,
            folds,
            job,
            self.n_jobs,
            None if self.evaluated is None else frozenset(self.evaluated),
            self.checkpoint,
            self.on_progress,
            self.budget,
        )
        scored = runner.run(self.proposer or Every(list(ParameterGrid(self.param_grid))))
        self.evaluated_, self.n_fits_, self.n_fits_resumed_ = runner.numbers, runner.n_fits, runner.n_fits_resumed
        self.n_not_evaluated_ = runner.n_proposed + runner.n_left - len(runner.numbers)
        self.n_fits_avoided_ = max(0, len(scored.candidates) * self.n_splits_ - self.n_fits_)
        self.failures_ = list(_find_failures(scored, self.n_splits_))
        return scored

    def _rank(self, scored: Scored, refit_metric: Any) -> None:  # noqa: ANN401  str or callable
        if not scored.candidates:  # the time was up before one of them was evaluated
            self.cv_results_: dict[str, Any] = {"params": []}
            self.best_params_: Params = {}
            self.best_score_, self.multimetric_ = float("nan"), False
            return
        if self.failures_ and all(result["fit_error"] for result in scored.results):
            params, reason = self.failures_[0]
            named = ", ".join(f"{name.rpartition('__')[2]}={value}" for name, value in params.items())
            n = len(scored.candidates)
            raise FitError(f"all {n} candidates of the search failed; the first one, {named}: {reason}")
        with warnings.catch_warnings():
            if self.failures_:  # which tells them
                warnings.simplefilter("ignore", FitFailedWarning)
                warnings.filterwarnings("ignore", "One or more of the (test|train) scores are non-finite")
            super()._rank(scored, refit_metric)

    def _format_results(self, *arguments: Any, **named: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return cv_results_; candidates of a later round have the better ranks."""
        results: dict[str, Any] = super()._format_results(*arguments, **named)
        if "iter" in results:
            for name in [name for name in results if name.startswith("rank_")]:
                failed = np.isnan(results[name.replace("rank_", "mean_", 1)])
                keys = list(zip(failed, -results["iter"], results[name], strict=True))
                in_order = sorted(keys)
                results[name] = np.array([1 + bisect_left(in_order, key) for key in keys], dtype=np.int32)
        return results


def _find_failures(scored: Scored, n_folds: int) -> "list[tuple[Params, str]]":
    failures = []
    for number, params in enumerate(scored.candidates):
        results: Sequence[Result] = scored.results[number * n_folds : (number + 1) * n_folds]
        errors: list[Mapping[str, Any] | str] = [result["fit_error"] for result in results if result["fit_error"]]
        if errors:
            failures.append((params, " ".join(str(errors[0]).split())[:MOST_REASON]))
    return failures
