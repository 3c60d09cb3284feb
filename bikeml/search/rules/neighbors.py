"""The rule for nearest neighbours: the nearest five are the first of the nearest twenty, unless there are ties."""

import copy
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.utils import _safe_indexing

from bikeml.search.rules.determinism import why_random
from bikeml.search.rules.rule import Data, Estimator, SharingRule

_CLEAR = 1 + 1e-9
"""A distance is surely greater if it is so many times another: rounding, also of a node's bounds, is far less."""


class NeighborsRule(SharingRule):
    """
    A fit keeps the rows and sorts them into a tree, whatever `n_neighbors` is.

    One question to a k-d tree serves all values too, for rows whose neighbours are at clearly different distances. The
    order of ties depends on how many are asked for, so that rows with ties are asked again for each value.
    """

    models = (KNeighborsRegressor, KNeighborsClassifier)
    parameter = "n_neighbors"

    def why_not(self, model: Estimator) -> str | None:
        return why_random([model.weights, model.metric])

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        half = model.n_samples_fit_ // 2
        if model.algorithm == "auto" and (value >= half) != (model.n_neighbors >= half):
            raise ValueError("with so many neighbours, algorithm='auto' builds no tree")  # each is fitted alone then
        cut = copy.copy(model)
        cut.n_neighbors = value
        return cut

    def make_predictor(self, model: Estimator, X: Data, method: str) -> Callable[[Estimator], Any] | None:
        # Others compute distances for many rows at once, whose last bits may depend on which.
        if model._fit_method != "kd_tree":  # noqa: SLF001 scikit-learn 1.8 to 1.9: what algorithm="auto" has chosen
            return None
        ask = cache(lambda: _Neighbors(model, X))

        def predict(cut: Estimator) -> Any:  # noqa: ANN401 scikit-learn has no types
            asking = copy.copy(cut)
            if cut.n_neighbors <= model.n_samples_fit_:  # otherwise its own message
                asking.kneighbors = partial(ask().answer, cut.n_neighbors)
            return getattr(type(cut), method)(asking, X)

        return predict


class _Neighbors:
    """The nearest rows in a k-d tree, for the greatest number that is asked for."""

    def __init__(self, model: Estimator, X: Data) -> None:
        self._model, self._X = model, X
        self._most = min(model.n_neighbors, model.n_samples_fit_)
        self._distances, self._rows = type(model).kneighbors(model, X, self._most)
        clear = self._distances[:, 1:] > self._distances[:, :-1] * _CLEAR
        self._n_clear = np.argmin(np.c_[clear, np.zeros(len(clear), bool)], axis=1)
        """How many neighbours of each row are followed by one that is clearly farther."""

    def answer(self, n: int, X: Data, *, return_distance: bool = True) -> Any:  # noqa: ANN401 as kneighbors
        """Return what `kneighbors` of a model with `n` neighbours returns."""
        del X  # the same
        distances, rows = self._distances[:, :n].copy(), self._rows[:, :n].copy()
        tied = np.flatnonzero(self._n_clear < n)
        if n < self._most and len(tied):
            again = type(self._model).kneighbors(self._model, _safe_indexing(self._X, tied), n)
            distances[tied], rows[tied] = again
        return (distances, rows) if return_distance else rows
