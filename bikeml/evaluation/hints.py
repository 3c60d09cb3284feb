"""Say what a colleague would of a finished run: what makes its score doubtful, and what to do."""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from bikeml.config.schema import Config
from bikeml.evaluation.choice import OF_A_QUANTILE, find_quantile
from bikeml.evaluation.importance import Importance
from bikeml.evaluation.metrics import AT_A_QUANTILE, at_quantile
from bikeml.table.association import find_twins, is_disguise
from bikeml.table.columns.names import as_override
from bikeml.table.structure.ties import RANDOM, find_ties

SAMPLE_ROWS = 10_000
"""Of more training rows, a sample is looked at for columns that are almost the target."""
HELD_OUT_SAMPLE_ROWS = 1_000
"""Of more held-out rows, twins of a sample are looked for."""
PERFECT = 0.99995  # is shown as 1.0000
LEARNED = 0.1  # the test R2 of a model that has learned something: below it, importances are noise
DOMINANT = 0.9
MANY_TWINS = 0.01
SKEWED, HALVED = 1.0, 0.5
MOST_OF_THE_ERROR, FEW_ROWS = 0.9, 20
_SEEN: dict[Hashable, tuple[Sequence[str], Sequence[str]]] = {}
"""What the last rows told: those of the next cell of a sweep are mostly the same."""
LOG_LINKS = ("gamma", "poisson")
LOG_MODELS = ("GammaRegressor", "PoissonRegressor", "TweedieRegressor", "TransformedTargetRegressor")


class Rows(NamedTuple):
    """The rows that a run was fitted and scored on: features, shape (n_rows, n_features), and target, (n_rows,)."""

    X_train: pd.DataFrame
    y_train: np.ndarray
    X_test: pd.DataFrame
    dates: pd.Series | None = None
    """Of the training rows, shape (n_rows,)."""
    key: Hashable = None
    """Equal only for equal rows; None if nobody knows."""


def find_hints(config: Config, rows: Rows, test_r2: float, importance: Importance) -> Iterator[str]:
    """Yield hints on a run, the most serious first, each with what to do."""
    if test_r2 >= PERFECT:
        yield (
            "the test R² is 1.0000: a column may be known only after the target, or be made of it; leave such a "
            "column out with data.ignored"
        )
    disguises, ties = _look(config, rows)
    yield from disguises
    if test_r2 >= LEARNED:
        yield from _find_dominant(importance)
    yield from ties
    quantile = find_quantile(config.model.estimator)
    if quantile is not None and not config.evaluation.rank.startswith(AT_A_QUANTILE):
        yield (
            f"the model predicts the quantile {quantile}, and evaluation.rank={config.evaluation.rank} is not made for "
            f"quantiles; evaluation.rank=auto ranks by {at_quantile(OF_A_QUANTILE, quantile)}, its pinball loss"
        )
    if begs_for_log(rows.y_train) and not (config.target.transformer or _models_log(config.model.estimator)):
        yield (
            f"the target {config.data.target!r} is positive and skewed to the right, and its logarithm is not; try "
            "target=log1p, or model=hist_gbr model.estimator.loss=gamma, which models the logarithm of its mean"
        )


def _look(config: Config, rows: Rows) -> tuple[Sequence[str], Sequence[str]]:
    """Return what rows tell whatever the model is: of columns, and of rows that are tied to others."""
    target, seed, kind = config.data.target, config.evaluation.random_state, config.split.kind
    key = (rows.key, seed, kind)
    if rows.key is None or key not in _SEEN:
        _SEEN.clear()
        ties = _find_ties(rows, target, seed) if kind in RANDOM else ()
        _SEEN[key] = [*_find_disguises(rows, target, seed)], [*_find_twins(rows, seed), *ties]
    return _SEEN[key]


def _find_disguises(rows: Rows, target: str, seed: int) -> Iterator[str]:
    chosen = _sample(len(rows.y_train), SAMPLE_ROWS, seed)
    X, y = rows.X_train.iloc[chosen], np.asarray(rows.y_train, dtype=float)[chosen]
    where = f" in a sample of {len(y):,} training rows" if len(y) < len(rows.y_train) else ""
    for name in X.columns:
        if is_numeric_dtype(X[name]) and is_disguise(X[name].to_numpy(dtype=float), y):
            yield (
                f"{name!r} is almost the target {target!r}, or a function of it{where}; to leave it out: "
                f"{as_override('ignored', [name])}"
            )


