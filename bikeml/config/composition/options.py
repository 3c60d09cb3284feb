"""The folder of the configuration, and what its files say of themselves."""

import importlib.resources
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from bikeml.config.project import find_project
from bikeml.errors import ConfigError
from bikeml.system.documents import MOST_BYTES, read_bounded

_COMMENTED = re.compile(r"^(\w+):.* # (.+)$", re.MULTILINE)


@cache
def config_dir() -> Path:
    """Return the folder of the configuration: in the installed package, or beside it in a checkout."""
    package = Path(str(importlib.resources.files("bikeml")))
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def find_nearby(group: str, option: str) -> Path | None:
    """Return a folder, here or in the parent of the working folder, that has the option of a config group, if any."""
    for place in (Path(), Path("..")):
        with suppress(OSError, ValueError):  # one that may not be listed; a name that no file can have
            below = sorted(each for each in place.iterdir() if each.is_dir() and not each.name.startswith("."))
            found = next((each for each in (place, *below) if (each / group / f"{option}.yaml").is_file()), None)
            if found is not None:
                return found
    return None


def find_table(name: str) -> Path | None:
    """Return the file of a table in the working folder that a name stands for, if any."""
    with suppress(OSError, ValueError):
        return next((Path(f"{name}{end}") for end in ("", ".csv", ".parquet") if Path(f"{name}{end}").is_file()), None)
    return None


def find_own_folder() -> Path | None:
    """Return the folder of options that bikeml.yaml names; None if there is none. Raises ConfigError."""
    project = find_project()
    folder = project.config_dir if project else None
    return None if folder == config_dir() else folder


def read_key_comments(file: Path) -> dict[str, str]:
    """Return the comment behind each key of a config file that has one."""
    return dict(_COMMENTED.findall(file.read_text(encoding="utf-8")))


def read_comments(file: Path) -> list[str]:
    """Return the lines of a config file that are comments: the first says what it is. One that is no text has none."""
    try:
        lines = read_bounded(file, MOST_BYTES).decode().splitlines()
    except (OSError, ValueError):  # --help lists it, and who chooses it is told
        return []
    return [line.removeprefix("#").strip() for line in lines if line.startswith("#") and "@package" not in line]


def refuse_unknown_options(unknown: Iterable[str]) -> None:
    """Raise a ConfigError for the first option among the words that a command line's parser does not know."""
    for word in unknown:
        if word.startswith("-"):
            name = word.partition("=")[0]
            raise ConfigError(
                f"there is no option {name!r}; --help shows what there is, and values are set without dashes: model=rf"
            )
