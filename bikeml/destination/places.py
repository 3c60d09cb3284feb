"""
Send and fetch files only where the server of a store may keep them.

A server answers with the place of a run's files, and MLflow goes there with what the user has: it writes into a folder
of this machine for ``file:``, and it sends the login of the store to any host.
"""

import re
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from mlflow import MlflowClient
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from bikeml.errors import TrackingError
from bikeml.system.redaction import redact

_OF_SERVER = ("http", "https")
_OBJECT_STORES = re.compile(
    r"(s3|gs)://[^/?#@]+(/.*)?|(wasbs|abfss)://[^/?#@]+@\w+\.(blob|dfs)\.core\."
    r"(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)(/.*)?"
)
"""Their hosts do not come from the answer: a client's environment names them, or the cloud has them."""


def watched(client: MlflowClient, uri: str) -> MlflowClient:
    """Return the client of a store, which raises TrackingError if its server names a place that is not its own."""
    if urlsplit(uri).scheme not in (*_OF_SERVER, "azureml"):
        return client
    service, known = client._tracking_client, dict[str, ArtifactRepository]()  # noqa: SLF001  MLflow 3.15 has no hook

    def find(resource_id: str, *, resource: Literal["run", "logged_model"] = "run") -> ArtifactRepository:
        if resource_id not in known:
            found: Any = service.get_run(resource_id).info if resource == "run" else None
            place = found.artifact_uri if found else service.get_logged_model(resource_id).artifact_location
            known[resource_id] = open_place(str(place), uri)
        return known[resource_id]

    service._get_artifact_repo = find  # type: ignore[method-assign]  # noqa: SLF001
    return client


def open_place(place: str, uri: str) -> ArtifactRepository:
    """Return MLflow's client of a place of files that the store at `uri` names; raises TrackingError."""
    refuse_outside(place, uri)
    return get_artifact_repository(place, tracking_uri=uri)


def refuse_outside(place: str, uri: str) -> None:
    """Raise TrackingError if the server of the store at `uri` names a place of files that is not its own."""
    store = urlsplit(uri)
    if store.scheme in (*_OF_SERVER, "azureml") and not _is_inside(place, store):
        raise TrackingError(
            f"the server at {redact(uri)!r} keeps the files of its runs at {redact(place)!r:.300}, which is not its "
            "own: files are sent to and taken from the server itself, s3:, gs:, wasbs: and abfss: only; let it serve "
            "its files (mlflow server --serve-artifacts), or choose another tracking.uri"
        )


def _is_inside(place: str, store: SplitResult) -> bool:
    try:
        found = urlsplit(place)
    except ValueError:
        return False
    if store.scheme == "azureml":
        return found.scheme == "azureml" and _is_of_cloud(found.netloc, store.netloc)
    if found.scheme == "mlflow-artifacts":
        return found.netloc in ("", store.netloc)
    is_same = (found.scheme, found.netloc) == (store.scheme, store.netloc)
    return is_same or _OBJECT_STORES.fullmatch(place) is not None


def _is_of_cloud(host: str, own: str) -> bool:
    """Return whether a host is of the service whose host is `own`: regions differ in the first part of the name."""
    is_sister = host.partition(".")[2] == own.partition(".")[2] != ""
    return host == own or is_sister or re.fullmatch(r"\w+", host) is not None  # azureml://experiments/NAME/runs/...
