"""Wait for a server of this machine, and say why it does not answer."""

import http.client
import socket
import subprocess
import time
from pathlib import Path

from bikeml.errors import ServeError
from bikeml.system.redaction import redact

HOST = "127.0.0.1"
LOOK_SECONDS = 0.2
LOG_LINES = 40  # enough to reach past the last lines, which MLflow's command line adds


def check_port(port: int) -> None:
    """Raise ServeError if nothing can listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended does not count
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServeError(
                f"port={port} of {HOST} cannot be had: {error.strerror}; choose another with port=N"
            ) from error


def find_port() -> int:
    """Return a port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(server: "subprocess.Popen[bytes]", port: int, path: str, log: Path) -> None:
    """Wait until the server answers at a path; raises ServeError, with the end of its log, if it ends before."""
    while not answers(port, path):
        if server.poll() is not None:
            raise explain_end(server.returncode, log)
        time.sleep(LOOK_SECONDS)


def answers(port: int, path: str) -> bool:
    """Return whether a server of this machine answers at a path."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def explain_end(status: int, log: Path) -> ServeError:
    """Return that a server ended by itself, with what it said last."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-LOG_LINES:]
    said = redact("\n".join(lines)) or "it said nothing"
    return ServeError(f"the server ended with status {status}; it said last:\n{said}")
