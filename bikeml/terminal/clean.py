"""The output of a command: no secret gets into it, and no text in it acts on the terminal."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from bikeml.system.printable import printable_lines
from bikeml.system.redaction import redact


def clean(text: str) -> str:
    """Return text of several lines without secrets, in which control characters are signs."""
    return printable_lines(redact(text))


class CleanStream:
    """A stream of text that shows a text as `show` returns it."""

    def __init__(self, stream: TextIO, show: Callable[[str], str] = clean) -> None:
        self._stream, self._show = stream, show

    def write(self, text: str) -> int:
        """Write a text as it is to be shown."""
        self._stream.write(self._show(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, each as it is to be shown."""
        for line in lines:
            self.write(line)

    @property
    def with_escapes(self) -> "CleanStream":
        """The stream for who writes colours or data: control characters stay, secrets do not."""
        return CleanStream(self._stream, redact)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the stream has
        return getattr(self._stream, name)


def with_escapes(stream: TextIO) -> TextIO:
    """Return a stream that takes control characters: of colours, or in data with their own quotes."""
    return cast(TextIO, getattr(stream, "with_escapes", stream))


@contextmanager
def clean_output() -> Iterator[None]:
    """Let what is written to the standard output and the standard error be clean while the block runs."""
    earlier = sys.stdout, sys.stderr
    for name, stream in zip(("stdout", "stderr"), earlier, strict=True):
        if stream is not None and not isinstance(stream, CleanStream):  # it is None if its file is closed
            setattr(sys, name, CleanStream(stream))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = earlier


class CleanFormatter(logging.Formatter):
    """Formats what is logged as another formatter does, and cleans it, tracebacks too."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines, of a record."""
        return clean(self._inner.format(record))


def clean_logs() -> None:
    """Let the handlers that log everything write what is clean."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, CleanFormatter):
            handler.setFormatter(CleanFormatter(handler.formatter))
