"""Sweeps on a workspace in memory: what is bought, what is told, and what happens on the way."""

import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from bikeml.azure.jobs import executor as executor_module
from bikeml.azure.jobs.executor import Executor
from bikeml.azure.jobs.service import QuotaError, sweep_tag
from bikeml.errors import ClusterError
from bikeml.records.run_folder import RunFolder
from bikeml.records.tags import FINGERPRINT
from tests.builders import run_record
from tests.fake_workspace import FakeService, FakeWorkspace, Killed
from tests.launches import POLICY, cells


class Told:
    """Keeps what a launch tells."""

    def __init__(self):
        self.outcomes, self.states, self.times, self.reasons = {}, [], Counter(), []
        self.delays = {}

    def stands(self, request, job):
        self.states.append((request.display_name, job.state.value))

    def waits(self, reason):
        self.reasons.append(reason)

    def delayed(self, request, reason):
        assert not (request.folder / "result.json").exists()
        self.times[request.fingerprint] += 1
        self.delays[request.display_name] = reason

    def ended(self, request, failure):
        self.times[request.fingerprint] += 1
        self.outcomes[request.display_name] = failure
        if failure is None:
            assert RunFolder(request.folder).require().fingerprint == request.fingerprint


class Launch:
    """One launch and what became of it."""

    def __init__(self, workspace, requests, service=None, **policy):
        self.service, self.told, self.prepared = service or FakeService(workspace), Told(), []
        self.executor = Executor(
            self.service, replace(POLICY, **policy), self.told, self.prepared.append, workspace.clock
        )
        self.requests = requests

    def run(self):
        self.executor.run(self.requests)
        return self

    @property
    def outcomes(self):
        assert set(self.told.times.values()) <= {1}
        return [self.told.outcomes[request.display_name] for request in self.requests]

    @property
    def delays(self):
        assert set(self.told.times.values()) <= {1}
        assert all(self.told.outcomes.get(request.display_name) is None for request in self.requests)
        return [self.told.delays.get(request.display_name) for request in self.requests]


def launch(workspace, requests, service=None, **policy):
    return Launch(workspace, requests, service, **policy).run()


@pytest.fixture
def workspace():
    return FakeWorkspace()


# What is bought


def test_a_fresh_sweep_submits_each_cell_once_and_a_rerun_nothing(workspace):
    requests = cells(20)
    first = launch(workspace, requests)
    assert first.outcomes == [None] * 20
    assert first.service.calls["put"] == 20
    assert first.prepared == [requests]
    again = launch(workspace, requests)
    assert again.outcomes == [None] * 20
    assert again.service.calls["put"] == 0
    assert again.prepared == []
    assert workspace.clock.now < 1000


def test_only_the_missing_cells_of_a_killed_launch_are_submitted(workspace):
    requests = cells(5)
    service = FakeService(workspace)
    service.faults.append((f"put {requests[2].name}", "kill-before"))
    with pytest.raises(Killed):
        launch(workspace, requests, service)
    bought = len(workspace.jobs)
    again = launch(workspace, requests)
    assert again.service.calls["put"] == 5 - bought
    assert again.outcomes == [None] * 5


def test_a_failed_cell_is_shown_and_not_bought_again(workspace):
    requests = cells(3)
    workspace.courses[requests[1].fingerprint] = "Failed"
    for _ in range(2):
        outcomes = launch(workspace, requests).outcomes
        assert [failure is None for failure in outcomes] == [True, False, True]
        assert f"ValueError in {requests[1].name}" in outcomes[1]
        assert "studio.invalid" in outcomes[1]
    assert len(workspace.jobs) == 3


def test_with_reuse_finished_a_failed_cell_is_bought_once_more_by_each_command(workspace):
    requests = cells(3)
    workspace.courses[requests[1].fingerprint] = "Failed"
    launch(workspace, requests, reuse="finished")
    assert workspace.generations()[requests[1].fingerprint] == 1
    launch(workspace, requests, reuse="finished")
    assert workspace.generations() == {
        requests[0].fingerprint: 1,
        requests[1].fingerprint: 2,
        requests[2].fingerprint: 1,
    }
    workspace.courses[replace(requests[1], generation=2).name] = "Completed"
    assert launch(workspace, requests, reuse="finished").outcomes == [None] * 3
    assert launch(workspace, requests, reuse="finished").service.calls["put"] == 0


