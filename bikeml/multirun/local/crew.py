"""Run the cells of a sweep in several workers: in order, in time, and each once more if its worker is killed."""

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing import connection
from pathlib import Path
from typing import Any

import psutil

from bikeml.errors import BikemlError, RecordError
from bikeml.multirun.composed import Job
from bikeml.multirun.local.budget import Budget
from bikeml.multirun.local.job import publish_in_worker, run_in_worker
from bikeml.multirun.local.publication import Publication
from bikeml.multirun.local.recorder import Recorder
from bikeml.records.run_folder import PAGE, RESULT, STORE, RunFolder
from bikeml.records.sweep import FailureRecord, LeftOutRecord
from bikeml.records.sweep_folder import SweepFolder, write_failure
from bikeml.system.processes import GRACE_SECONDS, uninterrupted
from bikeml.system.workers.warm import Answer, DeadWorkerError, WarmServer, WarmWorker

ATTEMPTS = 2
WORKER_BYTES = 400_000_000
"""What a worker takes with its libraries and a small table."""
LOOK_SECONDS = 0.1
BACKLOG, BACKLOG_IN_TIME = 10, 4
"""How many results wait for the recorder at most, without a budget of time and with one: half a second each.

Then workers record too, which takes an import of seconds.
"""
RECORDING_SECONDS = 3.0
"""How long a cell that has its result may draw and record it when the time is up."""


@dataclass(frozen=True)
class Task:
    """A cell that waits for a worker, or has one."""

    job: Job
    deaths: int = 0
    publication: Publication | None = None
    """Its result, if it is in its folder and only has to be drawn and recorded."""
    began: float = 0.0
    """Unix time."""

    @property
    def is_judged(self) -> bool:
        """Whether it only has to be recorded."""
        return self.publication is not None

    @property
    def number(self) -> int:
        """The number of its cell."""
        return self.job.planned.number


