"""What a command says at its end: how long it took from Enter, where everything is, and what to do next."""

import re
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bikeml.config.overrides import shell
from bikeml.destination.local_store import StoredRun
from bikeml.multirun.display.advice import advise_predict, advise_run, advise_sweep
from bikeml.multirun.display.run import show_places as show_places_of_run
from bikeml.multirun.display.same import tell_same, tell_same_cells
from bikeml.multirun.display.sweep import show_places
from bikeml.pages.sweep.entries import build_entries
from bikeml.pages.sweep.leaderboard import build_leaderboard
from bikeml.records.judgement import Search
from bikeml.records.run import Destination, StoreRecord
from bikeml.records.sweep import COMPLETED, FailureRecord, write_job
from bikeml.system.clock import command_entered
from bikeml.terminal.numbers import show_parts
from tests.builders import run_record, write_run, write_sweep
from tests.conftest import config_of

FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
PARTS = st.dictionaries(st.sampled_from(["start", "read", "fit", "judge", "record"]), st.floats(0, 1e5), min_size=1)
SEARCH = Search(scoring="r2", best_params={}, best_score=0.5, candidates=(), counts={"candidates": 2})


@given(PARTS)
def test_the_parts_of_a_time_add_up_to_the_whole_as_they_are_shown(parts):
    whole, *shown = (float(found) for found in re.findall(r"(?<![\w.])-?\d+\.\d", show_parts(parts)))
    assert len(shown) == len(parts)
    assert round(sum(shown), 1) == whole == round(sum(parts.values()), 1)
    assert all(abs(value - part) <= 0.11 for value, part in zip(shown, parts.values(), strict=True))


def test_a_time_is_said_with_its_parts():
    said = show_parts({"start and imports": 11.92, "fit and judge": 2.93, "record": 1.97})
    assert said == "16.8 s: 11.9 start and imports, 2.9 fit and judge, 2.0 record"


def told(out):
    """Return the facts of a terminal by name, each with its first line."""
    return dict(re.findall(r"^ +(\w[\w ]*?)  (\S.*)$", out, re.MULTILINE))


def test_the_time_of_a_run_is_from_enter_and_says_what_the_rest_was(workdir, capsys):
    record = run_record(started=time.time() - 8, seconds={"fit": 2.0, "judge": 1.0, "total": 5.0})
    record = record.model_copy(update={"metrics": {**record.metrics, "cv_r2_pooled": 0.5}})
    with command_entered(seconds_ago=20):
        show_places_of_run(write_run(workdir / "r", record), workdir / "r")
    said = told(capsys.readouterr().out)["time"]
    assert re.fullmatch(
        r"20\.\d s: 1[12]\.\d start and imports, [12]\.\d read, [12]\.\d fit, 1\.\d judge, [23]\.\d record", said
    )


def test_the_age_of_a_process_has_pythons_own_start_in_it():
    code = "import time; from bikeml.system.clock import process_age; print(process_age() - time.process_time())"
    before = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert -0.02 <= float(done.stdout) <= time.monotonic() - before


def places(sweep, capsys):
    show_places(sweep, build_leaderboard(sweep), time.time())
    return told(capsys.readouterr().out)


def stored(folder, run_id):
    uri = "sqlite:////tmp/mlflow.db"
    StoreRecord(uri=uri, experiment_name="bikeml", run_id=run_id, look=f"mlflow ui {run_id}").write(folder)


def test_a_sweep_ends_with_page_look_and_next_as_a_run_does(workdir, capsys):
    folder = write_sweep(workdir / "s", linear=run_record(name="linear"), rf=run_record([0.8, 0.9], name="rf"))
    stored(workdir / "s", "5" * 32)
    said = places(folder.look(), capsys)
    assert list(said) == ["time", "folder", "page", "run", "look", "next"]
    assert said["page"] == str(workdir / "s" / "report.html")
    assert said["run"] == f"{'5' * 32} in sqlite:////tmp/mlflow.db, experiment bikeml"
    assert said["look"] == f"mlflow ui {'5' * 32}"
    assert said["next"] == "python -m bikeml model=rf search=grid"


