"""
Read and write the folder of a sweep: its plan, and the files of each cell.

    <hydra.sweep.dir>/sweep.json          the cells, in override order
    <hydra.sweep.dir>/store.json          the sweep's own run in the store
    <hydra.sweep.dir>/<cell>/result.json  the cell is done
    <hydra.sweep.dir>/<cell>/failure.json the cell failed, and why
    <hydra.sweep.dir>/<cell>/left_out.json the sweep had no time left for the cell
    <hydra.sweep.dir>/<cell>/job.json     the state of its job on a cluster

These files are the only state of a sweep. It can be read after any process was killed, and from a copy of the folder.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from bikeml.errors import FolderTakenError, RecordError
from bikeml.records.fingerprint import check_fingerprint
from bikeml.records.record import Record, require_own
from bikeml.records.run import RunRecord, StoreRecord, read_run_id
from bikeml.records.run_folder import CANDIDATES, CONFIG, LOG, PREDICTIONS, RESULT, RunFolder
from bikeml.records.sweep import (
    COMPLETED,
    Cell,
    FailureRecord,
    JobRecord,
    LeftOutRecord,
    Outcome,
    Sweep,
    SweepRecord,
    find_varying,
)
from bikeml.system.files import remove_if_empty
from bikeml.system.locks import hold
from bikeml.system.redaction import redact

OWN = LEADERBOARD, PICTURE, PAGE = "leaderboard.csv", "leaderboard.png", "report.html"
ADVICE = "choose another hydra.sweep.dir"
Kind = TypeVar("Kind", bound=Record)


@dataclass(frozen=True)
class SweepFolder:
    """The folder of a sweep, before or after the sweep is written."""

    path: Path

    def read(self) -> SweepRecord:
        """
        Return the plan of the sweep. If another sweeper ran the cells, build the plan from their folders.

        Raises RecordError if there is no sweep, or its plan is broken.
        """
        return SweepRecord.read(self.path) or self._build_plan()

    def read_run_id(self) -> str | None:
        """Return the id of the sweep's own run in the store, or None if it has none; raises RecordError."""
        return read_run_id(self.path, SweepRecord.FILE)

    def folder_of(self, cell: Cell) -> RunFolder:
        """Return the folder of a cell."""
        return RunFolder(self.path / cell.folder)

    def read_outcome(self, cell: Cell) -> Outcome:
        """Return the outcome of one cell. A file that is broken or of another experiment becomes its `problem`."""
        reader = _CellReader(self.folder_of(cell), cell)
        failure, job, left_out = reader.read(FailureRecord), reader.read(JobRecord), reader.read(LeftOutRecord)
        record = reader.read_result()
        run_id = failure.run_id if failure is not None else reader.read_run_id() if record is not None else None
        return Outcome(cell, record, failure, job, left_out, run_id, reader.problem, reader.folder.path.is_dir())

    def look(self, record: SweepRecord | None = None) -> Sweep:
        """Return the sweep with the outcome of each cell; `record` is its plan if known already; raises RecordError."""
        plan = record or self.read()
        return Sweep(self.path, plan, tuple(map(self._read_checked_outcome, plan.cells)), self.read_run_id())

    def _read_checked_outcome(self, cell: Cell) -> Outcome:
        """Return the outcome of a cell, and compare the files that its page shows with their digests."""
        outcome, folder = self.read_outcome(cell), self.folder_of(cell)
        if outcome.record is None or outcome.problem is not None:
            return outcome
        try:
            for name in (CONFIG, PREDICTIONS, CANDIDATES):
                if name in outcome.record.files and folder.has(name):
                    folder.check_file(name, outcome.record)
        except RecordError as error:
            return replace(outcome, problem=str(error))
        return outcome

    def adopt(self, command: str) -> SweepRecord:
        """
        Build the plan of a sweep that another sweeper ran from the folders of its cells; write and return it.

        Raises RecordError if there are no cells, and OSError.
        """
        record = self._build_plan().model_copy(update={"command": command})
        (self.path / StoreRecord.FILE).unlink(missing_ok=True)  # the run of an earlier sweep
        record.write(self.path)
        return record

    def _build_plan(self) -> SweepRecord:
        files = [file for name in (RESULT, FailureRecord.FILE) for file in self.path.rglob(name)]
        folders = sorted({file.parent for file in files} - {self.path}, key=lambda each: (len(each.name), each))
        sweeps = sorted(file.parent for file in self.path.glob(f"*/**/{SweepRecord.FILE}"))
        if sweeps:  # such as in a working folder
            raise RecordError(
                f"{str(self.path)!r} is not a sweep, but holds {len(sweeps)}; give one: {str(sweeps[-1])!r}"
            )
        if not folders:
            raise RecordError(f"there is no sweep in {str(self.path)!r}; give the folder that hydra.sweep.dir named")
        found = [_read_result_or_failure(folder) for folder in folders]
        overrides = [each.overrides if each else () for each in found]
        varies = find_varying(overrides)
        cells = tuple(
            Cell(
                number=number,
                overrides=overrides[number],
                folder=folder.relative_to(self.path).as_posix(),
                varies=varies[number],
                fingerprint=each.fingerprint if isinstance(each, RunRecord) else None,
            )
            for number, (folder, each) in enumerate(zip(folders, found, strict=True))
        )
        started = min(folder.stat().st_ctime for folder in folders)
        return SweepRecord(command="", started=started, cells=cells, rank=_find_rank(found))

    def list_files(self) -> list[Path]:
        """Return the files to record with the sweep's own run; raises RecordError for a link."""
        return require_own(self.path, (name for name in OWN if (self.path / name).is_file()))

    @contextmanager
    def claim(self) -> Iterator[None]:
        """
        Hold the folder as its only writer while the block runs; afterwards remove it if it is new and still empty.

        Raises FolderTakenError if another process holds the folder or a file in it is not a sweep's, and OSError.
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
        names = [name for name in (SweepRecord.FILE, StoreRecord.FILE, *OWN) if (self.path / name).exists()]
        with suppress(RecordError):
            if not names or SweepRecord.read(self.path) is not None:
                return
        raise FolderTakenError(f"{names[0]} in {str(self.path)!r} was not written by a sweep, or was changed; {ADVICE}")

    def clear(self, cells: Iterable[str], *, goes_on: bool = False) -> None:
        """
        Remove the files of an earlier sweep from these folders of cells, so that two sweeps are never mixed.

        With `goes_on`, the sweep in the folder is this one, and keeps its own run.

        Raises FolderTakenError, before it removes anything, if one holds files that are not a run's, and OSError.
        """
        folders = {name: RunFolder(self.path / name) for name in cells}
        earlier = SweepRecord.read(self.path)
        known = {cell.folder for cell in earlier.cells} if earlier else set()
        for name, folder in folders.items():
            if name not in known:
                folder.refuse_others()
        if earlier and not goes_on:
            (self.path / StoreRecord.FILE).unlink(missing_ok=True)
        for folder in folders.values():
            folder.clear()
            for name in (FailureRecord.FILE, JobRecord.FILE, LeftOutRecord.FILE, LOG):
                (folder.path / name).unlink(missing_ok=True)


def is_collected(folder: RunFolder, fingerprint: str | None) -> bool:
    """Return whether the folder holds the complete result with this fingerprint, of a job that is Completed."""
    try:
        job, record = JobRecord.read(folder.path), folder.read()
        if job is None or record is None or job.status != COMPLETED or not record.answers(fingerprint):
            return False
        folder.verify()
    except RecordError:
        return False
    return True


class _CellReader:
    """Reads the files of one cell, and keeps the first problem that it finds."""

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


def _find_rank(found: Iterable[RunRecord | FailureRecord | None]) -> str:
    """Return the metric that all runs of a sweep without a plan are ranked by; R2 if they have none in common."""
    ranks = {each.rank for each in found if isinstance(each, RunRecord)}
    return ranks.pop() if len(ranks) == 1 else "r2"


def _read_result_or_failure(folder: Path) -> RunRecord | FailureRecord | None:
    for kind in (RunRecord, FailureRecord):
        with suppress(RecordError):  # read_outcome reports it
            found = kind.read(folder)
            if found is not None:
                return found
    return None


def write_failure(
    folder: Path, error: str, overrides: Sequence[str], *, command: str | None = None, run_id: str | None = None
) -> None:
    """Write failure.json: why a cell failed, the command that runs it alone, and the run that recorded the failure."""
    FailureRecord(
        error=error,
        overrides=tuple(map(redact, overrides)),
        log=LOG if (folder / LOG).is_file() else None,
        command=command and redact(command),
        run_id=run_id,
    ).write(folder)
