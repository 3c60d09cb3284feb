"""Find everything in a table that does not fit the config, with column, row and value."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bikeml.config.data import DataConfig
from bikeml.errors import DataError, did_you_mean

EXAMPLES_SHOWN = 3
MAX_SHOWN = 60
COMMAS_IN_NUMBER = r"\s*[-+]?\d+(,\d+)+\s*"
PLAIN_WORD = re.compile(r"(?!(true|false|null|nan|inf)$)[A-Za-z_]\w*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Tolerance:
    """The cells that a pipeline accepts besides finite numbers."""

    text_categories: bool = False
    numeric_gaps: bool = False
    categorical_gaps: bool = False
    date_gaps: bool = False
    text_gaps: bool = False


def find_problems(frame: pd.DataFrame, data: DataConfig, tolerance: Tolerance) -> Iterator[str]:
    """Yield a line for each problem of `frame` with `data`; rows are counted from 1, below the header."""
    yield from _missing_columns(frame, data)
    if frame.empty:
        yield "it has no rows"
        return
    present = set(frame.columns)
    roles = data.roles
    numbers = "fix the cells, or list the column in data.categorical"
    target = "fix the cells, or set data.target to a column of numbers"
    has_gaps = frame[[name for name in roles["numeric"] if name in present]].isna().any(axis=None)
    encoder = "imputed" if has_gaps and not tolerance.numeric_gaps else "standard"  # the one that solves all of them
    encoded = f"choose preprocessing={encoder}, which encodes text"
    yield from _each(frame, roles["numeric"], lambda column: find_non_numbers(column, numbers))
    yield from _each(frame, [data.target], lambda column: find_non_numbers(column, target))
    if not tolerance.text_categories:
        yield from _each(frame, roles["categorical"], lambda column: find_non_numbers(column, encoded))
    yield from _each(frame, [data.target, *data.dates], _gaps)
    yield from _each(frame, roles["numeric"], _empty if tolerance.numeric_gaps else _feature_gaps)
    yield from _each(frame, roles["categorical"], _empty if tolerance.categorical_gaps else _feature_gaps)
    for column, values in data.allowed.items():
        if column in present:
            wrong = frame[column].notna() & ~frame[column].isin(values)
            yield from describe_cells("is not allowed", frame[column], wrong, f"data.allowed.{column} is {values}")
    yield from _each(frame, data.dates, lambda column: _not_dates(column, data.date_format_of(str(column.name))))
    if data.target in present and (frame[data.target] == frame[data.target].iloc[0]).all():
        value = frame[data.target].iloc[0]
        yield f"target {data.target!r} is {show_cell(value)} in every row; there is nothing to learn"


def _each(frame: pd.DataFrame, columns: list[str], problems: Callable[[pd.Series], Iterator[str]]) -> Iterator[str]:
    """Yield the problems of the columns that `frame` has; missing ones are reported elsewhere."""
    for column in columns:
        if column in frame.columns:
            yield from problems(frame[column])


def _missing_columns(frame: pd.DataFrame, data: DataConfig) -> Iterator[str]:
    columns = [str(column) for column in frame.columns]
    wanted = {f"data.{role}": names for role, names in data.roles.items()} | {"data.allowed": list(data.allowed)}
    missing = [(key, name) for key, names in wanted.items() for name in names if name not in columns]
    for key, name in missing:
        yield f"there is no column {name!r} for {key}{did_you_mean(name, columns)}"
    if missing:
        numbers = [str(name) for name in frame.select_dtypes("number").columns if name != data.target]
        others = [name for name in columns if name not in numbers and name != data.target]
        yield f"the table has numbers in {numbers} and other values in {others}"
    if {"data.numeric", "data.categorical"} & {key for key, _ in missing}:
        others = [name for name in others if name not in data.dates]
        yield f"perhaps: 'data.numeric={_as_override(numbers)}' 'data.categorical={_as_override(others)}'"


def _as_override(names: list[str]) -> str:
    """Return a list in Hydra's grammar: everything but a plain word is quoted."""
    return (
        f"[{','.join(name if PLAIN_WORD.fullmatch(name) else json.dumps(name, ensure_ascii=False) for name in names)}]"
    )


def _gaps(column: pd.Series) -> Iterator[str]:
    yield from describe_cells("is missing", column, column.isna(), "leave these rows out")


def _feature_gaps(column: pd.Series) -> Iterator[str]:
    yield from describe_cells("is missing", column, column.isna(), "fill the gaps, or choose preprocessing=imputed")


def _empty(column: pd.Series) -> Iterator[str]:
    if column.isna().all():
        yield f"column {column.name!r} is empty in every row; leave it out"


def find_non_numbers(column: pd.Series, advice: str) -> Iterator[str]:
    """Yield one line for the cells of a column that are not numbers, and one for infinite cells."""
    numbers = to_numbers(column)
    wrong = column.notna() & numbers.isna()
    if column[wrong].astype(str).str.fullmatch(COMMAS_IN_NUMBER).all():
        advice = f"write 13.86 for 13,86, or 1000 for 1,000; if it is not a number, {advice}"
    infinite = pd.Series(np.isinf(numbers.to_numpy(dtype=float)), column.index)
    yield from describe_cells("is not a number", column, wrong, advice)
    yield from describe_cells("is infinite", column, infinite, "fix the cells")


def _not_dates(column: pd.Series, date_format: str | None) -> Iterator[str]:
    try:
        wrong = column.notna() & parse_dates(column, date_format).isna()
    except DataError as error:
        yield str(error)
        return
    wanted = f"data.date_format is {date_format!r}" if date_format else "set data.date_format, such as %m/%d/%Y"
    yield from describe_cells("is not a date", column, wrong, wanted)


def parse_dates(column: pd.Series, date_format: str | None) -> pd.Series:
    """Return the dates of `column`, shape (n_rows,), with NaT for other cells; raises DataError for a bad format."""
    try:
        dates = pd.to_datetime(column.astype(str), format=date_format or "ISO8601", errors="coerce", utc=True)
    except (ValueError, re.error) as error:  # re.error for a directive that occurs twice
        raise DataError(
            f"data.date_format={date_format!r} is not a date format: {error}; write one such as %m/%d/%Y"
        ) from error
    return dates.dt.tz_localize(None)  # so that dates with and without a time zone can be compared


def describe_cells(what: str, column: pd.Series, wrong: pd.Series, advice: str) -> Iterator[str]:
    """Yield one line for the `wrong` cells of `column`, with the first of them; index 0 is row 1."""
    rows = np.flatnonzero(wrong.to_numpy())
    if len(rows) == 0:
        return
    shown = [f"row {column.index[row] + 1}: {show_cell(column.iloc[row])}" for row in rows[:EXAMPLES_SHOWN]]
    more = f" and {len(rows) - EXAMPLES_SHOWN:,} more" if len(rows) > EXAMPLES_SHOWN else ""
    yield f"column {column.name!r} {what} in {', '.join(shown)}{more}; {advice}"


def to_numbers(column: pd.Series) -> pd.Series:
    """Return the numbers of a column, with NaN for other cells."""
    try:
        return pd.to_numeric(column, errors="coerce")
    except (ValueError, OverflowError):  # pandas still refuses an integer of more than 64 bits
        return column.map(_float_or_nan)


def _float_or_nan(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def as_numbers(column: pd.Series) -> pd.Series:
    """Return integers and floats as they are, and booleans or very large integers as floats."""
    return column if column.dtype.kind in "iuf" else column.astype(float)


def show_cell(value: object) -> str:
    """Return a cell as a message shows it: text in quotes, and only the beginning if it is long."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
