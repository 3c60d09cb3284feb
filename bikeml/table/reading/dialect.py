"""Find how a text file is written by looking at its beginning: its separator, its names, and the lines above them."""

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from bikeml.config.data import DataConfig
from bikeml.config.fields import AUTO
from bikeml.errors import DataError
from bikeml.system.redaction import redact
from bikeml.table.reading.encoding import find_encoding, not_text, refuse_binary

SAMPLE_BYTES = 2**20
ROWS_COMPARED = 300  # to choose the separator
LIKELY = 0.5  # a separator with a higher score is not doubted
MAX_NAME = 131_072  # characters, the limit of Python's csv module
MAX_CELL = 2**26
SEPARATORS = ",;\t|"
EMPTY = f"{SEPARATORS} \r\n"  # the characters of a line without names, as a spreadsheet has above its table
NUMBERS_WITH_COMMAS = re.compile(r"[^\w,]*\d[\d.]*(,\d+)+[^\d,]{0,5}")
EXCEL_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
NUMBER = re.compile(r"[-+]?[\d.,]*\d([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """How a text file is written."""

    encoding: str
    separator: str
    skips_blanks: bool
    """Blanks after a separator do not count; if the separator is a blank, several are one."""
    header: Sequence[str]
    """The names as written; without a header, column_1, column_2, ..."""
    lines_above: int
    """Lines above the first row, the header among them."""
    offset: int
    """The byte where the first row begins, if the text is written as UTF-8."""
    rows: Sequence[Sequence[str]]
    """The first rows."""
    notes: Sequence[str]
    advice: str
    """What to set if the header has one cell only; empty if nothing is likely."""


def find_dialect(stream: BinaryIO, data: DataConfig) -> Dialect:
    """
    Return how the text in `stream` is written; what `data` states is not looked for.

    Raises DataError if it is not text, is empty, or has no valid header.
    """
    csv.field_size_limit(MAX_CELL)  # of this process; the module's own limit refuses long texts
    refuse_binary(stream, data)
    encoding = find_encoding(stream, data.path) if data.encoding == AUTO else data.encoding
    lines, mark = _read_lines(stream, encoding, data)
    above, separator, notes = _find_start(lines, data)
    if above >= len(lines):
        raise DataError(f"{redact(data.path)} is empty; it needs a line of column names and rows below it")
    skips_blanks = _skips_blanks(lines[above:], separator, data)
    header, rows, n_lines = _split_header(lines[above:], separator, skips_blanks=skips_blanks, data=data)
    if data.header and rows and all(NUMBER.fullmatch(name) for name in header):
        notes.append("every column name is a number; if the first line is a row, set data.header=false")
    return Dialect(
        encoding=encoding,
        separator=separator,
        skips_blanks=skips_blanks,
        header=header,
        lines_above=above + n_lines,
        offset=mark + len("".join(lines[: above + n_lines]).encode("utf-8")),
        rows=rows,
        notes=notes,
        advice=_advise(lines, header[0], above + n_lines, separator) if len(header) == 1 else "",
    )


def _read_lines(stream: BinaryIO, encoding: str, data: DataConfig) -> tuple[list[str], int]:
    """Return the first lines with their ends, and the length of the byte order mark."""
    stream.seek(0)
    content = stream.read(SAMPLE_BYTES)
    is_whole = not stream.read(1)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(content, final=is_whole)
    except UnicodeError as error:
        raise not_text(data.path, encoding, error) from error
    mark = len(codecs.BOM_UTF8) if text.startswith("\ufeff") else 0
    lines = list(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    return lines if is_whole or len(lines) == 1 else lines[:-1], mark  # the last one is cut off


def _find_start(lines: list[str], data: DataConfig) -> tuple[int, str, list[str]]:
    """Return the number of lines above the header, the separator, and notes."""
    above = _skip_empty(lines, data.skip_rows, EMPTY if data.header else None)
    stated = EXCEL_SEPARATOR.fullmatch(lines[above]) if above < len(lines) else None
    above = _skip_empty(lines, above + bool(stated), EMPTY if data.header else None)
    below = above
    while below < len(lines) and lines[below].startswith("#"):
        below = _skip_empty(lines, below + 1)
    separator = data.separator if data.separator != AUTO else stated[1] if stated else _find_separator(lines[below:])
    if below > above and _is_header(lines[below - 1 : below + 1], separator):
        below -= 1
    n_comments = below - above
    return below, separator, [f"lines of comments above the header: {n_comments}"] if n_comments else []


def _skip_empty(lines: Sequence[str], start: int, empty: str | None = None) -> int:
    """Return the next line that has other characters than those of `empty`; None: blanks."""
    return next((i for i in range(start, len(lines)) if lines[i].strip(empty)), len(lines))


def _is_header(lines: list[str], separator: str) -> bool:
    """Tell whether the last line that begins with # names the columns: it has a name for each cell of numbers below."""
    if len(lines) < 2 or not lines[0].startswith("#"):  # noqa: PLR2004  the line and the one below it
        return False
    (names,), (cells,) = (parse([line], separator) for line in lines)
    return len(names) == len(cells) > 1 and any(NUMBER.fullmatch(cell.strip()) for cell in cells)


def parse(lines: Sequence[str], separator: str, *, skips_blanks: bool = True) -> list[list[str]]:
    """Return the cells of the first lines, without empty rows."""
    rows = csv.reader(lines, delimiter=separator, skipinitialspace=skips_blanks)
    return [row for row in rows if row]


def _find_separator(lines: list[str]) -> str:
    """Return the separator that gives rows of one length, and cells without other separators."""
    first = lines[:ROWS_COMPARED]
    scores = {separator: _score(parse(first, separator), separator) for separator in SEPARATORS}
    best = max(scores, key=lambda separator: scores[separator])
    if first and scores[best] < LIKELY and _is_separated_by_blanks([line.rstrip(" \r\n") + "\n" for line in first]):
        return " "
    return best if scores[best] else ","


def _is_separated_by_blanks(lines: list[str]) -> bool:
    """Tell whether each row has the same number of words, or of cells between single blanks."""
    words, cells = (parse(lines, " ", skips_blanks=skips) for skips in (True, False))
    if lines[0].startswith("<") or len(words[0]) == 1:  # a page, or a title
        return False
    return any(len({len(row) for row in rows}) == 1 for rows in (words, cells)) or _has_row_names(words[0], words[1:])


def _score(rows: list[list[str]], separator: str) -> float:
    """Return how likely a separator is, from 0 to a little over 1."""
    if not rows:
        return 0
    width, n_equal = Counter(map(len, rows)).most_common(1)[0]
    if width == 1:
        return 0
    others = {*SEPARATORS} - {separator}
    cells = [cell for row in rows for cell in row]
    n_clean = sum(others.isdisjoint(cell) or bool(NUMBERS_WITH_COMMAS.fullmatch(cell)) for cell in cells)
    has_header = width - 1 <= len(rows[0]) <= width  # a row may end with a separator
    return n_equal / len(rows) * n_clean / len(cells) * (1 if has_header else 0.5) + width * 1e-9


def _skips_blanks(lines: list[str], separator: str, data: DataConfig) -> bool:
    """Tell whether blanks after a separator are left out: not if columns are named with them, as YAML once did."""
    if separator == " ":
        return len({len(row) for row in parse(lines[:ROWS_COMPARED], " ", skips_blanks=False)}) > 1
    return not any(name.startswith(" ") for name in named_columns(data))


def named_columns(data: DataConfig) -> set[str]:
    """Return the columns that any list of `data` names."""
    return {*data.allowed, *(name for names in data.roles.values() for name in names)}


def _split_header(
    lines: list[str], separator: str, *, skips_blanks: bool, data: DataConfig
) -> tuple[list[str], list[list[str]], int]:
    """Return the column names, the first rows, and the number of lines that the names take."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=skips_blanks)
    try:
        header = next(reader) if data.header else []
        n_lines = reader.line_num
        rows = [row for row in islice(reader, SAMPLE_BYTES) if row]
    except csv.Error as error:
        raise DataError(f"{redact(data.path)} is not a table: {error}; set data.separator, or fix the line") from error
    if any(len(name) > MAX_NAME for name in header):
        reason = f"line 1: field larger than field limit ({MAX_NAME})"
        raise DataError(f"{redact(data.path)} is not a table: {reason}; set data.separator, or fix the header")
    if separator == " " and len(header) > 1 and not header[-1]:
        header.pop()  # blanks at the end of the line
    if _has_row_names(header, rows):
        header.insert(0, "")
    if not data.header:
        header = [f"column_{i}" for i in range(1, len(rows[0]) + 1)]
    return header, rows, n_lines


def _has_row_names(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether R wrote the names or numbers of the rows first, for which the header has no name."""
    first = [row[0] for row in rows]
    if not header or len(rows) < 2 or any(len(row) != len(header) + 1 for row in rows):  # noqa: PLR2004  one says little
        return False
    if not any(row[-1] for row in rows):  # each row ends with a separator
        return False
    are_numbers = first == [str(number) for number in range(1, len(rows) + 1)]
    return are_numbers or (len({*first}) == len(rows) and not any(NUMBER.fullmatch(name) for name in first))


def _advise(lines: Sequence[str], name: str, start: int, separator: str) -> str:
    """Return advice for a header of one cell: another separator, or a title to skip if a line below has several."""
    other = next((sign for sign in SEPARATORS if sign in name.strip() and sign != separator), None)
    several = (i for i in range(start, len(lines)) if any(len(row) > 1 for row in parse(lines[i : i + 1], separator)))
    line = None if other else next(several, None)
    if line is not None:
        return f"; if line {line + 1} has the column names, set data.skip_rows={line}"
    other = other or (" " if " " in name.strip() and separator != " " else None)
    return f"; if its values are separated by {other!r}, set 'data.separator={json.dumps(other)}'" if other else ""


def describe_dialect(dialect: Dialect, data: DataConfig) -> Iterator[str]:
    """Yield what was found by looking and is not usual."""
    if data.separator == AUTO and dialect.separator != ",":
        yield f"separator {dialect.separator!r}"
    if data.encoding == AUTO and dialect.encoding != "utf-8":
        yield f"encoding {dialect.encoding!r}"
