"""Learn which rows are hard to predict: a small model of the absolute errors of predictions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline

from bikeml.table.split import Fold

N_TREES, LEAF_ROWS, SHARE_OF_COLUMNS = 10, 20, 0.5  # chosen by scripts/simulations/predictions.py
OFFSET = 0.05  # of the mean absolute error is added to each error, so that no scale is 0
LARGEST = 1e30  # a forest takes 32 bits, and adds the values up to see whether they are finite
MOST_ROWS = 5_000  # more rows hardly change a scale
MOST_COLUMNS = 200  # of more encoded columns, or sparse ones, the scale sees the prediction alone


def fit_scale(
    pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray, folds: Sequence[Fold], predictions: Sequence[np.ndarray]
) -> RandomForestRegressor | None:
    """
    Return a model of the absolute errors of `predictions`, in units of their mean, for the rows that each fold scores.

    X, shape (n_rows, n_features), and y, shape (n_rows,), are the training rows, so the held-out rows neither fit nor
    choose the scale. Return None if there are too few rows to learn from, or no errors.

    Source: locally weighted intervals, in Lei et al., Distribution-Free Predictive Inference for Regression, JASA 113
    (2018), section 5.2; the forest is that of Breiman, Random Forests (2001).
    """
    rows, predicted = np.concatenate([scored for _, scored in folds]), np.concatenate(predictions)
    errors = np.abs(y[rows] - predicted)
    known = np.flatnonzero(np.isfinite(errors))
    if len(known) < 2 * LEAF_ROWS or not errors[known].any():
        return None
    known = known[:: 1 + (len(known) - 1) // MOST_ROWS]
    errors = errors[known]
    forest = RandomForestRegressor(N_TREES, min_samples_leaf=LEAF_ROWS, max_features=SHARE_OF_COLUMNS, random_state=0)
    errors = errors / errors.mean() + OFFSET  # a forest splits no errors whose squares are below 1e-16
    forest.fit(_encode(pipeline, X.iloc[rows[known]], predicted[known]), errors)
    tells_rows_apart = any(tree.tree_.node_count > 1 for tree in forest.estimators_)
    return forest if tells_rows_apart else None


def predict_scale(
    forest: RandomForestRegressor, pipeline: Pipeline, X: pd.DataFrame, predicted: np.ndarray
) -> np.ndarray:
    """Return the scale of rows X, shape (n_rows, n_features), and their predictions, shape (n_rows,): (n_rows,)."""
    return np.asarray(forest.predict(_encode(pipeline, X, predicted)))


def _encode(pipeline: Pipeline, X: pd.DataFrame, predicted: np.ndarray) -> np.ndarray:
    """Return what the scale sees of each row: the prediction, and the columns as the model has them if they are few."""
    steps = pipeline[:-1] if len(pipeline) > 1 else pipeline[-1].estimators_[0][:-1]  # of the first member of a blend
    encoded = steps.transform(X)
    seen = [] if issparse(encoded) or encoded.shape[1] > MOST_COLUMNS else [np.asarray(encoded, dtype=float)]
    return np.asarray(np.clip(np.column_stack([predicted, *seen]), -LARGEST, LARGEST))
