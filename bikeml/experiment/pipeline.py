"""Build the scikit-learn Pipeline of a config: what is done with each kind of column, and the model."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, get_tags

from bikeml.config.estimators import Steps
from bikeml.config.schema import Config
from bikeml.errors import ConfigError
from bikeml.experiment.encoding.names import (
    check_names,
    find_by_column,
    hand_on_names,
    names_columns,
    place_constraints,
)
from bikeml.experiment.encoding.native import tell_categories
from bikeml.experiment.encoding.parts import Part, build_parts
from bikeml.experiment.encoding.target import transform_target
from bikeml.experiment.encoding.width import is_sparse
from bikeml.experiment.estimators import build
from bikeml.experiment.trusted.functions import is_unseeded
from bikeml.system.spelling import some
from bikeml.table.columns.matching import match_columns
from bikeml.table.split import Fold

REGRESSOR = "regressor"
"""The name of the model's step in the pipeline, as in the tutorial."""
PREPROCESSING = "preprocessing"
"""The first word of the axes of a grid that vary the preprocessing."""
IMPUTER = "imputer"
"""The name of the steps that preprocessing.impute=if_needed leaves out."""
KINDS = ("numeric", "categorical", "high_cardinality", "date", "text")
"""The kinds of columns in the preprocessing section, which has steps for each."""


def build_pipeline(config: Config, X: pd.DataFrame, folds: Iterable[Fold] = ()) -> Pipeline:
    """
    Return the unfitted pipeline for `X`, the features of the training rows in table order, (n_rows, n_features).

    The rows tell which columns hold text, and how many levels a category has. `folds`, of these rows, are those on
    which the pipeline will be fitted too. Raises ConfigError for a column of text without steps, and FitError if the
    encoded columns do not fit into memory.
    """
    categories = _find_roles(config)["categorical"]
    levels = {name: X[name].nunique(dropna=False) for name in X.columns if name in categories}
    own = match_columns(config.preprocessing.columns, list(X.columns), config.data)
    columns = _columns_by_kind(config, [name for name in X.columns if name not in {*chain(*own.values())}], levels)
    if columns["text"] and not config.preprocessing.text:
        raise ConfigError(say_text_has_no_steps(columns["text"]))
    sparse = is_sparse(config.preprocessing, columns, own, levels, len(X), takes_sparse=_takes(config, "sparse"))
    # trees take gaps in dense arrays only, and HistGradientBoosting of scikit-learn 1.9 fails on a column of gaps alone
    keep_imputers = sparse or _is_empty_in_a_fold(X[[*columns["numeric"], *columns["date"]]], folds)
    steps = steps_by_kind(config, keep_imputers=keep_imputers)
    if steps["numeric"] == steps["categorical"] and not list_searched(config) & {"numeric", "categorical"}:
        columns = _merge(columns, X)  # the same steps keep them in table order
        steps["columns"] = steps["numeric"]
    is_native = config.preprocessing.native_categories
    if is_native:
        columns = {"categorical": columns["categorical"], **columns}  # first, so that their positions are known
    parts = [
        part
        for kind, names in columns.items()
        for part in build_parts(kind, _maker(steps[kind]), X[names], config.data.date_format_of, config.data.categories)
    ]
    threshold = _sparse_threshold(config, is_sparse=sparse)
    preprocessor = ColumnTransformer(
        [*parts, *_build_own_parts(config, own, X)], sparse_threshold=threshold, verbose_feature_names_out=False
    )
    transformers = Pipeline([("preprocessor", preprocessor), *_build_after(config)])
    _take_names(config, transformers, X)
    model = build(config.model.estimator)
    if is_native:
        model = tell_categories(model, transformers, columns["categorical"])
    model = place_constraints(model, transformers, X)
    return Pipeline([*transformers.steps, (REGRESSOR, transform_target(model, build(config.target.transformer)))])


def _merge(columns: Mapping[str, list[str]], X: pd.DataFrame) -> dict[str, list[str]]:
    both = {*columns["numeric"], *columns["categorical"]}
    return {"columns": [name for name in X.columns if name in both], **columns, "numeric": [], "categorical": []}


def build_blend(members: Sequence[Pipeline], weights: Sequence[int]) -> Pipeline:
    """Return the unfitted weighted mean of those members, pipelines for the same columns, whose weight is above 0."""
    counted = [number for number, weight in enumerate(weights) if weight > 0]
    estimators = [(f"member_{number + 1}", members[number]) for number in counted]
    return Pipeline([(REGRESSOR, VotingRegressor(estimators, weights=[weights[number] for number in counted]))])


def join_members(blend: Pipeline, fitted: Sequence[Pipeline]) -> Pipeline:
    """Return the `blend` with members that were fitted one by one: what its own fit would make of them."""
    voting = blend[-1]
    voting.estimators_ = list(fitted)
    voting.named_estimators_ = Bunch(**{name: each for (name, _), each in zip(voting.estimators, fitted, strict=True)})
    voting.feature_names_in_ = fitted[-1].feature_names_in_
    return blend


def is_same(fitted: Pipeline, unfitted: Pipeline) -> bool:
    """Return whether a fitted pipeline has the steps and arguments of an unfitted one."""
    shown = (each.__repr__(N_CHAR_MAX=10**9) for each in (fitted, unfitted))
    return len(set(shown)) == 1


