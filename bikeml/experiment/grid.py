"""Turn the axes of a config's grid into parameters of its pipeline, and tell what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.pipeline import Pipeline

from bikeml.config.estimators import N_SAMPLES, DrawnSearch, HalvingSearch, Range, Steps
from bikeml.config.schema import Config
from bikeml.errors import ConfigError
from bikeml.experiment.encoding.target import LEARNED
from bikeml.experiment.estimators import build, describe, find_forbidden, find_nested, find_problems, validate
from bikeml.experiment.pipeline import KINDS, PREPROCESSING, REGRESSOR
from bikeml.experiment.searching.rounds import Halving, Proposer
from bikeml.system.spelling import did_you_mean, some

AFTER = "after"
DIGITS = 3
"""Of a drawn number: more of them would not tell candidates apart, and would have to be read."""
PASSTHROUGH = "passthrough"
"""Instead of a step, as scikit-learn has it."""


@dataclass(frozen=True)
class _Drawn:
    """A distribution as ParameterSampler and Tpe want it: the numbers of a range."""

    range: Range

    def rvs(self, random_state: np.random.RandomState) -> float | int:
        low, high, is_whole = self.range.low, self.range.high, isinstance(self.range.low * self.range.high, int)
        ends = np.array([low - 0.5, high + 0.5] if is_whole else [low, high], dtype=float)  # each whole number alike
        forth, back = (np.log, np.exp) if self.range.log else (np.asarray, np.asarray)
        number = float(np.clip(back(random_state.uniform(*forth(ends))), low, high))
        return round(number) if is_whole else _shorten(number)

    def suggest(self, trial: Any, name: str) -> float | int:  # noqa: ANN401  a trial of Optuna, an extra
        """Return the number that a trial proposes."""
        low, high, log = self.range.low, self.range.high, self.range.log
        if isinstance(low * high, int):
            return int(trial.suggest_int(name, low, high, log=log))
        return float(np.clip(_shorten(trial.suggest_float(name, low, high, log=log)), low, high))


def _shorten(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def build_grid(config: Config, pipeline: Pipeline) -> list[dict[str, list[Any]]]:
    """
    Return the grids of `config` for a search over `pipeline`; where candidates are drawn, one of each candidate.

    A search by Optuna has none: see :func:`build_proposer`. Raises ConfigError for an axis that the pipeline has no
    step for.
    """
    if config.search.kind == "optuna":
        return []
    parameters = find_parameters(config, pipeline)
    return [
        {parameters[name]: [build(value, name) for value in values] for name, values in grid.items()}
        for grid in (_draw(config, config.search) if isinstance(config.search, DrawnSearch) else config.searched)
    ]


def build_proposer(config: Config, pipeline: Pipeline) -> Proposer | None:
    """Return what proposes the candidates of a search in rounds; None if all of :func:`build_grid` are evaluated."""
    search = config.search
    if search.kind == "halving":
        return Halving(
            list(ParameterGrid(build_grid(config, pipeline))),
            search.factor,
            find_parameters(config, pipeline).get(search.resource, N_SAMPLES),
            search.min_resources,
            search.max_resources,
            fewest=2 * search.folds if search.resource == N_SAMPLES else 1,  # as in scikit-learn
        )
    if search.kind == "optuna":
        return _build_tpe(config, pipeline, search)
    return None


def _build_tpe(config: Config, pipeline: Pipeline, search: DrawnSearch) -> Proposer:
    from bikeml.experiment.searching.tpe import Choice, Tpe  # noqa: PLC0415  an extra

    parameters = find_parameters(config, pipeline)
    spaces = [
        {
            parameters[name]: _Drawn(axis) if isinstance(axis, Range) else Choice([build(each, name) for each in axis])
            for name, axis in axes.items()
        }
        for axes in _list_axes(config)
    ]
    return Tpe(spaces, search.n_candidates, search.random_state)


def _list_axes(config: Config) -> list[dict[str, Any]]:
    """Return the axes to draw from; the resource of a search by halving is not drawn."""
    left_out = config.search.resource if isinstance(config.search, HalvingSearch) else None
    spaces = [config.model.space] if config.searched_key == "model.space" else config.model.grids
    return [{name: axis for name, axis in axes.items() if name != left_out} for axes in spaces]


def _draw(config: Config, search: DrawnSearch) -> list[dict[str, list[Any]]]:
    """Return the candidates of a random search; as many as there are if that is fewer than it asks for."""
    space: list[dict[str, Any]] = [
        {name: _Drawn(axis) if isinstance(axis, Range) else axis for name, axis in axes.items()}
        for axes in _list_axes(config)
    ]
    are_lists = not any(isinstance(axis, _Drawn) for axes in space for axis in axes.values())
    n_candidates = min(search.n_candidates, len(ParameterGrid(space))) if are_lists else search.n_candidates
    candidates = ParameterSampler(space, n_candidates, random_state=search.random_state)
    return [{name: [value] for name, value in params.items()} for params in candidates]


def find_parameters(config: Config, pipeline: Pipeline) -> dict[str, str]:
    """Return the parameter of `pipeline` that each axis of the grid varies, and the resource, by the axis's name."""
    names = [name for grid in config.searched for name in grid]
    if isinstance(config.search, HalvingSearch) and config.search.resource != N_SAMPLES:
        names.append(config.search.resource)
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
    if config.search.kind == "optuna" and find_spec("optuna") is None:
        yield "search=optuna needs Optuna; install it with: pip install 'bikeml[optuna]'"
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
