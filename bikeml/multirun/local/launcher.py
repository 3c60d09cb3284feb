"""The launcher that Hydra finds for the cells of this machine. It imports what it needs only when it launches."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from bikeml.errors import ConfigError
from bikeml.multirun.launcher import CellLauncher, StoreOfSweep, check_reuse
from bikeml.system.clock import entered
from bikeml.system.processes import uninterrupted
from bikeml.system.workers.cores import count_cores, share_cores
from bikeml.system.workers.warm import CAN_FORK, DeadWorkerError, WarmServer

if TYPE_CHECKING:
    import pandas as pd

    from bikeml.config.schema import Config
    from bikeml.multirun.composed import Job, PlannedCell  # its imports are too slow for the command line
    from bikeml.multirun.local.budget import Budget
    from bikeml.multirun.local.helper import Helper
    from bikeml.multirun.local.recorder import Recorder
    from bikeml.multirun.local.store import StoreBeside
    from bikeml.records.sweep import Sweep
    from bikeml.records.sweep_folder import SweepFolder

T = TypeVar("T")
CELL = ("bikeml.multirun.local.job", "bikeml.multirun.cell", "sklearn.ensemble")
"""What a cell imports."""
PAGES, RECORD = "bikeml.pages.run.report", "bikeml.tracking.record"
"""What it imports if it is drawn and recorded in its own process."""
_begun: list[WarmServer] = []


@contextmanager
def workers_begun(words: Sequence[str]) -> Iterator[None]:
    """
    Begin to import what workers need before Hydra composes anything, for a sweep with these overrides.

    A launcher that has workers takes it over; nothing of it is left after the block.
    """
    is_local = all(word == "hydra/launcher=local" for word in words if word.startswith("hydra/launcher="))
    if CAN_FORK and is_local and len(os.sched_getaffinity(0)) > 1:
        _begun.append(WarmServer(CELL))
    try:
        yield
    finally:
        while _begun:
            _begun.pop().end()


class LocalLauncher(BasicLauncher, CellLauncher):
    """
    Run the cells of a sweep on this machine, `n_jobs` at a time: None for as many as cores, -1 as well.

    With n_jobs=1 they run in this process, unless sweep.budget_seconds must be able to stop one.
    """

    keeps_jobs = False
    takes_composed = True

    def __init__(self, n_jobs: int | None) -> None:
        super().__init__()
        self._n_jobs = n_jobs
        self._began = time.time()
        self._server: WarmServer | None = None
        self._helper: Helper | None = None
        self._recorder: Recorder | None = None
        self._store: StoreBeside | None = None
        self._budget: Budget | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives; raises ConfigError for a wrong n_jobs."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        n_jobs = self._n_jobs
        if n_jobs is not None and (
            not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or n_jobs < -1 or not n_jobs
        ):
            raise ConfigError(
                f"hydra.launcher.n_jobs={n_jobs!r} should be how many cells run at a time, such as 2; null takes every "
                "core"
            )

    def warm_up(self) -> None:
        """Begin to import what the workers of a sweep need, unless one cell at a time runs in this process."""
        budget, uri = (
            OmegaConf.select(cast(DictConfig, self.config), key) for key in ("sweep.budget_seconds", "tracking.uri")
        )
        if self._count_workers() == 1 and budget is None:
            return
        from bikeml.config.fields import AZUREML

        leaves_record = getattr(self.task_function, "leaves_record", False) and not str(uri).startswith(AZUREML)
        if leaves_record and _begun:
            self._server = _begun.pop()
        else:
            self._server = WarmServer(CELL if leaves_record else [*CELL, PAGES, *([] if uri is None else [RECORD])])
        if leaves_record and (uri is not None or count_cores() > 1):  # what only draws at the end needs a core for it
            from bikeml.multirun.local.recorder import Recorder

            self._recorder = Recorder(uri)

    def ask(self, function: Callable[..., T], *args: object) -> T:
        """Return what a function of a module returns, called in a worker; in this process if there are none."""
        if self._server is None:
            return function(*args)
        from bikeml.multirun.local.helper import Helper

        if self._helper is None:
            self._helper = Helper(self._server, self._pack_surroundings(self._count_workers()))
        return self._helper.ask(function, *args)

    def break_off(self) -> None:
        """Let the recorder record nothing more."""
        if self._recorder is not None:
            with uninterrupted():
                self._recorder.drop()

    def cool_down(self) -> None:
        """End the helper, the recorder, and a server that was interrupted; the other workers have ended."""
        if self._helper is not None:
            self._helper.kill()
        if self._recorder is not None:
            self._recorder.kill()
        if self._server is not None:
            self._server.end()

    def open_store(self, configs: "Sequence[Config]") -> "StoreOfSweep":
        """Open the store of a sweep in the recorder's process, if there is one."""
        if self._recorder is None:
            return super().open_store(configs)
        from bikeml.multirun.local.store import StoreBeside

        self._store = StoreBeside(self._recorder, configs)
        return self._store

    def draw(self, sweep: "Sweep", leaderboard: "pd.DataFrame", until: float) -> None:
        """Write the pages of a sweep in the recorder's process, which has the libraries, if there is one."""
        from bikeml.multirun.publish import draw_sweep

        if self._recorder is not None and not self._recorder.is_dead:
            try:
                self._recorder.ask(draw_sweep, sweep, leaderboard, until)
            except DeadWorkerError:
                self._recorder.kill()
            else:
                return
        super().draw(sweep, leaderboard, until)

    def announce(self, planned: "Sequence[PlannedCell]") -> None:
        """Take the cells of a sweep; raises ConfigError if recorded runs are to be reused and nothing is recorded."""
        check_reuse(planned[0].config)
        from bikeml.multirun.local.budget import Budget

        sweep = planned[0].config.sweep
        self._budget = Budget(sweep.budget_seconds, entered(self._began), has_blend=sweep.blend)

    def launch_cells(self, folder: "SweepFolder", jobs: "Sequence[Job]") -> None:
        """Run the cells, and wait for all."""
        from bikeml.multirun.local.job import run_here

        assert self._budget is not None  # noqa: S101  they were announced
        assert self.hydra_context is not None  # noqa: S101
        assert self.task_function is not None  # noqa: S101
        if self._server is not None:
            self._launch_in_workers(folder, jobs, self._count_workers(len(jobs)))
            return
        for job in jobs:
            run_here(self.hydra_context, self.task_function, job)

    def _launch_in_workers(self, folder: "SweepFolder", jobs: "Sequence[Job]", size: int) -> None:
        from bikeml.multirun.local.crew import Crew
        from bikeml.records.run_folder import RESULT

        assert self._budget is not None  # noqa: S101
        assert self._server is not None  # noqa: S101
        self._budget.has_finished |= any(folder.folder_of(cell).has(RESULT) for cell in folder.read().cells)  # reused
        crew = Crew(self._server, size, self._pack_surroundings(size), folder, self._budget)
        if self._recorder is not None and not self._recorder.is_dead:
            crew.recorder = self._recorder
        if self._store is not None:
            crew.settle = self._store.settle
        if self._helper is not None:
            crew.idle = self._helper.hand_over()
        crew.run(jobs)

    def _pack_surroundings(self, size: int) -> bytes:
        """Return what each of `size` workers takes over from this process."""
        from bikeml.multirun.local.job import Surroundings, without_loader

        assert self.hydra_context is not None  # noqa: S101
        assert self.task_function is not None  # noqa: S101
        assert self.config is not None  # noqa: S101
        return Surroundings(
            context=without_loader(self.hydra_context),
            task=self.task_function,
            name=str(self.config.hydra.job.name),
            variables=share_cores(os.environ, size),
            folder=os.getcwd(),  # noqa: PTH109
        ).pack()

    def _count_workers(self, n_cells: int | None = None) -> int:
        """Return how many workers a sweep of so many cells has; None: of many."""
        most = count_cores() if self._n_jobs in (None, -1) else self._n_jobs
        return most if n_cells is None else max(1, min(n_cells, most))


def register(name: str) -> None:
    """Make the launcher known to Hydra as `name`; Hydra 1.3 itself looks only in hydra_plugins packages."""
    Plugins.instance().register(LocalLauncher)
    Plugins.instance().class_name_to_class[name] = LocalLauncher
