"""The metrics that a run can be judged by: METRICS has one entry for each, and everything else reads it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from scipy.special import xlogy

from bikeml.errors import ConfigError
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.uncertainty.intervals import EXPLAINED, LOSS, Median, OfMeans, find_weighted_quantiles
from bikeml.system.spelling import did_you_mean

SMALLEST_SPREAD = 1e-145
"""The squares of smaller differences have no digits left, and below 1e-162 they are 0."""
SMALLEST_SHARE = 1e-6
"""The deviance of smaller errors, in shares of the prediction, is lost in the rounding of its terms."""


def _mse(y_true: np.ndarray, y_pred: np.ndarray) -> OfMeans:
    return _mean((y_true - y_pred) ** 2)


def _rmse(y_true: np.ndarray, y_pred: np.ndarray) -> OfMeans:
    return OfMeans([(y_true - y_pred) ** 2], np.sqrt, LOSS)


def _mae(y_true: np.ndarray, y_pred: np.ndarray) -> OfMeans:
    return _mean(np.abs(y_true - y_pred))


def _r2(y_true: np.ndarray, y_pred: np.ndarray) -> OfMeans:
    y = y_true - y_true.mean()  # the squares of a target that is far from 0 would have no digits left
    terms = [(y_true - y_pred) ** 2, y, y**2]
    return OfMeans(terms, lambda square, mean, mean_square: 1 - square / (mean_square - mean**2), EXPLAINED)


def _mape(y_true: np.ndarray, y_pred: np.ndarray) -> OfMeans:
    return _mean(np.abs((y_true - y_pred) / y_true))


def _rmsle(y_true: np.ndarray, y_pred: np.ndarray) -> OfMeans:
    return _rmse(np.log1p(y_true), np.log1p(y_pred))


def _median_ae(y_true: np.ndarray, y_pred: np.ndarray) -> Median:
    return Median(np.abs(y_true - y_pred))


def _explained_variance(y_true: np.ndarray, y_pred: np.ndarray) -> OfMeans:
    errors, y = y_true - y_pred, y_true - y_true.mean()
    errors = errors - errors.mean()

    def value(error: Any, error_square: Any, mean: Any, mean_square: Any) -> Any:  # noqa: ANN401  real or complex
        return 1 - (error_square - error**2) / (mean_square - mean**2)

    return OfMeans([errors, errors**2, y, y**2], value, EXPLAINED)


def _pinball(y_true: np.ndarray, y_pred: np.ndarray, alpha: float) -> OfMeans:
    return _mean(_lose(y_true - y_pred, alpha))


def _d2_pinball(
    y_true: np.ndarray, y_pred: np.ndarray, alpha: float = 0.5, sample_weight: np.ndarray | None = None
) -> OfMeans:
    """Keep the quantile of all rows in each draw: near it, where the loss is least, the loss hardly changes."""
    # as d2_pinball_score of scikit-learn 1.9
    if sample_weight is None or np.ptp(sample_weight) == 0:
        best = np.quantile(y_true, alpha, method="averaged_inverted_cdf")
    else:
        best = find_weighted_quantiles(y_true, sample_weight, alpha)
    terms = [_lose(y_true - y_pred, alpha), _lose(y_true - best, alpha)]
    return OfMeans(terms, lambda loss, least: 1 - loss / least, EXPLAINED)


def _poisson_deviance(y_true: np.ndarray, y_pred: np.ndarray) -> OfMeans:
    return _mean(_deviate(y_true, y_pred))


def _d2_poisson(y_true: np.ndarray, y_pred: np.ndarray, power: float) -> OfMeans:
    del power  # 1 is Poisson's

    def value(deviance: Any, mean_log: Any, mean: Any) -> Any:  # noqa: ANN401  real or complex
        return 1 - deviance / (2 * (mean_log - xlogy(mean, mean)))

    return OfMeans([_deviate(y_true, y_pred), xlogy(y_true, y_true), y_true], value, EXPLAINED)


def _mean(losses: np.ndarray) -> OfMeans:
    return OfMeans([losses], lambda mean: mean, LOSS)


def _lose(errors: np.ndarray, alpha: float) -> np.ndarray:
    """Return the pinball loss of each error, actual minus predicted, at the quantile `alpha`."""
    return np.maximum(alpha * errors, (alpha - 1) * errors)


def _deviate(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Return the Poisson deviance of each row."""
    return np.asarray(2 * (xlogy(y_true, y_true / y_pred) - y_true + y_pred))


def _describe_rows(is_wrong: np.ndarray, what: str) -> str:
    n_wrong = int(np.sum(is_wrong))
    return f"{what} in {n_wrong:,} of {len(is_wrong):,} rows" if n_wrong else ""


def _no_zero(y_true: np.ndarray, _: np.ndarray) -> str:
    """A target of 0."""
    return _describe_rows(y_true == 0, "the target is 0")


def _above_minus_one(y_true: np.ndarray, y_pred: np.ndarray) -> str:
    """A target or a prediction of -1 or less."""
    wrong = _describe_rows(y_true <= -1, "the target is -1 or less")
    return wrong or _describe_rows(y_pred <= -1, "the prediction is -1 or less")


