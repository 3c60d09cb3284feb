"""
Hydra's loader of config files, which refuses what a file may not have before Hydra acts on it.

It sees each file as Hydra does: with the package that header, group and defaults list give it, whichever folder of the
search path it is in, for a run, a cell of a sweep and --help alike. Merging files runs no code (Hydra 1.3).
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from pathlib import Path, PurePath
from typing import Any, Self

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from bikeml.config.composition.hydra_section import SECTION, Key, find_links, is_harmless, list_values
from bikeml.config.composition.options import config_dir
from bikeml.config.composition.sources import is_shipped, is_users, is_users_folder, read_once
from bikeml.errors import ConfigError
from bikeml.system.documents import read_yaml
from bikeml.system.printable import printable
from bikeml.system.spelling import shorten, some

ALLOW_VARIABLE = "BIKEML_ALLOW_HYDRA_CONFIG"
PROTECTED = "BIKEML_ALLOW"
"""How the environment variables begin that let bikeml trust more. No config and no word of a command sets one."""
CALLED = ("launcher", "sweeper", "callbacks", "job_logging", "hydra_logging")
"""The parts of Hydra's section from which it makes objects."""


class CheckedFolder(FileConfigSource):
    """A folder of the user's own: its files are of bounded size, depth and number of values."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Load a file; raises ConfigError if it is too large."""
        file = Path(self.path, self._normalize_file_name(config_path))
        try:
            read_yaml(file)
        except (OSError, ValueError) as error:
            if not isinstance(error.__cause__, yaml.YAMLError):  # Hydra names the line of those
                raise ConfigError(f"cannot read {str(file)!r}: {error}; mend it, or take it away") from error
        return super().load_config(config_path)


class CheckedRepository(ConfigRepository):
    """Hydra's sources of config files."""

    def __deepcopy__(self, memo: object) -> Self:
        """Return a repository with the same sources: Hydra copies it for each config, only to give it other ones."""
        return copy(self)

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Make the sources of a search path, and those of the user's own folders bounded ones."""
        super().initialize_sources(config_search_path)
        self.sources = [
            CheckedFolder(each.provider, each.full_path()) if is_users_folder(each) else each for each in self.sources
        ]

    def load_config(self, config_path: str) -> ConfigResult | None:
        """
        Load a file; each of ours and of Hydra is read once in a process, and each caller gets a copy.

        Raises ConfigError if its name leads out of its folder, or it names other folders to search.
        """
        _refuse_paths([config_path])
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is None or not is_shipped(source):
            return self._load_own(config_path)
        return read_once(source.full_path(), config_path, super().load_config)

    def _load_own(self, config_path: str) -> ConfigResult | None:
        found = super().load_config(config_path)
        if found is not None and is_users(found.provider, found.path) and not is_all_allowed():
            raw = _read_section(found)
            # Hydra reads this key where it stands in the file, resolves it, and imports packages that it names.
            if not isinstance(raw, dict) or "searchpath" in raw:
                raise _refuse(found, config_path, [(SECTION, "searchpath") if isinstance(raw, dict) else (SECTION,)])
        return found


