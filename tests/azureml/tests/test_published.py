"""
The requests of azure-ai-ml's own end-to-end tests, made by the unchanged client: the table of tests/azureml/published.py.

A test here has the name of the one that it stands for, and asks the service for the same in our own words.
"""

import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.azureml import Behaviour, LoopbackAzureML, published
from tests.azureml.containers import SERVER
from tests.azureml.environments import find_distribution

CONDA = {"name": "e", "channels": ["conda-forge"], "dependencies": ["python=3.11", {"pip": ["pyyaml==6.0"]}]}
BLOB = "azureml://datastores/workspaceblobstore/paths/python/data.csv"
SCORE = """
import json, os
from pathlib import Path

def init():
    global slope
    slope = json.loads(Path(os.environ["AZUREML_MODEL_DIR"], "model", "slope.json").read_text())

def run(raw_data):
    return [slope * x for x in json.loads(raw_data)["data"]]
"""
VIRTUAL_CLUSTER = (
    "/subscriptions/79a1ba0c-35bb-436b-bff2-3074d5ff1f89/resourceGroups/Runtime/providers/"
    "Microsoft.MachineLearningServices/virtualclusters/centeuapvc"
)


@pytest.fixture(autouse=True)
def _simulate(request: pytest.FixtureRequest) -> None:
    if request.cls is not None:
        request.getfixturevalue("azureml").lifecycle.behave = lambda _job: Behaviour(seconds=0)


@pytest.fixture
def table(tmp_path: Path) -> str:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "sample1.csv"
    file.write_text("hello world")
    return str(file)


@pytest.fixture
def folder(table: str) -> str:
    return str(Path(table).parent)


def make_environment(client: Any, version: str, **changes: Any) -> Any:
    from azure.ai.ml.entities import Environment

    settings = {"name": "e", "version": version, "image": "ubuntu", "conda_file": CONDA, "description": "x"}
    return client.environments.create_or_update(Environment(**settings | changes))


def make_data(client: Any, version: str, path: str, **changes: Any) -> Any:
    from azure.ai.ml.entities import Data

    settings = {"name": "d", "version": version, "path": path, "type": "uri_file"}
    return client.data.create_or_update(Data(**settings | changes))


def make_folders(parent: Path, *names: str) -> list[Path]:
    folders = [parent / name for name in names]
    for folder in folders:
        folder.mkdir()
    return folders


def pin(name: str) -> dict[str, Any]:
    """Return the conda definition of an environment of one package, at the version that a container finds."""
    distribution = find_distribution(name, str(SERVER))
    assert distribution is not None
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    return {"dependencies": [python, {"pip": [f"{name}=={distribution.version}"]}]}


def build(name: str = "job", **changes: Any) -> Any:
    from azure.ai.ml import AmlTokenConfiguration, command

    settings = {
        "command": "pip freeze",
        "environment": "e:33",
        "compute": "testCompute",
        "experiment_name": "mfe-test1",
        "identity": AmlTokenConfiguration(),
    }
    return command(**settings | {"name": name} | changes)


def submit(client: Any, **changes: Any) -> Any:
    """Submit a job, and hold that it is found again as it was made."""
    made = client.jobs.create_or_update(build(**changes))
    found = client.jobs.get(made.name)
    assert made.status in ("Starting", "NotStarted")
    assert (found.environment, found.compute) == (made.environment, made.compute)
    assert found.identity.type == made.identity.type == "aml_token"
    return made


def active(operations: Any, **names: str) -> list[str]:
    from azure.ai.ml.constants import ListViewType

    found = operations.list(list_view_type=ListViewType.ACTIVE_ONLY, **names)
    return [one.version if names else one.name for one in found]


def archive_and_restore(operations: Any, name: str, version: str) -> None:
    assert version in active(operations, name=name)
    operations.archive(name=name, version=version)
    assert version not in active(operations, name=name)
    operations.restore(name=name, version=version)
    assert version in active(operations, name=name)


def refused(what: str) -> Any:
    from azure.core.exceptions import HttpResponseError

    return pytest.raises(HttpResponseError, match=what)


def open_registry(azureml: LoopbackAzureML) -> None:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    with DefaultAzureCredential() as credential, refused("no operation has the path .*/registries/testFeed"):
        MLClient(credential, registry_name="testFeed").environments.list()


