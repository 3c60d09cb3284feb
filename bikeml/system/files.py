"""
Write files completely or not at all.

A file is written under a temporary name and then renamed. Some mounted stores refuse to rename, such as blobfuse below
the outputs of an Azure ML job (hi-ml #258; azure-storage-fuse #798, #964, #1264). The file is then copied.
"""

import errno
import os
import shutil
from pathlib import Path

from bikeml.system.redaction import hide, redact

REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EIO})
"""The errors of a file system that cannot rename. If it cannot write either, the copy that follows fails too."""
HYDRAS_RECORD = "multirun.yaml"
"""What Hydra's own sweepers write beside the folders of their cells."""

UNFINISHED = ".unfinished-"
"""How the name of a file or folder begins that a killed process leaves; the next run in its folder removes it."""


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, without known secrets, as :func:`write_bytes` does; raises OSError."""
    write_bytes(path, hide(text, in_numbers=False).encode())


def clean_file(path: Path) -> None:
    """Take the secrets out of a text file that another program has written, if it has; raises OSError."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    if redact(text) != text:
        write_text(path, redact(text))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file; if its file system can rename, no reader sees half of it; raises OSError."""
    unfinished = path.with_name(f"{UNFINISHED}{os.urandom(6).hex()}")
    try:
        with unfinished.open("xb") as file:  # x follows no link that another user may have put there
            file.write(content)
        move(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """Move a file or a folder to `target`, and copy it if it cannot be renamed; raises OSError."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        if source.exists():  # blobfuse may rename and still answer EIO (azure-storage-fuse #964)
            _copy(source, target)
            _remove(source)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _copy(source: Path, target: Path) -> None:
    """Copy contents only: a store that cannot rename may not support modes and times either."""
    if not source.is_dir():
        shutil.copyfile(source, target)
        return
    target.mkdir()
    for each in source.iterdir():
        _copy(each, target / each.name)


def remove_if_empty(folder: Path) -> None:
    """Remove `folder` if it is empty, and then its empty parents up to the working folder."""
    here = Path.cwd()
    for empty in (folder, *(above for above in folder.parents if here in above.parents)):
        if empty == here or not empty.is_dir() or any(empty.iterdir()):
            return
        empty.rmdir()
