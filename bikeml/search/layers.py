"""Find and replace the model inside pipelines and target transformers."""

import copy
from collections.abc import Mapping
from typing import NamedTuple

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from bikeml.search.rules.rule import Data, Estimator


class Place(NamedTuple):
    """A model and the prefix of its parameters, such as 'regressor__model__'."""

    prefix: str
    model: Estimator


def find_model(estimator: Estimator, overrides: Mapping[str, object]) -> Place:
    """
    Find the innermost model of an unfitted estimator.

    Only the exact classes Pipeline and TransformedTargetRegressor are searched, since a subclass may behave otherwise.

    Parameters
    ----------
    estimator : estimator
        A bare model, or one at the end of pipelines and inside target transformers, in any order.
    overrides : mapping of str to object
        A candidate's parameters, which may replace a step by another object.

    Returns
    -------
    place : Place
        The model, and the prefix of its parameters in the grid.
    """
    place = Place("", estimator)
    while (name := _name_of_child(place.model)) and f"{place.prefix}steps" not in overrides:
        key = f"{place.prefix}{name}"
        place = Place(f"{key}__", overrides.get(key, _child(place.model)))
    return place


def list_layers(estimator: Estimator) -> list[Estimator]:
    """Return the pipelines and target transformers around the model, outermost first; fitted ones if they exist."""
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
    Copy a fitted estimator with another fitted model in it; only the layers are copied, and `fitted` is not changed.

    Parameters
    ----------
    fitted : estimator
        A fitted bare model, pipeline or target transformer.
    model : estimator
        The fitted model that becomes the innermost one.
    parameter : str
        The parameter in which that model differs, with its prefix in `fitted` ('model__n_estimators').
    value : object
        The value of that parameter, which is set in every layer too.

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
    """Put a fitted model into the fitted target transformers only: it predicts from the output of `transform`."""
    if not _name_of_child(fitted):
        return model
    child = view_model(_fitted_child(fitted), model)
    if type(fitted) is Pipeline:
        return child
    outer = copy.copy(fitted)
    outer.regressor_ = child
    return outer


def transform(fitted: Estimator, X: Data) -> Data:
    """Apply the transformers of all pipelines around the model to data of shape (n_samples, n_features)."""
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
    # scikit-learn reports malformed steps when it fits the pipeline.
    steps = pipeline.steps
    return isinstance(steps, list) and bool(steps) and isinstance(steps[-1], tuple) and len(steps[-1]) == 2  # noqa: PLR2004 name and estimator


def _child(estimator: Estimator) -> Estimator:
    return estimator.steps[-1][1] if type(estimator) is Pipeline else estimator.regressor


def _fitted_child(estimator: Estimator) -> Estimator:
    return getattr(estimator, "regressor_", None) or _child(estimator)
