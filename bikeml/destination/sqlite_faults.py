"""Say why a store in a file of SQLite refuses, and what to do: SQLAlchemy and MLflow say it in words of their own."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psutil

from bikeml.config.fields import SQLITE

_REASONS = {
    "READONLY": ("it is read-only", "make the file and its folder writable, or choose another tracking.uri"),
    "FULL": ("there is no space left on its disk", "delete files there, or choose another tracking.uri"),
    "IOERR": ("its disk reports an error", "look whether it is full, or choose another tracking.uri"),
    "NOTADB": ("it is no database of SQLite", "choose another tracking.uri"),
    "CORRUPT": ("the database is damaged", "restore it, or choose another tracking.uri"),
}
"""By the beginning of SQLite's name of the error: the cause, and what to do."""


def explain(error: BaseException | None, uri: str) -> tuple[str, str] | None:
    """Return the cause of an error that came from the file of SQLite at `uri`, and what to do; None if it did not."""
    while error is not None and not isinstance(error, sqlite3.Error):
        error = error.__cause__ or error.__context__
    if error is None or not uri.startswith(SQLITE):
        return None
    file, name = Path(uri.removeprefix(SQLITE)), getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_")
    if name.startswith(("BUSY", "LOCKED")):
        return f"{_name_writer(file)} writes to it and has not ended", "wait for it, or end it"
    if name.startswith("CANTOPEN"):
        return _explain_closed(file)
    return next((reason for code, reason in _REASONS.items() if name.startswith(code)), None)


def _explain_closed(file: Path) -> tuple[str, str]:
    if not file.parent.is_dir():
        return f"there is no folder {str(file.parent)!r}", "make it, or choose another tracking.uri"
    if file.is_dir():
        return "it is a folder", "name a file in it"
    may = "its folder is not writable" if not os.access(file.parent, os.W_OK) else "it cannot be opened"
    return may, "check who may write there, or choose another tracking.uri"


def _name_writer(file: Path) -> str:
    """Return the other processes that have the file open, as far as this user may know."""
    numbers = [str(process.pid) for process in _find_openers(file) if process.pid != os.getpid()]
    return f"process {' or '.join(numbers)}" if numbers else "another process"


def _find_openers(file: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if str(file.resolve()) in {each.path for each in process.open_files()}:
                yield process
