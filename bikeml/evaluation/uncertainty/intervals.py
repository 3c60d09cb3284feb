"""
Bootstrap-t intervals of smooth functions of means, and the interval of a median.

A percentile interval is too narrow if rows are few or errors have a long tail. Here, each draw is measured in its own
standard errors, on a scale on which the statistic is more symmetric. Sources: Efron and Tibshirani, An Introduction to
the Bootstrap (1993), section 12.5; Hall, The Bootstrap and Edgeworth Expansion (1992), chapter 3; for blocks, Götze and
Künsch, Second-Order Correctness of the Blockwise Bootstrap for Stationary Observations (1996).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from bikeml.evaluation.uncertainty.blocks import Memory, measure_memory, sum_blocks
from bikeml.evaluation.uncertainty.units import Units, sum_draws

Interval = tuple[float, float]
FEWEST = 3
"""Of two units, some statistics are the same in each draw that is defined."""
STEP = 1e-20


class Scale(NamedTuple):
    """A scale on which an interval is made; an end is taken back from it."""

    to: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]


PLAIN = Scale(lambda value: value, lambda end: end)
LOSS = Scale(np.log, np.exp)
"""Of what is above 0, such as an error."""
EXPLAINED = Scale(lambda value: np.log(1 - value), lambda end: 1 - np.exp(end))
"""Of 1 minus a ratio of losses, such as R²."""


class Precision(NamedTuple):
    """How an interval is made."""

    confidence: float
    n_draws: int
    random_state: int


@dataclass(frozen=True)
class OfMeans:
    """A smooth function of means over the rows."""

    terms: Sequence[np.ndarray]
    """The values whose means are taken, shape (n_rows,) each."""
    value: Callable[..., np.ndarray]
    """Takes the means, and returns the statistic. It is analytic, since its derivatives are taken in a complex step."""
    scale: Scale = PLAIN

    def linearise(self, means: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the statistic on its scale, and its derivative by each mean times a step.

        `means` has the shape (n_draws, n_terms). Source: Squire and Trapp, Using Complex Variables to Estimate
        Derivatives of Real Functions (1998).
        """
        value = self.scale.to(self.value(*means.T))
        tilted = [means + 1j * STEP * row for row in np.diag(steps)]
        slopes = [self.scale.to(self.value(*each.T)).imag / STEP for each in tilted]
        return value, np.stack(slopes, axis=-1)


@dataclass(frozen=True)
class Median:
    """The median of values, shape (n_rows,)."""

    values: np.ndarray

    def find_interval(self, units: Units, confidence: float) -> Interval:
        """
        Return the interval of the median: the quantiles that may be the median, given the share of rows below it.

        Source: Woodruff, Confidence Intervals for Medians and Other Position Measures (1952).
        """
        is_below = (self.values <= self._find_quantiles(units.weights, 0.5)) - 0.5
        sums = units.sum(is_below - np.average(is_below, weights=units.weights))
        memory = _find_memory(sums, units)
        error = math.sqrt(units.n_units * memory.variance) / units.weight_of_rows.sum()
        n_blocks = units.n_units / memory.length
        width = error * stdtrit(max(1, n_blocks - 1), (1 + confidence) / 2)  # Student's t
        low, high = self._find_quantiles(units.weights, np.clip([0.5 - width, 0.5 + width], 0, 1))
        return float(low), float(high)

    def _find_quantiles(self, weights: np.ndarray | None, shares: np.ndarray | float) -> np.ndarray:
        if weights is None or np.ptp(weights) == 0:
            return np.asarray(np.quantile(self.values, shares))
        return find_weighted_quantiles(self.values, weights, shares)


Statistic = OfMeans | Median


def find_weighted_quantiles(values: np.ndarray, weights: np.ndarray, shares: np.ndarray | float) -> np.ndarray:
    """
    Return the quantiles of values, shape (n_rows,), that have these shares of the weights below them.

    Between two values that are both such a quantile it is the middle, as in scikit-learn's weighted metrics.
    """
    low = np.quantile(values, shares, method="inverted_cdf", weights=weights)
    high = -np.quantile(-values, 1 - np.asarray(shares), method="inverted_cdf", weights=weights)
    return np.asarray((low + high) / 2)


