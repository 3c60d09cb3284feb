"""Decide which metrics judge a run, and which one of them ranks it, from the config alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bikeml.config.fields import AUTO
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, DataError
from bikeml.evaluation.metrics import AT_A_QUANTILE, at_quantile, find_metric, is_metric
from bikeml.system.spelling import some

DEFAULT_RANK, OF_A_QUANTILE = "r2", "pinball"
_QUANTILE_MODELS: Mapping[str, tuple[str, float | None]] = {
    "QuantileRegressor": ("quantile", 0.5),
    "HistGradientBoostingRegressor": ("quantile", None),
    "GradientBoostingRegressor": ("alpha", 0.9),
    "LGBMRegressor": ("alpha", 0.9),
    "XGBRegressor": ("quantile_alpha", None),
}
"""The argument that is the quantile, and its default in scikit-learn, LightGBM and XGBoost, by the model's class."""
_QUANTILE_LOSSES = ("quantile", "reg:quantileerror")


def decide_metrics(config: Config) -> Config:
    """
    Return the config with every metric by its whole name, the one that ranks the run, and the search's scoring.

    A model of a quantile is also judged by its pinball loss, which ranks it by default. Raises ConfigError with all
    problems.
    """
    problems = [*find_metric_problems(config)]
    if problems:
        raise ConfigError("\n".join(problems))
    quantile, given = find_quantile(config.model.estimator), config.evaluation
    names = [complete_name(name, quantile) for name in given.metrics]
    rank = complete_name(given.rank, quantile) if given.rank != AUTO else _choose_rank(names, quantile)
    evaluation = given.model_copy(update={"metrics": list(dict.fromkeys([*names, rank])), "rank": rank})
    search = config.search
    if search.kind != "none":
        search = search.model_copy(update={"scoring": _name_scorer(complete_name(search.scoring or rank, quantile))})
    return config.model_copy(update={"evaluation": evaluation, "search": search})


def check_rank(config: Config, y: np.ndarray, source: str) -> None:
    """Raise DataError if the target, shape (n_rows,), of the table `source` leaves the metric that ranks undefined."""
    rank = config.evaluation.rank
    reason = find_metric(rank).explain_undefined(y, np.ones(len(y)))  # which are predictions that every metric takes
    if reason:
        raise DataError(
            f"evaluation.rank={rank} is undefined: {reason} of {source}; rank by another one of evaluation.metrics, "
            "such as mae"
        )


def find_metric_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with evaluation.metrics and evaluation.rank, and what to write."""
    quantile, given = find_quantile(config.model.estimator), config.evaluation
    names = [complete_name(name, quantile) for name in given.metrics]
    rank = complete_name(given.rank, quantile)
    if not names:
        yield "evaluation.metrics=[] names no metric; write at least one, such as [r2]"
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"evaluation.metrics has {name} {names.count(name)} times; write it once"
    problems = [*_find_unknown("metrics", names), *_find_unknown("rank", [] if rank == AUTO else [rank])]
    yield from problems
    if not problems and rank not in (*names, AUTO):
        yield (
            f"evaluation.rank={given.rank!r} is not one of evaluation.metrics ({', '.join(names)}); choose one of "
            f"them, or add {rank} to evaluation.metrics"
        )


def _name_scorer(name: str) -> str:
    """Return scikit-learn's name of a scorer, also for a metric of that name here; the name itself if it has none."""
    return find_metric(name).scorer or name if is_metric(name) else name


def _find_unknown(key: str, names: list[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        try:
            find_metric(name)
        except ConfigError as error:
            yield f"evaluation.{key}: {error}"


def complete_name(name: str, quantile: float | None) -> str:
    """Return the whole name of a metric: pinball alone is at the model's own quantile. An unknown one is kept."""
    if name in AT_A_QUANTILE and quantile is not None:
        return at_quantile(name, quantile)
    return find_metric(name).name if is_metric(name) else name


def _choose_rank(names: list[str], quantile: float | None) -> str:
    if quantile is not None:
        return at_quantile(OF_A_QUANTILE, quantile)
    return DEFAULT_RANK if DEFAULT_RANK in names else names[0]


def find_quantile(spec: Mapping[str, Any]) -> float | None:
    """Return the quantile that an estimator predicts, also inside a TransformedTargetRegressor; None if no quantile."""
    if isinstance(spec.get("regressor"), Mapping):
        return find_quantile(spec["regressor"])
    name = str(spec.get("_target_")).rpartition(".")[2]
    argument, default = _QUANTILE_MODELS.get(name, ("quantile", None))
    losses = spec.get("loss"), spec.get("objective"), spec.get("strategy")
    is_one = name == "QuantileRegressor" or any(loss in losses for loss in _QUANTILE_LOSSES)
    quantile = spec.get(argument, default)
    return quantile if is_one and isinstance(quantile, float) and 0 < quantile < 1 else None


def choose_sweep_rank(configs: Sequence[Config]) -> str:
    """
    Return the metric that ranks the cells of a sweep: the one that all of them have, or else R².

    Cells whose models predict different quantiles have none. Raises ConfigError if evaluation.rank names several, or
    if there is no R².
    """
    decided = [decide_metrics(config).evaluation for config in configs]
    ranks = list(dict.fromkeys(each.rank for each in decided))
    if len(ranks) == 1:
        return ranks[0]
    is_open = all(config.evaluation.rank == AUTO for config in configs)
    if is_open and all(DEFAULT_RANK in each.metrics for each in decided):
        return DEFAULT_RANK
    raise ConfigError(
        f"the cells of a sweep are ranked by one metric, and these have {some(ranks)}; set evaluation.rank to a metric "
        "that all of them have in evaluation.metrics"
    )
