"""Sweeps in several processes, for real: the same bits, each cell once, and nothing left, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient

from bikeml.records.sweep_folder import SweepFolder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unrendered")]
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance=none", "hydra.sweep.dir=sweep")
TWO = "hydra.launcher.n_jobs=2"


def start(*words, cwd):
    command = [sys.executable, "-m", "bikeml", "-m", *FAST, *words]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def find_workers(process, folder, n_cells):
    """Wait until cells have begun; return the recorder and the workers, each the leader of a group of its own."""
    until = time.time() + 300
    while time.time() < until and sum(path.name.isdigit() for path in folder.glob("*")) < n_cells:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    below = psutil.Process(process.pid).children(recursive=True)
    return [each for each in below if os.getpgid(each.pid) == each.pid]


def statuses_of(workdir):
    client = MlflowClient(f"sqlite:///{workdir}/mlflow.db")
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    return sorted(run.info.status for run in runs)


def assert_gone(processes):
    psutil.wait_procs(processes, timeout=30)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)


def test_two_at_a_time_give_the_bits_of_one_at_a_time(bikeml_main, workdir):
    words = ("-m", *FAST[:2], "tracking=none", "model=gbr,linear,hist_gbr,lasso")
    assert bikeml_main(*words, "hydra.sweep.dir=one", "hydra.launcher.n_jobs=1") == 0
    assert bikeml_main(*words, "hydra.sweep.dir=two", TWO) == 0
    for number in "0123":
        for name in ("predictions.csv", "folds.csv"):
            assert (workdir / "one" / number / name).read_bytes() == (workdir / "two" / number / name).read_bytes()
        one, two = (SweepFolder(workdir / name).look().outcomes[int(number)].record for name in ("one", "two"))
        assert (one.metrics | {"seconds_total": 0}) == (two.metrics | {"seconds_total": 0})
        assert one.command == two.command
    boards = [pd.read_csv(workdir / name / "leaderboard.csv") for name in ("one", "two")]
    assert list(boards[0]["name"]) == list(boards[1]["name"])


SCRIPT = """
import bikeml
print("once")
board = bikeml.sweep("model=baseline,linear", "tracking=none", "hydra.sweep.dir=sweep", "hydra.launcher.n_jobs=2")
print(len(board), board.failures)
"""


@pytest.mark.long
def test_a_script_without_a_guard_runs_once(workdir):
    (workdir / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], check=False, capture_output=True, text=True, timeout=600)
    assert done.stdout.splitlines() == ["once", "2 {}"], done.stderr


def test_a_killed_worker_and_a_killed_recorder_cost_nothing_but_time(workdir):
    cells = ("model=linear,lasso,ridge", "preprocessing=none,standard", "tracking=local", TWO)
    process = start(*cells, cwd=workdir)
    killed = find_workers(process, workdir / "sweep", 3)
    for recorder_or_worker in killed[:2]:
        os.kill(recorder_or_worker.pid, signal.SIGKILL)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    board = pd.read_csv(workdir / "sweep" / "leaderboard.csv")
    assert list(board["status"]) == ["finished"] * 6
    assert board["run_id"].nunique() == 6
    assert [status for status in statuses_of(workdir) if status != "KILLED"] == ["FINISHED"] * 7
    assert_gone(killed)


def find_parents(workdir):
    """Return the statuses of the runs that nest in the one run of the sweep, sorted."""
    client = MlflowClient(f"sqlite:///{workdir}/mlflow.db")
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    parent = SweepFolder(workdir / "sweep").read_run_id()
    return sorted(run.info.status for run in runs if run.data.tags.get("mlflow.parentRunId") == parent)


@pytest.mark.parametrize("is_killed", [False, True], ids=["alive", "killed"])
def test_cells_that_begin_before_the_sweep_s_run_nest_in_it_failed_ones_too(workdir, is_killed):
    process = start("model=tree", "model.estimator.monotonic_cst=[1],null", "tracking=local", TWO, cwd=workdir)
    found = find_workers(process, workdir / "sweep", 1)
    (recorder,) = (each for each in found if "spawn_main" in " ".join(each.cmdline()))
    if is_killed:
        recorder.kill()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 1, out + err
    assert find_parents(workdir) == ["FAILED", "FINISHED"]


def test_a_store_in_which_the_sweep_cannot_begin_stops_it_with_one_message(workdir):
    client = MlflowClient(f"sqlite:///{workdir}/mlflow.db")
    client.delete_experiment(client.create_experiment("bikeml"))
    process = start("model=svr,rf,gbr,extra_trees", "seed=range(8)", "tracking=local", TWO, cwd=workdir)
    workers = find_workers(process, workdir / "sweep", 1)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 1, out + err
    assert "the experiment 'bikeml' of" in err
    assert "is deleted; restore it with" in err
    assert "Traceback" not in err
    n_results = len(list(workdir.glob("sweep/*/result.json")))
    assert n_results < 32
    assert ("nothing is lost" in err) is (n_results > 0)
    assert ("32 cells, by" in out) is (n_results > 0)
    assert_gone(workers)
    client.restore_experiment(client.get_experiment_by_name("bikeml").experiment_id)
    assert statuses_of(workdir) == []


@pytest.mark.long
def test_ctrl_c_ends_the_workers_and_leaves_no_run_running(workdir):
    process = start("model=svr,rf,gbr,extra_trees", "tracking=local", TWO, cwd=workdir)
    workers = find_workers(process, workdir / "sweep", 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130, out + err
    assert err.splitlines()[-1] == "bikeml: interrupted"
    assert "Traceback" not in err
    assert len(workers) == 3
    assert_gone(workers)
    assert "RUNNING" not in statuses_of(workdir)


@pytest.mark.long
def test_a_budget_of_a_second_has_a_result(workdir):
    process = start("model=linear,rf,gbr,svr", "tracking=none", "sweep.budget_seconds=1", TWO, cwd=workdir)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    board = pd.read_csv(workdir / "sweep" / "leaderboard.csv").sort_values("cell")
    assert list(board["status"]) == ["finished", "left out", "left out", "left out"]
    assert "left out  model=" in out


@pytest.mark.long
def test_a_sweep_whose_processes_are_killed_at_random_ends_as_an_undisturbed_one():
    script = Path(__file__).parents[1] / "scripts" / "kill_sweeps.py"
    done = subprocess.run(
        [sys.executable, script, "--kills", "6", "--seed", "3"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("1 sweeps of 12 cells, 6 kills: every cell once, bit-identical")
