"""What one fit can serve: a small class per kind of model, and the table of them, which is open to others."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from numbers import Real
from typing import ClassVar

import joblib
import numpy as np
from sklearn.base import is_classifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from bikeml.search.determinism import is_integer, why_random
from bikeml.search.layers import Data, Estimator

_METHODS = ("predict", "predict_proba", "decision_function")


class SharingRule(ABC):
    """
    How one fit serves every value of one parameter, exactly.

    Subclass it for an estimator of your own and hand an instance to `register_rule`. Instances travel to joblib's
    workers and hold no state.

    Attributes
    ----------
    models : tuple of type
        The exact classes that the rule is for; a subclass of them needs a registration of its own.
    parameter : str
        The parameter whose values share a fit.
    """

    models: ClassVar[tuple[type, ...]]
    parameter: ClassVar[str]

    @abstractmethod
    def cut(self, model: Estimator, value: object) -> Estimator:
        """
        Return the estimator that a fit with that value would have given.

        Parameters
        ----------
        model : estimator
            Fitted with what `choose_leader` returned; it must stay as it is (copy.copy is enough for most).
        value : object
            One that `accepts` agreed to.

        Returns
        -------
        cut : estimator
            Of the same class, fitted, its parameter set to `value` and every fitted attribute cut to it.
        """

    def why_not(self, model: Estimator) -> str | None:
        """Say why this very model cannot share, or None; the model is not fitted and has its parameters set."""
        if not is_integer(model.random_state):
            return f"random_state={model.random_state!r} is no integer, so that every fit draws other numbers"
        if getattr(model, "warm_start", False):
            return "warm_start=True continues an earlier fit"
        if getattr(model, "oob_score", False):
            return "oob_score asks for an out-of-bag estimate of every size"
        return None

    def accepts(self, value: object) -> bool:
        """Tell whether a value is surely valid; what is not is fitted as scikit-learn would, and refused there."""
        return is_integer(value) and value >= 1  # type: ignore[operator] # is_integer has looked

    def choose_leader(self, values: Sequence[object]) -> object:
        """Choose the value to fit with; it need not be one of those given."""
        return max(values)  # type: ignore[type-var] # accepted values have an order

    def predict_staged(
        self, model: Estimator, X: Data, method: str, values: Sequence[int]
    ) -> Iterator[np.ndarray] | None:
        """
        Yield what `cut(model, value).<method>(X)` returns, value after value in ascending order, or return None.

        An optional short cut for scikit-learn's own scorers, which look at nothing but predictions: without
        it every cut model predicts on its own. It must be exact to the last bit.

        Parameters
        ----------
        model : estimator
            The fitted leader.
        X : array of shape (n_samples, n_features)
            What the model sees, behind all transformers.
        method : str
            'predict', 'predict_proba' or 'decision_function'.
        values : sequence
            The values of the parameter, ascending.
        """
        del model, X, method, values
        return None

    def validates_inner_estimators(self, model: Estimator) -> bool:
        """Tell whether a fit checks its own inner trees' parameters over and over, for nothing."""
        del model
        return False


class _StagedRule(SharingRule):
    """For a model that offers its predictions stage by stage."""

    def predict_staged(
        self, model: Estimator, X: Data, method: str, values: Sequence[int]
    ) -> Iterator[np.ndarray] | None:
        if not hasattr(model, f"staged_{method}"):
            return None
        return self._pick(getattr(model, f"staged_{method}")(X), values)

    def _pick(self, stages: Iterator[np.ndarray], values: Sequence[int]) -> Iterator[np.ndarray]:
        done, last = 0, np.empty(0)
        for value in values:
            # A model that stopped early has no more stages: its last one stands.
            for stage in islice(stages, value - done):
                last = stage
            done = value
            yield last


class GradientBoostingRule(_StagedRule):
    """The first n trees of a gradient boosting are the gradient boosting of n trees."""

    models = (GradientBoostingRegressor, GradientBoostingClassifier)
    parameter = "n_estimators"

    def why_not(self, model: Estimator) -> str | None:
        # The initial model is fitted anew by each; with a random one there is nothing to share.
        return super().why_not(model) or why_random(model.init)

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.n_estimators = value
        n_stages = cut.n_estimators_ = min(value, model.n_estimators_)
        cut.estimators_ = model.estimators_[:n_stages]
        cut.train_score_ = model.train_score_[:n_stages]
        if hasattr(model, "oob_scores_"):  # with subsample < 1
            cut.oob_improvement_ = model.oob_improvement_[:n_stages]
            cut.oob_scores_ = model.oob_scores_[:n_stages]
            cut.oob_score_ = cut.oob_scores_[-1]
        return cut

    def validates_inner_estimators(self, model: Estimator) -> bool:
        # It hands its own validated parameters to every tree. An `init` is validated as ever.
        return model.init is None or model.init == "zero"


