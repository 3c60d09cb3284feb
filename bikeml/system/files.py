"""
Write files whole or not at all, and read YAML safely.

A file is written aside and moved to its place. Some mounted stores refuse to rename, as blobfuse may below the outputs
of an Azure ML job (hi-ml #258; azure-storage-fuse #798, #964, #1264): there it is written in its place.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import yaml

REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EIO})
"""What a file system answers that does not rename, or not here. One that does not write either refuses the copy too."""
MOST_LEVELS = 100
"""Of what is nested in a YAML file."""
MOST_YAML_BYTES = 2_000_000
"""Of a config, or a file beside a model; that of a table with 10,000 columns has a tenth."""


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8, so that no reader sees half of it where its file system can rename; raises OSError."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, so that no reader sees half of it where its file system can rename; raises OSError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        move(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """Move a file or a folder in the place of `target`, by copying it where it cannot be renamed; raises OSError."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        if source.exists():  # blobfuse may rename and answer EIO all the same (azure-storage-fuse #964)
            _copy(source, target)
            _remove(source)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _copy(source: Path, target: Path) -> None:
    """Copy contents alone: a store that does not rename may know no modes and times either."""
    if not source.is_dir():
        shutil.copyfile(source, target)
        return
    target.mkdir()
    for each in source.iterdir():
        _copy(each, target / each.name)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder in which nothing was done, and the empty ones above it below the working folder."""
    here = Path.cwd()
    for empty in (folder, *(above for above in folder.parents if here in above.parents)):
        if empty == here or not empty.is_dir() or any(empty.iterdir()):
            return
        empty.rmdir()


def parse_yaml(content: str | bytes) -> Any:  # noqa: ANN401  any YAML value
    """
    Return what YAML holds, without running code; raises ValueError and yaml.YAMLError.

    libyaml's loader calls itself for each level and ends the process where the stack does (PyYAML 6.0), so that levels
    are counted first.
    """
    if len(content) > MOST_YAML_BYTES:
        raise ValueError(f"it has {len(content):,} bytes, and at most {MOST_YAML_BYTES:,} are read")
    loader, depth = getattr(yaml, "CSafeLoader", yaml.SafeLoader), 0
    for event in yaml.parse(content, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_LEVELS:
            raise ValueError(f"it has more than {MOST_LEVELS} levels")
    return yaml.load(content, Loader=loader)  # noqa: S506  it is safe
