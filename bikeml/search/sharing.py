"""Fit once on a fold for a group of candidates, cut the model to each size, and score it."""

import copy
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn.base import clone

# Private in scikit-learn 1.8 to 1.9: the classes of its scorers. A scorer of these classes sees only predictions.
from sklearn.metrics._scorer import _MultimetricScorer, _PassthroughScorer, _Scorer

# Private in scikit-learn 1.8 to 1.9: how GridSearchCV scores; failing scorers must be handled in the same way.
from sklearn.model_selection._validation import _score
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _num_samples

from bikeml.search.cache import PROCESS_CACHE, Slot, StepMemory, lock
from bikeml.search.layers import (
    get_fitted_model,
    list_layers,
    replace_model,
    transform,
    view_model,
)
from bikeml.search.plan import Group
from bikeml.search.rules.rule import Data, Estimator, SharingRule
from bikeml.search.stages import Stages

Scores: TypeAlias = dict[str, float] | float
Result: TypeAlias = dict[str, Any]  # the result of scikit-learn's own function for a candidate and fold


@dataclass(frozen=True)
class Job:
    """
    The values that all tasks of a search share.

    Attributes
    ----------
    token : str
        Identifies the search in the cache, which may hold the transformers of another one.
    scorer : callable
        As scikit-learn prepares it.
    fit_params, score_params : mapping
        Parameters for the estimator's fit and for the scorer; arrays are cut to the fold.
    return_train_score, error_score, verbose
        As in GridSearchCV.
    """

    token: str
    scorer: Callable[..., Any]
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    return_train_score: bool
    error_score: float | str
    verbose: int


class Fold(NamedTuple):
    """The number of a fold, and the positions of its rows, each of shape (n_rows,)."""

    number: int
    train: np.ndarray
    test: np.ndarray


class NotShareableError(Exception):
    """The rule of a group is not exact here, so that each candidate needs its own fit."""


class _Part(NamedTuple):
    """The rows to score on."""

    name: str
    X: Data
    y: Data
    score_params: Mapping[str, Any]


