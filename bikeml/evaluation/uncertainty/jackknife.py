"""
The standard error of a figure over rows, from its values without each of some parts of the rows.

Source: the delete-a-group jackknife, in Wolter, Introduction to Variance Estimation (2007), chapter 4; Efron and
Tibshirani, An Introduction to the Bootstrap (1993), chapter 11.
"""

import numpy as np

from bikeml.evaluation.uncertainty.intervals import OfMeans
from bikeml.evaluation.uncertainty.units import Units

PARTS = 20  # the error of an error is then 16 %


def divide(units: Units) -> np.ndarray:
    """Return the part of each row, shape (n_rows,), of at most PARTS: whole units, and periods of a series."""
    n_parts = min(PARTS, units.n_units)
    return np.asarray(units.labels * n_parts // units.n_units if units.is_series else units.labels % n_parts)


def leave_out(statistic: OfMeans, parts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return a statistic of the rows, each counted by its weight, without each of the parts, shape (n_parts,)."""
    sizes = np.bincount(parts, weights=weights)
    weighted = [term * weights for term in statistic.terms]
    terms = np.array([(term.sum() - np.bincount(parts, weights=term)) for term in weighted])
    with np.errstate(all="ignore"):  # what is left may be constant
        return np.asarray(statistic.value(*(terms / (weights.sum() - sizes))))


def find_error(values: np.ndarray) -> np.ndarray:
    """Return the standard error of figures from their values without each part, shape (n_parts, ...)."""
    n_parts = len(values)
    return np.asarray(np.sqrt((n_parts - 1) / n_parts * ((values - values.mean(axis=0)) ** 2).sum(axis=0)))
