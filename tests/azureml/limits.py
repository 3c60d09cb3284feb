"""
The documented limits of the names and values that are sent, as one table, refused in the service's words.

Where the numbers come from:

    docs    "Service limits in Azure Machine Learning" (resource-limits-capacity): experiments, runs, metrics, artifacts
    quotas  "Manage and increase quotas and limits for resources" (how-to-manage-quotas): endpoints and deployments
    rest    the patterns of names in Azure ML's REST interface
    #295    Azure/azureml-assets: "Argument 'version' exceeded maximum length of 30 for DatasetId"
    #111551 MicrosoftDocs/azure-docs: "dataVersion is invalid. It can only contain ... with a limit of 50 characters."
    #35685  Azure/azure-sdk-for-python: "A field of the entity is over the size limit. FieldName=Parameters, Limit=200"
    #11462  mlflow/mlflow: the same of FieldName=MetricV2Dto.Value/Count, Limit=250
    #3223   ultralytics/ultralytics: "Artifact batch size exceeded the limit of 100"
    ansible azure.azcollection, azure_rm_ml_online_deployment: the reply that its documentation shows, of April 2026,
            has an anonymous environment whose version, the client's sha256, has 64 characters

Guessed: the FieldName of what no public report shows, in the form of those that one does; that a value of a parameter
has the 500 characters of MLflow's older servers; that asset names are refused in the words that versions are.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.azureml.wire import Json, Refusal

MOST = {
    "RunDto.RunId/Length": 256,  # docs
    "RunDto.DisplayName/Length": 256,  # docs
    "RunDto.Description/Length": 5000,  # docs
    "RunDto.Properties/Count": 50,  # docs
    "RunDto.Properties.Key/Length": 100,  # docs
    "RunDto.Properties.Value/Length": 1000,  # docs
    "RunDto.Tags/Count": 50,  # docs
    "RunDto.Tags.Key/Length": 100,  # docs
    "RunDto.Tags.Value/Length": 1000,  # docs
    "RunDto.InputDatasets/Count": 200,  # docs
    "RunDto.OutputDatasets/Count": 20,  # docs
    "ExperimentDto.Name/Length": 256,  # docs
    "ExperimentDto.Tags/Count": 50,  # docs
    "ExperimentDto.Tags.Key/Length": 250,  # docs
    "ExperimentDto.Tags.Value/Length": 1000,  # docs
    "Parameters": 200,  # 35685
    "Parameters.Value/Length": 500,
    "MetricV2Dto.Name/Count": 50,  # docs: "metric names per run"
    "MetricV2Dto.Name/Length": 255,  # docs
    "MetricV2Dto.Value/Count": 250,  # docs, 11462: rows of one request
    "ArtifactPath/Length": 5000,  # docs
}
"""By the service's name of the field."""
ARTIFACTS_A_BATCH = 100  # 3223
DATA_VERSION = 30  # 295
ASSET_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}")  # rest
ASSET_VERSION = re.compile(r"[a-zA-Z0-9._-]{1,50}")  # 111551
ANONYMOUS = "CliV2AnonymousEnvironment"  # ansible
COMPUTE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{2,23}")  # docs of compute targets: 3 to 24, the first one a letter
LONGEST_REQUEST = timedelta(seconds=180)  # quotas: of managed online endpoints
ENDPOINT_NAME = re.compile(r"[a-zA-Z](?=.{2,31}$)[a-zA-Z0-9]*(-[a-zA-Z0-9]+)*")  # quotas: 3 to 32, single dashes


def find_excess(sizes: Iterable[tuple[str, int]]) -> str | None:
    """Return what the service says of the first size that is over its field's limit."""
    for field, size in sizes:
        if size > MOST[field]:
            return (
                f"A field of the entity is over the size limit. FieldName={field}, Limit={MOST[field]}, Size={size}. "
                "See https://aka.ms/azure-machine-learning-limits for service limits documentation."
            )
    return None


def check_sizes(sizes: Iterable[tuple[str, int]]) -> None:
    """Refuse the first size that is over its field's limit."""
    if excess := find_excess(sizes):
        raise Refusal(400, "ValidationError", excess)


