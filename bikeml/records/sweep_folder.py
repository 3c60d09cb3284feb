"""
The folder of a sweep: its plan, and what each cell leaves in its own folder.

    <hydra.sweep.dir>/sweep.json          the cells, in override order
    <hydra.sweep.dir>/store.json          the sweep's own run in the store
    <hydra.sweep.dir>/<cell>/result.json  the cell is done
    <hydra.sweep.dir>/<cell>/failure.json the cell failed, and why
    <hydra.sweep.dir>/<cell>/job.json     how its job on a cluster stands

Nothing else says how a sweep stands: whatever is killed, and wherever the folder is taken, it can be told again.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from bikeml.errors import FolderTakenError, RecordError
from bikeml.records.record import Record
from bikeml.records.run import RunRecord, StoreRecord, check_fingerprint, read_run_id
from bikeml.records.run_folder import CANDIDATES, CONFIG, LOG, PREDICTIONS, RESULT, RunFolder
from bikeml.records.sweep import COMPLETED, Cell, FailureRecord, JobRecord, Outcome, Sweep, SweepRecord, find_varying
from bikeml.system.files import remove_if_empty
from bikeml.system.locks import hold
from bikeml.system.redaction import redact

LEADERBOARD, PICTURE, PAGE = "leaderboard.csv", "leaderboard.png", "report.html"
SHOWN = (CONFIG, PREDICTIONS, CANDIDATES)
ADVICE = "choose another hydra.sweep.dir"
Kind = TypeVar("Kind", bound=Record)


@dataclass(frozen=True)
class SweepFolder:
    """A folder that holds a sweep, or will."""

    path: Path

    def read(self) -> SweepRecord:
        """
        Return the plan of the sweep, or, of another sweeper's, the cells that are there.

        Raises RecordError if there is none, or its plan is broken.
        """
        return SweepRecord.read(self.path) or self._gather()

    def read_run_id(self) -> str | None:
        """Return the id of the sweep's own run in the store, or None if it has none; raises RecordError."""
        return read_run_id(self.path, SweepRecord.FILE)

    def folder_of(self, cell: Cell) -> RunFolder:
        """Return the folder of a cell."""
        return RunFolder(self.path / cell.folder)

    def read_outcome(self, cell: Cell) -> Outcome:
        """Look at the folder of one cell; a file that is broken or another experiment's is the outcome's `problem`."""
        look = _Look(self.folder_of(cell), cell)
        failure, job = look.read(FailureRecord), look.read(JobRecord)
        record = look.read_result()
        run_id = failure.run_id if failure is not None else look.read_run_id() if record is not None else None
        return Outcome(cell, record, failure, job, run_id, look.problem, look.folder.path.is_dir())

    def look(self, record: SweepRecord | None = None) -> Sweep:
        """Look at the sweep, whose plan is read if it is not given, and at all of its cells; raises RecordError."""
        plan = record or self.read()
        return Sweep(self.path, plan, tuple(map(self._look_closely, plan.cells)), self.read_run_id())

    def _look_closely(self, cell: Cell) -> Outcome:
        """Look at a cell, and compare the files that its page is made from with their digests."""
        outcome, folder = self.read_outcome(cell), self.folder_of(cell)
        if outcome.record is None or outcome.problem is not None:
            return outcome
        try:
            for name in SHOWN:
                if name in outcome.record.files and folder.has(name):
                    folder.check_file(name, outcome.record)
        except RecordError as error:
            return replace(outcome, problem=str(error))
        return outcome

    def adopt(self, command: str) -> SweepRecord:
        """
        Return what the cells of another sweeper left here as a sweep, and write its plan.

        Raises RecordError if there is nothing, and OSError.
        """
        record = self._gather().model_copy(update={"command": command})
        record.write(self.path)
        return record

    def _gather(self) -> SweepRecord:
        files = [file for name in (RESULT, FailureRecord.FILE) for file in self.path.rglob(name)]
        folders = sorted({file.parent for file in files} - {self.path}, key=lambda each: (len(each.name), each))
        if not folders:
            raise RecordError(f"there is no sweep in {str(self.path)!r}; give the folder that hydra.sweep.dir named")
        left = [_read_what_is_left(folder) for folder in folders]
        overrides = [each.overrides if each else () for each in left]
        varies = find_varying(overrides)
        cells = tuple(
            Cell(
                number=number,
                overrides=overrides[number],
                folder=folder.relative_to(self.path).as_posix(),
                varies=varies[number],
                fingerprint=each.fingerprint if isinstance(each, RunRecord) else None,
            )
            for number, (folder, each) in enumerate(zip(folders, left, strict=True))
        )
        return SweepRecord(command="", started=min(folder.stat().st_ctime for folder in folders), cells=cells)

    def list_files(self) -> list[Path]:
        """Return the files that may leave the folder for the sweep's own run."""
        return [self.path / name for name in (LEADERBOARD, PICTURE, PAGE) if (self.path / name).is_file()]

    @contextmanager
    def claim(self) -> Iterator[None]:
        """
        Hold the folder as its only writer while the block runs, and leave behind no empty one that was not there.

        Raises FolderTakenError if another process holds it or a file in it is not a sweep's, and OSError.
        """
        is_new = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with hold(self.path, ADVICE):
                self._refuse_others()
                yield
        finally:
            if is_new:
                remove_if_empty(self.path)

    def _refuse_others(self) -> None:
        ours = (SweepRecord.FILE, StoreRecord.FILE, LEADERBOARD, PICTURE, PAGE)
        names = [name for name in ours if (self.path / name).exists()]
        with suppress(RecordError):
            if not names or SweepRecord.read(self.path) is not None:
                return
        raise FolderTakenError(f"{names[0]} in {str(self.path)!r} is not a sweep's, or was changed; {ADVICE}")

    def clear(self, cells: Iterable[str]) -> None:
        """
        Take away what an earlier sweep left in these folders of cells: nothing of two sweeps is ever mixed.

        Raises FolderTakenError, before anything is taken away, if one holds files that are not a run's, and OSError.
        """
        folders = {name: RunFolder(self.path / name) for name in cells}
        earlier = SweepRecord.read(self.path)
        known = {cell.folder for cell in earlier.cells} if earlier else set()
        for name, folder in folders.items():
            if name not in known:
                folder.refuse_others()
        if earlier:
            (self.path / StoreRecord.FILE).unlink(missing_ok=True)
        for folder in folders.values():
            folder.clear()
            for name in (FailureRecord.FILE, JobRecord.FILE, LOG):
                (folder.path / name).unlink(missing_ok=True)


