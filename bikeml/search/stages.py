"""A leader's predictions, stage after stage: computed once, and lent to the models that are cut from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from bikeml.search.layers import Data, Estimator
from bikeml.search.rules import SharingRule

_METHODS = ("predict", "predict_proba", "decision_function")


class Stages:
    """
    What the models cut from a leader predict for the same rows, each computed when it is first asked for.

    An ensemble of 500 trees holds that of 490: adding ten trees to its sum is what the ensemble would do itself.

    Parameters
    ----------
    rule : SharingRule
        How the leader is cut.
    model : estimator
        The fitted leader.
    X : array of shape (n_samples, n_features)
        The rows, as the model sees them.
    """

    def __init__(self, rule: SharingRule, model: Estimator, X: Data) -> None:
        self._X = X
        self._predictors = {
            method: predictor
            for method in _METHODS
            if hasattr(model, method) and (predictor := rule.make_predictor(model, X, method)) is not None
        }

    @contextmanager
    def lent_to(self, cut: Estimator) -> Iterator[None]:
        """
        Let a model take its predictions for these rows from here, and only for the time being.

        What is lent refers to the model and to the data, a cycle that only gc would free. Models come in ascending
        order of the shared parameter.
        """
        for method, predictor in self._predictors.items():
            setattr(cut, method, self._lend(cut, method, predictor))
        try:
            yield
        finally:
            for method in self._predictors:
                delattr(cut, method)

    def _lend(self, cut: Estimator, method: str, predictor: Callable[[Estimator], Any]) -> Callable[[Data], Any]:
        own = getattr(cut, method)

        def predict(X: Data) -> Any:  # noqa: ANN401 scikit-learn has no types
            return predictor(cut) if X is self._X else own(X)

        predict.__name__ = method  # scikit-learn looks at it to know what it gets
        return predict


class StagedRule(SharingRule):
    """For a model that offers its predictions stage by stage."""

    def make_predictor(self, model: Estimator, X: Data, method: str) -> Callable[[Estimator], Any] | None:
        if not hasattr(model, f"staged_{method}"):
            return None
        stages: Iterator[Any] = iter(())
        reached, latest = 0, None

        def predict(cut: Estimator) -> Any:  # noqa: ANN401 scikit-learn has no types
            nonlocal stages, reached, latest
            if reached == 0:  # also when the first stage failed, which it then does again
                stages = getattr(model, f"staged_{method}")(X)
            value = getattr(cut, self.parameter)
            # A model that stopped early has no more stages: its last one stands.
            for stage in islice(stages, value - reached):
                latest = stage
            reached = value
            return latest

        return predict
