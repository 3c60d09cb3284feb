"""Sweeps on the loopback Azure ML, through the command line: the jobs are simulated, everything else is real."""

import hashlib
import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import bikeml
from bikeml.azure.jobs.executor import Executor
from bikeml.azure.launch import setup
from bikeml.azure.launch.command import LEFT_OUT
from bikeml.azure.launch.launcher import AzureMLLauncher
from bikeml.azure.workspace import requirements
from bikeml.config.sections import names_not_in_result
from bikeml.records.params import flatten
from bikeml.records.provenance import describe_checkout, find_project_commit
from bikeml.records.run_folder import KEPT
from bikeml.records.sweep_folder import SweepFolder
from tests.azureml import Behaviour, LoopbackAzureML
from tests.azureml.lifecycle import PREEMPTION
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE
from tests.builders import run_record
from tests.conftest import config_of

pytestmark = pytest.mark.usefixtures("unrendered")
Main = Callable[..., int]
Behave = Callable[[Any], Behaviour]
CLUSTER = ("hydra/launcher=azureml", "hydra.launcher.poll_seconds=0.05", "tracking=none")
SWEEP = Path("sweep")
PIN_ONCE = cache(requirements.pin)
ALIKE = pytest.mark.long
"""Of a case that goes the way of the one before it, up to what a quicker test holds."""
R2 = {"linear": 0.6, "tree": 0.5, "rf": 0.7}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result.json of a real run."""
    return summary_of(bikeml.run("tracking=none", f"hydra.run.dir={tmp_path_factory.mktemp('run')}"))


def summary_of(result: Any) -> dict[str, Any]:
    return summary_of_folder(result.folder)


def summary_of_folder(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "result.json").read_text()))


@pytest.fixture
def succeed(recorded: dict[str, Any]) -> Behave:
    """Leave the result that the job's command speaks of."""

    def behave(job: Any) -> Behaviour:
        words = dict(word.partition("=")[::2] for word in shlex.split(job.spec["command"]))
        metrics = recorded["metrics"] | {"cv_r2_mean": R2[words["model"]]}
        told = {"fingerprint": words["BIKEML_FINGERPRINT"], "identity": None, "files": {}, "metrics": metrics}
        content = json.dumps(recorded | told)
        return Behaviour(seconds=0, files={"default": {"result.json": content.encode()}})

    return behave


def test_what_a_job_is_not_told_changes_no_figure() -> None:
    keys = [*flatten(config_of("search=grid").model_dump()), "tracking", "hydra.run.dir"]
    untold = {key for key in keys if f"{key}=".startswith(LEFT_OUT)}
    assert untold >= {
        "tracking",
        "tracking.uri",
        "reuse",
        "sweep.max_failures",
        "data.path",
        "data.test_path",
        "search.checkpoint_dir",
    }
    marked = {"hydra", *names_not_in_result()}
    assert [key for key in untold if key not in marked and key.partition(".")[0] not in marked] == []


@pytest.fixture
def fail(succeed: Behave) -> Behave:
    """Let trees fail, and every other model succeed."""

    def behave(job: Any) -> Behaviour:
        return Behaviour(seconds=0, outcome="Failed") if "model=tree" in job.spec["command"] else succeed(job)

    return behave


@pytest.fixture
def workspace(
    azureml: LoopbackAzureML, workdir: Path, succeed: Behave, monkeypatch: pytest.MonkeyPatch
) -> LoopbackAzureML:
    names = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
    (workdir / "config.json").write_text(json.dumps(names))
    azureml.lifecycle.behave = succeed
    monkeypatch.setattr("bikeml.azure.jobs.executor.REST", 0)  # its simulated jobs have ended by the first look
    for module in (requirements, setup):  # what is installed stays so; to read it takes a tenth of a sweep's time
        monkeypatch.setattr(module, "pin", lambda packages: [*PIN_ONCE(tuple(packages))])
    return azureml


@pytest.fixture
def sweep(bikeml_main: Main, workspace: LoopbackAzureML) -> Main:
    def call(*arguments: str) -> int:
        workspace.log.clear()
        options = [word for word in arguments if word.startswith("--")]
        overrides = [word for word in arguments if word not in options]
        return bikeml_main("-m", *options, *CLUSTER, f"hydra.sweep.dir={SWEEP}", *overrides)

    return call


