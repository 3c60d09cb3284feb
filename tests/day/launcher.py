"""
A process that launches the cells of the day, as the launcher of a sweep does it.

    python -m tests.day.launcher FOLDER

FOLDER holds day.json and the clock's socket; the cells' folders are made in it. Its status is 0 where every cell has
been told, and 1 where the launch stopped.
"""

import json
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from azure.ai.ml import MLClient
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import EnvironmentCredential

from bikeml.azure.jobs.executor import Executor
from bikeml.azure.jobs.service import Job, Request
from bikeml.azure.workspace import login
from bikeml.azure.workspace.artifacts import Artifacts
from bikeml.azure.workspace.client import Workspace
from bikeml.azure.workspace.connection import RETRIES
from bikeml.config.azure import AzureConfig
from bikeml.errors import ClusterError
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE
from tests.day.moved import MovedClock
from tests.day.plan import Plan
from tests.launches import POLICY, request_of

ROOT = Path(__file__).parents[2]
NAMES = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
REQUEST_SECONDS = 0.1
"""What a request takes: ten threads that ask for a second each."""
TABLE = b"temp,rentals\n0.3,100\n0.4,200\n"


class MovedTransport(RequestsTransport):
    """Requests that take moved time, and waits for Retry-After that take no other."""

    def __init__(self, clock: MovedClock) -> None:
        super().__init__()
        self._clock = clock

    def send(self, request: Any, **options: Any) -> Any:
        """Send a request when its time has passed."""
        self._clock.sleep(REQUEST_SECONDS)
        return super().send(request, **options)

    def sleep(self, duration: float) -> None:
        """Wait as a retry or a poll wants it."""
        self._clock.sleep(duration)


class FreshCredential:
    """Gives a token of an hour of moved time; each is asked for anew, since msal's cache reads the machine's clock."""

    def __init__(self, clock: MovedClock) -> None:
        self._clock = clock

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        """Return a new token."""
        with EnvironmentCredential() as credential:
            token = credential.get_token(*scopes)
        lifetime = token.expires_on - time.time()
        return AccessToken(token.token, int(self._clock.time() + lifetime))


class OldCredential(login.CachedCredential):
    """Calls each token old, so that azure-core asks the cache of ours and trusts no cache of its own."""

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """Return a token that is good for some minutes of moved time."""
        return AccessToken(super().get_token(*scopes, **options).token, 0)


class Teller:
    """Writes what becomes of each cell into its folder."""

    def stands(self, request: Request, job: Job) -> None:
        """Take how a cell's job stands now."""

    def ended(self, request: Request, failure: str | None) -> None:
        """Write why there is no result."""
        request.folder.mkdir(parents=True, exist_ok=True)
        (request.folder / "told.txt").write_text(failure or "fetched")

    def delayed(self, request: Request, reason: str) -> None:
        """Write why there is no result yet."""
        self.ended(request, reason)

    def waits(self, reason: str) -> None:
        """Say what keeps the launch from going on."""
        show(reason)


def connect(clock: MovedClock, nodes: int) -> Workspace:
    """Return the workspace, with every wait in moved time."""
    login.time = clock  # type: ignore[assignment]
    credential = OldCredential()
    credential._credential = FreshCredential(clock)
    client = MLClient(credential, *NAMES.values(), show_progress=False, transport=MovedTransport(clock), **RETRIES)
    config = yaml.safe_load((ROOT / "conf/azure/workspace.yaml").read_text())
    config["compute"]["max_instances"] = nodes
    workspace = Workspace(client, credential, AzureConfig(**config | NAMES))
    workspace._artifacts = Artifacts(workspace._open_artifacts, clock)
    return workspace


def build_requests(plan: Plan, folder: Path) -> list[Request]:
    """Return the cells as jobs."""
    table = sha256(TABLE).hexdigest()
    return [request_of(number, key, folder / "cells", table) for number, key in enumerate(plan.fingerprints())]


def launch(plan: Plan, folder: Path) -> None:
    """Launch the cells; raises ClusterError where the workspace keeps it from going on."""
    clock = MovedClock(str(folder / "clock"))
    workspace = connect(clock, plan.nodes)
    code, table = folder / "code", folder / "table.csv"
    code.mkdir(exist_ok=True)
    (code / "code.py").write_text("pass\n")
    table.write_bytes(TABLE)
    tables = {sha256(TABLE).hexdigest(): table}
    conda = "dependencies:\n- python=3.11\n- pip:\n  - pyyaml==6.0\n"

    def prepare(_requests: object) -> None:
        workspace.prepare(code, conda, tables, POLICY.timeout_minutes)

    parallel = plan.cells // 10  # so that submissions go on all day
    policy = replace(POLICY, poll_seconds=1200, patience_minutes=60, max_parallel_jobs=parallel)
    Executor(workspace, policy, Teller(), prepare, clock).run(build_requests(plan, folder))


def show(line: str) -> None:
    """Write a line into the log, where it stays when the process is killed."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Launch, and say what stopped it."""
    folder = Path(sys.argv[1])
    try:
        launch(Plan(**json.loads((folder / "day.json").read_text())), folder)
    except ClusterError as error:
        show(f"stopped: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
