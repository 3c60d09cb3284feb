"""Tell how a sweep goes on while it does, from what its cells leave in their folders: any launcher will do."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

from rich.markup import escape
from rich.progress import Progress, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bikeml.progress import progress_line
from bikeml.records.run import METRIC
from bikeml.records.sweep import JobRecord, Outcome, SweepRecord
from bikeml.records.sweep_folder import SweepFolder

LOOK_SECONDS = 0.3
ON_A_NODE = ("Running", "Finalizing", "CancelRequested")
"""Azure ML's states of a job that has a node, or had one a moment ago."""
MANY_JOBS = 10  # are shown; few clusters have more nodes


@contextmanager
def follow(folder: SweepFolder, record: SweepRecord) -> Iterator[None]:
    """
    Tell of each cell that ends, and of each job of a cluster that begins to run, while the block runs.

    On a terminal there is a progress line too, and below it the jobs that have a node.
    """
    stop, jobs = Event(), RunningJobs()
    with progress_line(TimeRemainingColumn(), below=jobs.draw) as shown:
        follower = _Follower(folder, record, shown, jobs)
        thread = Thread(target=follower.watch, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            follower.look()


class RunningJobs:
    """The jobs of a cluster that have a node, with the time for which they have been seen to have it."""

    def __init__(self) -> None:
        self._jobs: list[tuple[str, JobRecord]] = []
        self._begun: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def update(self, jobs: Iterable[tuple[str, JobRecord]]) -> Iterator[str]:
        """Take the names of cells with what job.json says; yield a line for each job that has begun to run."""
        self._jobs = [(cell, job) for cell, job in jobs if job.status in ON_A_NODE]
        for cell, job in self._jobs:
            if job.name not in self._begun:
                self._begun[job.name] = job.seen
                yield f"{cell}: {job.status}, {job.studio}"

    def draw(self) -> Iterator[Table]:
        """Yield a table, where there is anything to show; a job may have begun before anybody looked."""
        if not self._jobs:
            return
        table = Table("running", "state", "node time", "job", box=None)
        for cell, job in self._jobs[:MANY_JOBS]:
            seconds = int(time.time() - self._begun.get(job.name, job.seen))
            page = Text(job.name, style=f"link {job.studio}")
            table.add_row(escape(cell), escape(job.status), str(timedelta(seconds=seconds)), page)
        if len(self._jobs) > MANY_JOBS:
            table.add_row(f"and {len(self._jobs) - MANY_JOBS} more")
        yield table


class _Follower:
    """What has been told of a sweep so far."""

    def __init__(self, folder: SweepFolder, record: SweepRecord, shown: Progress, jobs: RunningJobs) -> None:
        self._folder, self._shown, self._jobs = folder, shown, jobs
        self._n_cells = len(record.cells)
        self._waiting = {cell.number: cell for cell in record.cells}
        self._task = shown.add_task("starting", total=self._n_cells)
        self._failed = 0
        self._best: tuple[float, str] | None = None

    def watch(self, stop: Event) -> None:
        """Look again and again until told to stop."""
        while not stop.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Tell of what has happened since the last look."""
        begun, jobs = 0, list[tuple[str, JobRecord]]()
        for cell in list(self._waiting.values()):
            outcome = self._folder.read_outcome(cell)
            if outcome.record is not None or outcome.failure is not None:
                del self._waiting[cell.number]
                self._tell_end(outcome)
            elif outcome.job is not None:
                jobs.append((cell.name, outcome.job))
            else:
                begun += outcome.has_begun
        for line in self._jobs.update(jobs):
            self._print(line)
        done = self._n_cells - len(self._waiting)
        best = f", best {self._best[0]:.4f} {self._best[1]}" if self._best else ""
        text = f"{done - self._failed} done, {begun + len(self._jobs)} running, {self._failed} failed{best}"
        self._shown.update(self._task, completed=done, description=text)

    def _tell_end(self, outcome: Outcome) -> None:
        done = self._n_cells - len(self._waiting)
        line = f"[{done}/{self._n_cells}] {outcome.cell.name}: "
        if outcome.record is None:
            self._failed += 1
            first, *more = f"failed: {outcome.failure.error if outcome.failure else ''}".splitlines()
            self._print(line + (f"{first} {more[0].strip()}" if more and first.endswith(":") else first))
            return
        mean, std = (outcome.record.metrics.get(name) for name in (METRIC, "cv_r2_std"))
        if mean is not None and (self._best is None or mean > self._best[0]):
            self._best = mean, outcome.cell.name
        line += "no cv_r2" if mean is None else f"cv_r2 {mean:.4f} ± {std or 0:.4f}"
        seconds = outcome.record.seconds.get("total", 0)
        self._print(line + (", reused" if outcome.cell.reused else f", {seconds:.1f} s"))

    def _print(self, line: str) -> None:
        self._shown.console.print(escape(line), soft_wrap=True)
