"""Show values of metrics and times as pages do: with a minus sign, and a dash for what is missing."""

from bikeml.evaluation.metric import Metric
from bikeml.terminal.numbers import DIGITS, show_number

MISSING = "–"
ROUNDING = 1e-9
"""A share of a value that sums in another order may change."""


def is_rounding_error(number: float, *values: float) -> bool:
    """Return whether a difference of values is so small that only the order of sums makes it."""
    return abs(number) <= ROUNDING * max(map(abs, values))


def show_value(
    metric: Metric, value: float | None, digits: int = DIGITS, missing: str = MISSING, decimals: int | None = None
) -> str:
    """Return a value of a metric, with the `decimals` of its column, or `missing` if it is None or not finite."""
    return metric.show(value, digits, missing, decimals).replace("-", "−")


def show_plain(value: float | None) -> str:
    """Return a number without a metric, with a dash if it is None or not finite."""
    return show_number(value, MISSING).replace("-", "−")


def show_seconds(value: float | None) -> str:
    """Return a time, with a dash if it is None."""
    if value is None:
        return MISSING
    minutes, seconds = divmod(round(value), 60)
    return f"{value:.1f} s" if minutes == 0 else f"{minutes:,} min {seconds:02d} s"
