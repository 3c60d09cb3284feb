"""A run's model at an endpoint of the loopback Azure ML, with a real model server behind each deployment."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.azureml import LoopbackAzureML
from tests.azureml.blobs import missing
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE

pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


@pytest.fixture
def workspace(azureml: LoopbackAzureML, workdir: Path) -> LoopbackAzureML:
    names = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
    (workdir / "config.json").write_text(json.dumps(names))
    return azureml


@pytest.fixture
def call(capfd: Any) -> Any:
    """Do a task of a workspace in this process; return its status, output and messages."""

    def do(*words: str) -> tuple[int, str, str]:
        from bikeml.azure.__main__ import main

        capfd.readouterr()
        status = main(words)
        shown = capfd.readouterr()
        return status, shown.out, shown.err

    return do


@pytest.fixture
def runs(workdir: Path) -> list[str]:
    """Two recorded runs, of a worse and of a better model."""
    import bikeml

    fast = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
    made = [bikeml.run(f"model={model}", f"hydra.run.dir={model}", *fast) for model in ("linear", "tree")]
    return [str(result.run_id) for result in made]


def servers(workspace: LoopbackAzureML) -> list[str]:
    return [name.rpartition("/")[2] for name in workspace.endpoints.servers.running]


def keys(workspace: LoopbackAzureML) -> list[str]:
    return [key for pair in workspace.endpoints._keys.values() for key in pair]


def test_a_model_is_deployed_once_beside_another_and_rolled_back(
    workspace: LoopbackAzureML, runs: list[str], call: Any
) -> None:
    status, out, err = call("deploy", "run=latest")
    assert (status, err) == (0, ""), err
    (name,) = re.findall(r"endpoint  (bikeml-[0-9a-f]{8})", out)
    assert "deployment  blue: bikeml:1 on 1 x Standard_DS3_v2" in out
    assert "traffic  blue 100 %" in out
    assert not any(key in out + err for key in keys(workspace))
    workspace.log.clear()
    assert call("deploy", "run=latest")[1] == out.replace("blue:", "blue, as it was:")
    assert workspace.log.find("deployments.put") == workspace.log.find("models.put") == []
    assert workspace.log.find("endpoints.put") == []

    status, out, err = call("deploy", f"run={runs[0]}", "deployment=green", "traffic=10")
    assert (status, err) == (0, "")
    assert "traffic  green 10 %, blue 90 %" in out
    assert servers(workspace) == ["blue", "green"]
    status, out, err = call("deploy", "run=null", "deployment=green")
    assert "traffic  green 100 %, blue 0 %" in out
    status, out, err = call("deploy", "run=null")
    assert "deployment  blue, as it was: bikeml:1" in out
    assert "traffic  blue 100 %, green 0 %" in out

    status, out, err = call("undeploy", "deployment=blue")
    assert status == 1
    assert "deployment 'blue' takes 100 % of the requests; first move them" in err
    status, out, err = call("undeploy", "deployment=green")
    assert (status, err) == (0, "")
    assert "deleted  deployment green" in out
    assert servers(workspace) == ["blue"]
    status, out, err = call("undeploy")
    assert (status, err) == (0, "")
    assert f"deleted  endpoint {name} with its deployments: blue" in out
    assert servers(workspace) == []
    status, out, err = call("undeploy")
    assert (status, out) == (1, "")
    assert re.match(rf"bikeml: the workspace has no endpoint '{name}'; of bikeml's it has: none; make one", err)


def test_a_deployment_that_fails_shows_its_log_and_can_be_tried_again(
    workspace: LoopbackAzureML, runs: list[str], call: Any, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "skops.py").write_text("raise ImportError('no space left for skops')\n")
    workspace.endpoints.servers.variables["PYTHONPATH"] = str(broken)
    status, out, err = call("deploy", "run=latest", "endpoint=rentals")
    assert (status, out) == (1, "")
    assert "its container said last:" in err
    assert "no space left for skops" in err
    assert "the failed deployment 'blue' was deleted; the same command tries again" in err
    assert "Traceback (most recent" not in err.partition("its container said last:")[0]
    workspace.endpoints.servers.variables.clear()
    status, out, err = call("deploy", "run=latest", "endpoint=rentals")
    assert (status, err) == (0, "")
    assert len(workspace.log.find("models.put")) == 1


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["run=best", "endpoint=taken"], 1, r"make the endpoint 'taken': There already exists.*choose another with"),
        (["run=best", "endpoint=foreign"], 1, r"endpoint 'foreign' .* was not made by bikeml, which leaves it alone"),
        (["run=best", "endpoint=1st"], 2, r"endpoint='1st' should have 3 to 32 letters, digits and hyphens"),
        (["run=best", "deployment=b_"], 2, r"deployment='b_' should have 3 to 32 letters, digits and hyphens"),
        (["run=best", "registered_model='a/b'"], 2, r"registered_model='a/b' should have letters, digits, hyphens"),
        (["run=best", "traffic=101"], 2, r"traffic=101 should be less than or equal to 100"),
        (["run=best", "traffic=10"], 2, r"traffic=10 leaves 90 % .* to nobody: there is no other deployment"),
        (["run=0123456789"], 2, r"no run or alias '0123456789'"),
        (["run=null"], 1, r"the workspace has no endpoint 'bikeml-"),
    ],
)
def test_what_cannot_be_deployed_is_one_message_and_makes_nothing(
    workspace: LoopbackAzureML, runs: list[str], call: Any, ml_client: Any, words: list[str], status: int, message: str
) -> None:
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    foreign = ManagedOnlineEndpoint(name="foreign", auth_mode="key")
    ml_client.online_endpoints.begin_create_or_update(foreign).result()
    workspace.endpoints.taken.add("taken")
    assert call("deploy", *words)[0] == status
    _, out, err = call("deploy", *words)
    assert out == ""
    assert re.match(rf"bikeml: .*{message}", err), err
    assert len(err.splitlines()) == 1
    assert [each.name for each in ml_client.online_endpoints.list()] == ["foreign"]


def test_a_tampered_model_is_refused_before_anything_is_sent(
    workspace: LoopbackAzureML, runs: list[str], call: Any, workdir: Path
) -> None:
    (mlmodel,) = workdir.glob(f"mlartifacts/{runs[1]}/artifacts/model/MLmodel")
    mlmodel.write_text(mlmodel.read_text().replace("numpy.dtype", "os.system"))
    workspace.log.clear()
    status, out, err = call("deploy", "run=latest")
    assert (status, out) == (1, "")
    assert re.match(rf"bikeml: the model of run {runs[1]} \(tree\) is refused: .* not: os.system", err), err
    assert workspace.log.entries == []


def test_the_tasks_of_a_workspace_have_their_help() -> None:
    import subprocess

    for name in ("deploy", "undeploy"):
        words = [sys.executable, "-m", "bikeml.azure", name, "--help"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert f"usage: python -m bikeml.azure {name} [option=VALUE ...]" in done.stdout
        assert "endpoint=null" in done.stdout
