"""Measure how much a fitted pipeline needs each column, by permutation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.pipeline import Pipeline

from bikeml.config.schema import EvaluationConfig
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.evaluation.threads import limit_threads
from bikeml.evaluation.uncertainty.intervals import OfMeans
from bikeml.evaluation.uncertainty.jackknife import divide, find_error, leave_out
from bikeml.evaluation.uncertainty.units import Units

PREDICTED_ROWS = 200_000
"""How many rows `auto` predicts at most, over all columns and shuffles: some seconds with a forest of 100 trees."""
SLOWLY_PREDICTED_ROWS = 20_000
ROWS_AT_ONCE = 10_000
"""How many rows are predicted together at most, which bounds the memory."""
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
WHOLE = "score"
TOGETHER, ROWS_OF_GROUPS, MOST_GROUPED = 0.7, 2_000, 500
MIN_ROWS = 100
MIN_REPEATS = 2  # one shuffle has no standard deviation


@dataclass(frozen=True)
class Group:
    """How much worse the held-out rows are predicted when columns that go together are shuffled together."""

    columns: tuple[str, ...]
    mean: float
    std: float
    """Over the shuffles."""
    error: float
    """The standard error over the held-out rows; NaN if it is unknown."""


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
    error: tuple[float, ...] = ()
    """The standard error of each mean over the held-out rows; empty if the metric has none."""
    groups: tuple[Group, ...] = ()
    """Columns of numbers that go together."""


def compute_importance(
    pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray, config: EvaluationConfig, units: Units | None = None
) -> Importance:
    """
    Return the permutation importance of each column on held-out X, shape (n_rows, n_features), and y, shape (n_rows,).

    `config.importance` is `permutation` for all rows and config.importance_repeats shuffles, `none`, or `auto` for as
    many of both as PREDICTED_ROWS allows. Predictions are scored by config.rank. `units` says which rows are alike.

    Source: Breiman, Random Forests (2001), as in sklearn.inspection.permutation_importance.
    """
    if config.importance == "none":
        return Importance()
    groups = find_groups(X)
    n_rows, n_repeats = len(X), config.importance_repeats
    if config.importance == "auto":
        n_shuffled = X.shape[1] + len(groups)
        n_rows, n_repeats = choose_sample(len(X), n_shuffled, n_repeats, _count_affordable(pipeline))
    units = units or Units.of("rows", np.arange(len(X)))
    is_sample = n_rows < len(X)
    if is_sample:
        # max_samples of permutation_importance would compare with the score of all rows, and not of the sample
        rows = np.sort(np.random.default_rng(config.random_state).choice(len(X), n_rows, replace=False))
        X, y, units = X.iloc[rows], y[rows], units.take(rows)
    scores = _Scores(find_metric(config.rank), units)
    # an undefined score is no number, and neither is its distance from another; for few rows, threads wait longer than
    # they work
    with np.errstate(invalid="ignore"), limit_threads(limits=1 if is_sample else None):
        parts = [*([str(name)] for name in X), *groups]
        found = _shuffle(pipeline, X, y, scores, parts, n_repeats, config)
    columns, of_groups = found[: X.shape[1]], found[X.shape[1] :]
    return Importance(
        columns=tuple(str(name) for name in X),
        mean=tuple(each.mean for each in columns),
        std=tuple(each.std for each in columns),
        n_rows=n_rows,
        n_repeats=n_repeats,
        error=() if all(np.isnan(each.error) for each in columns) else tuple(each.error for each in columns),
        groups=tuple(of_groups),
    )


def find_groups(X: pd.DataFrame) -> list[list[str]]:
    """
    Return the columns of numbers of X, shape (n_rows, n_features), that go together, in groups of two or more.

    Each pair in a group has a |Spearman's correlation| of at least TOGETHER: complete linkage.

    Source: scikit-learn's example on permutation importance with multicollinear features.
    """
    numbers = X.select_dtypes("number")
    ranks = numbers.iloc[:: 1 + len(numbers) // ROWS_OF_GROUPS].rank()
    ranks = ranks.loc[:, ranks.std() > 0]
    if ranks.shape[1] < 2 or ranks.shape[1] > MOST_GROUPED:  # noqa: PLR2004  a group needs two
        return []
    distance = 1 - np.abs(np.corrcoef(ranks.fillna(ranks.mean()).to_numpy(), rowvar=False))
    tree = linkage(distance[np.triu_indices_from(distance, 1)].clip(0), "complete")
    cluster = fcluster(tree, 1 - TOGETHER, "distance")
    members = [[str(name) for name in ranks.columns[cluster == number]] for number in np.unique(cluster)]
    return [names for names in members if len(names) > 1]


class _Scores:
    """Scores predictions by a metric, on all rows and without each part of them."""

    def __init__(self, metric: Metric, units: Units) -> None:
        self._metric, self._units, self._parts = metric, units, divide(units)

    def __call__(self, estimator: Any, X: Any, y: np.ndarray) -> dict[str, float]:  # noqa: ANN401  of scikit-learn
        return self.of(y, np.asarray(estimator.predict(X), dtype=float))

    def of(self, y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
        """Return the scores of predictions, shape (n_rows,); only that of all rows if the metric has no means."""
        sign, weights = self._metric.sign, self._units.weights
        statistic = self._metric.find_statistic(y, predicted, weights)
        scores = {WHOLE: sign * self._metric.measure(y, predicted, weights)}
        if isinstance(statistic, OfMeans) and self._parts.max() > 0:
            without = leave_out(statistic, self._parts, self._units.weight_of_rows)
            scores |= {f"without {n}": sign * value for n, value in enumerate(without)}
        return scores


def _shuffle(
    pipeline: Pipeline,
    X: pd.DataFrame,
    y: np.ndarray,
    scores: _Scores,
    parts: Sequence[Sequence[str]],
    n_repeats: int,
    config: EvaluationConfig,
) -> list[Group]:
    """Return the importance of each part of the columns, each shuffled in the same orders of the rows."""
    before = pd.Series(scores(pipeline, X, y))
    orders = _draw_orders(len(X), n_repeats, config.random_state)
    arguments = (pipeline, X, y, scores, before, orders)
    return list(Parallel(n_jobs=config.n_jobs)(delayed(_shuffle_part)(*arguments, names) for names in parts))


def _draw_orders(n_rows: int, n_repeats: int, seed: int) -> list[np.ndarray]:
    """Return the orders in which sklearn.inspection.permutation_importance shuffles each column."""
    rng = np.random.RandomState(np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1))
    shuffled, order, orders = np.arange(n_rows), np.arange(n_rows), []
    for _ in range(n_repeats):
        rng.shuffle(shuffled)
        order = order[shuffled]
        orders.append(order)
    return orders


def _shuffle_part(
    pipeline: Pipeline,
    X: pd.DataFrame,
    y: np.ndarray,
    scores: _Scores,
    before: pd.Series,
    orders: Sequence[np.ndarray],
    names: Sequence[str],
) -> Group:
    """Return the importance of columns; shuffles of few rows are predicted at once, since a call takes long."""
    at_once = max(1, ROWS_AT_ONCE // len(X))
    after = []
    for first in range(0, len(orders), at_once):
        some = orders[first : first + at_once]
        shuffled = [X.assign(**{name: X[name].array.take(order) for name in names}) for order in some]
        predicted = np.asarray(pipeline.predict(pd.concat(shuffled)), dtype=float)
        after += [scores.of(y, each) for each in predicted.reshape(len(some), len(X))]
    drops = before - pd.DataFrame(after)
    without = drops.mean().drop(WHOLE).to_numpy()
    error = float(find_error(without)) if len(without) else np.nan
    return Group(tuple(names), float(drops[WHOLE].mean()), float(drops[WHOLE].std(ddof=0)), error)


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
