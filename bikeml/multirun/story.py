"""Run a sweep: compose every cell, plan, launch the cells that must run, and write the leaderboard."""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from bikeml.config.schema import Config
from bikeml.destination.caller import CallersRun, describe_destination
from bikeml.destination.server import ask_server
from bikeml.destination.settle import find_destination
from bikeml.errors import ConfigError, TrackingError
from bikeml.evaluation.choice import choose_sweep_rank
from bikeml.multirun.blending.alike import check_alike
from bikeml.multirun.composed import Job, Plan, PlannedCell, Reuse, build_environment, compose_cells
from bikeml.multirun.display.audience import is_watched
from bikeml.multirun.display.follower import follow
from bikeml.multirun.display.sweep import show_leaderboard, show_places
from bikeml.multirun.launcher import CellLauncher, StoreOfSweep, find_cores_of_a_cell
from bikeml.multirun.proposals import Proposer
from bikeml.multirun.publish import DrawSweep, draw_sweep, end_sweep, kept_safe, writing
from bikeml.pages.sweep.leaderboard import build_leaderboard
from bikeml.records.provenance import command_line
from bikeml.records.sweep import Sweep, SweepRecord
from bikeml.records.sweep_folder import PAGE, SweepFolder, is_collected
from bikeml.system.clock import entered
from bikeml.system.redaction import redact
from bikeml.terminal.browser import open_page


def run_sweep(loader: ConfigLoader, master: DictConfig, proposer: Proposer, launcher: CellLauncher) -> None:
    """
    Run the cells that `proposer` names, each by its overrides to `master`, the sweep's own config.

    Raises ConfigError, DataError or RunFolderError before any cell has run, and TrackingError then or in the first
    seconds of the cells, which are stopped. A cell that fails raises nothing: it is in the leaderboard with its cause.
    """
    path = Path(str(master.hydra.sweep.dir)).absolute()
    if "${" in str(path):
        raise ConfigError(f"{str(path)!r} has ${{ in it, which Hydra would resolve; choose another hydra.sweep.dir")
    sweep = _RunningSweep(loader, master, proposer, launcher, SweepFolder(path), find_cores_of_a_cell(master, launcher))
    plan = sweep.plan_batch()
    if plan is None:
        raise ConfigError("the sweep has no cells: a glob() or range() among its overrides gives no value")
    launcher.announce(plan.cells)
    with ExitStack() as stack:
        with writing(path):
            stack.enter_context(sweep.folder.claim())
        sweep.run(plan)