@pytest.fixture
def let_time_pass(workspace: LoopbackAzureML, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the service's time stand still, but go on by so many seconds before each look at the jobs."""
    look = Executor._look

    def let_pass(seconds: float) -> None:
        def pass_and_look(executor: Executor) -> None:
            workspace.clock.advance(seconds)
            look(executor)

        workspace.clock.freeze()
        monkeypatch.setattr(Executor, "_look", pass_and_look)

    return let_pass


def read(cell: int, name: str) -> dict[str, Any]:
    return dict(json.loads((SWEEP / str(cell) / name).read_text()))


def names(workspace: LoopbackAzureML) -> list[str]:
    return sorted(workspace.jobs.by_name)


def management(workspace: LoopbackAzureML) -> dict[str, int]:
    """Return how many requests were made of Resource Manager, without the looks at running jobs."""
    counts = workspace.log.counts()
    counts.pop("jobs.list", None)
    return counts


@pytest.mark.slow
def test_every_cell_is_one_job_with_its_own_result_and_what_all_need_is_made_once(
    sweep: Main, workspace: LoopbackAzureML
) -> None:
    assert sweep("model=linear,tree,rf") == 0
    requests = management(workspace)
    assert requests.pop("jobs.put") == 3
    assert requests.pop("data.put") == requests.pop("environments.put") == requests.pop("codes.put") == 1
    assert sum(requests.values()) <= 25
    assert workspace.workspace.clusters["cpu-cluster"].idle_seconds == 180
    assert [read(cell, "result.json")["metrics"]["cv_r2_mean"] for cell in range(3)] == [0.6, 0.5, 0.7]
    jobs = [workspace.job(read(cell, "job.json")["name"]) for cell in range(3)]
    fingerprints = [cell["fingerprint"] for cell in json.loads((SWEEP / "sweep.json").read_text())["cells"]]
    assert [job.name for job in jobs] == [f"bikeml-{fingerprint[:32]}-0" for fingerprint in fingerprints]
    assert [job.spec["tags"]["bikeml.fingerprint"] for job in jobs] == fingerprints
    assert len(names(workspace)) == 3
    assert "1,2,model=rf" in (SWEEP / "leaderboard.csv").read_text()


@pytest.mark.slow
def test_the_same_command_again_asks_nobody_and_in_an_empty_folder_submits_nothing(
    sweep: Main, workspace: LoopbackAzureML
) -> None:
    assert sweep("model=linear,tree") == 0
    first = (SWEEP / "leaderboard.csv").read_text()
    (SWEEP / "report.html").unlink()
    assert sweep("model=linear,tree") == 0
    assert workspace.log.entries == []
    assert (SWEEP / "report.html").is_file()
    SWEEP.rename("first")
    assert sweep("model=linear,tree") == 0
    assert {"jobs.put", "codes.put", "data.put", "computes.get"} & {*workspace.log.counts()} == set()
    assert (SWEEP / "leaderboard.csv").read_text() == first


@pytest.mark.long
def test_the_client_blends_what_it_has_fetched_to_the_figures_of_the_local_blend(
    sweep: Main, workspace: LoopbackAzureML, bikeml_main: Main
) -> None:
    words = ("model=linear,tree", "sweep.blend=true", "evaluation.importance=none", "evaluation.bootstrap_samples=100")
    assert bikeml_main("-m", *words, "tracking=none", "hydra.sweep.dir=local") == 0
    local = {cell.fingerprint: Path("local", cell.folder) for cell in SweepFolder(Path("local")).read().cells}

    def behave(job: Any) -> Behaviour:
        folder = local[job.spec["tags"]["bikeml.fingerprint"]]
        files = {name: (folder / name).read_bytes() for name in KEPT if (folder / name).is_file()}
        return Behaviour(seconds=0, files={"default": files})

    workspace.lifecycle.behave = behave
    assert sweep(*words) == 0
    assert len(names(workspace)) == 2, "the blend is no job"
    assert not (SWEEP / "0" / "model").exists(), "the models stay on the cluster, so members are fitted here"
    ours, theirs = (summary_of_folder(folder / "blend") for folder in (SWEEP, Path("local")))
    assert [ours[key] for key in ("metrics", "intervals", "cv", "fingerprint")] == [
        theirs[key] for key in ("metrics", "intervals", "cv", "fingerprint")
    ]


@pytest.mark.long
def test_results_of_other_cells_in_the_folder_are_not_taken(
    sweep: Main, workspace: LoopbackAzureML, fail: Behave, bikeml_main: Main
) -> None:
    assert sweep("model=linear,rf") == 0
    workspace.lifecycle.behave = fail
    assert bikeml_main("-m", *CLUSTER, "hydra/sweeper=basic", f"hydra.sweep.dir={SWEEP}", "model=linear,tree") == 1
    assert not (SWEEP / "1" / "result.json").exists()
    assert sweep("model=tree,linear") == 1
    assert "exit code 1" in read(0, "failure.json")["error"]
    assert read(1, "result.json")["metrics"]["cv_r2_mean"] == 0.6


@pytest.mark.long
def test_a_result_that_was_run_here_is_not_taken_for_a_jobs(
    sweep: Main, workspace: LoopbackAzureML, bikeml_main: Main
) -> None:
    assert bikeml_main("-m", "tracking=none", f"hydra.sweep.dir={SWEEP}", "model=linear") == 0
    assert sweep("model=linear") == 0
    assert len(workspace.log.find("jobs.put")) == 1
    assert read(0, "result.json")["metrics"]["cv_r2_mean"] == 0.6


@pytest.mark.long  # test_azure_executor holds the same on a workspace in memory
def test_a_larger_sweep_submits_only_what_is_new(sweep: Main, workspace: LoopbackAzureML) -> None:
    assert sweep("model=linear,tree") == 0
    before = names(workspace)
    assert sweep("model=linear,tree,rf") == 0
    assert len(names(workspace)) == 3
    assert {*before} < {*names(workspace)}
    assert [entry.status for entry in workspace.log.find("codes.put")] == [], "the code is there already"


@pytest.mark.parametrize(
    "tracking", [pytest.param("none", marks=pytest.mark.long), pytest.param("azureml", marks=pytest.mark.slow)]
)
def test_a_job_runs_this_very_experiment(sweep: Main, workspace: LoopbackAzureML, tracking: str) -> None:
    overrides = ("model=tree", "model.estimator.max_depth=3", "tracking.experiment_name=rentals")
    assert sweep(*overrides, f"tracking={tracking}") == 0
    (job,) = workspace.jobs.by_name.values()
    fingerprint = job.spec["tags"]["bikeml.fingerprint"]
    assert shlex.split(job.spec["command"]) == [
        *(
            f"BIKEML_FINGERPRINT={fingerprint}",
            "python",
            "-m",
            "bikeml",
            "model=tree",
            "model.estimator.max_depth=3",
            "tracking.experiment_name=rentals",
        ),
        *(f"tracking={tracking}", "hydra.run.dir=outputs"),
        "data.path='${{inputs.table}}'",
    ]
    assert job.spec["experimentName"] == "rentals"
    assert job.spec["limits"]["timeout"] == "PT1H"


@pytest.mark.long
def test_a_test_file_travels_as_another_version_of_the_data(
    sweep: Main, workspace: LoopbackAzureML, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, *rows = (Path(bikeml.__file__).parent / "table/datasets/daily-bike-share.csv").read_text().splitlines()
    for name, part in (("train.csv", rows[:500]), ("test.csv", rows[500:])):
        (workdir / name).write_text("\n".join([head, *part]) + "\n")
    files = ("data.path=train.csv", "+data.test_path=test.csv")
    assert sweep("model=tree", *files) == 0
    (job,) = workspace.jobs.by_name.values()
    words = shlex.split(job.spec["command"])
    assert words[-2:] == ["data.path='${{inputs.table}}'", "++data.test_path='${{inputs.test_table}}'"]
    assert "train.csv" not in job.spec["command"]
    sent = {name: given["uri"].rpartition("versions/")[2] for name, given in job.spec["inputs"].items()}
    digests = {
        name: hashlib.sha256((workdir / name).read_bytes()).hexdigest()[:30] for name in ("train.csv", "test.csv")
    }
    assert sent == {"table": digests["train.csv"], "test_table": digests["test.csv"]}
    capsys.readouterr()
    assert main(["data", *files]) == 0
    assert capsys.readouterr().out.split() == [f"bikeml-table:{digest}" for digest in digests.values()]
    assert len(workspace.log.find("data.put")) == 2


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(
    ("tier", "job_tier"), [("low_priority", "spot"), pytest.param("dedicated", "standard", marks=ALIKE)]
)
def test_without_a_cluster_jobs_run_on_serverless_nodes_of_the_size_and_tier(
    sweep: Main, workspace: LoopbackAzureML, tier: str, job_tier: str
) -> None:
    serverless = ("azure.compute.name=null", "azure.compute.size=STANDARD_DS3_V2", f"azure.compute.tier={tier}")
    assert sweep("model=linear", *serverless) == 0
    assert not any(name.startswith("computes.") for name in workspace.log.counts())
    for job in workspace.jobs.by_name.values():
        assert job.spec["resources"]["instanceType"] == "STANDARD_DS3_V2"
        assert job.spec["queueSettings"]["jobTier"].lower() == job_tier


@pytest.mark.long
@pytest.mark.slow
def test_a_search_keeps_its_checkpoints_in_an_output_of_the_job(sweep: Main, workspace: LoopbackAzureML) -> None:
    assert sweep("model=tree", "search=grid") == 0
    (job,) = workspace.jobs.by_name.values()
    assert "search.checkpoint=true" in job.spec["command"]
    assert "search.checkpoint_dir='${{outputs.checkpoints}}'" in job.spec["command"]
    output = job.spec["outputs"]["checkpoints"]
    assert (output["jobOutputType"], output["mode"]) == ("uri_folder", "ReadWriteMount")
    place = f"datastores/workspaceblobstore/paths/bikeml/checkpoints/{job.spec['tags']['bikeml.fingerprint']}"
    assert output["uri"].endswith(place)


@pytest.mark.long  # test_azure_executor holds the same on a workspace in memory
def test_a_failed_job_costs_its_cell_and_is_not_bought_again_unasked(
    sweep: Main, workspace: LoopbackAzureML, fail: Behave, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.lifecycle.behave = fail
    assert sweep("model=linear,tree") == 1
    error = read(1, "failure.json")["error"]
    assert "exit code 1" in error
    assert "Failed" in error
    assert "https://ml.azure.com/runs/bikeml-" in error
    assert read(0, "result.json")["metrics"]["cv_r2_mean"] == 0.6
    assert sweep("model=linear,tree") == 1
    assert workspace.log.find("jobs.put") == []
    assert "model=tree" in capsys.readouterr().out


@pytest.mark.long  # test_azure_executor holds the same on a workspace in memory
def test_reuse_finished_buys_the_next_generation_of_what_failed(
    sweep: Main, workspace: LoopbackAzureML, fail: Behave, succeed: Behave
) -> None:
    workspace.lifecycle.behave = fail
    assert sweep("model=linear,tree") == 1
    workspace.lifecycle.behave = succeed
    assert sweep("model=linear,tree", "reuse=finished") == 0
    assert [entry.job[-2:] for entry in workspace.log.find("jobs.put")] == ["-1"]
    assert read(1, "result.json")["metrics"]["cv_r2_mean"] == 0.5


@pytest.mark.long  # test_azure_executor holds the same on a workspace in memory
def test_a_cancelled_job_stays_cancelled(sweep: Main, workspace: LoopbackAzureML) -> None:
    def cancel(job: Any) -> Behaviour:
        workspace.clock.call_in(0.3, lambda: workspace.lifecycle.cancel(job))
        return Behaviour(seconds=3600)

    workspace.lifecycle.behave = cancel
    assert sweep("model=linear") == 1
    assert "cancelled" in read(0, "failure.json")["error"]
    assert sweep("model=linear") == 1
    assert workspace.log.find("jobs.put") == []


@pytest.mark.long  # test_azure_executor holds the same on a workspace in memory
def test_a_preempted_job_that_fails_with_its_node_is_bought_again(
    sweep: Main, workspace: LoopbackAzureML, succeed: Behave
) -> None:
    def lose_the_node_once(job: Any) -> Behaviour:
        if job.name.endswith("-0"):
            return Behaviour(seconds=0.1, preemptions=1, preempted_fails=True)
        return succeed(job)

    workspace.lifecycle.behave = lose_the_node_once
    assert sweep("model=linear") == 0
    assert [name[-2:] for name in names(workspace)] == ["-0", "-1"]


LOST_NODES: list[Any] = [
    PREEMPTION,
    {"code": "UserError", "message": "AzureMLCompute job failed.", "innerError": {"code": "PreemptionError"}},
    {"code": "UserError", "message": "It failed.", "details": [PREEMPTION]},
]


@pytest.mark.long
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(LOST_NODES[0], id="message"),
        pytest.param(LOST_NODES[1], id="code inside", marks=ALIKE),
        pytest.param(LOST_NODES[2], id="message inside", marks=ALIKE),
    ],
)
def test_a_lost_node_is_recognised_wherever_the_service_says_so(
    sweep: Main, workspace: LoopbackAzureML, succeed: Behave, said: Any
) -> None:
    workspace.lifecycle.preemption = said
    workspace.lifecycle.behave = lambda job: (
        Behaviour(seconds=0.1, preemptions=1, preempted_fails=True) if job.name.endswith("-0") else succeed(job)
    )
    assert sweep("model=linear") == 0
    assert [name[-2:] for name in names(workspace)] == ["-0", "-1"]


@pytest.mark.long  # test_azure_verdict holds the same of the words alone
def test_a_job_that_speaks_of_lost_nodes_in_its_own_log_is_not_bought_again(
    sweep: Main, workspace: LoopbackAzureML
) -> None:
    said = f"Execution failed. User process 'python' exited with status code 1. Error: {PREEMPTION['message']}"

    def fail(job: Any) -> Behaviour:
        workspace.clock.call_in(0.3, lambda: workspace.lifecycle.fail(job, said))
        return Behaviour(seconds=3600)

    workspace.lifecycle.behave = fail
    assert sweep("model=linear") == 1
    assert len(names(workspace)) == 1
    assert "got pre-empted" in read(0, "failure.json")["error"]


@pytest.mark.long
@pytest.mark.parametrize(
    "said", [None, pytest.param({"code": "UserError", "message": "The job ran out of its time."}, marks=ALIKE)]
)
def test_a_job_that_outran_its_time_is_told_with_the_key_that_gives_it_more(
    sweep: Main, workspace: LoopbackAzureML, succeed: Behave, let_time_pass: Callable[[float], None], said: Any
) -> None:
    workspace.lifecycle.timeout = said
    workspace.lifecycle.behave = lambda job: (
        Behaviour(seconds=36_000) if "tree" in job.spec["command"] else succeed(job)
    )
    let_time_pass(60)
    assert sweep("model=linear,tree", "hydra.launcher.timeout_minutes=2") == 1
    error = read(1, "failure.json")["error"]
    assert "was ended after 2 minutes, which is all that hydra.launcher.timeout_minutes=2 gave it; raise that" in error
    assert "reuse=finished submits it again; https://ml.azure.com/runs/bikeml-" in error
    workspace.lifecycle.behave = succeed
    assert sweep("model=linear,tree", "hydra.launcher.timeout_minutes=5", "reuse=finished") == 0


# Secrets that run out


@pytest.mark.long  # test_azure_artifacts holds the same of the secrets alone
def test_a_sweep_that_outlasts_its_secret_loses_no_result(
    sweep: Main, workspace: LoopbackAzureML, succeed: Behave, let_time_pass: Callable[[float], None]
) -> None:
    seconds = {"linear": 10.0, "tree": 5_000.0, "rf": 9_000.0}
    workspace.workspace.secrets.kind = "Sas"
    workspace.lifecycle.behave = lambda job: replace(
        succeed(job), seconds=next(value for name, value in seconds.items() if f"model={name}" in job.spec["command"])
    )
    let_time_pass(4_000)
    assert sweep("model=linear,tree,rf", "hydra.launcher.timeout_minutes=600") == 0
    assert [read(cell, "result.json")["metrics"]["cv_r2_mean"] for cell in range(3)] == [0.6, 0.5, 0.7]
    assert len(workspace.log.find("datastores.secrets")) >= 4, "one for the table, and one an hour"


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "status"), [("model=linear,tree", 1), pytest.param("model=linear,rf", 3, marks=ALIKE)]
)
def test_results_that_cannot_be_fetched_are_no_failures_and_the_same_command_fetches_them(
    sweep: Main,
    workspace: LoopbackAzureML,
    fail: Behave,
    capsys: pytest.CaptureFixture[str],
    model: str,
    status: int,
) -> None:
    secrets, workspace.lifecycle.behave = workspace.workspace.secrets, fail
    assert sweep(model, "hydra.launcher.wait=false") == 3
    secrets.kind, secrets.lifetime_seconds = "Sas", 0
    capsys.readouterr()
    assert sweep(model) == status
    shown, error = capsys.readouterr()
    assert not (SWEEP / "0" / "failure.json").exists()
    statuses = [row.split(",")[3] for row in (SWEEP / "leaderboard.csv").read_text().splitlines() if row[:1] == ","]
    assert statuses == (["not fetched", "not fetched"] if status == 3 else ["not fetched", "failed"])
    page = (SWEEP / "report.html").read_text()
    for text in (shown, page):
        assert re.search(r"not fetched", text)
        assert re.search(r"job bikeml-\S+ is Completed, and its result was not fetched: the storage account", text)
    assert re.search(r"next\s+\S.* hydra/launcher=azureml ", shown)
    assert ("2 results are not here, and nothing is lost; fetch them with: " in error) == (status == 3)
    secrets.lifetime_seconds = 3600
    assert sweep(model) == (0 if status == 3 else 1)
    assert read(0, "result.json")["metrics"]["cv_r2_mean"] == 0.6
    assert workspace.log.find("jobs.put") == []


