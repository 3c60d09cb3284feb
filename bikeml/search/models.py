"""Define the sharing rules for scikit-learn's own models."""

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from numbers import Real
from typing import Any

import joblib
from sklearn import config_context
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

from bikeml.search.determinism import why_random
from bikeml.search.layers import Data, Estimator
from bikeml.search.rules import SharingRule
from bikeml.search.stages import StagedRule


class GradientBoostingRule(StagedRule):
    """The first n trees of a gradient boosting are the gradient boosting with n trees."""

    models = (GradientBoostingRegressor, GradientBoostingClassifier)
    parameter = "n_estimators"

    def why_not(self, model: Estimator) -> str | None:
        # Every fit begins with a new initial model; a random one makes every fit different.
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

    @contextmanager
    def fitting(self, model: Estimator) -> Iterator[None]:
        """Skip the checks of each tree that its booster has done already: a third of the time to fit a small tree."""
        if not _has_known_stage(model):
            yield
            return
        model._fit_stage = _skip_checks(model)  # noqa: SLF001 hides the method of the class during this fit
        try:
            yield
        finally:
            del model._fit_stage  # noqa: SLF001 as above


def _has_known_stage(model: Estimator) -> bool:
    # Private in scikit-learn 1.8 to 1.9: it fits the trees of one stage. If its signature differs, it is not replaced.
    stage = getattr(model, "_fit_stage", None)
    return stage is not None and str(inspect.signature(stage)) == (
        "(i, X, y, raw_predictions, sample_weight, sample_mask, random_state, X_csc=None, X_csr=None)"
    )


def _skip_checks(model: Estimator) -> Callable[..., Any]:
    """
    Return a `_fit_stage` that gives the same trees with fewer checks.

    The booster has validated the parameters that it passes to every tree, so trees need not validate them again. If it
    has no sample weights, it makes weights of 1, which every tree checks. A tree without weights counts each row as
    1.0, in the same sums. With another loss or with subsampling the stage itself needs the weights.
    """
    fit_stage = model._fit_stage  # noqa: SLF001 as above
    only_trees_use_weights = model.loss == "squared_error" and model.subsample == 1.0

    def fit_stage_unchecked(
        i: int, X: Data, y: Data, raw_predictions: Data, sample_weight: Data, *args: object, **kwargs: object
    ) -> Any:  # noqa: ANN401 scikit-learn has no types
        if only_trees_use_weights and (sample_weight == 1.0).all():
            sample_weight = None
        with config_context(skip_parameter_validation=True):
            return fit_stage(i, X, y, raw_predictions, sample_weight, *args, **kwargs)

    return fit_stage_unchecked


class HistGradientBoostingRule(StagedRule):
    """The first n iterations of a histogram gradient boosting are the boosting with n iterations."""

    models = (HistGradientBoostingRegressor, HistGradientBoostingClassifier)
    parameter = "max_iter"

    def why_not(self, model: Estimator) -> str | None:
        if callable(model.scoring):
            return "scoring is a function, which may do anything between two iterations"
        return super().why_not(model)

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.max_iter = value
        cut._predictors = model._predictors[:value]  # noqa: SLF001 scikit-learn 1.8 to 1.9 keep the trees only here
        # The first score is of the model without trees; without early stopping there are no scores.
        cut.train_score_ = model.train_score_[: value + 1]
        cut.validation_score_ = model.validation_score_[: value + 1]
        return cut


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


SKLEARN_RULES = (
    GradientBoostingRule(),
    HistGradientBoostingRule(),
    ForestRule(),
    AdaBoostRule(),
    BaggingRule(),
    PruningRule(),
)
