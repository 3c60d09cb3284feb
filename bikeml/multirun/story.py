"""Run a sweep: compose every cell, plan, launch the cells that must run, and write the leaderboard."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.config_loader import ConfigLoader
from joblib import cpu_count, effective_n_jobs
from omegaconf import DictConfig

from bikeml.errors import BikemlError, ConfigError, RunFolderError
from bikeml.multirun.display import show_leaderboard
from bikeml.multirun.follower import follow
from bikeml.multirun.launcher import CellLauncher
from bikeml.multirun.plan import PlannedCell, compose_cells, plan_cells, reuse_recorded, subdir_override
from bikeml.pages.leaderboard import build_leaderboard, count_cells, write_leaderboard
from bikeml.pages.report import write_report
from bikeml.records.provenance import command_line
from bikeml.records.run import CELL, FINGERPRINT, PARENT_RUN_ID
from bikeml.records.sweep import Cell, Sweep, SweepRecord
from bikeml.records.sweep_folder import SweepFolder, is_collected, write_failure
from bikeml.system.redaction import redact
from bikeml.terminal.status import describe_error

if TYPE_CHECKING:
    from bikeml.tracking.sweeps import SweepStore


def run_sweep(
    loader: ConfigLoader, master: DictConfig, combinations: Sequence[Sequence[str]], launcher: CellLauncher
) -> None:
    """
    Run a cell for each of `combinations`, lists of overrides to `master`, the sweep's own config.

    Raises ConfigError, DataError, RunFolderError or TrackingError before any cell has run. A cell that fails raises
    nothing: it is in the leaderboard with its cause.
    """
    if not combinations:
        raise ConfigError("the sweep has no cells: a glob() or range() among its overrides gives no value")
    path = Path(str(master.hydra.sweep.dir)).absolute()
    if "${" in str(path):
        raise ConfigError(f"{str(path)!r} has ${{ in it, which Hydra would resolve; choose another hydra.sweep.dir")
    cores, started = _cores_of_a_cell(master), time.time()
    planned, dropped = plan_cells(compose_cells(loader, master, combinations))
    launcher.announce(planned)
    folder = SweepFolder(path)
    with ExitStack() as stack:
        with _writing(folder.path):
            stack.enter_context(folder.claim())
            folder.clear(each.folder for each in planned if not _is_kept(launcher, each.cell, folder))
        _run_claimed(folder, planned, dropped, launcher, started, cores)


def _run_claimed(
    folder: SweepFolder,
    planned: list[PlannedCell],
    dropped: list[str],
    launcher: CellLauncher,
    started: float,
    cores: int | None,
) -> None:
    store, stored = _open_store(planned[0]), None
    reuse = planned[0].config.reuse or ("all" if launcher.keeps_jobs else "none")
    if store is not None and reuse != "none" and not (launcher.keeps_jobs and store.holds_jobs):
        planned = reuse_recorded(planned, store, folder, failures=reuse == "all")
    cells, command = tuple(each.cell for each in planned), redact(command_line())
    record = SweepRecord(command=command, started=started, cells=cells, dropped=tuple(dropped))
    if store is not None:
        stored = store.begin(record)
    interrupted = True
    try:
        with _writing(folder.path):
            record.write(folder.path)
            if stored is not None:
                stored.write(folder.path)
        run_id = stored.run_id if stored else None
        jobs = [(each.cell, _job(each, run_id, cores)) for each in planned if not each.reused]
        with follow(folder, record):
            _launch(launcher, folder, jobs)
        interrupted = False
    finally:
        conclude(folder, record, store, interrupted=interrupted)


def _is_kept(launcher: CellLauncher, cell: Cell, folder: SweepFolder) -> bool:
    """Whether the cell's folder already has the result that a launcher of jobs would fetch."""
    return launcher.keeps_jobs and is_collected(folder.folder_of(cell), cell.fingerprint)


