"""
Say which rows are drawn together in a bootstrap, and draw them.

Rows that are alike, such as those of a group or of a date, are one unit: a draw takes all of them, or none. Sources:
Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8, for groups; for sums over random sets
of rows in place of rows, Wolter, Introduction to Variance Estimation (2007), chapter 2.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MANY_UNITS = 10_000
"""More units than these are put together to SETS of them, so that the time hardly depends on the number of rows."""
SETS = 5_000  # with so many, the width of an interval has a standard error of 1 %
BATCH_CELLS = 1_000_000  # limits the memory of a batch of draws to some megabytes
MOST_KEPT_CELLS = 4_000_000
"""Of the draws that the next cell of a sweep would make again, two bytes each."""


Kind = Literal["rows", "groups", "dates"]


@dataclass(frozen=True)
class Units:
    """The unit of each row."""

    labels: np.ndarray
    """Shape (n_rows,), integers from 0; of dates, in their order."""
    n_units: int
    kind: Kind
    weights: np.ndarray | None = None
    """How much each row counts in a mean, shape (n_rows,), above 0; None if all count alike."""

    @classmethod
    def of(cls, kind: Kind, names: "pd.Series | np.ndarray", weights: np.ndarray | None = None) -> Self:
        """Return a unit for each different name, such as the position of a row, its group or its date: (n_rows,)."""
        import pandas as pd  # a metric is shown without it

        labels, unique = pd.factorize(names, sort=kind == "dates")
        return cls(labels, len(unique), kind, weights)

    @property
    def is_series(self) -> bool:
        """Whether neighbours may be alike too."""
        return self.kind == "dates"

    @property
    def method(self) -> str:
        """How the intervals over these units are made, as a record has it."""
        return f"bootstrap-t over {'blocks of ' if self.is_series else ''}{self.kind}"

    def limit(self, rng: np.random.Generator) -> "Units":
        """Return at most MANY_UNITS units: of more, random sets, or sets of dates that follow each other."""
        if self.n_units <= MANY_UNITS:
            return self
        place = np.arange(self.n_units) if self.is_series else rng.permutation(self.n_units)
        return Units((place * SETS // self.n_units)[self.labels], SETS, self.kind, self.weights)

    def take(self, rows: np.ndarray) -> "Units":
        """Return the units of the rows at these positions."""
        return Units.of(self.kind, self.labels[rows], None if self.weights is None else self.weights[rows])

    @property
    def weight_of_rows(self) -> np.ndarray:
        """How much each row counts, shape (n_rows,): 1 without weights."""
        return np.ones(len(self.labels)) if self.weights is None else self.weights

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Return the sums over the rows of each unit of values of shape (n_rows,), each times its weight."""
        weighted = values if self.weights is None else values * self.weights
        return np.bincount(self.labels, weights=weighted, minlength=self.n_units)


def sum_draws(tables: Sequence[np.ndarray], n_drawn: int, n_draws: int, random_state: int) -> list[np.ndarray]:
    """
    Return the sums over `n_drawn` random units, with replacement, of each draw: shape (n_draws, n_values) each.

    Each table has the shape (n_units, n_values). It is summed apart from the others, whose number would change its
    last digits.
    """
    n_units = len(tables[0])
    draw: Callable[..., Iterable[np.ndarray]] = _keep_draws if n_draws * n_units <= MOST_KEPT_CELLS else _draw
    sums: list[list[np.ndarray]] = [[] for _ in tables]
    for batch in draw(n_units, n_drawn, n_draws, random_state):
        counts = batch.astype(float)
        for found, table in zip(sums, tables, strict=True):
            found.append(counts @ table)
    return [np.concatenate(found) for found in sums]


@lru_cache(maxsize=2)  # the cells of a sweep have the same held-out rows, and the same folds
def _keep_draws(n_units: int, n_drawn: int, n_draws: int, random_state: int) -> list[np.ndarray]:
    return list(_draw(n_units, n_drawn, n_draws, random_state))


def _draw(n_units: int, n_drawn: int, n_draws: int, random_state: int) -> Iterator[np.ndarray]:
    """Yield, for some draws at a time, how often each unit is in it, shape (n_rows, n_units)."""
    rng = np.random.default_rng(random_state)
    most = max(1, BATCH_CELLS // n_units)
    for first in range(0, n_draws, most):
        n_rows = min(most, n_draws - first)
        drawn = rng.integers(n_units, size=(n_rows, n_drawn)) + np.arange(0, n_rows * n_units, n_units)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=n_rows * n_units)
        yield counts.reshape(n_rows, n_units).astype(np.uint16)  # there are at most MANY_UNITS
