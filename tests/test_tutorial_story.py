"""The tutorial's whole story on the loopback Azure ML: look, train, search, register, deploy, ask, and do it again."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bikeml.records.provenance import describe_checkout
from tests.azureml import LoopbackAzureML
from tests.test_azure_endpoints import SAMPLE, lacking, predict, workspace

__all__ = ["workspace"]

pytestmark = [pytest.mark.long, pytest.mark.skipif(lacking is not None, reason=str(lacking))]

CLUSTER = ("hydra/launcher=azureml", "hydra.launcher.poll_seconds=0.5", "tracking=azureml")
SECONDS = 600


def bikeml(module: str, *words: str) -> str:
    """Run a command to its end and return what it prints."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(1800)
def test_from_the_table_to_an_answering_endpoint_and_back_to_the_run_that_made_it(
    workspace: LoopbackAzureML, workdir: Path
) -> None:
    bikeml("bikeml", "explore")
    assert list(workdir.rglob("explore.html"))

    shown = bikeml("bikeml", "-m", "model=linear,lasso,tree,rf,gbr", *CLUSTER, "hydra.sweep.dir=models")
    assert "5 cells, by cross-validated R²" in shown
    linear = json.loads((workdir / "models/0/result.json").read_text())
    assert linear["metrics"]["test_mse"] == pytest.approx(201972.55947035592, rel=1e-12)

    bikeml("bikeml", "-m", "experiment=tutorial_grid", *CLUSTER, "hydra.sweep.dir=grid")
    grid = json.loads((workdir / "grid/0/result.json").read_text())
    assert grid["search"]["counts"]["candidates"] == 144
    run_id = json.loads((workdir / "grid/0/store.json").read_text())["run_id"]

    shown = bikeml("bikeml", "register", "tracking=azureml", f"run={run_id}", "alias=champion")
    assert re.search(r"version  1\n +alias  champion \(before: none\)", shown)
    assert "version  1, as before" in bikeml("bikeml", "register", "tracking=azureml", f"run={run_id}")

    shown = bikeml("bikeml", "azure", "deploy", "tracking=azureml", "run=champion")
    assert "deployment  blue: bikeml:1 on 1 x Standard_DS3_v2" in shown
    assert len(workspace.log.find("models.put")) == 2  # the version, and its alias: the model was there already

    (workdir / "request.json").write_text(json.dumps({"input_data": SAMPLE}))
    answer = json.loads(bikeml("bikeml", "azure", "invoke", "request=request.json"))
    bikeml("bikeml", "experiment=tutorial_grid", "tracking=none", "hydra.run.dir=here")
    assert answer == pytest.approx(predict(workdir / "here", SAMPLE))

    shown = bikeml("bikeml", "reproduce", "tracking=azureml", f"run={run_id}")
    assert re.search(r"equal  (\d+) of \1 figures", shown)
    commit = describe_checkout()["git_commit"]  # a job runs a copy of the code, and knows of what
    assert re.search(f"code +commit {commit}" if commit else "code +as it is here", shown)

    assert "with its deployments: blue" in bikeml("bikeml", "azure", "undeploy")
    assert workspace.endpoints.servers.running == []
