"""Read a table's file of any format: its names, its cells, and how it is written."""

import stat
import time
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from bikeml.config.data import DataConfig
from bikeml.config.fields import AUTO
from bikeml.errors import DataError
from bikeml.system.redaction import redact
from bikeml.system.spelling import did_you_mean, show, some
from bikeml.table.reading.cells import is_text
from bikeml.table.reading.dialect import Dialect, describe_dialect, find_dialect, named_columns
from bikeml.table.reading.encoding import open_as_utf8
from bikeml.table.reading.signs import find_signs
from bikeml.table.reading.source import EMBEDDED, STANDARD_INPUT, Source, open_source, reading_errors
from bikeml.table.reading.text import iter_text
from bikeml.table.reading.totals import leave_out_totals
from bikeml.table.reading.typed import open_excel, open_feather, open_parquet

ROWS_LOOKED_AT = 2_000  # for the signs in numbers
MISSING_SHOWN = 5
MOST_KEPT_BYTES = 2**28
SETTLED_NANOSECONDS = 100_000_000  # a file that has changed since may change again within the same tick of a clock


@dataclass(frozen=True)
class TableFile:
    """A whole table as its file has it."""

    cells: pa.Table
    """Of a text file every cell as text, an empty one as null; of another the file's types."""
    sha256: str
    """Of the bytes as stored."""
    data: DataConfig
    """With what was found by looking in the place of auto."""
    notes: tuple[str, ...]
    """What was found by looking, for a person."""


@dataclass(frozen=True)
class OpenTable:
    """A table's file, to be read in bounded memory."""

    names: tuple[str, ...]
    """Of all columns; each is another one."""
    schema: pa.Schema
    sha256: str
    data: DataConfig
    notes: tuple[str, ...]
    advice: str
    """What to set if a table of one column should have several."""
    copies: dict[str, list[str]]
    """New names of the further columns of one name."""
    iterate: Callable[[Sequence[str]], Generator[pa.Table, None, None]]

    def read(self, columns: Sequence[str]) -> Generator[pa.Table, None, None]:
        """Yield some rows of `columns` at a time; raises DataError if one is missing, or if it may be one of two."""
        present = {*self.names}
        missing = [name for name in columns if name not in present]
        if missing:
            raise DataError("\n".join([f"{redact(self.data.path)} lacks columns:", *say_missing(missing, self.names)]))
        self.refuse_twins({*columns}, {*columns} | named_columns(self.data))
        with reading_errors(self.data.path):
            yield from self.iterate(columns)

    def refuse_twins(self, wanted: set[str], known: set[str]) -> None:
        """Raise DataError if a wanted column has others of its name, unless these are known by their new names."""
        twins = {name: new for name, new in self.copies.items() if name in wanted and known.isdisjoint(new)}
        if twins:
            raise DataError(
                f"{redact(self.data.path)} has columns of the same name: [{some(sorted(twins))}]; rename all but one "
                f"of each, or list [{some([new for name in sorted(twins) for new in twins[name]])}] in data.ignored: "
                "so are the further ones called"
            )


_last: dict[Hashable, TableFile] = {}
"""The table that was read last, for the next cell of a sweep."""


def read_table_file(data: DataConfig) -> TableFile:
    """
    Read the table at data.path; a file of this machine that is as it was the last time is not read again.

    A line of totals at the end and empty columns without a name at the right are left out. Raises DataError if the file
    cannot be read, is not a table, or has one column.
    """
    key = _identify(data)
    if kept := _last.get(key):  # there is none for None
        return kept
    _last.clear()
    file = _read(data)
    if key is not None and key == _identify(data) and file.cells.nbytes <= MOST_KEPT_BYTES:
        _last[key] = file
    return file


def _identify(data: DataConfig) -> Hashable:
    """Return what tells a table and how it is read; None if it could change without a sign."""
    if data.path.startswith(EMBEDDED):
        return data.model_dump_json()
    if data.path == STANDARD_INPUT:
        return None
    try:
        found = Path(data.path).expanduser().stat()
    except (OSError, ValueError, RuntimeError):  # a URL, or what cannot be read
        return None
    changed = max(found.st_mtime_ns, found.st_ctime_ns)
    if not stat.S_ISREG(found.st_mode) or time.time_ns() - changed < SETTLED_NANOSECONDS:
        return None
    return data.model_dump_json(), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(data: DataConfig) -> TableFile:
    with open_table_file(data) as file:
        if len(file.names) == 1:
            raise DataError(
                f"{redact(data.path)} has one column, {show(file.names[0])}, and needs two, a target and a feature"
                f"{file.advice}"
            )
        file.refuse_twins(named_columns(data), named_columns(data))
        cells = pa.concat_tables([file.schema.empty_table(), *file.read(file.names)])
    unnamed = {f"column_{position}" for position in range(1, len(file.names) + 1)}
    while cells.num_columns > 1 and cells.column_names[-1] in unnamed and cells.column(-1).null_count == len(cells):
        cells = cells.remove_column(cells.num_columns - 1)
    cells, notes = leave_out_totals(cells, file.data)
    return TableFile(cells, file.sha256, file.data, (*file.notes, *notes))


