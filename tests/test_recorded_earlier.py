"""Folders, sweeps and stores that earlier commits wrote are read by the commands of today."""

import json
import re
import subprocess
import sys
from importlib.metadata import version

import pandas as pd
import pytest

from bikeml.records.fingerprint import OF_AN_EARLIER_VERSION
from bikeml.records.run_folder import RunFolder
from bikeml.tasks.reproduce import Options, run_again
from tests.conftest import ROOT, config_of
from tests.recorded import STORE, dump, restore

COMMIT = "3345f79"
RUNS = ("lasso", "rf", "sweep/0")
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
SWEEP = ("-m", "model=tree", "model.estimator.max_depth=3", "model.estimator.monotonic_cst=null,[0,0]", *FAST)
BEFORE_THE_FIRST_UPGRADE = "3.15."
has_its_scikit_learn = pytest.mark.skipif(
    not version("scikit-learn").startswith("1.9."), reason="models are loaded by the minor version that fitted them"
)
has_its_commit = pytest.mark.skipif(
    subprocess.run(["git", "-C", ROOT, "cat-file", "-e", COMMIT], capture_output=True, check=False).returncode != 0,
    reason="this is no clone with the whole history",
)


@pytest.fixture(scope="session")
def statements(tmp_path_factory):
    """What makes the store, brought up to the installed MLflow; None if it is the one that the commit wrote."""
    if version("mlflow").startswith(BEFORE_THE_FIRST_UPGRADE):
        return None
    folder = tmp_path_factory.mktemp("earlier")
    restore(COMMIT, folder)
    upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{folder / STORE}"]
    subprocess.run(upgrade, check=True, capture_output=True)
    return dump(folder)


@pytest.fixture(autouse=True)
def earlier(workdir, statements):
    """The working folder as the commit left it, its store brought up to the installed MLflow."""
    restore(COMMIT, workdir, statements)
    return workdir


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def figures_of(result):
    """Every figure by its name, as reproduce compares them."""
    ends = {
        f"{name}_{end}": pair[end == "high"] for name, pair in result["intervals"].items() for end in ("low", "high")
    }
    folds = {f"cv_r2_fold_{number}": value for number, value in enumerate(result["cv"]["r2"], start=1)}
    return result["metrics"] | ends | folds


def run_again_now(run_id):
    return run_again(config_of(), Options(run=run_id, table=None), lambda *_: None)


@has_its_scikit_learn
@pytest.mark.parametrize("run", RUNS)
def test_an_earlier_run_predicts_what_it_predicted(call_task, earlier, run):
    run_id = result_of(earlier / run)["run_id"]
    status, _, err = call_task("predict", f"run={run_id}", "output=now.csv", "interval=0.9")
    assert status == 0, err
    before, now = pd.read_csv(earlier / run / "predictions.csv"), pd.read_csv("now.csv").set_index("row")
    assert list(now.loc[before["row"], "predicted"]) == pytest.approx(list(before["predicted"]), rel=1e-12)


@has_its_scikit_learn
@pytest.mark.parametrize(("which", "told"), [("latest", ""), ("best", "1 tuned on these rows")])  # rf was searched
def test_an_earlier_store_knows_its_latest_and_its_best_run(call_task, earlier, which, told):
    status, _, err = call_task("predict", f"run={which}", "output=now.csv")
    assert status == 0, err
    assert f"predicted by run {result_of(earlier / 'sweep' / '0')['run_id']}" in err
    assert told in err


@has_its_scikit_learn
@pytest.mark.parametrize("run", RUNS)
def test_an_earlier_run_is_registered_and_found_by_its_alias(call_task, earlier, run):
    words = [f"run={result_of(earlier / run)['run_id']}", "registered_model=bikes", "alias=now"]
    status, out, err = call_task("register", *words)
    assert status == 0, err
    assert "version  1\n" in out
    status, _, err = call_task("predict", "run=bikes@now", "output=now.csv")
    assert status == 0, err


@pytest.mark.long
def test_an_earlier_run_without_git_is_reproduced_by_the_code_of_today(earlier):
    result = result_of(earlier / "lasso")
    done = run_again_now(result["run_id"])
    figures = {name: value for name, value in figures_of(result).items() if not name.endswith(("_low", "_high"))}
    assert {each.name: each.recorded for each in done.figures} == figures
    assert {each.name: each.now for each in done.figures} == pytest.approx(figures, rel=1e-6)
    assert done.changes or all(each.is_equal for each in done.figures)
    of_intervals = (
        "intervals are not compared: the run's are by percentile bootstrap over rows, and this code's by bootstrap-t "
        "over rows"
    )
    assert done.notes == [OF_AN_EARLIER_VERSION, of_intervals]


