"""Call an Azure ML workspace by azure-ai-ml; it is a Service of :mod:`bikeml.azure.jobs.service`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from azure.ai.ml import Input, MLClient, Output, command
from azure.ai.ml.entities import (
    AccountKeyConfiguration,
    CommandJobLimits,
    Data,
    Environment,
    JobResourceConfiguration,
    ManagedIdentityConfiguration,
    QueueSettings,
    SasTokenConfiguration,
    UserIdentityConfiguration,
)
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from bikeml.azure.jobs.limits import DATA_VERSION
from bikeml.azure.jobs.service import Job, Request, ServiceError
from bikeml.azure.jobs.verdict import Verdict, find_last_words, read_verdict
from bikeml.azure.workspace.artifacts import Artifacts
from bikeml.azure.workspace.cluster import Cluster
from bikeml.azure.workspace.login import CachedCredential
from bikeml.azure.workspace.refusals import service_errors
from bikeml.azure.workspace.requirements import environment_version
from bikeml.config.azure import AzureConfig
from bikeml.system.redaction import learn_value, redact

ARTIFACTS = "workspaceartifactstore"
TABLE, TEST_TABLE, CHECKPOINTS = "table", "test_table", "checkpoints"
CHECKPOINTS_PATH = "azureml://datastores/workspaceblobstore/paths/bikeml/checkpoints"
SHA256_TAG = "sha256"
"""The tag of a data asset with the whole hash of the table."""
BUILD_LOG = "20_image_build_log.txt"
IDENTITIES = {"user": UserIdentityConfiguration(), "managed": ManagedIdentityConfiguration(), "none": None}


class Workspace:
    """A workspace; every call raises ServiceError. It may be used from several threads."""

    def __init__(self, client: MLClient, credential: CachedCredential, config: AzureConfig) -> None:
        self._client, self._credential, self._config = client, credential, config
        self._cluster = Cluster(client, config)
        self._code: str | None = None
        self._lock = Lock()
        self._environment = ""
        self._timeout_seconds = 0
        self._artifacts = Artifacts(self._open_artifacts)

    @property
    def ml_client(self) -> MLClient:
        """The client of azure-ai-ml, for models and endpoints."""
        return self._client

    @property
    def tracking_uri(self) -> str:
        """The address of its MLflow store."""
        with service_errors("find the workspace's MLflow store"):
            return str(self._client.workspaces.get(self._client.workspace_name).mlflow_tracking_uri)

    def prepare(self, code: Path, conda: str | None, tables: Mapping[str, Path], timeout_minutes: int) -> None:
        """
        Make what is missing of the cluster, the environment of a `conda` file, and the tables by sha256.

        The `code` folder is uploaded with the first job.
        """
        self._local_code, self._timeout_seconds = code, timeout_minutes * 60
        self.make_cluster()
        self._environment = self._config.environment if conda is None else self._make_environment(conda, code.parent)
        for sha256, file in tables.items():
            self.register_table(sha256, file)

    def _make_environment(self, conda: str, folder: Path) -> str:
        """Register an environment, with `folder` for its file, and return name:version."""
        name, image = self._config.environment, self._config.image
        version, conda_file = environment_version(conda, image), folder / "conda.yaml"
        with service_errors(f"make the environment {name!r}"):
            conda_file.write_text(conda, encoding="utf-8")
            made = Environment(name=name, version=version, image=image, conda_file=conda_file)
            self._client.environments.create_or_update(made)
        return f"{name}:{version}"

    def make_cluster(self) -> None:
        """Make the cluster of the config if there is none of its name."""
        self._cluster.make()

    def register_table(self, sha256: str, file: Path) -> str:
        """
        Register a table if it is missing, and return its name and version.

        The version has only the beginning of the sha256. The tag has all of it: it shows whether the version is another
        table, which raises ServiceError.
        """
        name, version = self._config.data, table_version(sha256)
        with service_errors(f"register the table as {name!r}"):
            try:
                known = (self._client.data.get(name, version=version).tags or {}).get(SHA256_TAG)
                if known != sha256:
                    raise ServiceError(
                        f"version {version} of data {name!r} in the workspace is another table: its tag {SHA256_TAG} "
                        f"is {known!r}, not {sha256!r}; choose another name with azure.data=NAME",
                        temporary=False,
                    )
            except ResourceNotFoundError:
                table = Data(name=name, version=version, path=str(file), type="uri_file", tags={SHA256_TAG: sha256})
                self._client.data.create_or_update(table)
        return f"{name}:{version}"

    def put_job(self, request: Request, tags: Mapping[str, str]) -> Job:
        """Submit a job; the first one uploads the code, and the others refer to it."""
        with service_errors(f"submit job {request.name}"):
            if self._code is not None:
                return _job(
                    self._client.jobs.create_or_update(self._build(request, tags, self._code), skip_validation=True)
                )
            with self._lock:  # two at once would upload it twice
                code = self._code or str(self._local_code)
                made = self._client.jobs.create_or_update(self._build(request, tags, code))
                self._code = str(made.code)
                return _job(made)

    def _build(self, request: Request, tags: Mapping[str, str], code: str) -> Any:  # noqa: ANN401  azure's builder
        compute = self._config.compute
        tables = {TABLE: request.table, TEST_TABLE: request.test_table}
        job = command(
            name=request.name,
            display_name=request.display_name,
            experiment_name=request.experiment_name,
            command=request.command,
            code=code,
            environment=self._environment,
            inputs={name: self._input(sha256) for name, sha256 in tables.items() if sha256 is not None},
            outputs={CHECKPOINTS: _checkpoints(request.fingerprint)} if request.checkpoints else {},
            compute=compute.name,
            tags=dict(tags),
            identity=IDENTITIES[self._config.identity],
        )
        if compute.name is None:
            job.resources = JobResourceConfiguration(instance_type=compute.size, instance_count=1)
            job.queue_settings = QueueSettings(job_tier="spot" if compute.tier == "low_priority" else "standard")
        job.limits = CommandJobLimits(timeout=self._timeout_seconds)
        return job

    def _input(self, sha256: str) -> Input:
        return Input(type="uri_file", path=f"azureml:{self._config.data}:{table_version(sha256)}")

    def get_job(self, name: str) -> Job | None:
        """Return the job of that name, or None."""
        with service_errors(f"look at job {name}"):
            try:
                return _job(self._client.jobs.get(name))
            except ResourceNotFoundError:
                return None

    def list_jobs(self, tag: str) -> Iterable[Job]:
        """Yield all jobs that have a tag of that key, archived ones included."""
        with service_errors("list the sweep's jobs"):
            for found in self._client.jobs.list(list_view_type="All", tag=tag):
                if found is not None:  # a kind that the client cannot read, so not ours
                    yield _job(found)

    def cancel_job(self, name: str) -> None:
        """Ask for a job's end."""
        with service_errors(f"cancel job {name}"):
            self._client.jobs.begin_cancel(name, polling=False)

    def fetch_result(self, name: str, files: Iterable[str], folder: Path) -> None:
        """Bring those of `files` that are in a job's run folder."""
        with service_errors(f"fetch the result of job {name}"):
            for file in files:
                content = self._artifacts.read(f"ExperimentRun/dcid.{name}/outputs/{file}")
                if content is not None:
                    (folder / file).write_bytes(content)

    def find_verdict(self, name: str) -> Verdict:
        """Return what the run history says of a job's end."""
        with service_errors(f"ask why job {name} ended"):
            details = self._details(name)
            began, ended = details.start_time_utc, details.end_time_utc
            minutes = (ended - began).total_seconds() / 60 if began and ended else None
            return read_verdict(details.error.error if details.error else None, minutes)

    def read_last_words(self, name: str) -> str:
        """Return the last lines of a job's log, or only bikeml's last message if it is the error."""
        with service_errors(f"read the log of job {name}"):
            log = self._artifacts.read(f"ExperimentRun/dcid.{name}/user_logs/std_log.txt") or b""
            return redact("\n".join(find_last_words(log.decode(errors="replace").strip().splitlines())))

    def read_file(self, name: str, file: str) -> bytes | None:
        """Return the present content of a job's file, or None if it has no such file."""
        with service_errors(f"read {file} of job {name}"):
            return self._artifacts.read(f"ExperimentRun/dcid.{name}/{file}")

    def find_build_log(self, name: str) -> str | None:
        """Return the name of the job's file that logs the build of its image, or None."""
        with service_errors(f"ask what job {name} waits for"):
            return next((file for file in self._details(name).log_files or {} if file.endswith(BUILD_LOG)), None)

    def explain_queue(self) -> str | None:
        """Return, in the cluster's own words, why it has no more nodes; None if it does not say."""
        return self._cluster.explain_queue()

    def _details(self, name: str) -> Any:  # noqa: ANN401  azure's own model
        # azure-ai-ml 1.35 has no public way to it but streaming the whole log
        return self._client.jobs._runs_operations.get_run_details(name)  # noqa: SLF001

    def _open_artifacts(self) -> ContainerClient:
        store = self._client.datastores.get(ARTIFACTS, include_secrets=True)
        secret: Any = self._credential
        if isinstance(store.credentials, AccountKeyConfiguration):
            secret = store.credentials.account_key
        elif isinstance(store.credentials, SasTokenConfiguration):
            secret = store.credentials.sas_token
        if isinstance(secret, str):
            learn_value(secret)
        address = f"{store.protocol}://{store.account_name}.blob.{store.endpoint}"
        return ContainerClient(address, store.container_name, credential=secret)


def table_version(sha256: str) -> str:
    """Return the version of a table's data asset: the same for everybody who has the table."""
    return sha256[:DATA_VERSION]


def _checkpoints(fingerprint: str) -> Output:
    """Return the place of a search's checkpoints: one for all jobs of a cell, so that a later job goes on there."""
    return Output(type="uri_folder", mode="rw_mount", path=f"{CHECKPOINTS_PATH}/{fingerprint}")


def _job(found: Any) -> Job:  # noqa: ANN401  azure-ai-ml has a class for each kind of job
    status = getattr(found.status, "value", found.status)  # a member of an enumeration if the client knows it
    seconds = found.limits.timeout if getattr(found, "limits", None) else None
    minutes = float(seconds) / 60 if seconds else None
    return Job(str(found.name), str(status), dict(found.tags or {}), str(found.studio_url or ""), minutes)
