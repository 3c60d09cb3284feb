"""A real scoring server around a recorded model, and nothing of it left when it ends."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

from tests.azureml.processes import free_port, processes_with
from tests.builders import seal_stored, stored_model
from tests.conftest import TASK_SIGNALS, heeded

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")


@pytest.fixture
def run_id(workdir):
    import bikeml

    return str(bikeml.run("model=tree", "hydra.run.dir=out", *FAST).run_id)


def start(*words, **variables):
    return subprocess.Popen(
        [sys.executable, "-m", "bikeml", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )


def ask(address, body, kind="application/json"):
    content = body if isinstance(body, str) else json.dumps(body)
    request = urllib.request.Request(address, content.encode(), {"Content-Type": kind})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
        return json.load(reply)


@pytest.mark.long
@pytest.mark.parametrize("number", TASK_SIGNALS)
def test_a_served_model_answers_its_example_and_leaves_no_process(run_id, workdir, number):
    from bikeml.experiment.model_file import load_pipeline

    mark = f"served-{os.getpid()}-{number}"
    with heeded(number), start("run=latest", f"port={free_port()}", BIKEML_TEST_MARK=mark) as process:
        lines = [process.stdout.readline() for _ in range(4)]
        assert run_id in lines[0], process.stderr.read()
        address = re.search(r"http://127.0.0.1:\d+/invocations", lines[1])[0]
        body = json.loads(shlex.split(lines[2])[-1])
        answer = ask(address, body)["predictions"]
        assert len(processes_with(mark)) == 1
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, "bikeml: interrupted\n")
    assert processes_with(mark) == []
    assert answer == list(load_pipeline("out/model").predict(pd.DataFrame(**body["dataframe_split"])))


@pytest.mark.long
def test_workers_answer_as_one_does_and_end_when_the_command_is_interrupted_or_killed(run_id, workdir):
    from bikeml.experiment.model_file import load_pipeline

    mark = f"killed-{os.getpid()}"
    for end in (signal.SIGINT, signal.SIGKILL):
        with start("run=latest", f"port={free_port()}", "workers=2", BIKEML_TEST_MARK=mark) as process:
            lines = [process.stdout.readline() for _ in range(4)]
            assert run_id in lines[0], process.stderr.read()
            address = re.search(r"http://127.0.0.1:\d+/invocations", lines[1])[0]
            body = json.loads(shlex.split(lines[2])[-1])
            answers = [ask(address, body)["predictions"] for _ in range(4)]
            assert len(processes_with(mark)) > 3  # this command, uvicorn's supervisor, and the workers
            process.send_signal(end)
            process.communicate(timeout=60)
        assert process.returncode == (130 if end == signal.SIGINT else -9)
        expected = list(load_pipeline("out/model").predict(pd.DataFrame(**body["dataframe_split"])))
        assert answers == [expected] * 4
        wait_until_gone(mark)


def wait_until_gone(mark):
    for _ in range(100):
        if not processes_with(mark):
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {processes_with(mark)}")


GAPS = "temp,city\n3.0,\n5.0,Ulm\n7.0,Bonn\n"
CITY = ("data=csv", "data.path=cities.csv", "data.target=y", "data.numeric=[temp]", "data.categorical=[city]")


@pytest.mark.long
@pytest.mark.parametrize("preprocessing", ["standard", "imputed"])
def test_a_gap_in_text_answers_as_in_training_through_every_door(workdir, preprocessing):
    import mlflow

    import bikeml

    rows = [f"{n}.5,{['Ulm', 'Bonn', '', 'Ulm'][n % 4]},{[10, 90, 50, 20][n % 4] + n}" for n in range(80)]
    Path("cities.csv").write_text("temp,city,y\n" + "\n".join(rows))
    bikeml.run(*CITY, f"preprocessing={preprocessing}", "model=linear", "hydra.run.dir=out", *FAST)
    Path("new.csv").write_text(GAPS)
    predict = [sys.executable, "-m", "bikeml", "predict", "data.path=new.csv", "output=done.csv"]
    subprocess.run(predict, check=True)
    done = pd.read_csv("done.csv")["predicted"].tolist()
    expected = pytest.approx(done)  # a product's last digits are another in another process
    model = mlflow.pyfunc.load_model("out/model")
    split = {"columns": ["temp", "city"], "data": [[3.0, None], [5.0, "Ulm"], [7.0, "Bonn"]]}
    for gap in (None, float("nan")):
        split["data"][0][1] = gap
        assert model.predict(pd.DataFrame(**split)).tolist() == expected
    with start("run=latest", f"port={free_port()}") as process:
        process.stdout.readline()
        address = re.search(r"http://127.0.0.1:\d+/invocations", process.stdout.readline())[0]
        for gap in (None, float("nan")):
            split["data"][0][1] = gap
            assert ask(address, {"dataframe_split": split})["predictions"] == expected
        assert ask(address, GAPS, "text/csv")["predictions"] == expected
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.mark.long
def test_workers_that_end_by_themselves_say_what_they_said_last(run_id, workdir):
    says = "import os, sys\nif 'uvicorn' in sys.orig_argv: os.write(2, b'no uvicorn today'), os._exit(7)\n"
    (workdir / "sitecustomize.py").write_text(says)
    with start("run=latest", f"port={free_port()}", "workers=2", PYTHONPATH=str(workdir)) as process:
        out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (1, "")
    assert re.match(r"starting 2 workers\nbikeml: the server ended with status 7; it said last:", err)
    assert "no uvicorn today" in err


def test_the_line_to_try_is_a_shell_s_whatever_the_cells_are():
    from bikeml.tasks.models.serve import _describe

    rows = {"columns": ["colour", "a b"], "data": [['l\'été "$HOME" `id`', 1.5], ["x", 2.5]]}
    command = shlex.split(_describe("tree", 5001, pd.DataFrame(rows["data"], columns=rows["columns"]))["try"])
    assert command[:2] == ["curl", "http://127.0.0.1:5001/invocations"]
    assert json.loads(command[-1]) == {"dataframe_split": {**rows, "data": rows["data"][:1]}}


def serve(capsys, *words):
    from bikeml.cli import start

    capsys.readouterr()  # what a fixture's run has said
    return start(["serve", *words]), capsys.readouterr().err


def test_a_port_that_is_taken_is_one_message_before_anything_else(capsys):
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, err = serve(capsys, f"port={port}")
    assert status == 1
    assert re.match(rf"bikeml: port={port} of 127.0.0.1 cannot be had: Address already in use; choose another", err)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["port=0"], 2, r"port=0 should be greater than or equal to 1"),
        (["workers=0"], 2, r"workers=0 should be greater than or equal to 1"),
        (["run=best"], 2, r"there is no store at"),
        (["tracking=none"], 2, r"tracking.uri=null names no store"),
    ],
)
def test_what_cannot_be_served_is_one_message(capsys, words, status, message):
    assert serve(capsys, f"port={free_port()}", *words)[0] == status
    assert re.match(rf"bikeml: {message}", serve(capsys, f"port={free_port()}", *words)[1])


def test_a_tampered_model_and_a_run_without_one_are_not_served(capsys, run_id, workdir):
    import shutil

    model = stored_model(workdir, run_id)
    (model / "requirements.txt").write_text("evil\n")
    seal_stored(workdir, run_id)
    status, err = serve(capsys, f"port={free_port()}")
    assert status == 1
    assert re.match(rf"bikeml: the model of run {run_id} \(tree\) is refused: .* asks for 'evil'", err)
    shutil.rmtree(model)
    status, err = serve(capsys, f"port={free_port()}")
    assert status == 2
    assert re.match(rf"bikeml: run {run_id} \(tree\) has no 'model'; it has", err)
