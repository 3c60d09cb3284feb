"""The process that draws and records beside an experiment: the same as in one process, whatever is killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import psutil
import pytest

from bikeml.errors import RecordError, TrackingError
from bikeml.multirun.local import beside as besides
from bikeml.multirun.local import recorder as recorders
from bikeml.multirun.local.beside import recorder_beside
from bikeml.multirun.local.launcher import LocalLauncher
from bikeml.multirun.local.publication import Publication
from bikeml.multirun.local.recorder import Ended, Recorder
from bikeml.multirun.local.store import StoreBeside
from bikeml.records.run import Failed, Invocation
from bikeml.records.run_folder import RunFolder
from bikeml.system.workers import cores
from bikeml.system.workers.warm import DeadWorkerError
from bikeml.tracking.local.tables import has_tables
from tests.conftest import config_of

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "model=linear")
BESIDE = """
import sys
from bikeml.multirun.local import beside
beside.has_idle_core = lambda: {beside}
from bikeml.__main__ import main
main()
"""


class Dying:
    """A recorder whose process dies, or that ends with an error."""

    error: BaseException = DeadWorkerError(-9)
    killed: bool | None = None

    def __init__(self, uri):
        self.uri = uri

    def add(self, publication):
        self.publication = publication

    def take(self):
        if isinstance(self.error, TrackingError):
            return Ended(self.publication, "", self.error, "")
        raise self.error

    def kill(self, *, gently=False):
        type(self).killed = gently


@pytest.fixture
def beside(monkeypatch):
    """Let the recorder be a process that dies, and note what is published here."""
    here = []
    monkeypatch.setattr(besides, "has_idle_core", lambda: True)
    monkeypatch.setattr(besides, "Recorder", Dying)
    monkeypatch.setattr(besides, "publish_here", lambda folder, *_: here.append(folder) or "same")
    return here


def test_what_a_dead_recorder_has_left_is_recorded_here_once(beside, workdir, monkeypatch):
    ended = []
    monkeypatch.setattr(besides, "_end_dead_runs", ended.append)
    with recorder_beside(None) as publish:
        assert publish(RunFolder(workdir), config_of()) == "same"
    assert beside == [RunFolder(workdir)]
    assert ended == [config_of()]


@pytest.mark.parametrize("error", [TrackingError("the store is away"), KeyboardInterrupt()])
def test_an_error_of_the_recorder_is_raised_and_nothing_is_recorded_twice(beside, workdir, monkeypatch, error):
    monkeypatch.setattr(Dying, "error", error)
    with pytest.raises(type(error)), recorder_beside(None) as publish:
        publish(RunFolder(workdir), config_of())
    assert beside == []
    assert Dying.killed


@pytest.mark.parametrize("uri", ["azureml", "azureml://x"])
def test_a_store_that_may_ask_for_a_login_is_used_in_this_process(beside, uri):
    with recorder_beside(uri) as publish:
        assert publish is besides.publish_here


def test_where_no_process_can_start_this_one_records(beside, monkeypatch):
    def refuse(uri):
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(besides, "Recorder", refuse)
    with recorder_beside(None) as publish:
        assert publish is besides.publish_here


@pytest.mark.parametrize(
    ("used", "affinity", "count", "is_idle"),
    [
        ([100.0, 20.0], [0, 1], 2, True),
        ([100.0, 80.0], [0, 1], 2, False),
        ([100.0, 0.0], [0], 2, False),
        ([100.0, 0.0], [0, 1], 1, False),
        ([90.0, 60.0, 80.0], [0, 1, 2], 3, True),
    ],
)
def test_a_core_is_idle_by_its_use_the_affinity_and_the_share_of_a_container(
    monkeypatch, used, affinity, count, is_idle
):
    monkeypatch.setattr(cores.psutil, "cpu_percent", lambda **_: used)
    monkeypatch.setattr(cores.psutil.Process, "cpu_affinity", lambda _: affinity, raising=False)
    monkeypatch.setattr(cores, "count_cores", lambda: count)
    assert cores.has_idle_core() is is_idle


class Store:
    """A sweep's store here, and what it was asked."""

    asked = ()

    def __init__(self, *configs):
        self.asked.append(("open", len(configs)))

    def __getattr__(self, name):
        return lambda *args: self.asked.append((name, *args))