def _find_dominant(importance: Importance) -> Iterator[str]:
    """Yield a column, or columns that go together, with almost all of the importance."""
    grouped = {name for group in importance.groups for name in group.columns}
    single = zip(importance.columns, importance.mean, strict=True)
    falls_of: dict[tuple[str, ...], float] = {(name,): fall for name, fall in single if name not in grouped}
    falls_of |= {group.columns: group.mean for group in importance.groups}
    falls = np.clip(np.nan_to_num(np.array(list(falls_of.values()))), 0, None)
    if len(falls) > 1 and falls.max() > DOMINANT * falls.sum():
        names = list(falls_of)[int(falls.argmax())]
        have, are, them = ("has", "is it", "it") if len(names) == 1 else ("together have", "are they", "them")
        yield (
            f"{' and '.join(map(repr, names))} {have} {falls.max() / falls.sum():.0%} of the importance of all columns"
            f"; {are} known before the target? If not, leave {them} out: {as_override('ignored', list(names))}"
        )


def _find_twins(rows: Rows, seed: int) -> Iterator[str]:
    chosen = _sample(len(rows.X_test), HELD_OUT_SAMPLE_ROWS, seed)
    n_twins, are_many = find_twins(rows.X_test.iloc[chosen], rows.X_train)
    if are_many and n_twins >= MANY_TWINS * len(chosen):
        of = f"{n_twins:,} of {len(chosen):,} held-out rows"
        yield (
            f"{of}{' that were looked at' if len(chosen) < len(rows.X_test) else ''} have the same features as a "
            "training row, so the test scores may be too good; leave out copies, or try split=chronological"
        )


def _find_ties(rows: Rows, target: str, seed: int) -> Iterator[str]:
    """Yield groups and time, as explore does, which also knows the columns that are left out."""
    chosen = _sample(len(rows.y_train), SAMPLE_ROWS, seed)
    X, dates = rows.X_train.iloc[chosen], rows.dates
    if dates is None:  # a column of dates may be a feature
        dates = next((rows.X_train[name] for name in X.columns if is_datetime64_any_dtype(X[name])), None)
    dates = None if dates is None else dates.iloc[chosen]
    for what, advice in find_ties(X, np.asarray(rows.y_train, dtype=float)[chosen], target, dates, {}):
        yield f"{what}: {advice[0].lower()}{advice[1:]}"


def find_outlier(actual: np.ndarray, predicted: np.ndarray, numbers: np.ndarray) -> Iterator[str]:
    """Yield a hint on a held-out row that has most of the squared error; `numbers` are those of its rows, from 1."""
    errors = np.abs(actual - predicted)
    if len(errors) < FEW_ROWS or not 0 < errors.max() < np.inf:
        return
    squares, worst = (errors / errors.max()) ** 2, int(errors.argmax())
    if squares.sum() < 1 / MOST_OF_THE_ERROR:
        yield (
            f"one held-out row has {1 / squares.sum():.0%} of the squared error: the target of row {numbers[worst]} is "
            f"{actual[worst]:,.6g}, and {predicted[worst]:,.6g} is predicted; mend it if it is wrong, or leave it: "
            "evaluation.rank=mae heeds it less"
        )


def begs_for_log(y: np.ndarray) -> bool:
    """Return whether a target, shape (n_rows,), is positive and far more skewed to the right than its logarithm."""
    y = np.asarray(y, dtype=float)
    if y.min() <= 0:
        return False
    skewness = _skewness(y / y.max())  # the square of a tiny or a huge target is no float
    return skewness > SKEWED and abs(_skewness(np.log(y))) < HALVED * skewness


def _skewness(values: np.ndarray) -> float:
    centred, spread = values - values.mean(), values.std()
    return float(np.mean((centred / spread) ** 3)) if spread > 0 else 0.0


def _models_log(estimator: Any) -> bool:  # noqa: ANN401  any YAML value
    if isinstance(estimator, Sequence) and not isinstance(estimator, str):
        return any(map(_models_log, estimator))
    if not isinstance(estimator, dict):
        return False
    is_one = str(estimator.get("_target_", "")).endswith(LOG_MODELS) or estimator.get("loss") in LOG_LINKS
    return is_one or any(map(_models_log, estimator.values()))


def _sample(n_rows: int, at_most: int, seed: int) -> np.ndarray:
    if n_rows <= at_most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, at_most, replace=False))
