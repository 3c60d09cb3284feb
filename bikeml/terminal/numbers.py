"""Show numbers to a person: with as many digits as they need."""

import math
from collections.abc import Iterable, Mapping
from itertools import accumulate, pairwise
from statistics import median_low

DIGITS = 4
"""The significant digits of a number without a unit that says how many it needs."""
MANY, FEW = 1e15, 1e-4
"""From the one on and below the other, a number is shown with an exponent."""


def show_number(value: float | None, missing: str = "undefined", decimals: int | None = None) -> str:
    """
    Return a number with at least four significant digits, or `missing` if it is None or not finite.

    `decimals`, as :func:`find_decimals` returns them, are those of its column; a number that they leave nothing of has
    its own.
    """
    if value is None or not math.isfinite(value):
        return missing
    size = abs(value)
    if size >= MANY or 0 < size < FEW:
        return f"{value:.{DIGITS}g}"
    is_told = decimals is not None and (size == 0 or size * 10**decimals >= 1)
    return f"{value:,.{decimals if is_told else _count_decimals(size)}f}"


def find_decimals(values: Iterable[float | None]) -> int | None:
    """Return how many decimals the numbers of a column have in common: as many as half of them need."""
    sizes = (abs(value) for value in values if value is not None and math.isfinite(value))
    counts = [_count_decimals(size) for size in sizes if FEW <= size < MANY]
    return median_low(counts) if counts else None


def _count_decimals(size: float) -> int:
    """Return the decimals with which a positive number has at least four significant digits."""
    if size >= 10:  # noqa: PLR2004  two decimals are enough from there on
        return 2
    return DIGITS + (-math.floor(math.log10(size)) - 1 if 0 < size < 1 else 0)


def show_count(number: int, what: str) -> str:
    """Return how many there are, such as "1 cell" and "2,000 cells"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def show_parts(seconds: Mapping[str, float]) -> str:
    """Return a time and its parts, as ``16.8 s: 11.9 start, 4.9 fit``; the parts that are shown add up to the whole."""
    ends = [round(end, 1) for end in accumulate(seconds.values(), initial=0.0)]
    parts = (f"{end - start:.1f} {name}" for name, (start, end) in zip(seconds, pairwise(ends), strict=True))
    return f"{ends[-1]:.1f} s: {', '.join(parts)}"


def show_score(value: float | None, digits: int = DIGITS, missing: str = "undefined") -> str:
    """Return a score without a unit, such as R2, with so many decimals: its scale is that of 1, unless it is large."""
    if value is None or not math.isfinite(value) or abs(value) >= 10:  # noqa: PLR2004
        return show_number(value, missing)
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0 turns -0.0 into 0.0
