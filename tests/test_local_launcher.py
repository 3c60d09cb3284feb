"""The local launcher: cells in several processes, each once, in time, and whatever is killed."""

import math
import os
import time
from collections import deque
from multiprocessing import Pipe
from threading import Thread
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from bikeml.errors import ConfigError, DataError, TrackingError
from bikeml.multirun.composed import Job, PlannedCell
from bikeml.multirun.local import crew as crews
from bikeml.multirun.local import launcher as launchers
from bikeml.multirun.local.budget import Budget
from bikeml.multirun.local.crew import Crew
from bikeml.multirun.local.helper import Helper
from bikeml.multirun.local.job import Surroundings
from bikeml.multirun.local.launcher import LocalLauncher
from bikeml.multirun.local.recorder import Ended
from bikeml.records.sweep import SweepRecord
from bikeml.records.sweep_folder import SweepFolder
from bikeml.system.workers.cores import share_cores
from bikeml.system.workers.warm import DeadWorkerError, WarmServer
from tests import acts
from tests.conftest import config_of

UNTRACKED = config_of("tracking=none")


@pytest.fixture(scope="module")
def server():
    return WarmServer(["bikeml.multirun.local.crew"])


@pytest.fixture
def run(server, workdir, monkeypatch):
    """Run cells that do what their words say; return their statuses, and the cells in the order in which they began."""
    monkeypatch.setattr(crews, "run_in_worker", acts.act)

    def run(*cells, size=2, budget=None, clock=time.time, recorder=None, settle=lambda: None):
        environment = {"folder": str(workdir / "sweep"), "done": str(workdir / "done")}
        planned = [
            PlannedCell(number, tuple(words.split()), str(number), UNTRACKED, {}, varies={"model": words})
            for number, words in enumerate(cells)
        ]
        folder = SweepFolder(workdir / "sweep")
        SweepRecord(command="", started=0.0, cells=tuple(each.cell for each in planned)).write(folder.path)
        limit = Budget(budget, clock(), clock)
        Crew(server, size, b"", folder, limit, recorder, settle).run([Job(each, environment) for each in planned])
        begun = (workdir / "done").read_text().split() if (workdir / "done").exists() else []
        return [folder.read_outcome(each.cell).status for each in planned], list(map(int, begun))

    return run


def read_reason(workdir, cell):
    outcome = SweepFolder(workdir / "sweep").look().outcomes[cell]
    return outcome.left_out.reason if outcome.left_out else outcome.failure.error


def test_each_cell_runs_once(run, workdir):
    statuses, begun = run(*["quick=1"] * 5)
    assert statuses == ["finished"] * 5, read_reason(workdir, 0)
    assert sorted(begun) == list(range(5))


def test_several_cells_run_at_a_time(run):
    assert run(*["until_begun=3"] * 3, size=3)[0] == ["finished"] * 3


def test_a_cell_whose_worker_is_killed_is_tried_once_more(run):
    statuses, begun = run("die=1", "quick=1", size=1)
    assert statuses == ["finished", "finished"]
    assert begun == [0, 0, 1]


def test_a_cell_whose_worker_is_killed_twice_fails_and_costs_no_other(run, workdir):
    statuses, begun = run("die=9", "quick=1", size=1)
    assert statuses == ["failed", "finished"]
    assert begun == [0, 0, 1]
    assert read_reason(workdir, 0).startswith("its process was killed by signal 9, 2 times; the system kills")


def test_a_result_whose_worker_is_killed_is_recorded_and_not_run_again(run, workdir, monkeypatch):
    monkeypatch.setattr(crews, "run_in_worker", acts.die_judged)
    monkeypatch.setattr(crews, "publish_in_worker", acts.publish)
    statuses, begun = run("quick=1", size=1)
    assert statuses == ["finished"]
    assert begun == [0]
    assert (workdir / "sweep" / "0" / "published").exists()


class Recorder:
    """Records in no time what it gets, once a file is there; it fails at some cells, or dies at one."""

    def __init__(self, until=None, fails=(), dies=None):
        self.connection, self._answers = Pipe()
        self.got, self.killed, self._until, self._fails, self._dies = [], False, until, fails, dies
        self._left, self.is_asked = deque(), False

    def add(self, publication):
        self._left.append(publication)
        self.got.append(publication.folder.path.name)
        Thread(target=self._answer, daemon=True).start()

    def _answer(self):
        while self._until and not self._until.exists():
            time.sleep(0.01)
        self._answers.send(None)

    def take(self):
        self.connection.recv()
        publication = self._left.popleft()
        number = publication.folder.path.name
        if number == self._dies:
            self.killed = True
            raise DeadWorkerError(-9)
        return Ended(publication, "", TrackingError("no store") if number in self._fails else None, "")

    @property
    def is_busy(self):
        return bool(self._left)


