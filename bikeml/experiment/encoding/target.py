"""Let the model learn a transformed target, and go back for its predictions."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor

from bikeml.errors import FitError

LEARNED = "regressor"
"""The argument of a TransformedTargetRegressor that is the model."""


def transform_target(model: BaseEstimator, transformer: BaseEstimator | None) -> BaseEstimator:
    """Return `model` if there is no transformer, or else one that learns what it makes of the target, and goes back."""
    return model if transformer is None else TransformedTargetRegressor(model, transformer=transformer)


def find_learner(model: BaseEstimator) -> BaseEstimator:
    """Return the estimator that learns: the one inside a TransformedTargetRegressor, fitted if that is."""
    if isinstance(model, TransformedTargetRegressor):
        return find_learner(getattr(model, "regressor_", None) or model.regressor)
    return model


def check_target(transformer: BaseEstimator | None, y: np.ndarray, rows: np.ndarray) -> None:
    """
    Raise FitError if a transformer makes no finite number of a target `y` of the training rows, shape (n_rows,).

    `rows` are the numbers of these rows in the table, from 1, shape (n_rows,).
    """
    if transformer is None:
        return
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # the fit repeats them
        try:
            made = np.asarray(clone(transformer).fit_transform(y.reshape(-1, 1)), dtype=float).reshape(len(y), -1)
        except ValueError as error:
            raise FitError(f"target.transformer cannot take the target: {error}; choose target=identity") from error
    bad = np.flatnonzero(~np.isfinite(made).all(axis=1))
    if len(bad):
        values = y[bad]
        raise FitError(
            f"target.transformer makes no number of {len(bad):,} of the {len(y):,} training rows' targets, from "
            f"{values.min():g} to {values.max():g}, the first in row {rows[bad].min():,}; choose target=identity or "
            "quantile, which take any number"
        )