def is_collected(folder: RunFolder, fingerprint: str | None) -> bool:
    """Whether the folder has the whole result of that experiment's job, which its service called Completed for good."""
    try:
        job, record = JobRecord.read(folder.path), folder.read()
        if job is None or record is None or job.status != COMPLETED or record.fingerprint != fingerprint:
            return False
        folder.verify()
    except RecordError:
        return False
    return True


class _Look:
    """One look at the folder of a cell, and the first problem that it finds."""

    def __init__(self, folder: RunFolder, cell: Cell) -> None:
        self.folder, self._cell = folder, cell
        self.problem: str | None = None

    def read(self, kind: type[Kind]) -> Kind | None:
        try:
            return kind.read(self.folder.path)
        except RecordError as error:
            self.problem = self.problem or str(error)
            return None

    def read_result(self) -> RunRecord | None:
        record = self.read(RunRecord)
        if record is None or self._cell.fingerprint is None:
            return record
        try:
            check_fingerprint(record, self._cell.fingerprint)
        except RecordError as error:
            self.problem = f"{str(self.folder.path)!r}: {error}; run the cell again"
            return None
        return record

    def read_run_id(self) -> str | None:
        try:
            return self.folder.read_run_id()
        except RecordError as error:
            self.problem = self.problem or str(error)
            return None


def _read_what_is_left(folder: Path) -> RunRecord | FailureRecord | None:
    for kind in (RunRecord, FailureRecord):
        with suppress(RecordError):  # the look at the cell will tell
            found = kind.read(folder)
            if found is not None:
                return found
    return None


def write_failure(
    folder: Path, error: str, overrides: Sequence[str], *, command: str | None = None, run_id: str | None = None
) -> None:
    """Write why a cell failed, the command that runs it alone, and the run that recorded it, if there are such."""
    FailureRecord(
        error=error,
        overrides=tuple(map(redact, overrides)),
        log=LOG if (folder / LOG).is_file() else None,
        command=command and redact(command),
        run_id=run_id,
    ).write(folder)


def write_job(folder: Path, name: str, status: str, studio: str, reason: str | None = None) -> None:
    """
    Write how the job of a cell on a cluster stands now: its name, the service's word for its state, its page.

    `reason` says why its result is not here although nothing is lost.
    """
    JobRecord(name=name, status=status, studio=studio, seen=time.time(), reason=reason).write(folder)
