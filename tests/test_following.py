"""What is told of a sweep while it goes on."""

import io
import time

import pytest
from rich.console import Console

from bikeml.multirun.display.follower import MANY_JOBS, ClusterJobs, follow
from bikeml.records.sweep import JobRecord, write_job
from bikeml.records.sweep_folder import write_failure
from bikeml.terminal import progress
from tests.builders import write_sweep


def job(number, status="Running", ago=0.0, reason=None):
    name = f"bikeml-{number}-0"
    seen = time.time() - ago
    return JobRecord(name=name, status=status, studio=f"https://studio.invalid/{name}", seen=seen, reason=reason)


def drawn(jobs):
    console = Console(file=io.StringIO(), width=100)
    for table in jobs.draw():
        console.print(table)
    return console.file.getvalue()


def test_a_job_that_begins_to_run_is_told_once_with_its_page():
    jobs = ClusterJobs()
    assert list(jobs.update([("a", job(0))])) == ["a: Running, https://studio.invalid/bikeml-0-0"]
    assert list(jobs.update([("a", job(0, "Finalizing"))])) == []
    assert jobs.n_running == 1
    assert list(jobs.update([])) == []
    assert jobs.n_running == 0


def test_the_first_job_that_waits_is_told_with_its_page_and_why_once_for_each_reason():
    jobs = ClusterJobs()
    page = "https://studio.invalid/bikeml-0-0"
    assert list(jobs.update([("a", job(0, "Starting")), ("b", job(1, "Starting"))])) == [f"a: Starting, {page}"]
    waiting = [(name, job(number, "Preparing", reason="image: building")) for number, name in enumerate("ab")]
    assert list(jobs.update(waiting)) == [f"a: Preparing, image: building, {page}"]
    assert list(jobs.update(waiting)) == []
    assert list(jobs.update([("a", job(0, "Queued")), ("b", job(1, "Queued"))])) == []


def test_jobs_that_wait_are_counted_by_state():
    jobs = ClusterJobs()
    assert jobs.count_waiting() == ""
    states = ("Queued", "NotStarted", "Queued", "Running", "Completed", "Preparing")
    list(jobs.update([(state, job(number, state)) for number, state in enumerate(states)]))
    assert jobs.count_waiting() == ", 2 queued, 1 not started, 1 preparing"
    assert jobs.n_running == 1


def test_the_table_shows_state_and_node_time_of_what_has_a_node_and_the_first_that_waits():
    jobs = ClusterJobs()
    assert drawn(jobs) == ""
    waiting = [(f"alpha={number}", job(number, "Queued", ago=5000)) for number in (2, 3)]
    list(jobs.update([("alpha=1", job(1, ago=3725)), *waiting]))
    lines = drawn(jobs).splitlines()
    assert lines[0].split() == ["cell", "state", "node", "time", "job"]
    assert lines[1].split() == ["alpha=1", "Running", "1:02:05", "bikeml-1-0"]
    assert lines[2].split() == ["alpha=2", "Queued", "bikeml-2-0"]
    assert len(lines) == 3


def test_the_node_time_goes_on_when_the_job_stands_otherwise():
    jobs = ClusterJobs()
    list(jobs.update([("a", job(0, ago=3725))]))
    list(jobs.update([("a", job(0, "Finalizing"))]))
    assert "Finalizing  1:02:0" in drawn(jobs)


def test_a_page_is_a_link_where_the_terminal_can_show_it():
    jobs = ClusterJobs()
    list(jobs.update([("a", job(0))]))
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    console.print(*jobs.draw())
    assert "https://studio.invalid/bikeml-0-0" in console.file.getvalue()


def test_many_jobs_are_counted_not_shown():
    jobs = ClusterJobs()
    list(jobs.update([(f"alpha={number}", job(number)) for number in range(MANY_JOBS + 3)]))
    assert len(drawn(jobs).splitlines()) == MANY_JOBS + 2
    assert "and 3 more" in drawn(jobs)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_table_is_for_a_terminal_and_lines_are_for_any(workdir, monkeypatch, is_terminal):
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=is_terminal, width=120, highlight=False)
    monkeypatch.setattr(progress, "open_console", lambda **_: console)
    folder = write_sweep(workdir, a=None, b=None)
    with follow(folder, folder.read()):
        write_job(workdir / "a", "bikeml-0-0", "Running", "https://studio.invalid/0")
        write_job(workdir / "b", "bikeml-1-0", "Failed", "https://studio.invalid/1")
        write_failure(workdir / "b", "out of memory", ["x=b"])
    assert "x=a: Running, https://studio.invalid/0" in shown.getvalue()
    assert "[1/2] x=b: failed: out of memory" in shown.getvalue()
    assert ("node time" in shown.getvalue()) is is_terminal


def test_a_step_of_a_long_wait_is_a_line_of_its_own_if_the_output_is_no_terminal(capsys):
    with progress.progress(lines=True) as announce:
        for done in (1, 2):
            announce("waiting for the cluster", done, 2)
        announce("fetching")
    assert capsys.readouterr().err.splitlines() == ["waiting for the cluster", "fetching"]


def test_a_step_of_a_short_wait_is_no_line(capsys):
    with progress.progress() as announce:
        announce("fitting")
    assert "fitting" not in capsys.readouterr().err
