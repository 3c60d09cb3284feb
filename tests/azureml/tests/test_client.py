"""The unchanged azure-ai-ml against the loopback service: every step that a user takes, and what it costs."""

import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.azureml import Behaviour, LoopbackAzureML

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CONDA = f"name: job\ndependencies:\n- python={PYTHON}\n- pip:\n  - pyyaml=={version('pyyaml')}\n"
TRAIN = """\
import os, pathlib, sys, yaml
rows = open(sys.argv[1]).read().splitlines()
print(len(rows), "rows, alpha", sys.argv[2])
pathlib.Path(os.environ["AZURE_ML_OUTPUT_model"], "model.txt").write_text(sys.argv[2])
"""


@pytest.fixture
def cluster(ml_client: Any, azureml: LoopbackAzureML) -> str:
    from azure.ai.ml.entities import AmlCompute

    ml_client.compute.begin_create_or_update(
        AmlCompute(name="cpu-cluster", size="STANDARD_DS11_V2", min_instances=0, max_instances=2)
    ).result()
    azureml.log.clear()
    return "cpu-cluster"


@pytest.fixture
def environment(ml_client: Any, azureml: LoopbackAzureML, tmp_path: Path) -> str:
    from azure.ai.ml.entities import Environment

    conda = tmp_path / "conda.yaml"
    conda.write_text(CONDA)
    ml_client.environments.create_or_update(Environment(name="job", version="1", image="ubuntu", conda_file=conda))
    azureml.log.clear()
    return "job:1"


@pytest.fixture
def data(ml_client: Any, azureml: LoopbackAzureML, tmp_path: Path) -> str:
    from azure.ai.ml.entities import Data

    table = tmp_path / "daily.csv"
    table.write_text("temp,rentals\n0.3,100\n0.4,200\n")
    ml_client.data.create_or_update(Data(name="daily", version="1", path=str(table), type="uri_file"))
    azureml.log.clear()
    return "azureml:daily:1"


@pytest.fixture
def code(tmp_path: Path) -> str:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    return str(folder)


def build_job(name: str, **changes: Any) -> Any:
    from azure.ai.ml import command

    settings = {
        "command": "true",
        "environment": "job:1",
        "compute": "cpu-cluster",
        "experiment_name": "rentals",
    }
    return command(**(settings | {"name": name} | changes))


def build_training(name: str, code: str, alpha: float) -> Any:
    from azure.ai.ml import Input, Output

    return build_job(
        name,
        code=code,
        command="python train.py ${{inputs.data}} ${{inputs.alpha}}",
        inputs={"data": Input(type="uri_file", path="azureml:daily:1"), "alpha": alpha},
        outputs={"model": Output(type="uri_folder")},
    )


def wait(azureml: LoopbackAzureML, *names: str, seconds: float = 30) -> list[str]:
    deadline = time.monotonic() + seconds
    while not all(azureml.job(name).is_final for name in names) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [azureml.job(name).status for name in names]


