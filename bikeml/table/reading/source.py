"""Open the file of a table, wherever it is and however it is compressed, and tell its format by its first bytes."""

import bz2
import gzip
import hashlib
import importlib.resources
import lzma
import re
import shutil
import sys
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from io import BufferedReader
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Literal, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from zipfile import BadZipFile, ZipFile

from bikeml.errors import DataError
from bikeml.system.documents import MOST_EXPANSION, open_stream
from bikeml.system.redaction import redact
from bikeml.system.spelling import did_you_mean, some

DOWNLOAD_TIMEOUT_SECONDS = 60
MOST_EXPANDED_BYTES = 20_000_000
"""A compressed table may hold so many bytes, or :data:`MOST_EXPANSION` times its own size."""
EMBEDDED = "pkg://bikeml.datasets/"
"""The prefix of the embedded tables in data.path. No other package may be named: to import it would run its code."""
STANDARD_INPUT = "-"

Format = Literal["text", "parquet", "feather", "excel"]
FORMATS: dict[str, Format] = {r"PAR1(?![,;\t| \r\n\"])": "parquet", r"ARROW1\0": "feather"}
"""By the first bytes: PAR1 followed by a separator is the name of a column."""
COMPRESSED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh91AY": bz2.open, b"\xfd7zXZ": lzma.open}
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
CONTENT_TYPES = "[Content_Types].xml"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second is empty
BINARY_NAMES = {
    ".parquet": ("Parquet", "PAR1"),
    ".feather": ("Feather", "ARROW1"),
    ".arrow": ("Arrow", "ARROW1"),
    ".xlsx": ("Excel", "PK"),
}


@dataclass(frozen=True)
class Source:
    """The content of a table's file, decompressed."""

    stream: BinaryIO
    """At its beginning, and seekable."""
    format: Format
    sha256: str
    """Of the bytes as stored."""


def read_bytes(path: str) -> bytes:
    """Return the content of a file, a URL or an embedded table; raises DataError if it cannot be read."""
    with reading_errors(path), _seekable(path) as stream:
        return stream.read()


def open_table(path: str) -> IO[bytes]:
    """Open a file, a URL or an embedded table; :func:`reading_errors` turns the errors into a DataError."""
    if path.startswith(EMBEDDED):
        name = Path(path.removeprefix(EMBEDDED)).name  # a plain file name: it cannot leave the folder
        return importlib.resources.files("bikeml.table.datasets").joinpath(name).open("rb")
    if path.startswith(("http://", "https://", "file://")):
        reply: IO[bytes] = urllib.request.urlopen(path, timeout=DOWNLOAD_TIMEOUT_SECONDS)  # noqa: S310  the schemes are listed
        return reply
    return open_stream(Path(path).expanduser())


