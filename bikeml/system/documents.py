"""
Read YAML and JSON that somebody else may have written: of bounded size, depth and number of values.

The parsers raise ValueError alone, with one line that says what is wrong. A few lines of YAML can stand for any number
of values, because an alias repeats what its anchor names ("billion laughs"), so aliases count as what they repeat.
"""

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import IO, Any

import yaml

MOST_BYTES = 2_000_000
"""The limit for a config, or a YAML file of a model. With 10,000 columns a model's file has a tenth of that."""
MOST_LEVELS = 100
MOST_VALUES = 200_000
"""In a YAML document; its keys count, and an alias counts as often as it repeats a value."""
MOST_EXPANSION = 200
"""A compressed file may hold so many times its own size: a few kilobytes can hold any number of zeros."""
_LONG_NUMBER = re.compile(r"[-+\d_:.]{301,}")
"""YAML 1.1 reads 1:30 as 90, and needs minutes for the number of a megabyte of these."""


@dataclass
class _Node:
    """A list or a mapping of a YAML document, or what an anchor names."""

    anchor: str | None
    n_values: int = 1
    n_levels: int = 0

    def add(self, child: "_Node") -> None:
        self.n_values += child.n_values
        self.n_levels = max(self.n_levels, 1 + child.n_levels)


def read_bounded(file: Path, most_bytes: float = inf) -> bytes:
    """
    Return the content of a regular file that has at most so many bytes; raises OSError and ValueError.

    Other kinds are refused: a pipe may block, and a device never ends.
    """
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    if status.st_size > most_bytes:
        raise ValueError(f"it has {status.st_size:,} bytes, and at most {most_bytes:,} are read")
    return file.read_bytes()


def open_stream(file: Path) -> IO[bytes]:
    """Open a file or a pipe; raises OSError, and ValueError for a device, which may never end, such as /dev/zero."""
    stream = file.open("rb")
    mode = os.fstat(stream.fileno()).st_mode
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        stream.close()
        raise ValueError("it is a device, which may never end; name a file or a pipe")
    return stream


def read_yaml(file: Path) -> Any:  # noqa: ANN401  any YAML value
    """Return the value of a YAML file as :func:`parse_yaml` does; raises ValueError and OSError."""
    return parse_yaml(read_bounded(file, MOST_BYTES))


def read_json(file: Path, most_bytes: int = MOST_BYTES) -> Any:  # noqa: ANN401  any JSON value
    """Return the value of a JSON file as :func:`parse_json` does; raises ValueError and OSError."""
    return parse_json(read_bounded(file, most_bytes), most_bytes)


def parse_yaml(content: str | bytes) -> Any:  # noqa: ANN401  any YAML value
    """
    Return the value of a YAML document, without running code; raises ValueError.

    Its values are counted first: libyaml's loader is recursive, and a stack overflow ends the process (PyYAML 6.0).
    """
    _check_size(content, MOST_BYTES)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _count(yaml.parse(content, Loader=loader))
        return yaml.load(content, Loader=loader)  # noqa: S506  a safe loader
    except yaml.YAMLError as error:
        if "nesting depth" in str(error):  # a newer libyaml has a limit of its own, and reads ahead
            _check_levels(MOST_LEVELS + 1)
        raise ValueError(_describe(error)) from error
    except (ArithmeticError, AttributeError, LookupError) as error:  # as of `!!timestamp x`, `!!bool x` (PyYAML 6.0)
        raise ValueError(f"it has a value that its type cannot have ({type(error).__name__}: {error})") from error


def _count(events: Iterable[yaml.Event]) -> None:
    """Raise ValueError if a document has too many levels or values, or a value that holds itself."""
    named: dict[str, _Node] = {}
    document = _Node(None)
    around, n_values = [document], 0
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            node = around.pop()
        elif isinstance(event, yaml.CollectionStartEvent):
            around.append(_Node(event.anchor))
            named.pop(event.anchor or "", None)
            n_values += 1
            _check_levels(len(around) - 1)
            continue
        elif isinstance(event, yaml.NodeEvent):
            node = _read_leaf(event, named)
            n_values += node.n_values
        else:
            continue
        named[node.anchor or ""] = node
        around[-1].add(node)
        _check_levels(len(around) - 1 + node.n_levels)
        if n_values > MOST_VALUES:
            raise ValueError(f"it has more than {MOST_VALUES:,} values, if its aliases are followed")


def _read_leaf(event: yaml.NodeEvent, named: dict[str, _Node]) -> _Node:
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in named:
            raise ValueError(f"its alias *{event.anchor} names no value, or the one that it stands in")
        return named[event.anchor]
    number = event.value if isinstance(event, yaml.ScalarEvent) and (event.implicit[0] or event.tag) else ""
    if _LONG_NUMBER.fullmatch(number):
        raise ValueError(f"it has a number of {len(number):,} digits")
    return _Node(event.anchor)


def _describe(error: yaml.YAMLError) -> str:
    """Return the error in one line, with its place."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    what = " ".join(str(problem or error).split())
    return f"not valid YAML: {what}" + (f" (line {mark.line + 1}, column {mark.column + 1})" if mark else "")


def parse_json(content: str | bytes, most_bytes: int = MOST_BYTES) -> Any:  # noqa: ANN401  any JSON value
    """Return the value of a JSON document; raises ValueError."""
    _check_size(content, most_bytes)
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError(f"it has more than {MOST_LEVELS} levels") from error
    for n_levels, _ in enumerate(_list_levels(value), start=1):
        _check_levels(n_levels)
    return value


def _list_levels(value: object) -> Iterator[Sequence[object]]:
    """Yield the values of a document level by level: those that hold others are the next."""
    level: Sequence[object] = [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        yield level
        level = [child for each in level for child in (each.values() if isinstance(each, dict) else each)]


def _check_size(content: str | bytes, most_bytes: int) -> None:
    if len(content) > most_bytes:
        raise ValueError(f"it has {len(content):,} bytes, and at most {most_bytes:,} are read")


def _check_levels(n_levels: int) -> None:
    if n_levels > MOST_LEVELS:
        raise ValueError(f"it has more than {MOST_LEVELS} levels")
