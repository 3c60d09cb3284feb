"""The models of recorded runs: fetched and checked, and their versions in MLflow's registry."""

from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.pipeline import Pipeline

from bikeml.errors import ModelFileError
from bikeml.model_folder import check_folder
from bikeml.result import MODEL_FOLDER
from bikeml.tracking import store
from bikeml.tracking.runs import ABSENT, ADVICE, RecordedRun


@dataclass(frozen=True)
class Registration:
    """A version of a registered model, and what its alias means now."""

    name: str
    version: str
    alias: str | None
    previous: str | None
    """The version that the alias pointed to before; None where it was new."""
    is_new: bool
    """Whether the version was made just now."""


def fetch_checked(run: RecordedRun, folder: Path) -> tuple[Path, Pipeline]:
    """
    Bring the model of a run below `folder`, fit to be handed to a server; return its folder and the pipeline in it.

    Raises RunNotFoundError where the run has no model, ModelFileError where it is not as bikeml writes models, and
    TrackingError.
    """
    place = run.fetch_model(folder)
    try:
        return place, check_folder(place)
    except ModelFileError as error:
        raise ModelFileError(f"the model of run {run.run_id} ({run.name}) is refused: {error}") from error


def register(run: RecordedRun, name: str, alias: str | None) -> Registration:
    """
    Return the version of the registered model `name` that is the run's model, made where there is none, as `alias`.

    Raises TrackingError where the store has no registry, or cannot be used.
    """
    with store.store_errors(run.uri, f"register the model of run {run.run_id}", ADVICE):
        client = store.connect(run.uri)
        version, is_new = _find_or_make(client, run, name)
        previous = _set_alias(client, name, alias, version) if alias else None
    return Registration(name, version, alias, previous, is_new)


def _find_or_make(client: MlflowClient, run: RecordedRun, name: str) -> tuple[str, bool]:
    found = client.search_model_versions(f"name = '{name}' and run_id = '{run.run_id}'")
    if found:
        return min((str(each.version) for each in found), key=int), False
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = f"{client.get_run(run.run_id).info.artifact_uri}/{MODEL_FOLDER}"
    tags = {"bikeml.fingerprint": run.fingerprint}
    return str(client.create_model_version(name, source, run.run_id, tags=tags).version), True


def _set_alias(client: MlflowClient, name: str, alias: str, version: str) -> str | None:
    previous = _read_alias(client, name, alias)
    if previous != version:
        client.set_registered_model_alias(name, alias, version)
    return previous


def _read_alias(client: MlflowClient, name: str, alias: str) -> str | None:
    try:
        return str(client.get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return None
        raise