def test_a_job_that_was_cancelled_stays_so_until_a_person_asks_again(workspace):
    requests = cells(2)
    workspace.courses[requests[0].name] = "Canceled"
    assert "was cancelled" in launch(workspace, requests).outcomes[0]
    assert "was cancelled" in launch(workspace, requests).outcomes[0]
    assert len(workspace.jobs) == 2
    assert launch(workspace, requests, reuse="finished").outcomes == [None, None]
    assert len(workspace.jobs) == 3


def test_an_outcome_of_another_generation_is_told_under_the_cell_that_asked(workspace):
    requests = cells(2)
    workspace.courses[requests[0].name] = "Failed"
    launch(workspace, requests)
    launch(workspace, requests, reuse="finished")
    seen = launch(workspace, requests)
    assert seen.outcomes == [None, None]
    assert RunFolder(requests[0].folder).require().run_name == replace(requests[0], generation=1).name


def test_an_experiment_that_is_asked_for_twice_is_bought_once_and_told_to_both(workspace):
    requests = cells(3)
    workspace.courses |= {requests[0].name: "Preempted", requests[1].name: "Failed"}
    twins = [
        replace(each, display_name=f"twin of {each.display_name}", folder=Path(each.display_name)) for each in requests
    ]
    seen = Launch(workspace, [*requests, *twins]).run()
    assert len(workspace.jobs) == 4
    assert [seen.told.outcomes[each.display_name] is None for each in requests + twins] == [True, False, True] * 2
    assert set(seen.told.times.values()) == {2}
    assert (twins[0].folder / "result.json").is_file()
    assert {name for name, _ in seen.told.states} == {each.display_name for each in requests + twins}


# Lost replies and refusals


@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("number", [0, 2])
def test_a_submission_without_an_answer_is_adopted_or_made_again(workspace, number, fault):
    requests, service = cells(4), FakeService(workspace)
    service.faults += [(f"put {requests[number].name}", fault), (f"get {requests[number].name}", "before")]
    assert launch(workspace, requests, service).outcomes == [None] * 4
    assert workspace.generations() == {request.fingerprint: 1 for request in requests}


def test_a_job_that_failed_before_its_reply_was_asked_for_again_is_not_bought_again(workspace):
    requests, service = cells(2), FakeService(workspace)
    service.faults += [(f"put {requests[1].name}", "after"), (f"get {requests[1].name}", "before")]
    workspace.courses[requests[1].name] = ("Failed",)
    outcomes = launch(workspace, requests, service, reuse="finished").outcomes
    assert f"ValueError in {requests[1].name}" in outcomes[1]
    assert len(workspace.jobs) == 2


def test_a_job_of_the_same_experiment_from_other_code_is_adopted(workspace):
    requests = cells(3)
    launch(workspace, requests[:2], FakeService(workspace, code="an older checkout"))
    service = FakeService(workspace)
    assert launch(workspace, requests, service).outcomes == [None] * 3
    assert {job.code for job in workspace.jobs.values()} == {"an older checkout", "code"}
    assert len(workspace.jobs) == 3


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("tags", [{}, {FINGERPRINT: "another"}])
@pytest.mark.parametrize("reuse", ["all", "finished"])
def test_a_job_with_our_name_that_is_not_ours_costs_its_cell_and_is_left_alone(workspace, number, tags, reuse):
    requests = cells(4)
    workspace.put_foreign(requests[number], tags)
    outcomes = launch(workspace, requests, reuse=reuse).outcomes
    assert [failure is None for failure in outcomes] == [each != number for each in range(4)]
    assert "left alone" in outcomes[number]
    assert workspace.jobs[requests[number].name].tags == tags
    assert len(workspace.jobs) == 4