@dataclass
class _RunningSweep:
    """A sweep that this process runs, and what is known of it so far."""

    loader: ConfigLoader
    master: DictConfig
    proposer: Proposer
    launcher: CellLauncher
    folder: SweepFolder
    cores: int | None
    """For each cell; None if it may have all."""
    started: float = field(default_factory=time.time)
    planned: list[PlannedCell] = field(default_factory=list)
    n_proposed: int = 0
    store: StoreOfSweep | None = None
    callers: CallersRun | None = None
    """The run in the store in which the sweep's own one nests."""

    def plan_batch(self) -> Plan | None:
        """Return the next cells; None if no more are proposed."""
        combinations = self.proposer.ask()
        if not combinations:
            return None
        first, self.n_proposed = self.n_proposed, self.n_proposed + len(combinations)
        composed = compose_cells(self.loader, self.master, combinations, first, keep=self.launcher.takes_composed)
        if composed[0].config.sweep.blend:
            check_alike([each.config for each in (*self.planned, *composed)])
        return self.launcher.ask(_plan, composed, self.planned, self.proposer.common)

    def run(self, plan: Plan) -> None:
        """Run the cells of the first batch, and of each one that is proposed once the outcomes are known."""
        self.callers = find_destination(plan.cells[0].config.tracking)
        self.store = self._open_store(plan.cells)
        record = self._add(plan)
        interrupted = True
        try:
            if self.store is not None:
                with writing(self.folder.path):
                    self.store.begin(record, self.folder.path)
            with follow(self.folder, record) as follower:
                self._launch(plan)
                while (batch := self.plan_batch()) is not None:
                    record = self._add(batch, record)
                    follower.expect(record)
                    self._launch(batch)
            if self.planned[0].config.sweep.blend:
                record = self._blend(record)
            interrupted = False
        except TrackingError:
            if any(outcome.record is not None for outcome in self.folder.look(record).outcomes):
                with kept_safe(self.folder.path):
                    raise
            raise
        finally:
            if interrupted:
                self.launcher.break_off()
            until = entered(self.started) + (self.planned[0].config.sweep.budget_seconds or math.inf)
            conclude(self.folder, record, self.store, until, draw=self.launcher.draw, interrupted=interrupted)
        if self.planned[0].config.open:
            open_page(self.folder.path / PAGE)

    def _open_store(self, planned: Sequence[PlannedCell]) -> StoreOfSweep | None:
        """Open the store of the first cell. If its server seems to be away, it is asked before any cell runs."""
        tracking = planned[0].config.tracking
        if tracking.uri is None:
            return None
        store = self.launcher.open_store([each.config for each in planned])
        if ask_server(tracking):
            store.check()
        return store

    def _clear(self, plan: Plan) -> None:
        cells = [each.cell for each in plan.cells]
        if self.launcher.keeps_jobs:  # what it would fetch is there already
            cells = [cell for cell in cells if not is_collected(self.folder.folder_of(cell), cell.fingerprint)]
        with writing(self.folder.path):
            self.folder.clear([cell.folder for cell in cells], goes_on=bool(self.planned))

    def _add(self, plan: Plan, record: SweepRecord | None = None) -> SweepRecord:
        """Take the cells of a batch, reused ones as such, and write and return the record with them."""
        self._clear(plan)
        new = self._reuse(plan.cells)
        self.planned += new
        record = record or self._begin_record()
        cells, dropped = (*record.cells, *(each.cell for each in new)), (*record.dropped, *plan.dropped)
        rank = choose_sweep_rank([each.config for each in self.planned])
        if record.cells and rank != record.rank:
            raise ConfigError(
                f"the cells so far are ranked by {record.rank}, and the next ones by another metric, so their scores "
                "cannot be compared; set evaluation.rank to a metric that all of them have"
            )
        record = record.model_copy(update={"cells": cells, "dropped": dropped, "rank": rank})
        with writing(self.folder.path):
            record.write(self.folder.path)
        return record

    def _begin_record(self) -> SweepRecord:
        parent = self.callers.id if self.callers else None
        return SweepRecord(
            command=redact(command_line()),
            started=self.started,
            cells=(),
            n_trials=self.proposer.n_trials,
            rope=self.planned[0].config.sweep.rope,
            budget_seconds=self.planned[0].config.sweep.budget_seconds,
            destination=describe_destination(self.planned[0].config.tracking, parent_run_id=parent),
        )

    def _reuse(self, cells: Sequence[PlannedCell]) -> Sequence[PlannedCell]:
        """Return the cells with those that the store already has marked as reused; a launcher finds its jobs itself."""
        has_jobs = self.launcher.keeps_jobs and self.store is not None and self.store.holds_jobs
        return cells if has_jobs else self._take(cells)

    def _take(self, cells: Sequence[PlannedCell]) -> Sequence[PlannedCell]:
        """Return the cells with those marked as reused whose files the store gives, as the key reuse says."""
        if not cells or self.store is None:
            return cells
        reuse = cells[0].config.reuse or ("all" if self.launcher.keeps_jobs else "none")
        if reuse == "none":
            return cells
        from bikeml.multirun.plan import reuse_recorded

        return reuse_recorded(cells, self.store, self.folder, failures=reuse == "all")

    def _blend(self, record: SweepRecord) -> SweepRecord:
        """Return the record with the blend of the cells; where time is short, no library is imported for it."""
        configs = {each.number: each.config for each in self.planned}
        if record.budget_seconds is None or self.store is not None:
            return _blend(self.folder, record, configs, self._take)
        return self.launcher.ask(_blend, self.folder, record, configs, list)

    def _launch(self, plan: Plan) -> None:
        """Launch the cells of a batch that must run, maybe before the sweep's run begins; tell the outcomes of all."""
        planned, run_id = {each.number: each for each in self.planned}, self.folder.read_run_id()
        new = [planned[each.number] for each in plan.cells]
        jobs = [Job(each, build_environment(each, run_id, self.cores)) for each in new if not each.reused]
        if jobs:
            self.launcher.launch_cells(self.folder, jobs)
        if self.store is not None:
            self.store.settle()
        cells = [planned[plan.repeats.get(number, number)].cell for number in plan.numbers]
        self.proposer.tell([self.folder.read_outcome(cell) for cell in cells])


# What follows is for a launcher's ask: it imports scikit-learn, which takes a second, where that is not done already.


def _plan(composed: Sequence[PlannedCell], earlier: Sequence[PlannedCell], common: frozenset[str] | None) -> Plan:
    from bikeml.multirun.plan import plan_cells

    return plan_cells(composed, earlier, common)


def _blend(folder: SweepFolder, record: SweepRecord, configs: Mapping[int, Config], reuse: Reuse) -> SweepRecord:
    from bikeml.multirun.blend import blend_planned

    return blend_planned(folder, record, configs, reuse)


def conclude(
    folder: SweepFolder,
    record: SweepRecord,
    store: StoreOfSweep | None = None,
    until: float = math.inf,
    *,
    draw: DrawSweep = draw_sweep,
    interrupted: bool = False,
) -> None:
    """
    Write and show the leaderboard of a sweep, also if cells failed or did not run, and end its run in the store.

    `draw` writes the pages, those that cells lack until that Unix time.
    Files come first, then the record, and then the words, whatever goes wrong before them.
    Raises RunFolderError if the sweep's folder cannot be written, and TrackingError if the store cannot be used.
    """
    ended, sweep = time.time(), folder.look(record)
    leaderboard = build_leaderboard(sweep)
    with ExitStack() as last:  # what is added last is done first
        if is_watched() and any(outcome.status not in ("not run", "interrupted") for outcome in sweep.outcomes):
            last.callback(show_places, sweep, leaderboard, ended)
            last.callback(show_leaderboard, sweep, leaderboard)
        if store is not None and sweep.run_id is not None:
            status = "KILLED" if interrupted else "FAILED" if sweep.has_failures else "FINISHED"
            last.callback(end_sweep, store, sweep, leaderboard, status)
        draw(sweep, leaderboard, until)


def conclude_foreign(path: Path) -> Sweep:
    """Conclude the sweep that another sweeper has run at `path`, and return it; raises BikemlError."""
    folder = SweepFolder(path)
    with writing(path):
        record = folder.adopt(redact(command_line()))
    conclude(folder, record)
    return folder.look(record)
