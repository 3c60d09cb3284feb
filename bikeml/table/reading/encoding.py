"""Find the encoding of a text file, and refuse what is not text."""

import codecs
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from bikeml.config.data import DataConfig
from bikeml.config.fields import AUTO
from bikeml.errors import DataError
from bikeml.system.redaction import redact

PIECE_BYTES = 2**20
FOREIGN = {
    r"<!doctype html|<html|<head|<table": "a web page, such as one that asks to log in; download the table itself",
    r"<\?xml": "XML; read it with pandas.read_xml, and save it as CSV",
    r"[\[{]\s*([\[{]|\"[^\"\n]*\"\s*:)": "JSON; read it with pandas.read_json, and save it as CSV",
    r"%PDF-": "a PDF file; save the table in it as CSV",
    r"SQLite format 3": "a database of SQLite; save one of its tables as CSV",
    r"version https://git-lfs": "a pointer of Git LFS and not the file itself; get it with: git lfs pull",
    r"@relation\s": "an ARFF file; read it with scipy.io.arff.loadarff, and save it as CSV",
    r"\x80[\x02-\x05]|\(lp0|ccopy_reg": "a pickle; load it where you trust it, and save it as CSV",
    r"\x89PNG|GIF8|\xff\xd8\xff": "a picture",
}
"""What begins so is no table, whatever the ending of its name."""
ZEROS_OF_UTF_16, ZEROS_OF_UTF_32 = 0.4, 0.7
"""More of the bytes are 0 if the text is ASCII for the most part."""
BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # before utf-16, whose mark is the beginning of this one
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def refuse_binary(stream: BinaryIO, data: DataConfig) -> None:
    """Raise a DataError if the content is not text, or text of another kind than a table."""
    stream.seek(0)
    head = stream.read(4096)
    begin = head.removeprefix(codecs.BOM_UTF8).lstrip().decode("latin-1")
    found = next((what for start, what in FOREIGN.items() if re.match(start, begin, re.IGNORECASE)), None)
    if found:
        raise DataError(f"{redact(data.path)} is not a text file of a table: it is {found}")
    is_wide = any(width in data.encoding for width in ("16", "32"))  # there every other byte may be 0
    if data.encoding == AUTO:
        is_wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE))
    if b"\x00" in head and not is_wide:
        share = head.count(0) / len(head)
        cure = "save the table as CSV, or set data.encoding if it is UTF-16"
        marked = next((encoding for mark, encoding in BOMS.items() if head.startswith(mark)), None)
        if marked:
            cure = f"its byte order mark says {marked}: set data.encoding=auto"
        elif share > ZEROS_OF_UTF_16 and any(head[:2]):
            wide = f"utf-{32 if share > ZEROS_OF_UTF_32 else 16}-{'le' if head[0] else 'be'}"
            cure = f"it seems to be {wide} without a byte order mark: set data.encoding={wide}"
        raise DataError(f"{redact(data.path)} is not a text file; {cure}")


def find_encoding(stream: BinaryIO, path: str) -> str:
    """
    Return utf-8, what a byte order mark says, or else Windows' encoding of Western languages; reads to the end.

    Raises DataError if the text is UTF-8 for the most part, with damage.
    """
    stream.seek(0)
    head = stream.read(4)
    marked = next((encoding for mark, encoding in BOMS.items() if head.startswith(mark)), None)
    if marked:
        return marked
    stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    piece = head
    while piece:
        piece = stream.read(PIECE_BYTES)
        start = stream.tell() - len(piece)
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            return _find_old_encoding(stream, max(0, start - PIECE_BYTES), path, error)
    return "utf-8"


def _find_old_encoding(stream: BinaryIO, start: int, path: str, error: UnicodeDecodeError) -> str:
    stream.seek(start)
    content = stream.read(2 * PIECE_BYTES)
    text = content.decode("utf-8", "surrogateescape")
    broken = sum("\udc80" <= character <= "\udcff" for character in text)
    if sum(character > "\x7f" for character in text) > 2 * broken:
        raise not_text(path, "utf-8", error) from error
    return "latin-1" if any(byte in content for byte in b"\x81\x8d\x8f\x90\x9d") else "cp1252"


@contextmanager
def open_as_utf8(stream: BinaryIO, encoding: str, path: str) -> Iterator[BinaryIO]:
    """Open text as UTF-8, which pyarrow reads; that of another encoding is copied to a temporary file first."""
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        yield stream
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    with tempfile.TemporaryFile() as file:
        piece = b"\n"
        try:
            while piece:
                piece = stream.read(PIECE_BYTES)
                file.write(decoder.decode(piece, final=not piece).encode())
        except UnicodeError as error:
            raise not_text(path, encoding, error) from error
        yield cast("BinaryIO", file)


def not_text(path: str, encoding: str, error: UnicodeError) -> DataError:
    """Return the error of a file that is not of the encoding."""
    return DataError(f"{redact(path)} is not {encoding}: {error}; set data.encoding, such as latin-1")
