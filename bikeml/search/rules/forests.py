"""Rules for scikit-learn's trees, and for its ensembles of models that do not build on each other."""

import copy
import math
from collections.abc import Callable, Sequence
from functools import cache
from numbers import Real
from typing import Any

import joblib
from sklearn.base import is_classifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from bikeml.search.rules.determinism import why_random
from bikeml.search.rules.rule import Data, Estimator, SharingRule


class ForestRule(SharingRule):
    """The first n trees of a forest are the forest with n trees: their seeds are drawn one after the other."""

    models = (RandomForestRegressor, RandomForestClassifier, ExtraTreesRegressor, ExtraTreesClassifier)
    parameter = "n_estimators"

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.n_estimators = value
        cut.estimators_ = model.estimators_[:value]
        return cut

    def make_predictor(self, model: Estimator, X: Data, method: str) -> Callable[[Estimator], Any] | None:
        # With several threads scikit-learn adds the trees up in the order in which they finish. A classifier's
        # `predict` needs nothing here, because it calls its own predict_proba.
        wanted = "predict_proba" if is_classifier(model) else "predict"
        if method != wanted or model.n_outputs_ > 1 or joblib.effective_n_jobs(model.n_jobs) != 1:
            return None
        check = cache(lambda: model._validate_X_predict(X))  # noqa: SLF001 scikit-learn 1.8 to 1.9: the forest's own check
        total, reached = 0.0, 0

        def predict(cut: Estimator) -> Any:  # noqa: ANN401 scikit-learn has no types
            nonlocal total, reached
            for tree in cut.estimators_[reached:]:
                total = total + getattr(tree, method)(check(), check_input=False)
            reached = len(cut.estimators_)
            return total / reached

        return predict


class _ReseededRule(SharingRule):
    """For ensembles of any estimator that give each of their models its own seed."""

    parameter = "n_estimators"

    def why_not(self, model: Estimator) -> str | None:
        return super().why_not(model) or why_random(model.estimator, reseeded=True)


class AdaBoostRule(_ReseededRule):
    """The first n models of an AdaBoost are the AdaBoost with n models."""

    models = (AdaBoostRegressor, AdaBoostClassifier)

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.n_estimators = value
        # If AdaBoost stopped early, there are fewer models than weights, and the last weights have initial values.
        cut.estimators_ = model.estimators_[:value]
        cut.estimator_weights_ = model.estimator_weights_[:value]
        cut.estimator_errors_ = model.estimator_errors_[:value]
        return cut


class BaggingRule(_ReseededRule):
    """The first n models of a bagging are the bagging with n models: each has its own seed."""

    models = (BaggingRegressor, BaggingClassifier)

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.n_estimators = value
        cut.estimators_ = model.estimators_[:value]
        cut.estimators_features_ = model.estimators_features_[:value]
        cut._seeds = model._seeds[:value]  # noqa: SLF001 scikit-learn 1.8 to 1.9: estimators_samples_ comes from them
        return cut


class PruningRule(SharingRule):
    """Minimal cost-complexity pruning starts from the full tree for every value of ccp_alpha."""

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
        cut._prune_tree()  # noqa: SLF001 scikit-learn 1.8 to 1.9: the last line of fit; it sets a new tree_ on the copy
        return cut

    def make_predictor(self, model: Estimator, X: Data, method: str) -> Callable[[Estimator], Any] | None:
        # To check a few hundred rows takes ten times as long as to predict them with a tree.
        check = cache(lambda: model._validate_X_predict(X, check_input=True))  # noqa: SLF001 1.8 to 1.9: the tree's own
        predict = getattr(type(model), method)  # of the class: a cut model's own method would call this one again
        return lambda cut: predict(cut, check(), check_input=False)
