"""Say which cells a sweep has: all at once, or batch by batch after the outcomes of earlier ones."""

from collections.abc import Sequence
from typing import Protocol

from bikeml.records.sweep import Outcome

Combination = Sequence[str]
"""The overrides of a cell."""


class Proposer(Protocol):
    """Proposes the cells of a sweep in batches. A batch is told before the next one is asked for."""

    common: frozenset[str] | None
    """The overrides that all cells share; None if a look at all cells finds them."""
    n_trials: int | None
    """How many cells are proposed in all, with repetitions; None if the first batch has all."""

    def ask(self) -> Sequence[Combination]:
        """Return the next batch; empty if there are no more cells."""

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Take the outcome of each cell of the batch."""


class Combinations:
    """All cells in one batch, whatever their outcomes are."""

    common: frozenset[str] | None = None
    n_trials: int | None = None

    def __init__(self, combinations: Sequence[Combination]) -> None:
        self._left = list(combinations)

    def ask(self) -> Sequence[Combination]:
        """Return all of them once."""
        batch, self._left = self._left, []
        return batch

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Forget the outcomes."""
