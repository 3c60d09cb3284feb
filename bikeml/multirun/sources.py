"""The folders that a config was composed from, and the words of a command that name them."""

import importlib.resources
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.conf import ConfigSourceInfo, HydraConf
from omegaconf import DictConfig, OmegaConf

from bikeml.config.composition import config_dir
from bikeml.config.overrides import override
from bikeml.errors import ConfigError

PRIMARY = "config"
"""The name of our primary config."""
IN_COMMAND = "hydra.searchpath in command-line"  # Hydra's word for where a folder was named


@dataclass(frozen=True)
class ConfigFolder:
    """A folder of the user's own with config groups or a primary config."""

    path: Path
    is_behind_ours: bool
    """Whether a file of ours hides one of the same name in it."""


def describe_sources(hydra: HydraConf) -> list[str]:
    """Return the words of a command that compose from the same folders and the same primary config."""
    words = []
    named = []
    for source in hydra.runtime.config_sources:
        if source.provider == "command-line":
            words.append(f"--config-dir={_locate(source, hydra)}")
        elif source.provider == "main" and not _is_ours(source):
            words.append(f"--config-path={_locate(source, hydra)}")
        elif source.provider == IN_COMMAND:
            named.append(_locate(source, hydra))
    if hydra.job.config_name not in (None, PRIMARY):
        words.append(f"--config-name={hydra.job.config_name}")
    return [*words, *([override("hydra.searchpath", named)] if named else [])]


def find_folders(hydra: HydraConf) -> list[ConfigFolder]:
    """
    Return the user's own folders in Hydra's order: of two files with one name, Hydra takes the first.

    Raises ConfigError if one is inside a package, which another machine may not have.
    """
    folders, is_behind = [], False
    for source in hydra.runtime.config_sources:
        if _is_ours(source):
            is_behind = True
        elif source.schema == "pkg" and source.provider != "hydra":
            raise ConfigError(
                f"pkg://{source.path} is in a package, which a job does not have; name its folder in hydra.searchpath, "
                "or with --config-dir"
            )
        elif source.schema == "file":
            folders.append(ConfigFolder(Path(_locate(source, hydra)), is_behind))
    return folders


def refuse_hidden(hydra: HydraConf) -> None:
    """Raise ConfigError if a shipped option was chosen that hides a file of the same name in a folder of the user's."""
    folders = dict(_list_folders(hydra))
    if all(folders.values()):
        return
    problems = []
    for key, option in hydra.runtime.choices.items():
        name = f"{str(key).partition('@')[0]}/{option}.yaml"
        found = [folder for folder in folders if (folder / name).is_file()]
        own = [folder for folder in found if not folders[folder]]
        if own and folders[found[0]]:
            problems.append(
                f"{key}={option} is shipped, and hides {str(own[0] / name)!r}; give that file another name, or name "
                "its folder with --config-path, which comes first"
            )
    if problems:
        raise ConfigError("\n".join(problems))


def refuse_unheeded(master: DictConfig, composed: DictConfig, overrides: Sequence[str]) -> None:
    """
    Raise ConfigError if a swept file sets what a sweep has only once: its sweeper, launcher, folder or list of cells.

    Hydra reads these before it sweeps, and ignores them in `composed`, the config of a cell (hydra 2807, 2946, 3231).
    """
    for kind in ("sweeper", "launcher"):
        if OmegaConf.to_container(composed.hydra[kind]) != OmegaConf.to_container(master.hydra[kind]):
            files = ", ".join(repr(str(file)) for file in _find_chosen(composed.hydra, overrides, kind))
            raise ConfigError(
                f"{files or 'a swept option'} sets hydra.{kind}, which a sweep has once and no cell can change; take "
                f"it out there, and choose it on the command line: hydra/{kind}=NAME"
            )
    cells = composed.sweep.get("cells")
    is_given = any(str(word).startswith("sweep.cells=") for word in master.hydra.overrides.task)
    if cells is not None and cells != master.sweep.get("cells") and not is_given:  # a command's wins over a recipe's
        raise ConfigError(
            "a swept option or a line of sweep.cells sets sweep.cells, which a sweep has once; choose that option for "
            "the whole sweep, such as experiment=NAME"
        )
    folder, own = str(master.hydra.sweep.dir), str(composed.hydra.sweep.dir)
    if folder != own:
        raise ConfigError(
            f"hydra.sweep.dir is {own!r} in a cell and {folder!r} in the sweep, which has one folder; set it on the "
            "command line without what varies, and put that into hydra.sweep.subdir"
        )


def _find_chosen(hydra: HydraConf, overrides: Sequence[str], word: str) -> Iterator[Path]:
    """Yield the files of the options that the overrides of a cell choose and that have `word` in them."""
    for key, _, option in (each.lstrip("+").partition("=") for each in overrides):
        files = [folder / key / f"{option}.yaml" for folder, _ in _list_folders(hydra)]
        file = next(filter(Path.is_file, files), None)
        if file is not None and word in file.read_text(encoding="utf-8"):
            yield file


def _list_folders(hydra: HydraConf) -> Iterator[tuple[Path, bool]]:
    """Yield each folder in Hydra's order, and whether it is Hydra's or ours."""
    for source in hydra.runtime.config_sources:
        if source.provider == "hydra":
            yield Path(str(importlib.resources.files("hydra.conf"))), True
        elif _is_ours(source):
            yield config_dir(), True
        elif source.schema == "file":
            yield Path(_locate(source, hydra)), False


def _is_ours(source: ConfigSourceInfo) -> bool:
    return source.path == "bikeml.conf" if source.schema == "pkg" else Path(source.path) == config_dir()


def _locate(source: ConfigSourceInfo, hydra: HydraConf) -> str:
    """Return where a source is, with an absolute path."""
    return f"pkg://{source.path}" if source.schema == "pkg" else str(Path(hydra.runtime.cwd) / source.path)
