"""Show numbers to a person: with as many digits as they need."""

import math
from collections.abc import Mapping
from itertools import accumulate, pairwise

DIGITS = 4
"""The significant digits of a number without a unit that says how many it needs."""
MANY, FEW = 1e15, 1e-4
"""From the one on and below the other, a number is shown with an exponent."""


def show_number(value: float | None, missing: str = "undefined") -> str:
    """Return a number with at least four significant digits, or `missing` if it is None or not finite."""
    if value is None or not math.isfinite(value):
        return missing
    size = abs(value)
    if size >= MANY or 0 < size < FEW:
        return f"{value:.{DIGITS}g}"
    if size >= 10:  # noqa: PLR2004  two decimals are enough from there on
        return f"{value:,.2f}"
    leading_zeros = -math.floor(math.log10(size)) - 1 if 0 < size < 1 else 0
    return f"{value:.{DIGITS + leading_zeros}f}"


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