def wait_until_running(azureml: LoopbackAzureML, name: str, attempt: int = 0, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while azureml.runner.running != [name] or azureml.job(name).attempt != attempt:
        assert time.monotonic() < deadline, azureml.job(name)
        time.sleep(0.01)


def test_workspaces_get_is_one_request(ml_client: Any, azureml: LoopbackAzureML) -> None:
    workspace = ml_client.workspaces.get("bikeml-ws")
    assert workspace.mlflow_tracking_uri.startswith("azureml://eastus.api.azureml.ms/mlflow/v2.0/subscriptions/")
    assert azureml.log.counts() == {"workspaces.get": 1}


def test_creating_a_cluster_is_four_requests(ml_client: Any, azureml: LoopbackAzureML) -> None:
    from azure.ai.ml.entities import AmlCompute

    asked = AmlCompute(
        name="cpu-cluster",
        size="STANDARD_DS11_V2",
        min_instances=0,
        max_instances=2,
        idle_time_before_scale_down=180,
        tier="low_priority",
    )
    made = ml_client.compute.begin_create_or_update(asked).result()
    expected = {"workspaces.get": 1, "computes.put": 1, "operations.status": 1, "computes.get": 1}
    assert azureml.log.counts() == expected
    assert (made.tier, made.max_instances, made.idle_time_before_scale_down) == ("low_priority", 2, 180)
    assert azureml.workspace.clusters["cpu-cluster"].idle_seconds == 180


def test_a_missing_cluster_is_not_found(ml_client: Any) -> None:
    from azure.core.exceptions import ResourceNotFoundError

    with pytest.raises(ResourceNotFoundError, match="cpu-cluster was not found"):
        ml_client.compute.get("cpu-cluster")


def test_data_is_uploaded_to_the_blob_store_with_three_requests(
    ml_client: Any, azureml: LoopbackAzureML, tmp_path: Path
) -> None:
    from azure.ai.ml.entities import Data

    table = tmp_path / "daily.csv"
    table.write_text("temp,rentals\n0.3,100\n")
    made = ml_client.data.create_or_update(Data(name="daily", version="3", path=str(table), type="uri_file"))
    assert azureml.log.counts() == {"datastores.get": 1, "datastores.secrets": 1, "data.put": 1}
    assert azureml.blobs.download(made.path, tmp_path / "back").read_text() == table.read_text()


@pytest.mark.usefixtures("data")
def test_the_latest_data_is_two_requests(ml_client: Any, azureml: LoopbackAzureML) -> None:
    assert ml_client.data.get("daily", label="latest").version == "1"
    assert azureml.log.counts() == {"data.container": 1, "data.get": 1}


@pytest.mark.parametrize(("number", "requests"), [("7", 1), (None, 2)])
def test_an_environment_is_one_request_with_a_version_and_two_without(
    ml_client: Any, azureml: LoopbackAzureML, tmp_path: Path, number: str | None, requests: int
) -> None:
    from azure.ai.ml.entities import Environment

    conda = tmp_path / "conda.yaml"
    conda.write_text(CONDA)
    asked = Environment(name="job", version=number, image="ubuntu", conda_file=conda)
    assert ml_client.environments.create_or_update(asked).version == number or "1"
    assert len(azureml.log.entries) == requests


@pytest.mark.usefixtures("cluster", "environment", "data")
def test_three_jobs_run_with_their_code_and_data_and_the_later_two_cost_one_request(
    ml_client: Any, azureml: LoopbackAzureML, code: str, tmp_path: Path
) -> None:
    first = ml_client.jobs.create_or_update(build_training("job-1", code, 0.1))
    assert azureml.log.counts() == {"codes.versions": 1, "codes.upload": 1, "codes.put": 1, "jobs.put": 1}
    azureml.log.clear()
    for number in (2, 3):
        ml_client.jobs.create_or_update(build_training(f"job-{number}", first.code, number / 10))
    assert azureml.log.counts() == {"jobs.put": 2}
    assert first.status == "Starting"
    assert wait(azureml, "job-1", "job-2", "job-3") == ["Completed"] * 3
    ml_client.jobs.download("job-2", download_path=tmp_path)
    assert (tmp_path / "artifacts/user_logs/std_log.txt").read_text() == "3 rows, alpha 0.2\n"


@pytest.mark.usefixtures("cluster", "environment")
def test_a_uri_folder_output_is_downloaded_with_eight_requests(
    ml_client: Any, azureml: LoopbackAzureML, tmp_path: Path
) -> None:
    from azure.ai.ml import Output

    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=0, files={"model": {"model.txt": b"0.5"}})
    ml_client.jobs.create_or_update(build_job("job-1", outputs={"model": Output(type="uri_folder")}))
    assert wait(azureml, "job-1") == ["Completed"]
    azureml.log.clear()
    ml_client.jobs.download("job-1", download_path=tmp_path, output_name="model")
    assert (tmp_path / "named-outputs/model/model.txt").read_text() == "0.5"
    assert azureml.log.counts() == {
        "jobs.get": 1,
        "workspaces.get": 1,
        "discovery": 1,
        "history.rundata": 1,
        "data.uris": 1,
        "datastores.list": 1,
        "datastores.get": 1,
        "datastores.secrets": 1,
    }


@pytest.mark.usefixtures("cluster", "environment")
def test_named_outputs_have_no_uri(ml_client: Any, azureml: LoopbackAzureML) -> None:
    from azure.ai.ml import Output

    made = ml_client.jobs.create_or_update(build_job("job-1", outputs={"model": Output(type="uri_folder")}))
    assert made.outputs["model"].path is None
    assert made.outputs["default"].path.endswith("workspaceartifactstore/ExperimentRun/dcid.job-1")


@pytest.mark.parametrize(("polling", "at_most"), [(False, 1), (True, 5)])
@pytest.mark.usefixtures("cluster", "environment")
def test_a_cancelled_job_ends_canceled_and_its_process_is_gone(
    ml_client: Any, azureml: LoopbackAzureML, polling: bool, at_most: int
) -> None:
    ml_client.jobs.create_or_update(build_job("job-1", command="sleep 60"))
    wait_until_running(azureml, "job-1")
    azureml.log.clear()
    poller = ml_client.jobs.begin_cancel("job-1", polling=polling)
    if polling:
        poller.result()
    assert 1 <= len(azureml.log.entries) <= at_most
    assert wait(azureml, "job-1") == ["Canceled"]
    assert azureml.runner.running == []


@pytest.mark.usefixtures("cluster", "environment")
def test_a_preempted_command_is_run_again_from_its_beginning(
    ml_client: Any, azureml: LoopbackAzureML, tmp_path: Path
) -> None:
    started, go_on = tmp_path / "started", tmp_path / "go-on"
    script = f"echo once >> {started}; while [ ! -e {go_on} ]; do sleep 0.05; done"
    ml_client.jobs.create_or_update(build_job("job-1", command=script))
    wait_until_running(azureml, "job-1")
    while not started.exists():  # the node runs; the command begins a little later
        time.sleep(0.01)
    azureml.preempt("job-1")
    wait_until_running(azureml, "job-1", attempt=1)
    go_on.touch()
    assert wait(azureml, "job-1") == ["Completed"]
    assert started.read_text() == "once\nonce\n"


