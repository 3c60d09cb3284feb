"""The protocol of a sweep's launcher, the adapter for any launcher of Hydra, and how cells are handed to one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from bikeml.errors import BikemlError, ConfigError
from bikeml.terminal.status import describe_error

if TYPE_CHECKING:
    import pandas as pd

    from bikeml.config.schema import Config
    from bikeml.multirun.composed import Job, PlannedCell  # its imports are too slow for the command line
    from bikeml.records.sweep import Sweep, SweepRecord
    from bikeml.records.sweep_folder import SweepFolder
    from bikeml.tracking.sweeps import Recorded

T = TypeVar("T")
SERIAL_BATCH = 20
"""Hydra's own launcher keeps the configs of all cells that it is handed until the last has run, 0.1 MiB for each."""


class StoreOfSweep(Protocol):
    """What :class:`bikeml.tracking.sweeps.SweepStore` is, in whichever process; its docstrings tell the rest."""

    holds_jobs: bool

    def check(self) -> None:
        """Ask the store whether it answers."""

    def begin(self, sweep: "SweepRecord", folder: Path) -> object:
        """Begin the sweep's own run, and write where it is to the sweep's folder, now or while cells run."""

    def settle(self) -> None:
        """Wait until the sweep's run has begun."""

    def end(self, run_id: str, files: Iterable[Path], metrics: Mapping[str, float], status: str) -> None:
        """End the sweep's own run, with its files and metrics."""

    def find(self, fingerprint: str, *, failures: bool, has_budget: bool = False) -> "Recorded | None":
        """Return the latest run of this fingerprint."""

    def take(self, run_id: str, folder: Path, fingerprint: str) -> None:
        """Download the files of a recorded run."""

    def explain(self, identity: Mapping[str, Any], choices: Mapping[str, str]) -> str:
        """Return how a cell differs from the most similar finished run."""


@runtime_checkable
class CellLauncher(Protocol):
    """A launcher that knows of cells. The outcome of a cell is read from its folder, not from the launcher."""

    keeps_jobs: bool
    """Whether a cell becomes a job of a service that keeps it, so that the same sweep finds it again."""
    takes_composed: bool = False
    """Whether it runs the configs of the plan, and does not compose them once more from overrides."""

    def warm_up(self) -> None:
        """Prepare to run cells, while they are composed; most launchers need no time for it."""
        return

    def break_off(self) -> None:
        """Drop what the launcher would still do beside the cells, none of which runs any more."""
        return

    def cool_down(self) -> None:
        """End what :meth:`warm_up` has begun: the sweep is over, or broken off."""
        return

    def ask(self, function: Callable[..., T], *args: object) -> T:
        """Return what a function of a module returns, called wherever its libraries are imported already."""
        return function(*args)

    def open_store(self, configs: "Sequence[Config]") -> "StoreOfSweep":
        """Open the store of a sweep whose cells have these configs; raises TrackingError."""
        from bikeml.tracking.sweeps import SweepStore  # mlflow's import takes seconds

        return SweepStore(*configs)

    def draw(self, sweep: "Sweep", leaderboard: "pd.DataFrame", until: float) -> None:
        """Write the pages of a sweep that has ended; see :func:`bikeml.multirun.publish.draw_sweep`."""
        from bikeml.multirun.publish import draw_sweep  # the command line needs none of what it imports

        draw_sweep(sweep, leaderboard, until)

    def announce(self, planned: "Sequence[PlannedCell]") -> None:
        """
        Take the cells of a sweep before anything is written.

        Raises ConfigError if they cannot be launched, and PlannedError if only a plan was requested.
        """

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> object:
        """Run a cell for each list of overrides, each in the folder that they name, and wait for all."""

    def launch_cells(self, folder: "SweepFolder", jobs: "Sequence[Job]") -> None:
        """Run the cells that must run. If one breaks the launcher itself, launch the unfinished ones one by one."""
        try:
            self.launch([job.words for job in jobs], initial_job_idx=0)
        except BikemlError:
            raise
        except Exception:  # noqa: BLE001  a worker that was killed, say; what the launcher knew of the others is lost
            for job in jobs:
                if not _has_ended(folder, job):
                    _launch_alone(self, folder, job)


class PlainLauncher(CellLauncher):
    """A launcher of Hydra that knows nothing of bikeml: Hydra's own, joblib's, submitit's or a user's."""

    keeps_jobs = False

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    def announce(self, planned: "Sequence[PlannedCell]") -> None:
        """Raise ConfigError for what such a launcher cannot do: reuse what is not recorded, and end in time."""
        check_reuse(planned[0].config)
        refuse_budget(planned[0].config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> None:
        """Run the cells, and drop what Hydra returns."""
        size = SERIAL_BATCH if isinstance(self._launcher, BasicLauncher) else max(1, len(job_overrides))
        for first in range(0, len(job_overrides), size):
            self._launcher.launch(job_overrides[first : first + size], initial_job_idx=initial_job_idx + first)


def adapt(launcher: Launcher | CellLauncher) -> CellLauncher:
    """Return the launcher of a sweep for one of Hydra's."""
    return launcher if isinstance(launcher, CellLauncher) else PlainLauncher(launcher)


def check_reuse(config: "Config") -> None:
    """Raise ConfigError if recorded runs are to be reused and nothing is recorded."""
    if config.reuse not in (None, "none") and config.tracking.uri is None:
        raise ConfigError(f"reuse={config.reuse} takes recorded runs; choose tracking=local or server, or reuse=null")


def refuse_budget(config: "Config", instead: str = "") -> None:
    """Raise ConfigError if a launcher that cannot stop its cells has a budget; `instead` says what else to do."""
    if config.sweep.budget_seconds is not None:
        raise ConfigError(
            f"sweep.budget_seconds={config.sweep.budget_seconds:g} needs hydra/launcher=local, which can stop a cell; "
            f"choose it, or set sweep.budget_seconds=null{instead}"
        )


def find_cores_of_a_cell(master: DictConfig, launcher: CellLauncher) -> int | None:
    """Return a cell's share of the cores if a launcher of Hydra runs several, else None; ours shares them itself."""
    from joblib import cpu_count, effective_n_jobs  # the command line needs no joblib

    n_jobs = master.hydra.launcher.get("n_jobs")
    if n_jobs is None or launcher.takes_composed:
        return None
    try:
        return max(1, int(cpu_count()) // int(effective_n_jobs(n_jobs)))
    except ValueError as error:
        raise ConfigError(f"hydra.launcher.n_jobs={n_jobs}: {error}; use 1 or more, or -1 for every core") from error


def _has_ended(folder: "SweepFolder", job: "Job") -> bool:
    return folder.read_outcome(job.planned.cell).status in ("finished", "failed")


def _launch_alone(launcher: CellLauncher, folder: "SweepFolder", job: "Job") -> None:
    try:
        launcher.launch([job.words], initial_job_idx=0)
    except Exception as error:  # noqa: BLE001  this cell broke it
        from bikeml.records.sweep_folder import write_failure  # its imports are too slow for the command line

        if not _has_ended(folder, job):
            write_failure(folder.path / job.planned.folder, f"the launcher broke: {describe_error(error)}", job.words)
