"""
Say which candidates a search evaluates: all at once, or round by round after the scores of earlier rounds.

A search sends each proposer the mean scores of the round that it has proposed; greater is better, and NaN stands for a
candidate that failed or was left out. So the same scores lead to the same rounds, which is why a search can be resumed.
"""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from bikeml.config.estimators import N_SAMPLES
from bikeml.search.plan import Params


@dataclass(frozen=True)
class Round:
    """Candidates that are evaluated together."""

    candidates: Sequence[Params]
    n_left: int = 0
    """How many candidates may follow in later rounds."""
    share: float = 1.0
    """Of the rows that each fold fits on."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """What cv_results_ tells of each of the candidates, beside their scores."""


Rounds: TypeAlias = Generator[Round, Sequence[float], None]


class Proposer(Protocol):
    """Proposes rounds of candidates. It holds no state, so that a copy proposes the same."""

    def propose(self, n_rows: int) -> Rounds:
        """Yield the rounds of a search on `n_rows` training rows; the mean scores of each are sent back."""


@dataclass(frozen=True)
class Every:
    """All candidates in one round."""

    candidates: Sequence[Params]

    def propose(self, n_rows: int) -> Rounds:  # noqa: ARG002
        """Yield one round."""
        yield Round(self.candidates)


@dataclass(frozen=True)
class Halving:
    """
    The best 1 / `factor` of the candidates go on to the next round, which gives each `factor` times the resource.

    Source: Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization (2016). The
    arguments are those of scikit-learn's HalvingRandomSearchCV, with two differences: with "exhaust" the last round has
    all of the resource, and rows are left out of the fits alone, so that all rounds are scored on the same rows.
    """

    candidates: Sequence[Params]
    factor: int
    resource: str
    min_resources: int | Literal["exhaust", "smallest"]
    max_resources: int | None
    """None for all rows."""
    fewest: int
    """The "smallest" resource."""

    def propose(self, n_rows: int) -> Rounds:
        """Yield round by round; the best of the round before come first."""
        most = n_rows if self.max_resources is None else self.max_resources
        schedule = self._schedule(most)
        left = list(self.candidates)
        for number, n_resources in enumerate(schedule):
            later = sum(math.ceil(len(left) / self.factor**ahead) for ahead in range(1, len(schedule) - number))
            scores = yield self._make_round(left, n_resources, later, most, number)
            order = np.argsort([-score for score in scores], kind="stable")  # NaN is last
            kept = [left[index] for index in order if not math.isnan(scores[index])]
            left = kept[: math.ceil(len(left) / self.factor)]
            if not left:
                return

    def _make_round(self, left: Sequence[Params], n_resources: int, later: int, most: int, number: int) -> Round:
        columns = {"iter": number, "n_resources": n_resources}
        if self.resource == N_SAMPLES:
            return Round(left, later, n_resources / most, columns)
        return Round([{**params, self.resource: n_resources} for params in left], later, 1.0, columns)

    def _schedule(self, most: int) -> list[int]:
        """Return the resource of each round, as many rounds as it takes to leave less than `factor` candidates."""
        n_wanted = 1 + _log(len(self.candidates), self.factor)
        if self.min_resources == "exhaust":
            n_rounds = min(n_wanted, 1 + _log(max(1, most // self.fewest), self.factor))
            return [most // self.factor**ahead for ahead in reversed(range(n_rounds))]
        first = min(most, self.fewest if self.min_resources == "smallest" else self.min_resources)
        n_rounds = min(n_wanted, 1 + _log(most // first, self.factor))
        return [first * self.factor**number for number in range(n_rounds)]


def _log(number: int, base: int) -> int:
    """Return the whole part of a logarithm, exactly."""
    power = 0
    while base ** (power + 1) <= number:
        power += 1
    return power
