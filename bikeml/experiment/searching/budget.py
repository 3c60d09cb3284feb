"""
Tell how long a fit may take, so that a search ends in time with a candidate that can still be fitted and judged.

The clock decides only where a search stops. The run records the candidates that it has evaluated.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bikeml.config.schema import Config
from bikeml.table.data import Table
from bikeml.table.split import Split

POWER = 2.5
"""
A fit on twice the rows is taken to need 2 ** POWER times the seconds. That is between boosted trees, which need twice
as long, and a Gaussian process, which needs eight times as long.
"""
OVERHEAD_SECONDS = 1.0
"""What an experiment takes after its search for intervals, the scale of errors and the files, whatever the model is."""
POWER_OF_FEW_ROWS = 0.25
"""The same for the first round of a search by halving, of few rows: much of a fit's time is the same for any number."""
NOTHING = float("-inf")


@dataclass
class Budget:
    """The moment when all must be done, and what follows the search until then."""

    end: float
    """By time.monotonic()."""
    later_rows: Sequence[float]
    """The rows of each fit that follows the search, as a multiple of those that a fold of the search fits on."""
    later_scorings: float
    """How often the time that a fold takes to score is needed after the search, for the importances."""
    overhead_seconds: float
    """What else follows, whatever the model is."""
    n_nested: int = 0
    """How often the whole search is repeated after it."""
    spreads: bool = False
    """Whether a search that stops early should have seen candidates from all over their list."""
    _reserve: float = 0.0
    _best: float = field(default=NOTHING)
    _best_share: float = 0.0
    _seen: dict[float, list[float]] = field(default_factory=dict)
    """The seconds of fits, by their share of the rows."""
    _spent: float = 0.0

    @property
    def deadline(self) -> float:
        """The moment when the search must end: after it, the best candidate so far is fitted and judged."""
        left = self.end - time.monotonic() - self.overhead_seconds - self._reserve - self.n_nested * self._spent
        return time.monotonic() + left / (1 + self.n_nested)

    @property
    def is_over(self) -> bool:
        """Whether the search must end."""
        return time.monotonic() >= self.deadline

    def limit(self, n_fits: int) -> float:
        """
        Return the moment when a fit that begins now must have ended: it is then too slow to become the result.

        `n_fits` are those that its candidate still needs, this one included. On few rows a fit may be too slow, too:
        on more of them it is hardly faster.
        """
        now = time.monotonic()
        left = self.end - now - self.overhead_seconds - self.n_nested * self._spent
        return min(self.deadline, now + left / ((1 + self.n_nested) * n_fits + self._scale(1.0)))

    def learn(self, score: float, fit_seconds: float, score_seconds: float, n_fits: int, share: float) -> None:
        """Take the mean score of a candidate, and the seconds of its slowest fit and scoring of `n_fits`."""
        self._spent += n_fits * (fit_seconds + score_seconds)
        self._seen.setdefault(share, []).append(fit_seconds)
        if score > self._best or share > self._best_share:  # the best of a later round is the result
            self._best, self._best_share = score, share
            self._reserve = fit_seconds * self._scale(share) + score_seconds * self.later_scorings

    def _scale(self, share: float) -> float:
        """Return how often a fit on this share of the rows could be made in the time that follows the search."""
        # As long as nothing is found, the model itself must be fitted after all, and is hardly faster.
        power = 1.0 if self._best == NOTHING else POWER if share >= 1 else self._find_power()
        return float(sum((rows / share) ** power for rows in self.later_rows))

    def _find_power(self) -> float:
        """Return how the seconds grow with the share of the rows, as far as two rounds have told it."""
        *_, before, last = (0.0, 0.0, *sorted(self._seen))
        if not before:
            return POWER_OF_FEW_ROWS
        seconds = [max(float(np.mean(self._seen[share])), 1e-6) for share in (before, last)]
        return min(POWER, max(0.0, float(np.log(seconds[1] / seconds[0]) / np.log(last / before))))


def spread(n: int) -> list[int]:
    """Return the numbers below `n` in an order whose every beginning is spread over all of them: by reversed bits."""
    width = max(1, (n - 1).bit_length())
    return sorted(range(n), key=lambda number: f"{number:0{width}b}"[::-1])


def build_budget(config: Config, table: Table, split: Split, begun: float) -> Budget | None:
    """Return the budget of a search; None if it has none, or if it repeats what one with a budget has evaluated."""
    search, evaluation = config.search, config.evaluation
    if search.kind == "none" or search.budget_seconds is None or search.evaluated is not None:
        return None
    n_rows = float(np.mean([len(train) for train, _ in split.search_folds]))
    shuffled = 0 if evaluation.importance == "none" else evaluation.importance_repeats * table.X.shape[1]
    return Budget(
        end=begun + search.budget_seconds,
        later_rows=[len(rows) / n_rows for rows in (split.train, *(train for train, _ in split.folds))],
        later_scorings=shuffled * len(split.test) / len(split.train),
        overhead_seconds=OVERHEAD_SECONDS,
        n_nested=len(split.nested_folds),
        spreads=search.kind == "grid",
    )
