"""Plan a sweep before anything runs: what each cell is, which are the same, and what the store already has."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from bikeml.config.composition import COMPOSITION_ERRORS, choices, explain, hydra_config_of, resolve
from bikeml.config.data import DataConfig
from bikeml.config.overrides import literal, override
from bikeml.config.schema import Config, typed
from bikeml.errors import ConfigError, DataError, RecordError
from bikeml.evaluation.choice import choose_sweep_rank, decide_metrics
from bikeml.experiment.check import check_estimators, find_tolerance
from bikeml.experiment.pipeline import is_reproducible
from bikeml.multirun.sources import refuse_hidden, refuse_unheeded
from bikeml.records.fingerprint import fingerprint, identify
from bikeml.records.run import check_judged
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep import Cell, WrongFolderError, check_subfolder, find_varying
from bikeml.records.sweep_folder import SweepFolder, write_failure
from bikeml.system.redaction import redact
from bikeml.table.data import read_table

if TYPE_CHECKING:
    from bikeml.tracking.sweeps import SweepStore

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


def compose_cells(
    loader: ConfigLoader, master: DictConfig, combinations: Sequence[Sequence[str]], first: int = 0
) -> list[PlannedCell]:
    """
    Compose and type every combination, a list of overrides to `master`; `first` is the number of the first.

    Raises ConfigError with the problems of all of them.
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


def _compose(loader: ConfigLoader, master: DictConfig, number: int, overrides: Sequence[str]) -> PlannedCell:
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
    return PlannedCell(number, tuple(overrides), folder, typed(sections), options, resolved)


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


def plan_cells(
    composed: Sequence[PlannedCell], earlier: Sequence[PlannedCell] = (), common: frozenset[str] | None = None
) -> Plan:
    """
    Return the cells that are not among the `earlier` ones; `common` are overrides that do not tell cells apart.

    Raises ConfigError with everything that is wrong in any cell, and DataError if no cell has a table that fits.
    """
    _check([*earlier, *composed])
    varies = find_varying(
        [tuple(map(redact, each.overrides)) for each in composed], common and frozenset(map(redact, common))
    )
    known = {_key(each): each for each in earlier}
    cells, repeats, dropped = [], {}, []
    for each, identity, varying in zip(composed, _identify(composed), varies, strict=True):
        now = replace(each, identity=identity, varies=varying)
        same = known.setdefault(_key(now), now)
        if same is now:
            cells.append(now)
            continue
        repeats[now.number] = same.number
        as_earlier = f"is the same experiment as cell {same.number}, {same.cell.name}"
        dropped.append(f"cell {now.number}, {now.cell.name}, {as_earlier}")
    return Plan([each.number for each in composed], cells, repeats, dropped)


def _key(planned: PlannedCell) -> str:
    """Return what two cells that are the same experiment share."""
    if planned.identity and is_reproducible(planned.config):
        return fingerprint(planned.identity)
    return f"cell {planned.number}"


def _check(composed: Sequence[PlannedCell]) -> None:
    """Refuse what is wrong in any cell's config, all of it at once, and cells that would overwrite each other."""
    problems: dict[str, None] = {}  # a set that keeps its order: many cells have the same problem
    for each in composed:
        try:
            check_estimators(each.config)
        except ConfigError as error:
            problems |= dict.fromkeys(str(error).splitlines())
    folders = [each.folder for each in composed]
    twice = sorted({folder for folder in folders if folders.count(folder) > 1})
    if twice:
        problems[f"hydra.sweep.subdir gives several cells the folder {twice[0]!r}; put ${{hydra.job.num}} in it"] = None
    if not problems:
        choose_sweep_rank([each.config for each in composed])
    if problems:
        raise ConfigError("\n".join(problems))


def _identify(composed: Sequence[PlannedCell]) -> Iterator[Mapping[str, Any] | None]:
    tables: dict[str, tuple[DataConfig, str, str | None] | DataError] = {}
    keys = []
    for each in composed:
        keys.append(_describe_reading(each.config))
        if keys[-1] not in tables:
            try:
                table = read_table(each.config, find_tolerance(each.config))
                tables[keys[-1]] = table.data, table.sha256, table.test_sha256
            except DataError as error:
                tables[keys[-1]] = error
    if all(isinstance(table, DataError) for table in tables.values()):
        raise next(table for table in tables.values() if isinstance(table, DataError))
    for each, key in zip(composed, keys, strict=True):
        read = tables[key]
        if isinstance(read, DataError):
            yield None
        else:
            data, sha256, test_sha256 = read
            decided = decide_metrics(each.config).model_copy(update={"data": data})
            yield identify(decided, sha256, test_sha256)


def _describe_reading(config: Config) -> str:
    """Return what the reading of a table depends on; undecided columns depend on the split's training rows too."""
    decided = "" if config.data.is_decided else config.split.model_dump_json()
    dates = bool(config.preprocessing.date)
    return f"{find_tolerance(config)} {dates} {config.data.model_dump_json()} {decided}"


def reuse_recorded(
    planned: Sequence[PlannedCell], store: "SweepStore", sweep: SweepFolder, *, failures: bool
) -> list[PlannedCell]:
    """
    Return the plan with the cells that the store already has marked as reused; copy their files into their folders.

    With `failures`, failed runs are reused too. A cell that must run has the reason. Raises TrackingError if the store
    cannot be used.
    """
    return [_reuse(each, store, sweep.path / each.folder, failures=failures) for each in planned]


def _reuse(planned: PlannedCell, store: "SweepStore", folder: Path, *, failures: bool) -> PlannedCell:
    cell = planned.cell
    if planned.identity is None or cell.fingerprint is None:
        return replace(planned, reason="its table cannot be read")
    if not is_reproducible(planned.config):
        return replace(planned, reason="a random_state is null, so that no two runs are the same")
    found = store.find(cell.fingerprint, failures=failures)
    if found is None:
        return replace(planned, reason=store.explain(planned.identity, planned.choices))
    if found.error is not None:
        write_failure(folder, found.error, cell.overrides, run_id=found.run_id)
        return replace(planned, reused=True)
    try:
        store.take(found.run_id, folder, cell.fingerprint)
        check_judged(RunFolder(folder).require(), decide_metrics(planned.config).evaluation.metrics)
    except RecordError as error:
        RunFolder(folder).clear()
        return replace(planned, reason=f"run {found.run_id} cannot be reused: {error}")
    return replace(planned, reused=True)
