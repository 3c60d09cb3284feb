"""Build the estimators that a config names, only those of allowed packages."""

import importlib
from collections.abc import Mapping
from typing import Any

from sklearn import __version__ as sklearn_version
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

from bikeml.config.spelling import did_you_mean
from bikeml.errors import ConfigError
from bikeml.experiment.trusted.packages import ALLOWED_PACKAGES_VARIABLE, list_packages
from bikeml.experiment.trusted.types import TRUSTED_TYPES

HAS_SPLITTER = tuple(map(int, sklearn_version.split(".")[:2])) >= (1, 9)
"""Whether TargetEncoder's cv takes a splitter; then its shuffle and random_state are deprecated."""


def build(value: Any, key: str = "estimator") -> Any:  # noqa: ANN401  an argument of an estimator can be anything
    """Return `value` with an estimator for every mapping with a `_target_`, at any depth; keep other values."""
    if isinstance(value, list):
        return [build(item, key) for item in value]
    if not isinstance(value, Mapping):
        return value
    built = {name: build(item, f"{key}.{name}") for name, item in value.items()}
    if "_target_" not in built:
        return built
    found = find_class(key, built.pop("_target_"), BaseEstimator)
    return found(**(_with_seeded_folds(built) if found is TargetEncoder else built))


def _with_seeded_folds(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a TargetEncoder as scikit-learn 1.9 wants them, for the same folds as 1.8 makes."""
    if not HAS_SPLITTER or not isinstance(arguments.get("cv", 5), int):
        return arguments
    rest = {name: value for name, value in arguments.items() if name not in ("cv", "shuffle", "random_state")}
    shuffle = arguments.get("shuffle", True)
    seed = arguments.get("random_state") if shuffle else None
    return {**rest, "cv": KFold(arguments.get("cv", 5), shuffle=shuffle, random_state=seed)}


def find_class(key: str, target: str, role: type) -> type[BaseEstimator]:
    """Return the estimator class called `target`; raises ConfigError if it is not one of an allowed package."""
    allowed = list_packages()
    module_name, _, class_name = target.rpartition(".")
    where = f"{key}._target_={target!r}"
    example = "preprocessing.StandardScaler" if role is TransformerMixin else "linear_model.Lasso"
    such_as = f"name a class such as sklearn.{example}"
    widen = f"to allow another package, set {ALLOWED_PACKAGES_VARIABLE} in the environment"
    if not module_name:
        raise ConfigError(f"{where} has no module; {such_as}")
    if module_name.split(".")[0] not in allowed:
        raise ConfigError(f"{where} is not in an allowed package ({', '.join(allowed)}); {widen}")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        top = module_name.partition(".")[0]
        advice = f"install it: pip install {top}" if getattr(error, "name", None) == top else such_as
        raise ConfigError(f"{where} cannot be imported: {error}; {advice}") from error
    found = getattr(module, class_name, None)
    if found is None:
        hint = did_you_mean(class_name, [name for name in dir(module) if name[0].isupper()])
        raise ConfigError(f"{where} does not exist{hint}; {such_as}")
    if not (isinstance(found, type) and issubclass(found, BaseEstimator) and _has_role(found, role)):
        kind = {RegressorMixin: "a regressor", TransformerMixin: "a transformer"}.get(role, "an estimator")
        raise ConfigError(f"{where} is not {kind} class; {such_as}")
    if found.__module__.split(".")[0] not in allowed:
        raise ConfigError(f"{where} is defined in {found.__module__!r}, not in {', '.join(allowed)}; {widen}")
    name = f"{found.__module__}.{found.__name__}"
    if name.startswith("skrub.") and name not in TRUSTED_TYPES:  # the model could be saved and not loaded
        raise ConfigError(
            f"{where} is not an estimator that bikeml loads from a model; of skrub it loads DatetimeEncoder"
        )
    return found


def _has_role(found: type, role: type) -> bool:
    return issubclass(found, role) or (role is TransformerMixin and hasattr(found, "transform"))  # skrub has no mixin
