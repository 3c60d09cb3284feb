"""Write the config of a table as a YAML file to read and to edit: each column with its role and the reason."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bikeml.config.composition import config_dir, read_key_comments
from bikeml.config.data import HOW_WRITTEN, DataConfig
from bikeml.config.overrides import escape
from bikeml.errors import ConfigError, RunFolderError
from bikeml.system.files import write_text
from bikeml.system.printable import printable

if TYPE_CHECKING:
    from bikeml.table.look import Column

ROLES = ("numeric", "categorical", "date", "text", "ignored")
LEVELS_SHOWN = 4
WIDTH = 33
"""Of a column's line before its comment."""


def check_place(file: Path) -> None:
    """Raise ConfigError if the file cannot be the option of a config group, or if it exists already."""
    if file.suffix != ".yaml" or file.parent.name != "data":
        raise ConfigError(
            f"write={str(file)!r} should be a .yaml file in a folder called data, such as my_conf/data/houses.yaml; "
            "--config-dir my_conf data=houses then chooses it"
        )
    if file.exists():
        raise ConfigError(f"write={str(file)!r} is there already; name another file, or move it away")


def write_config(
    data: DataConfig,
    looked: "Sequence[Column]",
    why: Mapping[str, str],
    file: Path,
    *,
    by: str = "explore",
    schema: str = "",
) -> None:
    """
    Write the decided `data` section to `file`, each key with its comment.

    `looked` says what each column holds, and `why` gives reasons for roles. `by` is the task that writes it, and
    `schema` a comment that names the JSON schema. Raises RunFolderError.
    """
    text = "\n".join(_list_lines(data, looked, why, file, by, schema)) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, text)
    except OSError as error:
        raise RunFolderError(f"cannot write {str(file)!r}: {error.strerror or error}; name another file") from error


def _list_lines(
    data: DataConfig, looked: "Sequence[Column]", why: Mapping[str, str], file: Path, by: str, schema: str
) -> list[str]:
    name = data.name or file.stem
    lines = [
        _comment(f"{name}: written by bikeml {by}. Move a column to another list to change its role"),
        *([schema] if schema else []),
        "defaults: [csv, _self_]",
        *_write({"name": name, "path": data.path, "target": data.target, "missing_target": data.missing_target}),
        *_write({key: value for key, value in _kept(data) if value}),
    ]
    about = {}
    for column in looked:
        held, reason = describe(column), why.get(column.name, "")
        about[column.name] = f"{reason}, {held}" if reason and reason not in held else held
    named = {column for names in data.roles.values() for column in names}
    for role in ROLES:
        unlisted = [column.name for column in looked if role == "ignored" and column.name not in named]
        lines += _list(role, [*data.roles[role], *unlisted], about)
    written = data.describe_writing()
    lines += _write({key: written[key] for key in HOW_WRITTEN if key not in ROLES} | {"allowed": dict(data.allowed)})
    return lines


def _kept(data: DataConfig) -> list[tuple[str, str | None]]:
    return [("test_path", data.test_path), ("group", data.group), ("weight", data.weight)]


def describe(column: "Column") -> str:
    """Return in a few words what a column holds."""
    gaps = f"{column.n_missing:,} {'gap' if column.n_missing == 1 else 'gaps'}" if column.n_missing else ""
    if column.kind == "number":
        held = f"{column.low:.6g} to {column.high:.6g}"
    elif column.kind == "date":
        held = f"{column.low:%Y-%m-%d} to {column.high:%Y-%m-%d}"
    else:
        held = (
            f"{column.n_levels:,} {'value' if column.kind == 'text' else 'level'}{'s' if column.n_levels != 1 else ''}"
        )
    return ", ".join(filter(None, (held, gaps)))


def _list(role: str, names: Sequence[str], about: Mapping[str, str]) -> Iterator[str]:
    if not names:
        yield _add_comment(f"{role}: []", role)
        return
    yield _add_comment(f"{role}:", role)
    for name in names:
        yield f"{f'  - {quote(name)}':<{WIDTH}} {_comment(about.get(name, ''))}"


def _comment(text: str) -> str:
    """Return a comment of one line, which YAML takes: it refuses a control character even there."""
    return "# " + "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in printable(text))


def quote(name: str) -> str:
    """Return text as a YAML scalar on one line, in quotes only if YAML would read the plain text as something else."""
    is_plain = name.isidentifier() and name.isascii() and yaml.safe_load(name) == name
    return name if is_plain else _inline(name)


def _write(values: Mapping[str, object]) -> list[str]:
    return [_add_comment(f"{key}: {_inline(value)}", key) for key, value in values.items()]


def _add_comment(line: str, key: str) -> str:
    """Return a line with the comment that the shipped option of a table has for its key."""
    comment = read_key_comments(config_dir() / "data" / "csv.yaml").get(key)
    return f"{line:<{WIDTH}} # {comment}" if comment else line


def _inline(value: object) -> str:
    """Return a value on one line of YAML, which Hydra reads as the same value."""
    written = yaml.dump([escape(value)], Dumper=_Quoted, default_flow_style=True, allow_unicode=True, width=math.inf)
    return str(written).strip()[1:-1]


class _Quoted(yaml.SafeDumper):
    """Quotes every text: OmegaConf takes more words for numbers than YAML does, such as 1e5."""


_Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
