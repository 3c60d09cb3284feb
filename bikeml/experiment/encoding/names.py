"""Name the columns that a model gets, and let its arguments name them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from bikeml.errors import ConfigError
from bikeml.system.spelling import did_you_mean, show, some

BY_COLUMN = ("categorical_features", "interaction_cst", "monotonic_cst")
"""The arguments of scikit-learn's models that say something of single columns."""
ROWS_TRIED = 200
Arguments = dict[str, Any]
"""Arguments of BY_COLUMN, by their dotted keys."""


def find_by_column(value: object, key: str) -> Arguments:
    """Return the arguments of BY_COLUMN in a config's estimator or grid, at any depth."""
    found: Arguments = {}
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if str(name).rpartition("__")[2] in BY_COLUMN:
            found |= dict(_take_apart(f"{key}.{name}", item))
        else:
            found |= find_by_column(item, f"{key}.{name}")
    return found


def _take_apart(key: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield the values of an axis of a grid, and the groups of interaction_cst, each with its key."""
    if isinstance(value, list) and any(isinstance(each, list | Mapping) for each in value):
        for number, each in enumerate(value):
            yield from _take_apart(f"{key}.{number}", each)
    else:
        yield key, value


def names_columns(arguments: Arguments) -> bool:
    """Return whether one of the arguments names a column."""
    return any(map(_list_names, arguments.values()))


def _list_names(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list | Mapping) else []


def hand_on_names(transformers: Pipeline) -> None:
    """Let the transformers hand DataFrames on to the model, which finds its columns by name in them."""
    for _, step in transformers.steps:
        # its own set_output would ask the steps inside, and a vectorizer of text has none
        owner: Any = super(ColumnTransformer, step) if isinstance(step, ColumnTransformer) else step
        owner.set_output(transform="pandas")


def check_names(arguments: Arguments, transformers: Pipeline, X: pd.DataFrame) -> None:
    """Raise ConfigError if the arguments name a column that the transformers do not make of some rows of X."""
    made = _try_names(transformers, X)
    if not made:
        return
    problems = [
        f"{key} names {show(name)}, {_explain(name, made, list(map(str, X.columns)))}"
        for key, value in arguments.items()
        for name in _list_names(value)
        if name not in made
    ]
    if problems:
        raise ConfigError("\n".join(problems))


def _try_names(transformers: Pipeline, X: pd.DataFrame) -> list[str]:
    """Return the names of what the transformers make of some rows of X; none if they fail, since the fit says why."""
    rows = X.head(ROWS_TRIED)
    try:
        return name_encoded(clone(transformers).fit(rows, np.arange(len(rows))))
    except Exception:  # noqa: BLE001  a transformer of any package may raise any error
        return []


def takes_names(model: BaseEstimator) -> bool:
    """Return whether a model takes columns by name in monotonic_cst: HistGradientBoosting does, other trees do not."""
    return dict in getattr(model, "_parameter_constraints", {}).get("monotonic_cst", [dict])


def names_interactions(model: BaseEstimator) -> bool:
    """Return whether a model names columns in interaction_cst, which scikit-learn 1.9 takes by position alone."""
    groups = getattr(model, "interaction_cst", None)
    return isinstance(groups, list) and any(map(_list_names, groups))


def place_constraints(model: BaseEstimator, transformers: Pipeline, X: pd.DataFrame) -> BaseEstimator:
    """
    Return a model with the constraints that it names by column: by position if it takes no names.

    Raises ConfigError if a position could change from fold to fold, since a column becomes several.
    """
    named = getattr(model, "monotonic_cst", None)
    if isinstance(named, Mapping) and not takes_names(model):
        made = _list_places("monotonic_cst", model, transformers, X)
        model = model.set_params(monotonic_cst=[named.get(name, 0) for name in made])
    if names_interactions(model):
        made = _list_places("interaction_cst", model, transformers, X)
        places = {name: place for place, name in enumerate(made)}
        groups = [[places.get(each, each) for each in group] for group in model.interaction_cst]
        model = model.set_params(interaction_cst=groups)
    return model


def _list_places(argument: str, model: BaseEstimator, transformers: Pipeline, X: pd.DataFrame) -> list[str]:
    """Return the names of the encoded columns, in order; raises ConfigError if a column becomes several."""
    made = _try_names(transformers, X)
    if sorted(made) == sorted(map(str, X.columns)):
        return made
    other = "" if takes_names(model) else ", or model=hist_gbr, which takes names"
    raise ConfigError(
        f"model.estimator.{argument}={getattr(model, argument)} names columns, and {type(model).__name__} takes them "
        f"by position, but preprocessing makes other columns: [{some(made)}]; choose preprocessing=ordinal or "
        f"none{other}"
    )


def _explain(name: str, made: Sequence[str], columns: Sequence[str]) -> str:
    if name not in columns:
        return f"which is no feature{did_you_mean(name, columns)}"
    return (
        f"and preprocessing makes other columns of it; the model gets [{some(made)}]; choose steps that keep it one "
        "column, such as preprocessing=ordinal, or name what they make"
    )


def tell_positions(arguments: Arguments, pipeline: Pipeline) -> Iterator[str]:
    """Yield a line on each argument that points to columns by position: encoded columns have another order."""
    names = name_inputs(pipeline)
    for key, value in arguments.items():
        if not isinstance(value, list) or any(isinstance(each, str) for each in value):
            continue
        is_mask = len(value) == len(names) and (key.endswith("monotonic_cst") or set(map(type, value)) == {bool})
        at = [place for place, each in enumerate(value) if each] if is_mask else value
        told = [names[place] for place in at if isinstance(place, int) and place < len(names)]
        if told:
            yield f"{key} means {some(told)}, by the order of the encoded columns; name the columns to be sure"


def name_inputs(pipeline: Pipeline) -> list[str]:
    """Return the names of the columns that the model at the end of a fitted pipeline gets, in order."""
    names, n_features = name_encoded(pipeline[:-1]), getattr(pipeline[-1], "n_features_in_", None)
    if n_features is None or len(names) == n_features:
        return names
    return [f"column {number}" for number in range(n_features)]


def name_encoded(transformers: Pipeline) -> list[str]:
    """Return the names of the columns that a fitted ColumnTransformer and the steps after it make, in order."""
    (_, preprocessor), *after = transformers.steps
    names = name_features(preprocessor)
    for _, step in after:
        names = _ask_names(step, names)
    return names


def name_features(preprocessor: ColumnTransformer) -> list[str]:
    """Return the names of the encoded columns, in order."""
    names: list[str] = []
    # ColumnTransformer's own method refuses two names that are the same, and HashingVectorizer has no names
    for part, steps, columns in preprocessor.transformers_:
        place = preprocessor.output_indices_[part]
        n_columns = place.stop - place.start
        found = _ask_names(steps, [columns] if isinstance(columns, str) else columns)
        numbered = [f"{' '.join(columns)} {number}" for number in range(n_columns)]
        names += found if len(found) == n_columns else numbered
    return names


def _ask_names(transformer: BaseEstimator, columns: Sequence[str]) -> list[str]:
    """Return the names that a fitted transformer gives to its output; none if it has no names."""
    try:
        return list(map(str, transformer.get_feature_names_out(columns)))
    except Exception:  # noqa: BLE001  a transformer without names raises any error
        return []
