"""The packages whose estimators a config may name and a model file may hold."""

import inspect
import os
from collections.abc import Mapping
from functools import cache
from importlib import metadata

from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, TransformerMixin

from bikeml.records.fingerprint import BOOSTERS, SKRUB

ESTIMATORS: Mapping[str, str] = {
    SKRUB: "DatetimeEncoder",
    "lightgbm": "LGBMRegressor",
    "xgboost": "XGBRegressor",
    "catboost": "CatBoostRegressor",
}
"""The one estimator of each package beside scikit-learn that may be named, since bikeml loads it from a model."""
ALLOWED_PACKAGES = ("sklearn", *ESTIMATORS)
"""Packages whose estimators a config may name. Only BIKEML_ALLOWED_PACKAGES can add to them, never a config."""
EXTRA = "boosting"
"""The extra of bikeml that installs BOOSTERS."""
ALLOWED_PACKAGES_VARIABLE = "BIKEML_ALLOWED_PACKAGES"
MORE_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "lightgbm": (
        *("alpha", "bagging_seed", "cat_smooth", "deterministic", "extra_trees", "feature_fraction_bynode"),
        *("force_col_wise", "force_row_wise", "linear_lambda", "linear_tree", "max_bin", "max_cat_threshold"),
        *("max_delta_step", "min_data_in_bin", "monotone_constraints", "monotone_constraints_method"),
        *("monotone_penalty", "path_smooth", "poisson_max_delta_step", "tweedie_variance_power", "verbosity"),
        *("drop_rate", "max_drop", "skip_drop", "uniform_drop", "xgboost_dart_mode"),
    ),
    "xgboost": (
        *("huber_slope", "max_cached_hist_node", "quantile_alpha", "tweedie_variance_power", "updater"),
        *("normalize_type", "one_drop", "rate_drop", "sample_type", "skip_drop"),
    ),
}
"""What their constructors take without naming it; they take any other word too, and leave it out silently."""
OF_FILES = ("train_dir", "save_snapshot", "snapshot_file", "snapshot_interval", "input_borders", "output_borders")
"""Arguments of CatBoost that name files."""


def list_own_packages() -> list[str]:
    """Return the packages that the environment variable adds."""
    names = os.environ.get(ALLOWED_PACKAGES_VARIABLE, "").split(",")
    return [name.strip() for name in names if name.strip()]


def list_packages() -> list[str]:
    """Return all packages whose estimators a config may name."""
    return [*ALLOWED_PACKAGES, *list_own_packages()]


def has_role(found: type, role: type) -> bool:
    """Return whether a class is an estimator of this kind: BaseEstimator is any, and object may be no estimator."""
    if getattr(found, "_estimator_type", None) == "regressor":  # CatBoost has methods and no base of scikit-learn
        return role is not TransformerMixin
    if role is TransformerMixin:
        is_one = issubclass(found, role) or hasattr(found, "transform")  # skrub has no mixin
        return is_one and issubclass(found, BaseEstimator)
    is_meta = role is RegressorMixin and issubclass(found, MetaEstimatorMixin) and hasattr(found, "predict")
    return issubclass(found, BaseEstimator) and (issubclass(found, role) or is_meta)  # a nested search may be one


def advise_install(package: str, error: Exception) -> str:
    """Return how to install a package that could not be imported; "" if something else is wrong."""
    if package in BOOSTERS:
        return f"install it: pip install 'bikeml[{EXTRA}]'"
    return f"install it: pip install {package}" if getattr(error, "name", None) == package else ""


def list_arguments(estimator_class: type) -> list[str] | None:
    """Return the names of the arguments that a config may give to an estimator; None for any."""
    package = estimator_class.__module__.split(".")[0]
    classes = estimator_class.__mro__ if package in BOOSTERS else (estimator_class,)
    parameters = [each for one in classes if one is not object for each in inspect.signature(one).parameters.values()]
    if package not in BOOSTERS and any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    names = [each.name for each in parameters if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return [name for name in dict.fromkeys([*names, *MORE_ARGUMENTS.get(package, ())]) if name not in OF_FILES]


def find_distributions(packages: list[str]) -> list[str]:
    """Return the distributions that pip installs for these import names; a module of one's own has none."""
    if not packages:
        return []
    found = _list_distributions()
    return sorted({name for package in packages for name in found.get(package, [])})


@cache  # it reads the files of every installed distribution, which takes a quarter of a second for each cell
def _list_distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
