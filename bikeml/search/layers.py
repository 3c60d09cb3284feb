"""Where the model sits inside pipelines and target transformers, and how to put another in its place."""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

Estimator: TypeAlias = Any  # scikit-learn has no types
Data: TypeAlias = Any  # array, sparse matrix or DataFrame of shape (n_samples, n_features), or a target


class Place(NamedTuple):
    """A model and the prefix of its parameters, such as 'regressor__model__'."""

    prefix: str
    model: Estimator


def find_model(estimator: Estimator, overrides: Mapping[str, object]) -> Place:
    """
    Find the innermost model of an estimator that is not fitted.

    Only the exact classes Pipeline and TransformedTargetRegressor are looked into: a subclass may do anything.

    Parameters
    ----------
    estimator : estimator
        A bare model, or one at the end of pipelines and inside target transformers, in any order.
    overrides : mapping of str to object
        A candidate's parameters, which may put another object in a step's place.

    Returns
    -------
    place : Place
        The model, and the prefix its parameters have in the grid.
    """
    place = Place("", estimator)
    while (name := _name_of_child(place.model)) and f"{place.prefix}steps" not in overrides:
        key = f"{place.prefix}{name}"
        place = Place(f"{key}__", overrides.get(key, _child(place.model)))
    return place


def list_layers(estimator: Estimator) -> list[Estimator]:
    """List the pipelines and target transformers around the model, outermost first, fitted ones if there are."""
    layers = []
    while _name_of_child(estimator):
        layers.append(estimator)
        estimator = _fitted_child(estimator)
    return layers


def get_fitted_model(estimator: Estimator) -> Estimator:
    """Return the fitted innermost model of a fitted estimator."""
    while _name_of_child(estimator):
        estimator = _fitted_child(estimator)
    return estimator


def replace_model(fitted: Estimator, model: Estimator, parameter: str, value: object) -> Estimator:
    """
    Copy a fitted estimator around another fitted model; only the layers are copied, and the given stays as it is.

    Parameters
    ----------
    fitted : estimator
        A fitted bare model, pipeline or target transformer.
    model : estimator
        The fitted model that takes the innermost place.
    parameter : str
        The name of the parameter in which that model differs, as seen from `fitted` ('model__n_estimators').
    value : object
        Its value: the parameters of every layer tell it too.

    Returns
    -------
    fitted : estimator
        A copy that holds `model`.
    """
    name = _name_of_child(fitted)
    if not name:
        return model
    inner = parameter.removeprefix(f"{name}__")
    outer = copy.copy(fitted)
    child = replace_model(_fitted_child(fitted), model, inner, value)
    if type(fitted) is Pipeline:
        outer.steps = [*fitted.steps[:-1], (name, child)]
    else:
        outer.regressor_ = child
        outer.regressor = clone(fitted.regressor).set_params(**{inner: value})
    return outer


def view_model(fitted: Estimator, model: Estimator) -> Estimator:
    """Put a fitted model into the fitted target transformers alone: it predicts from what `transform` returns."""
    if not _name_of_child(fitted):
        return model
    child = view_model(_fitted_child(fitted), model)
    if type(fitted) is Pipeline:
        return child
    outer = copy.copy(fitted)
    outer.regressor_ = child
    return outer


def transform(fitted: Estimator, X: Data) -> Data:
    """Take data of shape (n_samples, n_features) through the transformers of all pipelines around the model."""
    for layer in list_layers(fitted):
        if type(layer) is Pipeline:
            for _, step in layer.steps[:-1]:
                X = X if step is None or step == "passthrough" else step.transform(X)
    return X


def _name_of_child(estimator: Estimator) -> str:
    if type(estimator) is TransformedTargetRegressor and estimator.regressor is not None:
        return "regressor"
    if type(estimator) is Pipeline and _has_steps(estimator):
        return str(estimator.steps[-1][0])
    return ""


def _has_steps(pipeline: Estimator) -> bool:
    # What is malformed is left to scikit-learn, which says so when it is fitted.
    steps = pipeline.steps
    return isinstance(steps, list) and bool(steps) and isinstance(steps[-1], tuple) and len(steps[-1]) == 2  # noqa: PLR2004 name and estimator


def _child(estimator: Estimator) -> Estimator:
    return estimator.steps[-1][1] if type(estimator) is Pipeline else estimator.regressor


def _fitted_child(estimator: Estimator) -> Estimator:
    return getattr(estimator, "regressor_", None) or _child(estimator)