def _counts(y_true: np.ndarray, y_pred: np.ndarray) -> str:
    """A negative target, a prediction of 0 or less, or errors of less than a millionth of the predictions."""
    wrong = _describe_rows(y_true < 0, "the target is negative")
    wrong = wrong or _describe_rows(y_pred <= 0, "the prediction is 0 or less")
    if not wrong and 0 < np.abs(y_true - y_pred).max() < SMALLEST_SHARE * y_pred.min():
        return "all errors are less than a millionth of the predictions, and the deviance has no digits left"
    return wrong


def _varied(y_true: np.ndarray, _: np.ndarray) -> str:
    """A constant target."""
    if np.ptp(y_true) > SMALLEST_SPREAD:
        return ""
    if np.ptp(y_true) > 0:
        return f"the target varies by {np.ptp(y_true):.1g}, whose square is no float; choose a smaller unit"
    rows = "the only row" if len(y_true) == 1 else f"all {len(y_true):,} rows"
    return f"the target is {y_true[0]!s} in {rows}"


def _varied_counts(y_true: np.ndarray, y_pred: np.ndarray) -> str:
    """A negative or a constant target, a prediction of 0 or less, or errors of less than a millionth of it."""
    return _counts(y_true, y_pred) or _varied(y_true, y_pred)


_ENTRIES = (
    Metric("mse", "MSE", "mean_squared_error", "neg_mean_squared_error", unit="target²", formula=_mse),
    Metric("rmse", "RMSE", "root_mean_squared_error", "neg_root_mean_squared_error", unit="target", formula=_rmse),
    Metric("mae", "MAE", "mean_absolute_error", "neg_mean_absolute_error", unit="target", formula=_mae),
    Metric("r2", "R²", "r2_score", "r2", greater_is_better=True, formula=_r2, need=_varied),
    Metric(
        *("mape", "MAPE", "mean_absolute_percentage_error", "neg_mean_absolute_percentage_error"),
        formula=_mape,
        need=_no_zero,
    ),
    Metric(
        *("rmsle", "RMSLE", "root_mean_squared_log_error", "neg_root_mean_squared_log_error"),
        formula=_rmsle,
        need=_above_minus_one,
    ),
    Metric(
        *("median_ae", "median AE", "median_absolute_error", "neg_median_absolute_error"),
        unit="target",
        formula=_median_ae,
    ),
    Metric("max_error", "max error", "max_error", "neg_max_error", unit="target"),
    Metric(
        *("explained_variance", "explained variance", "explained_variance_score", "explained_variance"),
        greater_is_better=True,
        formula=_explained_variance,
        need=_varied,
    ),
    Metric("pinball", "pinball loss", "mean_pinball_loss", unit="target", formula=_pinball),
    Metric(
        *("poisson_deviance", "Poisson deviance", "mean_poisson_deviance", "neg_mean_poisson_deviance"),
        unit="target",
        formula=_poisson_deviance,
        need=_counts,
    ),
    Metric(
        *("d2_absolute_error", "D² of MAE", "d2_absolute_error_score", "d2_absolute_error_score"),
        greater_is_better=True,
        formula=_d2_pinball,
        need=_varied,
    ),
    Metric(
        *("d2_pinball", "D² of pinball loss", "d2_pinball_score"),
        greater_is_better=True,
        formula=_d2_pinball,
        need=_varied,
    ),
    Metric(
        *("d2_poisson", "D² of Poisson deviance", "d2_tweedie_score"),
        greater_is_better=True,
        formula=_d2_poisson,
        need=_varied_counts,
        arguments={"power": 1},
    ),
)
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ENTRIES}
"""By name. Those of AT_A_QUANTILE have it in their name, such as pinball_0.9."""
AT_A_QUANTILE = ("pinball", "d2_pinball")
_AT = re.compile(rf"({'|'.join(AT_A_QUANTILE)})_(\d*\.?\d+)")


def at_quantile(name: str, alpha: float) -> str:
    """Return the name of a metric at a quantile."""
    return f"{name}_{alpha!r}"


@cache
def find_metric(name: str) -> Metric:
    """Return the metric of a name; raises ConfigError, which says what to write, if there is none."""
    at = _AT.fullmatch(name)
    if at and 0 < float(at[2]) < 1:
        metric, alpha = METRICS[at[1]], float(at[2])
        name, label = at_quantile(metric.name, alpha), f"{metric.label} at {alpha!r}"
        return replace(metric, name=name, label=label, arguments={"alpha": alpha})
    if name in METRICS and name not in AT_A_QUANTILE:
        return METRICS[name]
    raise ConfigError(_explain_unknown(name))


def is_metric(name: str) -> bool:
    """Return whether find_metric knows the name."""
    try:
        find_metric(name)
    except ConfigError:
        return False
    return True


def _explain_unknown(name: str) -> str:
    if name.startswith(AT_A_QUANTILE):
        family = next(each for each in AT_A_QUANTILE if name.startswith(each))
        return f"{name!r} needs a quantile between 0 and 1; write {family}_0.9 for the quantile 0.9"
    theirs = {known: metric.name for metric in METRICS.values() for known in (metric.function, metric.scorer)}
    if name in theirs:
        ours = theirs[name] if theirs[name] not in AT_A_QUANTILE else at_quantile(theirs[name], 0.9)
        return f"{name!r} is scikit-learn's name of a metric that is called {ours} here; write {ours}"
    names = ", ".join(each if each not in AT_A_QUANTILE else at_quantile(each, 0.9) for each in METRICS)
    hint = did_you_mean(name, METRICS)
    return f"{name!r} is not a metric{hint}; the metrics are {names}, or with any other quantile in place of 0.9"
