"""How a job looks from outside: the shapes that the service's recordings show."""

from tests.azureml.lifecycle import Job
from tests.azureml.store import SCOPE
from tests.azureml.wire import Json
from tests.azureml.workspace import TRACKING_URI


def describe(job: Job) -> Json:
    """Return the properties of a job as the service writes them, checked by eye against recordings."""
    spec = job.spec
    own = {"_azureml.ComputeTargetType": "amlctrain", "ContentSnapshotId": job.extra["snapshot"]}
    return {
        "description": spec["description"],
        "tags": spec["tags"],
        "properties": spec["properties"] | own,
        "displayName": spec["displayName"],
        "status": job.status,
        "experimentName": spec["experimentName"],
        "services": {
            "Tracking": _service("Tracking", f"{TRACKING_URI}?"),
            "Studio": _service("Studio", _studio(job)),
        },
        "computeId": spec.get("computeId"),
        "queueSettings": spec.get("queueSettings"),
        "isArchived": spec["isArchived"],
        "identity": spec.get("identity"),
        "componentId": None,
        "jobType": "Command",
        "resources": {
            "instanceCount": 1,
            "instanceType": None,
            "properties": None,
            "shmSize": "2g",
            "dockerArgs": None,
        }
        | (spec.get("resources") or {}),
        "codeId": spec.get("codeId"),
        "command": spec["command"],
        "environmentId": spec["environmentId"],
        "inputs": {name: _input(given) for name, given in (spec.get("inputs") or {}).items()},
        "outputs": _outputs(job),
        "distribution": spec.get("distribution"),
        "limits": spec.get("limits"),
        "environmentVariables": spec.get("environmentVariables") or {},
        "parameters": {},
    }


def essence(given: Json | None) -> Json:
    """Return what an input or output is, without what the service adds to it."""
    keys = ("uri", "value", "jobInputType", "jobOutputType")
    return {
        name: {key: one[key] for key in keys if one.get(key) is not None}
        for name, one in (given or {}).items()
        if name != "default"
    }


def _service(kind: str, endpoint: str) -> Json:
    return {
        "jobServiceType": kind,
        "port": None,
        "endpoint": endpoint,
        "status": None,
        "errorMessage": None,
        "properties": None,
    }


def _studio(job: Job) -> str:
    return f"https://ml.azure.com/runs/{job.name}?wsid={SCOPE}"


def _input(given: Json) -> Json:
    if given["jobInputType"] == "literal":
        return {"description": None, "jobInputType": "literal", "value": given["value"]}
    mode = given.get("mode") or "ReadOnlyMount"
    return {"description": None, "uri": given["uri"], "mode": mode, "jobInputType": given["jobInputType"]}


def _outputs(job: Job) -> Json:
    uri = f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{job.name}"
    named = job.spec.get("outputs") or {}
    return {name: _output(given) for name, given in (named | {"default": {"uri": uri}}).items()}


def _output(given: Json) -> Json:
    return {
        "description": None,
        "uri": given.get("uri"),
        "assetName": given.get("assetName"),
        "assetVersion": given.get("assetVersion"),
        "mode": given.get("mode") or "ReadWriteMount",
        "jobOutputType": given.get("jobOutputType") or "uri_folder",
    }