@pytest.mark.parametrize("best", [{"name": "linear"}, {"name": "rf", "search": SEARCH}])
def test_after_a_sweep_whose_best_cell_is_searched_or_linear_its_run_predicts(workdir, best):
    folder = write_sweep(workdir / "s", other=run_record(name="other"), best=run_record([0.8, 0.9], **best))
    in_no_store = f"python -m bikeml predict run={workdir / 's' / 'best'} data.path=NEW.csv"
    assert advise_sweep(folder.look(), folder.look().outcomes[1]) == in_no_store
    stored(workdir / "s" / "best", "0123456789abcdef" * 2)
    command = "python -m bikeml -m model=rf tracking=server 'tracking.uri=http://127.0.0.1:5000/a b' seed=0,1"
    sweep = folder.look(folder.read().model_copy(update={"command": command}))
    following = "python -m bikeml predict tracking=server 'tracking.uri=http://127.0.0.1:5000/a b' run=0123456789ab"
    assert advise_sweep(sweep, sweep.outcomes[1]) == f"{following} data.path=NEW.csv"


def test_after_a_sweep_of_jobs_nothing_is_advised_that_only_their_nodes_have(workdir):
    folder = write_sweep(workdir / "s", other=run_record(name="other"), best=run_record([0.8, 0.9], name="gbr"))
    write_job(workdir / "s" / "best", "bikeml-0f3a-0", COMPLETED, "https://ml.azure.com/runs/bikeml-0f3a-0")
    plan = folder.read().model_copy(update={"command": "python -m bikeml -m hydra/launcher=azureml model=gbr"})
    assert advise_sweep(folder.look(plan), folder.look(plan).outcomes[1]) == "", "neither model nor table is here"
    stored(workdir / "s" / "best", "bikeml-0f3a-0")
    following = "python -m bikeml predict tracking=azureml run=bikeml-0f3a-0 data.path=NEW.csv"
    assert advise_sweep(folder.look(plan), folder.look(plan).outcomes[1]) == following
    (entry, *_) = build_entries(folder.look(plan), build_leaderboard(folder.look(plan)))
    assert entry.command == shell("python", "-m", "bikeml", *entry.outcome.cell.overrides)


def test_after_failures_the_same_command_completes_the_sweep(workdir, capsys):
    broke = FailureRecord(error="broke", overrides=())
    folder = write_sweep(workdir / "s", a=broke, b=run_record(name="rf"))
    assert places(folder.look(), capsys)["next"] == "python -m bikeml model=rf search=grid"
    stored(workdir / "s", "5" * 32)
    assert places(folder.look(), capsys)["next"] == "cmd reuse=finished"


def test_a_sweep_without_a_single_result_names_its_page_and_advises_nothing(workdir, capsys):
    said = places(write_sweep(workdir / "s", a=FailureRecord(error="broke", overrides=())).look(), capsys)
    assert list(said) == ["time", "folder", "page"]


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_the_same_command_typed_twice_is_told_that_its_figures_are_identical(bikeml_main, capsys):
    command = ("model=tree", *FAST[1:])
    assert bikeml_main(*command) == 0
    first = told(capsys.readouterr().out)
    assert "same" not in first
    assert bikeml_main(*command) == 0
    said = told(capsys.readouterr().out)["same"]
    assert re.fullmatch(
        rf"run {first['run'][:12]} of \d\d:\d\d has the same fingerprint, and all metrics and intervals are identical",
        said,
    )
    assert bikeml_main(*command, "seed=1") == 0
    assert "same" not in told(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("reproducible", "cause"), [(True, "it ran on another kind of machine"), (False, "a random_state is null")]
)
def test_the_same_fingerprint_with_other_figures_says_why(workdir, monkeypatch, reproducible, cause):
    record = run_record(reproducible=reproducible)
    stored(workdir, "5" * 32)
    metrics = {**record.metrics, **record.ends, "test_r2": 0.1}
    found = SimpleNamespace(run_id="7" * 32, started=0.0, metrics=metrics)
    monkeypatch.setattr("bikeml.tracking.lookup.find_same", lambda *_: found)
    said = tell_same(config_of(), record, workdir)
    assert re.fullmatch(
        rf"run 7{{12}} of 19\d\d-\d\d-\d\d \d\d:\d\d has the same fingerprint, but test_r2 differs: {cause}",
        said,
    )


