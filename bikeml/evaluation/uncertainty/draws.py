"""
Statistics of many bootstrap draws at once.

RowDraws draws rows. BlockDraws draws random blocks of many rows, in a time that hardly depends on the number of rows.
Both have the same methods. Each takes a value for each row, shape (n_rows,), and returns a function of the positions
that are drawn, shape (n_draws, n_drawn), which returns the statistic of each draw, shape (n_draws,).

Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; for sums over random groups in place
of rows, Wolter, Introduction to Variance Estimation (2007), chapter 2.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

BLOCKS = 5_000  # with so many blocks, the width of an interval has a standard error of 1 %

Statistic = Callable[[np.ndarray], np.ndarray]


class Draws(Protocol):
    """What the formula of a metric is made of."""

    def mean(self, values: np.ndarray) -> Statistic:
        """Return the mean of each draw."""

    def variance(self, values: np.ndarray) -> Statistic:
        """Return the variance of each draw."""

    def median(self, values: np.ndarray) -> Statistic:
        """Return the median of each draw."""

    def least_pinball(self, values: np.ndarray, alpha: float) -> Statistic:
        """Return the mean pinball loss of each draw's own `alpha` quantile as the prediction of all of its values."""


class RowDraws:
    """Draws of single rows."""

    def __init__(self, n_rows: int) -> None:
        self.n_drawn = n_rows

    def mean(self, values: np.ndarray) -> Statistic:
        """Return the mean of each draw."""
        return lambda drawn: np.mean(values[drawn], axis=-1)

    def variance(self, values: np.ndarray) -> Statistic:
        """Return the variance of each draw."""
        return lambda drawn: np.var(values[drawn], axis=-1)

    def median(self, values: np.ndarray) -> Statistic:
        """Return the median of each draw."""
        return lambda drawn: np.median(values[drawn], axis=-1)

    def least_pinball(self, values: np.ndarray, alpha: float) -> Statistic:
        """Return the mean pinball loss of each draw's own `alpha` quantile."""

        def statistic(drawn: np.ndarray) -> np.ndarray:
            rows = values[drawn]
            return np.asarray(np.mean(pinball(rows - _quantile(rows, alpha), alpha), axis=-1))

        return statistic


class BlockDraws:
    """Draws of BLOCKS random blocks of rows."""

    def __init__(self, n_rows: int, rng: np.random.Generator) -> None:
        self._block = rng.permutation(n_rows) % BLOCKS  # random, since the rows may be sorted
        self._n_rows = np.bincount(self._block, minlength=BLOCKS)
        self.n_drawn = BLOCKS

    def mean(self, values: np.ndarray) -> Statistic:
        """Return the mean of each draw."""
        sums = np.bincount(self._block, weights=values, minlength=BLOCKS)
        return lambda drawn: sums[drawn].sum(axis=-1) / self._n_rows[drawn].sum(axis=-1)

    def variance(self, values: np.ndarray) -> Statistic:
        """Return the variance of each draw."""
        centred = values - values.mean()
        mean, mean_square = self.mean(centred), self.mean(centred**2)
        return lambda drawn: mean_square(drawn) - mean(drawn) ** 2

    def median(self, values: np.ndarray) -> Statistic:
        """
        Return the median of each draw, to the order of 1 / n_rows.

        If a draw has more rows below the median of all rows, its own median is the quantile of all rows that is lower
        by as much. Source: Woodruff, Confidence Intervals for Medians and Other Position Measures (1952).
        """
        ordered, is_below = np.sort(values), values <= np.median(values)
        below = self.mean(is_below)

        def statistic(drawn: np.ndarray) -> np.ndarray:
            quantile = np.clip(0.5 + is_below.mean() - below(drawn), 0, 1)
            return np.asarray(ordered[np.round(quantile * (len(ordered) - 1)).astype(int)])

        return statistic

    def least_pinball(self, values: np.ndarray, alpha: float) -> Statistic:
        """
        Return the mean pinball loss of each draw's own `alpha` quantile, to the order of 1 / n_rows.

        The quantile of all rows is in its place: near the quantile, where the loss is least, the loss hardly changes.
        """
        return self.mean(pinball(values - _quantile(values, alpha), alpha))


def pinball(errors: np.ndarray, alpha: float) -> np.ndarray:
    """Return the pinball loss of each error, actual minus predicted, at the quantile `alpha`."""
    return np.maximum(alpha * errors, (alpha - 1) * errors)


def _quantile(values: np.ndarray, alpha: float) -> np.ndarray:
    """Return the quantile that d2_pinball_score of scikit-learn 1.9 compares with, as an axis of length 1."""
    return np.asarray(np.quantile(values, alpha, axis=-1, keepdims=True, method="averaged_inverted_cdf"))
