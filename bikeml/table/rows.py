"""Read rows for a fitted model in chunks, in bounded memory, and check them against the model's signature."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from bikeml.config.data import DataConfig
from bikeml.errors import DataError, ModelFileError
from bikeml.system.redaction import redact
from bikeml.system.spelling import some
from bikeml.table.column import Column, as_category, show_cell
from bikeml.table.faults import Fault, tell
from bikeml.table.problems import NAMES_SHOWN, find_non_numbers
from bikeml.table.reading.cells import to_numbers
from bikeml.table.reading.source import STANDARD_INPUT
from bikeml.table.reading.table_file import OpenTable, open_table_file, say_missing

__all__ = ["STANDARD_INPUT", "Chunk", "UnknownValues", "check_types", "read_rows"]
ROWS_AT_ONCE = 50_000
VALUES_SHOWN, MOST_VALUES = 5, 1_000
BOOLEANS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}
"""As pandas reads them."""
NUMBERS, INTEGERS = ("double", "float", "long", "integer"), ("long", "integer")


class Chunk(NamedTuple):
    """Some rows of a table."""

    X: pd.DataFrame
    """The features, shape (n_rows, n_features); the index counts the rows of the whole table from 0."""
    key: pa.Array | None
    """The cells of the key, shape (n_rows,): of the column's type in Parquet, text in CSV; None without a key."""


class OtherTableError(DataError):
    """The rows lack most columns of the model: they are of another table."""

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.names = tuple(names)
        """The columns of the rows."""


def read_rows(data: DataConfig, inputs: Mapping[str, str], key: str | None = None) -> Generator[Chunk, None, None]:
    """
    Yield the rows of the table at data.path ("-" is the standard input) in chunks.

    Each chunk has the columns of `inputs` (names and MLflow's types) and of `key`, if it is given; other columns are
    left out. `data` says how the file is written. Raises DataError if the table cannot be read or has no rows, and at
    the first chunk that does not fit; OtherTableError if most columns are missing.
    """
    wanted = [*inputs, *([key] if key is not None and key not in inputs else [])]
    first = 0
    # the header is read as it was for the training table, whose columns were named
    with open_table_file(data.model_copy(update={"numeric": list(inputs)})) as file:
        _check_names(file, wanted, data)
        for cells in _slice(file.read(wanted)):
            seen = f"rows {first + 1:,} to {first + cells.num_rows:,} of {redact(data.path)}"
            index = pd.RangeIndex(first, first + cells.num_rows)
            columns = [_parse(cells[name], name, kind, data, index) for name, kind in inputs.items()]
            first += cells.num_rows
            yield Chunk(_check(columns, inputs, seen), None if key is None else cells[key].combine_chunks())
    if first == 0:
        raise DataError(f"{redact(data.path)} has no rows below its column names")


