"""Rules for scikit-learn's gradient boosting: the first trees of a long one are a short one."""

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from sklearn import config_context
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from bikeml.search.rules.determinism import why_random
from bikeml.search.rules.rule import Data, Estimator, SharingRule


class StagedRule(SharingRule):
    """A rule for models with `staged_predict` and the like."""

    def make_predictor(self, model: Estimator, X: Data, method: str) -> Callable[[Estimator], Any] | None:
        if not hasattr(model, f"staged_{method}"):
            return None
        stages: Iterator[Any] = iter(())
        reached, latest = 0, None

        def predict(cut: Estimator) -> Any:  # noqa: ANN401 scikit-learn has no types
            nonlocal stages, reached, latest
            if reached == 0:  # also if the first stage failed before: it then fails again
                stages = getattr(model, f"staged_{method}")(X)
            value = getattr(cut, self.parameter)
            # A model that stopped early has no more stages: its last one is the result.
            for stage in islice(stages, value - reached):
                latest = stage
            reached = value
            return copy.copy(latest)  # the next cut may be the same stage, and a metric may change what it gets

        return predict


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
