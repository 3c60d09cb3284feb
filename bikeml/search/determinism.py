"""What surely gives the same result when it is fitted again on the same data."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

_T = TypeVar("_T")

_TRUSTED_PACKAGES = {"sklearn", "numpy", "scipy"}
_REGISTERED: set[Any] = set()
# The names scikit-learn gives to "may overwrite its input", which would spoil data that others still need.
_COPY_PARAMETERS = {"copy", "copy_x", "copy_X"}


def register_deterministic(thing: _T) -> _T:
    """
    Declare that a class or function of your own always gives the same result for the same input.

    A transformer with no randomness and no side effects may then be fitted once for many candidates.
    Can be used as a decorator.

    Parameters
    ----------
    thing : type or function
        The class of a transformer or estimator, or a function handed to one.

    Returns
    -------
    thing : type or function
        What was given.
    """
    _REGISTERED.add(thing)
    return thing


def is_integer(value: object) -> bool:
    """Tell whether a value is a whole number, of Python or NumPy, and not a boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def why_random(value: object, *, reseeded: bool = False) -> str | None:  # noqa: PLR0911  one kind of value, one line
    """
    Say why fitting might give another result next time, or None when it surely does not.

    Parameters
    ----------
    value : object
        An estimator, or anything that can be a parameter of one; it is searched to any depth.
    reseeded : bool, default=False
        Whether an ensemble sets every `random_state` within, so that None is no obstacle.

    Returns
    -------
    reason : str or None
        Words that follow "not shared: ".
    """
    if isinstance(value, type | str | bytes):
        return None
    if hasattr(value, "get_params"):
        return _why_random_estimator(value, reseeded=reseeded)
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return "a random number generator moves on with every use"
    if callable(value):
        return _why_random_function(value)
    if isinstance(value, Mapping):
        return _first_reason(value.values(), reseeded=reseeded)
    if isinstance(value, list | tuple | set | frozenset):
        return _first_reason(value, reseeded=reseeded)
    return None


def _why_random_estimator(estimator: Any, *, reseeded: bool) -> str | None:  # noqa: ANN401 scikit-learn has no types
    name = type(estimator).__name__
    if not _is_trusted(type(estimator)):
        return f"{name} is not known to be deterministic; see register_deterministic"
    parameters = estimator.get_params(deep=False)
    seed = parameters.pop("random_state", 0)
    if not reseeded and not is_integer(seed):
        return f"{name} has random_state={seed!r}, which is no integer"
    for parameter in _COPY_PARAMETERS & parameters.keys():
        if parameters[parameter] is False:
            return f"{name} has {parameter}=False and may overwrite its input"
    return _first_reason(parameters.values(), reseeded=reseeded)


def _why_random_function(function: Any) -> str | None:  # noqa: ANN401 scikit-learn has no types
    if isinstance(function, np.ufunc) or function in _REGISTERED:
        return None
    # An object such as make_column_selector is known by its class, a function by its own module.
    owner = function if hasattr(function, "__name__") else type(function)
    name = getattr(owner, "__name__", repr(function))
    if not _is_trusted(owner):
        return f"{name} is not known to be deterministic; see register_deterministic"
    if hasattr(function, "__name__") and "random_state" in inspect.signature(function).parameters:
        return f"{name} draws random numbers"  # mutual_info_regression adds noise, for one
    return None


def _is_trusted(owner: Any) -> bool:  # noqa: ANN401 a class or a function
    return owner in _REGISTERED or str(owner.__module__).split(".")[0] in _TRUSTED_PACKAGES


def _first_reason(values: Iterable[object], *, reseeded: bool) -> str | None:
    return next((why for value in values if (why := why_random(value, reseeded=reseeded))), None)


def why_layers_random(layers: Sequence[Any]) -> str | None:
    """Say why the transformers in pipelines and target transformers are not surely the same each time, or None."""
    parts: list[object] = []
    for layer in layers:
        if type(layer) is Pipeline:
            parts += [step for _, step in layer.steps[:-1]]
        elif type(layer) is TransformedTargetRegressor:
            parts += [layer.transformer, layer.func, layer.inverse_func]
    return why_random(parts)