def _open_store(first: PlannedCell) -> "SweepStore | None":
    """Open the store of the first cell. It is made before any cell runs, so that parallel cells find it."""
    if first.config.tracking.uri is None:
        return None
    from bikeml.tracking.sweeps import SweepStore  # mlflow's import takes seconds

    return SweepStore(first.config)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise a RunFolderError if the sweep's folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"cannot write to {str(folder)!r}: {error.strerror or error}; set hydra.sweep.dir to another folder"
        ) from error


def _cores_of_a_cell(master: DictConfig) -> int | None:
    """Return a cell's share of the cores if the launcher runs several at once, else None."""
    n_jobs = master.hydra.launcher.get("n_jobs")
    if n_jobs is None:
        return None
    try:
        return max(1, int(cpu_count()) // int(effective_n_jobs(n_jobs)))
    except ValueError as error:
        raise ConfigError(f"hydra.launcher.n_jobs={n_jobs}: {error}; use 1 or more, or -1 for every core") from error


def _job(planned: PlannedCell, run_id: str | None, cores: int | None) -> list[str]:
    """Return the overrides of a cell's job: its own, its folder, and what its environment tells it."""
    environment = {
        CELL: planned.number,  # Hydra counts the cells that it is handed, without those that are reused
        FINGERPRINT: planned.cell.fingerprint,
        PARENT_RUN_ID: run_id,
        "LOKY_MAX_CPU_COUNT": cores,  # estimators with n_jobs=-1 heed it
    }
    told = [f"+hydra.job.env_set.{name}='{value}'" for name, value in environment.items() if value is not None]
    return [*planned.overrides, subdir_override(planned.folder), *told]


def _launch(launcher: CellLauncher, folder: SweepFolder, jobs: Sequence[tuple[Cell, list[str]]]) -> None:
    """Launch the cells that must run. If one breaks the launcher itself, launch the unfinished ones one by one."""
    if not jobs:
        return
    try:
        launcher.launch([job for _, job in jobs], initial_job_idx=0)
    except BikemlError:
        raise
    except Exception:  # noqa: BLE001  a worker that was killed, say; what the launcher knew of the others is lost too
        for cell, job in jobs:
            if not _has_ended(folder, cell):
                _launch_alone(launcher, folder, cell, job)


def _has_ended(folder: SweepFolder, cell: Cell) -> bool:
    return folder.read_outcome(cell).status in ("finished", "failed")


def _launch_alone(launcher: CellLauncher, folder: SweepFolder, cell: Cell, job: list[str]) -> None:
    try:
        launcher.launch([job], initial_job_idx=0)
    except Exception as error:  # noqa: BLE001  this cell broke it
        if not _has_ended(folder, cell):
            write_failure(folder.path / cell.folder, f"the launcher broke: {describe_error(error)}", job)


def conclude(
    folder: SweepFolder, record: SweepRecord, store: "SweepStore | None" = None, *, interrupted: bool = False
) -> None:
    """
    Show and write the leaderboard of a sweep, also if cells failed or did not run, and end its run in the store.

    Raises RunFolderError if the sweep's folder cannot be written, and TrackingError if the store cannot be used.
    """
    sweep = folder.look(record)
    leaderboard = build_leaderboard(sweep)
    if any(outcome.status != "not run" for outcome in sweep.outcomes):
        show_leaderboard(sweep, leaderboard)
    try:
        with _writing(folder.path):
            write_leaderboard(sweep, leaderboard)
            write_report(sweep, leaderboard)
    finally:
        if store is not None and sweep.run_id is not None:
            status = "KILLED" if interrupted else "FAILED" if sweep.has_failures else "FINISHED"
            store.end(sweep.run_id, folder.list_files(), count_cells(leaderboard), status)


def conclude_foreign(path: Path) -> Sweep:
    """Conclude the sweep that another sweeper has run at `path`, and return it; raises BikemlError."""
    folder = SweepFolder(path)
    with _writing(path):
        record = folder.adopt(redact(command_line()))
    conclude(folder, record)
    return folder.look(record)
