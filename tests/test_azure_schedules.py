"""
Whatever happens, in whatever order: every cell ends exactly once as a job that counts, and nothing is bought twice.

A schedule is drawn request by request: each is answered, lost, or the last of its launcher, which may be one of two.
Between any two of them jobs go on, fail, lose their node, or are cancelled by somebody else.
"""

import queue
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from bikeml.azure.jobs import executor as executor_module
from bikeml.azure.jobs.executor import Executor
from bikeml.azure.jobs.service import STATES, State, job_name
from bikeml.errors import ClusterError
from bikeml.records.run_folder import RunFolder
from tests.fake_workspace import FakeService, FakeWorkspace, Killed, suffer, valid_result
from tests.launches import POLICY, cells

CELLS = 3
PREEMPTIONS = 1
DECIDING = {"list", "get"}
"""What a launch asks before it has decided which generation of each cell is wanted."""
FATES = st.sampled_from(["works"] * 6 + ["before", "after", "before", "after", "kill-before", "kill-after"])
ENDS = st.sampled_from(
    ["Completed", "Failed", "Failed", *["Preempted"] * 4, "Canceled", "void", "NotResponding", "Running"]
)


class OneByOne:
    """A pool without threads, so that a schedule says all; what real threads do is tested elsewhere."""

    def __init__(self, _workers):
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def shutdown(self, *, cancel_futures):
        pass


class Launcher:
    """A launch that goes on by one request or sleep each time it is told to."""

    def __init__(self, workspace, numbers, reuse, code, folder):
        self.workspace, self.reuse, self.requests = workspace, reuse, [cells(CELLS, folder)[n] for n in numbers]
        self.outcomes, self.prepared, self.error, self.decided, self.dead = {}, set(), None, None, False
        self._asks, self._fates = queue.Queue(), queue.Queue()
        service = FakeService(workspace, code, self._pass_on)
        service.launcher = workspace.buyer = self
        policy = replace(POLICY, reuse=reuse, preemptions=PREEMPTIONS)
        self._executor = Executor(service, policy, self, self._prepare, self)
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        self.pending = self._asks.get(timeout=60)

    def _run(self):
        try:
            self._executor.run(self.requests)
        except BaseException as error:  # noqa: BLE001  the machine looks at it
            self.error = error
        self._asks.put(None)

    def _prepare(self, requests):
        self.prepared |= {request.name for request in requests}

    def _pass_on(self, kind, key, work):
        fate = self._wait(kind)
        if kind not in DECIDING and self.decided is None:
            self.decided = self.workspace.events
        self.workspace.buyer = self
        if kind == "put":
            assert key in self.prepared
        return suffer(fate, work)

    def _wait(self, kind):
        if self.dead:
            raise Killed
        self._asks.put(kind)
        return self._fates.get()

    def monotonic(self):
        return self.workspace.clock.now

    def sleep(self, seconds):
        until = self.workspace.clock.now + seconds
        if self._wait("sleep").startswith("kill"):
            raise Killed
        self.workspace.clock.now = max(self.workspace.clock.now, until)

    def go_on(self, fate="works"):
        """Give the request that waits its fate, and come to the next one, or to the end."""
        self.dead = fate.startswith("kill")
        self._fates.put(fate)
        self.pending = self._asks.get(timeout=60)
        if self.pending is None:
            self._thread.join()

    def waits(self, reason):
        assert reason.startswith("waiting for up to")

    def stands(self, request, job):
        assert (request.name, request.fingerprint) == (job.name, job.tags["bikeml.fingerprint"])

    def tell(self, request, text):
        """Hold that a cell is told once and under its own request, and return its job."""
        mine = next(each for each in self.requests if each.fingerprint == request.fingerprint)
        assert replace(request, generation=0) == mine
        assert request.fingerprint not in self.outcomes
        self.outcomes[request.fingerprint] = text
        assert request.name in self.workspace.jobs
        return self.workspace.show(request.name)

    def delayed(self, request, reason):
        """Hold that what is not here yet may still come."""
        job = self.tell(request, reason)
        assert re.search(rf"{job.name} has been .* may still run; the same command looks again", reason)

    def ended(self, request, failure):
        """Hold that a cell is told as one of its own jobs ended."""
        job = self.tell(request, failure)
        if failure is None:
            assert job.state is State.COMPLETED
            assert RunFolder(request.folder).require().run_name == job.name
        else:
            assert re.search(rf"{job.name} (is|was|lost|Failed)", failure)
            assert not (request.folder / "result.json").exists()
            is_void = job.state is State.COMPLETED and self.workspace.jobs[job.name].result is None
            assert is_void or job.state in (State.FAILED, State.CANCELED)


class WatchedWorkspace(FakeWorkspace):
    """Holds at every purchase that it may be made."""

    def __post_init__(self):
        super().__post_init__()
        self.events, self.ended, self.commands, self.problems = 0, {}, Counter(), []

    def put(self, request, tags, code):
        is_new = request.name not in self.jobs
        job = super().put(request, tags, code)
        if is_new:
            self.jobs[request.name].course = ("Queued",)
            self.problems += self.find_problems(request)
        return job

    def find_problems(self, request):
        buyer, lost_job = self.buyer, job_name(request.fingerprint, request.generation - 1)
        if sum(self.jobs[name].request.fingerprint == request.fingerprint for name in self.alive()) > 1:
            yield f"{request.name} is bought while another lives"
        if request.generation > PREEMPTIONS + (1 + PREEMPTIONS) * self.commands["finished"]:
            yield f"{request.name} is above every budget"
        if request.generation == 0:
            return
        is_void = self.show(lost_job).state is State.COMPLETED and self.jobs[lost_job].result is None
        if not is_void and self.show(lost_job).state not in (State.FAILED, State.CANCELED):
            yield f"{request.name} is bought, and {lost_job} was not lost"
        elif self.jobs[lost_job].is_preempted:
            if buyer.reuse == "all" and request.generation > PREEMPTIONS:
                yield f"{request.name} is above the budget for lost nodes"
        elif buyer.reuse == "all" or self.ended[lost_job] > (self.events if buyer.decided is None else buyer.decided):
            yield f"{request.name} is bought by no person's command"

    def happen(self, name, event):
        self.events += 1
        job, request = self.jobs[name], self.jobs[name].request
        result = valid_result(replace(request, generation=int(name.rpartition("-")[2])))
        word = {"Preempted": "Failed", "void": "Completed"}.get(event, event)
        job.end(word, is_preempted=event == "Preempted", result=None if event == "void" else result)
        if STATES.get(word, State.UNCLEAR).is_final:
            self.ended[name] = self.events


