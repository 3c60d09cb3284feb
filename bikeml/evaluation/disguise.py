"""Find the target in disguise: a column that is almost the target, or a monotone function of it."""

import numpy as np
from scipy.stats import rankdata

ALMOST = 0.999
ROWS_OF_FIRST_LOOK = 1000
FIRST_LOOK = 0.98
FEWEST_ROWS = 10


def is_disguise(values: np.ndarray, target: np.ndarray) -> bool:
    """Return whether |Pearson's| or |Spearman's correlation| of two columns, shape (n_rows,), is at least ALMOST."""
    known = np.isfinite(values) & np.isfinite(target)
    values, target = values[known], target[known]
    if len(values) < FEWEST_ROWS:
        return False
    step = 1 + len(values) // ROWS_OF_FIRST_LOOK
    return _associate(values[::step], target[::step]) >= FIRST_LOOK and _associate(values, target) >= ALMOST


def _associate(values: np.ndarray, target: np.ndarray) -> float:
    return max(_correlate(values, target), _correlate(rankdata(values), rankdata(target)))


def _correlate(one: np.ndarray, other: np.ndarray) -> float:
    """Return the absolute correlation, 0 of a constant."""
    with np.errstate(over="ignore", invalid="ignore"):
        one, other = one - one.mean(), other - other.mean()
        size = np.sqrt((one @ one) * (other @ other))
        return abs(float(one @ other / size)) if np.isfinite(size) and size > 0 else 0.0
