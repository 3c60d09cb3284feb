"""Read and write the folder of a run. No other module knows how its files are named."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bikeml.errors import FolderTakenError, RecordError, RunFolderError
from bikeml.records.params import unplace_model
from bikeml.records.provenance import read_environment
from bikeml.records.record import MAX_BYTES, require_own
from bikeml.records.run import RunRecord, StoreRecord, read_run_id
from bikeml.system.documents import parse_yaml, read_bounded
from bikeml.system.files import UNFINISHED, move, remove_if_empty
from bikeml.system.locks import hold

MODEL, CONFIG, PREDICTIONS, FOLDS = "model", "config.yaml", "predictions.csv", "folds.csv"
SCALE, SCALES = "scale.skops", "scale"
"""A model of the errors, and the column of predictions.csv with what it predicts for the held-out rows."""
CANDIDATES, RULES, DIFF, LOG = "cv_results.csv", "tree.txt", "code.diff", "bikeml.log"
RESULT, STORE = RunRecord.FILE, StoreRecord.FILE
COMPUTED = (MODEL, SCALE, CONFIG, PREDICTIONS, FOLDS, CANDIDATES, RULES, DIFF)
"""The files and folders that a run may compute. The record lists each file that exists, with its digest."""
FIGURES = ("evaluate.png", "residuals.png", "importance.png", "search.png")
PAGE = "report.html"
DRAWN = (*FIGURES, PAGE)
"""The figures and the page of the run. They can be made again from the other files, so they have no digest."""
ENVIRONMENT = "environment.json"
"""A file of form 1 only. In form 2 its content is part of the record."""
KEPT = (PREDICTIONS, FOLDS, CANDIDATES, CONFIG, ENVIRONMENT, STORE, RESULT)
"""The files that a sweep keeps of a cell that ran elsewhere. The record is last: it marks the cell as complete."""
MODEL_FILE, MODEL_DESCRIPTION = "model.skops", "MLmodel"
PREVIOUS = "previous.json"
ADVICE = "choose another hydra.run.dir"


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, before or after the run is written."""

    path: Path

    def read(self) -> RunRecord | None:
        """Return the record of the run, or None if there is none; raises RecordError."""
        record = RunRecord.read(self.path)
        if record is None or record.environment is not None or not (self.path / ENVIRONMENT).is_file():
            return record
        return record.model_copy(update={"environment": read_environment(self.path / ENVIRONMENT)})

    def require(self) -> RunRecord:
        """Return the record of the run; raises RecordError if there is none or it is broken."""
        record = self.read()
        if record is None:
            raise RecordError(f"there is no run in {str(self.path)!r}: it has no {RESULT}; give the folder of a run")
        return record

    def read_run_id(self) -> str | None:
        """Return the id of the run in its store, or None if it is not in a store; raises RecordError."""
        return read_run_id(self.path, RESULT)

    def read_config(self) -> dict[str, Any]:
        """Return the sections of the recorded config as plain values; raises RecordError."""
        return parse_config(self.read_file(CONFIG), str(self.path / CONFIG))

    def read_file(self, name: str) -> bytes:
        """Return the content of a computed file; raises RecordError if it is missing or was changed."""
        return self.check_file(name, self.require())

    def check_file(self, name: str, record: RunRecord) -> bytes:
        """Return the content of a computed file; raises RecordError if its digest is not the one in `record`."""
        file = self.path / name
        try:
            content = read_bounded(file)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RecordError(f"cannot read {str(file)!r}: {reason}; restore it") from error
        if record.files and record.files.get(name) != _hash(content, name):
            raise RecordError(f"{str(file)!r} has been changed since the run wrote it; restore it, or run it again")
        return content

    def digest(self, name: str) -> str:
        """Return the sha256, in hex, of a computed file; raises RecordError if it is missing or was changed."""
        return _hash(self.read_file(name), name)

    def has(self, name: str) -> bool:
        """Return whether the folder has a file of that name."""
        return (self.path / name).is_file()

    def verify(self) -> None:
        """Compare each file that the record lists, if it exists, with its digest; raises RecordError as for a link."""
        record = self.require()
        require_own(self.path, self.list_files(record))
        for name in record.files:
            if self.has(name):
                self.check_file(name, record)

    def list_files(self, record: RunRecord) -> Iterator[str]:
        """Yield the paths of the files to send to a store: what is computed, what is drawn, and the record last."""
        listed = record.files or _find_computed(self.path)
        yield from (name for name in (*listed, *DRAWN) if self.has(name))
        yield RESULT

    @contextmanager
    def claim(self, *, is_prepared: bool = False) -> Iterator[None]:
        """
        Hold the folder as its only writer while the block runs.

        Remove the unfinished files of a killed run. Afterwards remove the folder if it is new and still empty.
        `is_prepared` skips the check for files of others: a sweep has checked the folders of its cells already.
        Raises FolderTakenError if another process holds the folder or a file in it is not a run's, and OSError.
        """
        is_new = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with hold(self.path, ADVICE) as is_alone:
                if not is_prepared:
                    self.refuse_others()
                if is_alone:
                    self._remove_unfinished()
                yield
        finally:
            if is_new:
                remove_if_empty(self.path)

    def _remove_unfinished(self) -> None:
        """Remove the unfinished files of a killed run, and also the files that it had moved if it wrote no record."""
        left = list(self.path.glob(f"{UNFINISHED}*"))
        if left and not self.has(RESULT):
            self.clear()
        for path in left:
            with suppress(OSError):
                _remove(path)

    def refuse_others(self) -> None:
        """Raise FolderTakenError for the first file that has the name of a run's file but was not written by a run."""
        names = [name for name in (RESULT, *COMPUTED, *DRAWN, STORE) if (self.path / name).exists()]
        if not names:
            return
        known, is_of_form_1 = self._known_digests()
        if is_of_form_1 and (MODEL not in names or self.has(f"{MODEL}/{MODEL_FILE}")):
            return
        strange = next((name for name in names if not self._is_known(name, known)), None)
        if strange is not None:
            raise FolderTakenError(
                f"{strange} in {str(self.path)!r} was not written by a run, or was changed; {ADVICE}"
            )

    def _is_known(self, name: str, known: Mapping[str, set[str]]) -> bool:
        """Return whether a run wrote a file or folder. For a file without a digest, any run's record here is enough."""
        if name not in COMPUTED:
            return bool(known)
        return all(_digest(self.path / path) in known.get(path, ()) for path in _list_paths(self.path, name))

    def _known_digests(self) -> tuple[dict[str, set[str]], bool]:
        """Return the digests of runs' files here, by path, and whether a record is of form 1, which has no digests."""
        left = [file for name in (RESULT, PREVIOUS) for file in self.path.glob(f"{UNFINISHED}*/{name}")]
        known: dict[str, set[str]] = {}
        is_of_form_1 = False
        for file in (self.path / RESULT, *left):
            with suppress(RecordError, OSError, ValueError):  # a file that cannot be read was not written by a run
                record = RunRecord.parse(read_bounded(file, MAX_BYTES), str(file))
                is_of_form_1 |= not record.files
                for path, digest in record.files.items():
                    known.setdefault(path, set()).add(digest)
        return known, is_of_form_1

    def clear(self) -> None:
        """Remove the files of an earlier run, its record first, so that the files of two runs are never mixed."""
        for name in (RESULT, STORE, *COMPUTED, *DRAWN):
            _remove(self.path / name)

    def write(self, record: RunRecord, compute: Callable[[Path], None]) -> RunRecord:
        """
        Call `compute` with a folder to write to, then write `record` with the digests of the files; return the record.

        All files are written to a temporary folder first and then moved, the record last. If the disk is full or the
        run is interrupted while they are written, the files of an earlier run stay as they were. Raises OSError.
        """
        with TemporaryDirectory(prefix=UNFINISHED, dir=self.path) as unfinished:
            aside = Path(unfinished)
            compute(aside)
            paths = sorted(path.relative_to(aside).as_posix() for path in aside.rglob("*") if path.is_file())
            whole = record.model_copy(update={"files": {path: _digest(aside / path) for path in paths}})
            whole.write(aside)
            if self.has(RESULT):
                move(self.path / RESULT, aside / PREVIOUS)  # it tells the next run which files are a run's
            self.clear()
            for name in (*{path.partition("/")[0]: None for path in paths}, RESULT):
                move(aside / name, self.path / name)
        return whole


