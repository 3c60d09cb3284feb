"""Describe every group, option and key of conf/: the default and the comment of its file, the type of its schema."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bikeml.cli.catalogue import TASKS
from bikeml.config.fields import Section
from bikeml.config.schema import Config, LauncherConfig

CONF = Path(__file__).parents[2] / "conf"
INTRODUCTION = """\
# Configuration reference

This page is generated from `conf/` and its schema by `python -m docs.make`; a test holds it current.

- `group=option` picks an option of a group, and `key=VALUE` changes a value.
- `--config-dir FOLDER` adds a folder with options of your own. What its files may say of Hydra
  [is limited](coming-from-hydra.md).
- `+key=VALUE` adds a key to a mapping of your own, such as an axis of `model.grid`.
- `python -m bikeml --cfg job` shows the whole config and runs nothing.
- The `config.yaml` in the folder of a run holds what the run did.

A key of the type *argument* goes to the class that `_target_` names, which documents it. An argument that a file
leaves out has scikit-learn's default.
"""
TYPES = {"integer": "integer", "number": "number", "string": "text", "boolean": "`true` or `false`", "null": "`null`"}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


@dataclass(frozen=True)
class Key:
    """A key of a file in conf/ that holds a value."""

    name: str
    default: str
    comment: str


def describe_settings() -> str:
    """Return the page."""
    defaults = _find_defaults()
    groups = [group for group in defaults if group != "experiment"]
    parts = [INTRODUCTION, _describe_groups(defaults), _describe_root()]
    parts += [_describe_group(group) for group in groups]
    parts += [_describe_recipes(), _describe_hydra(), _describe_tasks()]
    return "\n".join(parts)


def _find_defaults() -> dict[str, str]:
    """Return the groups in the order of config.yaml, each with the option that it begins with."""
    chosen = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    pairs = [pair for item in chosen if isinstance(item, dict) for pair in item.items()]
    return {group: option for group, option in pairs if not group.startswith("override ")}


def _describe_groups(defaults: Mapping[str, str]) -> str:
    rows = [(f"`{group}`", _list(_options(group)), f"`{option or 'null'}`") for group, option in defaults.items()]
    return "## Groups\n\n" + _table(("group", "options", "default"), rows)


def _describe_root() -> str:
    file = CONF / "config.yaml"
    keys = [key for key in read_keys(file) if not key.name.startswith(("defaults", "hydra"))]
    return "## Keys of the experiment itself\n\n" + _describe_keys(keys, "", Config, {})


def _describe_group(group: str) -> str:
    parts = [f"## {group}\n"]
    for option in _options(group):
        file = CONF / group / f"{option}.yaml"
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        title = f"### {group}={option}\n\n{_read_purpose(file)}.\n\n"
        keys = [key for key in read_keys(file) if key.name != "defaults"]
        parts.append(title + _describe_keys(keys, f"{group}.", Config, {group: values}))
    return "\n".join(parts)


def _describe_recipes() -> str:
    rows = []
    for option in _options("experiment"):
        file = CONF / "experiment" / f"{option}.yaml"
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        chosen = [pair for item in values["defaults"] if isinstance(item, dict) for pair in item.items()]
        options = " ".join(f"`{group.removeprefix('override /')}={name}`" for group, name in chosen)
        rows.append((f"`{option}`", _read_purpose(file), options))
    return "## experiment\n\n" + _table(("option", "what it is", "what it chooses"), rows)


def _describe_hydra() -> str:
    parts = ["## hydra\n\nHydra's own keys are shown by `python -m bikeml --cfg hydra`. These are bikeml's.\n"]
    for file in sorted((CONF / "hydra").glob("*/*.yaml")):
        group = file.parent.relative_to(CONF).as_posix()
        title = f"### {group}={file.stem}\n\n{_read_purpose(file)}.\n"
        if file.parent.name in ("launcher", "sweeper"):
            keys = [key for key in read_keys(file) if key.name != "_target_"]
            schema = LauncherConfig if file.stem == "azureml" else None
            title += "\n" + _describe_keys(keys, f"{group.replace('/', '.')}.", schema, {})
        parts.append(title)
    return "\n".join(parts)


def _describe_tasks() -> str:
    """Describe each task of ``python -m bikeml TASK``; the schema of its keys stands beside its function."""
    parts = ["## Tasks\n\nA task takes these keys beside all of the above. Give it `--help` for examples.\n"]
    for name, task in TASKS.items():
        title = f"### python -m bikeml {name}\n\n{task.line[0].upper()}{task.line[1:]}.\n"
        keys = read_keys(CONF / "task" / f"{name.rpartition(' ')[2]}.yaml") if task.has_options else []
        parts.append(title + ("\n" + _describe_keys(keys, "", task.load_options(), {}) if keys else ""))
    return "\n".join(parts)


def _options(group: str) -> list[str]:
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def _describe_keys(keys: list[Key], prefix: str, schema: type[Section] | None, values: Mapping[str, Any]) -> str:
    """Return a table of keys; `values` are those of the option, since the type of a key can depend on its `kind`."""
    rows = []
    for key in keys:
        name = prefix + key.name
        path = name if schema is Config else key.name
        found = _find_type(schema, path.split("."), values) if schema else ""
        rows.append((f"`{name}`", f"`{key.default}`", found, key.comment))
    return _table(("key", "default", "type", "meaning"), rows)


def read_keys(file: Path) -> list[Key]:
    """Return the keys of a YAML file that hold a value, each with what stands there and the comment beside it."""
    text = file.read_text(encoding="utf-8")
    root = yaml.compose(text)
    return list(_walk(root, text.splitlines(), text, "")) if root else []


def _walk(node: yaml.MappingNode, lines: list[str], text: str, prefix: str) -> Iterator[Key]:
    for key, value in node.value:
        name = prefix + key.value
        if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
            yield from _walk(value, lines, text, f"{name}.")
        else:
            default = text[value.start_mark.index : value.end_mark.index]
            yield Key(name, " ".join(default.split()), _find_comment(lines, value.end_mark.line))


def _find_comment(lines: list[str], number: int) -> str:
    """Return the comment that ends a line, with the lines of comment below it that go on."""
    words = [lines[number].partition(" # ")[2]] if number < len(lines) else [""]
    for line in lines[number + 1 :] if words[0] else []:
        if not line.startswith(" ") or not line.lstrip().startswith("#"):
            break
        words.append(line.lstrip(" #"))
    return " ".join(words).strip()


def _read_purpose(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("# ") for line in lines if line.startswith("# ") and "@package" not in line)


def _find_type(schema: type[Section], path: list[str], values: Mapping[str, Any]) -> str:
    """Return the type of a key in words; an argument of an estimator has the type that scikit-learn documents."""
    whole = _read_schema(schema)
    found: dict[str, Any] = whole
    value: Any = values
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
        properties = found.get("properties")
        if properties is None:  # below it, the schema takes any key
            return "argument" if "estimator" in path or "preprocessing" in path else "list"
        found = _choose(properties[name], value, whole)
    return _describe_type(found, whole)


@functools.cache
def _read_schema(schema: type[Section]) -> dict[str, Any]:
    return schema.model_json_schema()


def _choose(found: dict[str, Any], value: object, whole: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference; of several kinds of section, the one that the option's `kind` names."""
    kinds = found.get("discriminator", {}).get("mapping", {})
    if kinds and isinstance(value, dict):
        found = {"$ref": kinds[value["kind"]]}
    reference = found.get("$ref")
    definitions: dict[str, dict[str, Any]] = whole.get("$defs", {})
    return definitions[reference.rpartition("/")[2]] if reference else found


def _describe_type(found: dict[str, Any], whole: dict[str, Any]) -> str:
    found = _choose(found, None, whole)
    if "anyOf" in found:
        return " or ".join(_describe_type(member, whole) for member in found["anyOf"])
    if "const" in found or "enum" in found:
        return " or ".join(f"`{value}`" for value in found.get("enum", [found.get("const")]))
    kind = found.get("type", "any")
    if kind == "array":
        return f"list of {_describe_type(found['items'], whole)}" if found.get("items") else "list"
    if kind == "object":
        return "mapping"
    bounds = [f"{sign} {_number(found[bound])}" for bound, sign in BOUNDS.items() if bound in found]
    return " ".join([TYPES.get(kind, kind), ", ".join(bounds)]).strip()


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table without the columns that are empty in every row."""
    kept = [i for i, _ in enumerate(head) if any(row[i] for row in rows)]
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(row[i].replace("|", "\\|") for i in kept) + " |\n" for row in lines)
