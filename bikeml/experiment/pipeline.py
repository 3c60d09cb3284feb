"""Build the scikit-learn Pipeline of a config, only from estimators of allowed packages."""

import importlib
import json
import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from bikeml.config.data import DataConfig
from bikeml.config.schema import Config, ModelConfig, PreprocessingConfig
from bikeml.errors import ConfigError, did_you_mean
from bikeml.table.problems import Tolerance

ALLOWED_PACKAGES = ("sklearn",)
"""Packages whose estimators a config may name. Only BIKEML_ALLOWED_PACKAGES can add to them, never a config."""
ALLOWED_PACKAGES_VARIABLE = "BIKEML_ALLOWED_PACKAGES"
REGRESSOR = "regressor"
"""The name of the model's step in the pipeline, as in the tutorial."""


def build_pipeline(config: Config, columns: Sequence[str], text: Collection[str] = ()) -> Pipeline:
    """Return the unfitted pipeline for `columns`, the features in table order; the columns in `text` hold text."""
    preprocessor = _build_preprocessor(config.preprocessing, config.data, columns, text)
    return Pipeline([("preprocessor", preprocessor), (REGRESSOR, build(config.model.estimator))])


def is_reproducible(config: Config, pipeline: Pipeline) -> bool:
    """Return whether the split and every estimator have a seed; without one a run is not called reproducible."""
    if config.split.kind == "random" and config.split.random_state is None:
        return False
    axes = config.model.grid.items() if config.search.kind != "none" else ()
    if any(name.endswith("random_state") and None in values for name, values in axes):
        return False
    parameters = pipeline.get_params(deep=True).items()
    return not any(name.endswith("random_state") and value is None for name, value in parameters)


def build_grid(model: ModelConfig) -> dict[str, list[Any]]:
    """Return the model's grid for a search over the whole pipeline: its keys have the prefix of the step."""
    return {f"{REGRESSOR}__{name}": [build(value) for value in values] for name, values in model.grid.items()}


def build(value: Any, key: str = "estimator") -> Any:  # noqa: ANN401  an argument of an estimator can be anything
    """Return `value` with an estimator for every mapping with a `_target_`, at any depth; keep other values."""
    if isinstance(value, list):
        return [build(item, key) for item in value]
    if not isinstance(value, Mapping):
        return value
    built = {name: build(item, f"{key}.{name}") for name, item in value.items()}
    return find_class(key, built.pop("_target_"), BaseEstimator)(**built) if "_target_" in built else built


def _build_preprocessor(
    preprocessing: PreprocessingConfig, data: DataConfig, columns: Sequence[str], text: Collection[str]
) -> ColumnTransformer:
    numeric = [column for column in columns if column in data.numeric]
    categorical = [column for column in columns if column in data.categorical]
    if preprocessing.numeric == preprocessing.categorical:  # with the same steps, they stay together in table order
        parts = [("columns", preprocessing.numeric, list(columns))]
    else:
        parts = [
            ("numeric", preprocessing.numeric, numeric),
            ("categorical", preprocessing.categorical, categorical),
        ]
    return ColumnTransformer(
        [
            (name, _build_steps(steps, has_text=not {*text}.isdisjoint(names)), names)
            for name, steps, names in parts
            if names
        ],
        verbose_feature_names_out=False,
    )


def _build_steps(steps: Mapping[str, Mapping[str, Any]], *, has_text: bool = False) -> BaseEstimator:
    built = [_build_none_to_nan()] * has_text + [build(spec) for spec in steps.values()]
    # LinearRegression's last digits depend on the memory order, and "passthrough" would keep that of pandas.
    as_array = FunctionTransformer(np.ascontiguousarray, kw_args={"dtype": "float64"}, feature_names_out="one-to-one")
    return make_pipeline(*built) if built else as_array


def _build_none_to_nan() -> FunctionTransformer:
    """Return a step that turns None, a gap in JSON and in MLflow's server, into NaN, a gap in a table."""
    # scikit-learn takes None and NaN for two categories; numpy masks None, and pandas writes NaN for a masked cell
    mask = FunctionTransformer(np.ma.masked_object, kw_args={"value": None}, feature_names_out="one-to-one")
    return mask.set_output(transform="pandas")


NUMBERS: Sequence[object] = (1.0, 2.0, 3.0, 4.0) * 5
WORDS: Sequence[object] = ("a", "b", "c", "d") * 5


def find_tolerance(config: Config) -> Tolerance:
    """Return which cells the pipeline accepts: try the preprocessing on a few cells, and read the model's tags."""
    gaps_may_pass = bool(get_tags(build(config.model.estimator)).input_tags.allow_nan)
    return _try_steps(json.dumps(config.preprocessing.model_dump()), gaps_may_pass=gaps_may_pass)


@lru_cache  # the cells of a sweep share a few preprocessings
def _try_steps(preprocessing: str, *, gaps_may_pass: bool) -> Tolerance:
    numeric, categorical = (_build_steps(json.loads(preprocessing)[kind]) for kind in ("numeric", "categorical"))

    def takes(steps: BaseEstimator, harder: list[Sequence[object]], plain: list[Sequence[object]]) -> bool:
        """Tell whether `steps` work on the harder cells; if they fail on plain ones too, let the fit say why."""
        works = [_works(steps, cells, gaps_may_pass=gaps_may_pass) for cells in harder]
        return any(works) or not any(_works(steps, cells, gaps_may_pass=gaps_may_pass) for cells in plain)

    def with_gap(cells: Sequence[object]) -> Sequence[object]:
        return [*cells, np.nan]

    return Tolerance(
        text_categories=takes(categorical, [WORDS], [NUMBERS]),
        numeric_gaps=takes(numeric, [with_gap(NUMBERS)], [NUMBERS]),
        categorical_gaps=takes(categorical, [with_gap(NUMBERS), with_gap(WORDS)], [NUMBERS, WORDS]),
    )


def _works(steps: BaseEstimator, cells: Sequence[object], *, gaps_may_pass: bool) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = clone(steps).fit_transform(pd.DataFrame({"column": cells}), np.arange(len(cells)))
            numbers = np.asarray(made.data if issparse(made) else made, dtype=float)
    except Exception:  # noqa: BLE001  a transformer of any package may raise any error
        return False
    return gaps_may_pass or not np.isnan(numbers).any()


def find_class(key: str, target: str, role: type) -> type[BaseEstimator]:
    """Return the estimator class called `target`; raises ConfigError if it is not one of an allowed package."""
    allowed = [*ALLOWED_PACKAGES, *filter(None, os.environ.get(ALLOWED_PACKAGES_VARIABLE, "").split(","))]
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
        raise ConfigError(f"{where} cannot be imported: {error}; {such_as}") from error
    found = getattr(module, class_name, None)
    if found is None:
        hint = did_you_mean(class_name, [name for name in dir(module) if name[0].isupper()])
        raise ConfigError(f"{where} does not exist{hint}; {such_as}")
    if not (isinstance(found, type) and issubclass(found, BaseEstimator) and issubclass(found, role)):
        kind = {RegressorMixin: "a regressor", TransformerMixin: "a transformer"}.get(role, "an estimator")
        raise ConfigError(f"{where} is not {kind} class; {such_as}")
    if found.__module__.split(".")[0] not in allowed:
        raise ConfigError(f"{where} is defined in {found.__module__!r}, not in {', '.join(allowed)}; {widen}")
    return found
