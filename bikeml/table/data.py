"""Read a whole table from a file, a URL or the package, and check it against the config."""

import csv
import hashlib
import importlib.resources
import io
import json
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.error import HTTPError
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from bikeml.config.data import DataConfig
from bikeml.errors import DataError
from bikeml.system.redaction import redact
from bikeml.table.problems import Tolerance, as_numbers, find_problems, parse_dates, show_cell

DOWNLOAD_TIMEOUT_SECONDS = 60
# The words that pandas reads as a gap by default
GAPS = ["", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NULL", "null", "None"]
GAPS += ["NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"]
EMBEDDED = "pkg://bikeml.datasets/"
"""The prefix of the embedded tables in data.path. No other package may be named: to import it would run its code."""


@dataclass(frozen=True)
class Table:
    """A checked table and its source."""

    name: str
    source: str
    """The path or URL without secrets."""
    sha256: str
    X: pd.DataFrame
    """The features in table order, shape (n_rows, n_features)."""
    y: np.ndarray
    """The target, shape (n_rows,)."""
    dates: pd.Series | None
    """The date of each row, shape (n_rows,); None unless data.date names a column."""


def read_table(data: DataConfig, tolerance: Tolerance) -> Table:
    """
    Read the table at data.path, and check that it fits `data` and a pipeline with this `tolerance`.

    Gaps in the target or the dates are never accepted. Raises DataError with a list of all problems.
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
        X=frame[features].assign(**{name: as_numbers(frame[name]) for name in data.roles["numeric"]}),
        y=as_numbers(frame[data.target]).to_numpy(),
        dates=parse_dates(frame[data.dates[0]], data.date_format_of(data.dates[0])) if data.dates else None,
    )


def read_bytes(path: str) -> bytes:
    """Return the content of a file, a URL or an embedded table; raises DataError if it cannot be read."""
    with reading_errors(path), open_table(path) as stream:
        return stream.read()


def open_table(path: str) -> IO[bytes]:
    """Open a file, a URL or an embedded table; :func:`reading_errors` turns the errors into a DataError."""
    if path.startswith(EMBEDDED):
        name = Path(path.removeprefix(EMBEDDED)).name  # a plain file name: it cannot leave the folder
        return importlib.resources.files("bikeml.table.datasets").joinpath(name).open("rb")
    if path.startswith(("http://", "https://", "file://")):
        reply: IO[bytes] = urllib.request.urlopen(path, timeout=DOWNLOAD_TIMEOUT_SECONDS)  # noqa: S310  the schemes are listed
        return reply
    return Path(path).expanduser().open("rb")


@contextmanager
def reading_errors(path: str) -> Iterator[None]:
    """Raise a DataError if the block cannot read the table at `path`."""
    shown = redact(path)
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"there is no table at {shown!r}; set data.path to a CSV file or a URL") from error
    except IsADirectoryError as error:
        raise DataError(f"{shown!r} is a folder; set data.path to a CSV file in it") from error
    except (OSError, ValueError, MemoryError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        reason = getattr(error, "reason", None) or error
        raise DataError(f"cannot read {shown!r}: {redact(str(reason) or type(error).__name__)}") from error


def parse_csv(content: bytes, data: DataConfig) -> pd.DataFrame:
    """Parse a CSV table, shape (n_rows, n_columns); raises DataError if the content is not one."""
    header = read_header(io.BytesIO(content), data)
    if len(header) == 1:
        raise DataError(
            f"{redact(data.path)} has one column, {show_cell(header[0])}, and needs two, a target and a feature"
            f"{suggest_separator(header[0], data)}"
        )
    with parsing_errors(data):
        frame = pd.read_csv(io.BytesIO(content), na_values=GAPS, **csv_options(data))
        return _with_categories_as_written(frame, content, data)


def csv_options(data: DataConfig) -> dict[str, Any]:
    """Return the arguments with which pandas reads the table at data.path; the caller adds its words for gaps."""
    return {"sep": data.separator, "encoding": data.encoding, "index_col": False, "keep_default_na": False}


@contextmanager
def parsing_errors(data: DataConfig) -> Iterator[None]:
    """Raise a DataError if pandas cannot parse the text at data.path in the block."""
    shown = redact(data.path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # mixed columns are reported cell by cell
            yield
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise DataError(f"{shown} is not a table: {reason}; fix the line, or set data.separator") from error
    except UnicodeError as error:
        raise _not_text(data, error) from error


def read_header(stream: BinaryIO, data: DataConfig) -> list[str]:
    """
    Return the column names of a CSV table as written: pandas would rename duplicates.

    Raises DataError if the content is not text, is empty, has no valid header, or has two columns of the same name.
    """
    shown = redact(data.path)
    content = stream.read(4096)
    stream.seek(0)
    is_wide = any(width in data.encoding for width in ("16", "32"))  # there every other byte may be 0
    if content.startswith((b"PK\x03\x04", b"PAR1", b"\x1f\x8b")) or (b"\x00" in content and not is_wide):
        raise DataError(f"{shown} is not a text file; save the table as CSV, or set data.encoding if it is UTF-16")
    try:
        text = io.TextIOWrapper(stream, encoding=data.encoding, newline="")
        first = next(text, "")
        text.detach()  # otherwise it would close the stream
    except UnicodeError as error:
        raise _not_text(data, error) from error
    if not first.strip():
        raise DataError(f"{shown} is empty; it needs a line of column names and rows below it")
    try:
        header = next(csv.reader([first.removeprefix("\ufeff")], delimiter=data.separator))
    except csv.Error as error:
        raise DataError(f"{shown} is not a table: line 1: {error}; set data.separator, or fix the header") from error
    check_names(header, data.path)
    return header


def check_names(names: Sequence[str], path: str) -> None:
    """Raise a DataError if two columns have the same name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{redact(path)} has columns of the same name: {twice}; rename all but one of each")


def suggest_separator(name: str, data: DataConfig) -> str:
    """Return advice for a table whose only column has this name: if the name holds a separator, set data.separator."""
    other = next((sign for sign in ",;\t|: " if sign in name.strip() and sign != data.separator), None)
    return f"; if its values are separated by {other!r}, set 'data.separator={json.dumps(other)}'" if other else ""


def _not_text(data: DataConfig, error: UnicodeError) -> DataError:
    return DataError(f"{redact(data.path)} is not {data.encoding}: {error}; set data.encoding, such as latin-1")


def _with_categories_as_written(frame: pd.DataFrame, content: bytes, data: DataConfig) -> pd.DataFrame:
    """
    Read the categorical columns of text again: every cell as text, and only empty cells as gaps.

    A word such as NA or None may be a category, and pandas takes 1 and 1.0 for the same number.
    """
    text = [name for name in data.roles["categorical"] if name in frame and not is_numeric_dtype(frame[name])]
    if not text:
        return frame
    cells = pd.read_csv(io.BytesIO(content), usecols=text, dtype=str, na_values=[""], **csv_options(data))
    return frame.assign(**{name: cells[name] for name in text})
