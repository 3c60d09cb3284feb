"""Check the estimators of a config, and find which cells they accept, before anything is read or fitted."""

import inspect
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin, TransformerMixin, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError

from bikeml.config.schema import Config, ModelConfig, Steps
from bikeml.config.spelling import did_you_mean
from bikeml.errors import ConfigError
from bikeml.evaluation.choice import find_metric_problems, find_scoring_problems
from bikeml.experiment.encoding.names import takes_names
from bikeml.experiment.encoding.parts import build_parts
from bikeml.experiment.estimators import build, find_class
from bikeml.experiment.pipeline import (
    REGRESSOR,
    kinds_in_use,
    list_steps,
    say_text_has_no_steps,
    steps_by_kind,
    takes_gaps,
)
from bikeml.experiment.trusted.functions import FUNCTIONS, GET_METHOD
from bikeml.table.problems import Tolerance

NO_STEPS: Mapping[str, tuple[str, ...]] = {
    "returns the transformed target too, so no step can follow it; choose PCA, or PLSRegression as the model": (
        *("CCA", "PLSCanonical", "PLSRegression", "PLSSVD"),
    ),
    "encodes targets, not columns; choose OneHotEncoder or OrdinalEncoder": (
        *("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"),
    ),
    "learns classes, and the target is a number; choose another transformer": (
        *("LinearDiscriminantAnalysis", "NeighborhoodComponentsAnalysis", "StackingClassifier", "VotingClassifier"),
    ),
    "takes dictionaries, not columns; choose OneHotEncoder": ("DictVectorizer", "FeatureHasher"),
    "takes pictures, not columns; choose another transformer": ("PatchExtractor",),
    "takes a kernel, not columns; choose KernelPCA or Nystroem": ("KernelCenterer",),
    "returns no columns; choose it as the model": ("IsotonicRegression",),
    "has no transform, so it cannot encode new rows; choose PCA, Isomap or LocallyLinearEmbedding": ("TSNE",),
    "takes an array as its dictionary, which no config can hold; choose DictionaryLearning": ("SparseCoder",),
}
"""The transformers of scikit-learn 1.9 that cannot be steps for columns, by the reason and the cure."""


def check_estimators(config: Config) -> None:
    """Build every estimator of `config`, and try its grid; raises ConfigError with a list of all problems."""
    problems = [*_spec_problems("model.estimator", config.model.estimator, RegressorMixin)]
    for key, spec in list_steps(config):
        problems += _spec_problems(key, spec, TransformerMixin)
    problems += [
        f"preprocessing.after.{name}: the pipeline has a step of this name already; choose another"
        for name in config.preprocessing.after.keys() & {"preprocessor", REGRESSOR}
    ]
    problems += _group_problems(config)
    if config.data.roles["text"] and not (config.preprocessing.text or config.preprocessing.columns):
        problems.append(say_text_has_no_steps(config.data.roles["text"]))
    if not problems and config.search.kind != "none":
        problems += [*find_scoring_problems(config), *_grid_problems(config.model)]
    problems += find_metric_problems(config)
    if problems:
        raise ConfigError("\n".join(problems))


def _group_problems(config: Config) -> Iterator[str]:
    """Yield why rows of one group could be on both sides of the split."""
    group = config.data.group
    if config.split.kind == "group" and group is None:
        yield "split=group needs a column that names groups; set data.group=COLUMN"
    elif config.split.kind != "group" and group is not None:
        yield (
            f"data.group={group!r} names groups, and split={config.split.kind} would put rows of one group on both "
            "sides; choose split=group, or set data.group=null"
        )


def _spec_problems(key: str, spec: Mapping[str, Any], role: type) -> Iterator[str]:
    """Yield the problems of the estimator at `key`, which must be a subclass of the mixin class `role`."""
    if spec["_target_"] == GET_METHOD and role is object:
        yield from _function_problems(key, spec)
        return
    try:
        estimator_class = find_class(key, str(spec["_target_"]), role)
    except ConfigError as error:
        yield str(error)
        return
    arguments = {name: value for name, value in spec.items() if name != "_target_"}
    problems = [
        *_argument_problems(key, estimator_class, arguments),
        *(
            problem
            for path, nested in _nested_specs(key, arguments)
            for problem in _spec_problems(path, nested, object)
        ),
    ]
    yield from problems or _value_problems(key, spec, role)


def _function_problems(key: str, spec: Mapping[str, Any]) -> Iterator[str]:
    try:
        build(spec, key)
    except ConfigError as error:
        yield str(error)


def _argument_problems(key: str, estimator_class: type, arguments: Mapping[str, Any]) -> Iterator[str]:
    parameters = inspect.signature(estimator_class).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for name in arguments:
        if name.startswith("_"):
            yield f"{key}.{name} is for Hydra's instantiate, and bikeml makes each estimator itself; leave it out"
        elif name not in parameters and not takes_any:
            hint = did_you_mean(name, parameters)
            yield f"{key}.{name}: {estimator_class.__name__} has no such argument{hint}; it has {', '.join(parameters)}"
        elif name in FUNCTIONS and isinstance(arguments[name], str):
            yield (
                f"{key}.{name}={arguments[name]!r} is text; write a function as {{_target_: {GET_METHOD}, "
                f"path: {arguments[name]}}}"
            )


