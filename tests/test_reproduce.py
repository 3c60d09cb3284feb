"""Recorded experiments run again in processes of their own, and what is said where a figure is another."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from bikeml.records.fingerprint import OF_AN_EARLIER_VERSION
from bikeml.records.run import hash_identity
from bikeml.records.run_folder import RunFolder
from bikeml.tasks.reproduce import GROUPS, _write_options
from tests.conftest import DAILY, TASK_SIGNALS, config_of, heeded

ROOT = Path(__file__).parent.parent
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")


@pytest.fixture
def call(call_task):
    return lambda *words: call_task("reproduce", *words)


def git(folder, *words):
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout


def artifact(workdir, run_id, name):
    (file,) = Path(workdir).glob(f"mlartifacts/{run_id}/artifacts/{name}")
    return file


def edit_json(file, edit):
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def edit_environment(workdir, run_id, **new):
    edit_json(artifact(workdir, run_id, "result.json"), lambda content: content["environment"].update(new))


def use_other_code(content):
    content["identity"]["source"]["search"] = "0" * 64
    content["fingerprint"] = hash_identity(content["identity"])


@pytest.fixture
def checkout(tmp_path_factory):
    """A clone of this checkout's commit in which things can be changed."""
    folder = tmp_path_factory.mktemp("clone") / "bikeml"
    subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(folder)], check=True)
    for file in (
        git(ROOT, "diff", "HEAD", "--name-only") + git(ROOT, "ls-files", "-o", "--exclude-standard")
    ).splitlines():
        if (ROOT / file).is_file():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "add", "-A")
    git(
        folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--allow-empty", "-m", "all"
    )
    return folder


