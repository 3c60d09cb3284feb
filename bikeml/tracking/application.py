"""Answer requests with the model of a recorded run, by MLflow's own scoring application."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from types import FrameType, SimpleNamespace

import uvicorn
from fastapi import FastAPI
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel, scoring_server
from sklearn.pipeline import Pipeline

from bikeml.experiment.model_folder import check_folder
from bikeml.system.interrupts import HANGUP
from bikeml.system.processes import GRACE_SECONDS
from bikeml.system.servers import HOST

SERVED, SERVED_SHA256 = "BIKEML_SERVED_MODEL", "BIKEML_SERVED_MODEL_SHA256"
"""The environment variables that tell a worker of a server the folder of its model, and the recorded hash of that."""


def answer(folder: Path, pipeline: Pipeline, port: int, tell: Callable[[], None]) -> None:
    """
    Answer requests at a port with the `pipeline` that was checked in `folder`, in this process, until an interrupt.

    `tell` is called when the port listens. The interrupt is raised when the requests that have begun are answered.
    """

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            with super().capture_signals(), _hangup_as(self.handle_exit):
                yield

        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            tell()

    # no log of its own: a warning and an error go to stderr, as all of Python's
    config = uvicorn.Config(_build_application(folder, pipeline), HOST, port, log_config=None, access_log=False)
    config.timeout_graceful_shutdown = int(GRACE_SECONDS)
    Server(config).run()


@contextmanager
def _hangup_as(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a closed terminal end the server as Ctrl-C does, which uvicorn does not; but not under nohup."""
    if HANGUP is None or signal.getsignal(HANGUP) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(HANGUP, handler)
    try:
        yield
    finally:
        signal.signal(HANGUP, before)


def build_served() -> FastAPI:
    """Return the application of the model that the environment names, for a worker; raises ModelFileError."""
    folder = Path(os.environ[SERVED])
    return _build_application(folder, check_folder(folder, os.environ[SERVED_SHA256]))


def _build_application(folder: Path, pipeline: Pipeline) -> FastAPI:
    """Return MLflow's own scoring application."""
    model = SimpleNamespace(predict=lambda X: pipeline.predict(X))  # noqa: PLW0108  without the pipeline's **params
    application: FastAPI = scoring_server.init(PyFuncModel(Model.load(str(folder)), model))
    return application
