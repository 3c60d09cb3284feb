"""Decide whether an estimator gives the same result when it is fitted again on the same data."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

_T = TypeVar("_T")

_TRUSTED_PACKAGES = {"sklearn", "numpy", "scipy", "pandas", "skrub"}
_REGISTERED: set[Any] = set()
# With these parameters at False, scikit-learn's estimators may overwrite their input, which others still need.
_COPY_PARAMETERS = {"copy", "copy_x", "copy_X"}


def register_deterministic(thing: _T) -> _T:
    """
    Declare that your own class or function always gives the same result for the same input.

    The search may then fit it once for many candidates. Declare only what has no randomness and no side effects. Can be
    used as a decorator.

    Parameters
    ----------
    thing : type or function
        The class of a transformer or estimator, or a function that is a parameter of one.

    Returns
    -------
    thing : type or function
        The argument.
    """
    _REGISTERED.add(thing)
    return thing


def is_integer(value: object) -> bool:
    """Tell whether a value is an integer of Python or NumPy and not a boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def why_random(value: object, *, reseeded: bool = False) -> str | None:  # noqa: PLR0911  one kind of value, one line
    """
    Return why a second fit might give another result, or None if it cannot.

    Parameters
    ----------
    value : object
        An estimator, or a parameter of one; it is searched to any depth.
    reseeded : bool, default=False
        Whether an ensemble sets every `random_state` inside, so that None is allowed.

    Returns
    -------
    reason : str or None
        The words to put after "not shared: ".
    """
    if isinstance(value, type | str | bytes):
        return None
    if hasattr(value, "get_params"):
        return _why_random_estimator(value, reseeded=reseeded)
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return "a random number generator changes with every use"
    if getattr(value, "shuffle", False) and not is_integer(getattr(value, "random_state", None)):  # a splitter
        return f"{type(value).__name__} shuffles with random_state={getattr(value, 'random_state', None)!r}"
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
    if seed == "deprecated" and not is_integer(parameters.get("cv")):
        seed = 0  # scikit-learn 1.9: the splitter of a TargetEncoder has the seed
    if not reseeded and not is_integer(seed):
        return f"{name} has random_state={seed!r}, which is not an integer"
    for parameter in _COPY_PARAMETERS & parameters.keys():
        if parameters[parameter] is False:
            return f"{name} has {parameter}=False and may overwrite its input"
    return _first_reason(parameters.values(), reseeded=reseeded)


def _why_random_function(function: Any) -> str | None:  # noqa: ANN401 scikit-learn has no types
    if isinstance(function, np.ufunc) or function in _REGISTERED:
        return None
    # For an object such as make_column_selector the module of its class counts, for a function its own module.
    owner = function if hasattr(function, "__name__") else type(function)
    name = getattr(owner, "__name__", repr(function))
    if not _is_trusted(owner):
        return f"{name} is not known to be deterministic; see register_deterministic"
    if hasattr(function, "__name__") and "random_state" in inspect.signature(function).parameters:
        return f"{name} draws random numbers"  # for example, mutual_info_regression adds noise
    return None


def _is_trusted(owner: Any) -> bool:  # noqa: ANN401 a class or a function
    return owner in _REGISTERED or str(owner.__module__).split(".")[0] in _TRUSTED_PACKAGES


def _first_reason(values: Iterable[object], *, reseeded: bool) -> str | None:
    return next((why for value in values if (why := why_random(value, reseeded=reseeded))), None)


def why_layers_random(layers: Sequence[Any]) -> str | None:
    """Return why the transformers in pipelines and target transformers may differ at the next fit, or None."""
    parts: list[object] = []
    for layer in layers:
        if type(layer) is Pipeline:
            parts += [step for _, step in layer.steps[:-1]]
        elif type(layer) is TransformedTargetRegressor:
            parts += [layer.transformer, layer.func, layer.inverse_func]
    return why_random(parts)
