"""Prediction intervals that hold the truth of a new row with a given probability, whatever the model."""

import math
from collections.abc import Sequence

import numpy as np

from bikeml.errors import ConfigError


def conformal_width(residuals: np.ndarray, level: float, scale: np.ndarray | None = None) -> float:
    """
    Return half the width of a prediction interval with a coverage of `level`, in the target's unit.

    With a `scale`, shape (n_rows,), of the typical absolute residual of each row, the width is in units of the new
    row's scale, so that rows that are hard to predict have wider intervals.

    `residuals`, shape (n_rows,), must come from rows that neither fitted nor chose the model or the scale. The interval
    then covers the truth of a new row with a probability of at least `level`. Without ties the probability is at most
    level + 1 / (n_rows + 1). This is true for every model, scale and distribution if the new row and these rows are
    exchangeable. It is an average over rows, not a promise for each kind of row. Residuals of a cross-validation do not
    suffice: without the models of the folds they guarantee nothing, and with them (CV+) only 2 level - 1.

    Source: split conformal prediction, in Lei et al., Distribution-Free Predictive Inference for Regression, JASA 113
    (2018), theorem 2, and section 5.2 with a scale; on cross-validation Barber et al., Predictive inference with the
    jackknife+, Annals of Statistics 49 (2021).
    """
    n_rows = len(residuals)
    rank = math.ceil(round((n_rows + 1) * level, 9))
    if rank > n_rows:
        needed = math.ceil(round(level / (1 - level), 9))
        raise ConfigError(
            f"interval={level} needs {needed:,} held-out rows at least, and the run has {n_rows:,}; set a lower one"
        )
    scores = np.abs(residuals) / (1 if scale is None else scale)
    return float(np.partition(scores, rank - 1)[rank - 1])


def conformal_interval(
    predicted: np.ndarray, half_width: np.ndarray | float, possible: Sequence[float | None] = (None, None)
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the low and high ends of intervals around predictions, shape (n_rows,), within the values that are possible.

    `possible` is the low and the high end of the target's range; None is no limit. No truth lies outside of the range,
    so the coverage stays.
    """
    least, most = (sign * math.inf if end is None else end for sign, end in zip((-1, 1), possible, strict=True))
    low, high = (np.clip(predicted + sign * half_width, least, most) for sign in (-1, 1))
    return low, high
