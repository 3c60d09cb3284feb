"""The whole service: everything put together, started and stopped."""

import asyncio
import contextlib
import shutil
import tempfile
import uuid
import weakref
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.azureml import identity as entra
from tests.azureml.assets import Assets
from tests.azureml.blobs import Blobs
from tests.azureml.certificates import build_certificates
from tests.azureml.clock import Clock
from tests.azureml.endpoints import INFERENCE, Endpoints
from tests.azureml.faults import Faults
from tests.azureml.history import History
from tests.azureml.identity import CLIENT_ID, Identity
from tests.azureml.jobs import Jobs
from tests.azureml.keeper import OURS
from tests.azureml.lifecycle import Job, Lifecycle, Timings
from tests.azureml.operations import Operations
from tests.azureml.proxy import Proxy
from tests.azureml.requestlog import RequestLog
from tests.azureml.runner import CommandRunner
from tests.azureml.server import LoopThread, Plane, Server
from tests.azureml.store import GROUP, REGION, SUBSCRIPTION, TENANT, WORKSPACE, Store
from tests.azureml.tracking import Tracking
from tests.azureml.wire import Router
from tests.azureml.workspace import DATA_PLANE, Workspace


class LoopbackAzureML:
    """
    One workspace of Azure ML on 127.0.0.1, until it is closed.

    Parameters
    ----------
    speed : float
        Simulated seconds per real second; 0 stands still until `clock.advance`.
    timings : Timings, optional
        How long the service takes for what is not the job's own work; quick by default.
    seed : int
        Of the faults that strike with a probability.

    Attributes
    ----------
    log : RequestLog
        Every request, for counting.
    faults : Faults
        What goes wrong on the way.
    lifecycle : Lifecycle
        `lifecycle.behave` chooses what each job does, a real command by default.
    identity : Identity
        Tokens: their lifetime, their expiry, the server's clock skew.

    """

    def __init__(self, *, speed: float = 1.0, timings: Timings | None = None, seed: int = 0) -> None:
        self.clock = Clock(speed)
        self.log = RequestLog()
        self.faults = Faults(seed)
        self.identity = Identity(TENANT)
        self.folder = Path(tempfile.mkdtemp(prefix=OURS))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)  # where `close` is never reached
        hosts = [entra.HOST, "management.azure.com", "*.api.azureml.ms", f"*{INFERENCE}"]
        self.certificates = build_certificates(self.folder, [*hosts, "*.blob.core.windows.net"])
        self.blobs = Blobs(self.folder, self.certificates)
        self.server = Server(self.clock, self.identity, self.faults, self.log)
        self.proxy = Proxy(dict.fromkeys(hosts, self._server_port) | {self.blobs.host: self._blob_port})
        self._threads = LoopThread()
        self._timings = timings or Timings()
        self._assemble()

    def _assemble(self) -> None:
        store = self.store = Store(self.clock)
        folder = self.folder / uuid.uuid4().hex[:8]
        folder.mkdir()
        operations = Operations(self.clock)
        self.runner = CommandRunner(folder / "jobs", store, self.blobs, self.identity)
        self.lifecycle = Lifecycle(self.clock, self.runner)
        self.lifecycle.timings = replace(self._timings)
        self.workspace = Workspace(store, self.blobs, operations, self.lifecycle)
        self.jobs = Jobs(store, self.workspace, self.lifecycle, operations)
        self.tracking = Tracking(folder, self.jobs)
        self.endpoints = Endpoints(folder, store, self.blobs, operations)
        control, data, scoring = Router(), Router(), Router()
        for part in (self.workspace, Assets(store, self.blobs), self.jobs, operations, self.endpoints):
            part.add_routes(control)
        for source in (History(self.jobs, self.blobs), self.tracking):
            source.add_routes(data)
        self.endpoints.add_scoring_routes(scoring)
        self.server.planes = [
            Plane("management.azure.com", control, entra.MANAGEMENT),
            Plane(DATA_PLANE, data, entra.WORKSPACE),
            Plane(INFERENCE, scoring, ()),  # an endpoint's own keys
            Plane(entra.HOST, self.identity.router(), ()),
        ]

    async def _server_port(self) -> int:
        return self.server.port

    async def _blob_port(self) -> int:
        return await asyncio.to_thread(self.blobs.wait)

    def start(self) -> Self:
        """Start everything; the blob store may take a moment longer, and its first caller waits for it."""
        try:
            self.blobs.start()
            self._threads.run(self.server.start(self.certificates.server_context()))
            self._threads.run(self.proxy.start())
        except BaseException:
            self.close()
            raise
        self.runner.variables = self.network_variables()
        return self

    def reset(self) -> None:
        """Begin again with an empty workspace; server, proxy and blob store go on, tokens stay valid."""
        for stop in (self.runner.stop_all, self.endpoints.servers.close, self.tracking.close):
            stop()
        with self.clock.lock:
            self.clock.reset()
            self._assemble()
        self.runner.variables = self.network_variables()
        self.blobs.empty()
        self.faults.clear()
        self.identity.reset()
        self.proxy.refused.clear()
        self.log.clear()

    def close(self) -> None:
        """Stop every process and remove every file; harmless when done twice."""
        if not self.folder.exists():
            return
        for stop in (
            self.runner.stop_all,
            self.endpoints.servers.close,
            self.tracking.close,
            self.blobs.stop,
        ):
            stop()
        for part in (self.proxy, self.server):
            with contextlib.suppress(TimeoutError):
                self._threads.run(part.stop(), 10)
        self._threads.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def network_variables(self) -> dict[str, str]:
        """Return the standard variables that lead a process here: proxy and CA."""
        proxy, direct = f"http://127.0.0.1:{self.proxy.port}", "127.0.0.1,localhost"
        bundle = str(self.certificates.bundle)
        upper = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "NO_PROXY": direct}
        lower = {name.lower(): value for name, value in upper.items()}  # which win where a user has them
        return upper | lower | {"REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}

    def variables(self) -> dict[str, str]:
        """Return all variables for a user of the service, with the credentials of an application."""
        identity = {
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT_ID,
            "AZURE_CLIENT_SECRET": self.identity.secret,
        }
        return self.network_variables() | identity

    @property
    def workspace_names(self) -> dict[str, str]:
        """The arguments that MLClient wants beside a credential."""
        return {"subscription_id": SUBSCRIPTION, "resource_group_name": GROUP, "workspace_name": WORKSPACE}

    @property
    def region(self) -> str:
        """Where the workspace is."""
        return REGION

    @property
    def refused(self) -> list[str]:
        """What the proxy was asked for and is not of this service; empty when all is well."""
        return self.proxy.refused

    def job(self, name: str) -> Job:
        """Return a job as the service sees it."""
        return self.jobs.by_name[name]

    def cancel(self, name: str) -> None:
        """Cancel a job from outside, as somebody does in the studio."""
        with self.clock.lock:
            self.lifecycle.cancel(self.job(name))

    def fail(self, name: str, message: str = "The node ran out of memory.") -> None:
        """Let a job fail now."""
        with self.clock.lock:
            self.lifecycle.fail(self.job(name), message)

    def preempt(self, name: str) -> None:
        """Take a running job's node away."""
        with self.clock.lock:
            self.lifecycle.preempt(self.job(name))
