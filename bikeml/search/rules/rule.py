"""Define what a sharing rule is, and register the rules of all models, built-in and your own."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, TypeAlias

from bikeml.search.rules.determinism import is_integer

Estimator: TypeAlias = Any  # scikit-learn has no types
Data: TypeAlias = Any  # array, sparse matrix or DataFrame of shape (n_samples, n_features), or a target


class SharingRule(ABC):
    """
    How one fit serves every value of one parameter exactly.

    Subclass it for your own estimator, and pass an instance to `register_rule`. Instances are sent to joblib's workers
    and hold no state.

    Attributes
    ----------
    models : tuple of type or str
        The exact classes to which the rule applies, or their full names, which need no import; a subclass of them must
        be registered separately.
    parameter : str
        The parameter whose values share a fit.
    fit_params : collection of str, optional
        The parameters of the model's `fit` that leave the cut exact, all by default; with others nothing is shared.
    takes_locked : bool, default=True
        Whether the model can read rows that are read-only. Otherwise each fit has transformers of its own.
    only_predicts : bool, default=False
        Whether a cut model is exact in what it predicts only. It then serves no scorers but scikit-learn's own.
    """

    models: ClassVar[tuple[type | str, ...]]
    parameter: ClassVar[str]
    fit_params: ClassVar[Collection[str] | None] = None
    takes_locked: ClassVar[bool] = True
    only_predicts: ClassVar[bool] = False

    @abstractmethod
    def cut(self, model: Estimator, value: object) -> Estimator:
        """
        Return the estimator that a fit with that value would give.

        Parameters
        ----------
        model : estimator
            Fitted with the value that `choose_leader` returned. It must not be changed; copy.copy is enough for most.
        value : object
            A value that `accepts` accepted.

        Returns
        -------
        cut : estimator
            Fitted, of the same class, with its parameter set to `value` and every fitted attribute cut to it.
        """

    def why_not(self, model: Estimator) -> str | None:
        """Return why this unfitted model cannot share, or None if it can; its parameters are those of the fit."""
        if not is_integer(model.random_state):
            return f"random_state={model.random_state!r} is not an integer, so every fit draws other numbers"
        if getattr(model, "warm_start", False):
            return "warm_start=True continues an earlier fit"
        if getattr(model, "oob_score", False):
            return "oob_score asks for an out-of-bag estimate of every size"
        return None

    def accepts(self, value: object) -> bool:
        """Tell whether a value is surely valid; scikit-learn fits all others alone, and refuses the invalid ones."""
        return is_integer(value) and value >= 1  # type: ignore[operator] # is_integer has looked

    def choose_leader(self, values: Sequence[object]) -> object:
        """Return the value to fit with; it need not be one of `values`."""
        return max(values)  # type: ignore[type-var] # accepted values have an order

    def view(self, model: Estimator, value: object) -> Estimator:
        """
        Return what scikit-learn's own scorers get, which need nothing but predictions: `cut`, or what is made faster.

        Parameters and result are those of `cut`, but the view may hold all of the fitted leader.
        """
        return self.cut(model, value)

    def make_predictor(self, model: Estimator, X: Data, method: str) -> Callable[[Estimator], Any] | None:
        """
        Return a function that takes a cut model and returns its `method(X)` faster, or None.

        It is optional, and serves only scikit-learn's own scorers, since they need nothing but predictions. Without it
        every cut model predicts by itself. The predictions must be exact to the last bit. The function is called with
        models in ascending order of the parameter, and may skip some. An error that it raises counts as the scorer's
        failure for that model.

        Parameters
        ----------
        model : estimator
            The fitted leader.
        X : array of shape (n_samples, n_features)
            The input of the model, after all transformers.
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
        Return a context for the fit of the leader, in which a rule can skip work that does not change the result.

        Parameters
        ----------
        model : estimator
            Unfitted, with the leader's parameters. It may be cloned before it is fitted.
        """
        del model
        return nullcontext()


_RULES: dict[type | str, SharingRule] = {}


def register_rule(rule: SharingRule) -> SharingRule:
    """
    Register a rule, so that its models share fits from now on.

    Parameters
    ----------
    rule : SharingRule
        It replaces an earlier rule for the same class.

    Returns
    -------
    rule : SharingRule
        The argument.
    """
    _RULES.update(dict.fromkeys(rule.models, rule))
    return rule


def get_rule(model: Estimator) -> SharingRule | None:
    """Return the rule for a model's exact class, or None."""
    kind = type(model)
    return _RULES.get(kind) or _RULES.get(f"{kind.__module__}.{kind.__qualname__}")