@pytest.fixture
def left(monkeypatch):
    """Let cells leave their results to be recorded, and workers that record note it."""
    monkeypatch.setattr(crews, "run_in_worker", acts.leave)
    monkeypatch.setattr(crews, "publish_in_worker", acts.publish)


def list_published(workdir):
    return sorted(path.parent.name for path in workdir.glob("sweep/*/published"))


def test_one_recorder_gets_every_result_and_a_sweep_waits_for_the_last(run, left, workdir):
    recorder = Recorder(until=workdir / "sweep" / "2" / "result.json")
    assert run(*["quick=1"] * 3, size=1, recorder=recorder)[0] == ["finished"] * 3
    assert recorder.got == ["0", "1", "2"]
    assert not recorder._left
    assert list_published(workdir) == []


def test_what_a_dead_recorder_has_left_is_recorded_by_workers(run, left, workdir):
    recorder = Recorder(dies="1")
    assert run(*["quick=1"] * 4, size=1, recorder=recorder)[0] == ["finished"] * 4
    assert recorder.killed
    assert set(list_published(workdir)) >= {"1", "3"}
    assert {*recorder.got, *list_published(workdir)} == {"0", "1", "2", "3"}


def test_workers_record_what_is_too_much_for_the_recorder(run, left, workdir, monkeypatch):
    monkeypatch.setattr(crews, "BACKLOG", 2)
    recorder = Recorder(until=workdir / "sweep" / "3" / "published")
    assert run(*["quick=1"] * 4, size=1, recorder=recorder)[0] == ["finished"] * 4
    assert [*recorder.got, *list_published(workdir)] == ["0", "1", "2", "3"]


def test_no_worker_records_before_the_sweep_s_run_has_begun(run, left, workdir, monkeypatch):
    monkeypatch.setattr(crews, "BACKLOG", 0)
    recorder = Recorder(until=workdir / "sweep" / "3" / "result.json")
    recorder.is_asked = True
    assert run(*["quick=1"] * 4, size=1, recorder=recorder)[0] == ["finished"] * 4
    assert recorder.got == ["0", "1", "2", "3"]
    assert list_published(workdir) == []


def test_what_a_dead_recorder_has_not_begun_is_begun_before_workers_record(run, left, workdir):
    begun = []
    settle = lambda: begun.append(list_published(workdir))  # noqa: E731
    assert run(*["quick=1"] * 2, size=1, recorder=Recorder(dies="0"), settle=settle)[0] == ["finished"] * 2
    assert begun == [[]]
    assert "0" in list_published(workdir)


def test_a_store_in_which_the_sweep_cannot_begin_stops_the_cells(run, left, workdir):
    def refuse():
        raise TrackingError("no store")

    with pytest.raises(TrackingError, match="no store"):
        run("quick=1", "sleep=600", size=2, recorder=Recorder(dies="0"), settle=refuse)
    assert (workdir / "sweep" / "0" / "result.json").exists()
    assert not (workdir / "sweep" / "1" / "result.json").exists()


def test_a_failure_is_left_to_be_recorded_and_stays_one(run, left, workdir, monkeypatch):
    recorder = Recorder()
    assert run("fail=1", "quick=1", size=1, recorder=recorder)[0] == ["failed", "finished"]
    assert recorder.got == ["0", "1"]
    assert read_failures(workdir) == ["the model's code", None]
    monkeypatch.setattr(crews, "publish_in_worker", acts.die_publishing)
    assert run("fail=1", size=1)[0] == ["failed"]
    assert read_failures(workdir) == ["the model's code"]
    monkeypatch.setattr(crews, "publish_in_worker", acts.fail_to_publish)
    assert run("fail=1", size=1)[0] == ["failed"]
    assert read_failures(workdir) == ["the model's code\nThis could not be recorded: no store for 0"]


def test_with_a_budget_what_would_only_be_drawn_is_left_to_the_end(run, left, workdir):
    recorder = Recorder()
    assert run(*["quick=1"] * 2, size=1, budget=60, recorder=recorder)[0] == ["finished"] * 2
    assert [*recorder.got, *list_published(workdir)] == []


