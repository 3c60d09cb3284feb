"""
Put the units of a series into blocks that follow each other, for a bootstrap of values that depend on their neighbours.

Source: Politis and Romano, A Circular Block-Resampling Procedure for Stationary Data (1992).
"""

import math
from typing import NamedTuple

import numpy as np


class Memory(NamedTuple):
    """How far the values of a series depend on each other."""

    length: int
    """How many neighbours make a block; 1 if values hardly depend on each other."""
    variance: float
    """The variance of the mean times the number of values."""


def measure_memory(values: np.ndarray) -> Memory:
    """
    Return the memory of a series, shape (n_units,), whose mean is 0.

    The variance is the larger one of two: that over the blocks, which is too small since the ends of a block do not
    know their neighbours, and that with a flat-top lag window, which may be negative. Sources: Politis and White,
    Automatic Block-Length Selection for the Dependent Bootstrap (2004); Patton, Politis and White, Correction (2009),
    for circular blocks; Politis and Romano, Bias-Corrected Nonparametric Spectral Estimation (1995), for the window.
    """
    n_units = len(values)
    n_quiet = max(5, math.ceil(math.sqrt(math.log10(n_units))))
    most = min(math.ceil(math.sqrt(n_units)) + n_quiet, n_units - 1)
    covariances = _autocovariances(values, most)
    is_large = np.abs(covariances[1:]) >= covariances[0] * 2 * math.sqrt(math.log10(n_units) / n_units)
    lags = np.arange(min(2 * _find_quiet(is_large, n_quiet), most) + 1)
    weighted = np.minimum(1, 2 * (1 - lags / lags[-1])) * covariances[lags]
    bend, level = 2 * float(lags @ weighted), 2 * float(weighted.sum()) - float(covariances[0])
    longest = math.ceil(min(3 * math.sqrt(n_units), n_units / 3))
    best = (1.5 * (bend / level) ** 2 * n_units) ** (1 / 3) if level else 1
    length = max(1, min(longest, round(best)))
    return Memory(length, max(level, float(np.mean(sum_blocks(values, length) ** 2)) / length))


def _autocovariances(values: np.ndarray, most: int) -> np.ndarray:
    """Return the autocovariances at the lags from 0 to `most`, of values whose mean is 0."""
    return np.array([values[lag:] @ values[: len(values) - lag] for lag in range(most + 1)]) / len(values)


def _find_quiet(is_large: np.ndarray, n_quiet: int) -> int:
    """Return the first lag of `n_quiet` small autocorrelations in a row, from 1; or else the last large one."""
    for lag in range(len(is_large) - n_quiet + 1):
        if not is_large[lag : lag + n_quiet].any():
            return lag + 1
    return int(np.flatnonzero(is_large)[-1] + 1) if is_large.any() else 1


def sum_blocks(values: np.ndarray, length: int) -> np.ndarray:
    """Return the sums over each block of `length` neighbours, shape (n_units, ...); the last meets the first."""
    if length == 1:
        return values
    sums = np.cumsum(np.concatenate([values, values[: length - 1]]), axis=0)
    return np.concatenate([sums[length - 1 : length], sums[length:] - sums[:-length]])
