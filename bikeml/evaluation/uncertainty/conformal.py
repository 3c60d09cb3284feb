"""Prediction intervals that hold the truth of a new row with a given probability, whatever the model."""

import math
from collections.abc import Sequence

import numpy as np

from bikeml.errors import ConfigError

ROUNDING = 1e-12
"""How far a sum of weights may be from a share of them by rounding alone."""


def conformal_width(
    residuals: np.ndarray, level: float, scale: np.ndarray | None = None, weights: np.ndarray | None = None
) -> float:
    """
    Return half the width of a prediction interval with a coverage of `level`, in the target's unit.

    With a `scale`, shape (n_rows,), of the typical absolute residual of each row, the width is in units of the new
    row's scale, so that rows that are hard to predict have wider intervals.

    `residuals`, shape (n_rows,), must come from rows that neither fitted nor chose the model or the scale. The interval
    then covers the truth of a new row with a probability of at least `level`. Without ties the probability is at most
    level + 1 / (n_rows + 1). This is true for every model, scale and distribution if the new row and these rows are
    exchangeable. It is an average over rows, not a promise for each kind of row. Residuals of a cross-validation do not
    suffice: without the models of the folds they guarantee nothing, and with them (CV+) only 2 level - 1.

    With `weights`, shape (n_rows,), the interval is for new rows that are drawn as often as the weights say. The weight
    of a new row is not known, so it is taken to be the mean one of such rows; the rows then count as as many as Kish's
    effective number, (sum of weights)² / sum of squares, and the promise holds about.

    Source: split conformal prediction, in Lei et al., Distribution-Free Predictive Inference for Regression, JASA 113
    (2018), theorem 2, and section 5.2 with a scale; on cross-validation Barber et al., Predictive inference with the
    jackknife+, Annals of Statistics 49 (2021); with weights Tibshirani et al., Conformal Prediction Under Covariate
    Shift, NeurIPS 32 (2019), and Kish, Survey Sampling (1965), for the effective number.
    """
    n_rows = len(residuals)
    weights = np.ones(n_rows) if weights is None else weights
    of_new_row = float(np.average(weights, weights=weights)) if n_rows else 1.0
    below = level * (weights.sum() + of_new_row) * (1 - ROUNDING)
    if below > weights.sum():
        needed = math.ceil(round(level / (1 - level), 9))
        counts_as = weights.sum() / of_new_row
        have = f"{n_rows:,}" + (
            f", which count as {counts_as:.1f} by their weights" if n_rows and np.ptp(weights) > 0 else ""
        )
        raise ConfigError(
            f"interval={level} needs {needed:,} held-out rows at least, and the run has {have}; set a lower one"
        )
    scores = np.abs(residuals) / (1 if scale is None else scale)
    order = np.argsort(scores, kind="stable")
    return float(scores[order][np.searchsorted(np.cumsum(weights[order]), below)])


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
