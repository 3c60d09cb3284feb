"""Compose the cells of a sweep, before anything runs."""

import pickle
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from bikeml.config.composition import COMPOSITION_ERRORS, choices, explain, hydra_config_of, resolve
from bikeml.config.overrides import literal, override
from bikeml.config.schema import Config, typed
from bikeml.errors import ConfigError
from bikeml.multirun.sources import refuse_hidden, refuse_unheeded
from bikeml.records.fingerprint import fingerprint
from bikeml.records.run import CELL, FINGERPRINT, PARENT_RUN_ID
from bikeml.records.sweep import Cell, WrongFolderError, check_subfolder, find_varying
from bikeml.system.redaction import redact
from bikeml.system.spelling import some

_OF_THE_JOB = re.compile(r"\$\{(hydra|now):")


@dataclass(frozen=True)
class PlannedCell:
    """A cell before it runs."""

    number: int
    """In override order, from 0."""
    overrides: tuple[str, ...]
    """As on the command line, secrets included: they never leave this object."""
    folder: str
    """Below the sweep's."""
    config: Config
    choices: Mapping[str, str]
    resolved: Mapping[str, str] = field(default_factory=dict)
    """The overrides, by key, that set what only this process can resolve, such as ``${hydra:job.num}``."""
    identity: Mapping[str, Any] | None = None
    """What determines its result; None if its table does not fit. Then the cell itself reports the error."""
    varies: Mapping[str, str] = field(default_factory=dict)
    packed: bytes = field(default=b"", repr=False)
    """What Hydra has composed; empty if the launcher composes it once more."""
    reused: bool = False
    reason: str | None = None

    @property
    def cell(self) -> Cell:
        """The cell as the plan on disk has it, without secrets."""
        return Cell(
            number=self.number,
            overrides=tuple(map(redact, self.overrides)),
            folder=self.folder,
            varies=self.varies,
            fingerprint=fingerprint(self.identity) if self.identity else None,
            reused=self.reused,
            reason=self.reason,
        )


@dataclass(frozen=True)
class Plan:
    """The cells of a sweep, each experiment once."""

    numbers: Sequence[int]
    """Of all cells that were proposed."""
    cells: Sequence[PlannedCell]
    repeats: Mapping[int, int] = field(default_factory=dict)
    """The number of each cell that was left out, and that of the earlier cell which is the same experiment."""
    dropped: Sequence[str] = ()
    """A line for each cell that was left out."""


Reuse = Callable[[Sequence[PlannedCell]], Sequence[PlannedCell]]
"""Takes planned cells; returns them, with those marked as reused whose files it has brought."""


@dataclass(frozen=True)
class Job:
    """A cell that is to run, and what its environment tells it."""

    planned: PlannedCell
    environment: Mapping[str, str]

    @property
    def words(self) -> list[str]:
        """The overrides for a launcher that composes the config: those of the cell, its folder and environment."""
        told = [f"+hydra.job.env_set.{name}='{value}'" for name, value in self.environment.items()]
        return [*self.planned.overrides, subdir_override(self.planned.folder), *told]

    def compose(self) -> DictConfig:
        """Return the config of the plan with the cell's folder and environment."""
        config: DictConfig = pickle.loads(zlib.decompress(self.planned.packed))  # noqa: S301  of the sweep's own process
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.sweep.subdir = self.planned.folder
            config.hydra.job.env_set = {**config.hydra.job.env_set, **self.environment}
        return config


def build_environment(planned: PlannedCell, run_id: str | None, cores: int | None) -> dict[str, str]:
    """Return what its environment tells a cell."""
    environment = {
        CELL: planned.number,  # Hydra counts the cells that it is handed, without those that are reused
        FINGERPRINT: planned.cell.fingerprint,
        PARENT_RUN_ID: run_id,
        "LOKY_MAX_CPU_COUNT": cores,  # estimators with n_jobs=-1 heed it
    }
    return {name: str(value) for name, value in environment.items() if value is not None}


def compose_cells(
    loader: ConfigLoader,
    master: DictConfig,
    combinations: Sequence[Sequence[str]],
    first: int = 0,
    *,
    keep: bool = False,
) -> list[PlannedCell]:
    """
    Compose and type every combination, a list of overrides to `master`; `first` is the number of the first.

    With `keep`, what Hydra has composed is kept. Raises ConfigError with the problems of all of them.
    """
    composed = []
    problems: dict[str, list[int]] = {}  # many cells have the same problem
    for number, overrides in enumerate(combinations):
        try:
            composed.append(_compose(loader, master, first + number, overrides, keep=keep))
        except ConfigError as error:
            for line in str(error).splitlines():
                problems.setdefault(line, []).append(number)
    if problems:
        raise ConfigError(name_cells(problems, combinations))
    return composed


def name_cells(problems: Mapping[str, Sequence[int]], combinations: Sequence[Sequence[str]]) -> str:
    """
    Return problems, a line each, with the cells that have it in front; cells are positions.

    A problem that all cells have, or that shows the values which tell its cells apart, is left as it is.
    """
    varying = find_varying(combinations)
    lines = []
    for line, cells in problems.items():
        here = [varying[each] for each in cells]
        names = [" ".join(f"{key}={value}" for key, value in varies.items()) for varies in here]
        is_clear = len(cells) == len(varying) or all(value in line for varies in here for value in varies.values())
        lines.append(line if is_clear else f"{redact(some(names, show=str))}: {line}")
    return "\n".join(lines)


def _compose(
    loader: ConfigLoader, master: DictConfig, number: int, overrides: Sequence[str], *, keep: bool
) -> PlannedCell:
    try:
        composed = loader.load_sweep_config(master, list(overrides))
        refuse_hidden(composed.hydra)
        with open_dict(composed):
            composed.hydra.job.id = composed.hydra.job.num = number
        with hydra_config_of(composed):
            refuse_unheeded(master, composed, overrides)
            folder = check_subfolder(str(composed.hydra.sweep.subdir))
        with read_write(composed.hydra.runtime):
            composed.hydra.runtime.output_dir = str(Path(str(master.hydra.sweep.dir)).absolute() / folder)
        sections = resolve(composed)
        OmegaConf.copy_cache(composed, master)  # so that ${now:...} is the same when the cell runs
    except WrongFolderError as error:
        raise ConfigError(f"hydra.sweep.subdir{error}") from error
    except COMPOSITION_ERRORS as error:
        raise explain(error) from error
    options = choices(composed.hydra.runtime.choices)
    raw: Any = OmegaConf.to_container(composed)
    resolved = {key: f"++{key}={literal(value)}" for key, value in _find_resolved(raw, sections)}
    packed = zlib.compress(pickle.dumps(composed), 1) if keep else b""
    return PlannedCell(number, tuple(overrides), folder, typed(sections), options, resolved, packed=packed)


def _find_resolved(raw: Mapping[Any, Any], values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of everything in a config that depends on Hydra's job or on the time."""
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(raw[key], Mapping):
            yield from _find_resolved(raw[key], value, f"{prefix}{key}.")
        elif _OF_THE_JOB.search(str(raw[key])):
            yield f"{prefix}{key}", value


def subdir_override(folder: str) -> str:
    """Return the override that gives a cell its folder below the sweep's."""
    return override("hydra.sweep.subdir", folder)