def test_a_copy_made_in_the_studio_is_no_job_of_ours(workspace):
    requests = cells(2)
    launch(workspace, requests)
    for name in ("cool_rice_abc", f"{requests[0].name}7x", f"{requests[0].name}-9"):
        workspace.jobs[name] = replace(workspace.jobs[requests[0].name], course=("Failed",))
    for reuse in ("all", "finished"):
        assert launch(workspace, requests, reuse=reuse).outcomes == [None, None]
    assert len(workspace.jobs) == 5


def test_a_refusal_costs_its_cell(workspace):
    requests = cells(70)
    workspace.refused[requests[65].fingerprint] = "InvalidName: too long"
    outcomes = launch(workspace, requests).outcomes
    assert outcomes[65] == "InvalidName: too long"
    assert outcomes.count(None) == 69


def test_a_refusal_of_the_first_cell_stops_all_before_more_is_sent(workspace):
    requests, service = cells(5), FakeService(workspace)
    workspace.refused[requests[0].fingerprint] = "AuthorizationFailed: no jobs/write"
    with pytest.raises(ClusterError, match="AuthorizationFailed"):
        launch(workspace, requests, service)
    assert service.calls["put"] == 1
    assert not workspace.jobs


# Waiting


@pytest.mark.parametrize("kind", ["list", "get", "fetch", "verdict", "log", "put"])
def test_an_outage_is_waited_out(workspace, kind):
    requests, service = cells(3), FakeService(workspace)
    workspace.courses[requests[0].fingerprint] = "Failed"
    workspace.list_lag = 1e9 if kind == "get" else 0
    service.faults += [(kind, "before")] * 20
    seen = launch(workspace, requests, service)
    assert [failure is None for failure in seen.outcomes] == [False, True, True]
    assert seen.told.reasons == ["waiting for up to 30 minutes: connection reset"]
    assert not service.faults
    assert len(workspace.jobs) == 3


@pytest.mark.parametrize("kind", ["list", "fetch", "put"])
def test_a_long_outage_ends_in_one_error_and_the_same_command_goes_on(workspace, kind):
    requests, service = cells(3), FakeService(workspace)
    service.faults += [(kind, "before")] * 10_000
    with pytest.raises(ClusterError, match="not answered for 30 minutes: connection reset; .*the same command"):
        launch(workspace, requests, service)
    assert launch(workspace, requests).outcomes == [None] * 3
    assert len(workspace.jobs) == 3


def test_what_the_service_refuses_while_waiting_is_raised_as_it_is(workspace):
    requests, service = cells(3), FakeService(workspace)
    service.faults += [("list", "works"), ("list", "refused")]
    with pytest.raises(ClusterError, match="AuthorizationFailed"):
        launch(workspace, requests, service)


@pytest.mark.parametrize("status", ["NotResponding", "Paused", "Unknown", "Dreaming"])
def test_an_unclear_job_may_recover(workspace, status):
    requests = cells(2)
    workspace.courses[requests[0].name] = (
        (100, "Running"),
        (1500, status),
        (1500, "Running"),
        (1500, status),
        "Completed",
    )
    seen = launch(workspace, requests)
    assert seen.outcomes == [None, None]
    assert ("cell 0", "unclear") in seen.told.states


def test_an_unclear_job_is_waited_for_so_long_and_never_bought_again(workspace):
    requests = cells(2)
    workspace.courses[requests[0].name] = ((100, "Running"), (10_000, "NotResponding"), "Completed")
    delays = launch(workspace, requests, reuse="finished").delays
    assert "has been NotResponding for 30 minutes and may still run; the same command looks again" in delays[0]
    assert delays[1] is None
    assert "may still run" in launch(workspace, requests, reuse="finished").delays[0]
    assert len(workspace.jobs) == 2
    workspace.clock.sleep(10_000)
    assert launch(workspace, requests, reuse="finished").outcomes == [None, None]
    assert len(workspace.jobs) == 2