@pytest.mark.slow
@pytest.mark.usefixtures("_cluster_and_environment")
class TestCommandJob:
    @pytest.fixture
    def _cluster_and_environment(self, ml_client: Any) -> None:
        from azure.ai.ml.entities import AmlCompute

        cluster = AmlCompute(name="testCompute", size="Standard_DS2_v2", max_instances=2)
        ml_client.compute.begin_create_or_update(cluster).result()
        make_environment(ml_client, "33")

    def test_command_job(self, ml_client, folder):
        from azure.ai.ml import Input

        with refused("was not found"):
            ml_client.jobs.get("job")
        submit(
            ml_client,
            inputs={"hello_input": Input(type="uri_folder", path=folder)},
            tags={"empty_tag": ""},
            properties={"empty_property": ""},
        )

    def test_command_job_with_singularity(self, ml_client):
        with refused("Unknown compute target 'centeuapvc'"):
            submit(ml_client, compute=VIRTUAL_CLUSTER)

    def test_command_job_with_dataset(self, ml_client, folder):
        from azure.ai.ml import Input

        submit(ml_client, inputs={"testdataset": Input(path=folder, mode="ro_mount")})

    def test_command_job_serverless(self, ml_client, folder):
        from azure.ai.ml import Input
        from azure.ai.ml.entities import QueueSettings

        job = build(compute=None, inputs={"testdataset": Input(path=folder, mode="ro_mount")})
        job.queue_settings = QueueSettings(job_tier="standard")
        assert ml_client.jobs.create_or_update(job).queue_settings.job_tier == "standard"

    def test_command_job_with_dataset_short_uri(self, ml_client):
        from azure.ai.ml import Input

        submit(ml_client, inputs={"testdataset": Input(type="uri_file", mode="ro_mount", path=BLOB)})

    def test_command_job_builder(self, ml_client, table, folder, tmp_path):
        from azure.ai.ml import Input, MpiDistribution

        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "train.py").write_text("1")
        for version in ("1", "2"):
            make_data(ml_client, version, table)
        inputs = {
            "uri": Input(type="uri_file", path=BLOB),
            "data_asset": Input(path="d:1"),
            "local_data": Input(path=folder),
        }
        node = build(
            code=str(tmp_path / "code"),
            command="echo ${{inputs.uri}} ${{inputs.data_asset}} ${{inputs.local_data}}",
            inputs=inputs,
            distribution=MpiDistribution(process_count_per_instance=2),
        )
        node.description, node.display_name = "new-description", "new_builder_command_job"
        result = ml_client.create_or_update(node)
        assert (result.description, result.display_name) == ("new-description", "new_builder_command_job")
        assert result.distribution.process_count_per_instance == 2
        again = ml_client.create_or_update(result(data_asset=Input(path="d:2")))
        assert len(again.inputs) == 3
        assert again.display_name == result.display_name

    def test_command_job_local(self, ml_client):
        with refused("the caller's own machine"):
            submit(ml_client, compute="local")

    test_command_job_local_run_download = test_command_job_local

    def test_command_job_with_params(self, ml_client):
        ml_client.jobs.stream(submit(ml_client).name)
        assert ml_client.jobs.get("job").parameters == {}

    def test_command_job_with_modified_environment(self, ml_client):
        make_environment(ml_client, "34")
        job = ml_client.jobs.create_or_update(build())
        job.name, job.environment = "job_2", "e:34"
        ml_client.jobs.create_or_update(job)
        assert ml_client.jobs.get("job_2").environment == "e:34"

    def test_command_job_cancel(self, ml_client):
        ml_client.jobs.create_or_update(build())
        assert ml_client.jobs.begin_cancel("job").result() is None
        assert ml_client.jobs.get("job").status in ("CancelRequested", "Canceled")

    def test_command_job_dependency_label_resolution(self, ml_client, table):
        from azure.ai.ml import Input

        for version in ("foo", "bar"):
            make_environment(ml_client, version)
        for version in ("foobar", "foo"):
            make_data(ml_client, version, table)
        job = build(environment="e@latest", inputs={"testdata": Input(path="d@latest")})
        made = ml_client.jobs.create_or_update(job)
        assert (made.environment, made.inputs.testdata.path) == ("e:bar", "d:foo")

    def test_command_job_archive_restore(self, ml_client):
        ml_client.jobs.create_or_update(build())
        ml_client.jobs.archive("job")
        assert "job" not in active(ml_client.jobs)
        ml_client.jobs.restore("job")
        assert "job" in active(ml_client.jobs)

    def test_command_job_download(self, ml_client, azureml, tmp_path):
        from azure.ai.ml import Output

        files = {"default": {"a.txt": b"1"}, "hello_output": {"helloworld.txt": b"hello world"}}
        azureml.lifecycle.behave = lambda _job: Behaviour(seconds=0, files=files)
        submit(ml_client, outputs={"hello_output": Output(type="uri_folder", mode="upload")})
        while ml_client.jobs.get("job").status != "Completed":
            time.sleep(0.05)
        ml_client.jobs.download("job", download_path=tmp_path, all=True)
        assert (tmp_path / "artifacts" / "outputs" / "a.txt").exists()
        assert (tmp_path / "named-outputs" / "hello_output" / "helloworld.txt").exists()

    def test_command_job_invalid_datastore(self, ml_client):
        from azure.ai.ml import Input

        nowhere = "https://test.blob.core.windows.net/non-existent-ds/testdata/data.csv"
        submit(ml_client, inputs={"test1": Input(type="uri_file", path=nowhere)})

    def test_command_job_with_inputs_with_datastore_param(self, ml_client, table):
        from azure.ai.ml import Input

        submit(ml_client, inputs={"test1": Input(type="uri_file", path=table, datastore="workspaceblobstore")})

    def test_command_job_register_output(self, ml_client):
        from azure.ai.ml import Output
        from azure.core.exceptions import ResourceNotFoundError

        outputs = {
            "test1": Output(type="uri_folder"),
            "test2": Output(type="uri_folder", mode="upload", name="test2_output", version="2"),
            "test3": Output(type="uri_folder", mode="rw_mount", name="test3_output", version="3"),
        }
        made = submit(ml_client, outputs=outputs)
        assert (made.outputs.test2.name, made.outputs.test2.mode) == ("test2_output", "upload")
        assert made.outputs.test3.name == "test3_output"
        with pytest.raises(ResourceNotFoundError):
            ml_client.data.get("test2_output", "2")

    def test_ray_command_job(self, ml_client):
        from azure.ai.ml import RayDistribution

        submit(ml_client, distribution=RayDistribution(), instance_count=2)


