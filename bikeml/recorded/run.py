"""A recorded run: its values, and methods that fetch its files and its model."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bikeml.config.fields import SQLITE
from bikeml.errors import BikemlError, ModelFileError, RecordError, RunNotFoundError
from bikeml.records.fingerprint import check_fingerprint
from bikeml.records.run import record_id
from bikeml.records.run_folder import MODEL as MODEL_FOLDER
from bikeml.records.run_folder import MODEL_FILE, RESULT, RunFolder
from bikeml.records.tags import FOLDER, MODEL, RECORD
from bikeml.system.printable import printable


class Files(Protocol):
    """The files of a run, by their paths in the run folder, wherever they lie."""

    def reach(self, what: str) -> AbstractContextManager[None]:
        """Raise TrackingError, which says that `what` failed and why, if the place of the files fails in the block."""

    def find(self, path: str) -> str | None:
        """Return where a file or folder of the run folder lies, or None if it is missing."""

    def list_names(self, folder: str = "") -> list[str]:
        """Return the paths of the files and folders in a folder of the run's."""

    def download(self, place: str, folder: Path) -> Path:
        """Bring what `find` has found to a local `folder`, and return its path there."""

    @property
    def model(self) -> Any:  # noqa: ANN401  its class is mlflow's, which takes seconds to import
        """MLflow's LoggedModel of the run; None if it has none."""

    @property
    def model_address(self) -> str:
        """Where the model lies."""


@dataclass(frozen=True)
class RecordedRun:
    """A finished run of an experiment, in a tracking store or in its folder."""

    run_id: str
    name: str
    fingerprint: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    started: float | None
    """Unix time; None of a record that does not say it."""
    uri: str
    """The address of its store, or its folder."""
    table: str
    """The name of its table; empty if the store does not tell it."""
    columns: tuple[str, ...]
    """The features and the target; empty if the store does not tell them."""
    which: str
    """The argument that it was found by, such as "best"."""
    chosen: str
    """How it was chosen, such as "the latest run" or "rentals@champion"; empty if its id was given."""
    files: Files = field(repr=False, compare=False)

    @property
    def title(self) -> str:
        """Return its id, name and table, and how it was chosen if its id was not given."""
        table = f" on {printable(self.table)}" if self.table else ""
        return f"{self.run_id} ({printable(self.name)}{table}){self.chosen and f', {self.chosen}'}"

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Say in an error of the block which run was chosen, if its id was not given."""
        try:
            yield
        except BikemlError as error:
            if self.chosen:
                error.add_note(f"run={self.which} is {self.title}")
            raise

    def find_own_folder(self) -> RunFolder | None:
        """Return the folder that the run was written to, if it still holds this run; a store elsewhere knows none."""
        place = self.tags.get(FOLDER) if self.uri.startswith(SQLITE) else None
        folder = RunFolder(Path(place)) if place else None
        try:
            record = folder.read() if folder and folder.read_run_id() == self.run_id else None
        except (RecordError, OSError):
            return None
        model = f"{MODEL_FOLDER}/{MODEL_FILE}"
        is_same = record is not None and (
            (record_id(record), record.fingerprint, record.files.get(model))
            == (self.tags.get(RECORD), self.fingerprint, self.tags.get(MODEL))
        )
        return folder if is_same else None

    def holds(self, path: str) -> bool:
        """Return whether the run has an artifact: a file or a folder of the run folder; raises TrackingError."""
        with self.files.reach(f"list the files of run {self.run_id}"):
            return self.files.find(path) is not None

    def fetch(self, path: str, folder: Path) -> Path:
        """
        Download an artifact below a local `folder`, and return its path there.

        An artifact is a file or a folder of the run folder, such as "model". Raises RunNotFoundError if the run has
        none of that name, and TrackingError.
        """
        with self.files.reach(f"fetch {path} of run {self.run_id}"):
            place = self.files.find(path)
            if place is None:
                present = self.files.list_names()
                raise RunNotFoundError(
                    f"run {self.run_id} ({self.name}) has no {path!r}; it has {present}; name another run"
                )
            return self.files.download(place, folder)

    def fetch_record(self, folder: Path, *names: str) -> RunFolder:
        """
        Download the record of the run and the named files below a local `folder`, and check them.

        Raises RecordError if one is broken, was changed, or is of another run; and what :meth:`fetch` raises.
        """
        brought = RunFolder(self.fetch(RESULT, folder).parent)
        for name in names:
            self.fetch(name, folder)
        with self._record_errors(brought):
            check_fingerprint(brought.require(), self.fingerprint)
            brought.verify()
        return brought

    def fetch_model(self, folder: Path) -> Path:
        """
        Download the model below a local `folder`, check it, and return its folder.

        Raises ModelFileError if the model has another sha256 than the one recorded, or none was recorded; and what
        :meth:`fetch_record` raises.
        """
        from bikeml.experiment.model_file import hash_model  # its import takes seconds, and few callers need a model

        recorded = self.tags.get(MODEL)
        if recorded is None and not self.holds(MODEL_FOLDER):
            raise RunNotFoundError(
                f"the model of run {self.run_id} ({self.name}) is not here: a sweep keeps none of a cell that it has "
                "reused, or that ran elsewhere; name the run by its id in the store, or run the cell on this machine"
            )
        if recorded is None:
            raise ModelFileError(
                f"the model of run {self.run_id} ({self.name}) cannot be checked: the run lacks the tag {MODEL!r}, "
                "the sha256 of its model; find out who removed it, or record the experiment again"
            )
        brought = self.fetch_record(folder)
        model = self.fetch(MODEL_FOLDER, folder)
        found = hash_model(model)
        if recorded != found:
            raise ModelFileError(
                f"the model of run {self.run_id} ({self.name}) has been changed since it was recorded: its sha256 is "
                f"{found}, and was {recorded}; name another run, or find out who changed it"
            )
        with self._record_errors(brought):
            brought.verify()  # the files beside the model too
        return model

    @contextmanager
    def _record_errors(self, brought: RunFolder) -> Iterator[None]:
        """Name the run in the error's message, not the temporary folder that its files were downloaded to."""
        try:
            yield
        except RecordError as error:
            told = str(error).replace(f"{brought.path}/", "")
            raise RecordError(f"run {self.run_id} ({self.name}): {told}") from error
