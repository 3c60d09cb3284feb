"""Fit the final pipeline on the training rows, after a search if there is one."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from joblib import parallel_config
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from bikeml.config.estimators import SearchConfig
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, FitError
from bikeml.evaluation.threads import all_cores
from bikeml.evaluation.weights import fit as fit_weighted
from bikeml.experiment.check import check_rows
from bikeml.experiment.grid import build_grid, build_proposer, find_parameters
from bikeml.experiment.pipeline import REGRESSOR, build_blend, build_pipeline, is_same, join_members
from bikeml.experiment.searching.budget import build_budget
from bikeml.experiment.searching.checkpoint import Checkpoint
from bikeml.experiment.searching.outcome import SearchOutcome, build_outcome
from bikeml.experiment.searching.scoring import explain_no_score, find_scorer
from bikeml.experiment.searching.search import ResumableSearchCV
from bikeml.table.data import Table
from bikeml.table.split import Fold, Split
from bikeml.terminal.numbers import show_count
from bikeml.terminal.progress import Announce

CONNECT_TIMEOUT_SECONDS = 20
TrainingRows = tuple[pd.DataFrame, np.ndarray, np.ndarray | None]
"""Features, shape (n_rows, n_features), target and weights, shape (n_rows,); None without weights."""


@dataclass(frozen=True)
class Fitted:
    """The final pipeline, and the search that found it."""

    pipeline: Pipeline
    outcome: SearchOutcome | None
    of_folds: Sequence[BaseEstimator]
    """
    What each fold of the cross-validation fits; empty if it is a clone of the pipeline.

    With evaluation.nested it is a search, in a blend the members with the weights that were chosen without the fold.
    """
    is_tuned: bool
    """Whether the rows that the folds score chose parameters."""
    seconds: float
    checkpoint: Checkpoint | None = None


def fit(
    config: Config,
    table: Table,
    split: Split,
    name: str,
    announce: Announce,
    known: Sequence[Pipeline | None] = (),
    begun: float | None = None,
) -> Fitted:
    """
    Return the pipeline of `config`, fitted on the training rows.

    `name` is the fingerprint, which names the folder of the checkpoint. `known` are the members of a blend that are
    fitted already. `begun` is when the budget of a search began, by time.monotonic(); None for now. Raises FitError if
    an estimator refuses the data or its arguments.
    """
    X, y, weights = table.X.iloc[split.train], table.y[split.train], table.weights_of(split.train)
    started = time.perf_counter()
    for each in config.members:
        check_rows(each, y, table.rows[split.train] + 1)
    if config.blend:
        announce("fitting the members")
        pipeline, of_folds = _fit_blend(config, (X, y, weights), split, known)
        is_tuned = any(each.search.kind != "none" for each in config.members)
        return Fitted(pipeline, None, of_folds, is_tuned, time.perf_counter() - started)
    pipeline = build_pipeline(config, X, _list_folds(split))
    if config.search.kind == "none":
        announce("fitting")
        pipeline = _fit_alone(pipeline, (X, y, weights))
        return Fitted(pipeline, None, (), is_tuned=False, seconds=time.perf_counter() - started)
    search = _build_search(config, pipeline, split.search_folds, config.search.evaluated)
    search.budget = build_budget(config, table, split, time.monotonic() if begun is None else begun)
    if config.search.checkpoint:
        search.checkpoint = Checkpoint(Path(config.search.checkpoint_dir).expanduser() / name)
    search.on_progress = lambda done, total: announce("searching", done, total)
    with _workers(config.search), estimator_errors():
        fit_weighted(search, X, y, weights)
    return _describe_search(config, pipeline, search, split, time.perf_counter() - started)


def _describe_search(
    config: Config, pipeline: Pipeline, search: ResumableSearchCV, split: Split, seconds: float
) -> Fitted:
    """Return what a search has fitted, with one of the same candidates for each fold of a nested cross-validation."""
    scoring = str(cast(SearchConfig, config.search).scoring)
    _refuse_no_score(search, scoring)
    evaluated = search.evaluated_ if search.n_not_evaluated_ else None
    nested = [_build_search(config, pipeline, folds, evaluated) for folds in split.nested_folds if search.evaluated_]
    outcome = build_outcome(search, find_parameters(config, pipeline), scoring)
    is_tuned = bool(search.evaluated_) and not nested
    return Fitted(search.best_estimator_, outcome, nested, is_tuned, seconds, search.checkpoint)


def _fit_alone(pipeline: Pipeline, rows: TrainingRows) -> Pipeline:
    with estimator_errors(), all_cores(pipeline, len(rows[0])):
        fit_weighted(pipeline, *rows)
    return _on_one_thread(pipeline)


def _fit_blend(
    config: Config, rows: TrainingRows, split: Split, known: Sequence[Pipeline | None]
) -> tuple[Pipeline, list[Pipeline]]:
    """Return the fitted blend of `config`, and the unfitted one of each fold, with its weights."""
    of_folds = [*zip(*(each.fold_weights for each in config.blend), strict=True)]
    if len(of_folds) != len(split.folds):
        raise ConfigError(
            f"blend has weights for {show_count(len(of_folds), 'fold')}, and split makes {len(split.folds)}; blend a "
            "sweep of this split"
        )
    members = [_build_member(each, rows[0], _list_folds(split)) for each in config.members]
    weights = [each.weight for each in config.blend]
    fitted = []
    for number in [number for number, weight in enumerate(weights) if weight > 0]:
        found = known[number] if known else None
        is_known = found is not None and is_same(found, members[number])
        fitted.append(found if is_known else _fit_alone(clone(members[number]), rows))
    return join_members(build_blend(members, weights), fitted), [build_blend(members, each) for each in of_folds]


def _build_member(config: Config, X: pd.DataFrame, folds: Sequence[Fold]) -> Pipeline:
    """Return the unfitted pipeline of a member of a blend, with what a search found."""
    pipeline = _on_one_thread(build_pipeline(config, X, folds))
    grid = build_grid(config, pipeline) if config.search.kind != "none" else [{}]
    return pipeline.set_params(**{name: values[0] for name, values in grid[0].items()})


def _refuse_no_score(search: ResumableSearchCV, scoring: str) -> None:
    """Raise FitError if the metric that scores a search is undefined for each candidate: none is the best one."""
    reason = explain_no_score(scoring)
    if reason and search.evaluated_ and math.isnan(search.best_score_):
        raise FitError(
            f"no candidate has a score by search.scoring={scoring}, which is undefined with {reason}; set "
            "search.scoring=r2, or another that takes such values"
        )


def _list_folds(split: Split) -> list[Fold]:
    """Return all folds on which a pipeline is fitted, as positions in the training rows."""
    within = [
        (train[inner], train[scored])
        for (train, _), folds in zip(split.folds, split.nested_folds, strict=False)  # there are none without nested
        for inner, scored in folds
    ]
    return [*split.folds, *split.search_folds, *within]


def _build_search(
    config: Config, pipeline: Pipeline, folds: Sequence[Fold], evaluated: Sequence[int] | None
) -> ResumableSearchCV:
    search = cast(SearchConfig, config.search)
    return ResumableSearchCV(
        _on_one_thread(clone(pipeline)),
        build_grid(config, pipeline),
        proposer=build_proposer(config, pipeline),
        evaluated=evaluated,
        scoring=find_scorer(str(search.scoring), is_weighted=config.data.weight is not None),
        cv=folds,
        n_jobs=search.n_jobs,
        return_train_score=True,
        error_score="raise" if search.error_score == "raise" else math.nan,
    )


@contextmanager
def estimator_errors() -> Iterator[None]:
    """Raise a FitError if an estimator refuses the data or its arguments in the block."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, LookupError, MemoryError, ArithmeticError) as error:
        raise FitError(f"the pipeline could not be fitted: {type(error).__name__}: {error}") from error