@pytest.mark.long
@pytest.mark.slow
class TestData:
    def test_data_upload_file(self, ml_client, azureml, table):
        make_data(ml_client, "4", table)
        found = ml_client.data.get("d", "4")
        scope = "/".join(["subscriptions", *azureml.workspace_names.values()][:2])
        assert found.path.startswith(f"azureml://{scope}/resourcegroups/"), "in full, as recorded"
        assert found.path.endswith("/sample1.csv")

    test_create_uri_file = test_data_upload_file

    def test_create_uri_folder(self, ml_client, folder):
        make_data(ml_client, "1", folder, type="uri_folder")
        assert ml_client.data.get("d", "1").path.endswith("/data/"), "with a slash, as recorded"

    def test_create_mltable(self, ml_client, azureml, folder):
        read = (
            "  - read_delimited:\n      delimiter: ','\n      encoding: ascii\n      header: all_files_same_headers\n"
        )
        (Path(folder) / "MLTable").write_text(f"paths:\n  - file: ./sample1.csv\ntransformations:\n{read}")
        make_data(ml_client, "1", folder, type="mltable")
        assert ml_client.data.get("d", "1").path.endswith("/data/")
        assert {name.rpartition(".azureedge.net")[1] for name in azureml.refused} == {".azureedge.net"}
        azureml.refused.clear()

    def test_create_data_asset_in_registry(self, azureml):
        open_registry(azureml)

    test_list_data_in_registry = test_data_get_latest_label_in_registry = test_create_data_asset_in_registry

    def test_list(self, ml_client, table):
        for version in ("1", "2"):
            make_data(ml_client, version, table)
        assert {data.version for data in ml_client.data.list(name="d")} == {"1", "2"}

    def test_data_get_latest_label(self, ml_client, table):
        for version in ("foo", "bar", "baz", "foobar"):
            make_data(ml_client, version, table)
            assert ml_client.data.get("d", label="latest").version == version

    def test_data_archive_restore_version(self, ml_client, table):
        for version in ("1", "2"):
            make_data(ml_client, version, table)
        archive_and_restore(ml_client.data, "d", "1")

    def test_data_archive_restore_container(self, ml_client, table):
        make_data(ml_client, "1", table)
        with refused("PUT is not known"):
            ml_client.data.archive("d")

    def test_data_unsupported_datastore(self, ml_client, table):
        with refused("Not found: datastores/workspacefilestore"):
            make_data(ml_client, "4", table, datastore="workspacefilestore")

    def test_data_auto_delete_setting(self, ml_client, folder, tmp_path):
        from azure.ai.ml import load_data

        file = tmp_path / "data.yaml"
        setting = "auto_delete_setting:\n  condition: created_greater_than\n  value: 30d\n"
        file.write_text(f"name: d\nversion: 1\npath: {folder}\ntype: uri_folder\n{setting}")
        ml_client.data.create_or_update(load_data(file))
        kept = ml_client.data.get("d", "1").auto_delete_setting
        assert (kept.condition, kept.value) == ("createdGreaterThan", "30d")


