"""The slow half: jobs that log to a real MLflow server, and a model of theirs at an endpoint, without code of its own."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.azureml import LoopbackAzureML, blobs, containers
from tests.azureml.fixtures import tolerate_client_warnings
from tests.azureml.workspace import TRACKING_URI

# The loopback service itself, with real training jobs: what bikeml does with it is in test_azure_story
lacking = blobs.missing() or containers.missing()
pytestmark = [pytest.mark.long, pytest.mark.skipif(lacking is not None, reason=str(lacking))]

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PINS = "".join(f"  - {name}=={version(name)}\n" for name in ("mlflow", "azureml-mlflow", "scikit-learn"))
CONDA = f"name: job\ndependencies:\n- python={PYTHON}\n- pip:\n{PINS}"
TRAIN = """\
import sys
import mlflow, pandas as pd
from importlib.metadata import version
from sklearn.linear_model import LinearRegression

x, y = pd.DataFrame({"x": [0.0, 1.0]}), [0.0, float(sys.argv[1])]
with mlflow.start_run() as run:
    assert run.info.run_id.startswith("job-"), run.info.run_id
    mlflow.log_param("slope", sys.argv[1])
    model = LinearRegression().fit(x, y)
    mlflow.log_metric("r2", model.score(x, y))
    pins = [f"{name}=={version(name)}" for name in ("mlflow", "scikit-learn", "pandas")]
    pins.append("azureml-ai-monitoring==1.0.0")  # what the service's scoring script imports
    mlflow.sklearn.save_model(model, "model", pip_requirements=pins, input_example=x)
    mlflow.log_artifacts("model", "model")
"""
SEARCH = """\
import json, mlflow
runs = mlflow.search_runs(experiment_names=["rentals"]).set_index("run_id")
print(json.dumps({name: [row["status"], row["params.slope"], row["metrics.r2"]] for name, row in runs.iterrows()}))
print(sorted(f.path for f in mlflow.MlflowClient().list_artifacts("job-1")))
"""


@pytest.fixture(autouse=True)
def quiet_client() -> None:
    tolerate_client_warnings()


@pytest.fixture(scope="module")
def service() -> Iterator[LoopbackAzureML]:
    with LoopbackAzureML() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.variables().items():
            patch.setenv(name, value)
        patch.setenv("AZUREML_CURRENT_CLOUD", "AzureCloud")
        yield running
        assert running.refused == []


@pytest.fixture(scope="module")
def client(service: LoopbackAzureML) -> Iterator[Any]:
    tolerate_client_warnings()
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    with DefaultAzureCredential() as credential:
        yield MLClient(credential, **service.workspace_names)


@pytest.fixture(scope="module")
def trained(service: LoopbackAzureML, client: Any, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three jobs, trained and Completed."""
    tolerate_client_warnings()
    from azure.ai.ml import command
    from azure.ai.ml.entities import AmlCompute, Environment

    folder = tmp_path_factory.mktemp("code")
    (folder / "train.py").write_text(TRAIN)
    conda = tmp_path_factory.mktemp("conda") / "conda.yaml"
    conda.write_text(CONDA)
    client.compute.begin_create_or_update(AmlCompute(name="cpu", size="STANDARD_DS11_V2", max_instances=2)).result()
    client.environments.create_or_update(Environment(name="job", version="1", image="ubuntu", conda_file=conda))
    code: Any = str(folder)
    names = [f"job-{slope}" for slope in (1, 2, 3)]
    for slope, name in enumerate(names, start=1):
        job = command(
            name=name,
            code=code,
            command="python train.py ${{inputs.slope}}",
            inputs={"slope": slope},
            environment="job:1",
            compute="cpu",
            experiment_name="rentals",
        )
        code = client.jobs.create_or_update(job).code
    deadline = time.monotonic() + 240
    while not all(service.job(name).is_final for name in names) and time.monotonic() < deadline:
        time.sleep(0.1)
    return names


