"""What scores the candidates of a search: scikit-learn's scorers, and those that are made of our metrics."""

from collections.abc import Iterator
from typing import Any

from sklearn.dummy import DummyRegressor
from sklearn.metrics import get_scorer, get_scorer_names

from bikeml.config.schema import Config
from bikeml.evaluation.choice import complete_name, find_quantile
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import METRICS, find_metric, is_metric
from bikeml.evaluation.weights import ask_for_weights
from bikeml.system.spelling import did_you_mean


def find_scoring_problems(config: Config) -> Iterator[str]:
    """Yield why search.scoring cannot score a regression."""
    scoring = config.search.scoring if config.search.kind != "none" else None
    if scoring is None or is_metric(complete_name(scoring, find_quantile(config.model.estimator))):
        return  # None is evaluation.rank
    known = get_scorer_names()
    if scoring not in known:
        hint = did_you_mean(scoring, [*known, *METRICS])
        common = "'r2', 'neg_mean_squared_error', 'neg_mean_absolute_error'"
        yield f"search.scoring={scoring!r} is not a scorer of scikit-learn{hint}; common ones are {common}"
        return
    X, y = [[0.0], [1.0], [2.0]], [0.5, 1.5, 2.5]
    try:
        get_scorer(scoring)(DummyRegressor().fit(X, y), X, y)
    except (ValueError, AttributeError, TypeError) as error:
        yield f"search.scoring={scoring!r} is not a scorer for regression: {str(error).splitlines()[0]}"


def find_scorer(name: str, *, is_weighted: bool = False) -> Any:  # noqa: ANN401  scikit-learn has no types
    """
    Return what scikit-learn takes as `scoring`: a name of its own, or a scorer that is made of a metric.

    It is made of a metric that has no such name, or that may be undefined, for which scikit-learn's own would raise.
    With `is_weighted` it is a scorer that asks for the weights of the rows.
    """
    metric = _find_by_scorer(name)
    scorer = metric.make_scorer() if metric is not None and (metric.need or metric.scorer is None) else name
    return ask_for_weights(scorer) if is_weighted else scorer


def explain_no_score(name: str) -> str:
    """Return which values leave a scorer of a search undefined; "" if none do."""
    metric = _find_by_scorer(name)
    return metric.describe_need() if metric is not None else ""


def _find_by_scorer(name: str) -> Metric | None:
    """Return the metric that has this name here or as a scorer of scikit-learn; None for another scorer."""
    known = (metric for metric in METRICS.values() if metric.scorer == name)
    return find_metric(name) if is_metric(name) else next(known, None)
