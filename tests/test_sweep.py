"""Sweeps: every cell once, whatever happens, and nothing run again that is recorded."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
from markupsafe import escape
from mlflow import MlflowClient

from bikeml.config.composition import config_dir
from bikeml.errors import BikemlError
from bikeml.records.run_folder import STORE
from bikeml.records.sweep import Cell, SweepRecord, find_varying
from bikeml.records.sweep_folder import SweepFolder
from bikeml.records.tags import ERROR
from bikeml.tracking import store
from bikeml.tracking.sweeps import SweepStore
from tests.conftest import DAILY, config_of

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
UNTRACKED = (*FAST, "tracking=none", "hydra.sweep.dir=sweep")
FITS, FAILS = "null", "[1]"  # of a tree over ten columns; the second is refused only when it is fitted
TREES = "model.estimator.monotonic_cst"


def board_of(folder):
    return pd.read_csv(folder / "leaderboard.csv").sort_values("cell", ignore_index=True)


def client_of(workdir):
    return MlflowClient(f"sqlite:///{workdir}/mlflow.db")


def runs_of(workdir, condition=""):
    client = client_of(workdir)
    return client.search_runs([e.experiment_id for e in client.search_experiments()], condition)


def start(*arguments, cwd):
    command = [sys.executable, "-m", "bikeml", "-m", *FAST, *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_cell_without_enough_memory_costs_itself_and_is_no_failure_of_its_model(bikeml_main, workdir, monkeypatch):
    from sklearn.linear_model import Lasso

    def fit(*_, **__):
        raise MemoryError("Unable to allocate 3 GiB")

    monkeypatch.setattr(Lasso, "fit", fit)
    assert bikeml_main("-m", *FAST, "tracking=local", "hydra.sweep.dir=sweep", "model=lasso,linear") == 1
    board = board_of(workdir / "sweep")
    assert list(board["status"]) == ["failed", "finished"]
    assert board["note"][0].startswith("there is too little memory: Unable to allocate 3 GiB; ")
    assert [run for run in runs_of(workdir) if ERROR in run.data.tags] == []


@pytest.mark.slow
def test_an_interrupt_that_a_library_makes_another_error_of_ends_the_sweep(bikeml_main, workdir, monkeypatch, capsys):
    def initialize(*_, **__):
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr("bikeml.multirun.cell.run", initialize)
    assert bikeml_main("-m", *UNTRACKED, "model=baseline,linear") == 130
    assert capsys.readouterr().err.splitlines()[-1] == "bikeml: interrupted"
    assert list(board_of(workdir / "sweep")["status"]) == ["interrupted", "not run"]


@pytest.mark.long
@pytest.mark.slow
def test_files_and_the_record_come_before_the_words(bikeml_main, workdir, monkeypatch):
    from bikeml.multirun import story

    def look(sweep, *_):
        names = {path.name for path in (workdir / "sweep").iterdir()}
        seen.append({"leaderboard.csv", "leaderboard.png", "report.html"} <= names)
        seen.append(client_of(workdir).get_run(sweep.run_id).info.status)

    seen = []
    for name in ("show_leaderboard", "show_places"):
        monkeypatch.setattr(story, name, look)
    assert bikeml_main("-m", *FAST, "tracking=local", "hydra.sweep.dir=sweep", "model=baseline,linear") == 0
    assert seen == [True, "FINISHED"] * 2


@pytest.mark.slow
def test_a_failure_costs_one_cell_wherever_it_is(bikeml_main, workdir, capsys, monkeypatch):
    monkeypatch.setattr("bikeml.multirun.launcher.SERIAL_BATCH", 3)  # the last cells are launched with the second batch
    values = [FAILS, FITS, "[1,1]", "[0,0,0,0,0,0,0,0,0,0]", "[1,1,1]"]
    assert bikeml_main("-m", *UNTRACKED, "hydra/launcher=basic", "model=tree", f"{TREES}={','.join(values)}") == 1
    board = board_of(workdir / "sweep")
    assert list(board["status"]) == ["failed", "finished"] * 2 + ["failed"]
    assert board["note"][[0, 2, 4]].str.contains("monotonic_cst has shape").all()
    shown = capsys.readouterr()
    assert "failed: the pipeline could not be fitted" in shown.err
    assert "monotonic_cst has shape" in shown.out
    assert "Traceback" not in shown.out + shown.err
    for cell in "024":
        assert "Traceback" in (workdir / "sweep" / cell / "bikeml.log").read_text()


@pytest.mark.slow
def test_the_same_experiment_is_run_once(bikeml_main, workdir, capsys):
    assert bikeml_main("-m", *UNTRACKED, "model=linear,tree,linear", "search.n_jobs=1,2", "search=grid") == 0
    assert len(board_of(workdir / "sweep")) == 2
    assert "cell 1, model=linear search.n_jobs=2, is the same experiment as cell 0" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.slow
def test_cells_that_draw_without_a_seed_are_never_the_same(bikeml_main, workdir):
    assert bikeml_main("-m", *UNTRACKED, "model=tree", "seed=null", "tracking.run_name=a,b") == 0
    assert len(board_of(workdir / "sweep")) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("allowed", "statuses"), [(0, ["failed", "not run"]), (1, ["failed", "finished"])])
def test_max_failures_leaves_out_the_rest(bikeml_main, workdir, allowed, statuses):
    axis = f"{TREES}={FAILS},{FITS}"
    assert bikeml_main("-m", *UNTRACKED, "model=tree", axis, f"sweep.max_failures={allowed}") == 1
    assert list(board_of(workdir / "sweep")["status"]) == statuses


@pytest.mark.long
@pytest.mark.slow
def test_what_difference_does_not_matter_is_recorded_with_the_sweep(bikeml_main, workdir):
    assert bikeml_main("-m", *UNTRACKED, "model=linear,baseline", "sweep.rope=2") == 0
    assert json.loads((workdir / "sweep" / "sweep.json").read_text())["rope"] == 2
    assert (board_of(workdir / "sweep")["probability_as_good"] > 0.9).all()


def test_what_is_wrong_in_any_cell_is_said_before_one_runs(bikeml_main, workdir, capsys):
    assert bikeml_main("-m", *UNTRACKED, "model=linear,tree", "seed=0,-1,1.5") == 2
    error = capsys.readouterr().err
    assert error.count("seed=-1 should be greater than or equal to 0") == 1
    assert "seed=1.5 should be an integer" in error
    assert not list(workdir.rglob("*.json"))


@pytest.mark.slow
def test_a_table_that_no_cell_can_read_stops_the_sweep_before_it_begins(bikeml_main, workdir, capsys):
    assert bikeml_main("-m", *UNTRACKED, "data=csv", "data.path=none.csv", "model=linear,tree") == 2
    assert "there is no table at 'none.csv'" in capsys.readouterr().err
    assert not list(workdir.rglob("*.json"))


@pytest.mark.slow
def test_a_table_that_one_cell_cannot_read_costs_that_cell(bikeml_main, workdir):
    assert bikeml_main("-m", *UNTRACKED, f"data.path=none.csv,{DAILY}") == 1
    assert list(board_of(workdir / "sweep")["status"]) == ["failed", "finished"]


@pytest.mark.slow
def test_a_cause_that_cells_share_is_told_once(bikeml_main, workdir, capsys):
    (workdir / "gaps.csv").write_text("y,a\n" + "1,2\n2,1\n3,5\n" * 9 + "4,\n")
    table = ("data=csv", "data.path=gaps.csv", "data.target=y", "data.numeric=[a]", "data.categorical=[]")
    table = (*table, "preprocessing=none")
    assert bikeml_main("-m", *UNTRACKED, *table, "model=linear,tree,lasso") == 1
    told = re.sub(r" +\n", "\n", capsys.readouterr().out)
    assert (
        "      failed  model=linear; model=lasso: gaps.csv does not fit the config:\n"
        "                column 'a' is missing in row 28; choose preprocessing=auto, which fills gaps and encodes text\n"
        "              (log: 0/bikeml.log; 2/bikeml.log)\n"
    ) in told
    assert f"        page  {workdir}/sweep/report.html\n" in told


@pytest.mark.slow
def test_cells_that_would_share_a_folder_are_refused(bikeml_main, capsys):
    assert bikeml_main("-m", *UNTRACKED, "hydra.sweep.subdir=same", "model=linear,tree") == 2
    assert "hydra.sweep.subdir gives several cells the folder 'same'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_of_the_users_own_making_is_kept(bikeml_main, workdir):
    subdir = "hydra.sweep.subdir='${hydra.job.override_dirname}'"
    words = "hydra.job.config.override_dirname.exclude_keys=[tracking,evaluation.bootstrap_samples,evaluation.importance_repeats]"
    assert bikeml_main("-m", *UNTRACKED, subdir, words, "model=linear") == 0
    assert (workdir / "sweep" / "model=linear" / "result.json").is_file()


@pytest.mark.long
@pytest.mark.slow
def test_a_sweep_in_a_used_folder_takes_nothing_from_the_one_before(bikeml_main, workdir):
    assert bikeml_main("-m", *UNTRACKED, "model=tree", f"{TREES}={FITS},{FAILS}") == 1
    assert bikeml_main("-m", *UNTRACKED, "model=tree", f"{TREES}={FAILS},{FITS}") == 1
    assert list(board_of(workdir / "sweep")["status"]) == ["failed", "finished"]


@pytest.mark.long
def test_globs_sweep_over_every_option(bikeml_main, workdir):
    assert bikeml_main("-m", *UNTRACKED, "search=glob(*)") == 0
    assert set(board_of(workdir / "sweep")["name"]) == {
        f"search={kind}" for kind in ("grid", "halving", "none", "optuna", "random")
    }


@pytest.mark.slow
def test_a_finished_cell_is_reused_and_a_changed_one_says_why_it_runs(bikeml_main, workdir, capsys):
    sweep = ("-m", *FAST, "reuse=finished", "model=linear,tree")
    assert bikeml_main(*sweep, "hydra.sweep.dir=first") == 0
    assert bikeml_main(*sweep, "hydra.sweep.dir=second", "model.estimator.fit_intercept=true", "model=linear") == 0
    assert bikeml_main(*sweep, "hydra.sweep.dir=third", "seed=0,1") == 0
    first, second, third = (board_of(workdir / name) for name in ("first", "second", "third"))
    assert list(first["note"]) == ["no finished run of these options is recorded"] * 2
    assert list(second["status"]) == ["reused"]
    assert list(third["status"]) == ["reused", "finished", "reused", "finished"]
    assert third["note"][1] == "seed is 1, the recorded run has 0"
    assert "model.estimator.random_state is 1, the recorded run has 0" in third["note"][3]
    figures = ["cv_r2_mean", "test_r2", "test_r2_low", "fingerprint", "run_id"]
    assert third.loc[[0, 2], figures].to_numpy().tolist() == first[figures].to_numpy().tolist()
    assert (workdir / "third" / "0" / "predictions.csv").is_file()
    assert "seed is 1, the recorded run has 0" in capsys.readouterr().out


@pytest.mark.long
def test_failures_of_the_models_own_code_are_reused_only_when_all_is_asked_for(bikeml_main, workdir):
    sweep = ("-m", *FAST, "model=tree", f"{TREES}={FITS},{FAILS}")
    assert bikeml_main(*sweep, "hydra.sweep.dir=a") == 1
    assert bikeml_main(*sweep, "hydra.sweep.dir=b", "reuse=finished") == 1
    assert bikeml_main(*sweep, "hydra.sweep.dir=c", "reuse=all") == 1
    assert [cell.reused for cell in SweepFolder(workdir / "b").read().cells] == [True, False]
    assert [cell.reused for cell in SweepFolder(workdir / "c").read().cells] == [True, True]
    assert "monotonic_cst has shape" in board_of(workdir / "c")["note"][1]
    assert len(runs_of(workdir, "tags.`bikeml.error` LIKE '%monotonic_cst%'")) == 2


@pytest.mark.long
def test_a_run_without_a_seed_is_never_reused(bikeml_main, workdir):
    sweep = ("-m", *FAST, "model=tree", "seed=null", "reuse=finished", "tracking.run_name=a")
    assert [bikeml_main(*sweep, f"hydra.sweep.dir={name}") for name in "ab"] == [0, 0]
    assert board_of(workdir / "b")["note"][0] == "a random_state is null, so that no two runs are the same"


@pytest.mark.slow
def test_a_run_of_an_earlier_version_runs_again_and_says_so(workdir):
    from bikeml.records.fingerprint import fingerprint, identify
    from bikeml.records.params import describe, identity_tags, options_tag

    config, choices = config_of(), {"model": "linear"}
    store, identity = SweepStore(config), identify(config, "a" * 64)
    client = MlflowClient(store.uri)

    def record(tags, **params):
        experiment = client.get_experiment_by_name("bikeml") or client.get_experiment(
            client.create_experiment("bikeml")
        )
        run = client.create_run(experiment.experiment_id, tags={"bikeml.options": options_tag(choices), **tags})
        for key, value in {**choices, **describe(identity["config"]), **params}.items():
            client.log_param(run.info.run_id, key, value)
        client.set_terminated(run.info.run_id, "FINISHED")

    def explain():
        return SweepStore(config).explain(identity, choices)

    earlier = {key: value for key, value in identity_tags(identity).items() if key != "bikeml.identity_schema"}
    record({"bikeml.fingerprint": "0" * 64, **earlier})
    assert store.find(fingerprint(identity), failures=True) is None
    assert explain() == "recorded by an earlier version of bikeml, whose fingerprints have another form"
    record(identity_tags(identity), seed=1)
    assert explain() == "seed is 0, the recorded run has 1"


@pytest.mark.long
@pytest.mark.slow
def test_a_run_whose_files_are_gone_is_made_again(bikeml_main, workdir):
    import shutil

    sweep = ("-m", *FAST, "reuse=finished")
    assert bikeml_main(*sweep, "hydra.sweep.dir=a") == 0
    shutil.rmtree(workdir / "mlartifacts")
    assert bikeml_main(*sweep, "hydra.sweep.dir=b") == 0
    assert list(board_of(workdir / "b")["status"]) == ["finished"]
    assert "cannot be reused: its files are missing" in board_of(workdir / "b")["note"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "reuse=finished", "tracking=none"], "reuse=finished takes recorded runs; choose tracking=local"),
        (["reuse=all"], "reuse=all is a sweep's; add -m, or leave reuse=null"),
        (["-m", "reuse=some"], "reuse='some' should be 'none', 'finished' or 'all'"),
        (["-m", "sweep.max_failures=-1"], "sweep.max_failures=-1 should be greater than or equal to 0"),
    ],
)
def test_reuse_that_makes_no_sense_is_refused(bikeml_main, capsys, arguments, message):
    assert bikeml_main(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_cells_are_the_children_of_one_run_that_holds_the_leaderboard(bikeml_main, workdir):
    assert bikeml_main("-m", *FAST, "hydra.sweep.dir=sweep", "model=tree", f"{TREES}={FITS},{FAILS}") == 1
    run_id = SweepFolder(workdir / "sweep").read_run_id()
    parent = client_of(workdir).get_run(run_id)
    children = runs_of(workdir, f"tags.mlflow.parentRunId = '{run_id}'")
    assert parent.info.status == "FAILED"
    assert sorted(child.info.status for child in children) == ["FAILED", "FINISHED"]
    assert {file.path for file in client_of(workdir).list_artifacts(run_id)} >= {"leaderboard.csv", "leaderboard.png"}
    assert parent.data.metrics["cells_failed"] == parent.data.metrics["cells_finished"] == 1


@pytest.mark.slow
def test_a_cells_command_makes_that_cell_again(bikeml_main, workdir):
    assert bikeml_main("-m", *UNTRACKED, "model=linear,tree", "seed=3") == 0
    result = json.loads((workdir / "sweep" / "1" / "result.json").read_text())
    assert result["command"].startswith("bikeml evaluation.bootstrap_samples=100")
    overrides = [word for word in result["overrides"] if not word.startswith("hydra.")]
    assert bikeml_main(*overrides, "hydra.run.dir=alone") == 0
    alone = json.loads((workdir / "alone" / "result.json").read_text())
    assert (alone["metrics"], alone["fingerprint"]) == (result["metrics"], result["fingerprint"])


@pytest.mark.long
def test_another_sweeper_gets_the_leaderboard_too(bikeml_main, workdir, capsys):
    assert bikeml_main("-m", *UNTRACKED, "hydra/sweeper=basic", "model=linear,tree") == 0
    assert list(board_of(workdir / "sweep")["name"]) == ["model=linear", "model=tree"]
    assert "2 cells, by cross-validated R²" in capsys.readouterr().out
    command = SweepFolder(workdir / "sweep").read().command
    assert "hydra/sweeper=basic model=linear,tree" in command
    assert escape(command) in (workdir / "sweep" / "report.html").read_text()
    assert bikeml_main("-m", *UNTRACKED, "hydra/sweeper=basic", "model=linear,tree,ridge") == 0
    assert len(board_of(workdir / "sweep")) == 3, "a later sweep in the same folder is told whole"


@pytest.mark.slow
def test_a_failed_cell_is_run_alone_by_the_command_that_its_page_shows(bikeml_main, workdir):
    (workdir / "more" / "model").mkdir(parents=True)
    config = (
        (config_dir() / "model" / "tree.yaml").read_text().replace("monotonic_cst: null", f"monotonic_cst: {FAILS}")
    )
    (workdir / "more" / "model" / "worse.yaml").write_text(config)
    assert bikeml_main("--config-dir=more", "-m", *UNTRACKED, "model=worse,linear") == 1
    failure = json.loads((workdir / "sweep" / "0" / "failure.json").read_text())
    command = shlex.split(failure["command"])
    assert f"--config-dir={workdir / 'more'}" in command
    assert "model=worse" in command
    assert escape(failure["command"]) in (workdir / "sweep" / "report.html").read_text()


@pytest.mark.slow
def test_a_sweep_below_a_file_is_one_message(bikeml_main, workdir, capsys):
    (workdir / "file").write_text("")
    assert bikeml_main("-m", *FAST, "tracking=none", "hydra.sweep.dir=file/sweep") == 1
    error = capsys.readouterr().err
    assert "cannot write to" in error
    assert "set hydra.sweep.dir to another folder" in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_a_store_that_cannot_be_reached_stops_a_sweep_before_anything_is_fitted(bikeml_main, workdir, capsys):
    assert bikeml_main("-m", *FAST, "tracking=server", "tracking.uri=http://127.0.0.1:1", "model=linear,tree") == 1
    assert "cannot begin the sweep in 'http://127.0.0.1:1'" in capsys.readouterr().err
    assert not list(workdir.rglob("result.json"))


def test_a_folder_without_a_sweep_is_named(workdir):
    with pytest.raises(BikemlError, match="there is no sweep in .*; give the folder that hydra.sweep.dir named"):
        SweepFolder(workdir).read()


@pytest.mark.parametrize("plan", ["{}", '{"cells": 5}', '{"cells": [{"overrides": []}], "dropped": []}'])
def test_a_plan_that_no_sweep_wrote_is_named_with_the_way_out(workdir, plan):
    (workdir / "sweep.json").write_text(plan)
    with pytest.raises(BikemlError, match="sweep.json' is broken: .*; restore it, or delete it"):
        SweepFolder(workdir).read()


def test_what_tells_cells_apart_leaves_out_what_all_have():
    cells = [["a=1", "b=2", "c='x=y'"], ["a=1", "b=3", "c='x=y'"]]
    assert find_varying(cells) == [{"b": "2"}, {"b": "3"}]
    assert find_varying([["a=1"]]) == [{"a": "1"}]
    assert find_varying([["data=csv", "data.path=x.csv", "+hydra.sweep.dir=s", "a=1", "tracking=none"]]) == [{"a": "1"}]
    assert find_varying([]) == []


def test_a_sweep_reads_back_as_it_was_written(workdir):
    cells = (
        Cell(number=0, overrides=("a=1",), folder="0", varies={"a": "1"}, fingerprint="f" * 64, reused=True),
        Cell(number=1, overrides=("a=2",), folder="1", varies={"a": "2"}, reason="why"),
    )
    sweep = SweepRecord(command="command", started=1.5, cells=cells, dropped=("cell 2 is cell 0",))
    sweep.write(workdir / "s")
    assert SweepFolder(workdir / "s").read() == sweep


@pytest.fixture
def dead_owner():
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        began = psutil.Process(ended.pid).create_time()
    return json.dumps(json.loads(store.owner()) | {"pid": ended.pid, "started": began})


def begin_run(client, experiment, name, owner, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(store, "owner", lambda: owner)
        return store.begin_run(client, experiment, name, {}, time.time())


@pytest.mark.slow
def test_what_a_dead_process_left_running_is_marked_killed(bikeml_main, workdir, monkeypatch, dead_owner):
    uri = f"sqlite:///{workdir}/mlflow.db"
    client = store.connect(uri)
    experiment = str(store.require_experiment(client, config_of().tracking, uri).experiment_id)
    elsewhere = dead_owner.replace('"host": "', '"host": "x')
    owners = {"alive": store.owner(), "dead": dead_owner, "elsewhere": elsewhere, "unknown": "no json"}
    begun = {name: begin_run(client, experiment, name, owner, monkeypatch) for name, owner in owners.items()}
    assert bikeml_main("-m", *FAST) == 0
    statuses = {name: client.get_run(run_id).info.status for name, run_id in begun.items()}
    assert statuses == {"alive": "RUNNING", "dead": "KILLED", "elsewhere": "RUNNING", "unknown": "RUNNING"}


def test_a_worker_that_dies_in_a_fresh_store_leaves_no_run_running(workdir, monkeypatch, dead_owner):
    sweeps = SweepStore(config_of())
    sweep = SweepRecord(command="command", started=1.5, cells=())
    run_id, client = sweeps.begin(sweep, workdir).run_id, client_of(workdir)
    cells = begin_run(client, client.get_run(run_id).info.experiment_id, "cell", dead_owner, monkeypatch)
    sweeps.end(run_id, [], {}, "FINISHED")
    assert client.get_run(cells).info.status == "KILLED"


@pytest.mark.long
@pytest.mark.slow
def test_ctrl_c_leaves_a_leaderboard_and_no_run_running(workdir):
    with start("model=tree", "seed=range(40)", "hydra.sweep.dir=sweep", cwd=workdir) as sweep:
        while len(list(workdir.glob("sweep/*/result.json"))) < 2 and sweep.poll() is None:
            time.sleep(0.02)
        sweep.send_signal(signal.SIGINT)
        out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130
    assert "bikeml: interrupted" in err
    assert "Traceback" not in err
    assert "40 cells, by cross-validated R²" in out
    board = board_of(workdir / "sweep")
    assert len(board) == 40
    assert (board["status"] == "finished").sum() >= 2
    assert not runs_of(workdir, "attributes.status = 'RUNNING'")
    assert client_of(workdir).get_run(SweepFolder(workdir / "sweep").read_run_id()).info.status == "KILLED"


KILLED_SWEEP = ("model=linear,tree,ridge", "preprocessing=none,standard", "reuse=finished")


def kill_and_rerun(workdir, moments, undisturbed):
    """Kill a sweep at each of `moments`, run it to its end, and hold it against the undisturbed one."""
    for number, seconds in enumerate(moments):
        sweep = start(*KILLED_SWEEP, f"hydra.sweep.dir=killed{number}", cwd=workdir)
        while not progressed(workdir, number, seconds) and sweep.poll() is None:
            time.sleep(0.02)
        sweep.kill()
        sweep.communicate()
    last = start(*KILLED_SWEEP, "hydra.sweep.dir=last", cwd=workdir)
    out, err = last.communicate(timeout=300)
    assert last.returncode == 0, out + err
    board, figures = board_of(workdir / "last"), ["cell", "cv_r2_mean", "test_r2", "difference_low", "fingerprint"]
    assert board[figures].to_numpy().tolist() == undisturbed[figures].to_numpy().tolist()
    assert not runs_of(workdir, "attributes.status = 'RUNNING'")


def progressed(workdir, number, fraction):
    """Whether a sweep has come to a moment: so many recorded results, and a part of the next cell."""
    results = len(list(workdir.glob(f"killed{number}/*/{STORE}")))
    return results >= int(fraction) and time.sleep((fraction % 1) * 0.5) is None


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    sweep = start(*KILLED_SWEEP, "hydra.sweep.dir=sweep", cwd=folder)
    out, err = sweep.communicate(timeout=300)
    assert sweep.returncode == 0, out + err
    return board_of(folder / "sweep")


@pytest.mark.long
def test_a_killed_sweep_goes_on_with_what_was_recorded(workdir, undisturbed):
    kill_and_rerun(workdir, [3.7], undisturbed)
    assert (board_of(workdir / "last")["status"] == "reused").sum() >= 2


@pytest.mark.long
def test_a_sweep_survives_twenty_kills_at_random_moments(workdir, undisturbed):
    import random

    moments = random.Random(0)
    for round_number in range(4):
        folder = workdir / str(round_number)
        folder.mkdir()
        kill_and_rerun(folder, [moments.uniform(0, 5) for _ in range(5)], undisturbed)


@pytest.mark.long
def test_eight_sweeps_on_one_fresh_store_lose_nothing(workdir):
    sweeps = [start("model=linear,tree", f"seed={i}", f"hydra.sweep.dir=s{i}", cwd=workdir) for i in range(8)]
    for sweep in sweeps:
        out, err = sweep.communicate(timeout=600)
        assert sweep.returncode == 0, out + err
        assert "locked" not in err
    assert len(runs_of(workdir, "attributes.status = 'FINISHED'")) == 8 * 3


@pytest.mark.long
@pytest.mark.slow
def test_joblib_gives_the_serial_results_in_override_order(workdir, undisturbed):
    sweep = start("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", *KILLED_SWEEP, "hydra.sweep.dir=s", cwd=workdir)
    out, err = sweep.communicate(timeout=300)
    assert sweep.returncode == 0, out + err
    figures = ["cell", "cv_r2_mean", "test_r2", "fingerprint"]
    assert board_of(workdir / "s")[figures].to_numpy().tolist() == undisturbed[figures].to_numpy().tolist()
    assert len(runs_of(workdir, "attributes.status = 'FINISHED'")) == 7


LETHAL = """
import os, signal
from sklearn.linear_model import Ridge
class Lethal(Ridge):
    def fit(self, X, y, sample_weight=None):
        if self.alpha == 666:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.alpha == 667:
            raise Unpicklable(1, 2)
        return super().fit(X, y, sample_weight)