@pytest.fixture(scope="module")
def deployed(service: LoopbackAzureML, client: Any, trained: list[str]) -> Counter[str]:
    """An endpoint with the second job's model behind it; what the deployment alone cost."""
    tolerate_client_warnings()
    from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint, Model

    path = "azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.job-2/model"
    client.models.create_or_update(Model(name="rentals", version="1", path=path, type="mlflow_model"))
    endpoint = ManagedOnlineEndpoint(name="rentals", auth_mode="key")
    client.online_endpoints.begin_create_or_update(endpoint).result()
    service.log.clear()
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name="rentals",
        model="azureml:rentals:1",
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    client.online_deployments.begin_create_or_update(deployment).result()
    counts = Counter(service.log.counts())
    endpoint.traffic = {"blue": 100}
    client.online_endpoints.begin_create_or_update(endpoint).result()
    return counts


def test_three_jobs_complete_with_their_metrics_in_mlflow(service: LoopbackAzureML, trained: list[str]) -> None:
    assert [service.job(name).error for name in trained] == [None] * 3
    assert len(service.log.find("jobs.put")) == 3
    assert len(service.log.find("mlflow.runs/log-metric")) == 3
    own = {
        "MLFLOW_TRACKING_URI": TRACKING_URI,
        "MLFLOW_TRACKING_TOKEN": service.identity.issue("https://ml.azure.com"),
        "MLFLOW_RUN_ID": "job-1",
        "MLFLOW_EXPERIMENT_NAME": "rentals",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SEARCH],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | own,
    )
    assert done.returncode == 0, done.stderr
    runs, artifacts = done.stdout.splitlines()
    assert json.loads(runs) == {f"job-{n}": ["FINISHED", str(n), 1.0] for n in (1, 2, 3)}
    assert artifacts == "['model', 'user_logs']"


def test_artifacts_are_downloaded_with_the_job(client: Any, trained: list[str], tmp_path: Path) -> None:
    client.jobs.download("job-1", download_path=tmp_path)
    assert (tmp_path / "artifacts/model/MLmodel").exists()
    assert (tmp_path / "artifacts/user_logs/std_log.txt").exists()


def test_a_deployment_is_made_with_four_requests_beside_its_polls(deployed: Counter[str]) -> None:
    polls = deployed.pop("operations.status")
    assert deployed == {"endpoints.get": 1, "workspaces.get": 1, "deployments.put": 1, "deployments.get": 1}
    assert polls >= 1


def test_an_endpoint_is_invoked_with_three_requests(
    service: LoopbackAzureML, client: Any, deployed: Counter[str], tmp_path: Path
) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"input_data": {"columns": ["x"], "index": [0, 1], "data": [[3.0], [0.5]]}}))
    service.log.clear()
    answer = client.online_endpoints.invoke("rentals", request_file=request)
    assert json.loads(answer) == pytest.approx([6.0, 1.0])
    assert service.log.counts() == {"endpoints.get": 1, "endpoints.keys": 1, "score": 1}


def test_a_request_without_a_key_or_without_input_data_is_refused(
    service: LoopbackAzureML, client: Any, deployed: Counter[str]
) -> None:
    import requests

    url = client.online_endpoints.get("rentals").scoring_uri
    key = client.online_endpoints.get_keys("rentals").primary_key
    assert requests.post(url, json={"input_data": [[1.0]]}, timeout=20).status_code == 401
    headers = {"Authorization": f"Bearer {key}"}
    reply = requests.post(url, json={"inputs": [[1.0]]}, headers=headers, timeout=20)
    assert (reply.status_code, reply.headers["ms-azureml-model-error-statuscode"]) == (424, "400")


def test_deleting_an_endpoint_ends_its_model_server(
    service: LoopbackAzureML, client: Any, deployed: Counter[str]
) -> None:
    assert len(service.endpoints.servers.running) == 1
    client.online_endpoints.begin_delete("rentals").result()
    assert service.endpoints.servers.running == []
