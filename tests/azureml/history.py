"""The data plane's run history: discovery, run details, resolved outputs and artifacts."""

import asyncio

from tests.azureml.blobs import ARTIFACTS, CONTAINERS, Blobs
from tests.azureml.jobs import Jobs
from tests.azureml.lifecycle import Job
from tests.azureml.limits import check_artifacts
from tests.azureml.runner import output_place
from tests.azureml.store import GROUP, SCOPE_TEMPLATE, SUBSCRIPTION, WORKSPACE
from tests.azureml.wire import Call, Json, Reply, Router, not_found
from tests.azureml.workspace import DATA_PLANE

KEYS = (
    "api",
    "experimentation",
    "history",
    "hyperdrive",
    "labeling",
    "modelmanagement",
    "pipelines",
    "studio",
)
BUILD_LOG = "azureml-logs/20_image_build_log.txt"
OUTPUT_TYPES = {"mlflow_model": "MLFlowModel", "custom_model": "CustomModel"}


class History:
    """What the data plane says of runs; the bytes themselves are in the blob store."""

    def __init__(self, jobs: Jobs, blobs: Blobs) -> None:
        self.jobs, self.blobs = jobs, blobs

    def add_routes(self, router: Router) -> None:
        """Add the operations."""
        runs = f"/history/v1.0{SCOPE_TEMPLATE}"
        artifacts = f"{runs}/{{by}}/{{experiment}}/runs/{{job}}/artifacts"
        router.add("discovery", "GET", "/discovery", self._discovery, anonymous=True)
        router.add("history.rundata", "POST", f"{runs}/rundata", self._run_data)
        router.add("history.details", "GET", f"{runs}/runs/{{job}}/details", self._details)
        router.add("data.uris", "POST", f"/data/v1.0{SCOPE_TEMPLATE}/dataversion/batchGetResolvedUris", self._resolve)
        router.add("artifacts.list", "GET", artifacts, self._list)
        router.add("artifacts.list", "GET", f"{artifacts}/path", self._list)
        router.add("artifacts.content", "GET", f"{artifacts}/contentinfo", self._content)
        router.add("artifacts.create", "POST", f"{artifacts}/batch/metadata", self._create)

    def _discovery(self, _call: Call) -> Reply:
        return Reply(body=dict.fromkeys(KEYS, f"https://{DATA_PLANE}"))

    def _run_data(self, call: Call) -> Reply:
        job = self.jobs.find(call.body["runId"])
        outputs = {"default": {"assetId": _asset_id(job, "default"), "type": "uri_folder"}}
        for name, given in (job.spec.get("outputs") or {}).items():
            kind = OUTPUT_TYPES.get(given["jobOutputType"], given["jobOutputType"])
            outputs[name] = {"assetId": _asset_id(job, name), "type": kind}
        metadata = self._metadata(job) | {"outputs": outputs}
        return Reply(body={"runMetadata": metadata, "runDefinition": None, "jobSpecification": None})

    def _metadata(self, job: Job) -> Json:
        stamp = self.jobs.lifecycle.clock.stamp
        return {
            "runId": job.name,
            "displayName": job.spec["displayName"],
            "status": job.status,
            "createdUtc": stamp(job.created),
            "startTimeUtc": job.started and stamp(job.started),
            "endTimeUtc": job.ended and stamp(job.ended),
            "tags": job.spec["tags"],
            "properties": job.spec["properties"],
            "error": _error(job),
        }

    async def _details(self, call: Call) -> Reply:
        job = self.jobs.find(call.names["job"])
        logs = await asyncio.to_thread(self._logs, job)
        stamp = self.jobs.lifecycle.clock.stamp
        return Reply(
            body={
                "runId": job.name,
                "status": job.status,
                "startTimeUtc": job.started and stamp(job.started),
                "endTimeUtc": job.ended and stamp(job.ended),
                "error": _error(job),
                "logFiles": logs,
                "warnings": [],
            }
        )

    def _logs(self, job: Job) -> Json:
        """Return the addresses of a job's logs; that of the image's build is there as soon as the build has begun."""
        if job.extra.get("image_build"):
            text = f"Step 1/14 : FROM ubuntu\nthe image of {job.spec['environmentId']}\n"
            self.blobs.container(ARTIFACTS).upload_blob(f"{_place(job.name)}/{BUILD_LOG}", text, overwrite=True)
        names = self.blobs.names(ARTIFACTS, f"{_place(job.name)}/")
        paths = (name.removeprefix(f"{_place(job.name)}/") for name in names)
        logs = [path for path in paths if path.startswith(("azureml-logs/", "user_logs/"))]
        return {path: self.blobs.signed_url(ARTIFACTS, f"{_place(job.name)}/{path}") for path in logs}

    def _resolve(self, call: Call) -> Reply:
        values = {asset: {"uri": self._resolved(asset), "type": "uri_folder"} for asset in call.body["values"]}
        return Reply(body={"values": values})

    def _resolved(self, asset: str) -> str:
        _, _, rest = asset.partition("/data/loopback_")
        job, _, output = rest.partition("_output_data_")
        self.jobs.find(job)
        container, prefix = output_place(job, output.partition("/")[0])
        datastore = next(name for name, known in CONTAINERS.items() if known == container)
        scope = f"subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/workspaces/{WORKSPACE}"
        return f"azureml://{scope}/datastores/{datastore}/paths/{prefix}/"

    async def _list(self, call: Call) -> Reply:
        run = call.names["job"]
        prefix = _place(run)
        names = await asyncio.to_thread(self.blobs.names, ARTIFACTS, prefix)
        wanted = call.query("path") or ""
        paths = [name.removeprefix(f"{prefix}/") for name in names]
        return Reply(body={"value": [_artifact(run, path) for path in paths if path.startswith(wanted)]})

    async def _content(self, call: Call) -> Reply:
        run, path = call.names["job"], str(call.query("path"))
        name = f"{_place(run)}/{path}"
        if name not in await asyncio.to_thread(self.blobs.names, ARTIFACTS, name):
            raise not_found(f"artifact {path!r} of run {run}")
        url = await asyncio.to_thread(self.blobs.signed_url, ARTIFACTS, name)
        return Reply(body=_artifact(run, path) | {"contentUri": url})

    async def _create(self, call: Call) -> Reply:
        run, paths = call.names["job"], [one["path"] for one in call.body["paths"]]
        check_artifacts(paths)
        await asyncio.to_thread(self.blobs.wait)
        content = {
            path: _artifact(run, path)
            | {"contentUri": self.blobs.signed_url(ARTIFACTS, f"{_place(run)}/{path}", write=True)}
            for path in paths
        }
        artifacts = {path: _artifact(run, path) for path in paths}
        return Reply(body={"artifacts": artifacts, "artifactContentInformation": content, "errors": {}})


def _place(run: str) -> str:
    return output_place(run, "default")[1]


def _artifact(run: str, path: str) -> Json:
    return {
        "artifactId": f"{_place(run)}/{path}",
        "origin": "ExperimentRun",
        "container": f"dcid.{run}",
        "path": path,
        "tags": {},
    }


def _asset_id(job: Job, output: str) -> str:
    return f"azureml://locations/loopback/workspaces/loopback/data/loopback_{job.name}_output_data_{output}/versions/1"


def _error(job: Job) -> Json | None:
    if job.error is None:
        return None
    return {
        "error": {"details": []} | job.error,
        "time": "0001-01-01T00:00:00+00:00",
    }
