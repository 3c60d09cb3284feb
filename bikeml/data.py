"""Read the table and hold it against its description: every problem at once, with column, row and value."""

import csv
import hashlib
import importlib.resources
import io
import json
import math
import re
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from bikeml.composition import did_you_mean
from bikeml.config import DataConfig
from bikeml.errors import DataError
from bikeml.redaction import redact

DOWNLOAD_TIMEOUT_SECONDS = 60
EMBEDDED = "pkg://bikeml.datasets/"  # this package alone: to look into another one would run its code
EXAMPLES_SHOWN = 3
MAX_SHOWN = 60
PLAIN_WORD = re.compile(r"(?!(true|false|null|nan|inf)$)[A-Za-z_]\w*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Table:
    """A checked table and where it came from."""

    name: str
    source: str
    """The path or URL without secrets."""
    sha256: str
    X: pd.DataFrame
    """The features in table order, shape (n_rows, n_features)."""
    y: np.ndarray
    """The target, shape (n_rows,)."""
    dates: pd.Series | None
    """The date of each row, shape (n_rows,), where data.date names a column."""


@dataclass(frozen=True)
class Tolerance:
    """What a pipeline takes beside finite numbers."""

    text_categories: bool = False
    numeric_gaps: bool = False
    categorical_gaps: bool = False


def read_table(data: DataConfig, tolerance: Tolerance) -> Table:
    """
    Read the table, and check it for a pipeline of some `tolerance`; gaps in the target or the dates never pass.

    Raises DataError with everything that does not fit `data`.
    """
    content = read_bytes(data.path)
    frame = parse_csv(content, data)
    problems = list(find_problems(frame, data, tolerance))
    if problems:
        raise DataError(f"{redact(data.path)} does not fit the config:\n" + "\n".join(f"  {p}" for p in problems))
    features = [column for column in frame.columns if column in data.features]
    return Table(
        name=data.name or Path(urlsplit(data.path).path).stem,
        source=redact(data.path),
        sha256=hashlib.sha256(content).hexdigest(),
        X=frame[features].assign(**{name: as_numbers(frame[name]) for name in data.numeric}),
        y=as_numbers(frame[data.target]).to_numpy(),
        dates=parse_dates(frame[data.date], data.date_format) if data.date else None,
    )


def read_bytes(path: str) -> bytes:
    """Return the content of a file, a URL or an embedded table; raises DataError where it cannot."""
    with reading_errors(path), open_table(path) as stream:
        return stream.read()


def open_table(path: str) -> IO[bytes]:
    """Open a file, a URL or an embedded table; see :func:`reading_errors`."""
    if path.startswith(EMBEDDED):
        name = Path(path.removeprefix(EMBEDDED)).name  # a plain file name: no way out of the folder
        return importlib.resources.files("bikeml.datasets").joinpath(name).open("rb")
    if path.startswith(("http://", "https://", "file://")):
        reply: IO[bytes] = urllib.request.urlopen(path, timeout=DOWNLOAD_TIMEOUT_SECONDS)  # noqa: S310  the schemes are listed
        return reply
    return Path(path).expanduser().open("rb")


@contextmanager
def reading_errors(path: str) -> Iterator[None]:
    """Raise a DataError for whatever keeps the table at `path` from being read."""
    shown = redact(path)
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"there is no table at {shown!r}; set data.path to a CSV file or a URL") from error
    except IsADirectoryError as error:
        raise DataError(f"{shown!r} is a folder; set data.path to a CSV file in it") from error
    except (OSError, ValueError, MemoryError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(f"cannot read {shown!r}: {redact(str(reason) or type(error).__name__)}") from error


def parse_csv(content: bytes, data: DataConfig) -> pd.DataFrame:
    """Parse a CSV table, shape (n_rows, n_columns); raises DataError where it is none."""
    header = read_header(io.BytesIO(content), data)
    if len(header) == 1:
        raise DataError(
            f"{redact(data.path)} has one column, {show_cell(header[0])}, and needs two, a target and a feature"
            f"{suggest_separator(header[0], data)}"
        )
    with parsing_errors(data):
        frame = pd.read_csv(io.BytesIO(content), sep=data.separator, encoding=data.encoding, index_col=False)
        return _with_categories_as_written(frame, content, data)


@contextmanager
def parsing_errors(data: DataConfig) -> Iterator[None]:
    """Raise a DataError for whatever keeps pandas from making a table of the text at data.path."""
    shown = redact(data.path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # mixed columns are reported cell by cell
            yield
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise DataError(f"{shown} is not a table: {reason}; mend the line, or set data.separator") from error
    except UnicodeError as error:
        raise _not_text(data, error) from error


def read_header(stream: BinaryIO, data: DataConfig) -> list[str]:
    """
    Return the column names of a CSV table as they stand, before pandas renames those that occur twice.

    Raises DataError where it is no text or there are none, or two of the same name.
    """
    shown = redact(data.path)
    content = stream.read(4096)
    stream.seek(0)
    is_wide = any(width in data.encoding for width in ("16", "32"))  # where every other byte may be 0
    if content.startswith((b"PK\x03\x04", b"PAR1", b"\x1f\x8b")) or (b"\x00" in content and not is_wide):
        raise DataError(f"{shown} is not a text file; save the table as CSV, or set data.encoding if it is UTF-16")
    try:
        text = io.TextIOWrapper(stream, encoding=data.encoding, newline="")
        first = next(text, "")
        text.detach()  # or it would close the stream
    except UnicodeError as error:
        raise _not_text(data, error) from error
    if not first.strip():
        raise DataError(f"{shown} is empty; it needs a line of column names and rows below it")
    try:
        header = next(csv.reader([first.removeprefix("\ufeff")], delimiter=data.separator))
    except csv.Error as error:
        raise DataError(f"{shown} is not a table: line 1: {error}; set data.separator, or mend the header") from error
    check_names(header, data.path)
    return header


def check_names(names: Sequence[str], path: str) -> None:
    """Raise a DataError where two columns have the same name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{redact(path)} has columns of the same name: {twice}; rename all but one of each")


def suggest_separator(name: str, data: DataConfig) -> str:
    """Return what to say of a table whose only column has this name: perhaps it has others, set apart otherwise."""
    other = next((sign for sign in ",;\t|: " if sign in name.strip() and sign != data.separator), None)
    return f"; if its values are separated by {other!r}, set 'data.separator={json.dumps(other)}'" if other else ""


def _not_text(data: DataConfig, error: UnicodeError) -> DataError:
    return DataError(f"{redact(data.path)} is not {data.encoding}: {error}; set data.encoding, such as latin-1")


def _with_categories_as_written(frame: pd.DataFrame, content: bytes, data: DataConfig) -> pd.DataFrame:
    """
    Read the categorical columns that hold text again, all of their cells as text and only empty ones as gaps.

    pandas takes words such as NA and None for gaps, which may well be categories, and 1 and 1.0 for the same number.
    """
    text = [name for name in data.categorical if name in frame and not is_numeric_dtype(frame[name])]
    if not text:
        return frame
    cells = pd.read_csv(
        io.BytesIO(content),
        sep=data.separator,
        encoding=data.encoding,
        index_col=False,
        usecols=text,
        dtype=str,
        keep_default_na=False,
        na_values=[""],
    )
    return frame.assign(**{name: cells[name] for name in text})


def find_problems(frame: pd.DataFrame, data: DataConfig, tolerance: Tolerance) -> Iterator[str]:
    """Yield what in `frame` does not fit `data`; rows are counted from 1, below the header."""
    yield from _missing_columns(frame, data)
    if frame.empty:
        yield "it has no rows"
        return
    present = set(frame.columns)
    numbers = "mend the cells, or list the column in data.categorical"
    target = "mend the cells, or set data.target to a column of numbers"
    encoded = "choose preprocessing=standard, which encodes text"
    yield from _each(frame, data.numeric, lambda column: find_non_numbers(column, numbers))
    yield from _each(frame, [data.target], lambda column: find_non_numbers(column, target))
    if not tolerance.text_categories:
        yield from _each(frame, data.categorical, lambda column: find_non_numbers(column, encoded))
    yield from _each(frame, [data.target, *([data.date] if data.date else [])], _gaps)
    yield from _each(frame, data.numeric, _empty if tolerance.numeric_gaps else _feature_gaps)
    yield from _each(frame, data.categorical, _empty if tolerance.categorical_gaps else _feature_gaps)
    for column, values in data.allowed.items():
        if column in present:
            wrong = frame[column].notna() & ~frame[column].isin(values)
            yield from describe_cells("is not allowed", frame[column], wrong, f"data.allowed.{column} is {values}")
    if data.date in present:
        yield from _not_dates(frame[data.date], data.date_format)
    if data.target in present and (frame[data.target] == frame[data.target].iloc[0]).all():
        value = frame[data.target].iloc[0]
        yield f"target {data.target!r} is {show_cell(value)} in every row; there is nothing to learn"


def _each(frame: pd.DataFrame, columns: list[str], problems: Callable[[pd.Series], Iterator[str]]) -> Iterator[str]:
    """Yield the problems of those of `columns` that are there; the others are reported as missing."""
    for column in columns:
        if column in frame.columns:
            yield from problems(frame[column])


def _missing_columns(frame: pd.DataFrame, data: DataConfig) -> Iterator[str]:
    columns = [str(column) for column in frame.columns]
    wanted = {
        "data.target": [data.target],
        "data.numeric": data.numeric,
        "data.categorical": data.categorical,
    }
    wanted["data.date"] = [data.date] if data.date else []
    wanted["data.allowed"] = list(data.allowed)
    missing = [(key, name) for key, names in wanted.items() for name in names if name not in columns]
    for key, name in missing:
        yield f"there is no column {name!r} for {key}{did_you_mean(name, columns)}"
    if missing:
        numbers = [str(name) for name in frame.select_dtypes("number").columns if name != data.target]
        others = [name for name in columns if name not in numbers and name != data.target]
        yield f"the table has numbers in {numbers} and other values in {others}"
        yield f"perhaps: 'data.numeric={_as_override(numbers)}' 'data.categorical={_as_override(others)}'"


def _as_override(names: list[str]) -> str:
    """Return a list in Hydra's grammar, in which all but plain words stand in quotes."""
    return (
        f"[{','.join(name if PLAIN_WORD.fullmatch(name) else json.dumps(name, ensure_ascii=False) for name in names)}]"
    )


def _gaps(column: pd.Series) -> Iterator[str]:
    yield from describe_cells("is missing", column, column.isna(), "fill the gaps, or leave the rows out")


def _feature_gaps(column: pd.Series) -> Iterator[str]:
    yield from describe_cells("is missing", column, column.isna(), "fill the gaps, or choose preprocessing=imputed")


def _empty(column: pd.Series) -> Iterator[str]:
    if column.isna().all():
        yield f"column {column.name!r} is empty in every row; leave it out"


def find_non_numbers(column: pd.Series, advice: str) -> Iterator[str]:
    """Yield what of a column is neither a finite number nor missing."""
    numbers = to_numbers(column)
    infinite = pd.Series(np.isinf(numbers.to_numpy(dtype=float)), column.index)
    yield from describe_cells("is not a number", column, column.notna() & numbers.isna(), advice)
    yield from describe_cells("is infinite", column, infinite, "mend the cells")


def _not_dates(column: pd.Series, date_format: str | None) -> Iterator[str]:
    try:
        wrong = column.notna() & parse_dates(column, date_format).isna()
    except DataError as error:
        yield str(error)
        return
    wanted = f"data.date_format is {date_format!r}" if date_format else "set data.date_format, such as %m/%d/%Y"
    yield from describe_cells("is not a date", column, wrong, wanted)


def parse_dates(column: pd.Series, date_format: str | None) -> pd.Series:
    """Return the dates of `column`, shape (n_rows,); what is no date becomes NaT. Raises DataError for a bad format."""
    try:
        dates = pd.to_datetime(column.astype(str), format=date_format or "ISO8601", errors="coerce", utc=True)
    except (ValueError, re.error) as error:  # the second for a directive that stands there twice
        raise DataError(
            f"data.date_format={date_format!r} is no format of dates: {error}; write one such as %m/%d/%Y"
        ) from error
    return dates.dt.tz_localize(None)  # dates with and without a time zone can be compared


def describe_cells(what: str, column: pd.Series, wrong: pd.Series, advice: str) -> Iterator[str]:
    """Yield one line on the cells of `column` that are `wrong`, with the first of them; rows count from index 0."""
    rows = np.flatnonzero(wrong.to_numpy())
    if len(rows) == 0:
        return
    shown = [f"row {column.index[row] + 1}: {show_cell(column.iloc[row])}" for row in rows[:EXAMPLES_SHOWN]]
    more = f" and {len(rows) - EXAMPLES_SHOWN:,} more" if len(rows) > EXAMPLES_SHOWN else ""
    yield f"column {column.name!r} {what} in {', '.join(shown)}{more}; {advice}"


def to_numbers(column: pd.Series) -> pd.Series:
    """Return the numbers of a column; what is none becomes NaN."""
    try:
        return pd.to_numeric(column, errors="coerce")
    except ValueError:  # pandas refuses an integer of more than 64 bits all the same
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
    """Return a cell as a message shows it: text in quotes, and not all of it where it is long."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
