"""What one fit can serve: the form of a rule, and the table of them, which is open to others."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from bikeml.search.determinism import is_integer
from bikeml.search.layers import Data, Estimator


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

    def make_predictor(self, model: Estimator, X: Data, method: str) -> Callable[[Estimator], Any] | None:
        """
        Return a function of a cut model that gives what its `method(X)` would, or None.

        An optional short cut for scikit-learn's own scorers, which look at nothing but predictions: without
        it every cut model predicts on its own. It must be exact to the last bit. The function is called with
        models in ascending order of the parameter, some of which may be left out; what it raises is the scorer's
        failure for that model.

        Parameters
        ----------
        model : estimator
            The fitted leader.
        X : array of shape (n_samples, n_features)
            What the model sees, behind all transformers.
        method : str
            'predict', 'predict_proba' or 'decision_function'; the model has it.

        Returns
        -------
        predict : callable or None
        """
        del model, X, method
        return None

    def fitting(self, model: Estimator) -> AbstractContextManager[None]:
        """
        Return a context in which the leader is fitted, so that a rule can spare it work of no consequence.

        Parameters
        ----------
        model : estimator
            Not fitted, with the leader's parameters. It may be cloned before it is fitted.
        """
        del model
        return nullcontext()


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