def measure_map(kind: str, values: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the sizes of tags or properties: how many, and how long each key and value is."""
    yield f"{kind}/Count", len(values)
    for key, value in values.items():
        yield f"{kind}.Key/Length", len(key)
        yield f"{kind}.Value/Length", len(str(value))


def measure_job(spec: Json) -> Iterator[tuple[str, int]]:
    """Yield the sizes of a job that is to be submitted or changed."""
    yield "RunDto.DisplayName/Length", len(spec.get("displayName") or "")
    yield "RunDto.Description/Length", len(spec.get("description") or "")
    yield "ExperimentDto.Name/Length", len(spec.get("experimentName") or "")
    yield "RunDto.InputDatasets/Count", len(spec.get("inputs") or {})
    yield "RunDto.OutputDatasets/Count", len(spec.get("outputs") or {})
    yield from measure_map("RunDto.Tags", spec.get("tags") or {})
    yield from measure_map("RunDto.Properties", spec.get("properties") or {})


def check_asset(kind: str, name: str, version: str) -> None:
    """Refuse a name or a version that is too long or has other characters than it may have."""
    noun = kind.rstrip("s")
    if not ASSET_NAME.fullmatch(name):
        allowed = "alphanumeric characters, dashes, and underscores, with a limit of 255 characters"
        raise Refusal(400, "UserError", f"{noun}Name is invalid. It can only contain {allowed}.")
    if name != ANONYMOUS and not ASSET_VERSION.fullmatch(version):
        allowed = "alphanumeric characters, dashes, underscores, and periods, with a limit of 50 characters"
        raise Refusal(400, "UserError", f"{noun}Version is invalid. It can only contain {allowed}.")
    if kind == "data" and len(version) > DATA_VERSION:
        message = f"Argument 'version' exceeded maximum length of {DATA_VERSION} for DatasetId"
        raise Refusal(400, "UserError", message)


def check_artifacts(paths: Sequence[str]) -> None:
    """Refuse a batch of artifacts that is too large, or has too long a path."""
    if len(paths) > ARTIFACTS_A_BATCH:
        raise Refusal(400, "UserError", f"Artifact batch size exceeded the limit of {ARTIFACTS_A_BATCH}")
    check_sizes(("ArtifactPath/Length", len(path)) for path in paths)


def check_compute(name: str) -> None:
    """Refuse a cluster's name."""
    if not COMPUTE_NAME.fullmatch(name):
        message = (
            f"Compute name '{name}' is not available. Reason: Invalid. Message: A name must be between 3 and 24 "
            "characters in length and must use only numbers, letters and minus symbol (-), must start with letters."
        )
        raise Refusal(400, "InvalidComputeName", message)


def check_endpoint(kind: str, name: str) -> None:
    """Refuse the name of an endpoint or of a deployment."""
    if not ENDPOINT_NAME.fullmatch(name):
        message = (
            f"The {kind} name '{name}' is invalid: it must begin with a letter, be 3-32 characters in length, and only "
            "consist of letters, numbers and single dashes."
        )
        raise Refusal(400, "BadArgument", message)


ALONE = {
    "tag": ("runs/set-tag", "experiments/set-experiment-tag"),
    "param": ("runs/log-parameter",),
    "metric": ("runs/log-metric",),
}
"""The calls of MLflow that are about one tag, parameter or metric."""


class RunSizes:
    """What the runs have so far: their tags, parameters and metric names, which add up over requests."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], set[str]] = {}

    def find_excess(self, call: str, body: Json, present: Iterable[str] = ()) -> str | None:
        """Return what the service says of an MLflow call, or None; `present` are the tags that a job's run has."""
        return find_excess(self._measure(call, body, present))

    def _measure(self, call: str, body: Json, present: Iterable[str]) -> Iterator[tuple[str, int]]:
        tags, params, metrics = (_entries(call, body, kind) for kind in ("tag", "param", "metric"))
        if call.startswith("experiments/"):
            yield "ExperimentDto.Name/Length", len(body.get("name") or "")
            yield from measure_map("ExperimentDto.Tags", {tag["key"]: tag["value"] for tag in tags})
        elif call.startswith("runs/"):
            yield "RunDto.DisplayName/Length", len(body.get("run_name") or "")
            yield from measure_map("RunDto.Tags", {tag["key"]: tag["value"] for tag in tags})
            yield from (("Parameters.Value/Length", len(param["value"])) for param in params)
            yield from (("MetricV2Dto.Name/Length", len(metric["key"])) for metric in metrics)
            yield "MetricV2Dto.Value/Count", len(metrics)
        if run := body.get("run_id") or body.get("run_uuid"):
            yield "Parameters", self._count(run, "Parameters", params)
            yield "MetricV2Dto.Name/Count", self._count(run, "MetricV2Dto.Name/Count", metrics)
            yield "RunDto.Tags/Count", self._count(run, "RunDto.Tags/Count", tags, present)

    def _count(self, run: str, field: str, given: Iterable[Json], present: Iterable[str] = ()) -> int:
        """Return how many keys a run would have; those of a refused call are not remembered."""
        known = self._keys.setdefault((run, field), set(present))
        wanted = known | {str(one["key"]) for one in given}
        if len(wanted) <= MOST[field]:
            known.update(wanted)
        return len(wanted)


def _entries(call: str, body: Json, kind: str) -> list[Json]:
    """Return the tags, parameters or metrics of a call: of a batch, or the one that the call is about."""
    return [body] if call in ALONE[kind] else body.get(f"{kind}s") or []
