"""Turn a text file into Arrow columns of text: pyarrow reads what is regular, Python's csv module the rest."""

import csv
import io
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from bikeml.errors import DataError
from bikeml.system.redaction import redact
from bikeml.table.reading.dialect import SEPARATORS, Dialect
from bikeml.table.reading.encoding import not_text

BLOCK_BYTES = 2**20
ROWS_AT_ONCE = 50_000
CELLS_AT_ONCE = 1_000_000
END = "\x04"  # of transmission; the cells of a row that is put below the last one, to see if a quote swallows it


def iter_text(
    stream: BinaryIO, dialect: Dialect, names: Sequence[str], columns: Sequence[str], path: str
) -> Generator[pa.Table, None, None]:
    """
    Yield `columns` of the rows below the header in bounded memory; every cell is text, and an empty one is null.

    `stream` is UTF-8, and `names` are those of all columns. Short rows are filled with nulls. Raises DataError at a row
    that is longer, and at bytes that are not UTF-8.
    """
    n_read = 0
    shape = _find_shape(stream, dialect)
    if shape != "irregular":
        try:
            for table in _read_fast(stream, dialect, names, columns):
                n_read += len(table)
                yield _trim(table) if shape == "padded" else table
        except pa.ArrowInvalid:
            pass  # a short or long row, or broken text: the careful reader fills it, or tells the line
        else:
            return
    yield from _as_tables(islice(_read_rows(stream, dialect, len(names), path), n_read, None), names, columns)


def _find_shape(stream: BinaryIO, dialect: Dialect) -> Literal["regular", "padded", "irregular"]:
    """
    Tell how pyarrow can read the cells as Python's csv module does; looks at every byte.

    A padded text is regular but for blanks at the beginning of cells, none of which are in quotes or before one.
    """
    if not dialect.separator.isascii() or dialect.separator == " ":
        return "irregular"
    pads = [mark + b" " for mark in (dialect.separator.encode(), b"\n", b"\r")] if dialect.skips_blanks else []
    stream.seek(dialect.offset)
    before, is_padded, has_quotes_at_blanks = b"\n", False, False
    while piece := stream.read(2**20):
        seen = before + piece
        if b"\0" in piece:
            return "irregular"
        is_padded = is_padded or any(pad in seen for pad in pads)
        has_quotes_at_blanks = has_quotes_at_blanks or b' "' in seen or b'" ' in seen
        if is_padded and has_quotes_at_blanks:
            return "irregular"
        before = piece[-1:]
    return "padded" if is_padded else "regular"


def _read_fast(
    stream: BinaryIO, dialect: Dialect, names: Sequence[str], columns: Sequence[str]
) -> Generator[pa.Table, None, None]:
    """Yield the columns; raises ArrowInvalid at a row of another length, and if the last quote is not closed."""
    stream.seek(dialect.offset)
    last_row = dialect.separator.join([END] * len(names))
    joined = _Joined(stream, io.BytesIO(f"\n{last_row}\n".encode()))
    try:
        yield from _read_batches(joined, dialect, names, columns)
    finally:
        joined.leave()


def _read_batches(
    stream: io.RawIOBase, dialect: Dialect, names: Sequence[str], columns: Sequence[str]
) -> Generator[pa.Table, None, None]:
    reader = arrow_csv.open_csv(
        stream,
        read_options=arrow_csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES),
        parse_options=arrow_csv.ParseOptions(delimiter=dialect.separator, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    held = reader.read_next_batch()
    for batch in reader:
        if len(batch):
            yield pa.Table.from_batches([held])
            held = batch
    if held.column(0)[-1].as_py() != END:
        raise pa.ArrowInvalid("a quote is not closed")
    yield pa.Table.from_batches([held.slice(0, len(held) - 1)])


class _Joined(io.RawIOBase):
    """Streams one after another; the first ones stay open."""

    def __init__(self, *streams: BinaryIO) -> None:
        self._streams = streams
        self._lock = Lock()

    def leave(self) -> None:
        """Read no more: pyarrow's thread reads ahead, and goes on after an error while others use the stream."""
        with self._lock:
            self._streams = ()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  as io declares it
        """Read some bytes of the first stream that has any."""
        with self._lock:
            piece = next((piece for stream in self._streams if (piece := stream.read(len(buffer)))), b"")
        buffer[: len(piece)] = piece
        return len(piece)


class _Lines(Iterator[str]):
    """The lines of a text, which know when they are at their end."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.are_over = False

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.are_over = True
            raise StopIteration
        return line


def _read_rows(stream: BinaryIO, dialect: Dialect, width: int, path: str) -> Generator[list[str], None, None]:
    """Yield the rows below the header, each with `width` cells."""
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")  # with or without a mark
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=dialect.separator, skipinitialspace=dialect.skips_blanks)
    try:
        for _ in islice(lines, dialect.lines_above):
            pass
        for row in reader:
            line = dialect.lines_above + reader.line_num
            if lines.are_over:  # only a quote that is not closed makes the reader ask for more lines within a row
                raise _not_a_table(path, f"line {line}: EOF inside string, a quote is not closed")
            if any("\0" in cell for cell in row):
                raise _not_a_table(path, f"line {line} has a NUL character, as a damaged file has")
            if len(row) == width:
                yield row
            elif any(cell.strip() for cell in row) or len(row) > 1:
                yield _fit(row, width, line, path, is_first=line == dialect.lines_above + 1)
    except csv.Error as error:
        raise _not_a_table(path, f"line {dialect.lines_above + reader.line_num}: {error}") from error
    except UnicodeError as error:
        raise not_text(path, "utf-8", error) from error
    finally:
        text.detach()  # otherwise it would close the stream


def _fit(row: list[str], width: int, line: int, path: str, *, is_first: bool) -> list[str]:
    """Return a row of `width` cells: fill a short one, and cut empty cells off a long one."""
    other = next((sign for sign in SEPARATORS if len(row) == 1 and row[0].count(sign) == width - 1 > 0), None)
    if other:
        raise _not_a_table(path, f"the cells of line {line} are separated by {other!r}, and those of others are not")
    if any(row[width:]):
        advice = f"set data.skip_rows={line - 1} if it has the column names, " if is_first else ""
        raise _not_a_table(path, f"line {line} has {len(row)} cells, and the header has {width}", advice)
    return row[:width] + [""] * (width - len(row))


def _not_a_table(path: str, reason: str, advice: str = "") -> DataError:
    return DataError(f"{redact(path)} is not a table: {reason}; {advice}fix the line, or set data.separator")


def _as_tables(
    rows: Iterator[list[str]], names: Sequence[str], columns: Sequence[str]
) -> Generator[pa.Table, None, None]:
    places = {name: place for place, name in enumerate(names)}
    n_rows = max(1, min(ROWS_AT_ONCE, CELLS_AT_ONCE // len(names)))
    while batch := list(islice(rows, n_rows)):
        cells = list(zip(*batch, strict=True))
        yield pa.table(
            [_as_cells(pa.array(cells[places[column]], pa.string())) for column in columns], names=list(columns)
        )


def _trim(table: pa.Table) -> pa.Table:
    return pa.table([_as_cells(pc.utf8_ltrim(column, " ")) for column in table.columns], names=table.column_names)


def _as_cells(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
