"""Turn the axes of a config's grid into parameters of its pipeline, and tell what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.pipeline import Pipeline

from bikeml.config.estimators import RandomSearch, Range, Steps
from bikeml.config.schema import Config
from bikeml.errors import ConfigError
from bikeml.experiment.encoding.target import LEARNED
from bikeml.experiment.estimators import build, describe, find_forbidden, find_nested, find_problems, validate
from bikeml.experiment.pipeline import KINDS, PREPROCESSING, REGRESSOR
from bikeml.system.spelling import did_you_mean, some

AFTER = "after"
DIGITS = 3
"""Of a drawn number: more of them would not tell candidates apart, and would have to be read."""
PASSTHROUGH = "passthrough"
"""Instead of a step, as scikit-learn has it."""


@dataclass(frozen=True)
class _Drawn:
    """A distribution as ParameterSampler wants it: the numbers of a range."""

    range: Range

    def rvs(self, random_state: np.random.RandomState) -> float | int:
        low, high, is_whole = self.range.low, self.range.high, isinstance(self.range.low * self.range.high, int)
        ends = np.array([low - 0.5, high + 0.5] if is_whole else [low, high], dtype=float)  # each whole number alike
        forth, back = (np.log, np.exp) if self.range.log else (np.asarray, np.asarray)
        number = float(np.clip(back(random_state.uniform(*forth(ends))), low, high))
        return round(number) if is_whole else float(f"{number:.{DIGITS}g}")


def build_grid(config: Config, pipeline: Pipeline) -> list[dict[str, list[Any]]]:
    """
    Return the grids of `config` for a search over `pipeline`; a random search has one of a single candidate for each.

    Raises ConfigError for an axis that the pipeline has no step for.
    """
    parameters = find_parameters(config, pipeline)
    return [
        {parameters[name]: [build(value, name) for value in values] for name, values in grid.items()}
        for grid in (_draw(config, config.search) if config.search.kind == "random" else config.searched)
    ]


def _draw(config: Config, search: RandomSearch) -> list[dict[str, list[Any]]]:
    """Return the candidates of a random search; as many as there are if that is fewer than it asks for."""
    space: list[dict[str, Any]] = [
        {name: _Drawn(axis) if isinstance(axis, Range) else axis for name, axis in (config.model.space or grid).items()}
        for grid in config.searched
    ]
    are_lists = not any(isinstance(axis, _Drawn) for axes in space for axis in axes.values())
    n_candidates = min(search.n_candidates, len(ParameterGrid(space))) if are_lists else search.n_candidates
    candidates = ParameterSampler(space, n_candidates, random_state=search.random_state)
    return [{name: [value] for name, value in params.items()} for params in candidates]


def find_parameters(config: Config, pipeline: Pipeline) -> dict[str, str]:
    """Return the parameter of `pipeline` that each axis of the grid varies, by the name of the axis."""
    names = [name for grid in config.searched for name in grid]
    model = REGRESSOR if config.target.transformer is None else f"{REGRESSOR}__{LEARNED}"
    return {
        name: _find_parameter(name, config, pipeline) if _is_of_steps(name) else f"{model}__{name}" for name in names
    }


def _is_of_steps(name: str) -> bool:
    return name.partition("__")[0] == PREPROCESSING


def _find_parameter(name: str, config: Config, pipeline: Pipeline) -> str:
    _, kind, step, *rest = name.split("__")
    if kind == AFTER:
        return "__".join([step, *rest])
    transformers = pipeline[0].transformers
    parts = [(part, steps) for part, steps, _ in transformers if part == kind or part.startswith(f"{kind}_")]
    if len(parts) != 1:
        why = f"{len(parts)} of them, each with steps of its own" if parts else "none"
        raise ConfigError(
            f"{config.searched_key}.{name}: a search varies one parameter, and of the {kind} columns the table has "
            f"{why}; take the axis out, or sweep over it: -m preprocessing." + ".".join([kind, step, *rest]) + "=VALUES"
        )
    ((part, steps),) = parts
    return "__".join([pipeline.steps[0][0], part, _find_step(steps, getattr(config.preprocessing, kind), step), *rest])


def _find_step(pipeline: Pipeline, steps: Steps, wanted: str) -> str:
    """Return the name that one of `steps`, the last ones of `pipeline`, has there."""
    return str(pipeline.steps[list(steps).index(wanted) - len(steps)][0])


def find_grid_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with the axes of the grid and their values."""
    for grid in config.searched:
        for name, values in grid.items():
            find = _find_problems_of_steps if _is_of_steps(name) else _find_problems_of_model
            yield from find(config, name, values)


def _find_problems_of_model(config: Config, name: str, values: Sequence[Any]) -> Iterator[str]:
    key, spec = f"{config.searched_key}.{name}", config.model.estimator
    model = build(spec)
    own = {*model.get_params(deep=False), *spec}  # CatBoost's parameters are those that are given and not null
    if name not in {*own, *model.get_params()}:
        yield _say_unknown(key, name, model)
        return
    for value in values:
        if name not in own:  # of a part, or a part itself, such as an estimator of a vote
            yield from _try_value(key, model, name, value)
        else:
            yield from find_problems(key, {**spec, name: value}, RegressorMixin)


def _find_problems_of_steps(config: Config, name: str, values: Sequence[Any]) -> Iterator[str]:
    key = f"{config.searched_key}.{name}"
    _, kind, step, argument = [*name.split("__", 3), "", "", ""][:4]
    steps: Steps | None = getattr(config.preprocessing, kind) if kind in (*KINDS, AFTER) else None
    if steps is None:
        allowed = ", ".join((*KINDS, AFTER))
        yield f"{key}: write preprocessing__KIND__STEP__ARGUMENT; a KIND is one of {allowed}"
    elif step not in steps:
        yield f"{key}: preprocessing.{kind} has no step {step!r}{did_you_mean(step, steps)}; it has [{some(steps)}]"
    elif not argument:
        yield from _find_problems_of_step(key, values)
    else:
        transformer = build(steps[step])
        if argument not in transformer.get_params():
            yield _say_unknown(key, argument, transformer)
            return
        for value in values:
            yield from _try_value(key, transformer, argument, value)


def _find_problems_of_step(key: str, values: Sequence[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Mapping) and "_target_" in value:
            yield from find_problems(key, value, TransformerMixin)
        elif value != PASSTHROUGH:
            yield f"{key}: {value!r} should be an estimator with a _target_, or {PASSTHROUGH}"


def _say_unknown(key: str, name: str, estimator: BaseEstimator) -> str:
    arguments = estimator.get_params()
    listed = ", ".join(argument for argument in arguments if "__" not in argument)
    return f"{key}: {type(estimator).__name__} has no such argument{did_you_mean(name, arguments)}; it has {listed}"


def _try_value(key: str, estimator: BaseEstimator, argument: str, value: object) -> Iterator[str]:
    """Yield why an argument, at any depth of the estimator, cannot have the value."""
    problems = [*find_forbidden(key, value)]
    for path, spec in find_nested(key.rpartition(".")[0], {argument: value}):
        problems += find_problems(path, spec, object)
    if problems:
        yield from problems
        return
    try:
        changed = clone(estimator).set_params(**{argument: build(value, key)})
        owner = argument.rpartition("__")[0]
        validate(changed.get_params()[owner] if owner else changed)
    except Exception as error:  # noqa: BLE001  an estimator of any package may raise any error
        yield f"{key}: {describe(error)}"