class CheckedLoader(ConfigLoaderImpl):
    """Hydra's loader, for files that the user may not have written."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.repository = CheckedRepository(config_search_path)
        self._has_users_files = False

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose a config; raises ConfigError for what a file may not have."""
        self._has_users_files = False
        composed = super().load_configuration(config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        self.refuse(composed)
        return composed

    def refuse(self, composed: DictConfig) -> None:
        """Raise ConfigError for what the last config that was composed of files may not have."""
        _refuse_protected(OmegaConf.select(composed, "hydra.job.env_set") or {})
        if self._has_users_files and not is_all_allowed():
            _refuse_links(composed.hydra)
            _refuse_paths(composed.hydra.runtime.choices.values())

    def _load_single_config(self, default: ResultDefault, repo: IConfigRepository) -> ConfigResult:
        self._check(default, repo)
        return super()._load_single_config(default, repo)

    def _check(self, default: ResultDefault, repo: IConfigRepository) -> None:
        """Raise ConfigError if a file has what only our own or a plugin's may have, where it is put."""
        path = str(default.config_path)
        found = repo.load_config(path)
        of_user = found is not None and is_users(found.provider, found.path)
        self._has_users_files |= of_user
        if found is None or is_all_allowed() or not (of_user or self._is_moved(default, repo)):
            return
        package = _find_package(found, path) if default.package is None else default.package
        refused = {
            key: value for key, value in list_values(_read_section(found, package)) if not is_harmless(key, value)
        }
        shipped = dict(_list_shipped(path)) if refused and of_user else {}
        refused = {key: value for key, value in refused.items() if key not in shipped or shipped[key] != value}
        if refused or (of_user and _is_option_of_hydra(path)):
            raise _refuse(found, path, [*refused])

    def _is_moved(self, default: ResultDefault, repo: IConfigRepository) -> bool:
        """Return whether a file of the user's puts a shipped option where it does not belong."""
        if default.parent is None or not any(is_users(each.provider, each.full_path()) for each in repo.get_sources()):
            return False
        parent, found = repo.load_config(default.parent), repo.load_config(str(default.config_path))
        if parent is None or found is None or not is_users(parent.provider, parent.path):
            return False
        return default.package != _find_package(found, str(default.config_path))


def is_all_allowed() -> bool:
    """Return whether the environment lets config files have anything."""
    return os.environ.get(ALLOW_VARIABLE, "").lower() in ("1", "true")


def _is_option_of_hydra(config_path: str) -> bool:
    """Return whether a file is an option of Hydra's groups, and not one of launchers and sweepers or a copy of ours."""
    group = PurePath(config_path).parts[:2]
    is_theirs = group[0] == SECTION and group[1:] not in (("launcher",), ("sweeper",))
    return is_theirs and not FileConfigSource("bikeml", str(config_dir())).is_config(config_path)


def _find_package(found: ConfigResult, config_path: str) -> str:
    """Return where a file belongs by itself: its header says it, or its group."""
    header = found.header["package"]
    if header is None:
        return ".".join(PurePath(config_path).parts[:-1])
    return header.removeprefix("_global_").removeprefix(".")


def _list_shipped(config_path: str) -> Iterator[tuple[Key, object]]:
    """Yield what our own file of that name sets in Hydra's section: a copy of it may have it too."""
    source = FileConfigSource("bikeml", str(config_dir()))
    if source.is_config(config_path):
        ours = source.load_config(config_path)
        yield from list_values(_read_section(ours, _find_package(ours, config_path)))


def _read_section(found: ConfigResult, package: str = "") -> Any:  # noqa: ANN401  any YAML value
    """Return what a file has below SECTION if it is put into a package, as it is written; else an empty mapping."""
    content = OmegaConf.to_container(found.config)
    if package:
        holder = OmegaConf.create()
        OmegaConf.update(holder, package, content, merge=False)
        content = OmegaConf.to_container(holder)
    return content.get(SECTION, {}) if isinstance(content, dict) else {}


def _refuse(found: ConfigResult, config_path: str, keys: Sequence[Key]) -> ConfigError:
    file = f"{found.path.removeprefix('file://')}/{config_path.removesuffix('.yaml')}.yaml"
    what = f"has {some(['.'.join(key) for key in keys], 3, _show)}" if keys else "is an option of Hydra's own group"
    return ConfigError(
        f"{file!r} {what}, by which a file could run code or write elsewhere; choose an option that is shipped or "
        f"installed, or set the value on the command line; if you trust all files of the folder, set "
        f"{ALLOW_VARIABLE}=1 in the environment"
    )


def _show(key: str) -> str:
    return shorten(printable(key))


def _refuse_paths(names: Iterable[str | None]) -> None:
    """Raise ConfigError if the name of a file leads out of its folder: in ours, it would pass for one of ours."""
    for name in map(str, names):
        path = PurePath(name)
        if path.is_absolute() or path.drive or ".." in path.parts:
            raise ConfigError(
                f"{name!r} leads out of the config folder; name its folder with --config-dir, and the option without "
                "a path"
            )


def _refuse_protected(env_set: Iterable[object]) -> None:
    """Raise ConfigError if Hydra would set a variable by which bikeml trusts more."""
    for name in map(str, env_set):
        if name.upper().startswith(PROTECTED):
            raise ConfigError(
                f"hydra.job.env_set.{name}: no config sets what bikeml trusts; set {name} in the environment of the "
                "command"
            )


def _refuse_links(section: DictConfig) -> None:
    """Raise ConfigError if something from which Hydra makes an object reads a mapping of the experiment."""
    for part in CALLED:
        node = OmegaConf.select(section, part)
        for key in find_links(node, (SECTION, part)) if OmegaConf.is_config(node) else ():
            raise ConfigError(f"{'.'.join(key)} reads a mapping or a list; give it a number or a text")