def test_a_job_that_is_gone_is_waited_for_as_an_unclear_one(workspace):
    requests = cells(2)
    launch(workspace, requests, wait=False)
    running = Launch(workspace, requests)
    show = workspace.show
    workspace.show = lambda name, ago=0.0: (
        None if name == requests[0].name and workspace.clock.now > 30 else show(name, ago)
    )
    workspace.list = lambda tag: [job for name in workspace.jobs if (job := workspace.show(name))]
    delays = running.run().delays
    assert "has been NotFound for 30 minutes" in delays[0]
    assert delays[1] is None


@pytest.mark.parametrize("lag", [15, 100, 1e9])
def test_a_job_that_no_list_shows_is_asked_for_by_name(workspace, lag):
    requests = cells(10)
    workspace.list_lag, workspace.courses[requests[3].name] = lag, "Failed"
    for _ in range(2):
        assert [failure is None for failure in launch(workspace, requests).outcomes] == [n != 3 for n in range(10)]
    assert len(workspace.jobs) == 10
    launch(workspace, requests, reuse="finished")
    assert workspace.generations()[requests[3].fingerprint] == 2
    assert len(workspace.jobs) == 11


class CountingService(FakeService):
    """Lists the newest jobs first, and counts what is read."""

    def list_jobs(self, tag):
        for job in reversed(list(super().list_jobs(tag))):
            self.calls["listed"] += 1
            yield job


def test_a_look_reads_a_list_no_further_than_the_oldest_job_that_runs(workspace):
    service = CountingService(workspace)
    seen = launch(workspace, cells(200), service, max_parallel_jobs=10)
    assert seen.outcomes == [None] * 200
    looks = service.calls["list"] - 1
    assert looks >= 20
    assert service.calls["listed"] <= 20 * looks, "not the 200 jobs of the sweep"


def test_without_waiting_a_launch_ends_with_its_submission(workspace):
    requests = cells(100)
    seen = launch(workspace, requests, wait=False)
    assert len(workspace.jobs) == seen.executor.n_open == 100
    assert not seen.told.times
    workspace.clock.sleep(1000)
    seen = launch(workspace, requests, wait=False)
    assert seen.outcomes == [None] * 100
    assert seen.executor.n_open == 0


def test_a_job_that_another_sweep_bought_is_adopted_and_followed(workspace):
    requests = cells(6)
    launch(workspace, requests[:4], wait=False)
    seen = launch(workspace, requests[2:])
    assert seen.outcomes == [None] * 4
    assert len(workspace.jobs) == 6


def test_a_job_that_another_sweep_bought_with_other_code_is_followed_by_that_sweeps_tag(workspace):
    requests = cells(6)
    launch(workspace, requests[:4], FakeService(workspace, code="older"), wait=False)
    mine, theirs = (sweep_tag(each.fingerprint for each in part) for part in (requests[2:], requests[:4]))
    asked, listed = [], workspace.list
    workspace.list = lambda tag: asked.append(tag) or listed(tag)
    seen = launch(workspace, requests[2:])
    assert seen.outcomes == [None] * 4
    assert set(asked) == {mine, theirs}
    assert seen.service.calls["get"] == 2  # only those that were refused, at their submission


# Preemption


def test_a_job_that_lost_its_node_gets_another_within_its_budget(workspace):
    requests = cells(3)
    workspace.courses[requests[0].name] = "Preempted"
    workspace.courses[requests[1].fingerprint] = "Preempted"
    outcomes = launch(workspace, requests).outcomes
    assert outcomes[0] is None
    assert "lost its node" in outcomes[1]
    assert list(workspace.generations().values()) == [2, 3, 1]


def test_a_restarted_launch_has_no_new_budget_for_lost_nodes(workspace):
    requests = cells(2)
    workspace.courses[requests[0].fingerprint] = "Preempted"
    for _ in range(3):
        assert "lost its node" in launch(workspace, requests).outcomes[0]
    assert workspace.generations()[requests[0].fingerprint] == 3
    assert "lost its node" in launch(workspace, requests, reuse="finished").outcomes[0]
    assert workspace.generations()[requests[0].fingerprint] == 6


