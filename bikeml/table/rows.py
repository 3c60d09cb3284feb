"""Read rows for a fitted model in chunks, in bounded memory, and check them against the model's signature."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetFile

from bikeml.config.data import DataConfig
from bikeml.errors import DataError, ModelFileError, did_you_mean
from bikeml.system.redaction import redact
from bikeml.table.data import (
    GAPS,
    check_names,
    csv_options,
    open_table,
    parsing_errors,
    read_header,
    reading_errors,
    suggest_separator,
)
from bikeml.table.problems import as_numbers, describe_cells, find_non_numbers, show_cell, to_numbers

STANDARD_INPUT = "-"
ROWS_AT_ONCE = 50_000
VALUES_SHOWN = 5
NUMBERS, INTEGERS = ("double", "float", "long", "integer"), ("long", "integer")


class Chunk(NamedTuple):
    """Some rows of a table."""

    X: pd.DataFrame
    """The features, shape (n_rows, n_features); the index counts the rows of the whole table from 0."""
    key: pa.Array | None
    """The cells of the key, shape (n_rows,): of the column's type in Parquet, text in CSV; None without a key."""


def read_rows(data: DataConfig, inputs: Mapping[str, str], key: str | None = None) -> Generator[Chunk, None, None]:
    """
    Yield the rows of the CSV or Parquet table at data.path ("-" is the standard input) in chunks.

    Each chunk has the columns of `inputs` (names and MLflow's types) and of `key`, if it is given; other columns are
    left out. Raises DataError if the table cannot be read or has no rows, and at the first chunk that does not fit.
    """
    with reading_errors(data.path), _seekable(data.path) as stream:
        is_parquet = stream.read(4) == b"PAR1"
        stream.seek(0)
        if not is_parquet and data.path.endswith(".parquet"):
            raise DataError(f"{redact(data.path)!r} is not a Parquet file: it does not begin with PAR1; name another")
        read = _read_parquet if is_parquet else _read_csv
        with closing(read(stream, data, inputs, key)) as chunks:  # close the reader before the stream
            yield from _check(chunks, data, inputs)


@contextmanager
def _seekable(path: str) -> Iterator[BinaryIO]:
    """Open a table so that it can be read twice: copy a pipe or a download to a temporary file first."""
    if path == STANDARD_INPUT:
        source = sys.stdin.buffer
    else:
        source = cast("BinaryIO", open_table(path))
        if source.seekable():
            with source:
                yield source
            return
    with source, tempfile.TemporaryFile() as file:
        shutil.copyfileobj(source, file)
        file.seek(0)
        yield cast("BinaryIO", file)


def _read_csv(
    stream: BinaryIO, data: DataConfig, inputs: Mapping[str, str], key: str | None
) -> Generator[Chunk, None, None]:
    """Yield chunks of a CSV table; as in training, text cells stay as written and only empty ones are gaps."""
    header, columns = read_header(stream, data), _columns(inputs, key)
    _check_columns(header, columns, suggest_separator(header[0], data) if len(header) == 1 else "", data)
    stream.seek(0)
    text = [name for name in columns if inputs.get(name, "string") == "string"]
    with parsing_errors(data):
        reader = pd.read_csv(
            stream,
            dtype=dict.fromkeys(text, str),
            na_values={name: [""] if name in text else GAPS for name in columns},
            chunksize=ROWS_AT_ONCE,
            low_memory=False,
            **csv_options(data),
        )
    with reader:
        while True:
            with parsing_errors(data):
                chunk = next(reader, None)
            if chunk is None:
                return
            yield Chunk(chunk[list(inputs)], None if key is None else _as_text(chunk[key], inputs.get(key)))


def _as_text(column: pd.Series, kind: str | None) -> pa.Array:
    """Return a column of a CSV as text; a number that is an input of the model is written alike in every chunk."""
    spell: Callable[[object], str] = str
    if kind in INTEGERS and column.dtype.kind == "f":  # a chunk with gaps
        spell = "{:.0f}".format
    elif kind in NUMBERS and kind not in INTEGERS and column.dtype.kind in "iu":  # a chunk without fractions
        spell = "{:.1f}".format
    return pa.array(column.map(spell, na_action="ignore"), pa.string(), from_pandas=True)


