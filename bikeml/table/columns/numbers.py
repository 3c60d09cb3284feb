"""Decide what a column of numbers is: numbers, row numbers, ids, codes, or a constant."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bikeml.table.columns.kinds import COLUMN, NEARLY, Kind, as_id, hash_numbers
from bikeml.table.columns.names import is_clock, is_like_id, is_measure

FIRST_SHARE = 0.1  # of the rows may be missing before the first row number
DENSE = 0.5  # so many of the row numbers are here at least: the others may be held out
SECONDS = (631_152_000, 4_102_444_800)  # of the years 1990 to 2100, since 1970


def look_at_numbers(found: Kind, column: np.ndarray, text: pa.ChunkedArray | None, name: str) -> Kind:
    """Decide what numbers are; `column` has those of all rows, `text` is how those looked at are written."""
    values = np.empty(0) if found.numbers is None else found.numbers
    known = values[~np.isnan(values)]
    found = replace(found, key=hash_numbers(values), notes=tuple(_tell_clock(known, name)))
    if not len(known):
        return replace(found, role="ignored", reason="no values")
    if len(np.unique(known)) == 1:
        return one_value(found, has_gaps=bool(np.isnan(column).any()))
    is_whole = np.isfinite(known).all() and (known == np.floor(known)).all()
    return _look_at_integers(found, column, text, name) if is_whole else found


def _look_at_integers(found: Kind, column: np.ndarray, text: pa.ChunkedArray | None, name: str) -> Kind:
    if are_row_numbers(column, name):
        return replace(found, role="ignored", reason="row numbers")
    known = column[~np.isnan(column)] if found.numbers is None else found.numbers[~np.isnan(found.numbers)]
    n_levels = len(np.unique(known))
    if an_id := as_id(found, name, n_levels, len(known)):
        return an_id
    if text is not None and pc.any(pc.match_substring_regex(text, r"^\s*0\d+\s*$")).as_py():
        if n_levels >= NEARLY * len(known):
            return replace(found, role="ignored", reason="unique codes")
        return replace(found, role="categorical", reason="codes with zeros in front")
    return found


def one_value(found: Kind, *, has_gaps: bool) -> Kind:
    """Return the kind of a column of one value: with gaps, these may tell something."""
    if has_gaps:
        return replace(found, role="categorical", reason="one value and gaps")
    return replace(found, role="ignored", reason="a constant")


def are_row_numbers(column: np.ndarray, name: str) -> bool:
    """
    Return whether whole numbers, shape (n_rows,), number the rows.

    The rows are some of a table, so numbers may be missing. In another order than the table's, the name has to tell.
    """
    n_rows = len(column)
    if np.isnan(column).any() or not 0 <= column.min() <= 1 + FIRST_SHARE * n_rows:
        return False
    if (np.ptp(column) + 1) * DENSE > n_rows or len(np.unique(column)) < n_rows:
        return False
    return is_like_id(name) or (bool((np.diff(column) > 0).all()) and not is_measure(name))


def _tell_clock(known: np.ndarray, name: str) -> list[str]:
    """Tell of seconds or milliseconds since 1970, which stay numbers: no format of dates reads them."""
    for unit, factor in (("seconds", 1), ("milliseconds", 1000)):
        first, last = SECONDS[0] * factor, SECONDS[1] * factor
        if len(known) and is_clock(name) and first <= known.min() and known.max() <= last:
            return [f"{COLUMN}: {unit} since 1970 are kept as numbers; a column of dates would have a calendar"]
    return []
