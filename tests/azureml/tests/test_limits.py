"""The loopback refuses names and values over the documented limits, in the service's words."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.azureml import Behaviour, LoopbackAzureML
from tests.azureml.limits import MOST, RunSizes

Rest = Callable[..., Any]
Submit = Callable[..., Any]
OVER = r"A field of the entity is over the size limit\. FieldName={}, Limit={}, Size={}\. See https://aka\.ms/azure-machine"


def message_of(reply: Any) -> str:
    assert reply.status_code == 400, reply.text
    return str(reply.json()["error"]["message"])


def over(field: str) -> str:
    return OVER.format(re.escape(field), MOST[field], MOST[field] + 1)


JOB_FIELDS: dict[str, Callable[[int], dict[str, Any]]] = {
    "RunDto.DisplayName/Length": lambda n: {"displayName": "n" * n},
    "RunDto.Description/Length": lambda n: {"description": "n" * n},
    "ExperimentDto.Name/Length": lambda n: {"experimentName": "n" * n},
    "RunDto.Tags/Count": lambda n: {"tags": {f"t{each}": "1" for each in range(n)}},
    "RunDto.Tags.Key/Length": lambda n: {"tags": {"t" * n: "1"}},
    "RunDto.Tags.Value/Length": lambda n: {"tags": {"t": "v" * n}},
    "RunDto.Properties/Count": lambda n: {"properties": {f"t{each}": "1" for each in range(n)}},
    "RunDto.Properties.Value/Length": lambda n: {"properties": {"t": "v" * n}},
}


@pytest.mark.parametrize("field", JOB_FIELDS)
def test_a_job_may_have_as_much_and_no_more(azureml: LoopbackAzureML, submit: Submit, field: str) -> None:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=1)
    most = MOST[field]
    assert submit("most", **JOB_FIELDS[field](most)).status_code == 201
    assert re.match(over(field), message_of(submit("more", **JOB_FIELDS[field](most + 1))))
    assert list(azureml.jobs.by_name) == ["most"]


VERSION = "2023-04-01-preview"
DATA = {"properties": {"dataUri": "u", "dataType": "uri_file"}}
ENVIRONMENT = {"properties": {"condaFile": "a"}}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (f"/data/d/versions/{'1' * 31}", DATA, "Argument 'version' exceeded maximum length of 30 for DatasetId"),
        (f"/data/d/versions/{'1' * 51}", DATA, "dataVersion is invalid. It can only contain .* limit of 50 characters"),
        ("/data/d/versions/a+b", DATA, "dataVersion is invalid. It can only contain alphanumeric characters"),
        (f"/data/{'d' * 256}/versions/1", DATA, "dataName is invalid. .* limit of 255 characters"),
        ("/data/a b/versions/1", DATA, "dataName is invalid."),
        ("/environments/.e/versions/1", ENVIRONMENT, "environmentName is invalid."),
    ],
)
def test_the_name_and_version_of_an_asset_are_limited(rest: Rest, path: str, body: Any, message: str) -> None:
    assert re.match(message, message_of(rest("PUT", path, VERSION, body)))


def test_a_version_of_data_may_have_30_characters(rest: Rest) -> None:
    assert rest("PUT", f"/data/d/versions/{'1' * 30}", VERSION, DATA).status_code == 201


@pytest.mark.parametrize("name", ["c", "c" * 25, "4cpu", "cpu_cluster"])
def test_the_name_of_a_cluster_is_limited(rest: Rest, name: str) -> None:
    settings = {"vmSize": "STANDARD_DS11_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1}}
    body = {"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": settings}}
    assert "between 3 and 24 characters" in message_of(rest("PUT", f"/computes/{name}", "2023-08-01-preview", body))


@pytest.mark.parametrize("name", ["ab", "e" * 33, "4you", "a--b", "a-", "under_score"])
def test_the_name_of_an_endpoint_is_limited(rest: Rest, name: str) -> None:
    body = {"properties": {"authMode": "Key"}}
    message = message_of(rest("PUT", f"/onlineEndpoints/{name}", "2022-02-01-preview", body))
    assert "3-32 characters" in message


def batch(kind: str, count: int, value: str = "1", run: str = "r") -> dict[str, Any]:
    return {"run_id": run, kind: [{"key": f"{kind}{n}", "value": value} for n in range(count)]}


@pytest.mark.parametrize(
    ("field", "kind"), [("Parameters", "params"), ("MetricV2Dto.Name/Count", "metrics"), ("RunDto.Tags/Count", "tags")]
)
def test_what_a_run_has_adds_up_over_requests(field: str, kind: str) -> None:
    sizes, most = RunSizes(), MOST[field]
    assert sizes.find_excess("runs/log-batch", batch(kind, most // 2)) is None
    assert sizes.find_excess("runs/log-batch", batch(kind, most)) is None, "the same ones again are no more"
    assert re.match(over(field), sizes.find_excess("runs/log-batch", batch(kind, most + 1)) or "")
    assert sizes.find_excess("runs/log-batch", batch(kind, most)) is None, "the refused ones were not taken"
    assert sizes.find_excess("runs/log-batch", batch(kind, most + 1, run="another")) is not None


@pytest.mark.parametrize(
    ("field", "call", "body"),
    [
        ("RunDto.Tags.Value/Length", "runs/set-tag", {"run_id": "r", "key": "t", "value": "v" * 1001}),
        ("RunDto.Tags.Value/Length", "runs/create", {"tags": [{"key": "t", "value": "v" * 1001}]}),
        ("RunDto.Tags.Key/Length", "runs/log-batch", {"run_id": "r", "tags": [{"key": "t" * 101, "value": "v"}]}),
        ("Parameters.Value/Length", "runs/log-parameter", {"run_id": "r", "key": "p", "value": "v" * 501}),
        ("MetricV2Dto.Name/Length", "runs/log-metric", {"run_id": "r", "key": "m" * 256, "value": 1.0}),
        ("RunDto.DisplayName/Length", "runs/create", {"run_name": "n" * 257}),
        ("ExperimentDto.Name/Length", "experiments/create", {"name": "n" * 257}),
        ("ExperimentDto.Tags.Key/Length", "experiments/set-experiment-tag", {"key": "t" * 251, "value": "v"}),
    ],
)
def test_a_call_of_mlflow_is_refused_for_one_value(field: str, call: str, body: dict[str, Any]) -> None:
    assert re.match(over(field), RunSizes().find_excess(call, body) or "")


def test_tags_of_a_job_count_as_tags_of_its_run(azureml: LoopbackAzureML, submit: Submit) -> None:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=1)
    submit("job-1", tags={f"t{n}": "1" for n in range(40)})
    assert azureml.tracking.find_excess("runs/log-batch", batch("tags", 10, run="job-1")) is None
    assert azureml.tracking.find_excess("runs/log-batch", batch("tags", 11, run="job-1")) is not None


def test_a_batch_of_artifacts_is_limited(rest: Rest) -> None:
    from tests.azureml.store import SCOPE

    url = f"https://eastus.api.azureml.ms/history/v1.0{SCOPE}/experiments/e/runs/r/artifacts/batch/metadata"
    body = {"paths": [{"path": f"f{n}"} for n in range(101)]}
    assert message_of(rest("POST", url, None, body)) == "Artifact batch size exceeded the limit of 100"
