"""
Fit estimators with sample weights, which go to the models and to no transformer.

scikit-learn's metadata routing carries them through pipelines, transformed targets, votes, stacks and searches.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline

WEIGHT = "sample_weight"
REQUESTS = "_metadata_request"
"""Where scikit-learn 1.8 to 1.9 keeps what `set_fit_request` has set."""
NOT_ROUTED = ("AdaBoostRegressor", "CatBoostRegressor")
"""Those that take weights, but not in a pipeline with metadata routing, as of scikit-learn 1.9 and CatBoost 1.2."""


def fit(estimator: Any, X: Any, y: np.ndarray, weights: np.ndarray | None) -> None:  # noqa: ANN401  of scikit-learn
    """
    Fit an estimator to X, shape (n_rows, n_features), and y and the weights, shape (n_rows,); None for no weights.

    Each model inside gets the weights that :func:`find_unweighted` does not name. The fitted estimator is as without
    routing: it is saved, cloned and fitted by whoever loads it as any other.
    """
    if weights is None:
        estimator.fit(X, y)
        return
    with sklearn.config_context(enable_metadata_routing=True):
        _request(estimator)
        try:
            estimator.fit(X, y, sample_weight=weights)
        finally:
            _forget(estimator)


def ask_for_weights(scorer: Any) -> Any:  # noqa: ANN401  scikit-learn has no types
    """Return a scorer that is given the weights by a search that is fitted with some, if its metric takes them."""
    with sklearn.config_context(enable_metadata_routing=True):
        found = get_scorer(scorer)
        takes_weights = WEIGHT in inspect.signature(found._score_func).parameters  # noqa: SLF001  no public name (1.9)
        return found.set_score_request(sample_weight=True) if takes_weights else found


def find_unweighted(estimator: Any) -> Iterator[str]:  # noqa: ANN401  of scikit-learn
    """Yield the names of the models inside an estimator, or of the model itself, that cannot be fitted with weights."""
    name = type(estimator).__name__
    if isinstance(estimator, Pipeline):
        yield from find_unweighted(estimator[-1])
    elif name in NOT_ROUTED or not (takes_weights(estimator) or (parts := list(_list_models(estimator)))):
        yield name
    elif not takes_weights(estimator):
        for part in parts:
            yield from find_unweighted(part)


def takes_weights(estimator: Any) -> bool:  # noqa: ANN401  of scikit-learn
    """Return whether the fit of an estimator, or of a class of estimators, has weights of its own."""
    return WEIGHT in inspect.signature(estimator.fit).parameters


def _list_models(estimator: Any) -> Iterator[Any]:  # noqa: ANN401  of scikit-learn
    """Yield the models that are arguments of an estimator; a pipeline of transformers and a model is one."""
    for value in estimator.get_params(deep=False).values():
        yield from (each for each in _list_held(value) if hasattr(each, "fit") and hasattr(each, "predict"))


def _list_held(value: Any) -> Iterator[Any]:  # noqa: ANN401  an argument of an estimator
    """Yield what lists and pairs of names and estimators hold, at any depth; any other value is alone."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _list_held(each)
    else:
        yield value


def _request(estimator: Any) -> None:  # noqa: ANN401  of scikit-learn
    """Ask for the weights in each model of an estimator that takes them, and decline them everywhere else."""
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps[:-1]:
            _decline(step)
        _request(estimator[-1])
        return
    if hasattr(estimator, "set_fit_request") and takes_weights(estimator):
        estimator.set_fit_request(sample_weight=True)
    for part in _list_models(estimator):
        _request(part)
    for values in _list_axes(estimator):
        _request_in_axis(estimator.estimator, values)


def _list_axes(estimator: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401  of scikit-learn
    """Yield the grids of a search."""
    grids = getattr(estimator, "param_grid", ())
    yield from [grids] if isinstance(grids, Mapping) else grids


def _request_in_axis(searched: Any, values: Mapping[str, Iterable[Any]]) -> None:  # noqa: ANN401  of scikit-learn
    """Do the same for the estimators among the values of a grid: a search puts them into the searched one."""
    for parameter, candidates in values.items():
        is_of_model = not isinstance(searched, Pipeline) or parameter.startswith(searched.steps[-1][0])
        for part in _list_held(list(candidates)):
            if is_of_model and isinstance(part, BaseEstimator) and hasattr(part, "predict"):
                _request(part)
            else:
                _decline(part)


def _decline(transformer: Any) -> None:  # noqa: ANN401  of scikit-learn
    if not isinstance(transformer, BaseEstimator):
        return
    for each in [transformer, *transformer.get_params(deep=True).values()]:
        if hasattr(each, "set_fit_request") and takes_weights(each):
            each.set_fit_request(sample_weight=False)


def _forget(value: Any, seen: set[int] | None = None) -> None:  # noqa: ANN401  anything that an estimator holds
    """Take back what was asked for in an estimator and in all that it holds: a saved model need not know of it."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, BaseEstimator):
        vars(value).pop(REQUESTS, None)
        held: Iterable[Any] = vars(value).values()
    elif isinstance(value, Mapping):
        held = value.values()
    else:
        held = value if isinstance(value, list | tuple | set) else ()
    for each in held:
        if isinstance(each, BaseEstimator | Mapping | list | tuple | set):
            _forget(each, seen)
