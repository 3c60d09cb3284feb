"""A small forest that is asked how much better it predicts rows if it has seen others that belong to them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from scipy.special import stdtrit
from sklearn.ensemble import ExtraTreesRegressor

N_TREES, MOST_ROWS, MOST_COLUMNS = 10, 400, 60
LEAST_FALL = 0.1
"""Of R²: a smaller fall is nothing that a person would change the split for."""
CHANCE = 0.01
"""How often the losses differ so much by chance, by Student's t over the parts."""
LARGEST = 1e30
"""A forest takes 32 bits."""
FEWEST_PARTS = 8


@dataclass(frozen=True)
class Fall:
    """R² of the same rows, predicted by a forest that has seen rows that belong to them, and by one that has not."""

    column: str
    with_kin: float
    without: float

    @property
    def size(self) -> float:
        """How much R² falls."""
        return self.with_kin - self.without


def encode(X: pd.DataFrame) -> np.ndarray:
    """Return the columns as a forest takes them, shape (n_rows, n_features): words are codes, and dates are days."""
    columns = [_encode(X[name]) for name in X.columns[:MOST_COLUMNS]]
    return np.column_stack(columns) if columns else np.zeros((len(X), 1))


def _encode(column: pd.Series) -> np.ndarray:
    if is_datetime64_any_dtype(column):
        days = (column - column.min()).dt.total_seconds() / 86_400
        return np.asarray(days, dtype=float)
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        return np.asarray(np.clip(column.to_numpy(float, na_value=np.nan), -LARGEST, LARGEST))
    return pd.factorize(column)[0].astype(float)


def predict(X: np.ndarray, y: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the predictions for the rows that the folds score, shape (n_rows,), NaN for others."""
    predicted = np.full(len(y), np.nan)
    for fit, score in folds:
        forest = ExtraTreesRegressor(N_TREES, min_samples_leaf=2, random_state=0).fit(X[fit], y[fit])
        predicted[score] = forest.predict(X[score])
    return predicted


def compare(column: str, y: np.ndarray, with_kin: np.ndarray, without: np.ndarray, parts: np.ndarray) -> Fall | None:
    """
    Return by how much R² falls, of rows whose targets and two predictions have the shape (n_rows,); None if by chance.

    `parts`, shape (n_rows,), says which rows may err together; their absolute errors are compared in pairs.
    """
    losses = [(y - each) ** 2 for each in (with_kin, without)]
    variance, (_, part) = float(np.var(y)), np.unique(parts, return_inverse=True)
    n_parts = int(part.max()) + 1
    if n_parts < FEWEST_PARTS or not variance > 0:
        return None
    fall = Fall(column, *(1 - float(loss.mean()) / variance for loss in losses))
    sums = np.bincount(part, weights=np.sqrt(losses[1]) - np.sqrt(losses[0]))  # no row outweighs the others
    sizes = np.bincount(part)
    residual = sums - sizes * sums.sum() / sizes.sum()
    error = np.sqrt(n_parts / (n_parts - 1) * (residual**2).sum())
    return fall if fall.size >= LEAST_FALL and sums.sum() > stdtrit(n_parts - 1, 1 - CHANCE) * error else None
