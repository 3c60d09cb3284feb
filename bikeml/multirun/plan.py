"""Plan a sweep before anything runs: what each cell is, which are the same, and what the store already has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bikeml.config.data import DataConfig
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, DataError, FitError, RecordError
from bikeml.evaluation.choice import choose_sweep_rank, decide_metrics
from bikeml.experiment.check import check_estimators, check_rows, find_missing_package, find_tolerance
from bikeml.experiment.pipeline import is_reproducible
from bikeml.multirun.composed import Plan, PlannedCell, name_cells
from bikeml.records.fingerprint import fingerprint, identify
from bikeml.records.run import check_judged
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep import find_varying
from bikeml.records.sweep_folder import SweepFolder, write_failure
from bikeml.system.redaction import redact
from bikeml.table.data import read_table
from bikeml.table.split import find_training_rows

if TYPE_CHECKING:
    from bikeml.multirun.launcher import StoreOfSweep


def plan_cells(
    composed: Sequence[PlannedCell], earlier: Sequence[PlannedCell] = (), common: frozenset[str] | None = None
) -> Plan:
    """
    Return the cells that are not among the `earlier` ones; `common` are overrides that do not tell cells apart.

    With sweep.unfit=leave_out, those that cannot be fitted here are left out. Raises ConfigError with everything that
    is wrong in any cell, and if none is left, and DataError if no cell has a table that fits.
    """
    varies = find_varying(
        [tuple(map(redact, each.overrides)) for each in composed], common and frozenset(map(redact, common))
    )
    named = [replace(each, varies=varying) for each, varying in zip(composed, varies, strict=True)]
    installed, absent = _leave_out(named, [find_missing_package(each.config) for each in named])
    _check([*earlier, *installed])
    tables = _read_tables(installed)
    fitting, unfit = _leave_out(installed, [_find_unfit(each.config, tables) for each in installed])
    known = {_key(each): each for each in earlier}
    cells, repeats, dropped = [], {}, [*absent, *unfit]
    for each in fitting:
        now = replace(each, identity=_identify(each.config, tables))
        same = known.setdefault(_key(now), now)
        if same is now:
            cells.append(now)
            continue
        repeats[now.number] = same.number
        dropped.append(f"{_say(now)}, is the same experiment as cell {same.number}, {same.cell.name}")
    return Plan([each.number for each in fitting], cells, repeats, dropped)


def _leave_out(
    cells: Sequence[PlannedCell], reasons: Sequence[str | None]
) -> tuple[Sequence[PlannedCell], Sequence[str]]:
    """Return the cells without those that have a reason, if the sweep wants that, and a line for each of these."""
    kept, lines = [], []
    for each, reason in zip(cells, reasons, strict=True):
        if reason is None or each.config.sweep.unfit == "fail":
            kept.append(each)
        else:
            lines.append(f"{_say(each)}: {reason}")
    if not kept:
        raise ConfigError("\n".join(["no cell of the sweep can be fitted here:", *lines]))
    return kept, lines


def _say(planned: PlannedCell) -> str:
    return f"cell {planned.number}, {planned.cell.name}"


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


@dataclass(frozen=True)
class _Read:
    """What the plan keeps of a table."""

    data: DataConfig
    sha256: str
    test_sha256: str | None
    y: np.ndarray
    """The target of the training rows, shape (n_rows,)."""
    rows: np.ndarray
    """The numbers of these rows in the table, from 1, shape (n_rows,)."""


def _read_tables(composed: Sequence[PlannedCell]) -> Mapping[str, _Read | None]:
    """Return the tables by what their reading depends on, and None for one that does not fit its config."""
    tables: dict[str, _Read | None] = {}
    faults = []
    for each in composed:
        key = _describe_reading(each.config)
        if key not in tables:
            try:
                tables[key] = _read(each.config)
            except DataError as error:
                tables[key] = None
                faults.append(error)
    if len(faults) == len(tables):
        raise faults[0]
    return tables


def _read(config: Config) -> _Read:
    table = read_table(config, find_tolerance(config))
    rows = find_training_rows(table, config.split) if table.n_train is None else None
    if rows is None:  # a test file is held out, or there are too few rows, which the cell tells
        rows = np.arange(table.n_train or len(table.y))
    return _Read(table.data, table.sha256, table.test_sha256, table.y[rows], table.rows[rows] + 1)


def _find_unfit(config: Config, tables: Mapping[str, _Read | None]) -> str | None:
    """Return why a model cannot be fitted on its training rows; None if it may be."""
    read = tables[_describe_reading(config)]
    try:
        if read is not None:
            check_rows(config, read.y, read.rows)
    except FitError as error:
        return str(error)
    return None


def _identify(config: Config, tables: Mapping[str, _Read | None]) -> Mapping[str, Any] | None:
    read = tables[_describe_reading(config)]
    if read is None:
        return None
    decided = decide_metrics(config).model_copy(update={"data": read.data})
    return identify(decided, read.sha256, read.test_sha256)


def _describe_reading(config: Config) -> str:
    """Return what the reading of a table depends on; undecided columns depend on the split's training rows too."""
    by_split = not config.data.is_decided or config.sweep.unfit == "leave_out"
    decided = config.split.model_dump_json() if by_split else ""
    dates = bool(config.preprocessing.date)
    return f"{find_tolerance(config)} {dates} {config.data.model_dump_json()} {decided}"


def reuse_recorded(
    planned: Sequence[PlannedCell], store: "StoreOfSweep", sweep: SweepFolder, *, failures: bool
) -> list[PlannedCell]:
    """
    Return the plan with the cells that the store already has marked as reused; copy their files into their folders.

    With `failures`, failed runs are reused too. A cell that must run has the reason. Raises TrackingError if the store
    cannot be used.
    """
    return [_reuse(each, store, sweep.path / each.folder, failures=failures) for each in planned]


def _reuse(planned: PlannedCell, store: "StoreOfSweep", folder: Path, *, failures: bool) -> PlannedCell:
    cell = planned.cell
    if planned.identity is None or cell.fingerprint is None:
        return replace(planned, reason="its table cannot be read")
    if not is_reproducible(planned.config):
        return replace(planned, reason="a random_state is null, so that no two runs are the same")
    search = planned.config.search
    has_budget = search.kind != "none" and search.budget_seconds is not None
    found = store.find(cell.fingerprint, failures=failures, has_budget=has_budget)
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
