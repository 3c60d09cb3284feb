"""A run that is named by its folder: the same values as a store has of it, and its files where they lie."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bikeml.errors import RecordError, RunNotFoundError, TrackingError
from bikeml.recorded.params import build_params
from bikeml.recorded.run import RecordedRun
from bikeml.records.run import RunRecord, record_id
from bikeml.records.run_folder import MODEL, MODEL_FILE, RESULT, RunFolder
from bikeml.records.sweep import SweepRecord
from bikeml.records.tags import IDENTITY_SCHEMA, TABLE, TEST_TABLE
from bikeml.records.tags import MODEL as MODEL_TAG

MARKS = ("./", "../", "~/", "/")
"""What the path of a folder begins with, if it is not known by what it holds."""


@dataclass(frozen=True)
class FolderFiles:
    """The files of a run folder, as :class:`~bikeml.recorded.run.Files` has them."""

    folder: Path
    model = None

    @property
    def model_address(self) -> str:
        """Where the model lies."""
        return str(self.folder / MODEL)

    @contextmanager
    def reach(self, what: str) -> Iterator[None]:
        """Raise TrackingError if the folder cannot be read in the block."""
        try:
            yield
        except OSError as error:
            raise TrackingError(f"cannot {what} in {str(self.folder)!r}: {error.strerror or error}") from error

    def find(self, path: str) -> str | None:
        """Return the path if there is such a file or folder."""
        return path if (self.folder / path).exists() else None

    def list_names(self, folder: str = "") -> list[str]:
        """Return the paths of the files and folders in a folder of the run's."""
        return sorted(file.relative_to(self.folder).as_posix() for file in (self.folder / folder).glob("*"))

    def download(self, place: str, folder: Path) -> Path:
        """Copy what `find` has found to a local `folder`, and return its path there."""
        source, target = self.folder / place, folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
        return target


def find_folder(which: str) -> Path | None:
    """
    Return the folder of a run that `which` names; None if it names a run in another way.

    Raises RunNotFoundError if it is a path at which no run lies.
    """
    folder = Path(which).expanduser() if which.startswith("~/") else Path(which)
    if (folder / RESULT).is_file():
        return folder
    if (folder / SweepRecord.FILE).is_file():
        cells = sorted(file.parent for file in folder.glob(f"*/{RESULT}"))
        cell = f"; give the folder of a cell, such as {str(cells[0])!r}" if cells else ", and no cell has a result"
        raise RunNotFoundError(f"{which!r} is the folder of a sweep{cell}")
    if which.startswith(MARKS):
        what = f"is no folder of a run: it has no {RESULT}" if folder.is_dir() else "is not there"
        raise RunNotFoundError(f"{which!r} {what}; give the folder of a run, such as hydra.run.dir named")
    return None


def read_folder(folder: Path, which: str) -> RecordedRun:
    """Return the run in a folder; raises RecordError if its record is broken."""
    place = RunFolder(folder)
    record = place.require()
    try:
        params = build_params(place, record)
    except (KeyError, TypeError, AttributeError) as error:  # an identity that no run has written
        raise RecordError(f"{str(folder / RESULT)!r} is broken: its identity has no config; restore it") from error
    return RecordedRun(
        run_id=place.read_run_id() or record_id(record),
        name=record.run_name,
        fingerprint=record.fingerprint,
        tags=dict(_tag(place, record)),
        params=params,
        metrics={name: value for name, value in {**record.metrics, **record.ends}.items() if value is not None},
        started=record.started,
        uri=str(folder),
        table=record.dataset.name,
        columns=tuple(record.dataset.columns),
        which=which,
        chosen=which,
        files=FolderFiles(folder),
    )


def _tag(place: RunFolder, record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield the tags that tasks read of a recorded run."""
    yield TABLE, record.dataset.sha256
    if record.dataset.test_sha256 is not None:
        yield TEST_TABLE, record.dataset.test_sha256
    if record.identity is not None:
        yield IDENTITY_SCHEMA, str(record.identity.get("schema"))
    model = f"{MODEL}/{MODEL_FILE}"
    if place.has(model):  # a sweep keeps none of a cell that ran elsewhere
        yield MODEL_TAG, place.digest(model)
