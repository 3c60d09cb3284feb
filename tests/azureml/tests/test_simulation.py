"""Time that is moved, and jobs that are simulated: states, nodes, preemption, silence; no network in most of it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.azureml import REALISTIC, Behaviour, LoopbackAzureML
from tests.azureml.clock import Clock
from tests.azureml.cluster import Cluster
from tests.azureml.lifecycle import Job, Lifecycle, Timings


class NoRunner:
    """Runs nothing: every job here is simulated."""

    def start(self, job: Job, done: Callable[[str | None], None]) -> None:
        raise AssertionError(f"{job.name} is not simulated")

    def stop(self, job: Job) -> None:
        pass

    def deposit(self, job: Job) -> None:
        pass


class World:
    """A clock that stands still, a cluster and the jobs on it."""

    def __init__(self, behaviour: Behaviour, *, nodes: int = 2, timings: Timings = REALISTIC) -> None:
        self.clock = Clock(speed=0)
        self.lifecycle = Lifecycle(self.clock, NoRunner())
        self.lifecycle.timings, self.lifecycle.behave = timings, lambda _job: behaviour
        self.cluster = Cluster(self.clock, 0, nodes, idle_seconds=180, scale_up_seconds=timings.scale_up)

    def submit(self, name: str, nodes: int = 1, timeout: str | None = None) -> Job:
        spec = {"environmentId": "/e/1", "resources": {"instanceCount": nodes}, "limits": {"timeout": timeout}}
        job = Job(name, spec, self.clock.now())
        self.lifecycle.submit(job, self.cluster)
        return job


def states(job: Job) -> list[str]:
    return [state for _, state in job.history]


def lengths(job: Job) -> dict[str, int]:
    moments = [moment for moment, _ in job.history]
    return {state: round(b - a) for (_, state), a, b in zip(job.history, moments, moments[1:], strict=False)}


def test_a_job_goes_through_the_states_of_the_service_in_their_time() -> None:
    world = World(Behaviour(seconds=100))
    job = world.submit("job")
    world.clock.advance(3600)
    assert states(job) == ["Starting", "Preparing", "Queued", "Running", "Finalizing", "Completed"]
    assert lengths(job) == {"Starting": 5, "Preparing": 600, "Queued": 180, "Running": 100, "Finalizing": 15}


def test_an_image_is_built_once_and_everybody_waits_for_it() -> None:
    world = World(Behaviour(seconds=10))
    jobs = [world.submit(f"job-{n}") for n in range(3)]
    world.clock.advance(605)
    assert [job.status for job in jobs] == ["Queued"] * 3
    world.clock.advance(3600)
    later = world.submit("later")
    world.clock.advance(3600)
    assert "Preparing" not in states(later)


def test_no_more_nodes_work_than_the_cluster_has_and_they_go_when_idle() -> None:
    world = World(Behaviour(seconds=100), nodes=2)
    jobs = [world.submit(f"job-{n}") for n in range(5)]
    world.clock.advance(5 + 600 + 180 + 50)
    assert [job.status for job in jobs] == ["Running", "Running", "Queued", "Queued", "Queued"]
    assert world.cluster.count() == 2
    world.clock.advance(3 * 115)
    assert world.cluster.started == 2, "nodes are used again"
    assert {job.status for job in jobs} == {"Completed"}
    world.clock.advance(181)
    assert world.cluster.count() == 0


def test_a_job_on_two_nodes_waits_for_both() -> None:
    world = World(Behaviour(seconds=100), nodes=2)
    one, two = world.submit("one"), world.submit("two", nodes=2)
    world.clock.advance(800)
    assert (one.status, two.status) == ("Running", "Queued")
    world.clock.advance(150)
    assert two.status == "Running"
    assert len(two.nodes) == 2


def test_a_preempted_job_is_run_again_under_its_name() -> None:
    world = World(Behaviour(seconds=100, preemptions=1))
    job = world.submit("job")
    world.clock.advance(3600)
    assert states(job)[2:] == ["Queued", "Running", "Queued", "Running", "Finalizing", "Completed"]
    assert job.attempt == 1
    assert world.cluster.started == 2, "its first node was taken away"


def test_a_preempted_job_may_fail_with_its_node() -> None:
    world = World(Behaviour(seconds=100, preemptions=1, preempted_fails=True))
    job = world.submit("job")
    world.clock.advance(3600)
    assert job.status == "Failed"
    assert "PreemptionError: Nodes of this job got pre-empted." in str(job.error)


@pytest.mark.parametrize(("seconds", "ends"), [(100, "Completed"), (119, "Completed"), (121, "Canceled")])
def test_a_job_that_outruns_its_time_is_cancelled(seconds: int, ends: str) -> None:
    world = World(Behaviour(seconds=seconds))
    job = world.submit("job", timeout="PT2M")
    world.clock.advance(3600)
    assert job.status == ends
    if ends == "Canceled":
        assert states(job)[3:] == ["Running", "CancelRequested", "Canceled"]
        assert lengths(job)["Running"] == 120
        assert job.error is None, "no public report shows that anything is said of it"


def test_a_job_has_its_time_anew_when_it_is_run_again() -> None:
    world = World(Behaviour(seconds=100, preemptions=1))
    job = world.submit("job", timeout="PT2M")
    world.clock.advance(3600)
    assert job.status == "Completed"


def test_a_silent_job_recovers_or_does_not() -> None:
    recovering = World(Behaviour(seconds=100, silent_after=20, recovers_after=30))
    job = recovering.submit("job")
    recovering.clock.advance(3600)
    assert states(job)[3:] == ["Running", "NotResponding", "Running", "Finalizing", "Completed"]
    silent = World(Behaviour(seconds=100, silent_after=20))
    lost = silent.submit("job")
    silent.clock.advance(10**6)
    assert lost.status == "NotResponding"
    silent.lifecycle.cancel(lost)
    silent.clock.advance(60)
    assert lost.status == "Canceled"
    assert silent.cluster.count(busy=True) == 0


def test_a_state_that_nobody_knows_is_shown() -> None:
    world = World(Behaviour(seconds=100, shows="Reticulating"))
    job = world.submit("job")
    world.clock.advance(800)
    assert job.status == "Reticulating"


@pytest.mark.parametrize("after", [1, 100, 700, 800, 890])
def test_a_job_is_cancelled_in_whatever_state_it_is_in(after: float) -> None:
    world = World(Behaviour(seconds=100))
    job = world.submit("job")
    world.clock.advance(after)
    world.lifecycle.cancel(job)
    world.clock.advance(3600)
    assert states(job)[-2:] == ["CancelRequested", "Canceled"]
    assert not world.cluster.waiting
    assert world.cluster.count() == 0


@given(
    seconds=st.lists(st.integers(1, 500), min_size=1, max_size=20),
    nodes=st.integers(1, 5),
    steps=st.lists(st.integers(1, 400), max_size=30),
)
def test_every_job_ends_and_no_node_has_two(seconds: list[int], nodes: int, steps: list[int]) -> None:
    world = World(Behaviour(), nodes=nodes, timings=Timings(1, 10, 20, 1, 1))
    world.lifecycle.behave = lambda job: Behaviour(seconds=seconds[int(job.name)], preemptions=int(job.name) % 2)
    jobs = [world.submit(str(n)) for n in range(len(seconds))]
    for step in steps:
        world.clock.advance(step)
        busy = [node.number for job in jobs for node in job.nodes]
        assert len(busy) == len(set(busy)) <= nodes
        assert world.cluster.count() <= nodes
    world.clock.advance(10**6)
    assert {job.status for job in jobs} == {"Completed"}
    assert world.cluster.count() == 0


def test_moving_the_time_in_steps_changes_nothing() -> None:
    def run(steps: list[float]) -> list[list[str]]:
        world = World(Behaviour(seconds=100, preemptions=1))
        jobs = [world.submit(f"job-{n}") for n in range(7)]
        for step in steps:
            world.clock.advance(step)
        return [states(job) for job in jobs]

    assert run([5000]) == run([1.0] * 5000)


def test_five_hundred_jobs_are_submitted_and_done_in_moved_time(azureml: LoopbackAzureML, submit: Any) -> None:
    azureml.clock.freeze()
    azureml.lifecycle.timings = REALISTIC
    azureml.lifecycle.behave = lambda job: Behaviour(
        seconds=60, outcome="Failed" if job.name.endswith("7") else "Completed"
    )
    for number in range(500):
        assert submit(f"job-{number}").status_code == 201
    azureml.clock.advance(24 * 3600)
    done = [job.status for job in azureml.jobs.by_name.values()]
    assert (done.count("Completed"), done.count("Failed")) == (450, 50)


def test_a_job_is_failed_preempted_and_cancelled_from_outside(azureml: LoopbackAzureML, submit: Any) -> None:
    azureml.clock.freeze()
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=60)
    for name in ("failed", "preempted", "cancelled"):
        submit(name)
    azureml.clock.advance(5)
    azureml.fail("failed")
    azureml.preempt("preempted")
    azureml.cancel("cancelled")
    azureml.clock.advance(300)
    ends = {name: azureml.job(name).status for name in ("failed", "preempted", "cancelled")}
    assert ends == {"failed": "Failed", "preempted": "Completed", "cancelled": "Canceled"}
