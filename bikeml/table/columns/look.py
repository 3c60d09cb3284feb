"""Look at the cells of a column, and decide what it is."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bikeml.config.data import DataConfig
from bikeml.table.columns.kinds import COLUMN, Kind, find_dates, find_numbers, in_rows, with_kind
from bikeml.table.columns.numbers import look_at_numbers
from bikeml.table.columns.words import look_at_words
from bikeml.table.reading.cells import BOOLEANS, as_text, gaps_of, is_text, to_numbers

DIGITS_OF_DATES = r"^\s*(\d{8}|\d{14})\s*$"
MOST_CODES = 1 / 3  # of the cells: if more are NA, it is a gap also among codes of two letters


def look_at(column: pa.ChunkedArray, data: DataConfig, name: str, rows: np.ndarray | None = None) -> Kind:
    """Decide what a column is; count its levels in these `rows`, or in all, and look for numbers in all."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_duration(kind):
        return Kind("ignored", "durations" if pa.types.is_duration(kind) else "nested values")
    sample = column if rows is None else column.take(pa.array(rows))
    if not _are_booleans(sample, data, name):
        found = _look_at_dates(column, sample, data, name, rows) if _may_be_dates(sample) else None
        found = found or _look_at_numbers(column, sample, data, name, rows)
        found = found or _look_at_dates(column, sample, data, name, rows)
        if found:
            return found
    return _look_at_words(column, sample, data, name)


def _are_booleans(sample: pa.ChunkedArray, data: DataConfig, name: str) -> bool:
    """Return whether cells are booleans: they are categories, though they could be read as numbers."""
    if not is_text(sample.type):
        return bool(pa.types.is_boolean(sample.type))
    words = pc.utf8_lower(pc.utf8_trim_whitespace(pc.unique(sample.slice(0, 1000))))
    known = set(words.to_pylist()) - {None, *(gap.lower() for gap in gaps_of(data, name))}
    return bool(known) and known <= BOOLEANS.keys()


def _may_be_dates(sample: pa.ChunkedArray) -> bool:
    """Return whether cells are dates of digits alone, such as 20200105, which could be read as numbers."""
    if not is_text(sample.type):
        return bool(pa.types.is_temporal(sample.type))
    first = sample.drop_null().slice(0, 100)
    return len(first) > 0 and bool(pc.any(pc.match_substring_regex(first, DIGITS_OF_DATES)).as_py())


def _look_at_numbers(
    column: pa.ChunkedArray, sample: pa.ChunkedArray, data: DataConfig, name: str, rows: np.ndarray | None
) -> Kind | None:
    found = find_numbers(sample, data, name)
    if found is None:
        return None
    values, is_wrong = to_numbers(column, with_kind(data, name, found), name)
    if is_wrong.any():  # in rows outside of the sample
        everywhere = find_numbers(column, data, name)
        found = in_rows(everywhere, rows)
        if everywhere is None or everywhere.numbers is None or found is None:
            return None
        values = pd.Series(everywhere.numbers)
    text = sample if is_text(sample.type) else None
    return look_at_numbers(found, values.to_numpy(), text, name)


def _look_at_dates(
    column: pa.ChunkedArray, sample: pa.ChunkedArray, data: DataConfig, name: str, rows: np.ndarray | None
) -> Kind | None:
    found = find_dates(sample, data, name)
    if found is not None and rows is not None:  # a format has to read all rows
        found = in_rows(find_dates(column, data, name), rows)
    if found is None or found.numbers is None:
        return found
    known = found.numbers[~np.isnan(found.numbers)]
    if len(np.unique(known)) <= 1:
        return replace(found, role="ignored", reason="a constant" if len(known) else "no values")
    return found


def _look_at_words(column: pa.ChunkedArray, sample: pa.ChunkedArray, data: DataConfig, name: str) -> Kind:
    found = look_at_words(as_text(sample, data, name), data, name, partial(as_text, column, data, name))
    if not found.codes:
        return found
    n_codes = int(np.sum(pc.is_in(pc.utf8_trim_whitespace(sample), pa.array(found.codes, sample.type)).to_numpy()))
    if n_codes > MOST_CODES * len(sample):
        return replace(found, codes=())
    note = f"{COLUMN}: 'NA' is read as a code, as all others are of two letters, and not as a gap"
    return replace(found, notes=(*found.notes, note)) if n_codes else found
