"""Connect to an MLflow store, and begin and end runs in it."""

import contextlib
import logging
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import mlflow
from google.protobuf.json_format import ParseError
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import local_file_uri_to_path
from sqlalchemy.exc import SQLAlchemyError

from bikeml.config.fields import SQLITE, STORES, TRACKING_URI, absolute
from bikeml.config.schema import TrackingConfig
from bikeml.destination import sqlite_faults
from bikeml.destination.places import watched
from bikeml.destination.server import LOGIN, explain_deleted, is_raised_by_mlflow
from bikeml.errors import TrackingError
from bikeml.records.tags import OWNER, USER
from bikeml.system.processes import owner, user
from bikeml.system.redaction import redact
from bikeml.tracking.local.tables import address, get_tables, has_tables, make_tables

logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # MLflow 3.15 also prints what it raises

LOCK_TIMEOUT_SECONDS = 20
ARTIFACTS = "mlartifacts"
"""The folder beside a local store that holds its artifacts."""
_ARTIFACTS = re.compile(
    rf"(?P<root>file://.*/{ARTIFACTS})(?P<below>(/(?P<run>[0-9a-f]{{32}}|models/m-[0-9a-f]{{32}})/artifacts(/.*)?)?)"
)
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
"""The columns of MLflow's tables that hold places of artifacts."""
MOST_SHOWN = 1_000
"""Characters of an error, which may hold all that a server has answered."""
_REFUSAL = re.compile(r"error code 40[13]\b|PERMISSION_DENIED|UNAUTHENTICATED")
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""MLflow's error codes if nothing has the name; it calls some names invalid."""
# A refused connection is an OSError, a missing database driver an ImportError, an unreadable answer a ParseError.
STORE_ERRORS = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError, ParseError)
ADVICE = "check tracking.uri"


@contextlib.contextmanager
def store_errors(
    uri: str, what: str = "record the run", advice: str = f"{ADVICE}, or choose tracking=none"
) -> Iterator[None]:
    """Raise TrackingError, which says that `what` failed and why, for any error of the store in the block."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, STORE_ERRORS) and not is_raised_by_mlflow(error):
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        how = LOGIN if _REFUSAL.search(reason) else advice
        reason, how = sqlite_faults.explain(error, uri) or (reason, how)
        raise TrackingError(f"cannot {what} in {redact(uri)!r}: {redact(reason):.{MOST_SHOWN}}; {how}") from error


def connect(uri: str) -> MlflowClient:
    """
    Return a client of the store at the absolute `uri`; create a local store if it is missing.

    Raises one of STORE_ERRORS.
    """
    if uri.partition(":")[0].partition("+")[0] not in STORES:
        _tell_plugin(uri)
    try:
        return _connect_to_file(uri) if uri.startswith(SQLITE) else watched(MlflowClient(tracking_uri=uri), uri)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MlflowException(f"{type(error).__name__}: {error}") from error  # a plugin cannot parse its URI


def get_ready(uri: str) -> None:
    """Do ahead of :func:`connect` what takes long; a missing store stays missing, and a fault is left to it."""
    uri = absolute(uri)
    with contextlib.suppress(Exception):
        if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).is_file():
            get_tables()
        elif uri.startswith(SQLITE):
            connect(uri)


def _tell_plugin(uri: str) -> None:
    """Make `uri` MLflow's own, for azureml-mlflow 1.62 reads the login for artifacts only there."""
    named = os.environ.get(TRACKING_URI)
    mlflow.set_tracking_uri(uri)
    if named is None:  # MLflow names it to processes below too, and so to our next run
        os.environ.pop(TRACKING_URI, None)
    else:
        os.environ[TRACKING_URI] = named


def _connect_to_file(uri: str) -> MlflowClient:
    path = uri.removeprefix(SQLITE)
    # If the file cannot be opened, fail now: MLflow would retry for minutes.
    with contextlib.closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None)) as database:
        if not has_tables(database):
            make_tables(database, (Path(path).parent / ARTIFACTS).as_uri())
    client = MlflowClient(tracking_uri=f"{address(uri)}?timeout={LOCK_TIMEOUT_SECONDS}")
    client.search_experiments(max_results=1)
    if os.access(path, os.W_OK):
        _correct_places(path, uri)
    return client


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


def find_experiment(client: MlflowClient, tracking: TrackingConfig) -> Experiment | None:
    """Return the experiment that `tracking` names, by its id if it has one; None if it is missing."""
    if tracking.experiment_id is None:
        return client.get_experiment_by_name(tracking.experiment_name)
    try:
        return client.get_experiment(tracking.experiment_id)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return None
        raise


def require_experiment(client: MlflowClient, tracking: TrackingConfig, uri: str) -> Experiment:
    """Return the experiment that `tracking` names; create it if it is missing and not named by its id."""
    found = find_experiment(client, tracking)
    if found is None and tracking.experiment_id is not None:
        raise TrackingError(
            f"{redact(uri)!r} has no experiment with the id {tracking.experiment_id}; set tracking.experiment_name"
        )
    if found is None:
        return _create_experiment(client, tracking.experiment_name, uri)
    if found.lifecycle_stage == "deleted":
        raise TrackingError(explain_deleted(uri, found.name, str(found.experiment_id)))
    if not found.experiment_id:
        raise MlflowException("the answer has no experiment id; is this the address of an MLflow server?")
    return found


def _create_experiment(client: MlflowClient, name: str, uri: str) -> Experiment:
    # Artifacts lie beside a local database, whatever the working folder is. A server chooses its own place.
    location = (Path(uri.removeprefix(SQLITE)).parent / ARTIFACTS).as_uri() if uri.startswith(SQLITE) else None
    try:
        return client.get_experiment(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        other = client.get_experiment_by_name(name)  # another process was faster
        if other is None:
            raise
        return other


def begin_run(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str], started: float) -> str:
    """Begin a run in the experiment with the id `experiment`, at the unix time `started`, and return the run's id."""
    owned = {USER: user(), **tags, OWNER: owner()}
    run = client.create_run(experiment, start_time=int(started * 1000), tags=owned, run_name=name)
    return str(run.info.run_id)


def equals(key: str, value: object) -> str:
    """Return a condition for MLflow's filters, or "" if they cannot quote the value: then compare what is found."""
    if not isinstance(value, str):  # a damaged database gives bytes
        return ""
    quotes = [mark for mark in ("'", '"') if mark not in value and not value.endswith("\\")]
    return f"{key} = {quotes[0]}{value}{quotes[0]}" if quotes else ""


@contextlib.contextmanager
def open_run(
    client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str], started: float, ended: float
) -> Iterator[str]:
    """Open a run with these unix times. End it as FINISHED; if the block raises, as FAILED or KILLED."""
    run_id = begin_run(client, experiment, name, tags, started)
    with finishing(client, run_id, ended):
        yield run_id


@contextlib.contextmanager
def finishing(client: MlflowClient, run_id: str, ended: float) -> Iterator[None]:
    """End a run as FINISHED, at this unix time; if the block raises, as FAILED or KILLED."""
    try:
        yield
        client.set_terminated(run_id, "FINISHED", end_time=int(ended * 1000))
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        with contextlib.suppress(*STORE_ERRORS):  # the first error is the one to report
            client.set_terminated(run_id, status)
        raise
