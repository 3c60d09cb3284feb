"""
Let no work end because its words cannot be printed: the reader has gone, the disk is full, or the stream is closed.

What is written to such a stream is dropped, and the command goes on: files and records count more than words.
"""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NAMES = ("stdout", "stderr")
PYTHONS_OWN = ("strict", "surrogateescape")
"""What Python does in a locale of its own with characters that an encoding lacks: neither prints a plus-minus sign."""
GONE = (errno.EPIPE, errno.EBADF)
"""Nobody reads the stream, which is no failure: the reader has seen enough, or the user wants none."""


class _Descriptor(io.FileIO):
    """A file descriptor to write to. After an error it drops what is written."""

    error: OSError | None = None

    def write(self, content: "ReadableBuffer", /) -> int:
        if self.error is None:
            try:
                return super().write(content)
            except OSError as error:
                self.error = error
        return memoryview(content).nbytes


def guard() -> None:
    """Guard the standard streams of this process; characters that their encoding lacks are shown as escapes."""
    _open_closed()
    for name in NAMES:
        stream = getattr(sys, name)
        raw = _find_raw(stream)
        if stream is getattr(sys, f"__{name}__") and type(raw) is io.FileIO:  # not a notebook's, nor Windows' console
            setattr(sys, name, _guard(stream))


def _open_closed() -> None:
    """Open the null device for each stream that is closed; or else a file of ours would get its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004  0, 1 and 2 are the three streams
        os.set_inheritable(number, True)
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  for the whole process


def _find_raw(stream: TextIO) -> object:
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)  # with python -u there is no buffer


def _guard(stream: TextIO) -> TextIO:
    stream.flush()
    raw = _Descriptor(stream.fileno(), "w", closefd=False)
    is_buffered = isinstance(stream.buffer, io.BufferedWriter)
    return io.TextIOWrapper(
        io.BufferedWriter(raw) if is_buffered else cast("BinaryIO", raw),
        encoding=stream.encoding,
        errors="backslashreplace" if stream.errors in PYTHONS_OWN else stream.errors,
        line_buffering=bool(stream.line_buffering),
        write_through=getattr(stream, "write_through", False),
    )


def find_failure() -> OSError | None:
    """Return why the standard output could not be written; None if it could, or if nobody reads it."""
    sys.stdout.flush()
    raw = _find_raw(sys.stdout)
    error = raw.error if isinstance(raw, _Descriptor) else None
    return None if error is None or error.errno in GONE else error
