"""Judge a fitted pipeline: metrics with bootstrap intervals, and cross-validation."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import bootstrap
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error
from threadpoolctl import threadpool_limits

from bikeml.config.schema import EvaluationConfig
from bikeml.evaluation.threads import all_cores
from bikeml.table.split import Fold

METRICS = ("mse", "rmse", "mae", "r2")
BOOTSTRAP_BATCH_CELLS = 250_000  # limits the memory of the resampled rows to some megabytes
MANY_ROWS = 10_000  # of more rows, blocks are drawn instead of single rows
BLOCKS = 5_000  # with so many blocks, the width of an interval has a standard error of 1 %


@dataclass(frozen=True)
class CrossValidation:
    """Scores and predictions of the same parameters on every fold."""

    r2: tuple[float, ...]
    rmse: tuple[float, ...]
    """In the target's unit."""
    n_fit: tuple[int, ...]
    """The number of rows that each fold was fitted on."""
    n_score: tuple[int, ...]
    """The number of rows that each fold was scored on."""
    folds: str
    """The sha256 of the folds' rows; if two configurations have the same, their scores can be compared in pairs."""
    predictions: tuple[np.ndarray, ...]
    """For the rows that each fold was scored on, shape (n_score,) each."""


def measure(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, float]:
    """
    Return MSE, RMSE, MAE and R2 of predictions.

    Both arrays have shape (n_rows,). MSE is in the squared unit of the target, RMSE and MAE in its unit.
    """
    mse = float(mean_squared_error(y_true, y_pred))
    mae = float(mean_absolute_error(y_true, y_pred))
    return {"mse": mse, "rmse": mse**0.5, "mae": mae, "r2": float(r2_score(y_true, y_pred))}


def intervals(y_true: np.ndarray, y_pred: np.ndarray, config: EvaluationConfig) -> dict[str, tuple[float, float]]:
    """
    Return percentile bootstrap intervals of the metrics over the held-out rows.

    Both arrays have shape (n_rows,) and are drawn in pairs. More than MANY_ROWS rows are put at random into BLOCKS
    blocks, and whole blocks are drawn. The intervals are as wide as with single rows, in a time that hardly depends on
    the number of rows.

    Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; for sums over random groups in
    place of rows, Wolter, Introduction to Variance Estimation (2007), chapter 2.
    """
    y_true, y_pred = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    few = len(y_true) <= MANY_ROWS
    data = (y_true, y_pred) if few else _block_sums(y_true, y_pred, np.random.default_rng(config.random_state))
    drawn = bootstrap(
        data,
        _metrics_of_draws if few else _metrics_of_block_draws,
        paired=True,
        n_resamples=config.bootstrap_samples,
        batch=max(1, BOOTSTRAP_BATCH_CELLS // len(data[0])),
        confidence_level=config.confidence,
        method="percentile",
        rng=np.random.default_rng(config.random_state),
    ).confidence_interval
    return {name: (float(low), float(high)) for name, low, high in zip(METRICS, drawn.low, drawn.high, strict=True)}


def _metrics_of_draws(y_true: np.ndarray, y_pred: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the METRICS of many draws at once, shape (4, n_draws)."""
    error = y_true - y_pred
    mse = np.mean(error**2, axis=axis)
    r2 = 1 - mse / np.var(y_true, axis=axis)
    return np.stack([mse, np.sqrt(mse), np.mean(np.abs(error), axis=axis), r2])


def _block_sums(y_true: np.ndarray, y_pred: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return for each block its row count, and its sums of squared and absolute errors, centred y and its square."""
    block = rng.permutation(len(y_true)) % BLOCKS  # random, since the rows may be sorted
    error, centred = y_true - y_pred, y_true - y_true.mean()
    sums = (np.ones_like(error), error**2, np.abs(error), centred, centred**2)
    return tuple(np.bincount(block, weights=values, minlength=BLOCKS) for values in sums)


def _metrics_of_block_draws(*sums: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the METRICS of many draws of blocks at once, shape (4, n_draws)."""
    n_rows, *totals = (values.sum(axis=axis) for values in sums)
    mse, mae, mean, mean_square = (total / n_rows for total in totals)
    return np.stack([mse, np.sqrt(mse), mae, 1 - mse / (mean_square - mean**2)])


def cross_validation(
    estimators: Sequence[BaseEstimator],
    X: pd.DataFrame,
    y: np.ndarray,
    folds: Sequence[Fold],
    n_jobs: int | None = None,
) -> CrossValidation:
    """
    Fit and score a clone of each estimator on its fold of X, shape (n_rows, n_features), and y, shape (n_rows,).

    Each fold has its own estimator, since the folds of a nested search depend on the rows that the search is given.
    `n_jobs` folds are judged at once, each as if it were alone.
    """
    judge = delayed(_judge_fold)
    judged = Parallel(n_jobs)(judge(each, X, y, fold) for each, fold in zip(estimators, folds, strict=True))
    r2, rmse, predictions = zip(*judged, strict=True)
    return CrossValidation(
        tuple(r2),
        tuple(rmse),
        tuple(len(fit) for fit, _ in folds),
        tuple(len(score) for _, score in folds),
        _digest(folds),
        tuple(predictions),
    )


def _judge_fold(
    estimator: BaseEstimator, X: pd.DataFrame, y: np.ndarray, fold: Fold
) -> tuple[float, float, np.ndarray]:
    """Return R2, RMSE and the predictions of a fold."""
    fit, score = fold
    estimator = clone(estimator)
    # One BLAS thread also in a worker, since the last digits of a product depend on the number of threads.
    with threadpool_limits(limits=1, user_api="blas"):
        with all_cores(estimator, len(fit)):
            estimator.fit(X.iloc[fit], y[fit])
        predicted = estimator.predict(X.iloc[score])
    r2, rmse = r2_score(y[score], predicted), root_mean_squared_error(y[score], predicted)
    return float(r2), float(rmse), np.asarray(predicted, dtype=float)


def _digest(folds: Sequence[Fold]) -> str:
    digest = hashlib.sha256()
    for rows in chain.from_iterable(folds):
        digest.update(np.ascontiguousarray(rows, dtype="<i8").tobytes())
        digest.update(b"|")
    return digest.hexdigest()
