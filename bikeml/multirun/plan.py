"""Plan a sweep before anything runs: what each cell is, which are the same, and what the store already has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bikeml.config.data import DataConfig
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, DataError, RecordError
from bikeml.evaluation.choice import choose_sweep_rank, decide_metrics
from bikeml.experiment.check import check_estimators, find_tolerance
from bikeml.experiment.pipeline import is_reproducible
from bikeml.multirun.composed import PlannedCell, name_cells
from bikeml.records.fingerprint import fingerprint, identify
from bikeml.records.run import check_judged
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep import find_varying
from bikeml.records.sweep_folder import SweepFolder, write_failure
from bikeml.system.redaction import redact
from bikeml.table.data import read_table

if TYPE_CHECKING:
    from bikeml.tracking.sweeps import SweepStore


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
    problems: dict[str, list[int]] = {}  # many cells have the same problem
    for position, each in enumerate(composed):
        try:
            check_estimators(each.config)
        except ConfigError as error:
            for line in str(error).splitlines():
                problems.setdefault(line, []).append(position)
    folders = [each.folder for each in composed]
    twice = sorted({folder for folder in folders if folders.count(folder) > 1})
    if twice:
        same = f"hydra.sweep.subdir gives several cells the folder {twice[0]!r}; put ${{hydra.job.num}} in it"
        problems[same] = [*range(len(composed))]
    if not problems:
        choose_sweep_rank([each.config for each in composed])
    if problems:
        raise ConfigError(name_cells(problems, [each.overrides for each in composed]))


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
