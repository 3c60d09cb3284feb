"""What the loopback service refuses, because the real one would."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.azureml import Behaviour, LoopbackAzureML
from tests.azureml.store import SCOPE

Rest = Callable[..., Any]
PUT = "2025-01-01-preview"
GET = "2024-01-01-preview"


def error_of(reply: Any) -> tuple[int, str, str]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["message"]


def test_a_call_without_a_token_is_refused(rest: Rest) -> None:
    reply = rest("GET", "", "2024-10-01-preview", token=None)
    assert error_of(reply)[:2] == (401, "AuthenticationFailed")
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


def test_an_expired_token_is_refused(azureml: LoopbackAzureML, rest: Rest) -> None:
    token = azureml.identity.issue("https://management.azure.com", lifetime_seconds=-1)
    assert error_of(rest("GET", "", "2024-10-01-preview", token=token))[:2] == (
        401,
        "ExpiredAuthenticationToken",
    )


def test_a_forged_token_and_one_for_somebody_else_are_refused(azureml: LoopbackAzureML, rest: Rest) -> None:
    forged = azureml.identity.issue("https://management.azure.com")[:-4] + "AAAA"
    assert error_of(rest("GET", "", "2024-10-01-preview", token=forged))[:2] == (
        401,
        "InvalidAuthenticationToken",
    )
    other = azureml.identity.issue("https://graph.microsoft.com")
    assert error_of(rest("GET", "", "2024-10-01-preview", token=other))[1] == "InvalidAuthenticationTokenAudience"


def test_a_clock_that_is_ahead_makes_a_valid_token_expire(azureml: LoopbackAzureML, rest: Rest) -> None:
    azureml.identity.skew_seconds = 7200
    assert rest("GET", "", "2024-10-01-preview").status_code == 401


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        ("/nonsense", PUT, (404, "ResourceNotFound")),
        ("", None, (400, "MissingApiVersionParameter")),
        ("", "2019-01-01", (400, "InvalidApiVersionParameter")),
        ("/jobs/none", GET, (404, "UserError")),
        (f"https://management.azure.com{SCOPE}x", "2024-10-01-preview", (404, "UserError")),
    ],
)
def test_unknown_routes_versions_jobs_and_workspaces_are_refused(
    rest: Rest, path: str, version: str | None, expected: tuple[int, str]
) -> None:
    assert error_of(rest("GET", path, version))[:2] == expected


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"jobType": "Sweep"}, "is not modelled"),
        ({"computeId": f"{SCOPE}/computes/none"}, "Unknown compute target 'none'."),
        ({"environmentId": f"{SCOPE}/environments/e/versions/9"}, "does not exist"),
        ({"codeId": f"{SCOPE}/codes/none/versions/1"}, "does not exist"),
        ({"inputs": {"x": {"jobInputType": "literal", "value": 0.1}}}, "must be a string, not 0.1"),
        (
            {"inputs": {"d": {"jobInputType": "uri_file", "uri": f"{SCOPE}/data/d/versions/1"}}},
            "does not exist",
        ),
        ({"resources": {"instanceCount": 3}}, "has 2 at the most"),
        ({"command": ""}, "no command"),
    ],
)
def test_a_job_that_cannot_run_is_refused(submit: Rest, changes: dict[str, Any], complaint: str) -> None:
    status, _, message = error_of(submit("job-1", **changes))
    assert status == 400
    assert complaint in message


@pytest.mark.parametrize("name", ["-x", "a.b", "a" * 256])
def test_a_bad_name_is_refused(submit: Rest, name: str) -> None:
    assert error_of(submit(name))[:2] == (400, "UserError")


@pytest.mark.parametrize("outcome", ["Completed", "Failed"])
def test_a_name_is_never_free_again(azureml: LoopbackAzureML, submit: Rest, outcome: str) -> None:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=1, outcome=outcome)
    assert submit("job-1").status_code == 201
    azureml.clock.advance(60)
    assert azureml.job("job-1").status == outcome
    assert submit("job-1").status_code == 200, "the same job again is no new job"
    status, _, message = error_of(submit("job-1", command="false"))
    assert status == 400
    assert "A job with this name already exists." in message
    assert "job's command cannot be changed. Only description, tags, displayName" in message
    assert len(azureml.job("job-1").history) == 6, "and nothing was run again"


def test_tags_are_merged_and_never_lost(azureml: LoopbackAzureML, submit: Rest) -> None:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=1)
    submit("job-1", tags={"a": "1", "b": "1"})
    assert submit("job-1", tags={"b": "2"}).json()["properties"]["tags"] == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        (
            "/data/d/versions/1",
            {"dataUri": "a", "dataType": "uri_file"},
            {"dataUri": "b", "dataType": "uri_file"},
        ),
        ("/environments/d/versions/1", {"condaFile": "a"}, {"condaFile": "b"}),
        ("/codes/d/versions/1", {"codeUri": "a"}, {"codeUri": "b"}),
        ("/models/d/versions/1", {"modelUri": "a"}, {"modelUri": "b"}),
    ],
)
def test_an_asset_version_never_changes(rest: Rest, path: str, one: dict[str, str], other: dict[str, str]) -> None:
    versions = {"/codes/": "2023-04-01", "/models": "2023-08-01-preview"}
    version = versions.get(path[:7], "2023-04-01-preview")
    assert rest("PUT", path, version, {"properties": one}).status_code == 201
    assert rest("PUT", path, version, {"properties": one}).status_code == 200
    status, _, message = error_of(rest("PUT", path, version, {"properties": other}))
    assert status == (409 if path.startswith("/environments") else 400)
    assert "cannot be changed" in message


def test_code_is_found_by_its_hash_under_any_name(rest: Rest) -> None:
    body = {"properties": {"codeUri": "u", "properties": {"hash_sha256": "abc"}}}
    rest("PUT", "/codes/first/versions/1", "2023-04-01", body)
    url = f"https://management.azure.com{SCOPE}/codes/just-made-up/versions?hash=abc"
    assert [code["id"] for code in rest("GET", url, "2023-04-01").json()["value"]] == [
        f"{SCOPE}/codes/first/versions/1"
    ]


def test_the_quota_of_cores_is_kept(azureml: LoopbackAzureML, rest: Rest) -> None:
    def make(name: str, nodes: int, size: str = "STANDARD_DS11_V2") -> Any:
        settings = {"vmSize": size, "scaleSettings": {"minNodeCount": 0, "maxNodeCount": nodes}}
        body = {"location": "eastus", "properties": {"computeType": "AmlCompute", "properties": settings}}
        return rest("PUT", f"/computes/{name}", "2023-08-01-preview", body)

    assert make("one", 9).status_code == 201
    assert error_of(make("two", 2))[:2] == (400, "ClusterCoreQuotaReached")
    assert make("one", 10).status_code == 200
    assert error_of(make("three", 1, "STANDARD_HUGE"))[:2] == (400, "InvalidPropertyValue")


def test_cancelling_what_is_over_or_was_never_there_is_refused(
    azureml: LoopbackAzureML, rest: Rest, submit: Rest
) -> None:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=1)
    submit("job-1")
    azureml.clock.advance(60)
    assert rest("POST", "/jobs/job-1/cancel", "2023-04-01-preview").status_code == 400
    assert rest("POST", "/jobs/none/cancel", "2023-04-01-preview").status_code == 404


def test_logged_models_are_not_there(azureml: LoopbackAzureML, rest: Rest) -> None:
    url = f"https://eastus.api.azureml.ms/mlflow/v2.0{SCOPE}/api/2.0/mlflow/logged-models"
    assert rest("POST", url, None, {}).status_code == 404
    assert not azureml.tracking.started


DEPLOYED: dict[str, Any] = {
    "endpointComputeType": "Managed",
    "model": f"{SCOPE}/models/m/versions/1",
    "environmentId": f"{SCOPE}/environments/e/versions/1",
    "codeConfiguration": {"codeId": f"{SCOPE}/codes/c/versions/1", "scoringScript": "score.py"},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "none"}, "The model 'none' does not exist"),
        ({"environmentId": None}, "'Environment Id' must not be empty."),
        ({"environmentId": f"{SCOPE}/environments/e/versions/9"}, "The environment .* does not exist"),
        ({"environmentId": f"{SCOPE}/environments/bare/versions/1"}, "has no image, or no conda file"),
        ({"codeConfiguration": None}, "A deployment with an environment needs a scoring script"),
        ({"codeConfiguration": {"codeId": f"{SCOPE}/codes/c/versions/1"}}, "needs a scoring script"),
        ({"codeConfiguration": {"codeId": "none", "scoringScript": "score.py"}}, "The code 'none' does not exist"),
        ({"codeConfiguration": None, "environmentId": None}, "that is not an MLflow model needs code"),
        ({"requestSettings": {"requestTimeout": "PT3M0.001S"}}, "requestTimeout 0:03:00.001000 is not within"),
        ({"requestSettings": {"requestTimeout": "PT0S"}}, "requestTimeout 0:00:00 is not within"),
        ({"livenessProbe": {"period": "PT0.5S"}}, "livenessProbe has a value below 1"),
        ({"livenessProbe": {"failureThreshold": 0}}, "livenessProbe has a value below 1"),
    ],
)
def test_a_deployment_that_cannot_serve_is_refused(rest: Rest, changes: dict[str, Any], message: str) -> None:
    assets = {
        "/models/m/versions/1": ("2023-08-01-preview", {"modelUri": "u", "modelType": "custom_model"}),
        "/codes/c/versions/1": ("2023-04-01", {"codeUri": "u"}),
        "/environments/e/versions/1": ("2023-04-01-preview", {"condaFile": "{}", "image": "i"}),
        "/environments/bare/versions/1": ("2023-04-01-preview", {"condaFile": "{}"}),
        "/onlineEndpoints/ept": ("2022-02-01-preview", {"authMode": "Key"}),
    }
    for path, (version, properties) in assets.items():
        assert rest("PUT", path, version, {"properties": properties}).status_code == 201
    deployment = "/onlineEndpoints/ept/deployments/blue"
    status, _, said = error_of(rest("PUT", deployment, "2023-04-01-preview", {"properties": DEPLOYED | changes}))
    assert status == 400
    assert re.search(message, said), said
    assert rest("GET", deployment, "2023-04-01-preview").status_code == 404


def recorded_calls(rest: Rest, submit: Rest) -> dict[str, Any]:
    made = rest("PUT", "/onlineEndpoints/ept", "2022-02-01-preview", {"properties": {"authMode": "Key"}})
    store = "/datastores/workspaceblobstore"
    return {
        "workspace": rest("GET", "", "2024-10-01-preview"),
        "datastore": rest("GET", store, "2024-10-01-preview"),
        "secrets": rest("POST", f"{store}/listSecrets", "2024-10-01-preview"),
        "code": rest("PUT", "/codes/c/versions/1", "2023-04-01", {"properties": {"codeUri": "u"}}),
        "data": rest(
            "PUT",
            "/data/d/versions/1",
            "2023-04-01-preview",
            {"properties": {"dataUri": "u", "dataType": "uri_file"}},
        ),
        "job": submit("job-1", outputs={"model": {"jobOutputType": "uri_folder"}}),
        "endpoint": made,
        "operation": rest("GET", made.headers["Azure-AsyncOperation"], None),
    }


def test_replies_have_every_key_that_was_recorded(azureml: LoopbackAzureML, rest: Rest, submit: Rest) -> None:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=1)
    recorded = json.loads((Path(__file__).parents[1] / "recorded.json").read_text())
    for kind, reply in recorded_calls(rest, submit).items():
        for place, keys in recorded[kind].items():
            found = reply.json()
            for step in filter(None, place.split(".")):
                found = found[step]
            assert set(keys) <= set(found), f"{kind} {place} lacks {set(keys) - set(found)}"


def test_a_new_job_is_starting_at_a_location_and_its_named_output_is_nowhere(
    azureml: LoopbackAzureML, submit: Rest
) -> None:
    azureml.lifecycle.behave = lambda _job: Behaviour(seconds=1)
    reply = submit("job-1", outputs={"model": {"jobOutputType": "uri_folder"}})
    assert reply.headers["Location"].endswith("/jobs/job-1?api-version=2025-01-01-preview")
    assert reply.json()["type"] == "Microsoft.MachineLearningServices/workspaces/jobs"
    assert reply.json()["properties"]["status"] == "Starting"
    assert reply.json()["properties"]["outputs"]["model"]["uri"] is None


def test_another_host_is_refused_and_recorded(azureml: LoopbackAzureML) -> None:
    import requests

    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://example.com/", timeout=5)
    assert azureml.refused == ["CONNECT example.com:443"]
    azureml.refused.clear()


def test_the_package_imports_no_client_of_the_service() -> None:
    """It must not answer the client with the client's own code."""
    code = "import sys, tests.azureml; sys.exit('azure.ai.ml' in sys.modules or 'mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
