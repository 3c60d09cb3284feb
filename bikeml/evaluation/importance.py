"""Measure how much a fitted pipeline needs each column, by permutation."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from bikeml.config.schema import EvaluationConfig
from bikeml.evaluation.metrics import find_metric

PREDICTED_ROWS = 200_000
"""How many rows `auto` predicts at most, over all columns and shuffles: some seconds with a forest of 100 trees."""
SLOWLY_PREDICTED_ROWS = 20_000
SLOW_CLASSES = frozenset(
    (
        # they compare a row with each row that they were fitted on
        *("KNeighborsRegressor", "RadiusNeighborsRegressor", "KNNImputer"),
        *("SVR", "NuSVR", "KernelRidge", "GaussianProcessRegressor"),
        # they take texts apart
        *("CountVectorizer", "HashingVectorizer", "TfidfVectorizer"),
        *("GapEncoder", "MinHashEncoder", "StringEncoder", "TextEncoder"),
    )
)
"""Estimators of scikit-learn and skrub that take longer for a row than all others."""
MIN_ROWS = 100
MIN_REPEATS = 2  # one shuffle has no standard deviation


@dataclass(frozen=True)
class Importance:
    """How much worse the held-out rows are predicted when one column is shuffled; no columns with importance=none."""

    columns: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    """Over the shuffles."""
    n_rows: int = 0
    """How many of the held-out rows were shuffled."""
    n_repeats: int = 0
    """How often each column was shuffled."""


def compute_importance(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray, config: EvaluationConfig) -> Importance:
    """
    Return the permutation importance of each column on held-out X, shape (n_rows, n_features), and y, shape (n_rows,).

    `config.importance` is `permutation` for all rows and config.importance_repeats shuffles, `none`, or `auto` for as
    many of both as PREDICTED_ROWS allows. Predictions are scored by config.rank.

    Source: Breiman, Random Forests (2001), as in sklearn.inspection.permutation_importance.
    """
    if config.importance == "none":
        return Importance()
    n_rows, n_repeats = len(X), config.importance_repeats
    if config.importance == "auto":
        n_rows, n_repeats = choose_sample(*X.shape, n_repeats, _count_affordable(pipeline))
    is_sample = n_rows < len(X)
    if is_sample:
        # max_samples of permutation_importance would compare with the score of all rows, and not of the sample
        rows = np.sort(np.random.default_rng(config.random_state).choice(len(X), n_rows, replace=False))
        X, y = X.iloc[rows], y[rows]
    with threadpool_limits(limits=1 if is_sample else None):  # for few rows, threads wait longer than they work
        drop = permutation_importance(
            pipeline,
            X,
            y,
            scoring=find_metric(config.rank).score,
            n_repeats=n_repeats,
            random_state=config.random_state,
            n_jobs=config.n_jobs,
        )
    mean, std = (tuple(values.tolist()) for values in (drop.importances_mean, drop.importances_std))
    return Importance(tuple(map(str, X.columns)), mean, std, n_rows, n_repeats)


def choose_sample(n_rows: int, n_columns: int, n_repeats: int, affordable: int) -> tuple[int, int]:
    """
    Return how many rows to shuffle and how often, so that about `affordable` rows are predicted over all columns.

    Rows are more worth than shuffles: other rows are another sample, other shuffles of the same rows are not.
    """
    if n_rows * n_columns * n_repeats <= affordable:
        return n_rows, n_repeats
    repeats = min(n_repeats, max(MIN_REPEATS, affordable // (n_rows * n_columns)))
    return min(n_rows, max(MIN_ROWS, affordable // (n_columns * repeats))), repeats


def _count_affordable(pipeline: Pipeline) -> int:
    steps = pipeline.get_params(deep=True).values()
    is_slow = any(type(step).__name__ in SLOW_CLASSES for step in steps)
    return SLOWLY_PREDICTED_ROWS if is_slow else PREDICTED_ROWS
