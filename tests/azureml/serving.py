"""Model servers: a real `mlflow models serve` for each deployment."""

import json
import os
import shutil
import sys
from pathlib import Path

import aiohttp

from tests.azureml.blobs import Blobs
from tests.azureml.processes import Kept, free_port, wait_for_port
from tests.azureml.wire import Json, Reply, error_body

START_SECONDS = 300.0


class ModelServers:
    """The servers that run, by the name of their deployment."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self.folder, self.blobs = folder, blobs
        self._servers: dict[str, tuple[int, Kept]] = {}
        self.variables: dict[str, str] = {}
        """Beside this process's own, for the servers to come: a test breaks their containers with them."""

    @property
    def running(self) -> list[str]:
        """The deployments whose servers run."""
        return [name for name, (_, process) in self._servers.items() if process.poll() is None]

    def start(self, name: str, model_uri: str) -> None:
        """Download a model and serve it; returns when the server answers, raises ChildError if it does not."""
        self.stop(name)
        folder = self.folder / name.replace("/", "-")
        model = self.blobs.download(model_uri, folder / "model")
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "models",
            "serve",
            "-m",
            str(model),
            "--env-manager",
            "local",
        ]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        env = os.environ | {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"} | self.variables
        process = Kept(command, folder / "server.log", env)
        self._servers[name] = (port, process)
        wait_for_port(process, port, START_SECONDS)

    def log(self, name: str, lines: int) -> str:
        """Return what a server has said last; nothing where there was none."""
        held = self._servers.get(name)
        return held[1].tail(lines) if held else ""

    def stop(self, name: str) -> None:
        """Stop a server and remove its model; harmless when there is none."""
        if held := self._servers.pop(name, None):
            held[1].stop()
        shutil.rmtree(self.folder / name.replace("/", "-"), ignore_errors=True)

    def close(self) -> None:
        """Stop every server."""
        for name in list(self._servers):
            self.stop(name)

    async def ask(self, name: str, body: Json) -> Reply | None:
        """Return the server's answer, or None where there is no server."""
        held = self._servers.get(name)
        return await _invoke(held[0], body) if held else None


async def _invoke(port: int, body: Json) -> Reply:
    """Ask the model server; the service's request and reply are wrapped a little differently from MLflow's."""
    if "input_data" not in body:
        return Reply(400, error_body("BadRequest", "an MLflow model's request has the key 'input_data'"))
    data = body["input_data"]
    content = {"dataframe_split": data} if isinstance(data, dict) else {"inputs": data}
    url = f"http://127.0.0.1:{port}/invocations"
    async with aiohttp.ClientSession() as session, session.post(url, json=content) as response:
        answer = await response.read()
        if response.status == 200:
            return Reply(body=json.loads(answer)["predictions"])
        return Reply(424, error_body("ModelError", answer.decode(errors="replace")))