def test_the_next_command_opens_no_page_and_is_called_as_this_one(workdir, monkeypatch):
    record = run_record(name="rf", command="bikeml model=rf open=true hydra.run.dir=here")
    assert advise_run(record) == "bikeml model=rf search=grid"
    folder = write_sweep(workdir / "s", a=FailureRecord(error="broke", overrides=()), b=run_record(name="rf"))
    stored(workdir / "s", "5" * 32)
    command = "bikeml -m model=rf,gbr open=true hydra.sweep.dir=s"
    sweep = folder.look(folder.read().model_copy(update={"command": command}))
    assert advise_sweep(sweep, sweep.outcomes[1]) == "bikeml -m model=rf,gbr hydra.sweep.dir=s reuse=finished"
    assert advise_predict("bikeml model=rf", "0" * 32).startswith("python -m bikeml predict run=")
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/bikeml"])
    assert advise_predict("bikeml model=rf", "0" * 32).startswith("bikeml predict run=")


def stored_run(record, number, **metrics):
    mean = {"cv_r2_mean": record.metrics["cv_r2_mean"], **metrics}
    tags = {"bikeml.fingerprint": record.fingerprint}
    return StoredRun(str(number) * 32, record.run_name, "FINISHED", float(number), None, tags=tags, metrics=mean)


def test_cells_that_were_run_before_are_counted(workdir, monkeypatch):
    a, b = run_record(name="a"), run_record(name="b")
    sweep = write_sweep(workdir / "s", a=a, b=b, c=FailureRecord(error="broke", overrides=())).look()
    assert tell_same_cells(sweep) == ""  # it is in no store
    store = workdir / "mlflow.db"
    store.touch()
    uri = f"sqlite:///{store}"
    place = Destination(uri=uri, experiment_name="bikeml", parent_run_id=None)
    sweep = replace(sweep, record=sweep.record.model_copy(update={"destination": place}))
    runs = []
    monkeypatch.setattr("bikeml.multirun.display.same.read_runs", lambda *_: runs)
    assert tell_same_cells(sweep) == ""
    runs += [stored_run(a, 5), stored_run(a, 4, cv_r2_mean=0.0)]  # the newest first
    told = tell_same_cells(sweep)
    assert told.startswith("1 of 2 cells has the fingerprint of run 555555555555 of ")
    assert told.endswith(", with the same score; reuse=finished takes its result from the store")
    runs.insert(0, stored_run(b, 6, cv_r2_mean=0.0))
    assert tell_same_cells(sweep).startswith("every cell has the fingerprint of an earlier run, 1 with another score")


def test_the_time_of_a_command_after_the_sweep_is_not_that_of_the_sweep(workdir, capsys):
    folder = write_sweep(workdir / "s", a=run_record(name="a", started=130.0))
    sweep = folder.look(folder.read().model_copy(update={"started": 100.0}))
    with command_entered(seconds_ago=time.time() - 990):
        show_places(sweep, build_leaderboard(sweep), ended=995.0)
    assert " s: 0.0 start and plan, 5.0 cells, " in told(capsys.readouterr().out)["time"]


def test_the_time_of_a_sweep_is_divided_where_its_first_cell_began(workdir, capsys):
    cells = {"a": run_record(name="a", started=130.0), "b": run_record(name="b", started=135.0)}
    folder = write_sweep(workdir / "s", **cells)
    budget = time.time() + 5.0  # some 95 s more than the command takes, whose page has a time since 1970
    sweep = folder.look(folder.read().model_copy(update={"started": 100.0, "budget_seconds": budget}))
    with command_entered(seconds_ago=time.time() - 90):
        show_places(sweep, build_leaderboard(sweep), ended=150.0)
    said = told(capsys.readouterr().out)
    assert " s: 40.0 start and plan, 20.0 cells, " in said["time"]
    assert re.match(r"9\d.\d of 1\S+ s are left, since every cell has ended", said["budget"])