@pytest.mark.slow
@pytest.mark.parametrize("status", [pytest.param(503, marks=ALIKE), 500])
def test_a_lost_reply_makes_no_second_job(sweep: Main, workspace: LoopbackAzureML, status: int) -> None:
    workspace.faults.answer(status, "jobs.put", when="after", times=2, retry_after=0.01)
    workspace.faults.reset("jobs.put", when="after", times=1)
    assert sweep("model=linear,tree") == 0
    assert len(names(workspace)) == 2


@pytest.mark.long  # test_azure_executor holds the same on a workspace in memory
def test_a_result_of_another_experiment_is_no_result(sweep: Main, workspace: LoopbackAzureML) -> None:
    workspace.lifecycle.behave = lambda _job: Behaviour(
        seconds=0, files={"default": {"result.json": run_record().to_json().encode()}}
    )
    assert sweep("model=linear") == 1
    assert "result.json is of another experiment" in read(0, "failure.json")["error"]
    assert not (SWEEP / "0" / "result.json").exists()


@pytest.mark.long  # test_azure_executor holds the same on a workspace in memory
def test_completed_without_a_result_is_a_failure(sweep: Main, workspace: LoopbackAzureML) -> None:
    workspace.lifecycle.behave = lambda _job: Behaviour(seconds=0)
    assert sweep("model=linear") == 1
    assert "it left no result.json" in read(0, "failure.json")["error"]


