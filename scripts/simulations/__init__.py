"""Simulations of what bikeml says about its figures, on populations whose truth is known."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One measured figure beside what it should be."""

    what: str
    """The population, its size and the method, such as '220 rows of bike residuals, RMSE, 95 % interval'."""
    figure: str
    """What was measured: coverage, false claims, power, or width."""
    measured: float
    at_least: float | None = None
    at_most: float | None = None
    before: float | None = None
    """The same figure of the method that this one replaced, in the same draws; None if it was not measured."""

    @property
    def is_met(self) -> bool:
        """Whether the bar is met; a figure without a bar always is."""
        low = self.at_least is None or self.measured >= self.at_least
        return low and (self.at_most is None or self.measured <= self.at_most)