def run_in(checkout, *words):
    """Run a module of the clone in the test's folder."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(checkout)},
    )


@pytest.mark.long
@pytest.mark.parametrize(
    "experiment",
    [
        pytest.param(("model=rf", "preprocessing=standard", "model.estimator.n_estimators=20"), marks=pytest.mark.long),
        ("model=gbr", "search=grid", "model.grid={n_estimators: [5, 10]}", "search.checkpoint=true"),
        pytest.param(("split=chronological", "model=lasso", "evaluation.confidence=0.9"), marks=pytest.mark.long),
        pytest.param(("model=lightgbm", "model.estimator.n_estimators=20"), marks=pytest.mark.long),
        pytest.param(("model=xgboost", "model.estimator.n_estimators=20"), marks=pytest.mark.long),
        pytest.param(
            ("model=catboost", "model.estimator.iterations=20", "target=sqrt", "preprocessing=native"),
            marks=pytest.mark.long,
        ),
        ("data=csv", "data.path=my table.csv", "data.target=rentals", "data.numeric=[temp]", "data.categorical=[]"),
    ],
)
def test_a_run_of_a_clone_is_reproduced_to_the_last_bit_with_changes_that_were_never_committed(
    checkout, workdir, experiment
):
    shutil.copy(DAILY, workdir / "my table.csv")
    evaluate = checkout / "bikeml" / "evaluation" / "evaluate.py"
    text = evaluate.read_text()
    evaluate.write_text(text + "\n\nCHANGED = True\n")
    made = run_in(checkout, "bikeml", *experiment, *FAST)
    assert made.returncode == 0, made.stderr
    evaluate.write_text(text)
    done = run_in(checkout, "bikeml", "reproduce", "run=latest")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"run  \w{32} \(.* on .*\), the latest run\n", done.stdout)
    assert "│" not in done.stdout  # which lists what differs
    assert re.search(r"result  (\d+) of \1 figures identical\n", done.stdout)
    assert re.search("with the recorded changes\n +fingerprint  the recorded one\n", done.stdout)
    assert len(git(checkout, "worktree", "list").splitlines()) == 1


@pytest.mark.long
def test_other_code_gives_other_figures_unless_the_commit_is_brought_back(checkout, workdir):
    made = run_in(checkout, "bikeml", "model=linear", *FAST)
    assert made.returncode == 0, made.stderr
    data = checkout / "bikeml" / "evaluation" / "evaluate.py"
    data.write_text(data.read_text().replace("return ", "return 2 * "))
    done = run_in(checkout, "bikeml", "reproduce", "run=latest")
    assert done.returncode == 0
    run_id = re.search(r"run  (\w{32}) ", done.stdout)[1]
    edit_environment(workdir, run_id, git_commit="0" * 40)
    done = run_in(checkout, "bikeml", "reproduce", "run=latest")
    assert done.returncode == 1
    assert re.match(rf"bikeml: the code of run {run_id}, commit 0{{40}}, is not in .*; fetch it", done.stderr)


@pytest.mark.long
def test_a_figure_that_differs_is_named_with_all_that_has_changed(call, workdir):
    import bikeml

    result = bikeml.run("model=tree", "hydra.run.dir=out", *FAST)
    run_id = str(result.run_id)
    edit_json(artifact(workdir, run_id, "result.json"), lambda content: content["metrics"].update(test_r2=0.5))

    packages = {**result.record.environment.packages, "numpy": "1.0"}
    edit_environment(workdir, run_id, cpu="another CPU", packages=packages, git_commit=None)
    status, out, err = call("run=latest")
    assert status == 1
    listed = re.findall(r"│ (\w+) +│ (\S+) +│ (\S+) +│", out)
    assert listed == [("test_r2", "0.5", repr(result.metrics["test_r2"]))]
    n_figures = len(result.record.metrics) + len(result.record.ends) + 5
    assert f"result  {n_figures - 1} of {n_figures} figures identical\n" in out
    assert err.startswith(f"bikeml: run {run_id} is not reproduced: 1 of {n_figures} ")
    assert "figures differ: test_r2\n" in err
    assert "cpu was another CPU, is " in err
    assert "numpy was 1.0, is " in err
    assert re.search("table  pkg://.*daily-bike-share.csv\n", out)
    assert re.search("code  as it is here: the run was no git checkout's\n +fingerprint  the recorded one\n", out)


@pytest.mark.long
def test_a_difference_without_a_change_of_packages_is_blamed_on_code_or_on_chance(call, workdir):
    # A process of its own: this one has more libraries in it, after other tests, than the one that runs it again
    subprocess.run(
        [sys.executable, "-m", "bikeml", "model=tree", "hydra.run.dir=out", *FAST], check=True, capture_output=True
    )
    run_id = str(RunFolder(workdir / "out").read_run_id())
    edit_json(artifact(workdir, run_id, "result.json"), lambda content: content["metrics"].update(test_r2=0.5))
    assert "nothing that bikeml records has changed: a source of chance is left" in call("run=latest")[2]
    import mlflow

    client = mlflow.MlflowClient("sqlite:///mlflow.db")
    edit_json(artifact(workdir, run_id, "result.json"), use_other_code)
    client.set_tag(
        run_id, "bikeml.fingerprint", json.loads(artifact(workdir, run_id, "result.json").read_text())["fingerprint"]
    )
    assert "packages and machine are the recorded ones, so the code is another" in call("run=latest")[2]
    edit_environment(workdir, run_id, git_commit=None)
    client.delete_tag(run_id, "bikeml.identity_schema")
    assert re.search(f"fingerprint  another\n +note  {OF_AN_EARLIER_VERSION}", call("run=latest")[1])


@pytest.mark.long
def test_a_table_that_was_changed_or_is_gone_is_said_before_anything_runs(call, workdir):
    import bikeml

    table, kept = workdir / "rentals.csv", workdir / "kept.csv"
    table.write_text("\n".join(DAILY.read_text().splitlines()[:-1]) + "\n")
    shutil.copy(table, kept)
    bikeml.run("model=linear", "data.path=rentals.csv", "hydra.run.dir=out", *FAST)
    table.write_text(table.read_text().replace("331", "332", 1))
    status, out, err = call("run=latest")
    assert (status, out) == (2, "")
    assert re.match(
        r"bikeml: the recorded table, of sha256 \w+, is not there: the sha256 of 'rentals.csv' is \w+; ", err
    )
    assert "the sha256 of 'pkg://bikeml.datasets/daily-bike-share.csv' is 6352e71d" in err
    table.unlink()
    status, out, err = call("run=latest", "table=rentals.csv")
    assert (status, out) == (2, "")
    assert "is not there: there is no table at 'rentals.csv'; set table=FILE to where it is" in err
    assert call("run=latest", "table=kept.csv")[0] == 0
    assert call("run=latest", "data.path=kept.csv")[0] == 0


@pytest.mark.long
@pytest.mark.parametrize("number", TASK_SIGNALS)
def test_an_interrupt_leaves_no_worktree_and_no_process(checkout, workdir, number):
    slow = "model.estimator.n_estimators=100"
    made = run_in(checkout, "bikeml", "model=rf", slow, "evaluation.importance_repeats=1")
    assert made.returncode == 0, made.stderr
    from tests.azureml.processes import processes_with

    mark = f"reproduced-{os.getpid()}-{number}"
    variables = {**os.environ, "PYTHONPATH": str(checkout), "BIKEML_TEST_MARK": mark}
    command = [sys.executable, "-m", "bikeml", "reproduce"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with heeded(number), subprocess.Popen(command, env=variables, **pipes) as process:
        while len(processes_with(mark)) < 2 or len(git(checkout, "worktree", "list").splitlines()) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, "bikeml: interrupted\n")
    assert processes_with(mark) == []
    assert len(git(checkout, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run=latest"], r"there is no store at .*; record a run first"),
        (["tracking=none"], r"tracking.uri=null names no store"),
        (["table=''"], r"table='' should not be empty"),
    ],
)
def test_what_cannot_be_reproduced_is_one_message_and_leaves_nothing(call, workdir, words, message):
    status, out, err = call(*words)
    assert (status, out) == (2, "")
    assert re.match(f"bikeml: {message}", err), err
    assert list(workdir.iterdir()) == []


@pytest.mark.slow
def test_a_recorded_config_without_a_table_is_one_message(call, workdir):
    import bikeml

    run_id = str(bikeml.run("model=linear", "hydra.run.dir=out", *FAST).run_id)
    config = artifact(workdir, run_id, "config.yaml")
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | {"data": "2026-01-01"}))
    digest = hashlib.sha256(config.read_bytes()).hexdigest()
    edit_json(artifact(workdir, run_id, "result.json"), lambda record: record["files"].update({"config.yaml": digest}))
    status, _, err = call("run=latest")
    run = f"run=latest is {run_id} (linear on daily-bike-share), the latest run"
    assert (status, err) == (2, f"bikeml: config.yaml of the run has no data.path; name another run\n        {run}\n")


def test_code_of_before_a_key_was_known_is_not_told_it(tmp_path):
    search = {"kind": "grid", "folds": 3, "n_jobs": 2, "checkpoint": True}  # before search.scheduler
    _write_options(
        {"seed": 0, "search": search, **{key: {} for key in ("data", "split", "preprocessing", "model")}}, tmp_path
    )
    assert yaml.safe_load((tmp_path / "search" / "recorded.yaml").read_text()) == search | {"checkpoint": False}


def test_what_is_written_to_run_again_is_all_that_can_change_a_figure(tmp_path):
    recorded = config_of("search=grid", "search.scheduler=tcp://127.0.0.1:1").model_dump()
    _write_options(recorded, tmp_path)
    groups = {name: yaml.safe_load((tmp_path / name / "recorded.yaml").read_text()) for name in GROUPS}
    rest = yaml.safe_load((tmp_path / "experiment" / "recorded.yaml").read_text())
    assert rest.keys() == {"seed", "evaluation", "blend"}
    here = config_of("search=grid").model_dump()
    assert {name: here[name] for name in (*groups, *rest)} == groups | rest