class Sample(NamedTuple):
    """A statistic of means on the rows at hand, with what its draws are sums of."""

    statistic: OfMeans
    means: np.ndarray
    steps: np.ndarray
    value: float
    """On its scale."""
    error: float
    """Its standard error, on its scale."""
    influence: np.ndarray
    """Of each unit on the value, shape (n_units,); the sum of the squares of independent ones is the variance."""
    length: int
    """How many units are a block."""
    sums: np.ndarray
    """Of the terms, centred and in steps, over each block, shape (n_units, n_terms)."""
    sizes: np.ndarray
    """The number of rows in each block, or the sum of their weights, shape (n_units,)."""

    def find_point(self) -> Interval | None:
        """Return an interval of no width at the statistic; None if it is not finite."""
        value = float(self.statistic.value(*self.means))
        return (value, value) if math.isfinite(value) else None

    def products(self) -> np.ndarray:
        """Return what the mean and the variance of a draw are made of, shape (n_units, n_products)."""
        sums = np.column_stack([self.sums, self.sizes])
        return np.column_stack([sums, *(sums * column[:, None] for column in sums.T)])

    def find_interval(self, totals: np.ndarray, confidence: float) -> Interval | None:
        """Return the interval from the totals of the products in each draw, shape (n_draws, n_products)."""
        n_terms = len(self.steps)
        size, moments = totals[:, n_terms], totals[:, n_terms + 1 :].reshape(-1, n_terms + 1, n_terms + 1)
        shift = totals[:, :n_terms] / size[:, None]
        value, slopes = self.statistic.linearise(self.means + shift * self.steps, self.steps)
        tilt = np.column_stack([slopes, -np.sum(slopes * shift, axis=1)])  # of the sums less the draw's own means
        variance = np.einsum("di,dij,dj->d", tilt, moments, tilt)
        t = (value - self.value) / (np.sqrt(np.maximum(variance, 0)) / size)
        quantiles = np.array([_quantile(t, +1, confidence), _quantile(t, -1, confidence)])
        back = self.statistic.scale.back
        if not (np.isfinite(quantiles).all() and np.isfinite(back(self.value - self.error * quantiles)).all()):
            return None
        # If one row has most of the error, the draws without it are countless standard errors away. Student's t of the
        # fewest units is far enough: on tables without such a row it changes nothing.
        farthest = stdtrit(FEWEST - 1, (1 + confidence) / 2)
        low, high = sorted(map(float, back(self.value - self.error * np.clip(quantiles, -farthest, farthest))))
        return low, high


def _quantile(t: np.ndarray, sign: int, confidence: float) -> float:
    """Return the upper (+1) or lower quantile; a draw that has no t counts as beyond either."""
    known = np.where(np.isfinite(t), sign * t, np.inf)
    return sign * float(np.quantile(known, (1 + confidence) / 2, method="higher"))


def find_intervals(statistics: Mapping[str, Statistic], units: Units, precision: Precision) -> dict[str, Interval]:
    """
    Return the intervals of statistics of the same rows, by name.

    A statistic on which all units agree has an interval of no width. There is none for fewer than three units, nor
    if too many draws are undefined, since units are few or nearly all alike.
    """
    units = units.limit(np.random.default_rng(precision.random_state))
    if units.n_units < FEWEST:
        return {}
    found: dict[str, Interval | None] = {}
    samples: dict[str, Sample] = {}
    with np.errstate(all="ignore"):  # a draw of few units may be undefined
        for name, statistic in statistics.items():
            if isinstance(statistic, Median):
                found[name] = statistic.find_interval(units, precision.confidence)
                continue
            sample = take(statistic, units)
            if math.isfinite(sample.value) and sample.error > 0:
                samples[name] = sample
            else:
                found[name] = sample.find_point()
        for name, sample, totals in _draw(samples, precision):
            found[name] = sample.find_interval(totals, precision.confidence)
    return {name: interval for name in statistics if (interval := found[name]) is not None}


def take(statistic: OfMeans, units: Units) -> Sample:
    """
    Return a statistic on the rows at hand.

    Source of the influence: Davison and Hinkley, Bootstrap Methods and their Application (1997), section 2.7.
    """
    sizes, total = units.sum(np.ones(len(units.labels))), units.weight_of_rows.sum()
    sums = np.column_stack([units.sum(term) for term in statistic.terms])
    means = sums.sum(axis=0) / total
    sums -= sizes[:, None] * means
    steps = np.abs(sums).max(axis=0)
    steps[steps == 0] = 1
    sums /= steps
    value, slopes = statistic.linearise(means[None], steps)
    influence = sums @ slopes[0] / total
    memory = _find_memory(influence, units)
    error = math.sqrt(units.n_units * memory.variance)
    blocks = sum_blocks(np.column_stack([sums, sizes]), memory.length)
    return Sample(
        statistic, means, steps, float(value[0]), error, influence, memory.length, blocks[:, :-1], blocks[:, -1]
    )


def _find_memory(values: np.ndarray, units: Units) -> Memory:
    """Return the memory of the units' values, whose mean is 0: none unless they are a series."""
    return measure_memory(values) if units.is_series else Memory(1, float(np.mean(values**2)))


def _draw(samples: Mapping[str, Sample], precision: Precision) -> Iterator[tuple[str, Sample, np.ndarray]]:
    """Yield each sample with the totals of its draws. Samples of blocks of one length share the draws."""
    for length in sorted({sample.length for sample in samples.values()}):
        chosen = {name: sample for name, sample in samples.items() if sample.length == length}
        products = [sample.products() for sample in chosen.values()]
        n_drawn = math.ceil(len(products[0]) / length)
        totals = sum_draws(products, n_drawn, precision.n_draws, precision.random_state)
        yield from zip(chosen, chosen.values(), totals, strict=True)
