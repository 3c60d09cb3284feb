"""Build the scikit-learn Pipeline of a config: what is done with each kind of column, and the model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import psutil
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from bikeml.config.schema import Config, ModelConfig, Steps
from bikeml.config.spelling import some
from bikeml.errors import ConfigError, FitError
from bikeml.experiment.estimators import build
from bikeml.experiment.trusted.functions import is_unseeded
from bikeml.table.split import Fold

REGRESSOR = "regressor"
"""The name of the model's step in the pipeline, as in the tutorial."""
IMPUTER = "imputer"
"""The name of the steps that preprocessing.impute=if_needed leaves out."""
KINDS = ("numeric", "categorical", "high_cardinality", "date", "text")
"""The kinds of columns in the preprocessing section, which has steps for each."""
DENSE_BYTES = 2**29
"""Above it, the encoded columns become a sparse matrix if the model takes one; it does not depend on the machine."""

COPIES, MOST_COLUMNS = 3, 20_000
"""How often dense columns lie in memory, since parts are joined and models copy; and how many would take hours."""


def build_pipeline(config: Config, X: pd.DataFrame, folds: Iterable[Fold] = ()) -> Pipeline:
    """
    Return the unfitted pipeline for `X`, the features of the training rows in table order, (n_rows, n_features).

    The rows tell which columns hold text, and how many levels a category has. `folds`, of these rows, are those on
    which the pipeline will be fitted too. Raises ConfigError for a column of text without steps, and FitError if the
    encoded columns do not fit into memory.
    """
    roles = config.data.roles
    levels = {name: X[name].nunique(dropna=False) for name in X.columns if name in roles["categorical"]}
    columns = _columns_by_kind(config, X, levels)
    if columns["text"] and not config.preprocessing.text:
        raise ConfigError(say_text_has_no_steps(columns["text"]))
    is_sparse = _is_sparse(config, columns, levels, len(X))
    # trees take gaps in dense arrays only, and HistGradientBoosting of scikit-learn 1.9 fails on a column of gaps alone
    keep_imputers = is_sparse or _is_empty_in_a_fold(X[[*columns["numeric"], *columns["date"]]], folds)
    steps = steps_by_kind(config, keep_imputers=keep_imputers)
    if steps["numeric"] == steps["categorical"]:  # with the same steps, they stay together in table order
        both = {*columns["numeric"], *columns["categorical"]}
        columns = {"columns": [name for name in X.columns if name in both], **columns, "numeric": [], "categorical": []}
        steps["columns"] = steps["numeric"]
    parts = [
        part
        for kind, names in columns.items()
        for part in build_parts(kind, steps[kind], X[names], config.data.date_format_of, config.data.categories)
    ]
    threshold = _sparse_threshold(config, is_sparse=is_sparse)
    preprocessor = ColumnTransformer(parts, sparse_threshold=threshold, verbose_feature_names_out=False)
    return Pipeline([("preprocessor", preprocessor), (REGRESSOR, build(config.model.estimator))])


def is_reproducible(config: Config) -> bool:
    """Return whether the split and every estimator have a seed; without one a run is not called reproducible."""
    if not config.split.is_seeded:
        return False
    axes = config.model.grid.items() if config.search.kind != "none" else ()
    if any(name.endswith("random_state") and None in values for name, values in axes):
        return False
    steps = [spec for kind in kinds_in_use(config) for spec in getattr(config.preprocessing, kind).values()]
    parameters = [item for spec in (config.model.estimator, *steps) for item in build(spec).get_params().items()]
    return not any(
        (name.endswith("random_state") and value is None) or is_unseeded(value) for name, value in parameters
    )


def build_grid(model: ModelConfig) -> dict[str, list[Any]]:
    """Return the model's grid for a search over the whole pipeline: its keys have the prefix of the step."""
    return {f"{REGRESSOR}__{name}": [build(value, name) for value in values] for name, values in model.grid.items()}


def kinds_in_use(config: Config) -> list[str]:
    """Return the kinds of columns that the data may have: without dates, the steps of dates are not even imported."""
    return [kind for kind in KINDS if kind not in ("date", "text") or getattr(config.data, kind)]