@pytest.mark.slow
def test_wait_false_submits_and_leaves_with_status_3_and_the_same_command_collects(
    sweep: Main, workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep("model=linear,tree", "hydra.launcher.wait=false") == 3
    assert re.search(
        r"2 jobs are submitted and go on; collect their results with: .* hydra.launcher.wait=true",
        capsys.readouterr().err,
    )
    assert len(names(workspace)) == 2
    assert sweep("model=linear,tree") == 0
    assert workspace.log.find("jobs.put") == []


@pytest.mark.slow  # test_azure_words holds the same
def test_a_plan_shows_the_jobs_and_asks_nobody(
    sweep: Main, workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str], workdir: Path
) -> None:
    assert sweep("model=linear,tree", "hydra.launcher.plan=true") == 0
    shown = capsys.readouterr().out
    assert len(re.findall(r"bikeml-[0-9a-f]{32}-0", shown)) == 2
    assert "6 node hours" in shown
    assert workspace.log.entries == []
    assert [path.name for path in workdir.iterdir()] == ["config.json"]


@pytest.mark.long
def test_the_launcher_is_obeyed_without_m(bikeml_main: Main, workspace: LoopbackAzureML) -> None:
    assert bikeml_main(*CLUSTER, f"hydra.sweep.dir={SWEEP}", "model=linear") == 0
    assert len(names(workspace)) == 1


