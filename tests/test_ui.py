"""MLflow's pages through `bikeml ui`: quick to answer, opened in a browser at the run, and nothing left of them."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

import bikeml
from bikeml.cli import start
from tests.azureml.processes import free_port, processes_with
from tests.conftest import heeded
from tests.mlflow_server import mlflow_server

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2")
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"


def begin(*words, mark):
    """Start `bikeml ui` in a process of its own, and read what it says up to its last line."""
    with heeded(signal.SIGINT):
        process = subprocess.Popen(
            [sys.executable, "-m", "bikeml", "ui", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "BIKEML_TEST_MARK": mark},
        )
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            return process, said
    raise AssertionError(process.stderr.read())


def wait_until_gone(mark):
    for _ in range(100):
        if not processes_with(mark):
            return
        time.sleep(0.1)
    raise AssertionError([process.cmdline() for process in processes_with(mark)])


@pytest.fixture
def browser(tmp_path_factory):
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        pytest.skip("no Chromium on the PATH; Debian's is the package chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    flags = [*FLAGS.split(), f"--crash-dumps-dir={tmp_path_factory.mktemp('profile')}"]
    with (
        playwright.sync_playwright() as driver,
        driver.chromium.launch(executable_path=executable, args=flags) as opened,
    ):
        yield opened


@pytest.mark.long
@pytest.mark.slow
def test_the_link_shows_the_run_with_its_description_and_metrics_and_nothing_is_left(workdir, browser):
    result = bikeml.run("model=tree", *FAST, "hydra.run.dir=out")
    mark = f"ui-{os.getpid()}-browser"
    process, said = begin(mark=mark)
    with process:
        (link,) = re.findall(rf"page +(http://127.0.0.1:\d+/#/experiments/\d+/runs/{result.run_id})", said)
        page = browser.new_page()
        page.goto(link)
        page.get_by_text("predicts rentals of daily-bike-share").wait_for(timeout=60_000)
        shown = page.inner_text("body")
        assert f"R² {result.metrics['test_r2']:.4f}" in shown
        assert "report.html in" in shown
        page.get_by_text("cv_r2_mean", exact=True).first.wait_for(timeout=60_000)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    wait_until_gone(mark)
    assert sorted(path.name for path in workdir.iterdir()) == ["mlartifacts", "mlflow.db", "out"]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_the_command_however_it_ends(workdir, number):
    bikeml.run("model=tree", *FAST, "hydra.run.dir=out")
    mark = f"ui-{os.getpid()}-{number}"
    process, said = begin("run=out", f"port={(port := free_port())}", "open=true", mark=mark)
    with process:
        assert f"http://127.0.0.1:{port}/#/experiments/" in said
        assert len(processes_with(mark)) == 2  # the command, and one server
        process.send_signal(number)
        process.communicate(timeout=60)
    wait_until_gone(mark)
    listening = [
        each.pid for each in psutil.net_connections("tcp") if (each.laddr.port, each.status) == (port, "LISTEN")
    ]
    assert str(workdir) not in map(folder_of, listening)


def folder_of(pid):
    """Return the working folder of a process; a neighbour may have taken the port."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).cwd() if pid else None


@pytest.mark.long
def test_of_a_server_only_the_address_is_told(workdir, call_task):
    (workdir / "server").mkdir()
    with mlflow_server(workdir / "server") as uri:
        result = bikeml.run("model=tree", *FAST, "hydra.run.dir=out", f"tracking.uri={uri}")
        status, out, _ = call_task("ui", f"tracking.uri={uri}")
    assert status == 0
    assert re.search(rf"page  {uri}/#/experiments/\d+/runs/{result.run_id}\n", out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], r"there is no store at 'sqlite:///.*mlflow.db'; record a run first"),
        (["tracking=none"], r"tracking.uri=null names no store"),
        (["port=0"], r"port=0 should be greater than or equal to 1"),
        (["run=./nothing"], r"'./nothing' is not there"),
    ],
)
def test_what_cannot_be_shown_starts_nothing(workdir, capsys, words, message):
    assert start(["ui", *words]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert list(workdir.iterdir()) == []


def test_a_port_that_is_taken_is_named(workdir, capsys):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert start(["ui", f"port={port}"]) == 1
    assert f"port={port} of 127.0.0.1 cannot be had: " in capsys.readouterr().err
