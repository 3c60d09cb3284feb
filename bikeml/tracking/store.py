"""Connect to an MLflow store, and begin and end runs in it."""

import contextlib
import hashlib
import json
import os
import re
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import mlflow
import psutil
from filelock import FileLock
from google.protobuf.json_format import ParseError
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.file_utils import local_file_uri_to_path
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
ARTIFACTS = "mlartifacts"
"""The folder beside a local store that holds its artifacts."""
_ARTIFACTS = re.compile(rf"(?P<root>file://.*/{ARTIFACTS})(?P<below>(/(?P<run>[0-9a-f]{{32}})/artifacts(/.*)?)?)")
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""The columns of MLflow's tables that hold places of artifacts."""
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
        client = MlflowClient(tracking_uri=f"{address(uri)}?timeout={LOCK_TIMEOUT_SECONDS}")
        client.search_experiments(max_results=1)
    if os.access(path, os.W_OK):
        _correct_places(path, uri)
    return client


def address(uri: str) -> str:
    """
    Return how MLflow is told the `uri` of a store, in which the path of a local file stands as it is.

    SQLAlchemy 2 decodes the path, and a ``?`` would end it. MLflow 3.15 makes a folder of what is before the last
    slash, as it is written; an encoded path has no slash.
    """
    path = uri.removeprefix(SQLITE)
    is_plain = path == uri or not set(path) & set("%?")
    return uri if is_plain else SQLITE + quote(path, safe="")


def locate(artifact_uri: str, uri: str) -> str:
    """
    Return where the artifacts of an experiment or a run lie, whose place is recorded as `artifact_uri`.

    Those of a local store lie beside it. If its folder was moved or copied, the recorded place is out of date, and
    nothing may be written there.
    """
    recorded = _ARTIFACTS.fullmatch(artifact_uri)
    if recorded is None or not uri.startswith(SQLITE):
        return artifact_uri
    here = Path(uri.removeprefix(SQLITE)).parent / ARTIFACTS
    if recorded["root"] == here.as_uri():
        return artifact_uri
    is_here = (here / (recorded["run"] or "")).exists()
    is_there = Path(local_file_uri_to_path(recorded["root"])).exists()
    return here.as_uri() + recorded["below"] if is_here or not is_there else artifact_uri


def _correct_places(path: str, uri: str) -> None:
    """Correct the recorded places of artifacts in a local store whose folder was moved, for every reader of it."""
    with contextlib.closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_SECONDS)) as database:
        database.create_function("locate", 1, lambda recorded: recorded and locate(recorded, uri))
        for table, column in _PLACES:
            moved = f"{column} IS NOT locate({column})"
            if database.execute(f"SELECT 1 FROM {table} WHERE {moved} LIMIT 1").fetchone():  # noqa: S608  _PLACES
                database.execute(f"UPDATE {table} SET {column} = locate({column}) WHERE {moved}")  # noqa: S608  too
        database.commit()


def _make_store(path: str) -> None:
    """Create the tables elsewhere and copy them in one transaction: an interrupted migration cannot be repaired."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows cannot delete a file in use
        elsewhere = str(Path(folder) / "new.db")
        # MLflow 3.15 writes the place of its experiment Default into SQL as it is; an address has no quotes.
        SqlAlchemyStore(address(SQLITE + elsewhere), (Path(path).parent / ARTIFACTS).as_uri())
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
    location = (Path(uri.removeprefix(SQLITE)).parent / ARTIFACTS).as_uri() if uri.startswith(SQLITE) else None
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
    return get_artifact_repository(locate(str(run.info.artifact_uri), uri), tracking_uri=uri)


def equals(key: str, value: str) -> str:
    """Return a condition for MLflow's filters, or "" if they cannot quote the value: then compare what is found."""
    quotes = [mark for mark in ("'", '"') if mark not in value and not value.endswith("\\")]
    return f"{key} = {quotes[0]}{value}{quotes[0]}" if quotes else ""


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