REFUSED = [
    (["model=linear", "reuse=none"], 2, r"reuse=none would pay for finished jobs again"),
    (["model=linear,tree", "hydra.launcher.max_jobs=1"], 2, r"2 cells are more than hydra.launcher.max_jobs=1"),
    (["model=rf", "seed=null"], 2, r"model=rf seed=null|random_state is null"),
    (["model=linear", "hydra.launcher.max_node_hours=1"], 1, r"may take 3 node hours, .*max_node_hours=1 allows no more"),
    (["model=linear", "hydra.launcher.poll_seconds=0"], 2, r"hydra.launcher.poll_seconds=0.* should be greater than 0"),
    (["model=linear", "hydra.launcher.on_interrupt=stop"], 2, r"hydra.launcher.on_interrupt='stop' should be 'detach' or 'cancel'"),
    (["model=linear", "hydra.launcher.wait=false", "hydra.launcher.max_parallel_jobs=1"], 2, r"wait=false submits everything"),
    (["model=linear", "azure.workspace_name=w"], 2, r"azure subscription_id, resource_group and workspace_name go together"),
    (["model=linear", "azure.compute.size=STANDARD_X1"], 1, r"make the cluster 'cpu-cluster': .*STANDARD_X1.* is not supported.*; choose another azure.compute.size, which az ml compute list-sizes -g \S+ -w \S+ lists"),
    (["model=linear", "azure.compute.max_instances=99"], 1, r"make the cluster .* cores quota of 20 .* azure.compute.max_instances; or wait for room with hydra.launcher.on_quota=wait"),
    (["model=linear", "azure.data=my table"], 2, r"azure.data='my table' should have only letters, digits, - and _"),
    (["model=linear", f"tracking.experiment_name={'n' * 257}"], 2, r"tracking.experiment_name='n+…' has 257 characters, and Azure ML takes at most 256"),
    (["model=linear", "+data.key=https://u:secret@h/x"], 2, r"unknown key"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "status", "message"), REFUSED)