def test_what_a_replaced_job_needs_is_prepared_by_a_launch_that_submitted_nothing(workspace):
    requests = cells(3)
    workspace.courses[requests[0].name] = "Preempted"
    launch(workspace, requests, wait=False)
    seen = launch(workspace, requests)
    assert seen.prepared == [[replace(requests[0], generation=1)]]
    assert seen.outcomes == [None] * 3


def test_a_refusal_of_a_replacement_costs_its_cell(workspace):
    requests = cells(3)
    workspace.courses[requests[0].name] = "Preempted"
    launch(workspace, requests, wait=False)
    workspace.refused[requests[0].fingerprint] = "InvalidName"
    assert launch(workspace, requests).outcomes == ["InvalidName", None, None]


# Limits


@pytest.mark.parametrize("adopted", [0, 3, 5])
def test_no_more_jobs_than_allowed_are_ever_alive(workspace, adopted):
    requests = cells(30)
    workspace.courses |= {
        request.name: ((1 + 37 * n % 300, "Running"), "Preempted") for n, request in enumerate(requests)
    }
    tag = {sweep_tag(request.fingerprint for request in requests): "true"}
    for request in requests[:adopted]:
        workspace.put(request, {FINGERPRINT: request.fingerprint} | tag, "code")
    put, alive = workspace.put, []
    workspace.put = lambda *job: (put(*job), alive.append(len(workspace.alive())))[0]
    assert launch(workspace, requests, max_parallel_jobs=5).outcomes == [None] * 30
    assert max(alive) == 5


def test_too_many_node_hours_are_refused_before_anything_is_prepared(workspace):
    requests = cells(4)
    seen = Launch(workspace, requests, max_node_hours=11.9)
    with pytest.raises(ClusterError, match=r"4 cells may take 12 node hours.*max_node_hours=11.9.*timeout_minutes=60"):
        seen.run()
    assert seen.prepared == []
    assert seen.service.calls["put"] == 0
    launch(workspace, requests, max_node_hours=12)


def test_the_cost_counts_past_generations_and_not_what_cannot_be_bought_any_more(workspace):
    requests = cells(4)
    workspace.courses |= {requests[0].name: "Failed", requests[1].name: "Canceled"}
    launch(workspace, requests)
    assert launch(workspace, requests, max_node_hours=0).outcomes.count(None) == 2
    with pytest.raises(ClusterError, match="may take 10 node hours"):  # 2 finished, and 2 times 1 past and 3 allowed
        launch(workspace, requests, max_node_hours=9, reuse="finished")
    assert launch(workspace, requests, max_node_hours=10, reuse="finished").outcomes == [None] * 4


@pytest.mark.long
def test_ten_thousand_cells_are_submitted_at_the_rate_that_the_service_allows(workspace, monkeypatch):
    monkeypatch.setattr(executor_module, "THREADS", 1)  # sleeps of threads would add up in a fake clock
    requests, service = cells(10_000), FakeService(workspace)
    service.seconds_per_call = 0.15
    ends = ["Canceled" if number % 100 else "Completed" for number in range(10_000)]
    workspace.courses = {each.fingerprint: ((3600, "Queued"), end) for each, end in zip(requests, ends, strict=True)}
    outcomes = launch(workspace, requests, service).outcomes
    assert ["Canceled" if outcome else "Completed" for outcome in outcomes] == ends
    assert service.calls["put"] == 10_000
    born = sorted(job.born for job in workspace.jobs.values())
    assert all(number <= 151 + 9 * moment for number, moment in enumerate(born))
    assert born[-1] < 1.3 * (10_000 - 150) / 9


@pytest.mark.parametrize("number", [0, 2])
def test_a_full_quota_stops_the_launch_with_its_name_and_the_same_command_goes_on(workspace, number):
    requests, service = cells(4), FakeService(workspace)
    service.faults.append((f"put {requests[number].name}", "quota"))
    seen = Launch(workspace, requests, service)
    with pytest.raises(ClusterError, match=r"a quota of 20 cores is used up; or wait for room with .*on_quota=wait"):
        seen.run()
    assert seen.told.reasons == []
    assert not seen.told.times
    assert launch(workspace, requests).outcomes == [None] * 4
    assert len(workspace.jobs) == 4