@pytest.mark.slow
class TestEnvironment:
    def test_environment_create_conda(self, ml_client):
        dumped = make_environment(ml_client, "1")._to_dict()
        assert dumped["id"].endswith("/environments/e/versions/1")
        assert dumped["conda_file"]
        assert dumped["description"] == "x"

    test_environment_create_conda_inline = test_environment_create_conda

    def test_environment_create_or_update_docker(self, ml_client):
        assert make_environment(ml_client, "1", conda_file=None)._to_dict()["image"] == "ubuntu"

    def test_environment_create_or_update_docker_context(self, ml_client, tmp_path):
        from azure.ai.ml.entities import BuildContext

        (tmp_path / "DockerfileNonDefault").write_text("FROM ubuntu")
        build = BuildContext(path=str(tmp_path), dockerfile_path="DockerfileNonDefault")
        made = make_environment(ml_client, "1", image=None, conda_file=None, build=build)
        build = BuildContext(path=made.build.path, dockerfile_path=made.build.dockerfile_path)
        again = make_environment(ml_client, "1", image=None, conda_file=None, build=build)
        assert (again.build.path, again.build.dockerfile_path) == (made.build.path, "DockerfileNonDefault")

    def test_create_autoincrement(self, ml_client):
        assert make_environment(ml_client, None).version == "1"
        assert make_environment(ml_client, None).version == "1", "the client makes no second version of the same"
        assert make_environment(ml_client, None, image="debian").version == "2"

    def test_environment_list(self, ml_client):
        make_environment(ml_client, "1")
        assert active(ml_client.environments) == ["e"]

    def test_environment_get(self, ml_client):
        with refused("Not found: environments/AzureML-sklearn"):
            ml_client.environments.get("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", "1")

    def test_environment_archive_restore_version(self, ml_client):
        for version in ("1", "2"):
            make_environment(ml_client, version)
        archive_and_restore(ml_client.environments, "e", "1")

    def test_environment_archive_restore_container(self, ml_client):
        make_environment(ml_client, "1")
        with refused("PUT is not known"):
            ml_client.environments.archive("e")

    def test_environment_get_latest_label(self, ml_client):
        for version in ("foo", "bar", "baz", "foobar"):
            make_environment(ml_client, version)
            assert ml_client.environments.get("e", label="latest").version == version

    def test_registry_environment_list(self, azureml):
        open_registry(azureml)

    test_registry_environment_create_conda_and_get = test_registry_environment_list


@pytest.mark.slow
class TestCompute:
    def test_aml_compute_create_and_delete(self, ml_client):
        from azure.ai.ml.entities import AmlCompute
        from azure.core.polling import LROPoller

        asked = AmlCompute(
            name="banchaml", tier="dedicated", size="Standard_DS2_v2", description="x", idle_time_before_scale_down=100
        )
        assert ml_client.compute.begin_create_or_update(asked).result().name == "banchaml"
        found = ml_client.compute.get("banchaml")
        location = ml_client.workspaces.get(ml_client.workspace_name).location
        assert (found.tier, found.location) == ("dedicated", location)
        found.idle_time_before_scale_down = 200
        ml_client.compute.begin_update(found).result()
        assert ml_client.compute.get("banchaml").idle_time_before_scale_down == 200
        assert isinstance(ml_client.compute.begin_delete("banchaml"), LROPoller)

    def test_compute_instance_create_and_delete(self, ml_client):
        from azure.ai.ml.entities import ComputeInstance

        with refused("computeType 'ComputeInstance' is not modelled"):
            ml_client.compute.begin_create_or_update(ComputeInstance(name="banchci", size="Standard_DS2_v2"))

    test_compute_instance_stop_start_restart = test_compute_instance_create_and_delete


