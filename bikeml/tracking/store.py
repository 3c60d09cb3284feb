"""Connect to an MLflow store, and begin and end runs in it."""

import contextlib
import hashlib
import json
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import mlflow
import psutil
from filelock import FileLock
from google.protobuf.json_format import ParseError
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from sqlalchemy.exc import SQLAlchemyError

from bikeml.config.fields import SQLITE, STORES
from bikeml.errors import TrackingError
from bikeml.records.params import fit_tags
from bikeml.records.tags import OWNER
from bikeml.system.redaction import redact

LOCK_TIMEOUT_SECONDS = 20
NEW_STORE_SECONDS = 120
"""How long to wait for another process that is creating the store."""
JOB_OUTPUTS = "outputs/"
"""The folder of artifacts that holds the files of a run that was a job on a cluster."""
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""MLflow's error codes if nothing has the name; it calls some names invalid."""
# A refused connection is an OSError, a missing database driver an ImportError, an unreadable answer a ParseError.
STORE_ERRORS = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError, ParseError)


@contextlib.contextmanager
def store_errors(
    uri: str, what: str = "record the run", advice: str = "check tracking.uri, or choose tracking=none"
) -> Iterator[None]:
    """Raise TrackingError, which says that `what` failed and why, for any of STORE_ERRORS in the block."""
    try:
        yield
    except STORE_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TrackingError(f"cannot {what} in {redact(uri)!r}: {redact(reason)}; {advice}") from error


def connect(uri: str) -> MlflowClient:
    """
    Return a client of the store at the absolute `uri`; create a local store if it is missing.

    Raises one of STORE_ERRORS.
    """
    if uri.partition(":")[0].partition("+")[0] not in STORES:
        mlflow.set_tracking_uri(uri)  # azureml-mlflow 1.62 reads the login for artifacts only there
    try:
        return _connect_to_file(uri) if uri.startswith(SQLITE) else MlflowClient(tracking_uri=uri)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MlflowException(f"{type(error).__name__}: {error}") from error  # a plugin cannot parse its URI


def _connect_to_file(uri: str) -> MlflowClient:
    path = uri.removeprefix(SQLITE)
    # If the file cannot be opened, fail now: MLflow would retry for minutes.
    with contextlib.closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_SECONDS)) as database:
        database.execute("PRAGMA user_version")
    # If two processes create the tables of a new store at once, their migrations break (MLflow 3.15).
    name = f"bikeml-{hashlib.sha256(path.encode()).hexdigest()[:16]}.lock"
    with FileLock(Path(tempfile.gettempdir()) / name, timeout=NEW_STORE_SECONDS, mode=0o666):
        if Path(path).stat().st_size == 0:
            _make_store(path)
        client = MlflowClient(tracking_uri=f"{uri}?timeout={LOCK_TIMEOUT_SECONDS}")
        client.search_experiments(max_results=1)
    return client


def _make_store(path: str) -> None:
    """Create the tables elsewhere and copy them in one transaction: an interrupted migration cannot be repaired."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows cannot delete a file in use
        elsewhere = str(Path(folder) / "new.db")
        MlflowClient(tracking_uri=SQLITE + elsewhere).search_experiments(max_results=1)
        with (
            contextlib.closing(sqlite3.connect(elsewhere)) as made,
            contextlib.closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_SECONDS)) as database,
        ):
            made.backup(database)


def experiment_id(client: MlflowClient, name: str, uri: str) -> str:
    """Return the id of the experiment `name`; create it if it is missing."""
    found = client.get_experiment_by_name(name)
    if found is None:
        return _create_experiment(client, name, uri)
    if found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"the experiment {name!r} of {redact(uri)!r} is deleted; set tracking.experiment_name to another"
        )
    if not found.experiment_id:
        raise MlflowException("the answer has no experiment id; is this the address of an MLflow server?")
    return str(found.experiment_id)


def _create_experiment(client: MlflowClient, name: str, uri: str) -> str:
    # Artifacts lie beside a local database, whatever the working folder is. A server chooses its own place.
    location = (Path(uri.removeprefix(SQLITE)).parent / "mlartifacts").as_uri() if uri.startswith(SQLITE) else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        other = client.get_experiment_by_name(name)  # another process was faster
        if other is None:
            raise
        return str(other.experiment_id)


def begin_run(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str], started: float) -> str:
    """Begin a run in the experiment with the id `experiment`, at the unix time `started`, and return the run's id."""
    owned = {**fit_tags(tags), OWNER: owner()}
    run = client.create_run(experiment, start_time=int(started * 1000), tags=owned, run_name=name)
    return str(run.info.run_id)


def open_artifacts(run: Run, uri: str) -> ArtifactRepository:
    """Return the artifacts of a run. MLflow 3.15's client asks for logged models first, which Azure ML lacks."""
    return get_artifact_repository(str(run.info.artifact_uri), tracking_uri=uri)


def find_artifact(artifacts: ArtifactRepository, path: str) -> str | None:
    """Return where a file or folder of the run folder lies among a run's artifacts, or None if it is missing."""
    first = PurePosixPath(path).parts[0]
    prefixes = (prefix for prefix in ("", JOB_OUTPUTS) if prefix + first in list_names(artifacts, prefix))
    return next((prefix + path for prefix in prefixes), None)


def list_names(artifacts: ArtifactRepository, folder: str = "") -> list[str]:
    """Return the paths of the files and folders in a folder of a run's artifacts."""
    return [str(item.path) for item in artifacts.list_artifacts(folder.rstrip("/") or None)]


@contextlib.contextmanager
def open_run(
    client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str], started: float, ended: float
) -> Iterator[str]:
    """Open a run with these unix times. End it as FINISHED; if the block raises, as FAILED or KILLED."""
    run_id = begin_run(client, experiment, name, tags, started)
    try:
        yield run_id
        client.set_terminated(run_id, "FINISHED", end_time=int(ended * 1000))
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        with contextlib.suppress(*STORE_ERRORS):  # the first error is the one to report
            client.set_terminated(run_id, status)
        raise


def owner() -> str:
    """Return what identifies this process, as JSON: its host, its pid and its start time."""
    process = psutil.Process()
    return json.dumps({"host": socket.gethostname(), "pid": process.pid, "started": process.create_time()})


def is_gone(owner_tag: str) -> bool:
    """Return whether the process of the tag ran on this machine and has ended; False for other machines."""
    try:
        tag = json.loads(owner_tag)
        host, pid, started = tag["host"], int(tag["pid"]), float(tag["started"])
    except (ValueError, KeyError, TypeError):
        return False
    if host != socket.gethostname():
        return False
    try:
        return bool(psutil.Process(pid).create_time() != started)
    except psutil.NoSuchProcess:
        return True
