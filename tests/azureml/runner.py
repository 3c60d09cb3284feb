"""Runs a job's command for real: its code and data come from the blob store, and its outputs go there."""

import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.azureml.blobs import ARTIFACTS, DATA, Blobs
from tests.azureml.environments import (
    PIP,
    SITE_CUSTOMIZE,
    EnvironmentMismatch,
    check_definition,
    describe_hidden,
    find_curated,
)
from tests.azureml.identity import Identity
from tests.azureml.lifecycle import Job
from tests.azureml.processes import Kept
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE, Store
from tests.azureml.wire import Json
from tests.azureml.workspace import DATA_PLANE, TRACKING_URI

LOG_SECONDS = 0.2
JOB_TOKEN_SECONDS = 7 * 24 * 3600


@dataclass
class Run:
    """One attempt at a job: its folders, and its process once there is one."""

    folder: Path
    stopped: threading.Event = field(default_factory=threading.Event)
    process: Kept | None = None
    shown: int = 0

    def __post_init__(self) -> None:
        for name in ("code", "site", "home", "logs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)


class CommandRunner:
    """
    Runs commands with this interpreter, each in a folder of its own.

    Attributes
    ----------
    variables : dict
        The proxy and CA variables that every job gets.

    """

    def __init__(self, folder: Path, store: Store, blobs: Blobs, identity: Identity) -> None:
        self.folder, self.store, self.blobs, self.identity = folder, store, blobs, identity
        self.variables: dict[str, str] = {}
        shutil.rmtree(folder / "mounts", ignore_errors=True)  # of the workspace before this one
        self._runs: dict[str, Run] = {}

    def start(self, job: Job, done: Callable[[str | None], None]) -> None:
        """Run the command in a thread; `done` hears of its end."""
        run = self._runs[job.name] = Run(self.folder / job.name / str(job.attempt))
        threading.Thread(target=self._attempt, args=(job, run, done), name=f"job {job.name}", daemon=True).start()

    def stop(self, job: Job) -> None:
        """End the command, if it runs."""
        if run := self._runs.pop(job.name, None):
            run.stopped.set()
            if run.process:
                run.process.stop()

    def stop_all(self) -> None:
        """End every command."""
        for run in list(self._runs.values()):
            run.stopped.set()
            if run.process:
                run.process.stop()

    @property
    def running(self) -> list[str]:
        """The jobs whose commands run."""
        return [name for name, run in self._runs.items() if run.process and run.process.poll() is None]

    def deposit(self, job: Job) -> None:
        """Store what a simulated job leaves behind."""
        for output, files in job.behaviour.files.items():
            container, prefix = output_place(job.name, output)
            for name, contents in files.items():
                path = f"{prefix}/outputs/{name}" if output == "default" else f"{prefix}/{name}"
                self.blobs.container(container).upload_blob(path, contents, overwrite=True)

    def _attempt(self, job: Job, run: Run, done: Callable[[str | None], None]) -> None:
        try:
            error = self._execute(job, run)
        except Exception as reason:  # noqa: BLE001 - whatever it was, the job has failed and says why
            error = str(reason)
            (run.folder / "logs/std_log.txt").write_text(error + "\n")
        if run.stopped.is_set():
            return
        self._collect(job, run)
        done(error)
        shutil.rmtree(run.folder, ignore_errors=True)

    def _execute(self, job: Job, run: Run) -> str | None:
        named = self._check_environment(job)
        code = self.store.find(job.spec.get("codeId") or "")
        if code:
            self.blobs.download(code.properties["codeUri"], run.folder / "code")
        inputs = {name: self._fetch(run, name, given) for name, given in (job.spec.get("inputs") or {}).items()}
        outputs = {name: str(mount) for name, mount in self._mounts(job).items()}
        command = substitute(job.spec["command"], inputs, outputs)
        env = self._variables(job, run, inputs, outputs) | {"LOOPBACK_HIDDEN": describe_hidden(named)}
        if run.stopped.is_set():
            return None
        shell = shutil.which("bash") or "sh"
        run.process = Kept([shell, "-c", command], run.folder / "logs/std_log.txt", env, run.folder / "code")
        if run.stopped.is_set():
            run.process.stop()
        while run.process.poll() is None:
            self._show_log(job, run)
            run.stopped.wait(LOG_SECONDS)
        code_of_exit = run.process.wait()
        run.process.stop()
        if code_of_exit == 0:
            return None
        return f"Execution failed. User process exited with code {code_of_exit}. {run.process.tail(5)}"

    def _show_log(self, job: Job, run: Run) -> None:
        """Let the log of a command that runs be read, as far as it has come."""
        content = (run.folder / "logs/std_log.txt").read_bytes()
        if len(content) > run.shown:
            run.shown = len(content)
            container, prefix = output_place(job.name, "default")
            self.blobs.container(container).upload_blob(f"{prefix}/user_logs/std_log.txt", content, overwrite=True)

    def _check_environment(self, job: Job) -> frozenset[str]:
        if curated := find_curated(job.spec["environmentId"]):
            return curated
        definition = self.store.get(job.spec["environmentId"]).properties
        if not definition.get("condaFile"):
            raise EnvironmentMismatch("the environment has no conda file, so nothing says what is in it")
        return check_definition(definition["condaFile"])

    def _fetch(self, run: Run, name: str, given: Json) -> str:
        if given["jobInputType"] == "literal":
            return str(given["value"])
        uri = given["uri"]
        asset = self.store.find(uri)
        return str(self.blobs.download(asset.properties["dataUri"] if asset else uri, run.folder / "inputs" / name))

    def _variables(self, job: Job, run: Run, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, str]:
        token = self.identity.issue("https://ml.azure.com", JOB_TOKEN_SECONDS)
        (run.folder / "site/sitecustomize.py").write_text(SITE_CUSTOMIZE)
        (run.folder / "site/pip.py").write_text(PIP)
        own = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(run.folder / "home"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(run.folder / "site"),
            "LOOPBACK_OUTPUTS": str(run.folder / "code/outputs"),
            "LOOPBACK_INSTALLED": str(run.folder / "installed"),
            "AZUREML_CURRENT_CLOUD": "AzureCloud",
            "AZUREML_RUN_ID": job.name,
            "AZUREML_RUN_TOKEN": token,
            "AZUREML_EXPERIMENT_ID": str(job.extra["snapshot"]),
            "AZUREML_ARM_SUBSCRIPTION": SUBSCRIPTION,
            "AZUREML_ARM_RESOURCEGROUP": GROUP,
            "AZUREML_ARM_WORKSPACE_NAME": WORKSPACE,
            "AZUREML_ARM_PROJECT_NAME": job.spec["experimentName"],
            "AZUREML_SERVICE_ENDPOINT": f"https://{DATA_PLANE}",
            "MLFLOW_TRACKING_URI": TRACKING_URI,
            "MLFLOW_TRACKING_TOKEN": token,
            "MLFLOW_RUN_ID": job.name,
            "MLFLOW_EXPERIMENT_NAME": job.spec["experimentName"],
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        own |= {f"AZURE_ML_INPUT_{name}": value for name, value in inputs.items()}
        own |= {f"AZURE_ML_OUTPUT_{name}": value for name, value in outputs.items()}
        return own | self.variables | (job.spec.get("environmentVariables") or {})

    def _collect(self, job: Job, run: Run) -> None:
        default = output_place(job.name, "default")
        self.blobs.upload(run.folder / "logs", default[0], f"{default[1]}/user_logs")
        if (run.folder / "code/outputs").is_dir():
            self.blobs.upload(run.folder / "code/outputs", default[0], f"{default[1]}/outputs")
        for name, given in (job.spec.get("outputs") or {}).items():
            self.blobs.upload(self._mounts(job)[name], *self._place(job, name, given))

    def _mounts(self, job: Job) -> dict[str, Path]:
        """Return the folders of the named outputs: mounted from the store, which keeps what a lost node had written."""
        mounts = {}
        for name, given in (job.spec.get("outputs") or {}).items():
            mounts[name] = self.folder.joinpath("mounts", *self._place(job, name, given))
            mounts[name].mkdir(parents=True, exist_ok=True)
        return mounts

    def _place(self, job: Job, name: str, given: Json) -> tuple[str, str]:
        return self.blobs.locate(given["uri"]) if given.get("uri") else output_place(job.name, name)


def output_place(job: str, output: str) -> tuple[str, str]:
    """Return container and prefix of a job's output; "default" is where logs and artifacts are."""
    if output == "default":
        return ARTIFACTS, f"ExperimentRun/dcid.{job}"
    return DATA, f"azureml/{job}/{output}"


def substitute(command: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    """Put values and paths for ${{inputs.x}} and ${{outputs.x}}; an unknown name is an error."""

    def value(found: re.Match[str]) -> str:
        kind, name = found[1], found[2]
        known = inputs if kind == "inputs" else outputs
        if name not in known:
            raise EnvironmentMismatch(f"the command speaks of {kind}.{name}; there is {sorted(known) or 'none'}")
        return known[name]

    return re.sub(r"\$\{\{\s*(inputs|outputs)\.(\w+)\s*\}\}", value, command)
