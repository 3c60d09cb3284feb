"""The workspace's own store of files: its secrets run out."""

from threading import Barrier, Thread
from typing import Any

import pytest

from bikeml.azure.jobs.service import ServiceError
from tests.azureml import LoopbackAzureML
from tests.azureml.blobs import ARTIFACTS
from tests.fake_workspace import FakeClock


class Store:
    """The loopback's store, opened as the launcher does, with the secrets that were asked for."""

    def __init__(self, azureml: LoopbackAzureML) -> None:
        from bikeml.azure.workspace.artifacts import Artifacts

        self.azureml, self.clock, self.asked = azureml, FakeClock(), 0
        azureml.workspace.secrets.kind = "Sas"
        azureml.blobs.container(ARTIFACTS).upload_blob("ExperimentRun/dcid.j/outputs/result.json", b"{}")
        self.artifacts = Artifacts(self.open, self.clock)

    def open(self) -> Any:
        from azure.storage.blob import ContainerClient

        self.asked += 1
        secret = self.azureml.workspace.secrets.issue(ARTIFACTS)["sasToken"]
        return ContainerClient(f"https://{self.azureml.blobs.host}", ARTIFACTS, credential=secret)

    def read(self, name: str = "result.json") -> bytes | None:
        return self.artifacts.read(f"ExperimentRun/dcid.j/outputs/{name}")


@pytest.fixture
def store(azureml: LoopbackAzureML) -> Store:
    return Store(azureml)


def test_one_secret_reads_many_files_and_what_is_not_there_is_none(store: Store) -> None:
    assert [store.read() for _ in range(3)] == [b"{}"] * 3
    assert store.read("nothing.json") is None
    assert store.asked == 1


def test_a_secret_that_has_run_out_is_asked_for_anew(store: Store) -> None:
    assert store.read() == b"{}"
    store.azureml.clock.advance(3600)
    assert store.read() == b"{}"
    assert store.asked == 2


def test_a_secret_is_not_used_until_its_end(store: Store) -> None:
    store.read()
    store.clock.now += 44 * 60
    store.read()
    assert store.asked == 1
    store.clock.now += 2 * 60
    store.read()
    assert store.asked == 2


def test_a_new_secret_that_is_refused_too_is_told_with_what_may_lack(store: Store) -> None:
    store.azureml.workspace.secrets.lifetime_seconds = 0
    with pytest.raises(ServiceError, match=r"storage account bikeml\w+ refuses the secret .* Storage Blob Data Reader"):
        store.read()
    assert store.asked == 2
    store.azureml.workspace.secrets.lifetime_seconds = 60
    assert store.read() == b"{}"


def test_threads_whose_secret_runs_out_at_once_ask_for_one(store: Store) -> None:
    store.read()
    store.azureml.clock.advance(3600)
    together, read = Barrier(5), []

    def work() -> None:
        together.wait()
        read.append(store.read())

    threads = [Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [b"{}"] * 5
    assert store.asked == 2


def test_a_container_that_is_not_there_says_nothing_of_a_file(store: Store) -> None:
    from azure.core.exceptions import ResourceNotFoundError

    store.azureml.blobs.client().delete_container(ARTIFACTS)
    with pytest.raises(ResourceNotFoundError):
        store.read()
    store.azureml.blobs.client().create_container(ARTIFACTS)