@pytest.mark.slow
class TestOnlineEndpoint:
    def test_online_endpoint_e2e(self, ml_client):
        from azure.ai.ml.entities import IdentityConfiguration, ManagedOnlineEndpoint

        identity = IdentityConfiguration(type="system_assigned")
        asked = ManagedOnlineEndpoint(
            name="mir-test", auth_mode="aml_token", identity=identity, tags={"dummy": "dummy"}
        )
        ml_client.online_endpoints.begin_create_or_update(asked).result()
        assert ml_client.online_endpoints.get("mir-test").auth_mode == "aml_token"
        assert [one.name for one in ml_client.online_endpoints.list()] == ["mir-test"]
        with refused("no operation has the path .*/token"):
            ml_client.online_endpoints.get_keys("mir-test")
        asked = ManagedOnlineEndpoint(name="mir-keys", auth_mode="key")
        ml_client.online_endpoints.begin_create_or_update(asked).result()
        with refused("no operation has the path .*/regenerateKeys"):
            ml_client.online_endpoints.begin_regenerate_keys("mir-keys", key_type="secondary")
        ml_client.online_endpoints.begin_delete("mir-keys")

    def test_online_endpoint_submit(self, rest):
        deployments = (
            "https://management.azure.com/subscriptions/s/resourcegroups/g/providers/Microsoft.Resources/deployments/d"
        )
        assert rest("PUT", deployments, "2020-06-01", {}).status_code == 404


@pytest.mark.long
@pytest.mark.slow
class TestOnlineDeployment:
    def test_online_deployment(self, ml_client, tmp_path):
        from azure.ai.ml.entities import (
            CodeConfiguration,
            Environment,
            ManagedOnlineDeployment,
            ManagedOnlineEndpoint,
            Model,
        )

        model, code = make_folders(tmp_path, "model", "onlinescoring")
        (model / "slope.json").write_text("3")
        (code / "score.py").write_text(SCORE)
        request = tmp_path / "sample-request.json"
        request.write_text('{"data": [1, 2]}')
        name = "online-ept-1"
        endpoint = ManagedOnlineEndpoint(name=name, auth_mode="key")
        ml_client.online_endpoints.begin_create_or_update(endpoint).result()
        asked = ManagedOnlineDeployment(
            name="online-dpm-1",
            endpoint_name=name,
            model=Model(path=str(model)),
            code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
            environment=Environment(conda_file=pin("azureml-inference-server-http"), image="ubuntu"),
            instance_type="Standard_DS3_v2",
            instance_count=1,
        )
        ml_client.online_deployments.begin_create_or_update(asked).result()
        assert ml_client.online_deployments.get("online-dpm-1", name).name == "online-dpm-1"
        assert [one.name for one in ml_client.online_deployments.list(name)] == ["online-dpm-1"]
        endpoint.traffic = {"online-dpm-1": 100}
        ml_client.online_endpoints.begin_create_or_update(endpoint).result()
        assert ml_client.online_endpoints.get(name).traffic == {"online-dpm-1": 100}
        assert ml_client.online_endpoints.invoke(name, request_file=str(request)) == "[3, 6]"
        ml_client.online_endpoints.begin_delete(name)

    def test_online_deployment_skip_script_validation(self, ml_client, tmp_path):
        from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint, Model

        (folder,) = make_folders(tmp_path, "model")
        (folder / "conda.yaml").write_text(yaml.safe_dump(pin("pandas")))
        endpoint = ManagedOnlineEndpoint(name="online-endp1", description="x", auth_mode="key", tags={"foo": "bar"})
        assert ml_client.begin_create_or_update(endpoint).result().tags == {"foo": "bar"}
        model = Model(name="test-model", version="4", path=str(folder), type="mlflow_model", description="x")
        asked = ManagedOnlineDeployment(
            name="online-dpm1",
            endpoint_name="online-endp1",
            model=model,
            instance_type="Standard_F4s_v2",
            instance_count=1,
        )
        with refused("No module named 'azureml'"):
            ml_client.online_deployments.begin_create_or_update(asked).result()
        ml_client.online_endpoints.begin_delete("online-endp1")


def test_each_row_of_the_table_has_its_test_here() -> None:
    rows = re.findall(r"^ {8}(test_\w+) +(yes|part|no|none)\b", published.__doc__ or "", re.MULTILINE)
    assert len(dict(rows)) == len(rows) > 50
    suites = [value for name, value in globals().items() if name.startswith("Test")]
    here = {name for suite in suites for name in vars(suite) if name.startswith("test_")}
    assert here == {name for name, answer in rows if answer != "none"}