@contextmanager
def _workers(config: SearchConfig) -> Iterator[None]:
    """
    Make the Dask cluster that `config` names joblib's active backend; without one, the caller's stays.

    Raises ConfigError if Dask is not installed, and FitError if its scheduler cannot be reached.
    """
    if config.scheduler is None:
        yield  # keep the backend that the caller has set, such as in a notebook
        return
    try:
        from distributed import Client  # an extra, and slow to import
    except ImportError as error:
        raise ConfigError("search.scheduler needs Dask; install it with: pip install 'bikeml[dask]'") from error
    try:
        client = Client(config.scheduler, timeout=CONNECT_TIMEOUT_SECONDS)
    except (OSError, ValueError) as error:
        raise FitError(
            f"cannot reach a Dask scheduler at search.scheduler={config.scheduler!r}: {error}; start one, "
            "or set search.scheduler=null for workers on this machine"
        ) from error
    with client, parallel_config("dask", n_jobs=-1):
        yield


def _on_one_thread(pipeline: Pipeline) -> Pipeline:
    """
    Return the pipeline with n_jobs=None everywhere in its regressor, unless it is 1.

    A forest on several threads adds the predictions of its trees in the order in which they finish. So they differ in
    the last digits from call to call. Its fit does not differ, and a search has its own n_jobs.
    """
    parameters = pipeline[REGRESSOR].get_params(deep=True).items()
    threads = {name: None for name, value in parameters if name.split("__")[-1] == "n_jobs" and value not in (None, 1)}
    if threads:  # a fitted CatBoost takes none
        pipeline[REGRESSOR].set_params(**threads)
    return pipeline
