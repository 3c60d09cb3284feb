"""A folder is recorded in a store whenever its user likes, once, and only with the files that its record names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

import bikeml
from bikeml.errors import TrackingError
from bikeml.recorded.parent import find_parent
from bikeml.records.run import StoreRecord
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep_folder import SweepFolder
from bikeml.tracking.artifacts import placed_model
from tests.builders import run_record, write_run, write_sweep

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
SEARCHED = (*FAST, "model=tree", "preprocessing=standard", "search=grid", "model.grid={max_depth:[2,3]}")
OF_ONE_RUN = {
    "bikeml.record",
    "bikeml.owner",
    "bikeml.command",
    "bikeml.model_sha256",
    "mlflow.user",
    "mlflow.note.content",
}
"""Ids, how a run was asked for, its description, and the hash of a zip file that says when it was made."""


@pytest.fixture
def call(call_task):
    return lambda *words: call_task("record", *words)


def runs_of(store, condition=""):
    client = MlflowClient(f"sqlite:///{Path(store).absolute()}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    return client.search_runs(experiments, condition)


def contents(store, run):
    """Return everything about a run that is not its id or a time."""
    client = MlflowClient(f"sqlite:///{Path(store).absolute()}")
    files = {}
    waiting = [item.path for item in client.list_artifacts(run.info.run_id)]
    while waiting:
        path = waiting.pop()
        below = [item.path for item in client.list_artifacts(run.info.run_id, path)]
        waiting += [each for each in below if each != path]
        if not below or below == [path]:
            place = run.info.artifact_uri.removeprefix("file://")
            files[path] = f"{place}/{path}"
    metrics = {name: value for name, value in run.data.metrics.items() if not name.startswith("seconds_")}
    tags = {name: value for name, value in run.data.tags.items() if name not in OF_ONE_RUN}
    inputs = [each.dataset.to_dictionary() for each in run.inputs.dataset_inputs]
    return {"params": run.data.params, "metrics": metrics, "tags": tags, "inputs": inputs}, files


@pytest.mark.slow
def test_a_run_that_is_recorded_later_equals_one_that_was_recorded_at_once(call, workdir):
    now = bikeml.run(*SEARCHED, "tracking.uri=sqlite:///now.db", "hydra.run.dir=now")
    later = bikeml.run(*SEARCHED, "tracking=none", "hydra.run.dir=later")
    assert (now.run_id is None, later.run_id is None) == (False, True)
    status, out, _ = call("later", "--uri", "sqlite:///later.db")
    assert status == 0
    assert later.run_id in out
    (one,), (other,) = (runs_of(f"{name}.db", "tags.`bikeml.record` LIKE '%'") for name in ("now", "later"))
    (ours, files), (theirs, others) = contents("now.db", one), contents("later.db", other)
    places = [str(each.folder) for each in (now, later)]
    assert [each["tags"].pop("bikeml.folder") for each in (ours, theirs)] == places
    assert ours == theirs
    assert files.keys() == others.keys()
    # what says when, where and how long
    for name in files.keys() - {
        "result.json",
        "config.yaml",
        "cv_results.csv",
        "model/MLmodel",
        "model/model.skops",
        "scale.skops",
        "report.html",
    }:
        assert Path(files[name]).read_bytes() == Path(others[name]).read_bytes(), name
    children = [[sorted(run.data.params.items()) for run in runs_of(f"{n}.db", "tags.`bikeml.candidate_rank` LIKE '%'")] for n in ("now", "later")]  # fmt: skip
    assert len(children[0]) == 5
    assert sorted(children[0]) == sorted(children[1])


@pytest.mark.slow
def test_its_times_are_those_of_the_run(call):
    result = bikeml.run(*FAST, "tracking=none", "hydra.run.dir=out")
    assert call("out")[0] == 0
    (run,) = runs_of("mlflow.db")
    seconds = result.record.seconds["total"]
    assert run.info.start_time == int(result.record.started * 1000)
    assert run.info.end_time == pytest.approx((result.record.started + seconds) * 1000, abs=2)


@pytest.mark.slow
def test_to_record_twice_is_to_record_once(call):
    bikeml.run(*FAST, "tracking=none", "hydra.run.dir=out")
    (first, *_), (second, *_) = told = call("out"), call("out")
    assert first == second == 0
    assert told[0][1] == told[1][1], "the same run"
    assert len(runs_of("mlflow.db")) == 1


def test_a_run_whose_store_was_away_is_recorded_by_the_command_of_its_message(call, workdir):
    (workdir / "mlflow.db").write_text("this is no database, and it is long enough to be read as one\n" * 100)
    with pytest.raises(TrackingError, match=r"record it later with python -m bikeml record \S*out"):
        bikeml.run(*FAST, "hydra.run.dir=out")
    (workdir / "mlflow.db").unlink()
    assert call("out")[0] == 0
    assert [run.info.status for run in runs_of("mlflow.db")] == ["FINISHED"]


@pytest.mark.slow
def test_a_sweep_is_recorded_with_its_cells_below_its_own_run(call, bikeml_main, workdir):
    sweep = [*FAST, "tracking=none", "model=linear,tree", "hydra.sweep.dir=sweep"]
    assert bikeml_main("-m", *sweep) == 0
    assert call("sweep")[0] == call("sweep")[0] == 0
    parent = SweepFolder(workdir / "sweep").read_run_id()
    children = runs_of("mlflow.db", f"tags.mlflow.parentRunId = '{parent}'")
    assert sorted(run.info.run_name for run in children) == ["linear", "tree"]
    assert len(runs_of("mlflow.db")) == 3
    (own,) = [run for run in runs_of("mlflow.db") if run.info.run_id == parent]
    assert (own.info.status, own.data.metrics["cells_finished"]) == ("FINISHED", 2)


def test_a_cell_nests_in_the_run_of_its_sweep_which_its_folder_names(workdir, monkeypatch):
    folder = write_sweep(workdir / "sweep", a=run_record(), b=None)
    cell = workdir / "sweep" / "a"
    record = run_record()
    assert find_parent(cell, record, "sqlite:///one.db") is None
    StoreRecord(uri="sqlite:///one.db", experiment_name="bikeml", run_id="its own", look="").write(folder.path)
    assert find_parent(cell, record, "sqlite:///one.db") == "its own"
    assert find_parent(workdir / "sweep" / "b", record, "sqlite:///one.db") == "its own"
    assert find_parent(cell, record, "sqlite:///another.db") is None
    assert find_parent(workdir / "sweep" / "c", record, "sqlite:///one.db") is None  # beside its cells
    assert find_parent(workdir, record, "sqlite:///one.db") is None
    assert find_parent(cell, run_record(name="another"), "sqlite:///one.db") is None  # another sweeper has run there
    monkeypatch.chdir(cell)
    assert find_parent(Path(), record, "sqlite:///one.db") == "its own"
    (folder.path / "sweep.json").write_text("{}")
    assert find_parent(cell, record, "sqlite:///one.db") is None


def test_a_file_beside_the_model_that_the_record_does_not_name_stays_here(workdir):
    write_run(workdir / "run", run_record(), {"model/MLmodel": b"uuid: a\n", "model/model.skops": b"x"})
    (workdir / "run" / "model" / "key").write_text("mine")
    with placed_model(RunFolder(workdir / "run"), "1") as place:
        assert sorted(file.name for file in place.iterdir()) == ["MLmodel", "model.skops"]


@pytest.mark.slow
def test_only_the_files_of_the_run_leave_its_folder(workdir):
    (workdir / ".env").write_text("TOKEN=1")
    (workdir / "customers.csv").write_text("mine")
    (workdir / "notes").mkdir()
    (workdir / "notes" / "a.txt").write_text("mine")
    (workdir / ".unfinished-old").mkdir()
    (workdir / ".unfinished-0a").write_text("half a picture")
    result = bikeml.run(*FAST, "hydra.run.dir=.")
    (run,) = runs_of("mlflow.db")
    names = {item.path for item in MlflowClient(f"sqlite:///{workdir}/mlflow.db").list_artifacts(run.info.run_id)}
    assert names == {
        "config.yaml", "evaluate.png", "folds.csv", "importance.png", "predictions.csv", "residuals.png",
        "report.html", "result.json", "scale.skops", *(["code.diff"] if "code.diff" in result.record.files else []),
    }  # fmt: skip
    assert (workdir / ".env").read_text() == "TOKEN=1"
    assert (workdir / "customers.csv").read_text() == (workdir / "notes" / "a.txt").read_text() == "mine"
    assert [*workdir.glob(".unfinished-*")] == []


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: None, "has neither result.json nor sweep.json; name the folder of a run or a sweep"),
        (lambda folder: (folder / "result.json").write_text("{}"), "result.json' is broken"),
    ],
)
def test_a_folder_without_a_whole_run_is_one_message(prepare, message, call, workdir):
    (workdir / "out").mkdir()
    prepare(workdir / "out")
    status, out, err = call("out")
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("bikeml: ")


def test_a_changed_file_is_not_recorded(call, workdir):
    bikeml.run(*FAST, "tracking=none", "hydra.run.dir=out")
    (workdir / "out" / "predictions.csv").write_text("row,actual,predicted\n1,2,2\n")
    status, _, err = call("out")
    assert (status, "predictions.csv' has been changed since the run wrote it" in err) == (2, True)
    assert not (workdir / "mlflow.db").exists()


def start(*words):
    command = [sys.executable, "-m", "bikeml", *FAST, "tracking=none", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(20))
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("hydra.run.dir=out", "model=rf"), "choose another hydra.run.dir"),
        (("-m", "hydra.sweep.dir=out", "model=rf,tree"), "choose another hydra.sweep.dir"),
    ],
)
def test_of_two_that_start_in_one_folder_at_once_one_runs(words, message, attempt, workdir):
    both = [start(*words), start(*words, "seed=1")]
    ended = [(process.returncode, err) for process in both for _, err in [process.communicate(timeout=300)]]
    (done, _), (refused, error) = sorted(ended)  # a sweep that runs tells of its cells
    assert (done, refused) == (0, 2)
    assert message in error
    assert len(error.splitlines()) == 1
    for result in workdir.rglob("result.json"):
        content = json.loads(result.read_text())
        assert content["fingerprint"]
