"""The loopback Azure ML as pytest fixtures: one service for the session, fresh for each test."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.azureml.blobs import missing
from tests.azureml.service import LoopbackAzureML


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # azure-ai-ml 1.35 uses what marshmallow 4 will remove
        from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    with DefaultAzureCredential() as credential:
        yield MLClient(credential, **azureml.workspace_names)
