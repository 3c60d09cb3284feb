"""
The MLflow part of the data plane: a real MLflow server, started when it is first asked for.

It differs from a bare server in what the service does differently: a job's run exists, is named like the job and
follows its state; artifacts live in the workspace's storage; some calls are not there; names and values have limits.
"""

import asyncio
import json
import os
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

import aiohttp

from tests.azureml.jobs import Jobs
from tests.azureml.lifecycle import Job
from tests.azureml.limits import RunSizes
from tests.azureml.processes import ChildError, Kept, free_port
from tests.azureml.store import SCOPE_TEMPLATE
from tests.azureml.wire import Call, Json, Reply, Router
from tests.azureml.workspace import TRACKING_URI

START_SECONDS = 180.0
MISSING = (
    "logged-models",
    "runs/outputs",
    "traces",
)  # the first is known to be missing, the others are guesses
STATES = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}


class Tracking:
    """One MLflow server on sqlite, behind the workspace's tracking address."""

    def __init__(self, folder: Path, jobs: Jobs) -> None:
        self.folder, self.jobs = folder / "mlflow", jobs
        self.port = 0
        self._process: Kept | None = None
        self._ready = False
        self._starting = threading.Lock()
        self._mirrored: dict[str, str] = {}
        self._sizes = RunSizes()
        self._order = asyncio.Lock()

    @property
    def started(self) -> bool:
        """Whether the server runs."""
        return self._ready

    def add_routes(self, router: Router) -> None:
        """Add the one route to the server, for every method it knows."""
        template = f"/mlflow/v2.0{SCOPE_TEMPLATE}/api/2.0/mlflow/{{rest:path}}"
        for method in ("GET", "POST", "PATCH", "DELETE", "PUT"):
            router.add("mlflow", method, template, self._forward)

    def close(self) -> None:
        """Stop the server."""
        if self._process:
            self._process.stop()

    def start(self) -> None:
        """Start the server if it does not run, and wait until it answers."""
        with self._starting:
            if not self.started:
                self._launch()

    def _launch(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.port = free_port()
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += [
            "--workers",
            "1",
            "--backend-store-uri",
            f"sqlite:///{self._database}",
            "--no-serve-artifacts",
        ]
        command += ["--default-artifact-root", _artifact_root("Default")]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self._process = Kept(command, self.folder / "server.log", os.environ | quiet)
        self._wait(self._process)
        with sqlite3.connect(self._database, timeout=30) as database:
            # MLflow appends the experiment's id, which the service's addresses do not have.
            database.execute("UPDATE experiments SET artifact_location = ?", (_artifact_root("Default"),))
        database.close()
        self._ready = True

    @property
    def _database(self) -> Path:
        return self.folder / "mlflow.db"

    def _wait(self, process: Kept) -> None:
        direct = build_opener(ProxyHandler({}))
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with direct.open(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return
            except (URLError, OSError):
                time.sleep(0.1)
        process.stop()
        raise ChildError(f"the MLflow server did not start:\n{process.tail()}")

    async def _forward(self, call: Call) -> Reply:
        rest = call.names["rest"]
        if rest.startswith(MISSING):
            return _refuse(404, "ENDPOINT_NOT_FOUND", f"no operation has the path {call.path}")
        if excess := self.find_excess(rest, call.body):
            return _refuse(400, "INVALID_PARAMETER_VALUE", excess)
        await asyncio.to_thread(self.start)
        async with self._order:
            await self._mirror_jobs()
        body = call.body
        if rest == "experiments/create":
            body = body | {"artifact_location": _artifact_root(body.get("name", ""))}
        return await self._ask(call.method, rest, body, call.query_string)

    def find_excess(self, rest: str, body: Json) -> str | None:
        """Return why the service refuses a call whose names or values are over its limits."""
        job = self.jobs.by_name.get(str(body.get("run_id")))
        return self._sizes.find_excess(rest, body, job.spec["tags"] if job else ())

    async def _ask(self, method: str, rest: str, body: Any, query: str = "") -> Reply:
        url = f"http://127.0.0.1:{self.port}/api/2.0/mlflow/{rest}" + (f"?{query}" if query else "")
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, json=body or None) as response,
        ):
            content = await response.read()
            return Reply(response.status, headers={"Content-Type": response.content_type}, content=content)

    async def _mirror_jobs(self) -> None:
        for job in list(self.jobs.by_name.values()):
            state = STATES.get(job.status, "RUNNING" if job.started else "SCHEDULED")
            if job.name not in self._mirrored:
                await self._create_run(job)
            if self._mirrored.get(job.name) != state:
                update: Json = {"run_id": job.name, "status": state}
                if job.ended:
                    update["end_time"] = int(job.ended * 1000)
                await self._ask("POST", "runs/update", update)
                self._mirrored[job.name] = state

    async def _create_run(self, job: Job) -> None:
        experiment = await self._experiment(job.spec["experimentName"])
        tags = {"mlflow.runName": job.spec["displayName"], "mlflow.user": "loopback"} | job.spec["tags"]
        body = {
            "experiment_id": experiment,
            "start_time": int((job.started or job.created) * 1000),
            "run_name": job.spec["displayName"],
            "tags": [{"key": key, "value": str(value)} for key, value in tags.items()],
        }
        created = _json(await self._ask("POST", "runs/create", body))
        await asyncio.to_thread(self._rename, created["run"]["info"]["run_id"], job.name)
        self._mirrored[job.name] = "RUNNING"

    async def _experiment(self, name: str) -> str:
        found = await self._ask("GET", "experiments/get-by-name", None, f"experiment_name={quote(name)}")
        if found.status == 200:
            return str(_json(found)["experiment"]["experiment_id"])
        body = {"name": name, "artifact_location": _artifact_root(name)}
        return str(_json(await self._ask("POST", "experiments/create", body))["experiment_id"])

    def _rename(self, old: str, new: str) -> None:
        """Give a run the job's name: the server has no call for it, so its tables are changed."""
        database = sqlite3.connect(self._database, timeout=30)
        with database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
                if "run_uuid" in columns:
                    database.execute(f"UPDATE {table} SET run_uuid = ? WHERE run_uuid = ?", (new, old))
            replace = "UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?) WHERE run_uuid = ?"
            database.execute(replace, (old, new, new))
        database.close()


def _artifact_root(experiment: str) -> str:
    return f"{TRACKING_URI}/experiments/{quote(experiment)}/runs"


def _json(reply: Reply) -> Json:
    parsed: Json = json.loads(reply.content or b"{}")
    if reply.status != 200:
        raise ChildError(f"the MLflow server answered {reply.status}: {parsed}")
    return parsed


def _refuse(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error_code": code, "message": message})