class HistGradientBoostingRule(_StagedRule):
    """The first n iterations of a histogram gradient boosting are the one of n iterations."""

    models = (HistGradientBoostingRegressor, HistGradientBoostingClassifier)
    parameter = "max_iter"

    def why_not(self, model: Estimator) -> str | None:
        if callable(model.scoring):
            return "scoring is a function that may do anything between two iterations"
        return super().why_not(model)

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.max_iter = value
        cut._predictors = model._predictors[:value]  # noqa: SLF001 scikit-learn 1.8 to 1.9 keep the trees here alone
        # The scores begin with that of the model without any tree, and are empty without early stopping.
        cut.train_score_ = model.train_score_[: value + 1]
        cut.validation_score_ = model.validation_score_[: value + 1]
        return cut


class ForestRule(SharingRule):
    """The first n trees of a forest are the forest of n trees: seeds are drawn tree after tree."""

    models = (RandomForestRegressor, RandomForestClassifier, ExtraTreesRegressor, ExtraTreesClassifier)
    parameter = "n_estimators"

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.n_estimators = value
        cut.estimators_ = model.estimators_[:value]
        return cut

    def predict_staged(
        self, model: Estimator, X: Data, method: str, values: Sequence[int]
    ) -> Iterator[np.ndarray] | None:
        # With several threads scikit-learn adds the trees up in the order in which they finish. A
        # classifier's `predict` is left alone because it asks its own predict_proba.
        wanted = "predict_proba" if is_classifier(model) else "predict"
        if method != wanted or model.n_outputs_ > 1 or joblib.effective_n_jobs(model.n_jobs) != 1:
            return None
        return self._add_up(model, X, method, values)

    def _add_up(self, model: Estimator, X: Data, method: str, values: Sequence[int]) -> Iterator[np.ndarray]:
        X = model._validate_X_predict(X)  # noqa: SLF001 scikit-learn 1.8 to 1.9: checked once, as a forest does it
        total, done = 0.0, 0
        for value in values:
            for tree in model.estimators_[done:value]:
                total = total + getattr(tree, method)(X, check_input=False)
            done = value
            yield total / value  # type: ignore[misc] # an array by now: value >= 1


class AdaBoostRule(SharingRule):
    """The first n models of an AdaBoost are the AdaBoost of n models."""

    models = (AdaBoostRegressor, AdaBoostClassifier)
    parameter = "n_estimators"

    def why_not(self, model: Estimator) -> str | None:
        return super().why_not(model) or why_random(model.estimator, reseeded=True)

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.n_estimators = value
        # After an early end there are fewer models than weights, which then end in their initial values.
        cut.estimators_ = model.estimators_[:value]
        cut.estimator_weights_ = model.estimator_weights_[:value]
        cut.estimator_errors_ = model.estimator_errors_[:value]
        return cut


class BaggingRule(SharingRule):
    """The first n models of a bagging are the bagging of n models: each has a seed of its own."""

    models = (BaggingRegressor, BaggingClassifier)
    parameter = "n_estimators"

    def why_not(self, model: Estimator) -> str | None:
        return super().why_not(model) or why_random(model.estimator, reseeded=True)

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.n_estimators = value
        cut.estimators_ = model.estimators_[:value]
        cut.estimators_features_ = model.estimators_features_[:value]
        cut._seeds = model._seeds[:value]  # noqa: SLF001 scikit-learn 1.8 to 1.9: estimators_samples_ is made from them
        return cut


class PruningRule(SharingRule):
    """Minimal cost-complexity pruning starts from the full tree, whatever ccp_alpha is."""

    models = (DecisionTreeRegressor, DecisionTreeClassifier, ExtraTreeRegressor, ExtraTreeClassifier)
    parameter = "ccp_alpha"

    def accepts(self, value: object) -> bool:
        return isinstance(value, Real) and not isinstance(value, bool) and 0.0 <= float(value) < math.inf

    def choose_leader(self, values: Sequence[object]) -> object:
        del values
        return 0.0  # the full tree

    def cut(self, model: Estimator, value: object) -> Estimator:
        cut = copy.copy(model)
        cut.ccp_alpha = value
        cut._prune_tree()  # noqa: SLF001 scikit-learn 1.8 to 1.9: the last line of fit; it gives the copy a new tree_
        return cut


_RULES: dict[type, SharingRule] = {}


def register_rule(rule: SharingRule) -> SharingRule:
    """
    Let the models of a rule share fits from now on.

    Parameters
    ----------
    rule : SharingRule
        It takes the place of an earlier one for the same class.

    Returns
    -------
    rule : SharingRule
        What was given.
    """
    _RULES.update(dict.fromkeys(rule.models, rule))
    return rule


def get_rule(model: Estimator) -> SharingRule | None:
    """Return the rule for a model's exact class, or None."""
    return _RULES.get(type(model))


for _rule in (
    GradientBoostingRule(),
    HistGradientBoostingRule(),
    ForestRule(),
    AdaBoostRule(),
    BaggingRule(),
    PruningRule(),
):
    register_rule(_rule)