@pytest.mark.usefixtures("cluster", "environment")
def test_jobs_are_listed_by_the_key_of_a_tag_over_several_pages(ml_client: Any, azureml: LoopbackAzureML) -> None:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=1)
    for number in range(12):
        ml_client.jobs.create_or_update(build_job(f"job-{number}", tags={"sweep": str(number)}))
    ml_client.jobs.create_or_update(build_job("other"))
    azureml.log.clear()
    names = {job.name for job in ml_client.jobs.list(tag="sweep")}
    assert names == {f"job-{number}" for number in range(12)}
    assert azureml.log.counts() == {"jobs.list": 2}


@pytest.mark.parametrize(("number", "requests"), [("5", 2), (None, 3)])
def test_a_model_in_a_datastore_is_registered_with_two_requests_and_without_a_version_with_three(
    ml_client: Any, azureml: LoopbackAzureML, number: str | None, requests: int
) -> None:
    from azure.ai.ml.entities import Model

    path = "azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.job-1/model"
    made = ml_client.models.create_or_update(Model(name="rentals", version=number, path=path, type="mlflow_model"))
    assert (made.version, made.type) == (number or "1", "mlflow_model")
    assert len(azureml.log.entries) == requests


def test_an_endpoint_is_made_and_deleted(ml_client: Any, azureml: LoopbackAzureML) -> None:
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    made = ml_client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="rentals", auth_mode="key")
    ).result()
    assert made.scoring_uri == "https://rentals.eastus.inference.ml.azure.com/score"
    expected = {"workspaces.get": 1, "endpoints.put": 1, "operations.status": 1, "endpoints.get": 1}
    assert azureml.log.counts() == expected
    assert ml_client.online_endpoints.get_keys("rentals").primary_key
    azureml.log.clear()
    ml_client.online_endpoints.begin_delete("rentals").result()
    assert azureml.log.counts() == {"endpoints.delete": 1, "operations.status": 1}
    assert list(ml_client.online_endpoints.list()) == []


@pytest.mark.usefixtures("cluster", "environment")
def test_stream_returns_when_the_job_is_over(
    ml_client: Any, azureml: LoopbackAzureML, capsys: pytest.CaptureFixture[str]
) -> None:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=0)
    ml_client.jobs.create_or_update(build_job("job-1"))
    wait(azureml, "job-1")
    ml_client.jobs.stream("job-1")
    assert "Execution Summary" in capsys.readouterr().out


@pytest.mark.usefixtures("cluster", "environment")
def test_a_command_that_fails_fails_the_job_and_keeps_its_last_words(ml_client: Any, azureml: LoopbackAzureML) -> None:
    ml_client.jobs.create_or_update(build_job("job-1", command="echo no such column; exit 3"))
    assert wait(azureml, "job-1") == ["Failed"]
    message = "Execution failed. User process exited with code 3. no such column"
    assert azureml.job("job-1").error == {"code": "UserError", "message": message}


@pytest.mark.usefixtures("cluster", "environment")
def test_a_job_cannot_import_what_its_environment_does_not_name(ml_client: Any, azureml: LoopbackAzureML) -> None:
    ml_client.jobs.create_or_update(build_job("job-1", command="python -c 'import yaml, numpy'"))
    assert wait(azureml, "job-1") == ["Failed"]
    assert "No module named 'numpy': the job's environment does not name it" in azureml.job("job-1").error["message"]


@pytest.mark.parametrize("folder", ["$AZURE_ML_OUTPUT_kept", "outputs"])
@pytest.mark.usefixtures("cluster", "environment")
def test_a_mounted_output_takes_files_and_renames_none(ml_client: Any, azureml: LoopbackAzureML, folder: str) -> None:
    from azure.ai.ml import Output

    program = "import os; open('a', 'w').close(); os.replace('a', 'b')"
    command = f'mkdir -p {folder} && cd {folder} && python -c "{program}"'
    ml_client.jobs.create_or_update(build_job("job-1", command=command, outputs={"kept": Output(type="uri_folder")}))
    assert wait(azureml, "job-1") == ["Failed"]
    assert "a mounted output renames nothing: 'a'" in azureml.job("job-1").error["message"]


@pytest.mark.parametrize(
    ("conda", "complaint"),
    [
        ("dependencies: [python=2.7]", "the environment asks for"),
        (f"dependencies: [python={PYTHON}]", "names no package"),
        (f"dependencies: [python={PYTHON}, pip: [pyyaml]]", "says 'pyyaml'"),
        (f"dependencies: [python={PYTHON}, pip: [pyyaml==0.1]]", "says 'pyyaml==0.1'"),
        (
            f"dependencies: [python={PYTHON}, pip: [no-such-package==1.0]]",
            "no-such-package nothing is installed",
        ),
        (f"dependencies: [python={PYTHON}, pip: ['./here']]", "is no requirement"),
    ],
)
def test_a_job_fails_if_its_environment_does_not_name_the_versions_that_it_finds(conda: str, complaint: str) -> None:
    from tests.azureml.environments import EnvironmentMismatch, check_definition

    with pytest.raises(EnvironmentMismatch, match=complaint):
        check_definition(conda)