class Asked(Dying):
    """A recorder that is asked to open a store and to begin a sweep, and dies before or after it has."""

    def __init__(self, dies):
        self.later, self.dies = [], dies

    def ask_later(self, function, *args):
        self.later.append((function.__name__, *args))

    def finish(self):
        if self.dies:
            raise DeadWorkerError(-9)

    def ask(self, function, *args):
        raise DeadWorkerError(-9)


@pytest.mark.parametrize("dies_before", [True, False])
def test_a_sweep_begins_beside_its_cells_and_here_if_the_recorder_dies(workdir, monkeypatch, dies_before):
    monkeypatch.setattr("bikeml.tracking.sweeps.SweepStore", Store)
    monkeypatch.setattr(Store, "asked", [])
    recorder = Asked(dies_before)
    store = StoreBeside(recorder, [config_of()] * 2)
    store.begin("plan", workdir)
    assert recorder.later == [("_open", [config_of()] * 2), ("_begin", "plan", workdir)]
    store.settle()
    begun_here = [("open", 2), ("begin", "plan", workdir)]
    assert Store.asked == (begun_here if dies_before else [])
    store.end("id", iter([workdir]), {"cells": 1}, "FINISHED")
    store.settle()
    ended = ("end", "id", [workdir], {"cells": 1}, "FINISHED")
    assert Store.asked == [*(begun_here if dies_before else begun_here[:1]), ended]


def test_a_sweep_begins_at_once_if_the_recorder_has_died_when_it_was_asked(workdir, monkeypatch):
    monkeypatch.setattr("bikeml.tracking.sweeps.SweepStore", Store)
    monkeypatch.setattr(Store, "asked", [])
    store = StoreBeside(Asked(dies=True), [config_of()])
    store.check()
    store.begin("plan", workdir)
    store.settle()
    assert Store.asked == [("open", 1), ("check",), ("begin", "plan", workdir)]


@pytest.mark.parametrize("dies", [False, True], ids=["alive", "dies"])
def test_the_pages_of_a_sweep_are_drawn_by_the_recorder_or_here_if_it_dies(monkeypatch, dies):
    drawn = []
    monkeypatch.setattr("bikeml.multirun.publish.draw_sweep", lambda *args: drawn.append(args))
    launcher = LocalLauncher(None)
    launcher._recorder = recorder = Dying(None)
    recorder.is_dead = False

    def ask(function, *args):
        if dies:
            raise DeadWorkerError(-9)
        function(*args)

    recorder.ask = ask
    launcher.draw("sweep", "board", 1.0)
    assert drawn == [("sweep", "board", 1.0)]


