"""Take scorers out of a pipeline while it is saved: they call a method of any name, so a model file may hold none."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

SCORERS = "sklearn.metrics._scorer"
"""The module of scikit-learn's scorers."""


@contextmanager
def without_scorers(pipeline: BaseEstimator) -> Iterator[None]:
    """
    Take out what only a fit needs, and put it back after the block.

    No prediction needs a scorer. HistGradientBoosting keeps one, and also a method that is bound to itself, which skops
    would follow without end (scikit-learn 1.9, skops 0.16).
    """
    taken: list[tuple[dict[Any, Any], Any, Any]] = []
    for held in _walk(pipeline):
        for name, value in list(held.items()):
            if type(value).__module__ == SCORERS:
                taken.append((held, name, value))
                held[name] = None
            elif isinstance(value, MethodType) and getattr(value.__self__, "__dict__", None) is held:
                taken.append((held, name, held.pop(name)))
    try:
        yield
    finally:
        for held, name, value in taken:
            held[name] = value


def _walk(root: object) -> Iterator[dict[Any, Any]]:
    """Yield each mapping in an estimator once: its attributes, those of the estimators in it, and its dicts."""
    waiting, seen = [root], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, BaseEstimator):
            value = vars(value)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype == object):
            waiting += list(value)