@contextmanager
def reading_errors(path: str) -> Iterator[None]:
    """Raise a DataError if the block cannot read the table at `path`."""
    shown = redact(path)
    try:
        yield
    except FileNotFoundError as error:
        hint = did_you_mean(Path(path).name, _list_beside(path))
        raise DataError(f"there is no table at {shown!r}{hint}; set data.path to a CSV file or a URL") from error
    except IsADirectoryError as error:
        raise DataError(f"{shown!r} is a folder; set data.path to a CSV file in it") from error
    except (OSError, ValueError, MemoryError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        reason = getattr(error, "reason", None) or error
        raise DataError(f"cannot read {shown!r}: {redact(str(reason) or type(error).__name__)}") from error


def _list_beside(path: str) -> list[str]:
    """Return the names of the files in the folder that should hold the table."""
    with suppress(OSError, RuntimeError):
        return [file.name for file in islice(Path(path).expanduser().parent.iterdir(), 1000)]
    return []


@contextmanager
def open_source(path: str) -> Iterator[Source]:
    """
    Open the table at `path` ("-" is the standard input), decompressed and seekable, and tell its format.

    Raises DataError if there is none, if its format is unknown, or if a zip file does not hold exactly one table.
    """
    with reading_errors(path), ExitStack() as files:
        stream = files.enter_context(_seekable(path))
        sha256 = hashlib.file_digest(cast("BufferedReader", stream), "sha256").hexdigest()
        name = urlsplit(path).path if "://" in path else path
        at_most = max(MOST_EXPANDED_BYTES, MOST_EXPANSION * stream.tell())
        head = _head(stream)
        decompress = next((opener for magic, opener in COMPRESSED.items() if head.startswith(magic)), None)
        if decompress:
            content = files.enter_context(decompress(stream))
            stream = files.enter_context(_copied(content, at_most, path))
            name = str(PurePosixPath(name).with_suffix(""))
        elif head.startswith(ZIP):
            stream, name = files.enter_context(_unzipped(stream, name, at_most, path))
        yield Source(stream, _find_format(stream, name, path), sha256)


@contextmanager
def _seekable(path: str) -> Iterator[BinaryIO]:
    """Open a table so that it can be read twice: copy a pipe or a download to a temporary file first."""
    with ExitStack() as files:
        opened = sys.stdin.buffer if path == STANDARD_INPUT else files.enter_context(open_table(path))
        source = cast("BinaryIO", opened)
        if path != STANDARD_INPUT and source.seekable():
            yield source
            return
        with tempfile.TemporaryFile() as file:
            shutil.copyfileobj(source, file)
            left = getattr(source, "length", None)  # of a reply, which may end before all has come
            if left:
                raise OSError(f"IncompleteRead({file.tell()} bytes read, {left} more expected)")
            file.seek(0)
            yield cast("BinaryIO", file)


@contextmanager
def _unzipped(stream: BinaryIO, name: str, at_most: int, path: str) -> Iterator[tuple[BinaryIO, str]]:
    """Open the one table in a zip file, with its name; an Excel file is a zip file too, and stays as it is."""
    try:
        archive = ZipFile(stream)
    except (BadZipFile, NotImplementedError) as error:
        raise _not_text(path, f"it begins as a zip file does, and is broken: {error}") from error
    with archive:
        if CONTENT_TYPES in archive.namelist():
            _check_size(sum(info.file_size for info in archive.infolist()), at_most, path)
            stream.seek(0)
            yield stream, name
            return
        members = [info for info in archive.infolist() if _is_table(info.filename) and not info.is_dir()]
        if len(members) != 1:
            names = [info.filename for info in members]
            if "content.xml" in names:
                raise _not_text(path, "it is an OpenDocument file")
            held = f"{len(members):,} files, [{some(names)}]" if members else "no file"
            raise DataError(f"{redact(path)} holds {held}, and should hold one table; unpack it and name one file")
        _check_size(members[0].file_size, at_most, path)
        with _member(archive, members[0].filename, path) as content, _copied(content, at_most, path) as file:
            yield file, members[0].filename


def _member(archive: ZipFile, name: str, path: str) -> IO[bytes]:
    try:
        return archive.open(name)
    except (BadZipFile, RuntimeError, NotImplementedError) as error:  # damaged, a password, an unusual compression
        raise DataError(f"cannot read {redact(path)!r}: {error}; unpack it and name the file") from error


def _is_table(name: str) -> bool:
    """Tell whether a file in a zip is not just what macOS or Windows adds."""
    parts = PurePosixPath(name).parts
    return not any(part.startswith((".", "__MACOSX")) for part in parts) and parts[-1:] != ("desktop.ini",)


@contextmanager
def _copied(content: IO[bytes], at_most: int, path: str) -> Iterator[BinaryIO]:
    """Decompress to a temporary file, which can be read twice in bounded memory."""
    with tempfile.TemporaryFile() as file:
        try:
            while piece := content.read(2**20):
                file.write(piece)
                _check_size(file.tell(), at_most, path)
        except (EOFError, zlib.error, lzma.LZMAError, BadZipFile, gzip.BadGzipFile) as error:
            raise DataError(
                f"cannot read {redact(path)!r}: it is cut off or damaged ({error}); get it again"
            ) from error
        file.seek(0)
        yield cast("BinaryIO", file)


def _check_size(n_bytes: int, at_most: int, path: str) -> None:
    if n_bytes > at_most:
        raise DataError(
            f"{redact(path)} holds more than {at_most:,} bytes when it is decompressed, which few tables of its size "
            "do; decompress it yourself if that is right"
        )


def _head(stream: BinaryIO) -> bytes:
    stream.seek(0)
    head = stream.read(8)
    stream.seek(0)
    return head


def _find_format(stream: BinaryIO, name: str, path: str) -> Format:
    """Tell the format by the first bytes; a name that promises another one is an error."""
    head = _head(stream)
    if head.startswith(ZIP):
        if not _is_office(stream):
            raise _not_text(path, "it is compressed twice")
        return "excel"
    if head.startswith(OLD_EXCEL):
        raise _not_text(path, "it is an Excel file with a password, or of before 2007 (.xls)")
    if head.startswith(tuple(COMPRESSED)):
        raise _not_text(path, "it is compressed twice")
    for pattern, found in FORMATS.items():
        if re.match(pattern.encode(), head):
            return found
    promised, begins = BINARY_NAMES.get(PurePosixPath(name).suffix.lower(), ("", ""))
    if promised:
        raise DataError(
            f"{redact(path)!r} is not {'an' if promised[0] in 'AE' else 'a'} {promised} file: it does not begin with "
            f"{begins}; name another"
        )
    return "text"


def _is_office(stream: BinaryIO) -> bool:
    """Tell whether a zip file is one of Excel or its like; a broken one may be."""
    try:
        return CONTENT_TYPES in ZipFile(stream).namelist()
    except (BadZipFile, NotImplementedError):
        return True
    finally:
        stream.seek(0)


def _not_text(path: str, reason: str) -> DataError:
    return DataError(f"{redact(path)} is not a text file; save the table as CSV, Parquet or .xlsx ({reason})")
