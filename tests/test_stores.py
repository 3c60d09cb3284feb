"""Stores that refuse, hang or talk nonsense: the result is kept, the message says so, and nothing is half-written."""

import socket
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

import bikeml
from bikeml.errors import TrackingError
from tests.conftest import assert_nothing_left_behind

pytestmark = pytest.mark.slow  # each server is waited for
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "hydra.run.dir=out")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")


@contextmanager
def serving(handle):
    """Serve with `handle`, which takes the handler of one request, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            handle(self)

        do_POST = do_GET  # noqa: N815  the name is the library's

        def log_message(self, *args):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def answer(status, body, kind="application/json"):
    def handle(request):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return handle


def hang(request):
    time.sleep(30)


def hang_up(request):
    request.connection.shutdown(socket.SHUT_RDWR)


def break_off(request):
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"{")
    request.close_connection = True


def lose_the_run(request):
    """Know the experiment and make the run, then fail."""
    if "experiments" in request.path:
        answer(200, b'{"experiment": {"experiment_id": "1", "lifecycle_stage": "active"}}')(request)
    elif request.path.endswith("runs/create"):
        answer(200, b'{"run": {"info": {"run_id": "a", "artifact_uri": "mlflow-artifacts:/a"}}}')(request)
    else:
        answer(500, b"out of order")(request)


NOT_MLFLOWS = r"is not MLflow's: it answers {} .* with {}; check tracking.uri"
REFUSES = {
    "refuses the user": (answer(401, b"who are you?"), r"refuses this user \(401 .*MLFLOW_TRACKING_USERNAME"),
    "forbids": (answer(403, b"not you"), r"refuses this user \(403 .*MLFLOW_TRACKING_TOKEN"),
    "is another website": (answer(200, b"<html>Welcome</html>", "text/html"), NOT_MLFLOWS.format(200, "text/html")),
    "answers nothing": (answer(200, b""), NOT_MLFLOWS.format(200, "application/json")),
    "answers an empty object": (answer(200, b"{}"), NOT_MLFLOWS.format(200, "application/json")),
    "answers a list": (answer(200, b"[]"), NOT_MLFLOWS.format(200, "application/json")),
    "answers a number for an experiment": (
        answer(200, b'{"experiment": 5}'),
        NOT_MLFLOWS.format(200, "application/json"),
    ),
    "answers bytes": (answer(200, bytes(range(256))), NOT_MLFLOWS.format(200, "application/json")),
    "answers 404 with HTML": (
        answer(404, b"<html>nothing here</html>", "text/html"),
        NOT_MLFLOWS.format(404, "text/html"),
    ),
}
HOSTILE = {
    "is down": (answer(500, b"out of order"), r"out of order|500"),
    "hangs": (hang, r"[Tt]imed? ?out"),
    "hangs up": (hang_up, r"[Cc]onnection|Max retries"),
    "breaks off": (break_off, r"[Cc]onnection|broken|more expected|Max retries|JSON"),
    "loses the run": (lose_the_run, r"out of order|500"),
}


@pytest.mark.parametrize("case", REFUSES)
def test_a_server_that_refuses_or_is_none_of_mlflows_is_found_out_before_the_fit(case, workdir):
    handle, reason = REFUSES[case]
    with serving(handle) as address, pytest.raises(TrackingError, match=reason):
        bikeml.run(*FAST, f"tracking.uri='{address}'")
    assert not (workdir / "out").exists()


@pytest.mark.parametrize("case", HOSTILE)
def test_a_server_that_misbehaves_costs_only_the_record(case, workdir):
    handle, reason = HOSTILE[case]
    with (
        serving(handle) as address,
        pytest.raises(TrackingError, match=rf"(?s)cannot record the run in '{address}': .*{reason}.*nothing is lost"),
    ):
        bikeml.run(*FAST, f"tracking.uri='{address}'")
    assert (workdir / "out" / "result.json").is_file()
    assert not (workdir / "out" / "store.json").exists()
    assert_nothing_left_behind(workdir)
