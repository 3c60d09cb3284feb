"""The loopback Azure ML as pytest fixtures: one service for the session, fresh for each test."""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import pytest

from tests.azureml.blobs import missing
from tests.azureml.service import LoopbackAzureML
from tests.azureml.store import SCOPE


def tolerate_client_warnings() -> None:
    """Let the client's own warnings pass in the running test: azure-ai-ml 1.35 uses what others will change."""
    from marshmallow.warnings import ChangedInMarshmallow4Warning, RemovedInMarshmallow4Warning

    # pytest restores the filters when the test is over.
    warnings.simplefilter("ignore", ChangedInMarshmallow4Warning)
    warnings.simplefilter("ignore", RemovedInMarshmallow4Warning)
    warnings.filterwarnings("ignore", "The use of a 'BlobProperties' instance|content_as_bytes", DeprecationWarning)


@pytest.fixture(scope="session")
def azureml_service() -> Iterator[LoopbackAzureML]:
    """A running service for the whole session; tests take `azureml`."""
    if reason := missing():
        pytest.skip(reason)
    import azure.storage.blob  # noqa: F401  requests mutes a warning of its import: in a thread, pytest would undo that

    with LoopbackAzureML() as service:
        yield service


@pytest.fixture
def azureml(azureml_service: LoopbackAzureML, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackAzureML]:
    """An empty workspace, and the variables that lead the clients to it; the proxy must have refused nothing."""
    tolerate_client_warnings()
    from bikeml.azure.workspace.login import shared_credential

    shared_credential.cache_clear()  # its tokens are of the service before
    azureml_service.reset()
    for name, value in azureml_service.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "AzureCloud")  # which MLClient sets and never unsets
    yield azureml_service
    azureml_service.faults.clear()
    assert azureml_service.refused == []


@pytest.fixture
def ml_client(azureml: LoopbackAzureML) -> Iterator[Any]:
    """An MLClient as a user makes it."""
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    with DefaultAzureCredential() as credential:
        yield MLClient(credential, **azureml.workspace_names)


Rest = Callable[..., Any]


@pytest.fixture
def rest(azureml: LoopbackAzureML) -> Iterator[Rest]:
    """A bare call to Resource Manager, with a valid token: rest("PUT", "/jobs/x", "2025-01-01-preview", body)."""
    import requests

    token = azureml.identity.issue("https://management.azure.com")
    with requests.Session() as session:

        def call(method: str, path: str, version: str | None, body: Any = None, token: str | None = token) -> Any:
            url = path if path.startswith("https:") else f"https://management.azure.com{SCOPE}{path}"
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            params = {"api-version": version} if version else {}
            return session.request(method, url, params=params, json=body, headers=headers, timeout=10)

        yield call


@pytest.fixture
def submit(rest: Rest) -> Callable[..., Any]:
    """Submit a job with nothing but what it needs, and return the reply; cluster and environment are made for it."""
    pip = {"pip": [f"pyyaml=={metadata.version('pyyaml')}"]}
    conda = {"dependencies": [f"python={sys.version_info.major}.{sys.version_info.minor}", pip]}
    rest(
        "PUT",
        "/environments/e/versions/1",
        "2023-04-01-preview",
        {"properties": {"condaFile": json.dumps(conda)}},
    )
    settings = {"vmSize": "STANDARD_DS11_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2}}
    compute = {"computeType": "AmlCompute", "properties": settings}
    rest("PUT", "/computes/cpu", "2023-08-01-preview", {"location": "eastus", "properties": compute})

    def submit_job(name: str, **changes: Any) -> Any:
        properties = {
            "jobType": "Command",
            "command": "true",
            "environmentId": f"{SCOPE}/environments/e/versions/1",
            "computeId": f"{SCOPE}/computes/cpu",
            "experimentName": "rentals",
            "tags": {},
        }
        return rest("PUT", f"/jobs/{name}", "2025-01-01-preview", {"properties": properties | changes})

    return submit_job