def say_text_has_no_steps(columns: Sequence[str]) -> str:
    """Return the message for columns of text if preprocessing.text is empty."""
    advice = f"choose preprocessing=auto, or put {'it' if len(columns) == 1 else 'them'} into data.ignored"
    return f"data.text=[{some(columns)}], and this preprocessing has no steps for text; {advice}"


def name_features(preprocessor: ColumnTransformer) -> list[str]:
    """Return the names of the encoded columns, in order."""
    names: list[str] = []
    # ColumnTransformer's own method refuses two names that are the same, and HashingVectorizer has no names
    for part, steps, columns in preprocessor.transformers_:
        place = preprocessor.output_indices_[part]
        n_columns = place.stop - place.start
        try:
            found = list(map(str, steps.get_feature_names_out([columns] if isinstance(columns, str) else columns)))
        except Exception:  # noqa: BLE001  a transformer without names raises any error
            found = []
        numbered = [f"{' '.join(columns)} {number}" for number in range(n_columns)]
        names += found if len(found) == n_columns else numbered
    return names


def _columns_by_kind(config: Config, X: pd.DataFrame, levels: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the columns of X that have steps, by kind; a date without steps is no feature."""
    roles, threshold = config.data.roles, config.preprocessing.cardinality_threshold
    columns = {kind: [name for name in X.columns if name in roles.get(kind, ())] for kind in KINDS}
    if threshold is not None and config.preprocessing.high_cardinality:
        columns["high_cardinality"] = [name for name in columns["categorical"] if levels[name] > threshold]
        columns["categorical"] = [name for name in columns["categorical"] if levels[name] <= threshold]
    return columns if config.preprocessing.date else {**columns, "date": []}


def _is_empty_in_a_fold(X: pd.DataFrame, folds: Iterable[Fold]) -> bool:
    has_value = X.loc[:, X.isna().any()].notna().to_numpy()
    return any(not has_value[rows].any(axis=0).all() for rows, _ in folds)


def steps_by_kind(config: Config, *, keep_imputers: bool = False) -> dict[str, Steps]:
    """Return the steps of each kind, without imputers if the config and the model do without them."""
    preprocessing = config.preprocessing
    keeps = keep_imputers or preprocessing.impute == "always" or not takes_gaps(config)
    return {
        kind: {name: spec for name, spec in getattr(preprocessing, kind).items() if keeps or name != IMPUTER}
        for kind in KINDS
    }


def takes_gaps(config: Config) -> bool:
    """Return whether the model takes NaN."""
    return bool(get_tags(build(config.model.estimator)).input_tags.allow_nan)


def _is_sparse(config: Config, columns: Mapping[str, list[str]], levels: Mapping[str, int], n_rows: int) -> bool:
    """Return whether the encoded columns may be a sparse matrix; raises FitError if dense ones would not fit."""
    n_columns = sum(
        _count_encoded(getattr(config.preprocessing, kind), names, levels) for kind, names in columns.items()
    )
    size = n_rows * n_columns * np.dtype(float).itemsize
    if size <= DENSE_BYTES:
        return False
    if any(spec.get("sparse_output") for spec in config.preprocessing.categorical.values()) and _takes_sparse(config):
        return True
    free = psutil.virtual_memory().available
    if COPIES * size > free or n_columns > MOST_COLUMNS:
        widest = max(columns["categorical"], key=lambda name: levels[name], default=None)
        most = f"; {widest!r} alone has {levels[widest]:,} levels" if widest else ""
        cure = "choose preprocessing=auto" if config.preprocessing.cardinality_threshold is None else "take fewer rows"
        raise FitError(
            f"{n_rows:,} training rows with {n_columns:,} encoded columns take {COPIES * size / 2**30:,.1f} GiB, and "
            f"{free / 2**30:,.1f} GiB of memory are free{most}; {cure}, or put columns into data.ignored"
        )
    return False


def _count_encoded(steps: Steps, columns: Sequence[str], levels: Mapping[str, int]) -> int:
    """Return about how many columns the steps make of these."""
    for spec in reversed(steps.values()):
        if spec["_target_"].endswith(".OneHotEncoder"):
            return sum(min(levels[name], spec.get("max_categories") or levels[name]) for name in columns)
        width = next((spec[name] for name in ("n_components", "max_features", "n_features") if spec.get(name)), None)
        if isinstance(width, int):
            return width * len(columns)
    return len(columns)


def _takes_sparse(config: Config) -> bool:
    return bool(get_tags(build(config.model.estimator)).input_tags.sparse)


def _sparse_threshold(config: Config, *, is_sparse: bool) -> float:
    """Return below which density ColumnTransformer makes a sparse matrix: 0 for never, 1 for always."""
    if not _takes_sparse(config):
        return 0.0
    if config.preprocessing.cardinality_threshold is None:
        return 0.3  # scikit-learn's default, which earlier versions left in place
    return float(is_sparse)


def build_parts(
    kind: str, steps: Steps, X: pd.DataFrame, format_of: Callable[[str], str | None], categories: str = "inferred"
) -> list[tuple[str, BaseEstimator, str | list[str]]]:
    """Return the entries of a ColumnTransformer for one kind: one for each date and each text, one for all others."""
    columns = list(X.columns)
    made: list[tuple[BaseEstimator, str | list[str]]]
    if kind == "date":  # skrub's transformers take a single column
        made = [(_build_steps(steps, _build_to_datetime(format_of(name))), name) for name in columns]
    elif kind == "text":
        made = [(_build_steps(steps, *_build_to_words()), [name]) for name in columns]
    else:
        before = _build_none_to_nan() if any(dtype.kind not in "biuf" for dtype in X.dtypes) else []
        if categories == "text" and kind in ("categorical", "high_cardinality"):
            before = [*_build_none_to_nan(), *_build_text_check()]
        return [(kind, _build_steps(steps, *before), columns)] if columns else []
    return [(f"{kind}_{number}", *each) for number, each in enumerate(made)]


def _build_steps(steps: Steps, *before: BaseEstimator) -> BaseEstimator:
    built = [*before, *(build(spec) for spec in steps.values())]
    # LinearRegression's last digits depend on the memory order, and "passthrough" would keep that of pandas.
    as_array = FunctionTransformer(np.ascontiguousarray, kw_args={"dtype": "float64"}, feature_names_out="one-to-one")
    return make_pipeline(*built) if built else as_array


def _build_none_to_nan() -> list[FunctionTransformer]:
    """Return steps that turn None, a gap in JSON and in MLflow's server, into NaN, a gap in a table."""
    # scikit-learn takes None and NaN for two categories, and refuses text for gaps alone, which come as floats;
    # numpy masks None, and pandas writes NaN for a masked cell
    as_objects = FunctionTransformer(np.asarray, kw_args={"dtype": "object"}, feature_names_out="one-to-one")
    mask = FunctionTransformer(np.ma.masked_object, kw_args={"value": None}, feature_names_out="one-to-one")
    return [step.set_output(transform="pandas") for step in (as_objects, mask)]


def _build_text_check() -> list[BaseEstimator]:
    """
    Return steps that refuse a number in a column of text, and keep text and gaps as they are.

    MLflow's server passes the number 1 of a request on to a column of text, where it would be an unknown category.
    """
    # to compare a number with text is a TypeError, and also a gap, which is therefore empty text meanwhile
    fill = SimpleImputer(strategy="constant", fill_value="", keep_empty_features=True)
    compare = FunctionTransformer(np.clip, kw_args={"a_min": "", "a_max": None}, feature_names_out="one-to-one")
    mask = FunctionTransformer(np.ma.masked_object, kw_args={"value": ""}, feature_names_out="one-to-one")
    return [step.set_output(transform="pandas") for step in (fill, compare, mask)]


def _build_to_datetime(date_format: str | None) -> FunctionTransformer:
    """Return a step that parses a column of dates as the table's check does; a cell that is no date is a gap."""
    # skrub.ToDatetime does not take offsets that differ, as summer and winter have, for format=ISO8601
    options = {"format": date_format or "ISO8601", "errors": "coerce", "utc": True}
    return FunctionTransformer(pd.to_datetime, kw_args=options, feature_names_out="one-to-one")


def _build_to_words() -> list[BaseEstimator]:
    """Return the steps that make of a column of text what a vectorizer takes: one array of str, empty for a gap."""
    return [
        *_build_none_to_nan(),
        SimpleImputer(strategy="constant", fill_value=""),
        FunctionTransformer(np.ravel, feature_names_out="one-to-one"),
    ]
