"""Hydra's sources of config files: whose they are, and what is read only once."""

import pickle
from collections.abc import Callable
from pathlib import Path

from hydra.plugins.config_source import ConfigResult, ConfigSource

from bikeml.config.composition.options import config_dir

NAMED_BY_USER = ("main", "command-line", "hydra.searchpath in main", "hydra.searchpath in command-line")
"""Hydra's words for the folders that a command or a file names. Others are Hydra's own or an installed plugin's."""
_READ: dict[tuple[str, str], bytes] = {}
"""The shipped files by source and path, pickled: such a copy takes a tenth of the time of reading the file."""


def is_users(provider: str, path: str) -> bool:
    """Return whether a source of config files is a folder that a command or a file names, and not ours."""
    if provider not in NAMED_BY_USER or path in (f"file://{config_dir()}", "pkg://bikeml.conf"):
        return False
    return Path(path.removeprefix("file://")).resolve() != config_dir().resolve()


def is_shipped(source: ConfigSource) -> bool:
    """Return whether a source is a folder of ours, of Hydra or of a plugin, in which nothing changes."""
    return source.scheme() in ("file", "pkg") and not is_users(source.provider, source.full_path())


def is_users_folder(source: ConfigSource) -> bool:
    """Return whether a source is a folder on the disk that a command or a file names."""
    return source.scheme() == "file" and is_users(source.provider, source.full_path())


def read_once(source: str, config_path: str, load: Callable[[str], ConfigResult | None]) -> ConfigResult | None:
    """Return a copy of what `load` made of a shipped file; it is asked once in a process."""
    key = (source, config_path)
    if key not in _READ:
        _READ[key] = pickle.dumps(load(config_path))
    found: ConfigResult | None = pickle.loads(_READ[key])  # noqa: S301  our own bytes
    return found
