"""What goes wrong on the way to the service, as a client meets it."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.azureml import Behaviour, LoopbackAzureML
from tests.azureml.faults import Faults
from tests.azureml.store import SCOPE

Rest = Callable[..., Any]


@pytest.fixture
def simulated(azureml: LoopbackAzureML) -> LoopbackAzureML:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=3600)
    return azureml


def test_the_client_waits_for_retry_after_and_tries_again(ml_client: Any, azureml: LoopbackAzureML) -> None:
    azureml.faults.answer(429, "workspaces.get", retry_after=1)
    began = time.monotonic()
    ml_client.workspaces.get("bikeml-ws")
    assert [entry.status for entry in azureml.log.find("workspaces.get")] == [429, 200]
    assert time.monotonic() - began >= 1


def test_an_error_before_the_work_leaves_no_job_and_one_after_it_does(simulated: LoopbackAzureML, submit: Rest) -> None:
    simulated.faults.answer(503, "jobs.put", when="before")
    assert submit("job-1").status_code == 503
    assert "job-1" not in simulated.jobs.by_name
    simulated.faults.answer(500, "jobs.put", when="after")
    assert submit("job-1").status_code == 500
    assert simulated.job("job-1").status == "Starting"
    assert submit("job-1").status_code == 200, "who tries again finds his job"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reset_connection_is_a_reset_connection(simulated: LoopbackAzureML, submit: Rest, when: Any) -> None:
    import requests

    simulated.faults.reset("jobs.put", when=when)
    with pytest.raises(requests.exceptions.ConnectionError):
        submit("job-1")
    assert ("job-1" in simulated.jobs.by_name) == (when == "after")
    assert simulated.log.find("jobs.put")[0].status == 0


def test_a_truncated_body_is_one(simulated: LoopbackAzureML, submit: Rest) -> None:
    import requests

    simulated.faults.truncate("jobs.put")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match=r"Connection broken|IncompleteRead"):
        submit("job-1")
    assert "job-1" in simulated.jobs.by_name


def test_the_client_submits_through_everything_and_has_one_job(
    ml_client: Any, simulated: LoopbackAzureML, submit: Rest
) -> None:
    from azure.ai.ml import command

    submit("first")
    simulated.log.clear()
    simulated.faults.answer(503, "jobs.put", when="after", retry_after=0.1)
    simulated.faults.reset("jobs.put", when="after")
    made = ml_client.jobs.create_or_update(
        command(name="job-1", command="true", environment="e:1", compute="cpu", experiment_name="rentals")
    )
    assert made.name == "job-1"
    assert [entry.status for entry in simulated.log.find("jobs.put", job="job-1")] == [503, 0, 200]
    assert len(simulated.jobs.by_name) == 2


def test_a_slow_answer_comes_late(azureml: LoopbackAzureML, rest: Rest) -> None:
    azureml.faults.slow(0.3, "workspaces.get")
    began = time.monotonic()
    assert rest("GET", "", "2024-10-01-preview").status_code == 200
    assert time.monotonic() - began >= 0.3


def test_the_buckets_of_resource_manager_run_empty_and_fill_again(azureml: LoopbackAzureML, rest: Rest) -> None:
    azureml.faults.throttle(reads=3, reads_per_second=2)
    replies = [rest("GET", "", "2024-10-01-preview") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert replies[3].headers["Retry-After"] == "1"
    time.sleep(1)
    assert rest("GET", "", "2024-10-01-preview").status_code == 200


def test_tokens_expire_in_the_middle_and_a_new_one_is_let_in(azureml: LoopbackAzureML, rest: Rest) -> None:
    assert rest("GET", "", "2024-10-01-preview").status_code == 200
    azureml.identity.expire_all()
    assert rest("GET", "", "2024-10-01-preview").status_code == 401
    fresh = azureml.identity.issue("https://management.azure.com")
    assert rest("GET", "", "2024-10-01-preview", token=fresh).status_code == 200


def test_the_client_learns_of_an_expired_token_and_a_new_credential_is_let_in(
    ml_client: Any, azureml: LoopbackAzureML
) -> None:
    from azure.ai.ml import MLClient
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    ml_client.workspaces.get("bikeml-ws")
    azureml.identity.expire_all()
    with pytest.raises(ClientAuthenticationError, match="ExpiredAuthenticationToken"):
        ml_client.workspaces.get("bikeml-ws")
    with DefaultAzureCredential() as fresh:
        assert MLClient(fresh, **azureml.workspace_names).workspaces.get("bikeml-ws").location == "eastus"


def test_a_fault_strikes_only_what_it_names(simulated: LoopbackAzureML, submit: Rest) -> None:
    simulated.faults.answer(503, "jobs.*", method="PUT", job="job-2", times=None)
    assert [submit(name).status_code for name in ("job-1", "job-2", "job-3", "job-2")] == [201, 503, 201, 503]


def test_the_same_seed_strikes_the_same_calls() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.answer(503, times=None, probability=0.3)
        return [faults.pick("GET", "jobs.get", None) is not None for _ in range(50)]

    assert strikes(1) == strikes(1) != strikes(2)


def test_written_times_can_be_wrong(simulated: LoopbackAzureML, submit: Rest) -> None:
    simulated.clock.skew_seconds = 3600 * 24 * 365 * 100
    assert submit("job-1").json()["systemData"]["createdAt"] > "2100"


def test_every_call_is_in_the_log_with_what_it_was(simulated: LoopbackAzureML, submit: Rest, rest: Rest) -> None:
    submit("job-1")
    simulated.log.clear()
    rest("GET", "/jobs/job-1", "2024-01-01-preview")
    (entry,) = simulated.log.entries
    assert (entry.method, entry.route, entry.api_version) == ("GET", "jobs.get", "2024-01-01-preview")
    assert (entry.status, entry.job, entry.path) == (200, "job-1", f"{SCOPE}/jobs/job-1")
    assert str(entry) == "200 GET jobs.get 2024-01-01-preview job-1"


def test_eight_threads_submit_without_a_loss(simulated: LoopbackAzureML, submit: Rest) -> None:
    submit("first")
    replies: list[int] = []

    def work(number: int) -> None:
        replies.extend(submit(f"job-{number}-{n}").status_code for n in range(10))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [201] * 80
    assert len(simulated.jobs.by_name) == 81
