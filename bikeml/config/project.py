"""
The file bikeml.yaml of a folder: which config folder and which store its commands use.

It is looked for in the working folder, and in the folders above it up to the top of a git checkout, or up to the home
folder. Above a folder that is in neither, nothing is looked for. The words of a command win over it, and for the store
MLFLOW_TRACKING_URI too. A relative path of a table in an option of that config folder is relative to bikeml.yaml.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bikeml.errors import ConfigError
from bikeml.system.documents import read_yaml
from bikeml.system.spelling import MAX_SHOWN, did_you_mean, show

FILE = "bikeml.yaml"
KEYS = ("config_dir", "store")
PATHS = ("path", "test_path")
"""The keys of a table that are paths."""
LOCAL, DEFAULT = "sqlite:///", "mlflow.db"
"""The store of a command that nothing else names is a file in the working folder."""


@dataclass(frozen=True)
class Project:
    """What a bikeml.yaml says."""

    file: Path
    config_dir: Path | None
    """The folder with options of the user's own."""
    store: str | None
    """A tracking.uri; the path of a local file is absolute."""


def find_project() -> Project | None:
    """Return what the nearest bikeml.yaml says; None if there is none. Raises ConfigError if it is wrong."""
    file = next(filter(Path.is_file, (folder / FILE for folder in _list_folders(Path.cwd()))), None)
    return None if file is None else read_project(file)


def _list_folders(here: Path) -> Iterator[Path]:
    above = [here, *here.parents]
    tops = [number for number, folder in enumerate(above) if (folder / ".git").exists() or folder == _find_home()]
    yield from above[: tops[0] + 1] if tops else [here]


def _find_home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # the user has none
        return None


def read_project(file: Path) -> Project:
    """Return what a bikeml.yaml says; raises ConfigError if it is wrong."""
    try:
        content = read_yaml(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {str(file)!r}: {error}; mend it, or delete it") from error
    values = _check(content or {}, file)
    config_dir, store = values.get("config_dir"), values.get("store")
    folder = None if config_dir is None else (file.parent / Path(config_dir).expanduser()).resolve()
    if folder is not None and not folder.is_dir():
        raise ConfigError(
            f"{str(file)!r} has config_dir: {config_dir}, and there is no such folder; make it, or mend the file"
        )
    if store is not None and store.startswith(LOCAL):
        store = LOCAL + str(file.parent / store.removeprefix(LOCAL))
    return Project(file, folder, store)


def _check(content: object, file: Path) -> Mapping[str, str | None]:
    if not isinstance(content, dict):
        raise ConfigError(f"{str(file)!r} should hold lines such as config_dir: conf; it holds {show(content)}")
    for key, value in content.items():
        if key not in KEYS:
            raise ConfigError(
                f"{str(file)!r}: unknown key {show(key)}{did_you_mean(str(key)[:MAX_SHOWN], KEYS)}; allowed here: "
                f"{', '.join(KEYS)}"
            )
        if value is not None and not (isinstance(value, str) and value):
            raise ConfigError(f"{str(file)!r}: {key}={show(value)} should be text")
    return content


def place_table(data: dict[str, Any], option: str, sources: Collection[str], words: Iterable[str]) -> None:
    """
    Let the relative paths in an option of bikeml.yaml's folder be relative to bikeml.yaml, also from folders below.

    `option` is that of the section `data`, `sources` are the config folders, and `words` the overrides, whose own paths
    are relative to the working folder.
    """
    project = find_project()
    if project is None or project.config_dir is None or project.file.parent == Path.cwd():
        return
    if str(project.config_dir) not in sources or not (project.config_dir / "data" / f"{option}.yaml").is_file():
        return
    said = {word.partition("=")[0].lstrip("+") for word in words}
    for key in PATHS:
        path = data.get(key)
        if isinstance(path, str) and f"data.{key}" not in said and not _is_whole(path):
            data[key] = str(project.file.parent / path)


def _is_whole(path: str) -> bool:
    """Return whether a path does not depend on a folder: it is absolute, a URL, or the standard input."""
    return "://" in path or path == "-" or path.startswith("~") or Path(path).is_absolute()


def find_default_store() -> str:
    """Return the tracking.uri of a command that names none: bikeml.yaml's, or a file in the working folder."""
    project = find_project()
    if project is None or project.store is None or project.store == LOCAL + str(Path.cwd() / DEFAULT):
        return LOCAL + DEFAULT
    return project.store
