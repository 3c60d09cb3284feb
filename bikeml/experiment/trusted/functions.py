"""
The functions and the objects that a config may name beside estimators.

Each function computes numbers from numbers: it is harmless with any arguments. It may stand only where an estimator
calls it as it is meant: as a `metric`, numpy.log1p would write its result into the second of two rows.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from bikeml.errors import ConfigError
from bikeml.system.spelling import did_you_mean

GET_METHOD = "hydra.utils.get_method"
"""The `_target_` that stands for a function, as Hydra spells it; its path is the function."""
_OF_NUMBERS = (
    *("abs", "absolute", "arcsinh", "arctan", "cbrt", "ceil", "clip", "cos", "cosh", "exp", "exp2", "expm1", "fabs"),
    *("floor", "log", "log10", "log1p", "log2", "negative", "reciprocal", "rint", "sign", "sin", "sinh", "sqrt"),
    *("square", "tan", "tanh", "trunc"),
)
_METRICS = (
    *("d2_absolute_error_score", "d2_pinball_score", "d2_tweedie_score", "explained_variance_score", "max_error"),
    *("mean_absolute_error", "mean_absolute_percentage_error", "mean_gamma_deviance", "mean_pinball_loss"),
    *("mean_poisson_deviance", "mean_squared_error", "mean_squared_log_error", "mean_tweedie_deviance"),
    *("median_absolute_error", "r2_score", "root_mean_squared_error", "root_mean_squared_log_error"),
)
UNSEEDED = "sklearn.feature_selection.mutual_info_regression"
"""A function that draws random numbers without a seed."""
_TRANSFORMATIONS = (*(f"numpy.{name}" for name in _OF_NUMBERS), "scipy.special.expit", "scipy.special.logit")
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "func": _TRANSFORMATIONS,
    "inverse_func": _TRANSFORMATIONS,
    "pooling_func": tuple(f"numpy.{name}" for name in ("max", "mean", "median", "min")),
    "score_func": (
        "sklearn.feature_selection.f_regression",
        "sklearn.feature_selection.r_regression",
        UNSEEDED,
        *(f"sklearn.metrics.{name}" for name in _METRICS),
    ),
}
"""By the argument of an estimator at which it may stand."""
KERNELS = (
    *("ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Matern", "PairwiseKernel", "Product"),
    *("RBF", "RationalQuadratic", "Sum", "WhiteKernel"),
)
SPLITTERS = (
    *("KFold", "LeaveOneOut", "LeavePOut", "PredefinedSplit", "RepeatedKFold", "ShuffleSplit", "TimeSeriesSplit"),
)
OBJECTS = (
    *(f"sklearn.gaussian_process.kernels.{name}" for name in KERNELS),
    *(f"sklearn.model_selection.{name}" for name in SPLITTERS),
    "sklearn.metrics.make_scorer",
)
"""What a config may make for an argument of an estimator, beside estimators."""


def find_function(key: str, arguments: Mapping[str, Any]) -> Callable[..., Any]:
    """
    Return the function that `arguments`, those of a GET_METHOD, name for the argument at `key`.

    Raises ConfigError if it is not one of FUNCTIONS for that argument.
    """
    path = str(arguments.get("path"))
    place = next((part for part in reversed(key.replace("__", ".").split(".")) if not part.isdigit()), "")
    allowed = FUNCTIONS.get(place, ())
    if {*arguments} != {"path"}:
        raise ConfigError(f"{key}: {GET_METHOD} takes a path only, such as path: numpy.log1p")
    if not allowed:
        raise ConfigError(f"{key} takes no function such as {path!r}; these arguments take one: {', '.join(FUNCTIONS)}")
    if path not in allowed:
        hint = did_you_mean(path, allowed)
        raise ConfigError(
            f"{key}.path={path!r} is not a function that may stand here{hint}; allowed: {', '.join(allowed)}"
        )
    function: Callable[..., Any] = find_object(path)
    return function


def find_object(path: str) -> Any:  # noqa: ANN401  a function or a class
    """Return what FUNCTIONS or OBJECTS call `path`."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def is_unseeded(value: object) -> bool:
    """Tell whether an argument draws random numbers without a seed: some splitters do, and UNSEEDED."""
    if callable(value):
        return getattr(value, "__name__", None) == UNSEEDED.rpartition(".")[2]
    draws = hasattr(value, "split") and getattr(value, "shuffle", True)
    return bool(draws) and getattr(value, "random_state", 0) is None
