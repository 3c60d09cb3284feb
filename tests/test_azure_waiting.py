"""Jobs that wait: what a user is told of images and nodes, and the log of a cell."""

import re
from pathlib import Path
from typing import Any

import pytest

from bikeml.azure.jobs.explainer import Explainer
from bikeml.azure.jobs.service import Job
from bikeml.records.sweep import JobRecord
from tests.azureml import Behaviour, LoopbackAzureML
from tests.azureml.blobs import ARTIFACTS
from tests.fake_workspace import FakeClock, FakeService, FakeWorkspace
from tests.test_azure_executor import Told, cells, launch
from tests.test_azure_launcher import SWEEP, Behave, Main, main, names, recorded, succeed, sweep, workspace

pytestmark = pytest.mark.slow
"""Each test sweeps on the loopback Azure ML; CI runs them."""

__all__ = ["recorded", "succeed", "sweep", "workspace"]

Shown = pytest.CaptureFixture[str]
NO_ROOM = ("ClusterCoreQuotaReached", "Operation results in exceeding quota limits of Core.")
LOG = "azureml-logs/20_image_build_log.txt"
LONG = (10, "Starting"), (600, "Preparing"), (7200, "Queued"), (60, "Running"), "Completed"


class Notes(Told):
    """Keeps why jobs wait."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[tuple[str, str]] = []

    def stands(self, request, job) -> None:
        super().stands(request, job)
        if job.note and (job.status, job.note) not in self.notes:
            self.notes.append((job.status, job.note))


@pytest.fixture
def told(monkeypatch):
    notes = Notes()
    monkeypatch.setattr("tests.test_azure_executor.Told", lambda: notes)
    return notes


def slow_workspace(**knows):
    courses = {request.fingerprint: LONG for request in cells(3)}
    return FakeWorkspace(courses=courses, **knows)


def test_a_launch_tells_of_the_image_and_then_why_the_cluster_has_no_node(told):
    fake = slow_workspace(build_log=LOG, queue_error="cluster c: no room")
    service = FakeService(fake)
    launch(fake, cells(3), service, patience_minutes=30)
    assert told.notes == [
        ("Preparing", f"image: building, its log is {LOG}"),
        ("Queued", "for 30 minutes or longer: cluster c: no room"),
    ]
    assert service.calls["queue"] == 3  # in two hours, of which the first half hour is nothing unusual
    assert list(told.outcomes.values()) == [None] * 3


def test_a_queue_that_the_cluster_does_not_explain_is_told_where_nothing_runs(told):
    launch(slow_workspace(), cells(3), patience_minutes=30)
    assert told.notes == [("Queued", "for 30 minutes or longer, and the cluster does not say why")]


def test_a_queue_behind_jobs_that_run_is_nothing_to_tell_of(told):
    fake = slow_workspace()
    fake.courses[cells(3)[0].fingerprint] = ((10, "Starting"), (9000, "Running"), "Completed")
    launch(fake, cells(3), patience_minutes=30)
    assert told.notes == []


def test_a_service_that_does_not_say_why_costs_nothing(told):
    fake = slow_workspace(build_log=LOG, queue_error="cluster c: no room")
    service = FakeService(fake)
    service.faults = [("build log", "refused")] * 100 + [("queue", "before")] * 100
    assert launch(fake, cells(3), service, patience_minutes=30).outcomes == [None] * 3
    assert told.notes == [("Queued", "for 30 minutes or longer, and the cluster does not say why")]


def test_how_long_a_job_is_queued_is_counted_anew_when_it_comes_back():
    fake, clock = FakeWorkspace(queue_error="no room"), FakeClock()
    explainer = Explainer(FakeService(fake), 10, clock)

    def note(status: str) -> str | None:
        (job,) = explainer.explain([Job("bikeml-a-0", status, {})])
        return job.note

    assert note("Queued") is None
    clock.sleep(599)
    assert note("Running") is None
    clock.sleep(1)
    assert note("Queued") is None
    clock.sleep(600)
    assert note("Queued") == "for 10 minutes or longer: no room"


# On the loopback


@pytest.mark.long
def test_an_image_that_is_built_is_named_with_its_log_and_the_first_jobs_page(
    sweep: Main, workspace: LoopbackAzureML, capsys: Shown
) -> None:
    workspace.lifecycle.timings.image_build = 3
    assert sweep("model=linear,tree") == 0
    error = capsys.readouterr().err
    (line,) = re.findall("model=.*image: building.*", error)
    assert re.fullmatch(
        rf"model=linear: Preparing, image: building, its log is {LOG}, https://ml.azure.com/runs/.*", line
    )


@pytest.mark.long
def test_a_queue_without_room_is_named_in_the_clusters_words(
    sweep: Main, workspace: LoopbackAzureML, capsys: Shown, succeed: Behave
) -> None:
    assert sweep("model=linear") == 0
    cluster = workspace.workspace.clusters["cpu-cluster"]
    cluster.nodes.clear()
    cluster.errors = (NO_ROOM,)

    def begin(job: Any) -> Behaviour:
        workspace.clock.call_in(6, lambda: (setattr(cluster, "errors", ()), cluster.pump()))
        return succeed(job)

    workspace.lifecycle.behave = begin
    assert sweep("model=tree", "hydra.launcher.patience_minutes=0.02") == 0
    expected = (
        f"Queued, for 0.02 minutes or longer: cluster cpu-cluster: {': '.join(NO_ROOM)}, https://ml.azure.com/runs/"
    )
    assert expected in capsys.readouterr().err


@pytest.mark.long
def test_what_a_job_waits_for_is_kept_in_its_cells_folder(sweep: Main, workspace: LoopbackAzureML) -> None:
    workspace.lifecycle.timings.image_build = 600
    assert sweep("model=linear", "hydra.launcher.wait=false") == 3
    job = JobRecord.read(SWEEP / "0")
    assert job is not None
    assert (job.status, job.reason) == ("Starting", None)


@pytest.mark.long
def test_the_log_of_a_cell_is_followed_by_number_and_by_name(
    sweep: Main, workspace: LoopbackAzureML, capsys: Shown
) -> None:
    workspace.lifecycle.behave = lambda _job: Behaviour(seconds=0, outcome="Failed")
    assert sweep("model=linear,tree") == 1
    for name in names(workspace):
        file = f"ExperimentRun/dcid.{name}/user_logs/std_log.txt"
        workspace.blobs.container(ARTIFACTS).upload_blob(file, b"first\nbikeml: second\nthird without an end")
    capsys.readouterr()
    for cell in ("0", names(workspace)[0]):
        assert main(["jobs", str(SWEEP), "--logs", cell]) == 0
        shown = capsys.readouterr()
        assert shown.out.splitlines() == ["first", "bikeml: second", "third without an end"]
        assert re.fullmatch(r"bikeml: bikeml-\S+: Failed, https://\S+\n", shown.err)


@pytest.mark.long
def test_a_cell_that_is_not_there_is_named(sweep: Main, workspace: LoopbackAzureML, capsys: Shown) -> None:
    assert sweep("model=linear") == 0
    for cell, message in (
        ("7", "has no cell 7; it has 0 to 0"),
        ("bikeml-nothing-0", "there is no job 'bikeml-nothing-0'; give the number"),
    ):
        assert main(["jobs", str(SWEEP), "--logs", cell]) == 1
        assert message in capsys.readouterr().err


@pytest.mark.long
def test_before_a_job_runs_its_log_is_that_of_its_image(
    sweep: Main, workspace: LoopbackAzureML, capsys: Shown, tmp_path: Path
) -> None:
    workspace.lifecycle.timings.image_build = 3
    workspace.lifecycle.behave = lambda _job: Behaviour()
    go_on = tmp_path / "go-on"
    assert sweep("model=linear", "hydra.launcher.wait=false") == 3
    (job,) = workspace.jobs.by_name.values()
    job.spec["command"] = f"echo begun; while [ ! -e {go_on} ]; do sleep 0.05; done; echo ended"
    workspace.clock.call_in(8, go_on.touch)
    capsys.readouterr()
    assert main(["jobs", str(SWEEP), "--logs", "0"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == "Step 1/14 : FROM ubuntu"
    assert shown.out.splitlines()[-2:] == ["begun", "ended"]
    assert "Preparing" in shown.err
