"""What bikeml has to know of a metric."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bikeml.evaluation.uncertainty.intervals import Statistic
from bikeml.terminal.numbers import DIGITS, show_number, show_score

Formula = Callable[..., Statistic]
"""
Takes the actual and the predicted values, shape (n_rows,), and the metric's own arguments.

If it takes sample_weight, it gets the weights; otherwise only the means over its terms are weighted.
"""
Need = Callable[[np.ndarray, np.ndarray], str]
"""
Takes the actual and the predicted values; returns why the metric is undefined for them, or "" if it is not.

Its docstring names such values.
"""


@dataclass(frozen=True)
class Metric:
    """A metric of scikit-learn, and what bikeml has to know of it."""

    name: str
    """Its name in evaluation.metrics; of one at a quantile, with the quantile, such as pinball_0.9."""
    label: str
    """Its name in tables and figures."""
    function: str | Callable[..., float]
    """Its name in sklearn.metrics; or else a function of the actual and the predicted values."""
    scorer: str | None = None
    """Its name as a scorer of scikit-learn; None if it has none."""
    greater_is_better: bool = False
    unit: Literal["target", "target²", "none"] = "none"
    formula: Formula | None = None
    """What its interval is made of; None if it has no interval."""
    need: Need | None = None
    """What it needs of the values; None if nothing."""
    arguments: Mapping[str, float] = field(default_factory=dict)
    """The further arguments of its function."""

    @property
    def test(self) -> str:
        """The name of its value on the held-out rows; with _low and _high, of the ends of the interval."""
        return f"test_{self.name}"

    @property
    def mean(self) -> str:
        """The name of its mean over the folds."""
        return f"cv_{self.name}_mean"

    @property
    def std(self) -> str:
        """The name of its standard deviation over the folds, with ddof=0: the root of the mean squared deviation."""
        return f"cv_{self.name}_std"

    @property
    def pooled(self) -> str:
        """The name of its value on the rows of all folds together; with _low and _high, of the ends of the interval."""
        return f"cv_{self.name}_pooled"

    @property
    def sign(self) -> int:
        """1 if greater is better, else -1: a value times it is a score, of which the greatest is the best."""
        return 1 if self.greater_is_better else -1

    def measure(self, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """
        Return the metric of predictions, all of shape (n_rows,); NaN if it is undefined.

        The weights are above 0; a maximum needs none.
        """
        if self.explain_undefined(y_true, y_pred):
            return math.nan
        function = _find_function(self.function)
        return float(function(y_true, y_pred, **self.arguments, **_hand_on(function, sample_weight)))

    def describe_need(self) -> str:
        """Return which values leave the metric undefined, in general; "" if none do."""
        return str(self.need.__doc__).rstrip(".").lower() if self.need else ""

    def explain_undefined(self, y_true: np.ndarray, y_pred: np.ndarray) -> str:
        """Return why the metric is undefined for these values; "" if it is not."""
        return self.need(y_true, y_pred) if self.need else ""

    def find_statistic(
        self, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> Statistic | None:
        """Return what the interval is made of; None if the metric has none, or is undefined for these values."""
        if self.formula is None or self.explain_undefined(y_true, y_pred):
            return None
        return self.formula(y_true, y_pred, **self.arguments, **_hand_on(self.formula, sample_weight))

    def score(self, estimator: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:  # noqa: ANN401  of scikit-learn
        """Return the metric of a fitted estimator as a score, of which the greatest is the best."""
        return self.sign * self.measure(y, np.asarray(estimator.predict(X), dtype=float), sample_weight)

    def make_scorer(self) -> Any:  # noqa: ANN401  scikit-learn has no types
        """Return a scorer of scikit-learn's kind, whose score is NaN if the metric is undefined."""
        return _find_function("make_scorer")(self.measure, greater_is_better=self.greater_is_better)

    def show(
        self, value: float | None, digits: int = DIGITS, missing: str = "undefined", decimals: int | None = None
    ) -> str:
        """
        Return a value for people: with so many decimals if it has no unit, else with at least four digits.

        `decimals` are those of the column in which a value with a unit stands.
        """
        if self.unit == "none":
            return show_score(value, digits, missing)
        return show_number(value, missing, decimals)


def _hand_on(function: Callable[..., object], weights: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the weights as an argument of a function that takes some."""
    takes_weights = weights is not None and "sample_weight" in inspect.signature(function).parameters
    return {"sample_weight": weights} if weights is not None and takes_weights else {}


def _find_function(function: str | Callable[..., float]) -> Any:  # noqa: ANN401  scikit-learn has no types
    if callable(function):
        return function
    import sklearn.metrics  # its import takes half a second, and whoever reads a record needs none of it

    return getattr(sklearn.metrics, function)