@pytest.mark.long
def test_the_recorder_of_a_sweep_imports_no_scikit_learn():
    script = """
import sys
import bikeml.multirun.local.store, bikeml.multirun.publish
import bikeml.tracking.sweeps, bikeml.tracking.record, bikeml.pages.run.report, bikeml.pages.sweep.report
print([name for name in ("sklearn", "scipy.stats", "skops") if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.slow
def test_the_process_of_a_sweep_imports_nothing_that_its_workers_import_anyway():
    heavy = ("matplotlib", "mlflow", "scipy.stats", "sklearn")
    script = f"import sys, bikeml.multirun.story; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.slow
def test_a_recorder_answers_raises_what_a_user_causes_and_is_dead_after_another_error(workdir):
    recorder = Recorder(None)
    assert recorder.ask(divmod, 7, 2) == (3, 1)
    with pytest.raises(RecordError, match="no_result"):
        recorder.ask(read_nothing, workdir / "no_result")
    assert recorder.ask(divmod, 7, 2) == (3, 1)
    with pytest.raises(DeadWorkerError):
        recorder.ask(divmod, 7, 0)
    assert recorder.is_dead
    with pytest.raises(DeadWorkerError):
        recorder.ask(divmod, 7, 2)


@pytest.mark.slow
def test_a_recorder_does_later_what_it_is_asked_and_says_what_a_user_causes(workdir):
    recorder = Recorder(None)
    recorder.ask_later(touch, workdir / "first")
    recorder.ask_later(read_nothing, workdir / "no_result")
    recorder.ask_later(touch, workdir / "dropped")
    assert recorder.is_asked
    with pytest.raises(RecordError, match="no_result"):
        recorder.finish()
    assert not recorder.is_asked
    assert recorder.ask(divmod, 7, 2) == (3, 1)
    assert [path.name for path in workdir.glob("[fd]*")] == ["first"]
    recorder.kill()


@pytest.mark.slow
def test_an_interrupt_waits_for_what_was_asked_and_drops_what_would_be_recorded(workdir, monkeypatch):
    monkeypatch.setattr(recorders, "GRACE_SECONDS", 60.0)  # a busy machine imports for long
    recorder = Recorder(None)
    recorder.ask_later(touch, workdir / "asked")
    recorder.add(Publication(RunFolder(workdir), config_of("tracking=none")))
    recorder.drop()
    assert (workdir / "asked").exists()
    assert not recorder.is_dead
    assert recorder.ask(divmod, 7, 2) == (3, 1)
    recorder.kill()


@pytest.mark.slow
def test_an_interrupt_waits_for_failures_too_and_for_a_dead_recorder_not_at_all(workdir, monkeypatch):
    monkeypatch.setattr(recorders, "GRACE_SECONDS", 60.0)
    config, failed = config_of("tracking=local"), Failed(Invocation(workdir, "", {}), "", "its error", 0.0)
    recorder = Recorder(config.tracking.uri)
    recorder.ask_later(touch, workdir / "asked")
    recorder.add(Publication(RunFolder(workdir), config, failed=failed, sweep=workdir))
    recorder.add(Publication(RunFolder(workdir), config))
    recorder.drop()
    assert (workdir / "asked").exists()
    assert [run[1] for run in read_store(workdir / "mlflow.db")["runs"]] == ["FAILED"]
    assert not recorder.is_dead
    recorder.kill()
    recorder.is_busy = True
    recorder.drop()


@pytest.mark.slow
def test_a_recorder_that_is_interrupted_while_it_is_heard_is_dead(monkeypatch):
    recorder = Recorder(None)
    recorder.ask_later(divmod, 7, 2)

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(recorder, "_begin_next", interrupt)
    with pytest.raises(KeyboardInterrupt):
        recorder.finish()
    assert recorder.is_dead
    monkeypatch.undo()
    with pytest.raises(DeadWorkerError):
        recorder.ask(divmod, 7, 2)


@pytest.mark.slow
def test_an_interrupt_waits_no_longer_than_what_is_cleaned_up_may_take(monkeypatch):
    recorder = Recorder(None)
    recorder.ask(divmod, 7, 2)
    recorder.ask_later(time.sleep, 600)
    monkeypatch.setattr(recorders, "GRACE_SECONDS", 0.1)
    recorder.drop()
    assert recorder.is_dead


def touch(path):
    path.touch()


def read_nothing(path):
    RunFolder(path).require()


def start(*words, cwd, beside=True):
    command = [sys.executable, "-c", BESIDE.format(beside=beside), *FAST, *words]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


def find_recorder(process):
    """Wait for the recorder, the leader of a group of its own."""
    until = time.time() + 300
    while time.time() < until and process.poll() is None:
        with suppress(psutil.Error):
            for each in psutil.Process(process.pid).children():
                if os.getpgid(each.pid) == each.pid:
                    return each
        time.sleep(0.01)
    raise AssertionError(finish(process))


def read_store(path):
    """Return what a store holds of its runs, without what differs from run to run."""
    with closing(sqlite3.connect(path)) as database:
        return {table: sorted(database.execute(query)) for table, query in QUERIES.items()}


QUERIES = {
    "runs": "SELECT name, status, source_type, lifecycle_stage FROM runs",
    "params": "SELECT key, value FROM params",
    "metrics": "SELECT key, value, step FROM metrics WHERE key NOT LIKE 'seconds%'",
    "tags": "SELECT key FROM tags",
    "same tags": "SELECT key, value FROM tags WHERE key IN ('bikeml.fingerprint', 'mlflow.user', 'mlflow.source.name')",
    "datasets": "SELECT name, digest, dataset_schema FROM datasets",
    "tables": "SELECT type, name FROM sqlite_master",
}


@pytest.mark.slow
def test_a_recorder_beside_leaves_what_one_process_leaves(workdir):
    for name in ("beside", "here"):
        (workdir / name).mkdir()
        process = start("hydra.run.dir=out", cwd=workdir / name, beside=name == "beside")
        status, out, err = finish(process)
        assert (status, err) == (0, ""), out
        assert out.index("test_r2") < out.index("run  ")
    beside, here = (workdir / name for name in ("beside", "here"))
    assert read_store(beside / "mlflow.db") == read_store(here / "mlflow.db")
    files = [sorted(str(path.relative_to(each)) for path in (each / "out").rglob("*")) for each in (beside, here)]
    assert files[0] == files[1]
    names = [sorted(path.name for path in each.glob("mlartifacts/**/artifacts/**/*")) for each in (beside, here)]
    assert names[0] == names[1]
    for name in ("evaluate.png", "residuals.png", "importance.png"):
        assert (beside / "out" / name).read_bytes() == (here / "out" / name).read_bytes()
    assert (beside / "out" / "report.html").stat().st_size == pytest.approx(
        (here / "out" / "report.html").stat().st_size, rel=0.01
    )


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    ["start", *(pytest.param(name, marks=pytest.mark.long) for name in ("evaluate.png", "result.json", "report.html"))],
)
def test_a_recorder_that_is_killed_costs_nothing_but_time(workdir, moment):
    process = start("hydra.run.dir=out", cwd=workdir)
    found = find_recorder(process)
    until = time.time() + 300
    while moment != "start" and not (workdir / "out" / moment).exists() and time.time() < until:
        time.sleep(0.005)
    with suppress(psutil.Error):
        found.kill()
    status, out, err = finish(process)
    assert (status, err) == (0, ""), out
    statuses = [run[1] for run in read_store(workdir / "mlflow.db")["runs"]]
    assert sorted(statuses) in (["FINISHED"], ["FINISHED", "KILLED"])
    assert json.loads((workdir / "out" / "store.json").read_text())["run_id"]


@pytest.mark.slow
def test_ctrl_c_while_it_is_recorded_ends_the_run_and_the_recorder(workdir):
    process = start("hydra.run.dir=out", cwd=workdir)
    found = find_recorder(process)
    while not (workdir / "out" / "report.html").exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert (status, err) == (130, "bikeml: interrupted\n")
    psutil.wait_procs([found], timeout=20)
    assert not found.is_running()
    with closing(sqlite3.connect(workdir / "mlflow.db")) as store:
        if has_tables(store):  # they come in one transaction, and the first time it takes seconds to make them
            assert store.execute("SELECT * FROM runs WHERE status = 'RUNNING'").fetchall() == []


@pytest.mark.long
@pytest.mark.slow
def test_a_store_that_fails_is_told_as_by_one_process(workdir):
    said = []
    for beside in (True, False):
        words = ("tracking=server", "tracking.uri=http://127.0.0.1:1", f"hydra.run.dir=out{beside:d}")
        process = start(*words, cwd=workdir, beside=beside)
        status, out, err = finish(process)
        assert status == 1
        assert "test_r2" in out
        said.append(err.replace(f"out{beside:d}", "out"))
    assert said[0] == said[1]
    assert "nothing is lost" in said[0]