def _build_own_parts(config: Config, own: Mapping[str, Sequence[str]], X: pd.DataFrame) -> Iterator[Part]:
    """Yield the entries of a ColumnTransformer for the columns with steps of their own; a key has one for each kind."""
    data, roles = config.data, _find_roles(config)
    for number, (key, names) in enumerate(own.items()):
        steps = _maker(config.preprocessing.columns[key])
        for kind in ("numeric", "categorical", "date", "text"):
            of_kind = X[[name for name in names if name in roles[kind]]]
            for part, *rest in build_parts(kind, steps, of_kind, data.date_format_of, data.categories):
                yield (f"own_{number}_{part}", *rest)


def _build_after(config: Config) -> list[tuple[str, BaseEstimator]]:
    return [(name, build(spec)) for name, spec in config.preprocessing.after.items()]


def _take_names(config: Config, transformers: Pipeline, X: pd.DataFrame) -> None:
    """Let the model find its columns by name if an argument names one; raises ConfigError for a name it cannot find."""
    arguments = list_by_column(config)
    if names_columns(arguments):
        hand_on_names(transformers)
        check_names(arguments, transformers, X)


def list_by_column(config: Config) -> dict[str, Any]:
    """Return the arguments of the model and of its grid that say something of single columns, by their keys."""
    found = find_by_column(config.model.estimator, "model.estimator")
    axes = config.searched
    return found | find_by_column(axes[0] if len(axes) == 1 else axes, config.searched_key)


def _maker(steps: Steps) -> Callable[[], list[BaseEstimator]]:
    return lambda: [build(spec) for spec in steps.values()]


def is_reproducible(config: Config) -> bool:
    """Return whether the split and every estimator have a seed; without one a run is not called reproducible."""
    if config.blend:
        return all(map(is_reproducible, config.members))
    if not config.split.is_seeded:
        return False
    if any(name.endswith("random_state") and None in axis for grid in config.searched for name, axis in grid.items()):
        return False
    specs = [config.model.estimator, config.target.transformer, *(spec for _, spec in list_steps(config))]
    parameters = [item for spec in specs if spec for item in build(spec).get_params().items()]
    return not any(
        (name.endswith("random_state") and value is None) or is_unseeded(value) for name, value in parameters
    )


def kinds_in_use(config: Config) -> list[str]:
    """Return the kinds of columns that the data may have: without dates, the steps of dates are not even imported."""
    kinds = [kind for kind in KINDS if kind not in ("date", "text") or getattr(config.data, kind)]
    return [kind for kind in kinds if kind != "text" or not config.preprocessing.text_as_categories]


def _find_roles(config: Config) -> Mapping[str, list[str]]:
    """Return the columns by the role that they have for the preprocessing, to which text may be a category."""
    roles = config.data.roles
    if not config.preprocessing.text_as_categories:
        return roles
    return {**roles, "categorical": [*roles["categorical"], *roles["text"]], "text": []}


def list_steps(config: Config) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every step of the preprocessing that the data may need, with its key."""
    preprocessing = config.preprocessing
    named = {f"columns.{key}": steps for key, steps in preprocessing.columns.items()} | {"after": preprocessing.after}
    for key, steps in ({kind: getattr(preprocessing, kind) for kind in kinds_in_use(config)} | named).items():
        yield from ((f"preprocessing.{key}.{name}", spec) for name, spec in steps.items())


def say_text_has_no_steps(columns: Sequence[str]) -> str:
    """Return the message for columns of text if preprocessing.text is empty."""
    advice = f"choose preprocessing=auto, or put {'it' if len(columns) == 1 else 'them'} into data.ignored"
    return f"data.text=[{some(columns)}], and this preprocessing has no steps for text; {advice}"


def _columns_by_kind(config: Config, names: Sequence[str], levels: Mapping[str, int]) -> dict[str, list[str]]:
    """Return those of the columns that have steps, by kind; a date without steps is no feature."""
    roles, threshold = _find_roles(config), config.preprocessing.cardinality_threshold
    columns = {kind: [name for name in names if name in roles.get(kind, ())] for kind in KINDS}
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
    searched = list_searched(config)
    return {
        kind: {
            name: spec
            for name, spec in getattr(preprocessing, kind).items()
            if keeps or name != IMPUTER or kind in searched
        }
        for kind in KINDS
    }


def list_searched(config: Config) -> set[str]:
    """Return the kinds of columns whose steps a search varies."""
    keys = [name.split("__") for grid in config.searched for name in grid]
    return {key[1] for key in keys if key[0] == PREPROCESSING and len(key) > 1}


def takes_gaps(config: Config) -> bool:
    """Return whether the model, and the steps before it that all columns pass, take NaN."""
    return _takes(config, "allow_nan")


def _takes(config: Config, tag: str) -> bool:
    takers = [*(step for _, step in _build_after(config)), build(config.model.estimator)]
    return all(getattr(get_tags(each).input_tags, tag) for each in takers)


def _sparse_threshold(config: Config, *, is_sparse: bool) -> float:
    """Return below which density ColumnTransformer makes a sparse matrix: 0 for never, 1 for always."""
    if not _takes(config, "sparse"):
        return 0.0
    if config.preprocessing.cardinality_threshold is None:
        return 0.3  # scikit-learn's default, which earlier versions left in place
    return float(is_sparse)
