"""Lock a folder for one writer; a process that dies releases its lock."""

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from bikeml.errors import FolderTakenError
from bikeml.system.documents import read_json

LOCK = ".bikeml.lock"


@contextmanager
def hold(folder: Path, advice: str) -> Iterator[bool]:
    """
    Hold `folder` as its only writer while the block runs, and yield True.

    A mounted folder can refuse locks: then log a warning, run the block without a lock, and yield False. Raises
    FolderTakenError if another process holds the folder; the message names that process and ends with `advice`.
    """
    file = folder / LOCK
    lock = FileLock(file, mode=0o666, fallback_to_soft=False)  # a soft lock would outlive a killed process
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FolderTakenError(f"{str(folder)!r} is in use by {_read_holder(file)}; {advice}") from None
    except (OSError, NotImplementedError) as error:
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise
        logging.getLogger("bikeml").warning("%s cannot be locked: %s; let only one process write to it", folder, error)
        yield False
        return
    try:
        with suppress(OSError):  # Windows lets nobody read or write a locked file
            file.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}))
        yield True
    finally:
        with suppress(OSError):  # before the release: a process that waits for the file sees it go, and creates another
            file.unlink()
        lock.release()


def _read_holder(file: Path) -> str:
    """Return the process that holds a lock, or 'another process' if the file does not name it."""
    try:
        holder = read_json(file)
        since = datetime.fromtimestamp(holder["since"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"process {int(holder['pid'])} on {holder['host']}, since {since}"
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return "another process"