@dataclass(frozen=True)
class Sharing:
    """One fit for a group of candidates on a fold."""

    group: Group
    fold: Fold
    job: Job

    def evaluate(self, estimator: Estimator, X: Data, y: Data) -> list[Result]:
        """
        Fit a clone of `estimator`, and return the results in the order of the group.

        Raises NotShareableError before the fit, and any error of it.
        """
        start = time.perf_counter()
        fitted = clone(estimator).set_params(**clone(dict(self.group.leader), safe=False))
        parts = self._split(fitted, X, y)
        self._check(self.group.rule, parts)
        slot = PROCESS_CACHE.open(self._slot_key) if self.group.keeps_transformers else None
        fit_params = _check_method_params(X, params=self.job.fit_params, indices=self.fold.train)
        self._fit(fitted, parts[0], fit_params, slot)
        fit_time = time.perf_counter() - start
        n_test_samples = _num_samples(parts[1].X)
        # The held-out rows first, as scikit-learn does: what a scorer changes, a model may hold.
        scored = parts[::-1] if self.job.return_train_score else parts[1:]
        scores = {part.name: self._score_part(fitted, part, slot) for part in scored}
        score_time = time.perf_counter() - start - fit_time
        self._report(fit_time + score_time)
        return [
            {
                "fit_error": None,
                **{name: of_part[member] for name, of_part in scores.items()},
                "n_test_samples": n_test_samples,
                # In equal parts, so that the sum of a column is the time really spent.
                "fit_time": fit_time / len(self.group.indices),
                "score_time": score_time / len(self.group.indices),
            }
            for member in range(len(self.group.indices))
        ]

    def _check(self, rule: SharingRule | None, parts: Sequence[_Part]) -> None:
        """Raise NotShareableError if the rule is not exact with these parameters of `fit`, or for this scorer."""
        if rule is None:
            return
        others = {name.rpartition("__")[2] for name in self.job.fit_params}
        if rule.fit_params is not None and not others <= {*rule.fit_params}:
            raise NotShareableError(sorted(others))
        if rule.only_predicts and not all(map(self._looks_at_predictions_only, parts)):
            raise NotShareableError(self.job.scorer)

    @property
    def _slot_key(self) -> Hashable:
        return self.job.token, self.fold.number, self.group.setting

    def _split(self, estimator: Estimator, X: Data, y: Data) -> list[_Part]:
        """Cut the data as scikit-learn does: a precomputed kernel loses columns too."""
        train, test = self.fold.train, self.fold.test
        X_train, y_train = _safe_split(estimator, X, y, train)
        X_test, y_test = _safe_split(estimator, X, y, test, train)
        params = self.job.score_params
        return [
            _Part("train_scores", X_train, y_train, _check_method_params(X, params=params, indices=train)),
            _Part("test_scores", X_test, y_test, _check_method_params(X, params=params, indices=test)),
        ]

    def _fit(self, estimator: Estimator, part: _Part, fit_params: Mapping[str, Any], slot: Slot | None) -> None:
        if slot is not None:
            self._set_memory(estimator, lambda layer: StepMemory(slot, layer, keep=self._may_keep))
        with self.group.rule.fitting(get_fitted_model(estimator)) if self.group.rule else nullcontext():
            if part.y is None:
                estimator.fit(part.X, **fit_params)
            else:
                estimator.fit(part.X, part.y, **fit_params)
        if slot is not None:
            self._set_memory(estimator, lambda _: None)

    def _may_keep(self, transformed: Data) -> bool:
        # A model with a rule does not change its input; any other might, unless the data is locked.
        return lock(transformed) or self.group.rule is not None

    @staticmethod
    def _set_memory(estimator: Estimator, make: Callable[[int], StepMemory | None]) -> None:
        for number, layer in enumerate(list_layers(estimator)):
            if type(layer) is Pipeline:
                layer.memory = make(number)
            elif hasattr(layer, "regressor_"):  # fitted: the pipeline that it cloned has the memory too
                Sharing._set_memory(layer.regressor, make)

    def _score_part(self, fitted: Estimator, part: _Part, slot: Slot | None) -> list[Scores]:
        if not self._looks_at_predictions_only(part):
            return [self._score_one(model, self._own(part.X), part) for model in self._cut(fitted)]
        X = self._transform(fitted, part, slot)
        return [self._score_one(model, X, part) for model in self._cut_for_scorers(fitted, X)]

    def _score_one(self, model: Estimator, X: Data, part: _Part) -> Scores:
        y, params = self._own(part.y), part.score_params
        if params:
            params = {name: self._own(value) for name, value in params.items()}
        scores: Scores = _score(model, X, y, self.job.scorer, params, self.job.error_score)
        return scores

    def _own(self, data: Data) -> Data:
        """Return the data for one candidate: a scorer may change what it gets, and must not reach the others."""
        if len(self.group.indices) == 1:
            return data
        return data.copy() if hasattr(data, "copy") else copy.copy(data)  # copy.copy of a DataFrame shares its cells

    def _looks_at_predictions_only(self, part: _Part) -> bool:
        """
        Tell whether the scorer is scikit-learn's own and so needs nothing but predictions.

        Any other scorer gets the whole estimator, cut to size, and the untransformed data.
        """
        scorer: Any = self.job.scorer
        inner = scorer._scorers.values() if type(scorer) is _MultimetricScorer else [scorer]  # noqa: SLF001 1.8 to 1.9
        # estimator.score may route its parameters through the pipeline.
        known = {_Scorer} if part.score_params else {_Scorer, _PassthroughScorer}
        return all(type(each) in known for each in inner)

    def _transform(self, fitted: Estimator, part: _Part, slot: Slot | None) -> Data:
        if slot is None:
            return transform(fitted, part.X)
        return slot.get(part.name, lambda: transform(fitted, part.X), keep=self._may_keep)

    def _cut(self, fitted: Estimator) -> Iterator[Estimator]:
        if self.group.rule is None:
            yield fitted
            return
        model = get_fitted_model(fitted)
        for value in self.group.values:
            yield replace_model(fitted, self.group.rule.cut(model, value), self.group.axis, value)

    def _cut_for_scorers(self, fitted: Estimator, X: Data) -> Iterator[Estimator]:
        model = get_fitted_model(fitted)
        if self.group.rule is None:
            yield view_model(fitted, model)
            return
        stages = Stages(self.group.rule, model, X)
        for value in self.group.values:
            view = self.group.rule.view(model, value)
            with stages.lent_to(view):
                yield view_model(fitted, view)

    def _report(self, seconds: float) -> None:
        if self.job.verbose > 1:
            names = ", ".join(f"{name}={value}" for name, value in sorted(self.group.leader.items()))
            n_served = len(self.group.indices)
            print(f"[CV] END {names}; one fit for {n_served} candidates; total time={seconds:6.1f}s")  # noqa: T201 as asked
