"""Serve the model of a recorded run on this machine, with MLflow's own scoring server."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

import bikeml.destination.settings  # noqa: F401  for the server, which inherits this environment
from bikeml.config.fields import Name, Section
from bikeml.config.overrides import shell
from bikeml.config.schema import Config
from bikeml.errors import ServeError
from bikeml.system.processes import child
from bikeml.system.redaction import redact
from bikeml.terminal.progress import progress

if TYPE_CHECKING:
    import pandas as pd

HOST = "127.0.0.1"
LOOK_SECONDS = 0.2
LOG_LINES = 40  # enough to reach past the last lines, which MLflow's command line adds


class Options(Section):
    """The keys of conf/task/serve.yaml."""

    run: Name
    port: Annotated[int, Field(ge=1, le=65535)]


def serve(config: Config, options: Options) -> None:
    """
    Serve the model of a run at 127.0.0.1 and options.port until an interrupt, and leave no process behind.

    Raises ServeError if the port is taken or the server ends by itself, and RunNotFoundError, ModelFileError,
    ConfigError and TrackingError as for every recorded model.
    """
    _check_port(options.port)
    from bikeml.experiment.model_folder import read_example
    from bikeml.terminal import tables
    from bikeml.tracking import lookup
    from bikeml.tracking.models import fetch_checked

    with TemporaryDirectory(prefix="bikeml-") as folder:
        with progress() as announce:
            announce("looking for the run")
            run = lookup.find(config, options.run)
            announce("checking the model")
            model, _ = fetch_checked(run, Path(folder))
            example = read_example(model)
        log = Path(folder) / "server.log"
        with _server(model, options.port, log) as server:
            with progress(lines=True) as announce:
                announce("starting the server")
                _wait_until_it_answers(server, options.port, log)
            tables.show_facts(_describe(run.title, options.port, example))
            sys.stdout.flush()  # a program that reads it through a pipe waits for the address
            raise _ended(server.wait(), log)


def _describe(run: str, port: int, example: "pd.DataFrame") -> dict[str, str]:
    one = json.dumps({"dataframe_split": example.head(1).to_dict(orient="split", index=False)})
    address = f"http://{HOST}:{port}/invocations"
    return {
        "serving": f"run {run}",
        "address": address,
        "try": f"curl {address} -H 'Content-Type: application/json' -d {shell(one)}",
        "end": "Ctrl-C",
    }


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended does not count
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServeError(
                f"port={port} of {HOST} cannot be had: {error.strerror}; choose another with port=N"
            ) from error


@contextmanager
def _server(model: Path, port: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the scoring server while the block runs."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    command += ["--host", HOST, "--port", str(port)]
    # MLflow looks for its server's program on the PATH
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    with log.open("wb") as output, child(command, {"PATH": path}, output) as server:
        yield server


def _wait_until_it_answers(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    while not _answers(port):
        if server.poll() is not None:
            raise _ended(server.returncode, log)
        time.sleep(LOOK_SECONDS)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ended(status: int, log: Path) -> ServeError:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-LOG_LINES:]
    said = redact("\n".join(lines)) or "it said nothing"
    return ServeError(f"the server ended with status {status}; it said last:\n{said}")
