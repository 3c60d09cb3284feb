"""A short day of a sweep on Azure ML, by moving time, and what the report of one would not let pass."""

from dataclasses import replace

import pytest

from tests.azureml import Behaviour, LoopbackAzureML
from tests.azureml.blobs import missing
from tests.azureml.clock import Clock
from tests.azureml.lifecycle import Job
from tests.day.day import Day
from tests.day.moved import ClockServer, MovedClock
from tests.day.plan import Plan
from tests.day.report import Report, count_wrong

GOOD = Report(
    cells=100,
    hours=10.0,
    launches=4,
    jobs=103,
    bought_wrongly=0,
    fetched=100,
    told_otherwise=0,
    nodes_lost=4,
    jobs_that_failed_with_their_node=3,
    replies_lost=1,
    throttled=5,
    refused_by_quota=3,
    tokens=10,
    secrets=10,
    refused_logins=0,
    requests=120,
    listings=40,
    seconds=60.0,
    routes={"jobs.put": 110, "jobs.get": 10},
)


def make_job(cell: str, generation: int, status: str = "Completed", *, is_lost: bool = False) -> Job:
    job = Job(f"bikeml-{cell}-{generation}", {"command": f"BIKEML_FINGERPRINT={cell} python -m bikeml"}, 0.0, status)
    job.behaviour = Behaviour(preempted_fails=is_lost)
    return job


def test_a_day_that_holds_every_bar_has_no_problem() -> None:
    assert GOOD.find_problems() == []
    assert "requests per job                        1.17\n    jobs.get" in GOOD.show()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bought_wrongly": 1}, "every cell is bought once per generation"),
        ({"fetched": 99}, "all results are fetched"),
        ({"told_otherwise": 1}, "no cell is told to have failed"),
        ({"requests": 124}, "at most 1.2 requests a job"),
        ({"seconds": 601.0}, "at most 600 seconds"),
        ({"launches": 3}, "two restarts and a quota stop"),
        ({"nodes_lost": 0}, "nodes are lost"),
        ({"throttled": 0}, "requests are throttled"),
        ({"refused_by_quota": 0}, "the quota refuses jobs"),
        ({"tokens": 4}, "tokens and secrets are asked for in most hours"),
        ({"secrets": 4}, "tokens and secrets are asked for in most hours"),
    ],
)
def test_a_bar_that_is_missed_and_an_accident_that_did_not_happen_are_named(
    change: dict[str, float], problem: str
) -> None:
    assert replace(GOOD, **change).find_problems() == [problem]


def test_a_job_is_bought_wrongly_where_no_lost_node_came_before_it() -> None:
    lost = make_job("a", 0, "Failed", is_lost=True)
    assert count_wrong([lost, make_job("b", 0), make_job("a", 1)]) == 0
    assert count_wrong([make_job("a", 0), make_job("a", 1)]) == 1, "the first one has a result"
    assert count_wrong([make_job("a", 0, "Failed"), make_job("a", 1)]) == 1, "it failed by itself"
    assert count_wrong([lost, make_job("a", 2)]) == 1, "a generation is left out"


def test_a_sleep_in_another_process_moves_the_clock_and_no_further(tmp_path) -> None:
    clock = Clock(speed=0)
    server = ClockServer(clock, tmp_path)
    there = MovedClock(server.address)
    began = there.monotonic()
    there.sleep(90)
    assert there.time() == clock.now() == began + 90
    server.close()


@pytest.mark.long
@pytest.mark.slow  # four launches; test_azure_schedules holds the same of a hundred drawn ones in memory
def test_a_short_day_buys_every_cell_once_and_fetches_all_results(tmp_path) -> None:
    if reason := missing():
        pytest.skip(reason)
    with LoopbackAzureML() as service:
        report = Day(Plan(cells=60, nodes=3, seed=0), service, tmp_path).run()
    # What a launch takes once is much for so few cells: four launches, a dozen requests each.
    assert report.find_problems(requests_per_job=2.5) == [], report.show()