def test_what_cannot_be_submitted_is_refused_before_any_job(
    sweep: Main,
    workspace: LoopbackAzureML,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    assert sweep(*arguments) == status
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert "Traceback" not in error
    assert "secret" not in error
    assert names(workspace) == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("route", "code"),
    [("computes.put", "ClusterCoreQuotaReached"), pytest.param("jobs.put", "QuotaExceeded", marks=ALIKE)],
)
def test_a_full_quota_is_waited_for_where_that_is_wanted(
    sweep: Main, workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str], route: str, code: str
) -> None:
    workspace.faults.answer(400, route, code=code, times=3)
    assert sweep("model=linear,tree", "hydra.launcher.on_quota=wait") == 0
    assert len(names(workspace)) == 2
    (notice,) = re.findall("bikeml: waiting for up to 60 minutes: .*", capsys.readouterr().err)
    assert "a test asked for answer 400" in notice


@pytest.mark.long  # test_azure_executor holds the same on a workspace in memory
def test_a_quota_that_fills_up_stops_the_sweep_which_the_same_command_completes(
    sweep: Main, workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep("model=linear") == 0
    workspace.faults.answer(400, "jobs.put", code="QuotaExceeded", times=2)  # the first one's cell has a job
    assert sweep("model=linear,tree,rf") == 1
    assert "hydra.launcher.on_quota=wait" in capsys.readouterr().err
    assert not list(SWEEP.glob("*/failure.json"))
    assert sweep("model=linear,tree,rf") == 0
    assert len(names(workspace)) == 3


@pytest.mark.long  # test_azure_limits holds the same of the names alone
def test_a_cell_with_a_long_name_is_shown_with_its_beginning(sweep: Main, workspace: LoopbackAzureML) -> None:
    grids = ",".join(f"{{max_depth:{list(range(1, most))}}}".replace(" ", "") for most in (3, 100))
    assert sweep("model=tree", "search=grid", f"model.grid={grids}", "hydra.launcher.wait=false") == 3
    short, long = sorted((job.spec["displayName"] for job in workspace.jobs.by_name.values()), key=len)
    assert short == "model.grid={max_depth:[1,2]}"
    assert long.startswith("model.grid={max_depth:[1,2,3,4")
    assert len(long) == 256


@pytest.mark.long
def test_another_table_under_the_same_version_is_refused_and_nothing_is_submitted(
    sweep: Main, workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep("model=linear") == 0
    (table,) = workspace.store.every("data")
    table.properties["tags"]["sha256"] = "another"
    assert sweep("model=linear,tree") == 1
    error = capsys.readouterr().err
    assert re.search(
        r"version [0-9a-f]{30} of data 'bikeml-table' .* is another table: its tag sha256 is 'another', not", error
    )
    assert "choose another name with azure.data=NAME" in error
    assert workspace.log.find("jobs.put") == []
    assert sweep("model=linear,tree", "azure.data=mine") == 0


def test_without_a_workspace_it_says_where_names_come_from(
    sweep: Main, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "config.json").unlink()
    assert sweep("model=linear") == 1
    assert "no config.json names a workspace, here or in a folder above" in capsys.readouterr().err


NAMES = (f"azure.subscription_id={SUBSCRIPTION}", f"azure.resource_group={GROUP}", f"azure.workspace_name={WORKSPACE}")


@pytest.mark.long
def test_the_names_of_a_workspace_are_written_where_the_next_command_finds_them(
    sweep: Main, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "config.json").unlink()
    assert sweep("model=linear", *NAMES) == 0
    assert not (workdir / "config.json").exists()
    capsys.readouterr()
    for _ in range(2):
        assert main(["configure", *NAMES]) == 0
        assert capsys.readouterr().out == f"config.json names {WORKSPACE} of {GROUP}\n"
    assert sweep("model=rf") == 0


@pytest.mark.parametrize(
    ("there", "names", "status", "message"),
    [
        (None, (), 2, "there are no names to write to config.json; set them: azure.subscription_id=NAME"),
        ("{}", NAMES, 2, "config.json names something else; move it away, or work in another folder"),
        (None, (*NAMES[:2], "azure.workspace_name=none"), 1, "cannot find the workspace"),
    ],
)
def test_names_that_cannot_be_written_are_one_message(
    workspace: LoopbackAzureML,
    workdir: Path,
    capsys: pytest.CaptureFixture[str],
    there: str | None,
    names: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    file = workdir / "config.json"
    file.unlink()
    if there is not None:
        file.write_text(there)
    assert main(["configure", *names]) == status
    assert f"bikeml: {message}" in capsys.readouterr().err
    assert (file.read_text() if file.exists() else None) == there


@pytest.mark.slow
def test_the_snapshot_holds_the_code_and_no_secret(
    sweep: Main,
    workspace: LoopbackAzureML,
    workdir: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = workdir / "conf"
    (config / "search").mkdir(parents=True)
    (config / "search" / "own.yaml").write_text("kind: none\n")
    for name in (".env", "server.pem", "id_ed25519", "cert.p12", ".netrc", "notes.txt"):
        (config / name).write_text("hush")
    (config / ".amlignore").write_text("notes.txt\n")
    assert sweep(f"--config-dir={config}", "model=tree", "search=own") == 0
    assert "bikeml: jobs do not get files that may hold secrets: '" in capsys.readouterr().err
    (job,) = workspace.jobs.by_name.values()
    uri = workspace.store.get(job.spec["codeId"]).properties["codeUri"]
    code = workspace.blobs.download(uri, tmp_path_factory.mktemp("code"))
    files = {file.relative_to(code).as_posix() for file in code.rglob("*") if file.is_file()}
    assert {
        "bikeml/__main__.py",
        "bikeml/conf/config.yaml",
        "bikeml/table/datasets/daily-bike-share.csv",
        "config/search/own.yaml",
    } <= files
    assert [name for name in files if name.endswith((".env", ".pem", "9", ".p12", ".netrc", "notes.txt", ".pyc"))] == []
    assert shlex.split(job.spec["command"])[1:5] == ["python", "-m", "bikeml", "--config-path=config"]
    checkout = json.loads((code / "bikeml/checkout.json").read_text())
    assert checkout.pop("versions").keys() == {"numpy", "pandas", "scikit-learn", "scipy"}
    assert checkout == {**describe_checkout(), "project_commit": find_project_commit()}


@pytest.mark.long
def test_what_is_edited_while_a_launch_goes_on_reaches_none_of_its_jobs(
    sweep: Main, workspace: LoopbackAzureML, monkeypatch: pytest.MonkeyPatch, workdir: Path, tmp_path_factory: Any
) -> None:
    option = workdir / "conf" / "search" / "own.yaml"
    option.parent.mkdir(parents=True)
    option.write_text("kind: none\n")
    before, run = option.read_text(), Executor.run

    def edit_and_run(self: Executor, requests: Any) -> None:
        option.write_text("another")
        run(self, requests)

    monkeypatch.setattr(Executor, "run", edit_and_run)
    assert sweep(f"--config-dir={workdir / 'conf'}", "model=tree", "search=own") == 0
    (job,) = workspace.jobs.by_name.values()
    uri = workspace.store.get(job.spec["codeId"]).properties["codeUri"]
    code = workspace.blobs.download(uri, tmp_path_factory.mktemp("code"))
    assert (code / "config/search/own.yaml").read_text() == before


@pytest.mark.slow
def test_a_table_that_has_changed_since_the_plan_is_not_sent(
    sweep: Main,
    workspace: LoopbackAzureML,
    monkeypatch: pytest.MonkeyPatch,
    workdir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table, run = workdir / "daily.csv", Executor.run
    table.write_bytes((Path(bikeml.__file__).parent / "table/datasets/daily-bike-share.csv").read_bytes())

    def append_and_run(self: Executor, requests: Any) -> None:
        table.write_bytes(table.read_bytes() + b"\n")
        run(self, requests)

    monkeypatch.setattr(Executor, "run", append_and_run)
    assert sweep("model=linear", f"data.path={table}") == 2
    assert "daily.csv' has changed since the sweep was planned; run the same command again" in capsys.readouterr().err
    assert workspace.log.find("data.put") == workspace.log.find("jobs.put") == []


@pytest.mark.long
@pytest.mark.slow
def test_jobs_that_cannot_be_cancelled_are_named_with_what_asks_again(
    sweep: Main,
    workspace: LoopbackAzureML,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    workdir: Path,
) -> None:
    def interrupt(_executor: Executor) -> None:
        raise KeyboardInterrupt

    workspace.lifecycle.behave = lambda _job: Behaviour(seconds=3600)
    monkeypatch.setattr(Executor, "_look", interrupt)
    workspace.faults.answer(403, "jobs.cancel")
    assert sweep("model=linear,tree", "hydra.launcher.on_interrupt=cancel") == 130
    error = capsys.readouterr().err
    assert "bikeml: 2 jobs are asked to end; look again with: " in error
    (name,) = re.findall(r"bikeml: job (\S+) was not cancelled and may still run: ", error)
    assert f"ask again with: python -m bikeml azure jobs {workdir / SWEEP} --cancel" in error
    ended = ("CancelRequested", "Canceled")
    assert [job.name for job in workspace.jobs.by_name.values() if job.status not in ended] == [name]


@pytest.mark.long
@pytest.mark.slow
def test_a_sweeper_that_is_not_ours_gets_real_values(workspace: LoopbackAzureML, bikeml_main: Main) -> None:
    from hydra.core.utils import JobStatus

    returned: list[Any] = []
    launch = AzureMLLauncher.launch

    def note(self: AzureMLLauncher, *arguments: Any, **named: Any) -> Any:
        returned.extend(launch(self, *arguments, **named))
        return returned

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AzureMLLauncher, "launch", note)
        assert (
            bikeml_main("-m", *CLUSTER, "hydra/sweeper=basic", f"hydra.sweep.dir={SWEEP}", "model=rf,linear,tree") == 0
        )
    assert [(value.status, value.return_value) for value in returned] == [
        (JobStatus.COMPLETED, r2) for r2 in (0.7, 0.6, 0.5)
    ]


def main(arguments: list[str]) -> int:
    from bikeml.cli import start

    return start(["azure", *arguments])


def test_tasks_register_a_table_and_make_a_cluster(
    workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data"]) == 0
    assert main(["data"]) == 0
    first, second = capsys.readouterr().out.split()
    assert first == second
    assert re.fullmatch(r"bikeml-table:[0-9a-f]{30}", first)
    assert len(workspace.log.find("data.put")) == 1
    assert main(["compute", "azure.compute.name=null"]) == 0
    assert capsys.readouterr().out == "serverless compute, which needs no cluster\n"
    assert main(["compute", "azure.compute.max_instances=4"]) == 0
    assert capsys.readouterr().out == "cpu-cluster\n"
    assert workspace.workspace.clusters["cpu-cluster"].maximum == 4


@pytest.mark.long
@pytest.mark.slow
def test_tasks_list_follow_and_cancel_the_jobs_of_a_sweep(
    sweep: Main, workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.lifecycle.behave = lambda _job: Behaviour(seconds=3600)
    assert sweep("model=linear,tree", "hydra.launcher.wait=false") == 3
    capsys.readouterr()
    workspace.faults.answer(403, "jobs.cancel")
    assert main(["jobs", str(SWEEP), "--cancel"]) == 1
    asked, error = capsys.readouterr()
    (kept,) = re.findall(r"bikeml: job (\S+) was not cancelled and may still run: cannot cancel job", error)
    assert sorted([kept, *(line.split()[0] for line in asked.splitlines())]) == names(workspace)
    assert main(["jobs", str(SWEEP), "--cancel"]) == 0
    assert kept in capsys.readouterr().out
    assert main(["jobs", str(SWEEP), "--follow"]) == 0
    last = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines())
    assert last == dict.fromkeys(names(workspace), "Canceled")
    assert main(["jobs", str(SWEEP)]) == 0
    assert capsys.readouterr().out.count("https://ml.azure.com/runs/") == 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["jobs", "nowhere"], 2, "there is no sweep in 'nowhere'"),
        (["compute", "azure.compute.min_instances=3"], 2, "min_instances=3 is above max_instances=2"),
        (["data", "data=csv", "data.path=nowhere.csv"], 2, "there is no table at 'nowhere.csv'"),
    ],
)
def test_tasks_say_in_one_line_what_is_wrong(
    workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    assert main(arguments) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("bikeml: ")
    assert workspace.log.entries == []


@pytest.mark.long  # a process of its own; test_task holds the same of every task
def test_tasks_say_in_one_line_that_they_were_interrupted(
    sweep: Main, workspace: LoopbackAzureML, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.lifecycle.behave = lambda _job: Behaviour(seconds=3600)
    assert sweep("model=linear", "hydra.launcher.wait=false") == 3
    capsys.readouterr()
    words = [sys.executable, "-m", "bikeml", "azure", "jobs", str(SWEEP), "--follow"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stdout
        assert follower.stdout.readline().split()[0] == names(workspace)[0]
        follower.send_signal(signal.SIGINT)
        _, error = follower.communicate()
    assert (follower.returncode, error) == (130, "bikeml: interrupted\n")


def test_without_the_azure_extra_it_says_what_to_install(
    bikeml_main: Main, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib import metadata

    version = metadata.version

    def missing(name: str) -> str:
        if name == "azure-ai-ml":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert bikeml_main("hydra/launcher=azureml", "model=linear") == 2
    assert "needs azure-ai-ml; install it with: pip install 'bikeml[azure]'" in capsys.readouterr().err
    for words in (["deploy", "run=best"], ["invoke"], ["undeploy"], ["jobs", "sweep"], ["compute"]):
        assert main(words) == 2
        expected = f"bikeml: bikeml azure {words[0]} needs azure-ai-ml; install it with: pip install 'bikeml[azure]'\n"
        assert capsys.readouterr().err == expected
