"""Make a folder of one's own for a table: bikeml.yaml, and the config of the table from what it shows."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from bikeml.config.composition import config_dir
from bikeml.config.fields import ColumnName, Name, Section
from bikeml.config.project import FILE, find_project
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, DataError, RunFolderError
from bikeml.system.files import write_text
from bikeml.system.printable import program
from bikeml.tasks.tables import describe
from bikeml.tasks.tables.explore import Explorable, read_explorable
from bikeml.tasks.tables.json_schema import build_schema
from bikeml.terminal.progress import progress
from bikeml.terminal.tables import show_facts

SCHEMA = ".schema.json"
RESERVED = ("on", "off", "yes", "no", "true", "false", "null", "none", "y", "n")
"""Words that YAML or Hydra read as other values."""
MODELS = "linear,lasso,tree,rf,gbr"
PROJECT = """\
# The commands of bikeml in this folder use these, and in those below it if it is in a git checkout or the home folder.
# The words of a command win over them. The path of a table in one of your options is relative to this folder.
config_dir: {config_dir}    # the folder with your own options: conf/data/houses.yaml is data=houses
store: sqlite:///mlflow.db    # where runs are recorded, from this folder on; MLFLOW_TRACKING_URI wins over it
"""


class Options(Section):
    """The keys of conf/task/init.yaml."""

    target: ColumnName | None
    name: Name | None
    config_dir: Name


def init(config: Config, options: Options) -> None:
    """
    Write bikeml.yaml, unless there is one, and the config of the table at data.path; print the next commands.

    Nothing is overwritten. Raises ConfigError if the option exists already or the target is not named, DataError if the
    table cannot be read, and RunFolderError if a file cannot be written.
    """
    here, project = Path.cwd(), find_project()
    top = project.file.parent if project else here
    folder = (project and project.config_dir) or top / options.config_dir
    name = options.name or name_option(config.data.path)
    file = _choose_file(folder, name)
    target = options.target or config.data.target
    data = config.data.model_copy(update={"target": target, "path": _locate(config.data.path, top)})
    with progress() as announce:
        announce("reading the table")
        table = _read(config.model_copy(update={"data": data}))
        from bikeml.table.look import look_at  # seconds of imports

        announce("looking")
        look = look_at(table.frame, table.config, 20_000, table.reasons)
    described = table.config.data.model_copy(update={"name": data.name or name})
    schema = f"# yaml-language-server: $schema={SCHEMA}"
    describe.write_config(described, look.columns, table.reasons, file, by="init", schema=schema)
    made = [file, _write(folder / "data" / SCHEMA, json.dumps(build_schema(), indent=1) + "\n")]
    if project is None:
        made.append(_write(top / FILE, PROJECT.format(config_dir=describe.quote(options.config_dir))))
    show_facts(
        {
            "table": "\n".join([f"{look.n_rows:,} rows, {len(look.columns)} columns", *table.notes]),
            "written": "\n".join(map(_show, made)),
            **({} if project is None else {"kept": _show(project.file)}),
            "next": "\n".join(_list_commands(name)),
        }
    )


def _choose_file(folder: Path, name: str) -> Path:
    _check_name(name)
    file = folder / "data" / f"{name}.yaml"
    if file.exists():
        raise ConfigError(
            f"{_show(file)!r} is there already; choose another with name=NAME, or use it, as in: {program()} explore "
            f"data={name}"
        )
    return file


def _read(config: Config) -> Explorable:
    """Return the table; its errors name the target as the task's own option."""
    try:
        return read_explorable(config)
    except DataError as error:
        raise DataError(str(error).replace("set data.target", "set target")) from error


def name_option(path: str) -> str:
    """Return the name of the option for the table at a path or URL: lower case letters, digits and underscores."""
    last = Path(urlsplit(path).path if "://" in path else path).name
    words = re.sub(r"[^a-z0-9]+", "_", last.partition(".")[0].lower()).strip("_") or "table"
    is_taken = words in RESERVED or words[0].isdigit() or (config_dir() / "data" / f"{words}.yaml").exists()
    return f"table_{words}" if is_taken else words


def _check_name(name: str) -> None:
    """Raise ConfigError for a name that Hydra takes for no option, or for a shipped one."""
    if not re.fullmatch(r"[A-Za-z_][\w-]*", name, re.ASCII) or name.lower() in RESERVED:
        raise ConfigError(
            f"name={name!r} should have letters, digits, _ and - only, begin with a letter, and be no yes or no"
        )
    if (config_dir() / "data" / f"{name}.yaml").exists():
        raise ConfigError(f"name={name!r} is an option of bikeml itself, which would hide yours; choose another")


def _locate(path: str, top: Path) -> str:
    """Return a path as commands in the folder of bikeml.yaml find it."""
    if "://" in path or top == Path.cwd():
        return path
    return str(Path(path).expanduser().absolute())


def _write(file: Path, text: str) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, text)
    except OSError as error:
        raise RunFolderError(
            f"cannot write {_show(file)!r}: {error.strerror or error}; choose another folder"
        ) from error
    return file


def _show(file: Path) -> str:
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def _list_commands(name: str) -> list[str]:
    return [
        f"{program()} explore data={name}",
        f"{program()} -m data={name} model={MODELS}",
        f"{program()} runs data={name} sort=score",
    ]
