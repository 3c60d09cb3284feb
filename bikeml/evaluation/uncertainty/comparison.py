"""
Compare many models with the one that scored best, on the same folds or on the same rows.

The best score of many is too good by chance, and so is its lead. So the differences to it have simultaneous intervals:
in 95 of 100 sweeps, all of them hold. A model whose interval holds 0 cannot be told from the best.
"""

import math
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit  # of the normal and Student's t; scipy.stats takes long to import

from bikeml.evaluation.uncertainty.intervals import PLAIN, OfMeans, take
from bikeml.evaluation.uncertainty.units import Units

CONFIDENCE = 0.95
PRIOR_DF = 4
"""How much the mean variance of all differences weighs, in degrees of freedom: as much as 5 folds of one difference."""
HYPERVARIABLE = 10
"""A variance counts in that mean as at most so many times the median, so that one model that fails hides no other."""
SIMULATED = 300_000
"""Differences that are drawn for a critical value, in at least LEAST_DRAWS and at most MOST_DRAWS sweeps."""
LEAST_DRAWS, MOST_DRAWS = 1_000, 10_000
MANY_FOLDS = 100
"""From so many folds on, a critical value hardly depends on their number."""
WORTH_A_STEP = 0.1
"""The least share of the models that leave, for the others to be compared again: a critical value is simulated anew."""
ROUNDING = 1e-12
"""Scores that differ by a smaller share are equal but for rounding."""


@dataclass(frozen=True)
class Comparison:
    """Models compared with the best of them. All arrays have the shape (n_models,)."""

    best: int
    """The position of the model that the others are compared with: mostly that of the greatest mean score."""
    differences: np.ndarray
    """The mean over the folds of the model's score minus that of the best."""
    own_variances: np.ndarray
    """The variance of the difference over the folds."""
    n_folds: int
    ratio: float
    """The number of rows that a fold is scored on, over those that it is fitted on."""
    least: np.ndarray
    """How far the model is from the best by rounding alone."""

    @property
    def standard_errors(self) -> np.ndarray:
        """
        The standard errors of the differences.

        Folds share the rows that they are fitted on, so their differences depend on each other, and repeats lower the
        error only to a limit. Source: Nadeau and Bengio, Inference for the Generalization Error (2003).
        """
        return np.asarray(np.sqrt((1 / self.n_folds + self.ratio) * self.own_variances))

    @cached_property
    def half_widths(self) -> np.ndarray:
        """
        The half-widths of the simultaneous intervals.

        What is told from the best leaves, and the others are compared as if they were alone, until hardly any leaves.
        Source: Romano and Wolf, Exact and Approximate Stepdown Methods for Multiple Hypothesis Testing (2005).
        """
        half_widths, is_left, share_told = np.zeros(len(self.differences)), np.ones(len(self.differences), bool), 1.0
        while share_told >= WORTH_A_STEP and is_left.sum() > 1:
            half_widths[is_left] = self._find_half_widths(is_left)
            is_told = is_left & (self.differences + half_widths < 0)
            share_told = float(is_told.sum() / is_left.sum())
            is_left &= ~is_told
        return half_widths

    def _find_half_widths(self, is_left: np.ndarray, n_repeats: float = 1) -> np.ndarray:
        """Return the half-widths of some models, the best one among them, as if they were alone."""
        n_folds = self.n_folds * n_repeats
        critical = find_critical_value(int(is_left.sum()), round(min(n_folds, MANY_FOLDS)))
        is_other = is_left & (np.arange(len(is_left)) != self.best)
        variances = _moderate(self.own_variances[is_other], self.own_variances, n_folds - 1)
        half_widths = critical * np.sqrt((1 / n_folds + self.ratio) * variances) + self.least
        half_widths[self.best] = 0
        return np.asarray(half_widths[is_left])

    @property
    def is_indistinguishable(self) -> np.ndarray:
        """Whether each model cannot be told from the best one; the best one itself cannot."""
        return np.asarray(self.differences + self.half_widths >= 0)

    def count_told(self, n_repeats: float) -> int:
        """
        Return how many of these would be told from the best, if the folds were repeated so often with the same spread.

        `n_repeats` of infinity is the limit.
        """
        is_left = self.is_indistinguishable
        return int((self.differences[is_left] + self._find_half_widths(is_left, n_repeats) < 0).sum())

    def find_as_good(self, rope: float) -> np.ndarray:
        """
        Return the probability that each model is practically as good as the best: worse by at most `rope`, or better.

        It is that of the Bayesian correlated t-test of the two alone, with a flat prior. Sources: Corani and Benavoli,
        A Bayesian Approach for Comparing Cross-Validated Algorithms on Multiple Data Sets (2015); Benavoli, Corani,
        Demšar and Zaffalon, Time for a Change (2017).
        """
        lead = self.differences + rope + self.least
        with np.errstate(divide="ignore"):
            return np.asarray(stdtr(self.n_folds - 1, lead / self.standard_errors))


