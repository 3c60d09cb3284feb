"""The story of a sweep: compose every cell, plan, launch what must run, and conclude whatever became of it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from joblib import cpu_count, effective_n_jobs
from omegaconf import DictConfig

from bikeml.config import Config
from bikeml.display import show_leaderboard
from bikeml.errors import BikemlError, ConfigError, RunFolderError
from bikeml.following import follow
from bikeml.leaderboard import build_leaderboard, write_leaderboard
from bikeml.planning import Planned, compose_combinations, plan_cells, reuse_recorded, subdir_override
from bikeml.provenance import command_line
from bikeml.redaction import redact
from bikeml.report import write_report
from bikeml.sweep import (
    METRIC,
    Cell,
    Sweep,
    adopt,
    clear_outcomes,
    describe_error,
    is_collected,
    read_outcome,
    write_failure,
)

if TYPE_CHECKING:
    from bikeml.tracking.sweeps import SweepStore

PARENT_KEY = "sweep.parent_run_id"
SERIAL_BATCH = 20
"""Hydra's own launcher keeps the configs of all cells that it is handed until the last has run, 0.1 MiB for each."""


def run_sweep(
    loader: ConfigLoader, master: DictConfig, combinations: Sequence[Sequence[str]], launcher: Launcher
) -> None:
    """
    Run a cell for each of `combinations`, lists of overrides to `master`, the sweep's own config.

    Raises ConfigError, DataError, RunFolderError or TrackingError before any cell has run. A cell that fails raises
    nothing: it is in the leaderboard with its cause.
    """
    folder, started, command = Path(str(master.hydra.sweep.dir)).absolute(), time.time(), redact(command_line())
    if not combinations:
        raise ConfigError("the sweep has no cells: a glob() or range() among its overrides gives no value")
    cores = _cores_of_a_cell(master)
    planned, dropped = plan_cells(compose_combinations(loader, master, combinations))
    _announce(launcher, planned)
    with _writing(folder):
        clear_outcomes(folder / each.cell.folder for each in planned if not _is_kept(launcher, each.cell, folder))
    store, run_id = _open_store(planned[0]), None
    if store is not None:
        if _is_asked_for_records(launcher, planned[0].combination.config, store):
            planned = reuse_recorded(planned, store, folder)
        run_id = store.begin(f"sweep of {len(planned)} cells", command, started)
    sweep = Sweep(folder, command, started, tuple(each.cell for each in planned), tuple(dropped), run_id)
    interrupted = True
    try:
        with _writing(folder):
            sweep.write()
        waiting = [(each.cell, _job(sweep, each, cores)) for each in planned if not each.cell.reused]
        with follow(sweep):
            _launch(launcher, sweep, waiting)
        interrupted = False
    finally:
        conclude(sweep, store, interrupted=interrupted)


def _announce(launcher: Launcher, planned: Sequence[Planned]) -> None:
    """Tell a launcher that wants to know what is coming: a cluster's may refuse it, or only show it."""
    announce, config = getattr(launcher, "announce", None), planned[0].combination.config
    if announce is not None:
        announce(planned)
    elif config.reuse != "none" and config.tracking.uri is None:
        raise ConfigError(f"reuse={config.reuse} takes recorded runs; choose tracking=local or server, or reuse=none")


def _is_asked_for_records(launcher: Launcher, config: Config, store: "SweepStore") -> bool:
    """Whether the store is asked about each cell; jobs that are its runs are listed all at once by their launcher."""
    return config.reuse != "none" and not (_submits_jobs(launcher) and store.holds_jobs)


def _is_kept(launcher: Launcher, cell: Cell, folder: Path) -> bool:
    """Whether the cell's folder has what a launcher of jobs would only fetch again."""
    return _submits_jobs(launcher) and is_collected(folder / cell.folder, cell.fingerprint)


def _submits_jobs(launcher: Launcher) -> bool:
    """Whether the cells become jobs of a cluster, which keeps its own record of them."""
    return hasattr(launcher, "announce")


def _open_store(first: Planned) -> "SweepStore | None":
    """Open the store of the first cell; it is made before any cell runs, so that cells in parallel need not."""
    if first.combination.config.tracking.uri is None:
        return None
    from bikeml.tracking.sweeps import SweepStore  # mlflow's import takes seconds

    return SweepStore(first.combination.config)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise a RunFolderError for whatever keeps the sweep's folder from being written."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"cannot write to {str(folder)!r}: {error.strerror or error}; set hydra.sweep.dir to another folder"
        ) from error


