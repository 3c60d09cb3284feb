"""Write the config of a table as a YAML file to read and to edit: each column with its role and the reason."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bikeml.config.data import HOW_WRITTEN, DataConfig
from bikeml.config.overrides import escape
from bikeml.errors import ConfigError, RunFolderError
from bikeml.system.files import write_text
from bikeml.system.printable import printable

if TYPE_CHECKING:
    from bikeml.table.look import Column

ROLES = ("numeric", "categorical", "date", "text", "ignored")
LEVELS_SHOWN = 4
WIDTH = 34
"""Of a column's line before its comment."""


def check_place(file: Path) -> None:
    """Raise ConfigError if the file cannot be the option of a config group, or is there already."""
    if file.suffix != ".yaml" or file.parent.name != "data":
        raise ConfigError(
            f"write={str(file)!r} should be a .yaml file in a folder called data, such as my_conf/data/houses.yaml; "
            "--config-dir my_conf data=houses then chooses it"
        )
    if file.exists():
        raise ConfigError(f"write={str(file)!r} is there already; name another file, or move it away")


def write_config(data: DataConfig, looked: "Sequence[Column]", why: Mapping[str, str], file: Path) -> None:
    """
    Write the decided `data` section to `file`.

    `looked` says what each column holds, `why` the reason for a column that is left out. Raises RunFolderError.
    """
    name = data.name or file.stem
    lines = [
        f"# {printable(name)}: written by bikeml explore. Move a column to another list to change its role",
        "defaults: [csv, _self_]",
        *_dump({"name": name, "path": data.path, "target": data.target}),
    ]
    about = {column.name: describe(column) for column in looked} | dict(why)
    for role in ROLES:
        lines += _list(role, data.roles[role], about)
    written = data.describe_writing()
    lines += _dump({key: written[key] for key in HOW_WRITTEN if key not in ROLES})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, "\n".join(lines) + "\n")
    except OSError as error:
        raise RunFolderError(f"cannot write {str(file)!r}: {error.strerror or error}; name another file") from error


def describe(column: "Column") -> str:
    """Return in a few words what a column holds."""
    gaps = f", {column.n_missing:,} gaps" if column.n_missing else ""
    if column.kind == "number":
        return f"{column.low:.6g} to {column.high:.6g}{gaps}"
    return f"{column.n_levels:,} level{'s' if column.n_levels != 1 else ''}{gaps}"


def _list(role: str, names: Sequence[str], about: Mapping[str, str]) -> Iterator[str]:
    if not names:
        yield f"{role}: []"
        return
    yield f"{role}:"
    for name in names:
        yield f"{f'  - {quote(name)}':<{WIDTH - 1}} # {printable(about.get(name, ''))}"


def quote(name: str) -> str:
    """Return text as YAML has it on one line: plain if that is the same text, in quotes otherwise."""
    is_plain = name.isidentifier() and yaml.safe_load(name) == name
    return name if is_plain else _dump_text(name)


def _dump_text(text: str) -> str:
    shown = yaml.safe_dump(escape(text), default_style='"', allow_unicode=True, width=math.inf)
    return str(shown).removesuffix("\n")


def _dump(values: Mapping[str, object]) -> list[str]:
    return [f"{key}: {_dump_value(value)}" for key, value in values.items()]


def _dump_value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_dump_value, value))}]"
    return _dump_text(value) if isinstance(value, str) else json.dumps(value)
