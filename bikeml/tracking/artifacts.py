"""
The files and the model of a run in its store: send them, find them, and fetch them.

The model is MLflow 3's logged model if the store has them, or else a folder among the run's files.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from bikeml.destination.places import open_place
from bikeml.records.params import place_model
from bikeml.records.run_folder import MODEL, MODEL_DESCRIPTION, RunFolder
from bikeml.records.tags import FINGERPRINT
from bikeml.tracking import store

JOB_OUTPUTS = "outputs/"
"""The folder of artifacts that holds the files of a run that was a job on a cluster."""
LEFT_BY_MLFLOW = "registered_model_meta"
"""What MLflow 3.15 writes into a local store itself, beside a model that it loads as models:/..."""
NO_SUCH_ADDRESS = ("404", "ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED")
"""What a server of MLflow 2 answers, which has no logged models."""


@dataclass(frozen=True)
class RunFiles:
    """The files of a run, by their paths in the run folder; the methods raise STORE_ERRORS."""

    run: Run
    uri: str
    """The address of its store."""

    def reach(self, what: str) -> AbstractContextManager[None]:
        """Raise TrackingError if the store fails in the block."""
        return store.store_errors(self.uri, what, store.ADVICE)

    def find(self, path: str) -> str | None:
        """Return where a file or folder of the run folder lies, or None if it is missing."""
        first = PurePosixPath(path).parts[0]
        if first == MODEL and self._has_model:
            return path
        prefixes = (prefix for prefix in ("", JOB_OUTPUTS) if prefix + first in _list(self._files, prefix))
        return next((prefix + path for prefix in prefixes), None)

    def list_names(self, folder: str = "") -> list[str]:
        """Return the paths of the files and folders in a folder of the run's."""
        return [*_list(self._files, folder), *([MODEL] if not folder and self._has_model else [])]

    def download(self, place: str, folder: Path) -> Path:
        """Download what `find` has found to a local `folder`, and return its path there."""
        folder.mkdir(parents=True, exist_ok=True)
        first, *below = PurePosixPath(place).parts
        if first == MODEL and self._model is not None:
            (folder / MODEL).mkdir(exist_ok=True)
            brought = Path(self._model.download_artifacts("/".join(below), str(folder / MODEL)))
        else:
            brought = Path(self._files.download_artifacts(place, str(folder)))
        if brought.is_dir():
            (brought / LEFT_BY_MLFLOW).unlink(missing_ok=True)
        return brought

    @cached_property
    def model(self) -> LoggedModel | None:
        """The logged model of the run; None if it has none."""
        outputs = self.run.outputs.model_outputs if self.run.outputs else []
        if not outputs:
            return None
        try:
            return store.connect(self.uri).get_logged_model(outputs[0].model_id)
        except MlflowException as error:
            if error.error_code in store.ABSENT:  # somebody has deleted it
                return None
            raise

    @cached_property
    def model_address(self) -> str:
        """Where the model lies: as a logged model, or among the files of the run."""
        if self.model is None:
            return f"{self._address}/{MODEL}"
        return store.locate(str(self.model.artifact_location), self.uri)

    @cached_property
    def _address(self) -> str:
        return store.locate(str(self.run.info.artifact_uri), self.uri)

    @cached_property
    def _files(self) -> ArtifactRepository:
        """The artifacts of the run. MLflow 3.15's client asks for logged models first, which Azure ML lacks."""
        return open_place(self._address, self.uri)

    @property
    def _has_model(self) -> bool:
        """Whether there is a logged model with files."""
        return self._model is not None and bool(_list(self._model, ""))

    @cached_property
    def _model(self) -> ArtifactRepository | None:
        return None if self.model is None else open_place(self.model_address, self.uri)


def _list(artifacts: ArtifactRepository, folder: str) -> list[str]:
    return [str(item.path) for item in artifacts.list_artifacts(folder.rstrip("/") or None)]


def log_model(
    client: MlflowClient,
    experiment_id: str,
    run_id: str,
    folder: RunFolder,
    params: Mapping[str, str],
) -> str | None:
    """
    Store the model of a run folder as a logged model of the run, and return its id; None if the server has none.

    Raises STORE_ERRORS.
    """
    tags = {FINGERPRINT: folder.require().fingerprint}
    try:
        made = client.create_logged_model(experiment_id, MODEL, run_id, tags, dict(params))
    except MlflowException as error:
        if any(sign in f"{error.error_code} {error}" for sign in NO_SUCH_ADDRESS):
            return None
        raise
    model_id = str(made.model_id)
    try:
        with placed_model(folder, run_id, model_id) as place:
            client.log_model_artifacts(model_id, str(place))
        client.finalize_logged_model(model_id, "READY")
    except BaseException:
        with suppress(*store.STORE_ERRORS):  # the first error is the one to report
            client.finalize_logged_model(model_id, "FAILED")
        raise
    client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    return model_id


@contextmanager
def placed_model(folder: RunFolder, run_id: str, model_id: str | None = None) -> Iterator[Path]:
    """Yield a copy of the model of a run folder that says which run of the store, and which logged model, it is of."""
    with TemporaryDirectory(prefix="bikeml-") as temporary:
        place = Path(temporary) / MODEL
        for name in folder.list_files(folder.require()):
            if name.startswith(f"{MODEL}/"):
                (place.parent / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder.path / name, place.parent / name)
        description = place / MODEL_DESCRIPTION
        description.write_bytes(place_model(description.read_bytes(), run_id, model_id))
        yield place
