"""A small forest that is asked how much better it predicts rows if it has seen others that belong to them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from scipy.special import stdtrit
from sklearn.tree import ExtraTreeRegressor

N_TREES, MOST_ROWS, MOST_COLUMNS = 10, 400, 60
LEAST_FALL = 0.1
"""Of R²: a smaller fall is nothing that a person would change the split for."""
LEEWAY = 0.07
"""Of that fall for a single tree, and half of it for the mean of two: if they see less, the rest is not asked."""
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


Folds = Sequence[tuple[np.ndarray, np.ndarray]]
"""The rows to fit and to score of each."""


def find_fall(
    column: str, X: np.ndarray, y: np.ndarray, parts: np.ndarray, with_kin: Folds, without: Folds
) -> Fall | None:
    """
    Return by how much R² falls without kin, of the rows that both kinds of folds score; None if by chance.

    X has the shape (n_rows, n_features) and y (n_rows,). `parts`, shape (n_rows,), says which rows may err together.
    Most tables are done with after two or three trees, of which a person who waits for a run notices nothing.
    """
    X = np.ascontiguousarray(X, dtype=np.float32)
    means = np.zeros((2, len(y)))
    for number in range(N_TREES):
        new = np.array([_predict(X, y, folds, number) for folds in (with_kin, without)])
        means += (new - means) / (number + 1)
        rows = np.isfinite(means).all(axis=0)
        losses = ((y - means)[:, rows] ** 2).mean(axis=1)
        if not losses[1] - losses[0] >= (LEAST_FALL - LEEWAY / (number + 1)) * float(np.var(y[rows])):
            return None
    return compare(column, y[rows], means[0, rows], means[1, rows], parts[rows])


def _predict(X: np.ndarray, y: np.ndarray, folds: Folds, seed: int) -> np.ndarray:
    """Return the predictions of a tree for the rows that the folds score, shape (n_rows,), NaN for others."""
    predicted, has_gaps = np.full(len(y), np.nan), bool(np.isnan(X).any())
    for fit, score in folds:
        tree = ExtraTreeRegressor(min_samples_leaf=2, max_features=1.0, random_state=seed)
        tree.fit(X[fit], y[fit], check_input=has_gaps)
        predicted[score] = tree.predict(X[score], check_input=has_gaps)
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