@pytest.mark.parametrize("number", [0, 2])
def test_a_full_quota_is_waited_for_where_that_is_wanted_and_told_once(workspace, number):
    requests, service = cells(4), FakeService(workspace)
    service.faults += [(f"put {requests[number].name}", "quota")] * 50
    seen = launch(workspace, requests, service, on_quota="wait")
    assert seen.outcomes == [None] * 4
    assert seen.told.reasons == ["waiting for up to 30 minutes: a quota of 20 cores is used up"]
    assert not service.faults
    assert len(workspace.jobs) == 4


def test_a_quota_that_stays_full_ends_the_wait_in_one_error(workspace):
    requests, service = cells(4), FakeService(workspace)
    service.faults += [(f"put {requests[2].name}", "quota")] * 10_000
    with pytest.raises(ClusterError, match="no room for 30 minutes: a quota of 20 cores is used up; .*same command"):
        launch(workspace, requests, service, on_quota="wait")
    assert workspace.clock.now >= 30 * 60
    assert launch(workspace, requests).outcomes == [None] * 4
    assert len(workspace.jobs) == 4


def test_a_cluster_that_a_quota_leaves_no_room_for_is_asked_for_again(workspace):
    requests, refusals = cells(3), [QuotaError("a quota of 20 cores is used up")] * 3
    seen = Launch(workspace, requests, on_quota="wait")

    def prepare(asked):
        if refusals:
            raise refusals.pop()
        seen.prepared.append(asked)

    seen.executor._prepare = prepare
    assert seen.run().outcomes == [None] * 3
    assert seen.prepared == [requests]
    assert len(seen.told.reasons) == 1


# Completed is not enough


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "is Completed, but it left no result.json"),
        ("{", "is Completed, but 'result.json' is broken: it is not JSON"),
        ("[]", "is Completed, but 'result.json' is broken: "),
        (run_record().to_json(), "is Completed, but result.json is of another experiment: its fingerprint is "),
    ],
)
def test_a_completed_job_without_its_result_is_a_failure_and_leaves_nothing(workspace, result, message):
    requests = cells(2)
    launch(workspace, requests, wait=False)
    workspace.jobs[requests[0].name].result = result
    outcomes = launch(workspace, requests).outcomes
    assert message in outcomes[0]
    assert outcomes[1] is None
    assert not list(requests[0].folder.iterdir())
    assert {file.name for file in requests[1].folder.iterdir()} == {"config.yaml", "result.json"}
    assert message in launch(workspace, requests).outcomes[0]
    assert len(workspace.jobs) == 2
    assert launch(workspace, requests, reuse="finished").outcomes == [None, None]
    assert len(workspace.jobs) == 3


def test_a_result_that_may_not_be_read_is_no_failure_and_the_same_command_fetches_it(workspace):
    requests, service = cells(3), FakeService(workspace)
    service.faults.append((f"fetch {requests[1].name}", "refused"))
    seen = launch(workspace, requests, service)
    assert [delay is None for delay in seen.delays] == [True, False, True]
    assert (
        "is Completed, and its result was not fetched: AuthorizationFailed; the same command fetches" in seen.delays[1]
    )
    assert seen.executor.n_open == 0
    for reuse in ("all", "finished"):
        assert launch(workspace, requests, reuse=reuse).outcomes == [None] * 3
    assert len(workspace.jobs) == 3