def parse_config(content: bytes, source: str) -> dict[str, Any]:
    """Return the sections of a config.yaml; raises RecordError, which names `source`, if it is not one."""
    try:
        sections = parse_yaml(content)
    except ValueError as error:
        raise RecordError(f"{source!r} is broken: {error}; restore it") from error
    if not isinstance(sections, dict) or not all(isinstance(name, str) for name in sections):
        raise RecordError(f"{source!r} holds no sections of a config; restore it")
    return sections


def _find_computed(folder: Path) -> list[str]:
    """Return the files of a run of form 1, whose record lists none."""
    return [path for name in (*COMPUTED, ENVIRONMENT) for path in _list_paths(folder, name)]


def _list_paths(folder: Path, name: str) -> list[str]:
    """Return the paths of a file, or of all files in a folder, relative to `folder`."""
    place = folder / name
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    return [file.relative_to(folder).as_posix() for file in files if file.is_file()]


def _digest(file: Path) -> str:
    return _hash(file.read_bytes(), file.name)


def _hash(content: bytes, name: str) -> str:
    """Return the sha256, in hex, of a file; where its model is in a store is no part of it."""
    is_description = name.rpartition("/")[2] == MODEL_DESCRIPTION
    return hashlib.sha256(unplace_model(content) if is_description else content).hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def folder_errors(path: Path) -> Iterator[None]:
    """Raise RunFolderError for an OSError in the block, which writes the run folder at `path`."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"cannot write the run folder {str(path)!r}: {error.strerror or error}; "
            "choose another with hydra.run.dir=FOLDER"
        ) from error
