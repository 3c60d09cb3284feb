"""Keep bytes in the user's cache: a folder that nobody else can write to."""

import hashlib
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from bikeml.system.files import write_bytes

_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_DIGEST = hashlib.sha256().digest_size


def read_kept(name: str) -> bytes | None:
    """Return what is kept as `name`; None if nothing is, if it is damaged, or if somebody else may have written it."""
    folder = _find_folder()
    if folder is None:
        return None
    try:
        number = os.open(folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with open(number, "rb") as file:  # noqa: PTH123  pathlib opens no number
            content = file.read() if stat.S_ISREG(os.fstat(number).st_mode) and _is_ours(os.fstat(number)) else b""
    except OSError:
        return None
    digest, kept = content[:_DIGEST], content[_DIGEST:]
    return kept if hashlib.sha256(kept).digest() == digest else None


def keep(name: str, content: bytes) -> None:
    """Keep bytes as `name`, if there is a place for them: without it everything works, and takes longer."""
    folder = _find_folder(makes=True)
    if folder is not None:
        with suppress(OSError):
            write_bytes(folder / name, hashlib.sha256(content).digest() + content)


def _find_folder(*, makes: bool = False) -> Path | None:
    """Return our folder in the user's cache, if it is a folder of this user that nobody else can write to."""
    try:
        folder = _find_base() / "bikeml"
        if makes:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except (OSError, RuntimeError):  # no home
        return None
    return folder if stat.S_ISDIR(found.st_mode) and _is_ours(found) else None


def _find_base() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"  # as the XDG Base Directory Specification says


def _is_ours(found: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):  # Windows: the folder lies in the user's profile
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & _OF_OTHERS
