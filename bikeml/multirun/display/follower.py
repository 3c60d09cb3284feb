"""Show the progress of a sweep from the files in its cells' folders; this works with any launcher."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING

from bikeml.evaluation.metrics import find_metric
from bikeml.records.sweep import Cell, JobRecord, Outcome, SweepRecord
from bikeml.records.sweep_folder import SweepFolder
from bikeml.terminal.progress import ProgressLine, progress_line
from bikeml.terminal.tables import build_table, link

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

LOOK_SECONDS = 0.3
ON_A_NODE = ("Running", "Finalizing", "CancelRequested")
"""Azure ML's states of a job that has a node, or had one a moment ago."""
ENDED = ("Completed", "Failed", "Canceled")
MANY_JOBS = 10  # are shown; few clusters have more nodes


@contextmanager
def follow(folder: SweepFolder, record: SweepRecord) -> Iterator["Follower"]:
    """
    Print a line for each cell that ends while the block runs, and for a cluster's jobs that begin to run or wait.

    On a terminal also show a progress line, and below it the jobs that have a node and the first that waits. Cells that
    are planned later are told to the follower.
    """
    stop, jobs = Event(), ClusterJobs()
    with progress_line(remaining=True, below=jobs.draw) as shown:
        follower = Follower(folder, record, shown, jobs)
        thread = Thread(target=follower.watch, args=(stop,), daemon=True)
        thread.start()
        try:
            yield follower
        finally:
            stop.set()
            thread.join()
            follower.look()


class ClusterJobs:
    """The jobs of a cluster that have not ended, and the time since each was first seen on a node."""

    def __init__(self) -> None:
        self._running: list[tuple[str, JobRecord]] = []
        self._waiting: list[tuple[str, JobRecord]] = []
        self._begun: dict[str, float] = {}
        self._reasons: set[str | None] = set()

    @property
    def n_running(self) -> int:
        """How many have a node."""
        return len(self._running)

    def update(self, jobs: Sequence[tuple[str, JobRecord]]) -> Iterator[str]:
        """
        Take the names of cells with what job.json says.

        Yield a line for the first job of all, for each that has begun to run, and for each new reason to wait.
        """
        self._running = [(cell, job) for cell, job in jobs if job.status in ON_A_NODE]
        self._waiting = [(cell, job) for cell, job in jobs if job.status not in (*ON_A_NODE, *ENDED)]
        for cell, job in self._running:
            if job.name not in self._begun:
                self._begun[job.name] = job.seen
                yield f"{cell}: {job.status}, {job.studio}"
        for cell, job in self._waiting:
            if job.reason not in self._reasons and (job.reason or not self._begun):
                yield f"{cell}: {_describe(job)}, {job.studio}"
            self._reasons.add(job.reason)

    def count_waiting(self) -> str:
        """Return how many wait, and in which states, such as ", 3 queued"."""
        counts = Counter(job.status for _, job in self._waiting)
        return "".join(f", {count} {_in_words(status)}" for status, count in counts.items())

    def draw(self) -> "Iterator[Table]":
        """Yield a table of the jobs on a node and the first that waits, if there are any."""
        if not self._running and not self._waiting:
            return
        rows: list[tuple[str | Text, ...]] = []
        for cell, job in self._running[:MANY_JOBS]:  # each may have begun before anybody looked
            seconds = int(time.time() - self._begun.get(job.name, job.seen))
            rows.append(_row(cell, job, str(timedelta(seconds=seconds))))
        if self.n_running > MANY_JOBS:
            rows.append((f"and {self.n_running - MANY_JOBS} more",))
        rows += [_row(cell, job, "") for cell, job in self._waiting[:1]]
        yield build_table(("cell", "state", "node time", "job"), rows)


def _row(cell: str, job: JobRecord, node_time: str) -> "tuple[str | Text, ...]":
    return cell, _describe(job), node_time, link(job.name, job.studio)


def _describe(job: JobRecord) -> str:
    return f"{job.status}, {job.reason}" if job.reason else job.status


def _in_words(status: str) -> str:
    """Return a state as people write it: NotStarted is "not started"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", status).lower()


class Follower:
    """Prints what is new of a sweep."""

    def __init__(self, folder: SweepFolder, record: SweepRecord, shown: ProgressLine, jobs: ClusterJobs) -> None:
        self._folder, self._shown, self._jobs = folder, shown, jobs
        self._task = shown.add_task("starting")
        self._waiting: dict[int, Cell] = {}
        self._last, self._done, self._failed, self._left_out = -1, 0, 0, 0
        self.expect(record)
        self._metric = find_metric(record.rank)
        self._best: tuple[float, str] | None = None

    def expect(self, record: SweepRecord) -> None:
        """Take the cells that a sweep has now, which a sweeper has proposed in the meantime."""
        self._waiting |= {cell.number: cell for cell in record.cells if cell.number > self._last}
        self._last = record.cells[-1].number
        self._n_cells = max(len(record.cells), (record.n_trials or 0) - len(record.dropped))
        self._shown.update(self._task, total=self._n_cells)

    def watch(self, stop: Event) -> None:
        """Look at intervals until `stop` is set."""
        while not stop.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Print what has happened since the last look."""
        begun, jobs = 0, list[tuple[str, JobRecord]]()
        for cell in list(self._waiting.values()):
            outcome = self._folder.read_outcome(cell)
            if outcome.left_out is not None:
                del self._waiting[cell.number]
                self._left_out += 1
            elif outcome.record is not None or outcome.failure is not None:
                del self._waiting[cell.number]
                self._done += 1
                self._tell_end(outcome)
            elif outcome.job is not None:
                jobs.append((cell.name, outcome.job))
            else:
                begun += outcome.has_begun
        for line in self._jobs.update(jobs):
            self._print(line)
        best = f", best {self._metric.show(self._best[0])} {self._best[1]}" if self._best else ""
        running = f"{begun + self._jobs.n_running} running{self._jobs.count_waiting()}"
        left_out = f", {self._left_out} left out" if self._left_out else ""
        text = f"{self._done - self._failed} done, {running}, {self._failed} failed{left_out}{best}"
        self._shown.update(self._task, completed=self._done + self._left_out, description=text)

    def _tell_end(self, outcome: Outcome) -> None:
        line = f"[{self._done}/{self._n_cells}] {outcome.cell.name}: "
        if outcome.record is None:
            self._failed += 1
            first, *more = f"failed: {outcome.failure.error if outcome.failure else ''}".splitlines()
            self._print(line + (f"{first} {more[0].strip()}" if more and first.endswith(":") else first))
            return
        metric = self._metric
        mean, std = (outcome.record.metrics.get(name) for name in (metric.mean, metric.std))
        if mean is not None and (self._best is None or metric.sign * mean > metric.sign * self._best[0]):
            self._best = mean, outcome.cell.name
        shown = "" if mean is None else f"cv_{metric.name} {metric.show(mean)} ± {metric.show(std or 0)}"
        line += shown or f"no cv_{metric.name}"
        seconds = outcome.record.seconds.get("total", 0)
        self._print(line + (", reused" if outcome.cell.reused else f", {seconds:.1f} s"))

    def _print(self, line: str) -> None:
        self._shown.tell(line)