@dataclass
class Crew:
    """The workers of a sweep, at most `size` at once."""

    server: WarmServer
    size: int
    packed: bytes
    """The surroundings of a job."""
    folder: SweepFolder
    budget: Budget
    recorder: Recorder | None = None
    """What draws and records the results beside the workers; None if they do it themselves."""
    settle: Callable[[], None] = lambda: None
    """Begins what a dead recorder has not begun; raises TrackingError."""
    idle: list[WarmWorker] = field(default_factory=list)
    """The workers that have nothing to do."""
    _recorded: dict[Path, Task] = field(default_factory=dict)
    """The cells that the recorder has got, by folder."""
    _busy: dict[WarmWorker, Task] = field(default_factory=dict)
    _waiting: deque[Task] = field(default_factory=deque)

    def run(self, jobs: Sequence[Job]) -> None:
        """Run the cells; what becomes of each is in its folder. An interrupt reaches each of them, to clean up."""
        self._waiting.extend(map(Task, jobs))
        try:
            while self._waiting or self._busy or self._recorded:
                self._assign()
                self._take_answers()
                self._stop_late()
        except BaseException:
            with uninterrupted():
                self._interrupt()
            raise
        finally:
            with uninterrupted():
                for worker in (*self._busy, *self.idle):
                    worker.kill()

    def _assign(self) -> None:
        while self._waiting and len(self._busy) < self.size:
            task = self._waiting[0]
            reason = None if task.is_judged else self.budget.find_reason(task.job.planned.varies)
            if reason is not None and not self.budget.has_finished and self._busy:
                return  # one of those that run may be the only one to finish
            if reason is not None and self.budget.has_finished:
                self._leave_out(self._waiting.popleft(), reason)
                continue
            if self._busy and not self.idle and not self._has_memory():
                return
            self._begin(self._waiting.popleft())

    def _begin(self, task: Task) -> None:
        worker = self.idle.pop() if self.idle else self.server.start()
        self._busy[worker] = replace(task, began=time.time())
        if task.publication is not None:
            worker.call(publish_in_worker, self.packed, task.publication)
        else:
            worker.call(run_in_worker, self.packed, task.job, self.budget.until)

    def _has_memory(self) -> bool:
        """Return whether there is memory for one more worker that takes as much as the largest so far."""
        taken = [WORKER_BYTES]
        for worker in self._busy:
            with suppress(psutil.Error):
                taken.append(psutil.Process(worker.pid).memory_info().rss)
        return int(psutil.virtual_memory().available) > max(taken)

    def _take_answers(self) -> None:
        links: dict[Any, WarmWorker] = {worker.connection: worker for worker in self._busy}
        late = self.budget.left <= 0
        timeout = LOOK_SECONDS if late else min(self.budget.left, 3600.0)
        recorder = [self.recorder.connection] if self.recorder is not None and self.recorder.is_busy else []
        for link in connection.wait([*links, *recorder], timeout):
            if link not in links:
                self._take_recorded()
                continue
            worker = links[link]
            task = self._busy.pop(worker)
            try:
                answer = worker.read()
            except DeadWorkerError as error:
                worker.kill()
                self._retry(task, error)
                continue
            self.idle.append(worker)
            sys.stderr.write(answer.said)
            self._end(task, answer)

    def _end(self, task: Task, answer: Answer) -> None:
        """Note a cell whose worker has answered; its error is none of the cell, which would be in its folder."""
        if task.is_judged:
            self._note(task, RecordError(answer.error) if answer.error else answer.value)
            return
        status = self.folder.read_outcome(task.job.planned.cell).status
        if answer.error is not None and status not in ("finished", "failed", "left out"):
            write_failure(self._folder_of(task).path, f"the launcher broke: {answer.error}", task.job.words)
        if status == "finished":
            self.budget.see(task.job.planned.varies, time.time() - task.began)
        for publication in answer.value or ():
            self._publish(replace(task, publication=replace(publication, sweep=self.folder.path)))

    def _publish(self, task: Task) -> None:
        """
        Let the recorder draw and record a result, or the next worker if the recorder is gone or has too many.

        What would only be drawn, in the time of a fit, is left to the end, when the best cells get their pages.
        """
        if self.budget.seconds is not None and task.job.planned.config.tracking.uri is None:
            return
        most = BACKLOG if self.budget.seconds is None else BACKLOG_IN_TIME
        is_full = len(self._recorded) >= most and self.recorder is not None and not self.recorder.is_asked
        if self.recorder is None or is_full or task.publication is None:
            self._waiting.appendleft(task)
            return
        self._recorded[task.publication.folder.path] = task
        self.recorder.add(task.publication)

    def _take_recorded(self) -> None:
        assert self.recorder is not None  # noqa: S101  it has answered
        try:
            ended = self.recorder.take()
        except DeadWorkerError:
            self.recorder, left, self._recorded = None, self._recorded, {}
            self.settle()
            self._waiting.extendleft(left.values())  # workers do it
            return
        if ended is not None:
            sys.stderr.write(ended.said)
            self._note(self._recorded.pop(ended.publication.folder.path), ended.error)

    def _note(self, task: Task, error: BikemlError | None) -> None:
        """Note that a result could not be drawn or recorded, or a failure not recorded, if so."""
        if error is not None:
            folder, failed = self._folder_of(task), task.publication and task.publication.failed
            text = f"{failed.error}\nThis could not be recorded: {error}" if failed else str(error)
            command = failed.invocation.command if failed else folder.require().command
            write_failure(folder.path, text, task.job.planned.overrides, command=command)

    def _retry(self, task: Task, error: DeadWorkerError) -> None:
        folder, config = self._folder_of(task), task.job.planned.config
        again = replace(task, deaths=task.deaths + 1)
        if folder.has(RESULT) and folder.has(PAGE) and (folder.has(STORE) or config.tracking.uri is None):
            self.budget.has_finished = True
        elif again.deaths < ATTEMPTS and folder.has(RESULT):
            found = task.publication or Publication(folder, config, sweep=self.folder.path)
            self._publish(replace(again, publication=found))
        elif again.deaths < ATTEMPTS:
            self._waiting.appendleft(again)
        elif not folder.has(FailureRecord.FILE):
            often = f"its process {error}, {ATTEMPTS} times; the system kills a process that takes too much memory"
            advice = "take fewer rows, or set hydra.launcher.n_jobs=1"
            write_failure(folder.path, f"{often}: {advice}", task.job.words)

    def _stop_late(self) -> None:
        """Stop the cells that still run when the time is up, with their processes."""
        left = self.budget.left
        if left > 0:
            return
        first = min((task.number for task in self._busy.values()), default=None)
        for worker, task in list(self._busy.items()):
            is_recording = self._folder_of(task).has(RESULT) and left > -RECORDING_SECONDS
            is_awaited = task.number == first and not self.budget.has_finished  # one is needed, whatever it takes
            if not is_recording and not is_awaited:
                del self._busy[worker]
                worker.kill()
                self._leave_out(task, self.budget.explain_stop(time.time() - task.began))

    def _leave_out(self, task: Task, reason: str) -> None:
        folder = self._folder_of(task)
        if folder.has(RESULT):  # it was stopped while it was recorded
            return
        if folder.path.exists():
            with folder.claim(is_prepared=True):  # removes what is unfinished
                pass
        LeftOutRecord(reason=reason).write(folder.path)

    def _interrupt(self) -> None:
        for worker in self._busy:
            worker.terminate()
        until = time.time() + GRACE_SECONDS
        for worker in self._busy:
            worker.join(max(0.0, until - time.time()))

    def _folder_of(self, task: Task) -> RunFolder:
        return self.folder.folder_of(task.job.planned.cell)