def compare_with_best(scores: np.ndarray, best: int, ratio: float) -> Comparison:
    """
    Compare models by their scores on the same folds, shape (n_models, n_folds), with the best, at position `best`.

    A greater score is better; none is NaN, and there are at least 2 models and 2 folds. `ratio` is the number of rows
    that a fold is scored on, over those that it is fitted on.
    """
    differences = scores - scores[best]
    n_folds = scores.shape[1]
    with np.errstate(over="ignore"):  # a linear model may fail by any number
        variances = differences.var(axis=1, ddof=1)
    least = ROUNDING * (np.abs(scores).max(axis=1) + np.abs(scores[best]).max() + np.finfo(float).tiny)
    return Comparison(best, differences.mean(axis=1), variances, n_folds, ratio, least)


def _moderate(others: np.ndarray, variances: np.ndarray, df: float) -> np.ndarray:
    """
    Return the `variances` of differences, moderated by the mean of those of the `others`, on the last axis.

    Of few folds, one variance may be small by chance, and would make a difference look sure. With less than PRIOR_DF
    degrees of freedom the mean would count more than the variance itself, so there is none. Sources: Smyth, Linear
    Models and Empirical Bayes Methods for Assessing Differential Expression in Microarray Experiments (2004); Phipson
    and others, Robust Hyperparameter Estimation Protects against Hypervariable Genes (2016).
    """
    if df < PRIOR_DF:
        return variances
    share = PRIOR_DF / (PRIOR_DF + df)
    most = HYPERVARIABLE * np.median(others, axis=-1, keepdims=True)
    return np.asarray(share * np.minimum(others, most).mean(axis=-1, keepdims=True) + (1 - share) * variances)


@cache
def find_critical_value(n_models: int, n_folds: int) -> float:
    """
    Return by how many standard errors the best of `n_models` equal models leads any other, in 95 of 100 sweeps at most.

    It is simulated: the scores of the models are independent and normal, apart from what all of them share. If they
    depend on each other, or some vary more than others, the leads are hardly ever greater. For known variances this is
    Tukey's studentized range. Sources: Tukey, The Problem of Multiple Comparisons (1953); Hayter, A Proof of the
    Conjecture that the Tukey-Kramer Multiple Comparisons Procedure is Conservative (1984).
    """
    df = n_folds - 1
    if n_models <= 2:  # noqa: PLR2004  one difference, whose statistic is Student's t
        return float(stdtrit(df, (1 + CONFIDENCE) / 2))
    n_draws = min(MOST_DRAWS, max(LEAST_DRAWS, SIMULATED // n_models))
    rng = np.random.default_rng(0)
    means = rng.standard_normal((n_draws, n_models))
    means.partition(n_models - 1, axis=1)
    leads = means[:, -1:] - means[:, :-1]
    # What the best varies by is in every difference. The part of another model along it, and the rest, are independent.
    of_best = np.sqrt(rng.chisquare(df, (n_draws, 1)))
    along = rng.standard_normal(leads.shape)
    rest = rng.chisquare(df - 1, leads.shape) if df > 1 else 0.0
    variances = ((of_best - along) ** 2 + rest) / df
    statistics = leads / np.sqrt(_moderate(variances, variances, df))
    return float(np.quantile(statistics.max(axis=1), CONFIDENCE))


def compare_on_rows(ours: OfMeans, best: OfMeans, units: Units) -> tuple[float, float, float] | None:
    """
    Return the difference of a figure between two models on the same rows, between the ends of its normal 95 % interval.

    Its standard error is that of the differences of the rows' influence, so what makes a row hard for both cancels out.
    A row that was predicted in each of several repeats is one unit. None if the figure is undefined.
    """
    with np.errstate(all="ignore"):
        our, their = (take(replace(statistic, scale=PLAIN), units) for statistic in (ours, best))
        middle, error = our.value - their.value, float(np.linalg.norm(our.influence - their.influence))
    if not math.isfinite(middle) or not math.isfinite(error):
        return None
    half_width = float(ndtri((1 + CONFIDENCE) / 2)) * error
    return middle - half_width, middle, middle + half_width
