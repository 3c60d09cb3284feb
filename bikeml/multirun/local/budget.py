"""The time that a sweep may take: which cells are still begun, and until when they may run."""

import math
import time
from collections.abc import Callable, Mapping

END_SECONDS, BLEND_SECONDS, END_SHARE = 2.5, 4.0, 0.02
"""What is kept after the cells for the leaderboard, the pages and the record, for a blend, and for both together."""


class Budget:
    """
    The time of a sweep that began at the Unix time `began` and may take `seconds`; None: any time.

    What a cell takes is judged by those that have ended: those that share the most overrides with it. If several do,
    the quickest counts, since time that is left unused is lost anyway.
    """

    def __init__(
        self, seconds: float | None, began: float, clock: Callable[[], float] = time.time, *, has_blend: bool = False
    ) -> None:
        self.seconds, self._clock = seconds, clock
        keep = END_SECONDS + has_blend * BLEND_SECONDS + END_SHARE * (seconds or 0)
        self._deadline = math.inf if seconds is None else began + seconds - keep
        self._seen: list[tuple[Mapping[str, str], float]] = []
        self.has_finished = False
        """Whether any cell has a result; until then one is run, whatever it takes."""

    @property
    def left(self) -> float:
        """The seconds until cells must have ended; negative afterwards."""
        return self._deadline - self._clock()

    @property
    def until(self) -> float:
        """The Unix time at which a cell that is begun now is stopped; infinite if it runs to its end."""
        return self._deadline if self.has_finished else math.inf

    def see(self, varies: Mapping[str, str], seconds: float) -> None:
        """Note what a cell with these overrides has taken until it was finished."""
        self.has_finished = True
        self._seen.append((varies, seconds))

    def find_reason(self, varies: Mapping[str, str]) -> str | None:
        """Return why a cell with these overrides is not begun; None if it may end in time."""
        left, expected = self.left, self._expect(varies)
        if left <= 0:
            return f"sweep.budget_seconds={self.seconds:g} was used up before it began"
        if expected is not None and expected > left:
            return (
                f"{left:.1f} s of sweep.budget_seconds={self.seconds:g} were left, and the cell most like it took "
                f"{expected:.1f} s"
            )
        return None

    def _expect(self, varies: Mapping[str, str]) -> float | None:
        shared = [len(varies.items() & seen.items()) for seen, _ in self._seen]
        return min(
            (seconds for (_, seconds), count in zip(self._seen, shared, strict=True) if count == max(shared)),
            default=None,
        )

    def explain_stop(self, seconds: float) -> str:
        """Return why a cell that has run for so long was stopped."""
        return f"stopped after {seconds:.1f} s, when sweep.budget_seconds={self.seconds:g} was used up"
