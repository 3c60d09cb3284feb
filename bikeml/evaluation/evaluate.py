"""Judge a fitted pipeline: metrics with bootstrap intervals, and cross-validation."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import bootstrap
from sklearn.base import BaseEstimator, clone
from threadpoolctl import threadpool_limits

from bikeml.config.schema import EvaluationConfig
from bikeml.evaluation.metrics import find_metric
from bikeml.evaluation.threads import all_cores
from bikeml.evaluation.uncertainty.draws import BlockDraws, RowDraws
from bikeml.table.split import Fold

BOOTSTRAP_BATCH_CELLS = 250_000  # limits the memory of the resampled rows to some megabytes
MANY_ROWS = 10_000  # of more rows, blocks are drawn instead of single rows


@dataclass(frozen=True)
class CrossValidation:
    """Scores and predictions of the same parameters on every fold."""

    scores: Mapping[str, tuple[float, ...]]
    """One for each fold, by metric; NaN if it is undefined."""
    n_fit: tuple[int, ...]
    """The number of rows that each fold was fitted on."""
    n_score: tuple[int, ...]
    """The number of rows that each fold was scored on."""
    folds: str
    """The sha256 of the folds' rows; if two configurations have the same, their scores can be compared in pairs."""
    predictions: tuple[np.ndarray, ...]
    """For the rows that each fold was scored on, shape (n_score,) each."""


def measure(y_true: np.ndarray, y_pred: np.ndarray, names: Iterable[str]) -> dict[str, float]:
    """Return the metrics of predictions, both of shape (n_rows,), by name; NaN if one is undefined."""
    return {name: find_metric(name).measure(y_true, y_pred) for name in names}


def find_undefined(y_true: np.ndarray, y_pred: np.ndarray, names: Iterable[str]) -> dict[str, str]:
    """Return why metrics are undefined for these values, both of shape (n_rows,), by name; not those that are not."""
    reasons = {name: find_metric(name).explain_undefined(y_true, y_pred) for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def intervals(y_true: np.ndarray, y_pred: np.ndarray, config: EvaluationConfig) -> dict[str, tuple[float, float]]:
    """
    Return percentile bootstrap intervals of the metrics over the held-out rows.

    Both arrays have shape (n_rows,) and are drawn in pairs. A metric that has no interval, or is undefined, is left
    out. More than MANY_ROWS rows are drawn in blocks; the intervals are as wide as with single rows.
    """
    y_true, y_pred = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    n_rows, rng = len(y_true), np.random.default_rng(config.random_state)
    draws = RowDraws(n_rows) if n_rows <= MANY_ROWS else BlockDraws(n_rows, rng)
    found = {name: find_metric(name).over_draws(y_true, y_pred, draws) for name in config.metrics}
    statistics = {name: statistic for name, statistic in found.items() if statistic is not None}
    if not statistics:
        return {}
    with np.errstate(divide="ignore", invalid="ignore"):  # few rows may be drawn all alike, and explain nothing
        drawn = bootstrap(
            (np.arange(draws.n_drawn),),
            lambda positions, axis: np.stack([statistic(positions) for statistic in statistics.values()]),  # noqa: ARG005
            n_resamples=config.bootstrap_samples,
            batch=max(1, BOOTSTRAP_BATCH_CELLS // draws.n_drawn),
            confidence_level=config.confidence,
            method="percentile",
            rng=np.random.default_rng(config.random_state),
        ).confidence_interval
    return {name: (float(low), float(high)) for name, low, high in zip(statistics, drawn.low, drawn.high, strict=True)}


def cross_validation(
    estimators: Sequence[BaseEstimator],
    X: pd.DataFrame,
    y: np.ndarray,
    folds: Sequence[Fold],
    names: Iterable[str],
    n_jobs: int | None = None,
    known: Sequence[np.ndarray] = (),
) -> CrossValidation:
    """
    Fit and score a clone of each estimator on its fold of X, shape (n_rows, n_features), and y, shape (n_rows,).

    Each fold has its own estimator, since the folds of a nested search depend on the rows that the search is given.
    `names` are the metrics. `n_jobs` folds are judged at once, each as if it were alone. `known` are the predictions of
    the first folds, which are not fitted again.
    """
    predict, pending = delayed(_predict_fold), list(zip(estimators, folds, strict=True))[len(known) :]
    predicted = [*known, *Parallel(n_jobs)(predict(each, X, y, fold) for each, fold in pending)]
    pairs = [(y[score], each) for (_, score), each in zip(folds, predicted, strict=True)]
    return CrossValidation(
        {name: tuple(find_metric(name).measure(*pair) for pair in pairs) for name in names},
        tuple(len(fit) for fit, _ in folds),
        tuple(len(score) for _, score in folds),
        _digest(folds),
        tuple(predicted),
    )


def _predict_fold(estimator: BaseEstimator, X: pd.DataFrame, y: np.ndarray, fold: Fold) -> np.ndarray:
    """Return the predictions for the rows that a fold scores."""
    fit, score = fold
    estimator = clone(estimator)
    # One BLAS thread also in a worker, since the last digits of a product depend on the number of threads.
    with threadpool_limits(limits=1, user_api="blas"):
        with all_cores(estimator, len(fit)):
            estimator.fit(X.iloc[fit], y[fit])
        predicted = estimator.predict(X.iloc[score])
    return np.asarray(predicted, dtype=float)


def _digest(folds: Sequence[Fold]) -> str:
    digest = hashlib.sha256()
    for rows in chain.from_iterable(folds):
        digest.update(np.ascontiguousarray(rows, dtype="<i8").tobytes())
        digest.update(b"|")
    return digest.hexdigest()
