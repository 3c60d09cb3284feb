"""Store a DataFrame as a Parquet file, which from then on is a table like any other."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import is_float_dtype
from pyarrow import parquet

from bikeml.errors import ConfigError, DataError, RunFolderError
from bikeml.records.run_folder import RESULT
from bikeml.records.sweep import SweepRecord
from bikeml.system.files import remove_if_empty, write_bytes
from bikeml.system.spelling import show, some
from bikeml.terminal.tables import show_notice

NAME = "frame-{}.parquet"
"""The name of a stored DataFrame, with the first digits of its sha256."""
DIGITS = 12
EXACT = 2.0**53
"""From here on floats do not tell two whole numbers apart."""
REFUSALS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeEncodeError)
"""What pyarrow raises for cells that it cannot store as they are."""


class ArrowTable(Protocol):
    """A table of a library that hands it over in Arrow's way: polars, pyarrow, duckdb."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a stream of its rows."""


def to_table(data: object) -> pa.Table:
    """
    Return the columns of a DataFrame of pandas, polars or pyarrow; the DataFrame stays as it is.

    Its index is left out. Raises ConfigError if it is no DataFrame, and DataError for columns or names that no table
    file can hold.
    """
    if isinstance(data, pd.DataFrame):
        columns: dict[str, Any] = dict(zip(_read_names(data.columns), _read_columns(data), strict=True))
    elif hasattr(data, "__arrow_c_stream__") and not isinstance(data, pd.Series):
        table = pa.table(data)
        columns = dict(zip(_read_names(table.column_names), table.columns, strict=True))
    else:
        raise ConfigError(_describe_other(data))
    table = pa.table({name: _use_plain_text(cells) for name, cells in columns.items()})
    if 0 in table.shape:
        raise DataError(f"the DataFrame is empty: its shape is {table.shape}; give one with rows and columns")
    return table


def list_categories(table: pa.Table) -> list[str]:
    """Return the columns whose type says that they are categories, even if these are numbers."""
    return [field.name for field in table.schema if pa.types.is_dictionary(field.type)]