def read_failures(workdir):
    sweep = SweepFolder(workdir / "sweep").look()
    return [outcome.failure and outcome.failure.error for outcome in sweep.outcomes]


def test_a_result_that_cannot_be_recorded_stays_a_result_and_is_told(run, left, workdir, monkeypatch):
    assert run(*["quick=1"] * 2, size=1, recorder=Recorder(fails=("1",)))[0] == ["finished"] * 2
    assert read_failures(workdir) == [None, "no store"]
    monkeypatch.setattr(crews, "publish_in_worker", acts.fail_to_publish)
    assert run("quick=1", size=1, recorder=Recorder(dies="0"))[0] == ["finished"]
    assert read_failures(workdir) == ["no store for 0"]


@pytest.mark.slow
def test_a_cell_that_outlasts_the_budget_is_stopped_and_left_out_with_those_after_it(run, workdir):
    statuses, begun = run("quick=1", "sleep=600", "quick=2", size=1, budget=10.0)
    assert statuses == ["finished", "left out", "left out"]
    assert begun == [0, 1]
    assert read_reason(workdir, 1).startswith("stopped after ")
    assert read_reason(workdir, 1).endswith(" s, when sweep.budget_seconds=10 was used up")
    assert read_reason(workdir, 2) == "sweep.budget_seconds=10 was used up before it began"
    assert not SweepFolder(workdir / "sweep").look().has_failures


def test_a_cell_that_would_be_late_ends_itself_and_those_after_it_run(run, workdir):
    statuses, begun = run("quick=1", "late=600", "quick=2", "late=1", size=1, budget=60)
    assert statuses == ["finished", "left out", "finished", "finished"]
    assert begun == [0, 1, 2, 3]
    assert read_reason(workdir, 1) == "it would be late"


def test_a_cell_on_which_the_sweep_waits_is_never_late(run):
    assert run("late=600", "quick=1", size=1, budget=60)[0] == ["finished", "finished"]


@pytest.mark.slow
def test_the_first_cell_runs_to_its_end_whatever_the_budget(run):
    statuses, _ = run("sleep=1.5", "sleep=600", "quick=1", budget=0.01)
    assert statuses == ["finished", "left out", "left out"]


@pytest.mark.slow
def test_until_a_cell_has_finished_the_next_one_runs(run):
    statuses, _ = run("die=9", "sleep=0.5", "quick=1", size=1, budget=0.01)
    assert statuses == ["failed", "finished", "left out"]


def test_an_interrupt_ends_the_workers(run, monkeypatch):
    seen = []

    def interrupt(self):
        if self._busy:
            time.sleep(0.5)
            seen.extend(worker for worker in self._busy)
            raise KeyboardInterrupt

    monkeypatch.setattr(Crew, "_take_answers", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run("sleep=600", "sleep=600")
    assert [worker._process.is_alive() for worker in seen] == [False, False]


def test_with_too_little_memory_one_cell_runs_at_a_time(run, monkeypatch):
    monkeypatch.setattr(crews, "WORKER_BYTES", math.inf)
    statuses, begun = run(*["quick=1"] * 3, size=3)
    assert statuses == ["finished"] * 3
    assert begun == [0, 1, 2]


def budget_of(seconds, *seen, now=0.0):
    budget = Budget(seconds, 0.0, lambda: now)
    for varies, took in seen:
        budget.see(varies, took)
    return budget


def test_a_cell_is_judged_by_those_that_share_most_with_it():
    rf, knn = {"model": "rf", "target": "sqrt"}, {"model": "knn", "target": "sqrt"}
    seen = [(rf, 30.0), ({"model": "rf", "target": "log1p"}, 20.0), (knn, 1.0)]
    late = budget_of(60.0, *seen, now=50.0)  # 3.7 s are kept for the end
    assert late.find_reason(knn) is None
    assert late.find_reason({"model": "rf", "target": "quantile"}) == (
        "6.3 s of sweep.budget_seconds=60 were left, and the cell most like it took 20.0 s"
    )
    assert late.find_reason({"model": "svr", "target": "identity"}) is None  # the quickest of all
    assert budget_of(60.0, *seen, now=30.0).find_reason({"model": "rf"}) is None


def test_without_a_budget_every_cell_is_begun():
    budget = budget_of(None, ({"model": "rf"}, 1e9), now=1e12)
    assert budget.left == math.inf
    assert budget.find_reason({"model": "rf"}) is None


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "two", True])
def test_a_number_of_jobs_that_is_none_is_refused(n_jobs):
    with pytest.raises(ConfigError, match="hydra.launcher.n_jobs=.* should be how many cells run at a time, such as 2"):
        LocalLauncher(n_jobs).setup(hydra_context=None, task_function=None, config=None)


