"""Decide what one column is, from its own cells and rarely from its name."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from bikeml.config.data import DataConfig
from bikeml.table.columns.names import is_code, is_id, is_like_id, is_number_of_one
from bikeml.table.reading.cells import as_text, find_unit, is_text, looks_like_gap, to_numbers
from bikeml.table.reading.dates import find_formats, parse

Role = Literal["numeric", "categorical", "date", "text", "ignored"]
NEARLY = 0.95  # of the cells
ROWS_OF_A_CODE = 5
ROWS_OF_A_GROUP = 20  # in a column that is called an id; with fewer, the mean of a level says little of new rows
ROWS_OF_A_REPEATED_ID = 2
ROWS_OF_FIRST_LOOK = 100
GAP_WORDS = 3  # more kinds of words among numbers are codes, not gaps
COLUMN = "{column}"
"""Stands in a note for the columns that it is about."""
# A tree uses such a number, and loses next to nothing on rows of other ids; as a category it loses much there.
REPEATED_ID = f"{COLUMN}: an id that repeats is kept as a number; if new rows have others, leave it out: data.ignored"
WORDS_LOOKED_AT = 1000  # enough to see what they have in common


@dataclass(frozen=True)
class Kind:
    """What a column is."""

    role: Role
    reason: str
    """A few words, such as `12 levels` or `an id`."""
    unit: str | None = None
    """What stands beside each of its numbers."""
    formats: tuple[str, ...] = ()
    """Of its dates; two if day and month cannot be told apart."""
    gaps: tuple[str, ...] = ()
    """The words that are taken for gaps, beside the usual ones."""
    codes: tuple[str, ...] = ()
    """The words that are codes, though they look like a gap."""
    notes: tuple[str, ...] = ()
    """What a person should know of it."""
    numbers: np.ndarray | None = None
    """Its numbers, or its dates as numbers, in the rows that were looked at."""
    key: str = ""
    """Equal for columns that are copies of each other, also if they are spelled differently."""


def find_numbers(column: pa.ChunkedArray, data: DataConfig, name: str) -> Kind | None:
    """Return the numbers of a column with their unit and the words for gaps; None if it has other cells."""
    values, is_wrong = to_numbers(column, data, name)
    found = Kind("numeric", "numbers", unit=data.units.get(name), numbers=values.to_numpy())
    if not is_wrong.any():
        return found
    if not is_text(column.type):
        return None
    words = sorted({word.strip() for word in column.filter(pa.array(is_wrong)).unique().to_pylist()})
    others = [word for word in words if not looks_like_gap(word)]
    if others:
        unit = find_unit(others[:: 1 + len(others) // WORDS_LOOKED_AT])
        is_bare = bool(np.nan_to_num(values).any()) and unit != "()"
        if unit is None or is_bare or found.unit:
            return None
        return find_numbers(column, with_kind(data, name, replace(found, unit=unit)), name)
    n_numbers = int(values.notna().sum())
    has_signs_only = not any(word[0].isalpha() for word in words)
    is_sure = has_signs_only or n_numbers >= NEARLY * (n_numbers + is_wrong.sum())
    return replace(found, gaps=tuple(words)) if n_numbers and len(words) <= GAP_WORDS and is_sure else None


def find_dates(column: pa.ChunkedArray, data: DataConfig, name: str) -> Kind | None:
    """Return the dates of a column with their format and the words for gaps; None if it has other cells."""
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        dates = pd.Series(column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None))).to_numpy())
        return _dates(Kind("date", "dates"), dates)
    if not _may_be_dates(column.slice(0, ROWS_OF_FIRST_LOOK), data, name):
        return None
    codes, words = factorize(as_text(column, data, name))
    gaps = sorted(filter(looks_like_gap, words))
    rest = sorted(set(words) - set(gaps))
    formats = [given] if (given := data.date_format_of(name)) else find_formats(rest)
    if not formats or len(gaps) > GAP_WORDS:
        return None
    dates = parse(words, formats[0]).reindex(codes)
    return _dates(Kind("date", "dates", formats=tuple(formats), gaps=tuple(gaps)), dates)


def _may_be_dates(column: pa.ChunkedArray, data: DataConfig, name: str) -> bool:
    """Return whether the first words have the format of a date: most words have none, and the rest is not looked at."""
    words = [word for word in factorize(as_text(column, data, name))[1] if not looks_like_gap(word)]
    return not words or bool(data.date_format_of(name)) or bool(find_formats(words))


def factorize(cells: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return the code of each cell, -1 for a gap, and the words without the blanks around them."""
    codes, written = pd.factorize(cells)
    places, words = pd.factorize(np.array([word.strip() for word in written], dtype=object))
    return np.append(places, -1)[codes], list(words)


def _dates(found: Kind, dates: pd.Series) -> Kind:
    moments = dates.to_numpy().astype("datetime64[us]")
    values = np.where(np.isnat(moments), np.nan, moments.astype("int64").astype(float))
    return replace(found, numbers=values, key=hash_numbers(values))


def in_rows(found: Kind | None, rows: np.ndarray | None) -> Kind | None:
    """Return a kind that was found in all rows with the numbers of these `rows`."""
    if found is None or rows is None or found.numbers is None:
        return found
    numbers = found.numbers[rows]
    return replace(found, numbers=numbers, key=found.key and hash_numbers(numbers))


def with_kind(data: DataConfig, name: str, found: Kind) -> DataConfig:
    """Return `data` with the unit and the words for gaps of a column."""
    units = {**data.units, name: found.unit} if found.unit else data.units
    gaps = [word for word in found.gaps if word not in data.gaps]
    return data.model_copy(update={"units": units, "gaps": [*data.gaps, *gaps]})


def as_id(found: Kind, name: str, n_levels: int, n_cells: int) -> Kind | None:
    """Return the kind of a column of codes if its name is like that of an id; None if it is not."""
    if is_like_id(name) and n_levels >= NEARLY * n_cells:
        return replace(found, role="ignored", reason="an id")
    if is_code(name) or is_id(name):
        what, fewest = ("codes", ROWS_OF_A_CODE) if is_code(name) else ("ids", ROWS_OF_A_GROUP)
        if n_levels * fewest <= n_cells:
            return replace(found, role="categorical", reason=f"{n_levels:,} {what}")
        if found.role == "numeric" and n_levels * ROWS_OF_A_REPEATED_ID <= n_cells:
            return replace(found, reason=f"{n_levels:,} {what} that repeat", notes=(*found.notes, REPEATED_ID))
        return replace(found, role="ignored", reason=f"{n_levels:,} codes" if is_code(name) else "an id")
    if is_number_of_one(name) and n_levels * ROWS_OF_A_GROUP > n_cells:
        return replace(found, role="ignored", reason="an id")
    return None


def hash_numbers(values: np.ndarray) -> str:
    """Hash numbers, shape (n_rows,): 0 and -0 are equal, and so are all gaps."""
    plain = np.where(np.isnan(values), np.inf, values) + 0.0
    return hashlib.blake2b(plain.tobytes()).hexdigest()