def test_a_folder_that_cannot_be_written_is_no_failure_of_the_job(workspace):
    requests = cells(3)
    requests[1].folder.parent.mkdir()
    requests[1].folder.write_text("a file")
    seen = launch(workspace, requests)
    assert "its result was not fetched: 'sweep/1' cannot be written: File exists" in seen.delays[1]
    requests[1].folder.unlink()
    assert launch(workspace, requests).outcomes == [None] * 3
    assert len(workspace.jobs) == 3


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("verdict", "^job bikeml-\\S+ is Failed, and the reason cannot be read: AuthorizationFailed"),
        (
            "log",
            "^its log cannot be read: AuthorizationFailed\njob bikeml-\\S+ Failed; reuse=finished submits it again",
        ),
    ],
)
def test_a_failed_job_of_which_nothing_can_be_read_has_failed_all_the_same(workspace, kind, message):
    requests, service = cells(2), FakeService(workspace)
    workspace.courses[requests[0].name] = "Failed"
    service.faults.append((kind, "refused"))
    outcomes = launch(workspace, requests, service).outcomes
    assert re.search(message, outcomes[0])
    assert outcomes[1] is None
    assert f"ValueError in {requests[0].name}" in launch(workspace, requests).outcomes[0]


# Leaving


def test_cancel_asks_for_the_end_of_every_open_job_and_names_those_that_may_go_on(workspace):
    requests = cells(5)
    seen = launch(workspace, requests, wait=False)
    seen.service.faults.append((f"cancel {requests[1].name}", "before"))
    with pytest.raises(ClusterError, match=f"^job {requests[1].name} was not cancelled and may still run: connection"):
        seen.executor.cancel()
    assert workspace.alive() == [requests[1].name]


def test_an_interrupt_knows_every_job_that_was_being_submitted_and_waits_for_no_outage(workspace):
    requests, service = cells(60), FakeService(workspace)
    seen = Launch(workspace, requests, service)

    def interrupt(request, job):
        service.faults += [("put", "after")] * 3 + [("get", "before")] * 3
        raise KeyboardInterrupt

    seen.told.stands = interrupt
    with pytest.raises(KeyboardInterrupt):
        seen.run()
    assert workspace.clock.now <= 8 * POLICY.poll_seconds
    seen.executor.cancel()
    assert workspace.alive() == []


# Others at the same time


def test_two_commands_with_reuse_finished_at_once_buy_one_generation(workspace):
    requests = cells(3)
    workspace.courses[requests[0].fingerprint] = "Failed"
    launch(workspace, requests)
    first, second = (Launch(workspace, requests, reuse="finished") for _ in range(2))
    second.executor._prepare = lambda requests: first.run()  # when both have decided, the first one is faster
    second.run()
    for each in (first, second):
        assert f"ValueError in {replace(requests[0], generation=1).name}" in each.outcomes[0]
    assert len(workspace.jobs) == 4


def test_a_command_that_is_late_follows_the_job_that_another_one_bought_after_it(workspace):
    requests = cells(3)
    workspace.courses |= {requests[0].name: "Failed", replace(requests[0], generation=1).name: "Failed"}
    launch(workspace, requests)
    late = Launch(workspace, requests, reuse="finished")
    late.executor._prepare = lambda _: [launch(workspace, requests, reuse="finished") for _ in range(2)]
    assert late.run().outcomes == [None] * 3
    assert workspace.generations()[requests[0].fingerprint] == 3


@pytest.mark.parametrize("seed", range(5))
def test_threads_of_two_launches_buy_nothing_twice_under_random_faults(workspace, seed):
    draws, requests = random.Random(seed), cells(40)
    workspace.list_lag = 30
    for request in requests:
        workspace.courses[request.name] = draws.choice(["Completed", "Completed", "Failed", "Preempted"])
    services = [FakeService(workspace) for _ in range(2)]
    for service in services:
        kinds = ["put", "put", "get", "list", "fetch", "verdict", "log"]
        service.faults += [(draws.choice(kinds), draws.choice(["works", "before", "after"])) for _ in range(150)]
    launches = [Launch(workspace, requests, each, patience_minutes=1e6) for each in services]  # sleeps add up
    threads = [Thread(target=each.run) for each in launches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fails = [workspace.courses[request.name] == "Failed" for request in requests]
    for each in launches:
        assert [failure is not None for failure in each.outcomes] == fails
    preempted = sum(workspace.courses[request.name] == "Preempted" for request in requests)
    assert len(workspace.jobs) == 40 + preempted
