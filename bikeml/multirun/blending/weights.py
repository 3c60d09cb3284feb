"""
Choose the weights of a blend: how often each model counts in the mean of their predictions.

Sources: Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble Selection from Libraries of Models (2004), with
replacement; for leaving most models out, and choosing several times on some of the rows, Caruana, Munson and
Niculescu-Mizil, Getting the Most Out of Ensemble Selection (2006).
"""

from collections.abc import Callable

import numpy as np

from bikeml.evaluation.metric import Metric

STEPS = 25
"""So many models are chosen at most, the same again too; more hardly change a blend (docs/models.md)."""
FEWEST_BEST, SHARE_OF_BEST = 8, 1 / 3
"""So many of the best models may have a weight: of many others, one would fit by chance (docs/models.md)."""
LEAST_GAIN = 1e-9
"""The share of a score by which it must rise, so that rounding chooses no model."""
OF_SQUARES = ("r2", "mse", "rmse")
"""The metrics for which one blend is better than another on the same rows if its mean squared error is lower."""
LARGEST = 1e300

Scores = Callable[[np.ndarray], np.ndarray]
"""Takes how often each model counts so far; returns the score if each counted once more; both of shape (n_models,)."""


def choose_weights(
    y: np.ndarray,
    predictions: np.ndarray,
    rows: np.ndarray,
    folds: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None = None,
) -> np.ndarray:
    """
    Return how often each model counts, shape (n_models,): the sum of what is best without the rows of each fold.

    What a few rows ask for, those of one fold, is asked for once less often. Only the best models on all rows are in
    question. `y`, `rows`, `folds` and the weights of the rows have shape (n_predictions,), `predictions` (n_models,
    n_predictions); of rows that repeats predict again, the fold of the first time counts.
    """
    kept = _find_best(y, predictions, metric, sample_weight)
    _, first, place = np.unique(rows, return_index=True, return_inverse=True)
    of_rows = folds[first][place]
    numbers = np.unique(of_rows)
    parts = [of_rows != number for number in numbers] if len(numbers) > 1 else [np.ones(len(y), dtype=bool)]
    found = np.zeros(len(predictions), dtype=int)
    for part in parts:
        weights = None if sample_weight is None else sample_weight[part]
        found[kept] += select_greedily(y[part], predictions[np.ix_(kept, part)], metric, weights)
    return found


def _find_best(y: np.ndarray, predictions: np.ndarray, metric: Metric, sample_weight: np.ndarray | None) -> np.ndarray:
    """Return the positions of the models that may have a weight, in their order."""
    most = max(FEWEST_BEST, round(SHARE_OF_BEST * len(predictions)))
    scores = _find_scores(y, predictions, metric, sample_weight)(np.zeros(len(predictions), dtype=int))
    return np.sort(np.argsort(-np.nan_to_num(scores, nan=-np.inf, neginf=-np.inf), kind="stable")[:most])


def select_greedily(
    y: np.ndarray, predictions: np.ndarray, metric: Metric, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """
    Return how often each model counts, shape (n_models,), in the blend that is best for these rows.

    Begin with the best model, and at each step add the one with which the mean is best; the best step of all counts.
    At the first that gains nothing the second model would have to be worth half of the blend, so go on: the same model
    again leaves the mean as it is, and less weight to the next. `y` and the weights of the rows have shape (n_rows,),
    `predictions` (n_models, n_rows). Each model counts once if the metric is undefined.
    """
    find_scores = _find_scores(y, predictions, metric, sample_weight)
    counts, best = np.zeros(len(predictions), dtype=int), -np.inf
    found = np.ones_like(counts)
    for _ in range(STEPS):
        scores = np.nan_to_num(find_scores(counts), nan=-np.inf, neginf=-np.inf)
        chosen = int(scores.argmax())
        counts[chosen] += 1
        if scores[chosen] > best + LEAST_GAIN * (abs(best) if np.isfinite(best) else 0):
            best, found = scores[chosen], counts.copy()
    return found


def choose_fold_weights(
    y: np.ndarray,
    predictions: np.ndarray,
    rows: np.ndarray,
    folds: np.ndarray,
    metric: Metric,
    sample_weight: np.ndarray | None = None,
    *,
    in_order: bool,
) -> np.ndarray:
    """
    Return the weights with which each fold is scored, shape (n_folds, n_models), chosen without the rows of the fold.

    `predictions` are out-of-fold ones, shape (n_models, n_predictions); `y`, `rows` and `folds` tell the actual value,
    the row and the number of the fold of each, shape (n_predictions,). With `in_order` the folds follow each other in
    time, so weights are chosen on earlier folds only; before the first one nothing is known, and each model counts
    once.
    """
    weights = []
    for fold in np.unique(folds):
        known = folds < fold if in_order else ~np.isin(rows, rows[folds == fold])  # repeats predict a row again
        of_rows = None if sample_weight is None else sample_weight[known]
        weights.append(choose_weights(y[known], predictions[:, known], rows[known], folds[known], metric, of_rows))
    return np.array(weights)


def average(predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean of predictions, shape (n_models, n_rows), to the bit as a VotingRegressor does."""
    counted = weights > 0
    return np.asarray(np.average(predictions[counted].T, axis=1, weights=weights[counted]))


def _find_scores(y: np.ndarray, predictions: np.ndarray, metric: Metric, sample_weight: np.ndarray | None) -> Scores:
    score = _score_squares if metric.name in OF_SQUARES else _score
    return score(y, predictions, metric, sample_weight)


def _score_squares(y: np.ndarray, predictions: np.ndarray, _: Metric, sample_weight: np.ndarray | None) -> Scores:
    """Return what scores a blend by its mean squared error, which the products of the models' errors tell."""
    with np.errstate(over="ignore", invalid="ignore"):
        errors = predictions - y
        if sample_weight is not None:
            errors = errors * np.sqrt(sample_weight)  # a factor that all scores share changes no choice
        products = np.nan_to_num(errors @ errors.T / max(1, len(y)), nan=LARGEST, posinf=LARGEST, neginf=-LARGEST)

    def find_scores(counts: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            of_blend = products @ counts
            squares = counts @ of_blend + 2 * of_blend + products.diagonal()
            return np.asarray(-squares / (counts.sum() + 1) ** 2)

    return find_scores if len(y) else lambda counts: np.full(len(counts), np.nan)


def _score(y: np.ndarray, predictions: np.ndarray, metric: Metric, sample_weight: np.ndarray | None) -> Scores:
    def find_scores(counts: np.ndarray) -> np.ndarray:
        blends = (counts @ predictions + predictions) / (counts.sum() + 1)
        return np.array(
            [metric.sign * metric.measure(y, blend, sample_weight) if len(y) else np.nan for blend in blends]
        )

    return find_scores
