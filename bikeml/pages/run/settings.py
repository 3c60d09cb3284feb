"""Say how a run was set: what differs from the defaults, and the commands that use the run."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from bikeml.config.composition import config_dir
from bikeml.config.overrides import change_command, override, shell
from bikeml.errors import RecordError
from bikeml.records.run import RunRecord, StoreRecord
from bikeml.records.run_folder import MODEL, RunFolder
from bikeml.system.documents import read_yaml
from bikeml.system.printable import program

GROUPS = ("data", "split", "preprocessing", "model", "target", "search")
"""The groups of conf/ whose options change a result."""


class Change(NamedTuple):
    """A value that is not the default one."""

    key: str
    default: str
    here: str


class Command(NamedTuple):
    """A command that uses a run, and what it does."""

    purpose: str
    text: str


def list_changes(record: RunRecord) -> list[Change]:
    """Return the options and values that are not those of conf/, each with its default there, if it has one."""
    defaults = _read(config_dir() / "config.yaml").get("defaults", [])
    options = {group: str(option) for each in defaults if isinstance(each, Mapping) for group, option in each.items()}
    chosen = [
        Change(group, options.get(group, ""), record.choices[group])
        for group in GROUPS
        if group in record.choices and record.choices[group] != options.get(group)
    ]
    return [*chosen, *(_describe(record, word) for word in record.overrides)]


def _describe(record: RunRecord, word: str) -> Change:
    key, _, value = word.partition("=")
    if key.startswith("~"):
        return Change(key.lstrip("~"), _find_default(record, key.lstrip("~")), "removed")
    return Change(key.lstrip("+"), _find_default(record, key.lstrip("+")), value)


def _find_default(record: RunRecord, key: str) -> str:
    """Return the value of a key in conf/, as YAML has it; "" if there is none, as in an option of the user's own."""
    section, _, below = key.partition(".")
    option = record.choices.get(section)
    files = [(f"{section}/{option}.yaml", below)] if option and below else [("config.yaml", key)]
    for name, path in files:
        value: Any = _read(config_dir() / name)
        for part in path.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return ""
            value = value[part]
        return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
    return ""


def _read(file: Any) -> Mapping[str, Any]:  # noqa: ANN401
    try:
        content = read_yaml(file)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, Mapping) else {}


def list_commands(folder: RunFolder, record: RunRecord) -> Iterator[Command]:
    """Yield the commands that use a run, by its folder, or by its id in the store if the model is only there."""
    where = str(folder.path.absolute()) if (folder.path / MODEL).is_dir() else _find_run_id(folder)
    if where:
        run = override("run", where)
        yield Command("predict the rows of another table", _command("predict", run, "data.path=new.csv"))
        yield Command("serve the model on this machine", _command("serve", run))
        yield Command("run it again and compare every figure", _command("reproduce", run))
    if again := change_command(record.command):
        yield Command("run it again", again)


def _command(*words: str) -> str:
    return f"{program()} {shell(*words)}"


def _find_run_id(folder: RunFolder) -> str | None:
    try:
        store = StoreRecord.read(folder.path)
    except RecordError:
        return None
    return store.run_id if store else None
