"""Judge a fitted pipeline: metrics with bootstrap intervals, and cross-validation."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone

from bikeml.config.schema import EvaluationConfig
from bikeml.evaluation.metrics import find_metric
from bikeml.evaluation.threads import all_cores, limit_threads
from bikeml.evaluation.uncertainty.intervals import FEWEST, Interval, Precision, find_intervals
from bikeml.evaluation.uncertainty.units import Units
from bikeml.evaluation.weights import fit
from bikeml.table.split import Fold
from bikeml.terminal.numbers import show_count

T = TypeVar("T")


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
    """
    The sha256 of the folds' rows, and of their weights if they have some.

    If two configurations have the same, their scores can be compared in pairs.
    """
    predictions: tuple[np.ndarray, ...]
    """For the rows that each fold was scored on, shape (n_score,) each."""


def measure(
    y_true: np.ndarray, y_pred: np.ndarray, names: Iterable[str], weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return the metrics of predictions, all of shape (n_rows,), by name; NaN if one is undefined."""
    return {name: find_metric(name).measure(y_true, y_pred, weights) for name in names}


def find_undefined(y_true: np.ndarray, y_pred: np.ndarray, names: Iterable[str]) -> dict[str, str]:
    """Return why metrics are undefined for these values, both of shape (n_rows,), by name; not those that are not."""
    reasons = {name: find_metric(name).explain_undefined(y_true, y_pred) for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def intervals(y_true: np.ndarray, y_pred: np.ndarray, config: EvaluationConfig, units: Units) -> dict[str, Interval]:
    """
    Return bootstrap-t intervals of the metrics, and Woodruff's of a median.

    Both arrays have shape (n_rows,). The rows of a unit are drawn together. A metric that has no interval, or is
    undefined, is left out.
    """
    y_true, y_pred = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    found = {name: find_metric(name).find_statistic(y_true, y_pred, units.weights) for name in config.metrics}
    return find_intervals(
        {name: statistic for name, statistic in found.items() if statistic is not None},
        units,
        Precision(config.confidence, config.bootstrap_samples, config.random_state),
    )


class Figures(NamedTuple):
    """The metrics of some rows, by the names that a record has for them."""

    metrics: Mapping[str, float]
    """NaN if a metric is undefined."""
    intervals: Mapping[str, Interval]
    undefined: Mapping[str, str]
    """Why metrics are undefined."""
    no_interval: Mapping[str, str]
    """Why metrics that are defined have no interval."""


def explain_intervals(values: Mapping[str, float], found: Collection[str], units: Units) -> dict[str, str]:
    """Return why metrics with a finite value are not among those `found` to have an interval, by name."""
    few = f"only {show_count(units.n_units, units.kind.removesuffix('s'))}, and an interval takes {FEWEST}"
    alike = f"too many draws are undefined: the {units.kind} are few, or nearly all alike"
    reason = few if units.n_units < FEWEST else alike
    return {
        name: reason if find_metric(name).formula else "it is no mean over the rows"
        for name, value in values.items()
        if np.isfinite(value) and name not in found
    }


def judge_rows(
    y_true: np.ndarray, y_pred: np.ndarray, config: EvaluationConfig, units: Units, which: str = "test"
) -> Figures:
    """Return the metrics of predictions, both of shape (n_rows,), by the name `which` of :class:`Metric`."""

    def rename(found: Mapping[str, T]) -> dict[str, T]:
        return {getattr(find_metric(name), which): each for name, each in found.items()}

    values = measure(y_true, y_pred, config.metrics, units.weights)
    found = intervals(y_true, y_pred, config, units)
    return Figures(
        rename(values),
        rename(found),
        rename(find_undefined(y_true, y_pred, config.metrics)),
        rename(explain_intervals(values, found, units)),
    )


def judge_folds(folds: Sequence[np.ndarray], cv: CrossValidation, config: EvaluationConfig, units: Units) -> Figures:
    """
    Return the mean and std of each metric over the folds, and the metric of the rows of all folds together.

    `folds` are the actual values, shape (n_score,) each. The pooled figure of small folds is less biased, since each
    fold's R² compares with the mean of its own few rows. Its interval is over the rows, and does not know what other
    training rows would change: Bates, Hastie and Tibshirani, Cross-Validation: What Does It Estimate and How Well Does
    It Do It? (2023).
    """
    pooled = judge_rows(np.concatenate(folds), np.concatenate(cv.predictions), config, units, "pooled")
    over_folds: dict[str, float] = {}
    for name, scores in cv.scores.items():
        metric = find_metric(name)
        over_folds |= {metric.mean: float(np.mean(scores)), metric.std: float(np.std(scores))}
    of_pooled = {name: f"{reason} of the folds" for name, reason in pooled.undefined.items()}
    undefined = {**_explain_means(folds, cv), **of_pooled}
    return Figures({**over_folds, **pooled.metrics}, pooled.intervals, undefined, pooled.no_interval)


def _explain_means(folds: Sequence[np.ndarray], cv: CrossValidation) -> dict[str, str]:
    """Return why means over the folds are undefined, by their names: why all rows are, or else those of a fold."""
    found = find_undefined(np.concatenate(folds), np.concatenate(cv.predictions), cv.scores)
    reasons = {name: f"{reason} of the folds" for name, reason in found.items()}
    for number, (actual, predicted) in enumerate(zip(folds, cv.predictions, strict=True), start=1):
        for name, reason in find_undefined(actual, predicted, cv.scores.keys() - reasons.keys()).items():
            reasons[name] = f"{reason} of fold {number}"
    return {find_metric(name).mean: reason for name, reason in reasons.items()}


def cross_validation(
    estimators: Sequence[BaseEstimator],
    X: pd.DataFrame,
    y: np.ndarray,
    folds: Sequence[Fold],
    names: Iterable[str],
    n_jobs: int | None = None,
    known: Sequence[np.ndarray] = (),
    weights: np.ndarray | None = None,
) -> CrossValidation:
    """
    Fit and score a clone of each estimator on its fold of X, shape (n_rows, n_features), y and weights, (n_rows,).

    Each fold has its own estimator, since the folds of a nested search depend on the rows that the search is given.
    `names` are the metrics. `n_jobs` folds are judged at once, each as if it were alone. `known` are the predictions of
    the first folds, which are not fitted again.
    """
    predict, pending = delayed(_predict_fold), list(zip(estimators, folds, strict=True))[len(known) :]
    predicted = [*known, *Parallel(n_jobs)(predict(each, X, y, weights, fold) for each, fold in pending)]
    scored = [
        (y[score], each, None if weights is None else weights[score])
        for (_, score), each in zip(folds, predicted, strict=True)
    ]
    return CrossValidation(
        {name: tuple(find_metric(name).measure(*fold) for fold in scored) for name in names},
        tuple(len(fit) for fit, _ in folds),
        tuple(len(score) for _, score in folds),
        _digest(folds, weights),
        tuple(predicted),
    )


def _predict_fold(
    estimator: BaseEstimator, X: pd.DataFrame, y: np.ndarray, weights: np.ndarray | None, fold: Fold
) -> np.ndarray:
    """Return the predictions for the rows that a fold scores."""
    rows, score = fold
    estimator = clone(estimator)
    # One BLAS thread also in a worker, since the last digits of a product depend on the number of threads.
    with limit_threads(limits=1, user_api="blas"):
        with all_cores(estimator, len(rows)):
            fit(estimator, X.iloc[rows], y[rows], None if weights is None else weights[rows])
        predicted = estimator.predict(X.iloc[score])
    return np.asarray(predicted, dtype=float)


def _digest(folds: Sequence[Fold], weights: np.ndarray | None) -> str:
    digest = hashlib.sha256()
    if weights is not None:
        digest.update(np.ascontiguousarray(weights, dtype="<f8").tobytes())
    for rows in chain.from_iterable(folds):
        digest.update(np.ascontiguousarray(rows, dtype="<i8").tobytes())
        digest.update(b"|")
    return digest.hexdigest()