def _nested_specs(key: str, value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the estimators inside an argument with their keys, at any depth of mappings and lists."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if isinstance(item, Mapping) and "_target_" in item:
            yield f"{key}.{name}", item
        else:
            yield from _nested_specs(f"{key}.{name}", item)


def _value_problems(key: str, spec: Mapping[str, Any], role: type) -> Iterator[str]:
    try:
        estimator = build(spec, key)
        # The check that fit() makes first; no public function makes it without data (scikit-learn 1.9).
        if hasattr(estimator, "_parameter_constraints"):  # other packages' estimators may have none
            estimator._validate_params()  # noqa: SLF001
        yield from (f"{key}: {type(estimator).__name__} {reason}" for reason in _find_misfits(key, estimator, role))
    except InvalidParameterError as error:
        yield f"{key}: {error}"
    except Exception as error:  # noqa: BLE001  a constructor of any package may raise any error
        yield f"{key}: {type(error).__name__}: {error}"


def _find_misfits(key: str, estimator: Any, role: type) -> Iterator[str]:  # noqa: ANN401  of any package
    """Yield why an estimator that works in scikit-learn cannot have this place in a pipeline."""
    if key != "model.estimator" and isinstance(getattr(estimator, "monotonic_cst", None), Mapping):
        yield from [] if takes_names(estimator) else ["takes no names in monotonic_cst here; choose model=hist_gbr"]
    if role is RegressorMixin and not isinstance(estimator, RegressorMixin) and not is_regressor(estimator):
        yield "is not a regressor; give it an estimator that is one, such as sklearn.linear_model.Ridge"
    elif role is RegressorMixin and not get_tags(estimator).target_tags.single_output:
        yield "predicts several targets at once, and a table has one; choose a regressor of one target"
    if role is TransformerMixin:
        yield from (reason for reason, names in NO_STEPS.items() if type(estimator).__name__ in names)
        if hasattr(estimator, "build_analyzer") and not key.startswith(("preprocessing.text", "preprocessing.columns")):
            yield "takes text; put it into preprocessing.text, and name the columns in data.text"


def _grid_problems(model: ModelConfig) -> Iterator[str]:
    known = [name for name in model.estimator if name != "_target_"]
    for name, values in model.grid.items():
        if name not in known:
            hint = did_you_mean(name, known)
            yield f"model.grid.{name}: no such key in model.estimator{hint}; it has {', '.join(known)}"
            continue
        for value in values:
            yield from _spec_problems(f"model.grid.{name}", {**model.estimator, name: value}, RegressorMixin)


NUMBERS: Sequence[object] = (1.0, 2.0, 3.0, 4.0) * 5
WORDS: Sequence[object] = ("a", "b", "c", "d") * 5
DATES: Sequence[object] = ("2012-01-01", "2012-02-29", "2012-03-31", "2013-12-31") * 5
SENTENCES: Sequence[object] = ("red wine", "white wine", "dry", "sweet as honey") * 5


def find_tolerance(config: Config) -> Tolerance:
    """Return which cells the pipeline accepts: try the preprocessing on a few cells, and read the model's tags."""
    kinds, gaps_may_pass = kinds_in_use(config), takes_gaps(config)
    steps = {kind: steps for kind, steps in steps_by_kind(config).items() if kind in kinds}
    own = {
        key: _try_steps(json.dumps(dict.fromkeys(kinds, steps)), gaps_may_pass=gaps_may_pass)
        for key, steps in config.preprocessing.columns.items()
    }
    return replace(_try_steps(json.dumps(steps), gaps_may_pass=gaps_may_pass), own=own)


@lru_cache  # the cells of a sweep share a few preprocessings
def _try_steps(all_steps: str, *, gaps_may_pass: bool) -> Tolerance:
    steps: dict[str, Steps] = json.loads(all_steps)

    def takes(kind: str, harder: list[Sequence[object]], plain: list[Sequence[object]]) -> bool:
        """Tell whether the steps work on the harder cells; if they fail on plain ones too, let the fit say why."""
        works = [_works(kind, steps[kind], cells, gaps_may_pass=gaps_may_pass) for cells in harder]
        return any(works) or not any(_works(kind, steps[kind], cells, gaps_may_pass=gaps_may_pass) for cells in plain)

    def with_gap(cells: Sequence[object]) -> Sequence[object]:
        return [*cells, np.nan]

    categories = ["categorical", *(["high_cardinality"] if steps["high_cardinality"] else [])]
    return Tolerance(
        text_categories=all(takes(kind, [WORDS], [NUMBERS]) for kind in categories),
        numeric_gaps=takes("numeric", [with_gap(NUMBERS)], [NUMBERS]),
        categorical_gaps=all(
            takes(kind, [with_gap(NUMBERS), with_gap(WORDS)], [NUMBERS, WORDS]) for kind in categories
        ),
        date_gaps=bool(steps.get("date")) and takes("date", [with_gap(DATES)], [DATES]),
        text_gaps=bool(steps.get("text")) and takes("text", [with_gap(SENTENCES)], [SENTENCES]),
    )


def _works(kind: str, steps: Steps, cells: Sequence[object], *, gaps_may_pass: bool) -> bool:
    X = pd.DataFrame({"column": cells})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = build_parts(kind, lambda: [build(spec) for spec in steps.values()], X, lambda _: None)
            parts = ColumnTransformer(made, sparse_threshold=0)
            numbers = np.asarray(parts.fit_transform(X, np.arange(len(cells))), dtype=float)
    except Exception:  # noqa: BLE001  a transformer of any package may raise any error
        return False
    return gaps_may_pass or not np.isnan(numbers).any()