def _cores_of_a_cell(master: DictConfig) -> int | None:
    """Return a cell's share of the cores where the launcher runs several at once."""
    n_jobs = master.hydra.launcher.get("n_jobs")
    if n_jobs is None:
        return None
    try:
        return max(1, int(cpu_count()) // int(effective_n_jobs(n_jobs)))
    except ValueError as error:
        raise ConfigError(f"hydra.launcher.n_jobs={n_jobs}: {error}; use 1 or more, or -1 for every core") from error


def _job(sweep: Sweep, planned: Planned, cores: int | None) -> list[str]:
    """Return the overrides that make a cell a job: its own, its folder, the run above it and its share of the cores."""
    job = [*planned.combination.overrides, subdir_override(planned.cell.folder)]
    if sweep.run_id is not None:
        job.append(f"{PARENT_KEY}={sweep.run_id}")
    if cores is not None:
        job.append(f"+hydra.job.env_set.LOKY_MAX_CPU_COUNT='{cores}'")  # estimators with n_jobs=-1 heed it
    return job


def _launch(launcher: Launcher, sweep: Sweep, jobs: Sequence[tuple[Cell, list[str]]]) -> None:
    """Launch the cells that must run; what breaks the launcher itself costs only the cell that it happens in."""
    size = SERIAL_BATCH if isinstance(launcher, BasicLauncher) else max(1, len(jobs))
    for first in range(0, len(jobs), size):
        _launch_batch(launcher, sweep, jobs[first : first + size])


def _launch_batch(launcher: Launcher, sweep: Sweep, jobs: Sequence[tuple[Cell, list[str]]]) -> None:
    try:
        launcher.launch([job for _, job in jobs], initial_job_idx=0)
    except BikemlError:
        raise
    except Exception:  # noqa: BLE001  a worker that was killed, say; what the launcher knew of the others is lost too
        for cell, job in jobs:
            if not _has_ended(sweep, cell):
                _launch_alone(launcher, sweep, cell, job)


def _has_ended(sweep: Sweep, cell: Cell) -> bool:
    return read_outcome(sweep.folder, cell).status in ("finished", "failed")


def _launch_alone(launcher: Launcher, sweep: Sweep, cell: Cell, job: list[str]) -> None:
    try:
        launcher.launch([job], initial_job_idx=0)
    except Exception as error:  # noqa: BLE001  it was this one
        if not _has_ended(sweep, cell):
            write_failure(sweep.folder / cell.folder, f"the launcher broke: {describe_error(error)}", job)


def conclude(sweep: Sweep, store: "SweepStore | None" = None, *, interrupted: bool = False) -> None:
    """
    Show and write the leaderboard of a sweep, whatever became of its cells, and end its run in the store.

    Raises RunFolderError where the sweep's folder cannot be written, and TrackingError where the store cannot be used.
    """
    leaderboard = build_leaderboard(sweep)
    if any(outcome.result or outcome.failure or outcome.job for outcome in sweep.outcomes()):
        show_leaderboard(sweep, leaderboard)
    files: list[Path] = []
    try:
        with _writing(sweep.folder):
            files += write_leaderboard(sweep, leaderboard)
            files.append(write_report(sweep, leaderboard))
    finally:
        if store is not None and sweep.run_id is not None:
            status = "KILLED" if interrupted else "FAILED" if sweep.has_failures() else "FINISHED"
            store.end(sweep.run_id, files, _count(leaderboard), status)


def conclude_foreign(folder: Path) -> Sweep:
    """Conclude the sweep that another sweeper has run in `folder`, and return it; raises BikemlError as above."""
    with _writing(folder):
        sweep = adopt(folder, redact(command_line()))
    conclude(sweep)
    return sweep


def _count(leaderboard: pd.DataFrame) -> dict[str, float]:
    """Return how many cells have come to what, and the best score, as metrics of the sweep's run."""
    counts = leaderboard["status"].value_counts()
    metrics = {f"cells_{str(status).replace(' ', '_')}": float(count) for status, count in counts.items()}
    return metrics | {f"best_{METRIC}": float(score) for score in leaderboard[METRIC].head(1).dropna()}