@contextmanager
def open_table_file(data: DataConfig) -> Iterator[OpenTable]:
    """Open the table at data.path ("-" is the standard input), and find its names and how it is written."""
    with open_source(data.path) as source:
        if source.format != "text":
            yield _open_typed(source, data)
            return
        dialect = find_dialect(source.stream, data)
        with open_as_utf8(source.stream, dialect.encoding, data.path) as stream:
            yield _open_text(stream, dialect, source.sha256, data)


def _open_text(stream: BinaryIO, dialect: Dialect, sha256: str, data: DataConfig) -> OpenTable:
    names, copies, notes = name_columns(dialect.header, data)
    cells = dict(zip(names, zip(*_padded(dialect.rows[:ROWS_LOOKED_AT], len(names)), strict=True), strict=False))
    found = {"separator": dialect.separator, "encoding": dialect.encoding}
    signs, doubts = _find_signs(cells, data, separator=dialect.separator)
    told = [*describe_dialect(dialect, data), *_describe_signs(signs)]
    return OpenTable(
        tuple(names),
        pa.schema(dict.fromkeys(names, pa.string())),
        sha256,
        _updated(data, {**found, **signs}),
        (*_tell(told), *dialect.notes, *notes, *doubts),
        dialect.advice,
        copies,
        lambda columns: iter_text(stream, dialect, names, columns, data.path),
    )


def _open_typed(source: Source, data: DataConfig) -> OpenTable:
    if source.format == "excel":
        file = open_excel(source.stream, data)
    else:
        file = open_parquet(source.stream) if source.format == "parquet" else open_feather(source.stream)
    names, copies, notes = name_columns(file.header, data)

    def iterate(columns: Sequence[str]) -> Generator[pa.Table, None, None]:
        places = {name: place for place, name in enumerate(names)}
        for table in file.read([places[column] for column in columns]):
            yield table.rename_columns(list(columns))

    cells: dict[str, list[str]] = {}
    for table in islice(iterate(names), 1):
        first = table.slice(0, ROWS_LOOKED_AT)
        cells = {name: first[name].drop_null().to_pylist() for name in names if is_text(first[name].type)}
    signs, doubts = _find_signs(cells, data, separator="")
    notes = [*_tell(_describe_signs(signs)), *file.notes, *notes, *doubts]
    schema = pa.schema(list(zip(names, file.types, strict=True)))
    return OpenTable(tuple(names), schema, source.sha256, _updated(data, signs), tuple(notes), "", copies, iterate)


def _padded(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    return [[*row, *[""] * width][:width] for row in rows]


def _updated(data: DataConfig, found: dict[str, Any]) -> DataConfig:
    return data.model_copy(update={key: value for key, value in found.items() if getattr(data, key) == AUTO})


def _find_signs(cells: dict[str, Any], data: DataConfig, *, separator: str) -> tuple[dict[str, str | None], list[str]]:
    """Return the signs that are auto in `data`, and notes on those that remain in doubt."""
    if AUTO not in (data.decimal, data.thousands):
        return {}, []
    signs = find_signs(cells, data.decimal, data.thousands, is_quoted=separator == ",")
    found = {"decimal": signs.decimal, "thousands": signs.thousands}
    return {key: sign for key, sign in found.items() if getattr(data, key) == AUTO}, [signs.note] if signs.note else []


def _describe_signs(signs: dict[str, str | None]) -> list[str]:
    return [f"{key} {sign!r}" for key, sign in signs.items() if sign is not None and (key, sign) != ("decimal", ".")]


def _tell(found: Sequence[str]) -> list[str]:
    return [f"read as: {', '.join(found)}"] if found else []


def name_columns(header: Sequence[str], data: DataConfig) -> tuple[list[str], dict[str, list[str]], list[str]]:
    """
    Return one name for each column, the new names of further columns of one name, and notes on them.

    A column without a name is column_N by its position; blanks around a name count only if `data` names it with them.
    """
    listed = named_columns(data)
    wanted = [
        (name if name in listed else name.strip()) or f"column_{position}" for position, name in enumerate(header, 1)
    ]
    taken, names = {*wanted}, list[str]()
    copies: dict[str, list[str]] = {}
    seen: set[str] = set()
    for name in wanted:
        new = name if name not in seen else next(n for k in count(2) if (n := f"{name}_{k}") not in taken)
        if new != name:
            copies.setdefault(name, []).append(new)
        names.append(new)
        seen.add(name)
        taken.add(new)
    unnamed = [name for name, written in zip(names, header, strict=True) if not written.strip()]
    notes = []
    if copies:
        notes.append(
            f"columns of the same name are numbered: {some([new for twins in copies.values() for new in twins])}"
        )
    if unnamed:
        notes.append(f"columns without a name are called by their position: {some(unnamed)}")
    return names, copies, notes


def say_missing(missing: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return lines on the columns that a table with the columns `names` does not have."""
    lines = [f"  there is no column {show(name)}{did_you_mean(name, names)}" for name in missing[:MISSING_SHOWN]]
    more = len(missing) - MISSING_SHOWN
    return [*lines, f"  and {more:,} more of these are missing"] if more > 0 else lines