def test_workers_share_the_cores_and_the_user_s_word_on_openmp_stays(monkeypatch):
    monkeypatch.setattr("bikeml.system.workers.cores.count_cores", lambda: 8)
    assert share_cores({"HOME": "x"}, 3) == {"HOME": "x", "OMP_NUM_THREADS": "2", "LOKY_MAX_CPU_COUNT": "2"}
    assert share_cores({"OMP_NUM_THREADS": "5"}, 16)["OMP_NUM_THREADS"] == "5"


@pytest.fixture
def helper(server, workdir):
    variables = {"OMP_NUM_THREADS": "1", "HOME": "/of/the/sweep"}
    surroundings = Surroundings(context=None, task=len, name="bikeml", variables=variables, folder=str(workdir))
    helper = Helper(server, surroundings.pack())
    yield helper
    helper.kill()


def test_a_question_is_answered_in_a_worker_that_is_like_the_sweep_and_then_runs_cells(helper, workdir):
    pid = helper.ask(os.getpid)
    assert pid != os.getpid()
    assert helper.ask(os.getcwd) == str(workdir)
    assert helper.ask(os.getenv, "HOME") == "/of/the/sweep"
    (worker,) = helper.hand_over()
    assert worker.pid == pid
    worker.kill()
    assert helper.ask(os.getpid) not in (pid, os.getpid())


def test_what_a_question_raises_is_raised_here(helper):
    with pytest.raises(DataError, match="no such column"):
        helper.ask(acts.refuse, "no such column")
    with pytest.raises(ZeroDivisionError):  # a bug: it has its traceback if it is raised in this process
        helper.ask(divmod, 1, 0)


def test_a_question_whose_worker_dies_is_answered_here(helper):
    assert helper.ask(acts.die_elsewhere, os.getpid()) == "here"
    assert helper.ask(os.getpid) != os.getpid()


@pytest.fixture
def servers(monkeypatch):
    """What becomes of each server that begins, and two cores."""
    fates = []

    class Server:
        def __init__(self, modules):
            self.number = len(fates)
            fates.append("begun")

        def end(self):
            fates[self.number] = "ended"

    monkeypatch.setattr(launchers, "WarmServer", Server)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(launchers, "CAN_FORK", True)
    return fates


@pytest.mark.parametrize(
    ("words", "fate"), [([], ["ended"]), (["hydra/launcher=local"], ["ended"]), (["hydra/launcher=azureml"], [])]
)
def test_workers_begin_early_for_a_sweep_here_and_end_if_nobody_takes_them(servers, words, fate):
    with launchers.workers_begun(words):
        assert servers == [each.replace("ended", "begun") for each in fate]
    assert servers == fate


def test_workers_that_a_launcher_takes_do_not_end_before_it_does(servers, monkeypatch):
    monkeypatch.setattr("bikeml.multirun.local.recorder.Recorder", lambda uri: None)
    launcher = LocalLauncher(n_jobs=2)
    launcher.config = OmegaConf.create({"sweep": {"budget_seconds": None}, "tracking": {"uri": None}})
    launcher.task_function = SimpleNamespace(leaves_record=True)
    with launchers.workers_begun([]):
        launcher.warm_up()
    assert servers == ["begun"]
    launcher.cool_down()
    assert servers == ["ended"]


@pytest.mark.parametrize(
    ("cores", "uri", "begins"), [(1, None, False), (1, "sqlite:///runs.db", True), (2, None, True)]
)
def test_a_recorder_that_only_draws_at_the_end_needs_a_core_of_its_own(servers, monkeypatch, cores, uri, begins):
    begun = []
    monkeypatch.setattr("bikeml.multirun.local.recorder.Recorder", begun.append)
    monkeypatch.setattr(launchers, "count_cores", lambda: cores)
    launcher = LocalLauncher(n_jobs=None)
    launcher.config = OmegaConf.create({"sweep": {"budget_seconds": 60}, "tracking": {"uri": uri}})
    launcher.task_function = SimpleNamespace(leaves_record=True)
    launcher.warm_up()
    assert begun == ([uri] if begins else [])
