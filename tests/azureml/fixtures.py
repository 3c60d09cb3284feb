"""The loopback Azure ML as pytest fixtures: one service for the session, fresh for each test."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.azureml.blobs import missing
from tests.azureml.service import LoopbackAzureML


def tolerate_client_warnings() -> None:
    """Let the client's own warnings pass in the running test: azure-ai-ml 1.35 uses what others will change."""
    from marshmallow.warnings import ChangedInMarshmallow4Warning, RemovedInMarshmallow4Warning

    # pytest restores the filters when the test is over.
    warnings.simplefilter("ignore", ChangedInMarshmallow4Warning)
    warnings.simplefilter("ignore", RemovedInMarshmallow4Warning)
    warnings.filterwarnings(
        "ignore", "The use of a 'BlobProperties' instance|content_as_bytes", DeprecationWarning
    )


@pytest.fixture(scope="session")
def azureml_service() -> Iterator[LoopbackAzureML]:
    """A running service for the whole session; tests take `azureml`."""
    if reason := missing():
        pytest.skip(reason)
    with LoopbackAzureML() as service:
        yield service


@pytest.fixture
def azureml(azureml_service: LoopbackAzureML, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackAzureML]:
    """An empty workspace, and the variables that lead the clients to it; the proxy must have refused nothing."""
    tolerate_client_warnings()
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