class Schedule(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.workspace, self.launchers, self.all = WatchedWorkspace(), [], []
        self.folder = TemporaryDirectory()

    @precondition(lambda self: len(self.launchers) < 2)
    @rule(
        numbers=st.lists(st.integers(0, CELLS - 1), min_size=1, max_size=CELLS, unique=True),
        reuse=st.sampled_from(["all", "finished"]),
        code=st.sampled_from(["code", "code", "another checkout"]),
    )
    def launch(self, numbers, reuse, code):
        self.workspace.commands[reuse] += 1
        folder = Path(self.folder.name) / str(len(self.all))
        self.launchers.append(Launcher(self.workspace, numbers, reuse, code, folder))
        self.all.append(self.launchers[-1])

    @precondition(lambda self: self.launchers)
    @rule(which=st.integers(0, 1), fates=st.lists(FATES, min_size=1, max_size=4))
    def go_on(self, which, fates):
        launcher = self.launchers[which % len(self.launchers)]
        for fate in fates:
            self.answer(launcher, fate)

    @precondition(lambda self: self.launchers)
    @rule(which=st.integers(0, 1), ends=st.lists(ENDS, min_size=1, max_size=6))
    def go_on_while_jobs_end(self, which, ends):
        launcher = self.launchers[which % len(self.launchers)]
        for end in ends:
            for _ in range(20):
                self.answer(launcher, "works")
                if launcher.pending in (None, "sleep"):
                    break
            for name in self.workspace.alive()[:1]:
                self.workspace.happen(name, end)

    @precondition(lambda self: self.launchers)
    @rule(which=st.integers(0, 1), requests=st.sampled_from([3, 5, 8, 13, 21, 500]))
    def lose_the_service(self, which, requests):
        launcher = self.launchers[which % len(self.launchers)]
        for _ in range(requests):
            self.answer(launcher, "before")

    def answer(self, launcher, fate):
        if launcher.pending is None:
            return
        launcher.go_on(fate)
        if launcher.pending is None:
            self.launchers.remove(launcher)
            self.check(launcher)

    def check(self, launcher):
        """Hold that a launch ended with all its cells told, or killed, or away from the service for too long."""
        if launcher.error is None:
            assert launcher.outcomes.keys() == {request.fingerprint for request in launcher.requests}
        elif isinstance(launcher.error, ClusterError):
            assert "the same command finds it again" in str(launcher.error)
        else:
            assert isinstance(launcher.error, Killed), repr(launcher.error)
            assert launcher.dead

    @precondition(lambda self: self.workspace.alive())
    @rule(which=st.integers(0, 10), event=ENDS)
    def happen(self, which, event):
        alive = self.workspace.alive()
        self.workspace.happen(alive[which % len(alive)], event)

    @rule(seconds=st.sampled_from([0, 0, 10, 100, 1e9]))
    def list_with_a_lag(self, seconds):
        self.workspace.list_lag = seconds

    @rule(minutes=st.integers(1, 40))
    def wait(self, minutes):
        self.workspace.clock.now += minutes * 60

    @invariant()
    def nothing_is_bought_that_may_not_be(self):
        assert self.workspace.problems == []

    def teardown(self):
        try:
            for launcher in list(self.launchers):
                self.answer(launcher, "kill-before")
            self.workspace.list_lag = 0
            self.launch(list(range(CELLS)), "all", "code")
            last = self.launchers[0]
            for _ in range(1000):
                if last.pending == "sleep":
                    for name in self.workspace.alive():
                        self.workspace.happen(name, "Completed")
                self.answer(last, "works")
            self.nothing_is_bought_that_may_not_be()
            assert last.error is None
            assert last.outcomes.keys() == {request.fingerprint for request in last.requests}
            assert self.workspace.alive() == []
            self.check_what_counts(last)
        finally:
            self.folder.cleanup()

    def check_what_counts(self, last):
        """Hold that each cell was told as its newest job ended."""
        for request in last.requests:
            generation = self.workspace.generations()[request.fingerprint] - 1
            job = self.workspace.jobs[job_name(request.fingerprint, generation)]
            assert (last.outcomes[request.fingerprint] is None) == (job.result is not None)


@pytest.fixture(autouse=True)
def _one_by_one(monkeypatch):
    monkeypatch.setattr(executor_module, "ThreadPoolExecutor", OneByOne)


OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck), "stateful_step_count": 60}


@pytest.mark.long
def test_no_drawn_schedule_buys_twice_or_loses_a_result():
    run_state_machine_as_test(Schedule, settings=settings(max_examples=100, derandomize=True, **OPTIONS))


@pytest.mark.long
def test_many_drawn_schedules_buy_nothing_twice_and_lose_no_result():
    run_state_machine_as_test(Schedule, settings=settings(max_examples=2000, **OPTIONS))
