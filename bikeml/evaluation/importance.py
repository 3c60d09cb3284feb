"""Measure how much a fitted pipeline needs each column, by permutation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from bikeml.config.schema import EvaluationConfig
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.evaluation.uncertainty.intervals import OfMeans
from bikeml.evaluation.uncertainty.jackknife import divide, find_error, leave_out
from bikeml.evaluation.uncertainty.units import Units

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
    with np.errstate(invalid="ignore"), threadpool_limits(limits=1 if is_sample else None):
        mean, std, error = _shuffle_columns(pipeline, X, y, scores, n_repeats, config)
        found = tuple(_shuffle_groups(pipeline, X, y, scores, groups, n_repeats, config.random_state))
    return Importance(tuple(map(str, X.columns)), mean, std, n_rows, n_repeats, error, found)


def _shuffle_columns(
    pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray, scores: "_Scores", n_repeats: int, config: EvaluationConfig
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation over the shuffles, and the error over the rows, of each column."""
    drops = permutation_importance(
        pipeline,
        X,
        y,
        scoring=scores,
        n_repeats=n_repeats,
        random_state=config.random_state,
        n_jobs=config.n_jobs,
    )
    without = [each.importances_mean for name, each in drops.items() if name != WHOLE]
    error = tuple(find_error(np.array(without)).tolist()) if without else ()
    return tuple(drops[WHOLE].importances_mean.tolist()), tuple(drops[WHOLE].importances_std.tolist()), error


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


def _shuffle_groups(
    pipeline: Pipeline,
    X: pd.DataFrame,
    y: np.ndarray,
    scores: _Scores,
    groups: Sequence[Sequence[str]],
    n_repeats: int,
    seed: int,
) -> Iterator[Group]:
    """Yield the importance of each group; all shuffles are predicted at once, since a call takes long for few rows."""
    rng = np.random.default_rng(seed)
    if not groups:
        return
    before = pd.Series(scores(pipeline, X, y))
    for names in groups:
        mixed = [X.iloc[rng.permutation(len(X))] for _ in range(n_repeats)]
        shuffled = [X.assign(**{name: rows[name].array for name in names}) for rows in mixed]
        predicted = np.asarray(pipeline.predict(pd.concat(shuffled)), dtype=float).reshape(n_repeats, len(X))
        drops = before - pd.DataFrame([scores.of(y, each) for each in predicted])
        mean = drops.mean()
        error = float(find_error(mean.drop(WHOLE).to_numpy())) if len(mean) > 1 else np.nan
        yield Group(tuple(names), float(mean[WHOLE]), float(drops[WHOLE].std(ddof=0)), error)


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