@has_its_commit
@pytest.mark.slow
@pytest.mark.parametrize("run", [RUNS[1], *(pytest.param(run, marks=pytest.mark.long) for run in RUNS[2:])])
def test_an_earlier_run_is_reproduced_by_its_own_commit_and_changes(earlier, run):
    result = result_of(earlier / run)
    done = run_again_now(result["run_id"])
    assert {each.name: each.now for each in done.figures} == pytest.approx(figures_of(result), rel=1e-6)
    assert "with the recorded changes" in done.code


def test_the_report_of_an_earlier_sweep_is_made_again(earlier):
    from bikeml.cli import start

    before = pd.read_csv(earlier / "sweep" / "leaderboard.csv")
    assert start(["report", "sweep"]) == 0
    now = pd.read_csv(earlier / "sweep" / "leaderboard.csv")
    kept = before.drop(columns="p_value")  # intervals that hold for all cells at once are in its place
    pd.testing.assert_frame_equal(now[list(kept)], kept, rtol=1e-12)
    assert list(now["status"]) == ["finished", "failed"]
    assert "monotonic_cst has shape 2" in (earlier / "sweep" / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "reuse"), [("sweep", "all"), ("again", "finished")])
def test_a_sweep_runs_an_earlier_cell_again_and_says_why(bikeml_main, earlier, folder, reuse):
    before = pd.read_csv(earlier / "sweep" / "leaderboard.csv")
    assert bikeml_main(*SWEEP, f"hydra.sweep.dir={folder}", f"reuse={reuse}") == 1
    now = pd.read_csv(earlier / folder / "leaderboard.csv")
    assert (now["status"][0], now["note"][0]) == ("finished", OF_AN_EARLIER_VERSION)
    assert now["cv_r2_mean"][0] == pytest.approx(before["cv_r2_mean"][0], rel=1e-6)
    assert "monotonic_cst has shape 2" in now["note"][1]


def test_nothing_of_an_earlier_run_names_the_machine_that_made_it():
    files = [file for file in (ROOT / "tests" / "recorded" / COMMIT).rglob("*") if file.is_file()]
    places = {place for file in files for place in re.findall(rb"""(?<=["' =])/(\w+)""", file.read_bytes())}
    assert places == {b"checkout", b"venv", b"python", b"recorded"}
    (dump,) = (file for file in files if file.suffix == ".sql")
    assert set(re.findall("file://(/.[^/']*)", dump.read_text())) == {"/recorded"}
    assert set(re.findall('"host": "([^"]*)"', dump.read_text())) == {"elsewhere"}


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "param", "value"), [("lasso", "model.estimator.alpha", "1.0"), ("rf", "search.scoring", "r2")]
)
def test_an_earlier_run_is_recorded_in_another_store_once(earlier, folder, param, value):
    from mlflow import MlflowClient

    from bikeml.cli import start

    words = ["record", folder, "--uri", f"sqlite:///{earlier}/other.db"]
    assert [start(words), start(words)] == [0, 0]
    client = MlflowClient(f"sqlite:///{earlier}/other.db")
    (run,) = client.search_runs([client.get_experiment_by_name("bikeml").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["test_r2"] == result_of(earlier / folder)["metrics"]["test_r2"]
    assert run.data.params[param] == value


def test_of_an_earlier_run_what_has_no_digest_is_one_message_too(earlier):
    from bikeml.errors import ModelFileError, RecordError
    from bikeml.experiment.model_folder import read_example
    from bikeml.tasks.models.predict import read_allowed

    model = earlier / "lasso" / "model"
    for content, problem in (
        ("{", "cannot be read: Expecting property name"),
        ('{"columns": ["a", {"b": 1}], "data": []}', "has no rows: .* are not all text"),
    ):
        (model / "input_example.json").write_text(content)
        with pytest.raises(ModelFileError, match=f"input_example.json' {problem}"):
            read_example(model)
    config = earlier / "lasso" / "config.yaml"
    for forged in ("summer", "[1, [2]]", "[{a: 1}]"):
        config.write_text(re.sub(r"allowed:\n(    .*\n)+", f"allowed:\n    season: {forged}\n", config.read_text()))
        with pytest.raises(
            RecordError, match=r"config.yaml of the run has no list of values at data.allowed.season; n"
        ):
            read_allowed(RunFolder(earlier / "lasso"))
