"""Reach an MLflow store, and let a run begin and end in it."""

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
"""How long a store that another process makes just now is waited for."""
JOB_OUTPUTS = "outputs/"
"""Where the files of a run lie that was a job on a cluster: it keeps a job's own output there."""
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow answers where there is nothing of a name; of some names it says that they are none."""
# A refused connection is an OSError; a missing driver of a database an ImportError; nonsense of a server a ParseError.
STORE_ERRORS = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError, ParseError)


@contextlib.contextmanager
def store_errors(
    uri: str, what: str = "record the run", advice: str = "check tracking.uri, or choose tracking=none"
) -> Iterator[None]:
    """Raise a TrackingError that says what could not be done, whatever the store at `uri` has against it."""
    try:
        yield
    except STORE_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TrackingError(f"cannot {what} in {redact(uri)!r}: {redact(reason)}; {advice}") from error


def connect(uri: str) -> MlflowClient:
    """
    Return a client of the store at the absolute `uri`; a local store is made where there is none.

    Raises one of STORE_ERRORS.
    """
    if uri.partition(":")[0].partition("+")[0] not in STORES:
        mlflow.set_tracking_uri(uri)  # azureml-mlflow 1.62 looks up the login for artifacts there, and nowhere else
    try:
        return _connect_to_file(uri) if uri.startswith(SQLITE) else MlflowClient(tracking_uri=uri)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MlflowException(f"{type(error).__name__}: {error}") from error  # a plugin choked on its URI


def _connect_to_file(uri: str) -> MlflowClient:
    path = uri.removeprefix(SQLITE)
    # MLflow tries a file that cannot be opened again and again, for minutes.
    with contextlib.closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_SECONDS)) as database:
        database.execute("PRAGMA user_version")
    # Processes that make the tables of one new store at once break each other's migrations (MLflow 3.15).
    name = f"bikeml-{hashlib.sha256(path.encode()).hexdigest()[:16]}.lock"
    with FileLock(Path(tempfile.gettempdir()) / name, timeout=NEW_STORE_SECONDS, mode=0o666):
        if Path(path).stat().st_size == 0:
            _make_store(path)
        client = MlflowClient(tracking_uri=f"{uri}?timeout={LOCK_TIMEOUT_SECONDS}")
        client.search_experiments(max_results=1)
    return client


def _make_store(path: str) -> None:
    """Make the tables elsewhere and bring them in one transaction: no run mends migrations that were broken off."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows removes no file in use
        elsewhere = str(Path(folder) / "new.db")
        MlflowClient(tracking_uri=SQLITE + elsewhere).search_experiments(max_results=1)
        with (
            contextlib.closing(sqlite3.connect(elsewhere)) as made,
            contextlib.closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_SECONDS)) as database,
        ):
            made.backup(database)


def experiment_id(client: MlflowClient, name: str, uri: str) -> str:
    """Return the id of the experiment of that name, which is made where there is none."""
    found = client.get_experiment_by_name(name)
    if found is None:
        return _create_experiment(client, name, uri)
    if found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"the experiment {name!r} of {redact(uri)!r} is deleted; set tracking.experiment_name to another"
        )
    if not found.experiment_id:
        raise MlflowException("it answers without an experiment's id; is this the address of an MLflow server?")
    return str(found.experiment_id)


def _create_experiment(client: MlflowClient, name: str, uri: str) -> str:
    # Beside the database, wherever the process runs; a server decides for itself.
    location = (Path(uri.removeprefix(SQLITE)).parent / "mlartifacts").as_uri() if uri.startswith(SQLITE) else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        other = client.get_experiment_by_name(name)  # another process was faster
        if other is None:
            raise
        return str(other.experiment_id)


def begin_run(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str], started: float) -> str:
    """Begin a run in the experiment of that id, at the unix time `started`, and return its id."""
    owned = {**fit_tags(tags), OWNER: owner()}
    run = client.create_run(experiment, start_time=int(started * 1000), tags=owned, run_name=name)
    return str(run.info.run_id)


def open_artifacts(run: Run, uri: str) -> ArtifactRepository:
    """Return the files of a run; MLflow 3.15's client asks for logged models first, of which Azure ML knows nothing."""
    return get_artifact_repository(str(run.info.artifact_uri), tracking_uri=uri)


def find_artifact(artifacts: ArtifactRepository, path: str) -> str | None:
    """Return where a file or folder of a run folder lies among a run's artifacts, or None where it is not."""
    first = PurePosixPath(path).parts[0]
    prefixes = (prefix for prefix in ("", JOB_OUTPUTS) if prefix + first in list_names(artifacts, prefix))
    return next((prefix + path for prefix in prefixes), None)


def list_names(artifacts: ArtifactRepository, folder: str = "") -> list[str]:
    """Return the paths of what lies in a folder of a run's artifacts."""
    return [str(item.path) for item in artifacts.list_artifacts(folder.rstrip("/") or None)]


@contextlib.contextmanager
def open_run(
    client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str], started: float, ended: float
) -> Iterator[str]:
    """Open a run of those unix times, and end it as FINISHED, or as FAILED or KILLED when the block raises."""
    run_id = begin_run(client, experiment, name, tags, started)
    try:
        yield run_id
        client.set_terminated(run_id, "FINISHED", end_time=int(ended * 1000))
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        with contextlib.suppress(*STORE_ERRORS):  # the first error is the one to tell
            client.set_terminated(run_id, status)
        raise


def owner() -> str:
    """Return what tells this process from every other: host, pid and the time at which the process began."""
    process = psutil.Process()
    return json.dumps({"host": socket.gethostname(), "pid": process.pid, "started": process.create_time()})


def is_gone(owner_tag: str) -> bool:
    """Return True where the process of that tag was on this machine and is no more; of others one cannot know."""
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
