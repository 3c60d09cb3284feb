"""Model servers: one container for each deployment."""

import asyncio
import shutil
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp

from tests.azureml.blobs import Blobs
from tests.azureml.containers import Container, missing, no_code, wait_until_live
from tests.azureml.processes import ChildError, Kept, free_port
from tests.azureml.wire import Json, Reply, error_body


@dataclass(frozen=True)
class Order:
    """What a deployment is to run: addresses in the blob store, and times in seconds."""

    model: str
    code: str | None
    """None where the service's own script for MLflow models is to answer."""
    script: str
    conda: str
    request_timeout: float
    start_timeout: float


class ModelServers:
    """The servers that run, by the name of their deployment."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self.folder, self.blobs = folder, blobs
        self._servers: dict[str, tuple[int, Kept, float]] = {}
        self.variables: dict[str, str] = {}
        """Beside their own, for the servers to come: a test breaks their containers with them."""

    @property
    def running(self) -> list[str]:
        """The deployments whose servers run."""
        return [name for name, (_, process, _) in self._servers.items() if process.poll() is None]

    def start(self, name: str, order: Order) -> None:
        """
        Fetch model and code and serve; returns when the server answers.

        Raises ChildError where it does not, EnvironmentMismatch, and FileNotFoundError where code or script are missing.
        """
        if reason := missing():
            raise ChildError(reason)
        self.stop(name)
        port, container = free_port(), self._build(self.folder / name.replace("/", "-"), order)
        process = container.start(port, self.variables)
        self._servers[name] = (port, process, order.request_timeout)
        wait_until_live(process, port, order.start_timeout)

    def _build(self, folder: Path, order: Order) -> Container:
        # the last folder of its address is below AZUREML_MODEL_DIR, as the service has it
        model = self.blobs.download(order.model, folder / "models" / Path(order.model.rstrip("/")).name)
        if order.code is None:
            return no_code(folder, model)
        code = self.blobs.download(order.code, folder / "code")
        if not (code / order.script).is_file() or not (code / order.script).resolve().is_relative_to(code.resolve()):
            raise FileNotFoundError(f"the scoring script {order.script!r} is not in the code folder")
        return Container(folder, model, code, order.script, order.conda)

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
        if held is None:
            return None
        try:
            async with asyncio.timeout(held[2]):
                return await _invoke(held[0], body)
        except TimeoutError:  # "Troubleshoot online endpoints", HTTP status codes
            return Reply(408, error_body("RequestTimeout", "the request took longer than request_timeout_ms"))


async def _invoke(port: int, body: Json) -> Reply:
    """Ask the server in the container; what is not 200 becomes 424, with the same body, as the service's proxy does."""
    url = f"http://127.0.0.1:{port}/score"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        answer, status = await response.read(), response.status
    headers = {"Content-Type": response.content_type}
    if status == HTTPStatus.OK:
        return Reply(status, content=answer, headers=headers)
    headers |= {"ms-azureml-model-error-statuscode": str(status), "ms-azureml-model-error-reason": "model_error"}
    return Reply(HTTPStatus.FAILED_DEPENDENCY, content=answer, headers=headers)
