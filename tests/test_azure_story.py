"""The slow half: real jobs of the loopback Azure ML, a launcher that is killed, and the same figures as on one machine."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bikeml
from bikeml.records.run_folder import RunFolder
from tests.azureml import LoopbackAzureML
from tests.azureml.blobs import missing
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE

pytestmark = [pytest.mark.long, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

GBR = ("model=gbr", "search=grid", "model.grid={learning_rate: [0.1, 0.2], n_estimators: [10, 20]}")
SECONDS = 240


@pytest.fixture
def workspace(azureml: LoopbackAzureML, workdir: Path) -> LoopbackAzureML:
    names = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
    (workdir / "config.json").write_text(json.dumps(names))
    return azureml


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bikeml", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    with start(*arguments) as process:
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, out + err
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def wait_until(reached: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def told(folder: Path) -> dict[str, Any]:
    """Return what the record of a run says, but for times, places and ids, and the predictions."""
    elsewhere = {
        "id",
        "started",
        "seconds",
        "run_name",
        "choices",
        "overrides",
        "command",
        "destination",
        "environment",
    }
    record = RunFolder(folder).require().model_dump(exclude=elsewhere | {"files"})
    del record["dataset"]["source"]
    if record["search"]:
        record["search"]["counts"].pop("fits_resumed")
        for candidate in record["search"]["candidates"]:
            candidate["scores"] = {name: score for name, score in candidate["scores"].items() if "time" not in name}
    return record | {name: (folder / name).read_text() for name in ("predictions.csv", "folds.csv")}


def test_a_launcher_that_is_killed_and_started_again_ends_with_the_figures_of_one_machine(
    workspace: LoopbackAzureML,
) -> None:
    cluster = ("-m", "hydra/launcher=azureml", "hydra.launcher.poll_seconds=0.5", "hydra.sweep.dir=sweep")
    sweep = (*cluster, *GBR, "seed=0,1")
    with start(*sweep) as launcher:
        wait_until(lambda: len(workspace.jobs.by_name) == 2)
        launcher.send_signal(signal.SIGKILL)
    assert launcher.returncode == -signal.SIGKILL
    run(*sweep)
    assert len(workspace.jobs.by_name) == 2
    assert [len(workspace.log.find("jobs.put", job=name)) for name in workspace.jobs.by_name] == [1, 1]
    for cell, seed in enumerate((0, 1)):
        run(*GBR, f"seed={seed}", "tracking=none", f"hydra.run.dir=local{seed}")
        assert told(Path("sweep", str(cell))) == told(Path(f"local{seed}"))


def test_a_job_that_loses_its_node_goes_on_from_its_checkpoints_and_records_its_run_once(
    workspace: LoopbackAzureML,
) -> None:
    grid = "model.grid={learning_rate: [0.05, 0.1, 0.2, 0.3], n_estimators: [200, 400]}"
    search = ("model=gbr", "search=grid", "search.child_runs=4", grid)
    cluster = ("hydra/launcher=azureml", "hydra.launcher.poll_seconds=0.5", "hydra.sweep.dir=sweep", "tracking=azureml")
    with start(*cluster, *search) as launcher:
        wait_until(lambda: len(list(workspace.runner.folder.glob("mounts/**/checkpoints/*/**/*.json"))) > 1)
        (name,) = workspace.jobs.by_name
        workspace.preempt(name)
        _, err = launcher.communicate(timeout=SECONDS)
    assert launcher.returncode == 0, err
    import mlflow

    result = json.loads(Path("sweep/0/result.json").read_text())
    assert 1 < result["search"]["counts"]["fits_resumed"] < result["search"]["counts"]["fits"] == 12
    assert list(workspace.runner.folder.glob("mounts/**/*.json")) == []  # what was found is in the result now
    run(*search, "tracking=none", "hydra.run.dir=local")
    assert told(Path("sweep/0")) == told(Path("local"))
    client = mlflow.MlflowClient(tracking_uri=f"http://127.0.0.1:{workspace.tracking.port}")
    recorded = client.get_run(name)
    assert RunFolder(Path("sweep/0")).read_run_id() == name
    assert recorded.data.metrics["cv_r2_mean"] == result["metrics"]["cv_r2_mean"]
    assert recorded.data.tags["bikeml.fingerprint"] == result["fingerprint"]
    assert len(client.get_metric_history(name, "test_r2")) == 1
    children = client.search_runs([recorded.info.experiment_id], f"tags.mlflow.parentRunId = '{name}'")
    assert len(children) == 4
    for which in ("best", name):
        command = [sys.executable, "-m", "bikeml", "predict", "tracking=azureml", f"run={which}", "output=all.csv"]
        subprocess.run(command, check=True, timeout=SECONDS)
        held_out, rows = (pd.read_csv(file).set_index("row") for file in ("sweep/0/predictions.csv", "all.csv"))
        pd.testing.assert_series_equal(rows["predicted"].loc[held_out.index], held_out["predicted"])


def test_a_job_whose_experiment_is_another_there_says_so(
    workspace: LoopbackAzureML, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIKEML_FINGERPRINT", "another")
    with start("model=linear", "tracking=none") as process:
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "and BIKEML_FINGERPRINT=another was asked for" in err
    assert not list(Path("outputs").rglob("*"))


def test_ctrl_c_leaves_the_jobs_to_go_on_and_says_what_finds_them_again(workspace: LoopbackAzureML) -> None:
    sweep = (
        "-m",
        "hydra/launcher=azureml",
        "hydra.launcher.poll_seconds=0.5",
        "hydra.sweep.dir=sweep",
        "model=linear,tree",
    )
    with start(*sweep) as launcher:
        wait_until(lambda: len(workspace.jobs.by_name) == 2)
        launcher.send_signal(signal.SIGINT)
        _, err = launcher.communicate(timeout=SECONDS)
    assert launcher.returncode == 130
    assert "jobs go on without this process; look again with: python -m bikeml -m hydra/launcher=azureml" in err
    assert "Traceback" not in err
    wait_until(lambda: all(job.status == "Completed" for job in workspace.jobs.by_name.values()))
    run(*sweep)
    assert len(workspace.log.find("jobs.put")) == 2


def test_ctrl_c_can_cancel_instead(workspace: LoopbackAzureML) -> None:
    sweep = ("-m", "hydra/launcher=azureml", "hydra.launcher.poll_seconds=0.5", "hydra.launcher.on_interrupt=cancel")
    with start(*sweep, "model=linear,tree") as launcher:
        wait_until(lambda: len(workspace.jobs.by_name) == 2)
        launcher.send_signal(signal.SIGINT)
        _, err = launcher.communicate(timeout=SECONDS)
    assert launcher.returncode == 130
    assert "jobs are asked to end" in err
    wait_until(lambda: all(job.status == "Canceled" for job in workspace.jobs.by_name.values()))


def test_a_sweep_on_this_machine_takes_what_the_workspace_has_recorded(workspace: LoopbackAzureML) -> None:
    sweep = ("-m", "tracking=azureml", "model=linear", "evaluation.bootstrap_samples=100")
    run(*sweep, "hydra.sweep.dir=first")
    run(*sweep, "reuse=finished", "hydra.sweep.dir=second")
    assert list(pd.read_csv("second/leaderboard.csv")["status"]) == ["reused"]
    assert told(Path("second/0")) == told(Path("first/0"))


def test_a_table_of_ninety_columns_with_long_names_is_recorded_whole(workspace: LoopbackAzureML, workdir: Path) -> None:
    daily = pd.read_csv(Path(bikeml.__file__).parent / "table/datasets/daily-bike-share.csv")
    names = [f"temperature_at_the_station_number_{n}_in_degrees_celsius" for n in range(90)]
    noise = pd.DataFrame(np.random.default_rng(0).random((len(daily), 90)).round(3), columns=names)
    pd.concat([noise, daily["rentals"]], axis=1).to_csv("wide.csv", index=False)
    table = (
        "data=csv",
        "data.path=wide.csv",
        "data.target=rentals",
        f"data.numeric=[{','.join(names)}]",
        "data.categorical=[]",
    )
    run(
        "hydra/launcher=azureml", "hydra.launcher.poll_seconds=0.5", "hydra.sweep.dir=sweep", "tracking=azureml", *table
    )
    import mlflow

    (name,) = workspace.jobs.by_name
    client = mlflow.MlflowClient(tracking_uri=f"http://127.0.0.1:{workspace.tracking.port}")
    tags = client.get_run(name).data.tags
    assert names[0] in tags["bikeml.command"]
    assert len(tags["bikeml.command"]) == 1000
    assert names[-1] in json.loads(Path("sweep/0/result.json").read_text())["command"]
    run(*table, "tracking=azureml", "hydra.run.dir=here")
    latest = json.loads(Path("here/store.json").read_text())["run_id"]
    assert len(client.get_run(latest).data.tags["bikeml.command"]) == 1000
