"""Where the files of a run are: in its own folder, or in a store, from which they are fetched when they are needed."""

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Protocol
from weakref import finalize

from bikeml.records.run import StoreRecord
from bikeml.records.run_folder import MODEL, RunFolder

if TYPE_CHECKING:
    from bikeml.config.schema import Config
    from bikeml.recorded.run import RecordedRun


class Files(Protocol):
    """Where the files of a run are."""

    @property
    def run_id(self) -> str | None:
        """Return the id of the run in its store; None if it is in none."""

    @property
    def look(self) -> str | None:
        """Return what shows the run in its store to a person; None if it is in none."""

    def bring(self, *names: str) -> RunFolder:
        """Return a local folder with the record and the named files; raises the errors of a store."""

    def bring_model(self) -> Path:
        """Return the local folder of the model, which is as it was recorded; raises the errors of a store."""


@dataclass(frozen=True)
class LocalFiles:
    """The files of a run in its own folder."""

    folder: RunFolder

    @property
    def run_id(self) -> str | None:
        """Return the id of the run in its store; None if it is in none."""
        return self.folder.read_run_id()

    @property
    def look(self) -> str | None:
        """Return what shows the run in its store to a person; None if it is in none."""
        store = StoreRecord.read(self.folder.path)
        return store.look if store else None

    def bring(self, *names: str) -> RunFolder:
        """Return the folder of the run, or one with what only the store has. What reads a file compares its digest."""
        is_whole = all((self.folder.path / name).exists() for name in names)
        return self.folder if is_whole or self.run_id is None else self._stored.bring(*names)

    def bring_model(self) -> Path:
        """Return the folder of the model; raises RecordError if a file of the run was changed."""
        self.folder.verify()
        place = self.folder.path / MODEL
        return place if place.is_dir() or self.run_id is None else self._stored.bring_model()

    @cached_property
    def _stored(self) -> "StoredFiles":
        """The files in the run's store: a cell that ran elsewhere has left no model here."""
        from bikeml.multirun.publish import find_config
        from bikeml.tracking import lookup

        config = find_config(self.folder)
        return StoredFiles(config, lookup.find(config, str(self.run_id)))


class StoredFiles:
    """The files of a run in a store. What is asked for is fetched, once, to a folder that goes with this object."""

    def __init__(self, config: "Config", run: "RecordedRun") -> None:
        self._config, self._run = config, run
        self.run_id = run.run_id
        self._folder: RunFolder | None = None
        self._place = Path(mkdtemp(prefix="bikeml-"))
        finalize(self, shutil.rmtree, self._place, ignore_errors=True)

    @property
    def look(self) -> str:
        """Return what shows the run in its store to a person."""
        from bikeml.tracking.backends import open_store
        from bikeml.tracking.lookup import find_place

        experiment_id = find_place(self._config, self.run_id).experiment_id
        return open_store(self._config).look(experiment_id, self.run_id)

    def bring(self, *names: str) -> RunFolder:
        """Return the folder with the record and the named files."""
        folder = self._folder
        if folder is None or any(not (folder.path / name).exists() for name in names):
            folder = self._folder = self._run.fetch_record(self._place, *names)  # of a job it is below `_place`
        return folder

    def bring_model(self) -> Path:
        """Return the folder of the model."""
        return self._model

    @cached_property
    def _model(self) -> Path:
        return self._run.fetch_model(self._place)