def _slice(batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            yield batch.slice(start, ROWS_AT_ONCE)


def _check_names(file: OpenTable, wanted: Sequence[str], data: DataConfig) -> None:
    missing = [name for name in wanted if name not in file.names]
    if missing:
        told = (
            f"{redact(data.path)} does not fit the model:\n" + "\n".join(say_missing(missing, file.names)) + "\n"
            f"  it has [{some(file.names, NAMES_SHOWN)}]{file.advice}\n  it needs [{some(wanted, NAMES_SHOWN)}]"
        )
        is_other = 2 * len(missing) > len(wanted) and not file.advice
        raise OtherTableError(told, file.names) if is_other else DataError(told)


def check_types(rows: pd.DataFrame, inputs: Mapping[str, str], data: DataConfig, seen: str) -> pd.DataFrame:
    """Return the rows of a JSON request with the model's types; raises DataError if a cell does not have its type."""
    columns = []
    for name, kind in inputs.items():
        cells, values = pa.chunked_array([pa.array(rows[name].map(_spell), pa.string())]), rows[name].astype(object)
        if kind in NUMBERS:
            columns.append(_parse(cells, name, kind, data, rows.index))
        else:
            is_wrong = np.array([not isinstance(cell, str | float | None) for cell in values]) & (kind == "string")
            columns.append(Column(name, cells, values.where(values.notna(), np.nan), is_wrong, data))
    return _check(columns, inputs, seen)


def _spell(cell: object) -> str | None:
    return None if cell is None or cell != cell else str(cell)  # noqa: PLR0124  NaN differs from itself


def _parse(cells: pa.ChunkedArray, name: str, kind: str, data: DataConfig, index: pd.Index) -> Column:
    """Return a column of one of MLflow's types."""
    wrong = np.zeros(len(cells), dtype=bool)
    if kind in NUMBERS:
        values, wrong = to_numbers(cells, data, name)
    elif kind == "string":
        values = as_category(cells, data, name)
    elif kind == "boolean":
        values = cells.to_pandas().replace(BOOLEANS)
    else:
        raise ModelFileError(
            f"the model takes {kind} in {name!r}; bikeml's models take numbers, text and booleans only"
        )
    return Column(name, cells, values.set_axis(index), wrong, data)


def _check(columns: Sequence[Column], inputs: Mapping[str, str], seen: str) -> pd.DataFrame:
    problems = tell(fault for column in columns for fault in _find_problems(column, inputs[column.name]))
    if problems:
        raise DataError(f"{seen} do not fit the model:\n" + "\n".join(f"  {problem}" for problem in problems))
    return pd.DataFrame({column.name: _cast(column.parsed, inputs[column.name]) for column in columns})


def _cast(values: pd.Series, kind: str) -> pd.Series:
    """Return whole numbers as such for a model that was recorded with them, unless there are gaps."""
    return values.astype("int64") if kind in INTEGERS and not values.isna().any() else values


def _find_problems(column: Column, kind: str) -> Iterator[Fault]:
    """Yield a fault for the cells of a column that do not have the signature's type."""
    wanted = f"the model takes {kind} there; fix the cells"
    if kind in NUMBERS:
        yield from find_non_numbers(column, wanted, offers_gap=False)
    if kind in INTEGERS:
        fractions = np.isfinite(column.parsed) & (column.parsed % 1 != 0)
        yield from column.describe("is not an integer", fractions.to_numpy(), wanted)
    elif kind == "string":
        yield from column.describe("is not text", column.wrong, wanted)
    elif kind == "boolean":
        wrong = np.array([not isinstance(cell, bool) for cell in column.parsed], dtype=bool)
        yield from column.describe("is neither true nor false", wrong, wanted)


class UnknownValues:
    """
    Collect the values of columns that are not among the allowed ones, over all chunks of a table; gaps do not count.

    `who` says in the description whose these are.
    """

    def __init__(self, allowed: Mapping[str, Sequence[object]], who: str = "data.allowed lists") -> None:
        self._allowed, self._who = allowed, who
        self._found: dict[str, dict[object, None]] = {}

    def look_at(self, X: pd.DataFrame) -> None:
        """Add the unknown values of a chunk, shape (n_rows, n_columns)."""
        for name in X.columns.intersection(list(self._allowed)):
            allowed = {*self._allowed[name], *(map(str, self._allowed[name]) if X[name].dtype == object else ())}
            unknown = X[name][X[name].notna() & ~X[name].isin(allowed)]
            if len(unknown) and len(found := self._found.setdefault(name, {})) < MOST_VALUES:
                found.update(dict.fromkeys(unknown.unique()))

    def describe(self) -> Iterator[str]:
        """Yield a line for each column with unknown values."""
        for name, found in self._found.items():
            unknown, allowed = some(found, VALUES_SHOWN, show_cell), some(self._allowed[name], VALUES_SHOWN)
            yield f"{name} is {unknown} in some rows; {self._who} {allowed} only"
