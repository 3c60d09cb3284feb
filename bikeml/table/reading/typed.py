"""Read the files that know the types of their columns: Parquet, Feather and Excel."""

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from bikeml.config.data import DataConfig
from bikeml.errors import DataError
from bikeml.system.documents import MOST_EXPANSION
from bikeml.system.redaction import redact

ROWS_AT_ONCE = 50_000
CELLS_AT_ONCE = 1_000_000
FEW_BYTES = 200_000_000
"""The values of a file may take so much memory, or MOST_EXPANSION times its own size: a page can repeat one value."""
FEW_CELLS, CELLS_PER_BYTE = 1_000_000, 2
"""An Excel file may have so many cells, or so many for each byte: a cell in the last column is a row of 16,384."""


@dataclass(frozen=True)
class Typed:
    """The columns of a file by position, for two may have one name."""

    header: Sequence[str]
    """The names as written."""
    types: Sequence[pa.DataType]
    read: Callable[[Sequence[int]], Generator[pa.Table, None, None]]
    """Yield the columns at these positions, some rows at a time."""
    notes: Sequence[str] = ()


def open_parquet(stream: BinaryIO) -> Typed:
    """Open a Parquet file, to be read in bounded memory."""
    at_most = max(FEW_BYTES, MOST_EXPANSION * _find_size(stream))
    file = ParquetFile(stream)
    names = file.schema_arrow.names

    def read(positions: Sequence[int]) -> Generator[pa.Table, None, None]:
        is_unique = len({*names}) == len(names)
        columns = [names[position] for position in positions] if is_unique else None
        n_rows = max(1, min(ROWS_AT_ONCE, CELLS_AT_ONCE // max(1, len(columns or names))))
        batches = file.iter_batches(n_rows, columns=columns)
        tables = (pa.Table.from_batches([batch]).select(columns or list(positions)) for batch in batches)
        yield from _bounded(tables, at_most)

    return Typed(names, file.schema_arrow.types, read)


def open_feather(stream: BinaryIO) -> Typed:
    """Open a Feather or Arrow file, to be read one of its batches at a time."""
    at_most = max(FEW_BYTES, MOST_EXPANSION * _find_size(stream))
    file = pa.ipc.open_file(stream)

    def read(positions: Sequence[int]) -> Generator[pa.Table, None, None]:
        batches = map(file.get_batch, range(file.num_record_batches))
        for table in _bounded((pa.Table.from_batches([batch]).select(list(positions)) for batch in batches), at_most):
            table.validate(full=True)  # Arrow itself does not notice damage, and could read beyond the file
            yield table

    return Typed(file.schema.names, file.schema.types, read)


def _bounded(tables: Iterable[pa.Table], at_most: int) -> Generator[pa.Table, None, None]:
    """Yield the tables as long as they take little memory for the size of their file."""
    n_bytes = 0
    for table in tables:
        n_bytes += max(table.nbytes, table.num_rows * table.num_columns)
        if n_bytes > at_most:
            raise ValueError(f"its values take more than {at_most:,} bytes, which few tables of its size do; write CSV")
        yield table


def _find_size(stream: BinaryIO) -> int:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return size


def open_excel(stream: BinaryIO, data: DataConfig) -> Typed:
    """Read the first sheet of an Excel file; raises DataError without openpyxl, an extra, and if it has no rows."""
    try:
        import openpyxl  # noqa: PLC0415  an extra
    except ImportError as error:
        raise DataError(
            f"{redact(data.path)} is an Excel file, which needs openpyxl; install it with: "
            "pip install 'bikeml[excel]', or save the table as CSV"
        ) from error
    size = _find_size(stream)
    try:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        sheets = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
        sheet = book[sheets[0]]
        sheet.reset_dimensions()  # some programs write wrong ones
        rows = _read_cells(sheet, max(FEW_CELLS, CELLS_PER_BYTE * size))[data.skip_rows :]
        book.close()
    except Exception as error:  # openpyxl has none of its own
        raise DataError(f"cannot read {redact(data.path)!r}: {error}; save it again, or as CSV") from error
    notes = [f"the first of {len(sheets)} sheets is read, {sheets[0]!r}"] if len(sheets) > 1 else []
    return _from_rows([row for row in rows if any(cell not in (None, "") for cell in row)], notes, data)


def _read_cells(sheet: Any, at_most: int) -> list[list[Any]]:  # noqa: ANN401  openpyxl has no types
    rows, n_cells = [], 0
    for row in sheet.iter_rows(values_only=True):
        n_cells += 1 + len(row)
        if n_cells > at_most:
            raise ValueError(f"it has more than {at_most:,} cells, most of them empty")
        rows.append(list(row))
    return rows


def _from_rows(rows: list[list[Any]], notes: list[str], data: DataConfig) -> Typed:
    if not rows:
        raise DataError(f"{redact(data.path)} is empty; it needs a line of column names and rows below it")
    width = max(
        len(row) - next((i for i, cell in enumerate(reversed(row)) if cell is not None), len(row)) for row in rows
    )
    rows = [(row + [None] * width)[:width] for row in rows]
    header = ["" if name is None else _as_text(name) for name in rows[0]] if data.header else []
    columns = list(zip(*rows[bool(header) :], strict=True)) or [()] * width
    arrays = [_as_column(cells) for cells in columns]

    def read(positions: Sequence[int]) -> Generator[pa.Table, None, None]:
        yield pa.table([arrays[i] for i in positions], names=[str(i) for i in positions])

    header = header or [f"column_{i}" for i in range(1, width + 1)]
    return Typed(header, [array.type for array in arrays], read, notes)


def _as_column(cells: Sequence[Any]) -> pa.Array:
    """Return cells of one type as they are, and cells of several as text."""
    filled = [None if cell == "" else cell for cell in cells]
    try:
        return pa.array(filled)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if cell is None else _as_text(cell) for cell in filled], pa.string())


def _as_text(cell: object) -> str:
    return cell.isoformat() if isinstance(cell, (datetime, date, time)) else str(cell)