def write_table(table: pa.Table, folder: Path) -> Path:
    """
    Write a table to a Parquet file in `folder`, which is named by its content, and return its path.

    Raises RunFolderError if it cannot be written.
    """
    content = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata(), content, compression="zstd")
    file = folder / NAME.format(_digest(content.getvalue()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            write_bytes(file, content.getvalue())
    except OSError as error:
        raise RunFolderError(
            f"cannot write the DataFrame to {str(folder)!r}: {error.strerror or error}; set hydra.run.dir, or "
            "hydra.sweep.dir of a sweep, to another folder"
        ) from error
    return file


@contextmanager
def kept(table: pa.Table, folder: Path) -> Iterator[Path]:
    """
    Yield the file of a table in the folder of a run or a sweep.

    If the block raises before the folder has a record that names the file, the file is removed; otherwise those of
    earlier runs in the folder are. Raises RunFolderError if it cannot be written.
    """
    before = set(_list_stored(folder))
    try:
        file = write_table(table, folder)
        yield file
    except BaseException:
        for new in {*_list_stored(folder)} - before:
            if not _is_recorded(new):
                new.unlink()
        remove_if_empty(folder)
        raise
    for earlier in before - {file}:
        earlier.unlink(missing_ok=True)


def _list_stored(folder: Path) -> Iterator[Path]:
    """Yield the stored tables in a folder: each has the name that its content gives it."""
    for file in folder.glob(NAME.format("*")):
        if file.name == NAME.format(_digest(file.read_bytes())):
            yield file


def _is_recorded(file: Path) -> bool:
    """Return whether the record of the run or the sweep beside a stored table names it."""
    records = (file.parent / name for name in (RESULT, SweepRecord.FILE))
    return any(file.name in record.read_text(encoding="utf-8") for record in records if record.is_file())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def _use_plain_text(cells: Any) -> Any:  # noqa: ANN401  pyarrow has no types
    """Return text of one type, whichever the library has: the same table is the same file."""
    kind = cells.type
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_large_string(values) or pa.types.is_string_view(values)):
        return cells
    return cells.cast(pa.dictionary(kind.index_type, pa.string()) if values is not kind else pa.string())


def _read_columns(frame: pd.DataFrame) -> Iterator[Any]:
    for position, name in enumerate(frame.columns):
        yield _read_cells(frame.iloc[:, position], str(name))


def _read_cells(column: pd.Series, name: str) -> Any:  # noqa: ANN401  pyarrow has no types
    """Return a column as pyarrow stores it: cells of several types as text, as in an Excel file."""
    try:
        if isinstance(column.dtype, pd.DatetimeTZDtype):  # pyarrow 25 reads it by what pandas 3.1 has deprecated
            moments, kind = column.dt.tz_convert(None).to_numpy(), column.dtype
            return pa.array(moments, pa.timestamp(kind.unit, tz=str(kind.tz)), from_pandas=True)
        return pa.array(_simplify(column), from_pandas=True)
    except REFUSALS as error:
        if column.dtype != object:
            raise _unfit(column, name, error) from error
    cells = [None if is_gap else str(cell) for cell, is_gap in zip(column, column.isna(), strict=True)]
    try:
        return pa.array(cells, pa.string())
    except REFUSALS as error:
        raise _unfit(column, name, error) from error


def _simplify(column: pd.Series) -> pd.Series:
    """Return a column of a type of pandas' own as one that other programs read too."""
    kind = column.dtype
    if isinstance(kind, pd.SparseDtype):
        column = pd.Series(column.to_numpy())
    elif isinstance(kind, pd.PeriodDtype):
        return pd.Series(pd.PeriodIndex(column).to_timestamp())
    elif isinstance(kind, pd.IntervalDtype):
        return column.astype("category").cat.rename_categories(str)
    elif isinstance(kind, pd.CategoricalDtype):
        names = dict(zip(kind.categories, _simplify_levels(kind.categories), strict=True))
        return column.astype(object).map(names).astype("category")
    return column.astype("Int64") if _is_whole(column) else column


def _simplify_levels(levels: pd.Index) -> pd.Index:
    if _is_whole(levels):
        return levels.astype("int64")
    is_plain = levels.dtype.kind in "iufbM" or levels.inferred_type == "string"
    return levels if is_plain else levels.map(str)


def _is_whole(values: "pd.Series | pd.Index") -> bool:
    """Return whether all floats are whole, as pandas makes them of integers with gaps: in text 1.0 is not 1."""
    if not is_float_dtype(values.dtype):
        return False
    known = values.dropna().to_numpy(dtype=float)
    return len(known) > 0 and bool(((known == np.floor(known)) & (np.abs(known) < EXACT)).all())


def _unfit(column: pd.Series, name: str, error: Exception) -> DataError:
    return DataError(
        f"column {show(name)} of type {column.dtype} cannot be stored: {str(error).splitlines()[0]}; make it numbers, "
        f"text or dates, or leave it out: data.drop(columns=[{name!r}])"
    )


def _read_names(names: "pd.Index | Sequence[str]") -> list[str]:
    """Return the names of the columns as text; raises DataError for names that are neither text nor whole numbers."""
    wrong = [name for name in names if isinstance(name, bool) or not isinstance(name, str | int | np.integer)]
    if wrong:
        how = '["_".join(map(str, name)) for name in data.columns]' if isinstance(wrong[0], tuple) else "[...]"
        raise DataError(
            f"a column has the name {show(wrong[0])}, and a name should be text; rename the columns: "
            f"data.columns = {how}"
        )
    texts = [str(name) for name in names]
    twins = [name for name, count in Counter(texts).items() if count > 1]
    if twins:
        raise DataError(f"several columns have the name {some(twins)}; rename them: data.columns = [...]")
    return texts


def index_of(data: object) -> "pd.Index[Any] | None":
    """Return the index of a DataFrame of pandas; None of anything else."""
    return data.index if isinstance(data, pd.DataFrame) else None


def tell_index(data: object) -> None:
    """Print a notice if the index of a DataFrame, which is left out, has a name or is not of whole numbers."""
    if not isinstance(data, pd.DataFrame):
        return
    index, names = data.index, [str(name) for name in data.index.names if name is not None]
    if names or index.dtype.kind not in "iu":
        what = f"the index {some(names)}" if names else "the index"
        show_notice(f"{what} of the DataFrame is left out; data.reset_index() makes it a column")


def _describe_other(data: object) -> str:
    kind, shape = type(data), getattr(data, "shape", None)
    what = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    advice = "write pandas.DataFrame(data, columns=[...])" if shape else "read it with pandas first"
    of_shape = f" of shape {shape}" if shape else ""
    return f"data is a {what}{of_shape}; it should be a DataFrame with named columns, or the path of a file; {advice}"
