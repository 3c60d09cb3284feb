"""Plan a sweep before anything runs: what each cell is, which are the same, and what the store already has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf, open_dict

from bikeml.composition import COMPOSITION_ERRORS, choices, explain, resolve
from bikeml.config import Config, typed
from bikeml.data import read_table
from bikeml.errors import ConfigError, DataError
from bikeml.pipeline import build_pipeline, check_estimators, find_tolerance, is_reproducible
from bikeml.records.fingerprint import fingerprint, identify
from bikeml.redaction import redact
from bikeml.sweep import Cell, find_varying, write_failure

if TYPE_CHECKING:
    from bikeml.tracking.sweeps import SweepStore


@dataclass(frozen=True)
class Combination:
    """One combination of a sweep as it was composed."""

    overrides: tuple[str, ...]
    """As on the command line, secrets included: they never leave this object."""
    folder: str
    """Below the sweep's."""
    config: Config
    choices: Mapping[str, str]


@dataclass(frozen=True)
class Planned:
    """A cell and what it was made of."""

    cell: Cell
    combination: Combination
    identity: Mapping[str, Any] | None
    """What determines its result; None where its table does not fit, which the cell itself will say."""


def compose_combinations(
    loader: ConfigLoader, master: DictConfig, combinations: Sequence[Sequence[str]], first: int = 0
) -> list[Combination]:
    """
    Compose and type every combination, a list of overrides to `master`; `first` is the number of the first.

    Raises ConfigError with what is wrong in any of them.
    """
    composed = []
    problems: dict[str, None] = {}  # a set that keeps its order: many cells have the same problem
    for number, overrides in enumerate(combinations, first):
        try:
            composed.append(_compose(loader, master, number, overrides))
        except ConfigError as error:
            problems |= dict.fromkeys(str(error).splitlines())
    if problems:
        raise ConfigError("\n".join(problems))
    return composed


def _compose(loader: ConfigLoader, master: DictConfig, number: int, overrides: Sequence[str]) -> Combination:
    try:
        composed = loader.load_sweep_config(master, list(overrides))
        with open_dict(composed):
            composed.hydra.job.id = composed.hydra.job.num = number
        folder = str(OmegaConf.select(composed, "hydra.sweep.subdir"))
    except COMPOSITION_ERRORS as error:
        raise explain(error) from error
    options = choices(composed.hydra.runtime.choices)
    return Combination(tuple(overrides), folder, typed(resolve(composed)), options)


def subdir_override(folder: str) -> str:
    """Return the override that gives a cell its folder below the sweep's."""
    quoted = folder.replace("\\", "\\\\").replace("'", "\\'")
    return f"hydra.sweep.subdir='{quoted}'"


def plan_cells(combinations: Sequence[Combination]) -> tuple[list[Planned], list[str]]:
    """
    Return the cells of a sweep, each experiment once, and a line for each combination that was left out for that.

    Raises ConfigError with everything that is wrong in any cell, and DataError where no cell has a table that fits.
    """
    _check(combinations)
    identities = list(_identify(combinations))
    overrides = [tuple(map(redact, combination.overrides)) for combination in combinations]
    varies = find_varying(overrides)
    planned: dict[str, Planned] = {}
    dropped = []
    for number, (combination, identity) in enumerate(zip(combinations, identities, strict=True)):
        digest = fingerprint(identity) if identity else None
        key = digest if digest and is_repeatable(combination.config) else f"cell {number}"
        cell = Cell(number, overrides[number], combination.folder, varies[number], digest)
        if key in planned:
            first = planned[key].cell
            dropped.append(f"cell {number}, {cell.name}, is the same experiment as cell {first.number}, {first.name}")
            continue
        planned[key] = Planned(cell, combination, identity)
    return list(planned.values()), dropped


def _check(combinations: Sequence[Combination]) -> None:
    """Refuse what is wrong in any cell's config, all of it at once, and cells that would overwrite each other."""
    problems: dict[str, None] = {}  # a set that keeps its order: many cells have the same problem
    for combination in combinations:
        try:
            check_estimators(combination.config)
        except ConfigError as error:
            problems |= dict.fromkeys(str(error).splitlines())
    folders = [combination.folder for combination in combinations]
    twice = sorted({folder for folder in folders if folders.count(folder) > 1})
    if twice:
        problems[f"hydra.sweep.subdir gives several cells the folder {twice[0]!r}; put ${{hydra.job.num}} in it"] = None
    if problems:
        raise ConfigError("\n".join(problems))


def _identify(combinations: Sequence[Combination]) -> Iterator[Mapping[str, Any] | None]:
    tables: dict[str, str | DataError] = {}
    keys = []
    for combination in combinations:
        data, tolerance = combination.config.data, find_tolerance(combination.config)
        keys.append(f"{tolerance} {data.model_dump_json()}")
        if keys[-1] not in tables:
            try:
                tables[keys[-1]] = read_table(data, tolerance).sha256
            except DataError as error:
                tables[keys[-1]] = error
    if all(isinstance(table, DataError) for table in tables.values()):
        raise next(table for table in tables.values() if isinstance(table, DataError))
    for combination, key in zip(combinations, keys, strict=True):
        sha256 = tables[key]
        yield None if isinstance(sha256, DataError) else identify(combination.config, sha256)


def is_repeatable(config: Config) -> bool:
    """Return False where some draw of the experiment has no seed, so that no two runs of it are the same."""
    return is_reproducible(config, build_pipeline(config, config.data.features))


def reuse_recorded(planned: Sequence[Planned], store: "SweepStore", folder: Path) -> list[Planned]:
    """
    Return the plan with what the store already has: its files are copied into the cells' folders below `folder`.

    A cell that must run says why. Raises TrackingError where the store cannot be used.
    """
    return [replace(each, cell=_reuse(each, store, folder / each.cell.folder)) for each in planned]


def _reuse(planned: Planned, store: "SweepStore", folder: Path) -> Cell:
    cell, config = planned.cell, planned.combination.config
    if planned.identity is None or cell.fingerprint is None:
        return replace(cell, reason="its table cannot be read")
    if not is_repeatable(config):
        return replace(cell, reason="a random_state is null, so that no two runs are the same")
    found = store.find(cell.fingerprint, failures=config.reuse == "all")
    if found is None:
        return replace(cell, reason=store.explain(config, planned.identity, planned.combination.choices))
    if found.error is not None:
        write_failure(folder, found.error, cell.overrides, run_id=found.run_id)
        return replace(cell, reused=True)
    if not store.take(found.run_id, folder):
        return replace(cell, reason=f"run {found.run_id} has lost its files")
    return replace(cell, reused=True)
