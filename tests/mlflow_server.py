"""A real MLflow server for tests: its own program, which asks for a password if it is given one."""

import base64
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SERVER = """
import os, sys
from mlflow.server import app
from mlflow.server.handlers import initialize_backend_stores
from werkzeug.serving import make_server

initialize_backend_stores(os.environ["_MLFLOW_SERVER_FILE_STORE"], default_artifact_root="mlflow-artifacts:/")
wanted = os.environ.get("TEST_AUTHORIZATION")

def guarded(environ, start_response):
    if wanted and environ.get("HTTP_AUTHORIZATION") not in wanted.split(","):
        start_response("401 UNAUTHORIZED", [("Content-Type", "text/plain")])
        return [b"who are you?"]
    return app(environ, start_response)

server = make_server("127.0.0.1", 0, guarded, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""
USERNAME, PASSWORD, TOKEN = "anna", "a secret", "a-token"


@contextlib.contextmanager
def mlflow_server(folder: Path, *, asks_for_password: bool = False) -> Iterator[str]:
    """Run a server that keeps its files in `folder`, and yield its address."""
    basic = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    variables = {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/server.db",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "TEST_AUTHORIZATION": f"Basic {basic},Bearer {TOKEN}" if asks_for_password else "",
    }
    own = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    log = folder / "server.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER],
            env={**own, **variables},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        with process:
            try:
                port = process.stdout.readline().strip() if process.stdout else ""
                assert port, log.read_text()
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
