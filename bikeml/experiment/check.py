"""Check the estimators of a config, and find which cells they accept, before anything is read or fitted."""

import importlib.util
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import yaml
from sklearn.base import RegressorMixin, TransformerMixin
from sklearn.compose import ColumnTransformer

from bikeml.config.composition import config_dir
from bikeml.config.estimators import Steps
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, FitError, LateError
from bikeml.evaluation.choice import find_metric_problems
from bikeml.evaluation.weights import NOT_ROUTED, find_unweighted, takes_weights
from bikeml.experiment.encoding.native import find_native_problems, takes_categories
from bikeml.experiment.encoding.parts import build_parts
from bikeml.experiment.encoding.target import check_target
from bikeml.experiment.estimators import build, find_class, find_nested, find_problems
from bikeml.experiment.grid import find_grid_problems
from bikeml.experiment.pipeline import (
    REGRESSOR,
    kinds_in_use,
    list_steps,
    say_text_has_no_steps,
    steps_by_kind,
    takes_gaps,
)
from bikeml.experiment.searching.scoring import find_scoring_problems
from bikeml.system.clock import seconds_left
from bikeml.table.problems import Tolerance
from bikeml.table.split import Fold
from bikeml.terminal.numbers import show_count


def check_estimators(config: Config) -> None:
    """Build every estimator of `config`, and try its grid; raises ConfigError with a list of all problems."""
    if config.blend:
        _check_members(config)
        return
    problems = [*find_problems("model.estimator", config.model.estimator, RegressorMixin)]
    if config.target.transformer:
        problems += find_problems("target.transformer", config.target.transformer, TransformerMixin)
    for key, spec in list_steps(config):
        problems += find_problems(key, spec, TransformerMixin)
    problems += [
        f"preprocessing.after.{name}: the pipeline has a step of this name already; choose another"
        for name in config.preprocessing.after.keys() & {"preprocessor", REGRESSOR}
    ]
    problems += _group_problems(config)
    preprocessing = config.preprocessing
    has_place_for_text = preprocessing.text_as_categories or preprocessing.text or preprocessing.columns
    if config.data.roles["text"] and not has_place_for_text:
        problems.append(say_text_has_no_steps(config.data.roles["text"]))
    if not problems and config.preprocessing.native_categories:
        problems += _native_problems(config)
    if not problems and config.search.kind != "none":
        problems += [*find_scoring_problems(config), *find_grid_problems(config)]
    problems += find_metric_problems(config)
    if not problems and config.data.weight is not None:
        problems += _weight_problems(config)
    if problems:
        raise ConfigError("\n".join(problems))


def find_missing_package(config: Config) -> str | None:
    """Return why the model's package cannot be imported; None if it is installed."""
    target = str(config.model.estimator["_target_"])
    package = target.partition(".")[0]
    if importlib.util.find_spec(package) is not None:
        return None
    return f"its model is {target}, and {package} is not installed"


def check_rows(config: Config, y: np.ndarray, rows: np.ndarray) -> None:
    """
    Raise FitError if the model is not made for so many training rows, or cannot learn their target `y`, (n_rows,).

    `rows` are the numbers of these rows in the table, from 1, shape (n_rows,).
    """
    limit = config.model.max_rows
    if limit is not None and len(y) > limit:
        raise FitError(
            f"model.max_rows={limit}, and there are {len(y):,} training rows: the time and memory of this model grow "
            "much faster than its rows; choose another model, or set model.max_rows to more, or null for any number"
        )
    check_target(build(config.target.transformer), y, rows)


def check_time(seconds: float, folds: Sequence[Fold], n_rows: int) -> None:
    """
    Raise LateError if the folds cannot be fitted in the time left.

    `seconds` is what the fit on all `n_rows` training rows took. The time of a fit grows with the square of its rows at
    most, but for a few models that take few rows.
    """
    left = max(0.0, seconds_left())
    expected = seconds * sum((len(rows) / n_rows) ** 2 for rows, _ in folds)
    if expected > left:
        raise LateError(
            f"its first fit took {seconds:.1f} s, so those of {show_count(len(folds), 'fold')} would take at least "
            f"{expected:.1f} s, and {left:.1f} s of sweep.budget_seconds were left"
        )


def _check_members(config: Config) -> None:
    """Check each member of a blend as an experiment of its own."""
    problems = []
    for number, member in enumerate(config.members):
        try:
            check_estimators(member)
        except ConfigError as error:
            problems += [f"blend[{number}]: {line}" for line in str(error).splitlines()]
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


def _weight_problems(config: Config) -> Iterator[str]:
    """Yield which models could not be fitted with the weights of data.weight."""
    values = [value for grid in config.searched for axis in grid.values() for value in axis]
    specs = [config.model.estimator, *(spec for value in values for _, spec in find_nested("", {"": value}))]
    models = [each for each in map(build, specs) if hasattr(each, "predict")]  # CatBoost's is no RegressorMixin
    names = dict.fromkeys(name for model in models for name in find_unweighted(model))
    if names:
        verb = "takes" if len(names) == 1 else "take"
        yield (
            f"data.weight={config.data.weight!r}: {' and '.join(names)} {verb} no sample_weight in a pipeline; models "
            f"that do are {', '.join(_list_options(_gets_weights))}; choose one of them, or set data.weight=null"
        )


def _gets_weights(model: type) -> bool:
    return takes_weights(model) and model.__name__ not in NOT_ROUTED


def _native_problems(config: Config) -> Iterator[str]:
    """Yield why the model cannot split categories itself."""
    model = build(config.model.estimator)
    if takes_categories(type(model)):
        yield from find_native_problems(config.preprocessing, model)
        return
    yield (
        f"preprocessing.native_categories=true: {type(model).__name__} cannot be told which columns are categories; "
        f"models that can are {', '.join(_list_options(takes_categories))}; choose one of them, or preprocessing=auto"
    )


def _list_options(can: Callable[[type], bool]) -> Iterator[str]:
    """Yield the options of the group model whose estimator's class can do something."""
    for file in sorted((config_dir() / "model").glob("*.yaml")):
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))["estimator"]
        with suppress(ConfigError):  # of a package that is not installed
            if can(find_class(file.stem, spec["_target_"], RegressorMixin)):
                yield file.stem


NUMBERS: Sequence[object] = (1.0, 2.0, 3.0, 4.0) * 5
WORDS: Sequence[object] = ("a", "b", "c", "d") * 5
DATES: Sequence[object] = ("2012-01-01", "2012-02-29", "2012-03-31", "2013-12-31") * 5
SENTENCES: Sequence[object] = ("red wine", "white wine", "dry", "sweet as honey") * 5


ALL = Tolerance(text_categories=True, numeric_gaps=True, categorical_gaps=True, date_gaps=True, text_gaps=True)


def find_tolerance(config: Config) -> Tolerance:
    """Return which cells the pipeline accepts: try the preprocessing on a few cells, and read the model's tags."""
    if config.blend:  # each member has read the table alone
        return ALL
    kinds, gaps_may_pass = kinds_in_use(config), takes_gaps(config)
    steps = {kind: steps for kind, steps in steps_by_kind(config).items() if kind in kinds}
    own = {
        key: _try_steps(json.dumps(dict.fromkeys(kinds, steps)), gaps_may_pass=gaps_may_pass)
        for key, steps in config.preprocessing.columns.items()
    }
    found = replace(_try_steps(json.dumps(steps), gaps_may_pass=gaps_may_pass), own=own)
    return replace(found, text_gaps=found.categorical_gaps) if config.preprocessing.text_as_categories else found


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