class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__("unpicklable")
"""


@pytest.mark.long
@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_own_cell(workdir, monkeypatch):
    (workdir / "lethal.py").write_text(LETHAL)
    monkeypatch.setenv("PYTHONPATH", str(workdir))
    monkeypatch.setenv("BIKEML_ALLOWED_PACKAGES", "lethal")
    alphas = "model.estimator.alpha=1,666,2,667,3"
    parallel = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    sweep = start(*parallel, "tracking=none", "hydra.sweep.dir=s", "model=ridge", "model.estimator._target_=lethal.Lethal", alphas, cwd=workdir)  # fmt: skip
    out, err = sweep.communicate(timeout=300)
    assert sweep.returncode == 1, out + err
    board = board_of(workdir / "s")
    assert list(board["status"]) == ["finished", "failed", "finished", "failed", "finished"]
    assert "the launcher broke" in board["note"][1]
    assert "Unpicklable: unpicklable" in board["note"][3]


@pytest.mark.slow
def test_a_disk_that_is_full_costs_its_cells_and_one_message(bikeml_main, full_disk, workdir, capsys):
    full_disk(10_000)
    assert bikeml_main("-m", *UNTRACKED, "model=linear,tree") == 1
    shown = capsys.readouterr()
    assert "cannot write the run folder" in shown.out
    assert "File too large; set hydra.sweep.dir to another folder" in shown.err
    assert "Traceback" not in shown.out + shown.err
    assert not list(workdir.glob("sweep/*/result.json"))
