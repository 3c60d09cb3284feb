"""Compute the predictions of all models cut from one leader, each stage once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bikeml.search.rules.rule import Data, Estimator, SharingRule

_METHODS = ("predict", "predict_proba", "decision_function")


class Stages:
    """
    The predictions of the models cut from a leader, for the same rows; each is computed when it is first needed.

    An ensemble of 500 trees contains the one of 490. So its prediction is that of the 490, plus ten more trees.

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
        Replace the prediction methods of a cut model while the block runs, so that it predicts these rows from here.

        Call it for models in ascending order of the shared parameter. The methods must go at the end: they refer to the
        model and to the data, a cycle that only the garbage collector would free.
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

        predict.__name__ = method  # scikit-learn reads the name to know what the method returns
        return predict
