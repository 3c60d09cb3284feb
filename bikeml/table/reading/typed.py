"""Read the files that know the types of their columns: Parquet, Feather and Excel."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from bikeml.config.data import DataConfig
from bikeml.errors import DataError
from bikeml.system.redaction import redact

ROWS_AT_ONCE = 50_000
CELLS_AT_ONCE = 1_000_000


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
    file = ParquetFile(stream)
    names = file.schema_arrow.names

    def read(positions: Sequence[int]) -> Generator[pa.Table, None, None]:
        is_unique = len({*names}) == len(names)
        columns = [names[position] for position in positions] if is_unique else None
        n_rows = max(1, min(ROWS_AT_ONCE, CELLS_AT_ONCE // max(1, len(columns or names))))
        for batch in file.iter_batches(n_rows, columns=columns):
            yield pa.Table.from_batches([batch]).select(columns or list(positions))

    return Typed(names, file.schema_arrow.types, read)


def open_feather(stream: BinaryIO) -> Typed:
    """Open a Feather or Arrow file, to be read one of its batches at a time."""
    file = pa.ipc.open_file(stream)

    def read(positions: Sequence[int]) -> Generator[pa.Table, None, None]:
        for i in range(file.num_record_batches):
            table = pa.Table.from_batches([file.get_batch(i)]).select(list(positions))
            table.validate(full=True)  # Arrow itself does not notice damage, and could read beyond the file
            yield table

    return Typed(file.schema.names, file.schema.types, read)


def open_excel(stream: BinaryIO, data: DataConfig) -> Typed:
    """Read the first sheet of an Excel file; raises DataError without openpyxl, an extra, and if it has no rows."""
    try:
        import openpyxl  # noqa: PLC0415  an extra
    except ImportError as error:
        raise DataError(
            f"{redact(data.path)} is an Excel file, which needs openpyxl; install it with: "
            "pip install 'bikeml[excel]', or save the table as CSV"
        ) from error
    try:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        sheets = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
        sheet = book[sheets[0]]
        sheet.reset_dimensions()  # some programs write wrong ones
        rows = [list(row) for row in sheet.iter_rows(values_only=True)][data.skip_rows :]
        book.close()
    except Exception as error:  # openpyxl has none of its own
        raise DataError(f"cannot read {redact(data.path)!r}: {error}; save it again, or as CSV") from error
    notes = [f"the first of {len(sheets)} sheets is read, {sheets[0]!r}"] if len(sheets) > 1 else []
    return _from_rows([row for row in rows if any(cell not in (None, "") for cell in row)], notes, data)


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