def _read_parquet(
    stream: BinaryIO, data: DataConfig, inputs: Mapping[str, str], key: str | None
) -> Generator[Chunk, None, None]:
    """Yield chunks of a Parquet table."""
    file = ParquetFile(stream)
    columns, text = _columns(inputs, key), [name for name, kind in inputs.items() if kind == "string"]
    check_names(file.schema_arrow.names, data.path)
    _check_columns(file.schema_arrow.names, columns, "", data)
    first = 0
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns):
        X: pd.DataFrame = batch.select(list(inputs)).to_pandas(ignore_metadata=True)
        X.index = pd.RangeIndex(first, first + len(X))
        first += len(X)
        X = X.assign(**{name: X[name].astype(object).where(X[name].notna(), np.nan) for name in text})
        yield Chunk(X, None if key is None else batch.column(key))


def _columns(inputs: Mapping[str, str], key: str | None) -> list[str]:
    return [*inputs, *([key] if key is not None and key not in inputs else [])]


def _check_columns(present: Sequence[str], wanted: Sequence[str], advice: str, data: DataConfig) -> None:
    missing = [name for name in wanted if name not in present]
    if missing:
        lines = [f"  there is no column {name!r}{did_you_mean(name, present)}" for name in missing]
        raise DataError(
            f"{redact(data.path)} does not fit the model:\n" + "\n".join(lines) + f"\n  it has {list(present)}{advice}"
            f"\n  it needs {list(wanted)}"
        )


def _check(chunks: Iterator[Chunk], data: DataConfig, inputs: Mapping[str, str]) -> Iterator[Chunk]:
    """Yield the chunks with numbers of the model's types; raise a DataError at the first chunk that does not fit."""
    rows = 0
    for X, key in chunks:
        seen = f"rows {rows + 1:,} to {rows + len(X):,} of {redact(data.path)}"
        rows += len(X)
        checked = check_types(X, inputs, seen)
        if len(X):
            yield Chunk(checked, key)
    if rows == 0:
        raise DataError(f"{redact(data.path)} has no rows below its column names")


def check_types(rows: pd.DataFrame, inputs: Mapping[str, str], seen: str) -> pd.DataFrame:
    """Return rows with numbers of the model's types; raises DataError if a cell does not have its column's type."""
    problems = [line for name, kind in inputs.items() for line in _find_problems(rows[name], kind)]
    if problems:
        raise DataError(f"{seen} do not fit the model:\n" + "\n".join(f"  {problem}" for problem in problems))
    numbers = [name for name, kind in inputs.items() if kind in NUMBERS]
    return rows.assign(**{name: as_numbers(rows[name]) for name in numbers})


def _find_problems(column: pd.Series, kind: str) -> Iterator[str]:
    """Yield a line for the cells of a column that do not have the signature's type."""
    wanted = f"the model takes {kind} there; fix the cells"
    if kind in NUMBERS:
        yield from find_non_numbers(column, wanted)
    if kind in INTEGERS:
        numbers = to_numbers(column)
        yield from describe_cells("is not an integer", column, np.isfinite(numbers) & (numbers % 1 != 0), wanted)
    elif kind == "string":
        yield from describe_cells("is not text", column, column.notna() & ~_each_is(column, str), wanted)
    elif kind == "boolean":
        yield from describe_cells("is neither true nor false", column, ~_each_is(column, (bool, np.bool_)), wanted)
    elif kind not in NUMBERS:
        raise ModelFileError(
            f"the model takes {kind} in {column.name!r}; bikeml's models take numbers, text and booleans only"
        )


def _each_is(column: pd.Series, types: type | tuple[type, ...]) -> pd.Series:
    return pd.Series([isinstance(cell, types) for cell in column], column.index, dtype=bool)


class UnknownValues:
    """Collect the values that data.allowed does not list, over all chunks of a table; gaps do not count."""

    def __init__(self, allowed: Mapping[str, Sequence[object]]) -> None:
        self._allowed = allowed
        self._found: dict[str, dict[object, None]] = {}

    def look_at(self, X: pd.DataFrame) -> None:
        """Add the unknown values of a chunk, shape (n_rows, n_columns)."""
        for name in X.columns.intersection(list(self._allowed)):
            unknown = X[name][X[name].notna() & ~X[name].isin(self._allowed[name])]
            if len(unknown):
                self._found.setdefault(name, {}).update(dict.fromkeys(unknown.unique()))

    def describe(self) -> Iterator[str]:
        """Yield a line for each column with unknown values."""
        for name, found in self._found.items():
            yield f"{name} is {_some(found)} in some rows; data.allowed lists {_some(self._allowed[name])} only"


def _some(values: Collection[object]) -> str:
    more = f" and {len(values) - VALUES_SHOWN:,} more" if len(values) > VALUES_SHOWN else ""
    return ", ".join(map(show_cell, islice(values, VALUES_SHOWN))) + more
