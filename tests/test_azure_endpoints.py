"""A run's model at an endpoint of the loopback Azure ML, with Azure's own inference server behind each deployment."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.azureml import LoopbackAzureML, blobs, containers
from tests.azureml.store import GROUP, REGION, SUBSCRIPTION, WORKSPACE
from tests.azureml.wire import Reply
from tests.builders import seal_stored, stored_model
from tests.conftest import DAILY

lacking = blobs.missing() or containers.missing()
pytestmark = [pytest.mark.long, pytest.mark.skipif(lacking is not None, reason=str(lacking))]


COLUMNS = ["season", "mnth", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp", "hum", "windspeed"]
SAMPLE = [
    [1, 1, 0, 3, 1, 1, 0.226957, 0.22927, 0.436957, 0.1869],
    [0, 1, 1, 0, 0, 1, 0.344167, 0.363625, 0.805833, 0.160446],
    [0, 1, 0, 1, 0, 1, 0.363478, 0.353739, 0.696087, 0.248539],
    [0, 1, 0, 2, 0, 1, 0.196364, 0.189405, 0.437273, 0.248309],
    [0, 1, 0, 3, 0, 1, 0.2, 0.212122, 0.590435, 0.160296],
    [0, 1, 0, 4, 0, 1, 0.226957, 0.22927, 0.436957, 0.1869],
]
"""The request of the tutorial's author."""
BAD_REQUESTS = [
    ("a.json", '{"input_data": {"columns": ["season"], "data": [[1]]}}', "lacks the columns mnth, holiday"),
    ("b.json", '{"input_data": {"columns": ["season"], "data": [[1, 2]]}}', "is not one that a model takes"),
    ("c.json", '{"inputs": 1}', r"is not one that a model takes \('dataframe_split'\); write {\"input_data\""),
    ("d.json", "[", "is not one that a model takes"),
    ("e.json", '{"input_data": []}', "lacks rows; the model takes season"),
    ("f.json", json.dumps({"input_data": [[*SAMPLE[0][:-1], "mild"]]}), "column 'windspeed' is not a number in row 1"),
    ("g.json", json.dumps({"input_data": [[1.5, *SAMPLE[0][1:]]]}), "column 'season' is not an integer in row 1: 1.5"),
    ("h.csv", "season,mnth\n1,1\n", "does not fit the model:.*\n.*there is no column 'holiday'"),
]


def predict(folder: Path, rows: list[list[float]]) -> list[float]:
    """Return what the model of a run folder says of rows of the sample."""
    from bikeml.experiment.model_file import load_pipeline

    return [float(value) for value in load_pipeline(folder / "model").predict(pd.DataFrame(rows, columns=COLUMNS))]


@pytest.fixture
def workspace(azureml: LoopbackAzureML, workdir: Path) -> LoopbackAzureML:
    names = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
    (workdir / "config.json").write_text(json.dumps(names))
    return azureml


@pytest.fixture
def call(capfd: Any) -> Any:
    """Do a task of a workspace in this process; return its status, output and message, and keep the steps it told."""

    def do(*words: str) -> tuple[int, str, str]:
        from bikeml.cli import start

        capfd.readouterr()
        status = start(["azure", *words])
        shown = capfd.readouterr()
        steps, begin, message = shown.err.partition("bikeml: ")
        do.steps = steps.splitlines()  # type: ignore[attr-defined]
        return status, shown.out, begin + message

    return do


@pytest.fixture
def runs(workdir: Path) -> list[str]:
    """Two recorded runs, of a worse and of a better model."""
    import bikeml

    fast = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
    made = [bikeml.run(f"model={model}", f"hydra.run.dir={model}", *fast) for model in ("linear", "tree")]
    return [str(result.run_id) for result in made]


def servers(workspace: LoopbackAzureML) -> list[str]:
    return [name.rpartition("/")[2] for name in workspace.endpoints.servers.running]


def keys(workspace: LoopbackAzureML) -> list[str]:
    return [key for pair in workspace.endpoints._keys.values() for key in pair]


def test_a_model_is_deployed_once_beside_another_and_rolled_back(
    workspace: LoopbackAzureML, runs: list[str], call: Any, workdir: Path
) -> None:
    status, out, err = call("deploy", "run=latest")
    assert (status, err) == (0, ""), err
    (name,) = re.findall(r"endpoint  (bikeml-[0-9a-f]{8})", out)
    assert "deployment  blue: bikeml:1 on 1 x Standard_DS3_v2" in out
    assert call.steps[-2:] == [
        "deploying bikeml:1 as blue, which takes some minutes",
        "moving the traffic to blue 100 %",
    ]
    assert "traffic  blue 100 %" in out
    assert not any(key in out + err for key in keys(workspace))
    workspace.log.clear()
    assert call("deploy", "run=latest")[1] == out.replace("blue:", "blue, as it was:")
    assert workspace.log.find("deployments.put") == workspace.log.find("models.put") == []
    assert workspace.log.find("endpoints.put") == []

    status, out, err = call("deploy", f"run={runs[0]}", "deployment=green", "traffic=10")
    assert (status, err) == (0, "")
    assert "traffic  green 10 %, blue 90 %" in out
    assert servers(workspace) == ["blue", "green"]
    (workdir / "request.json").write_text(json.dumps({"input_data": SAMPLE}))
    status, out, err = call("invoke", "request=request.json", "deployment=green")
    assert json.loads(out) == pytest.approx(predict(workdir / "linear", SAMPLE))
    status, out, err = call("deploy", "run=null", "deployment=green")
    assert "traffic  green 100 %, blue 0 %" in out
    status, out, err = call("deploy", "run=null")
    assert "deployment  blue, as it was: bikeml:1" in out
    assert "traffic  blue 100 %, green 0 %" in out

    status, out, err = call("undeploy", "deployment=blue")
    assert status == 1
    assert "deployment 'blue' takes 100 % of the requests; first move them" in err
    status, out, err = call("undeploy", "deployment=green")
    assert (status, err) == (0, "")
    assert "deleted  deployment green" in out
    assert servers(workspace) == ["blue"]
    status, out, err = call("undeploy")
    assert (status, err) == (0, "")
    assert f"deleted  endpoint {name} with its deployments: blue" in out
    assert servers(workspace) == []
    status, out, err = call("undeploy")
    assert (status, out) == (1, "")
    assert re.match(rf"bikeml: the workspace has no endpoint '{name}'; bikeml's endpoints in it: none; make one", err)


def test_an_endpoint_answers_what_fits_its_model_and_nothing_else_is_sent(
    workspace: LoopbackAzureML, runs: list[str], call: Any, workdir: Path
) -> None:
    status, out, err = call("invoke")
    assert (status, out) == (1, "")
    assert re.match(r"bikeml: the workspace has no endpoint 'bikeml-[0-9a-f]{8}'; bikeml's endpoints in it: none", err)
    assert call("deploy", "run=latest")[0] == 0
    request = workdir / "request.json"
    request.write_text(json.dumps({"input_data": {"columns": COLUMNS, "index": [0, 1], "data": SAMPLE[:2]}}))
    status, out, err = call("invoke", f"request={request}")
    assert status == 0
    assert "bikeml: season is 0 in some rows; data.allowed lists 1, 2, 3, 4 only" in err
    assert json.loads(out) == pytest.approx(predict(workdir / "tree", SAMPLE[:2]))
    assert not any(key in out + err for key in keys(workspace))
    table = workdir / "new.csv"
    table.write_text("\n".join(DAILY.read_text().splitlines()[:4]))
    status, out, err = call("invoke", f"data.path={table}")
    assert (status, err, len(json.loads(out))) == (0, "", 3)
    first, *lines = DAILY.read_text().splitlines()
    table.write_text("\n".join([first, *(lines * 3)[:2001]]))
    workspace.log.clear()
    status, out, err = call("invoke", f"data.path={table}")
    answers = json.loads(out)
    assert (status, len(answers), len(workspace.log.find("score"))) == (0, 2001, 3)
    assert answers[len(lines) : 2 * len(lines)] == answers[: len(lines)]
    workspace.faults.slow(0, "score")
    workspace.faults.answer(400, "score")
    status, out, err = call("invoke", f"data.path={table}")
    assert (status, out) == (1, "")
    assert "; it was asked for rows 1,001 to 2,000, and no prediction is shown" in err
    for name, content, message in BAD_REQUESTS:
        (workdir / name).write_text(content)
        option = "request" if name.endswith(".json") else "data.path"
        status, out, err = call("invoke", f"{option}={workdir / name}")
        assert (status, out) == (2, "")
        assert re.search(message, err), err
    status, out, err = call("invoke", "request=nowhere.json", "deployment=green")
    assert (status, out) == (1, "")
    assert "has no deployment 'green' that works; it has: blue; set deployment=NAME" in err


DATES = ["2026-01-01", "2026-07-01", "20110101", ""]
"""As a category: what pandas.read_json takes for dates, numbers among them."""
DATED = (
    *("data=csv", "data.path=dated.csv", "data.target=rentals", "data.numeric=[modified,temp]"),
    *("data.categorical=[date]", "preprocessing=imputed", "model=tree"),
)


@pytest.fixture
def dated(workdir: Path) -> tuple[pd.DataFrame, list[float]]:
    """Rows of a table with a column called date and gaps in it, and what its recorded model predicts of them here."""
    import bikeml
    from bikeml.experiment.model_file import load_pipeline

    rows = [[DATES[n % 4], 1_300_000_000 + n, n / 7, 100 * (n % 4) + n] for n in range(80)]
    table = pd.DataFrame(rows, columns=["date", "modified", "temp", "rentals"])
    table.to_csv(workdir / "dated.csv", index=False)
    fast = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
    bikeml.run(*DATED, "hydra.run.dir=dated", *fast)
    X = table[["date", "modified", "temp"]].replace({"date": ""}, float("nan"))
    return X, load_pipeline(workdir / "dated/model").predict(X).tolist()


def ask(ml_client: Any, body: dict[str, Any]) -> Any:
    """Post a body to the only endpoint of a workspace; return the response."""
    import requests

    (endpoint,) = ml_client.online_endpoints.list()
    key = ml_client.online_endpoints.get_keys(endpoint.name).primary_key
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return requests.post(endpoint.scoring_uri, data=json.dumps(body), headers=headers, timeout=60)


def test_a_column_called_date_and_its_gaps_are_predicted_as_here_to_the_last_bit(
    workspace: LoopbackAzureML, call: Any, ml_client: Any, workdir: Path, dated: tuple[pd.DataFrame, list[float]]
) -> None:
    X, predicted = dated
    status, out, err = call("deploy", "run=latest")
    assert (status, err) == (0, ""), err
    status, out, err = call("invoke", "data.path=dated.csv")
    assert (status, err, json.loads(out)) == (0, "", predicted)
    cells = X.astype(object).where(X.notna(), None).to_numpy().tolist()
    split = {"columns": list(X), "index": list(range(80)), "data": cells}
    (workdir / "request.json").write_text(json.dumps({"input_data": split}))
    assert json.loads(call("invoke", "request=request.json")[1]) == predicted
    split["data"] = [[float("nan") if cell is None else cell for cell in row] for row in cells]
    for body in ({"input_data": split}, {"dataframe_split": split}):
        assert ask(ml_client, body).json() == predicted

    del split["columns"][1]
    split["data"] = [[row[0], row[2]] for row in cells]
    reply = ask(ml_client, {"input_data": split})
    message = "the request lacks the columns modified; the model takes date, modified, temp"
    assert (reply.status_code, reply.json()["error"]["message"]) == (424, message)
    assert reply.headers["ms-azureml-model-error-statuscode"] == "400"


def deploy_without_code(ml_client: Any, model: Path) -> Any:
    """Deploy a model folder as Azure ML does where nobody gives it code or an environment."""
    from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint, Model

    endpoint = ManagedOnlineEndpoint(name="plain", auth_mode="key")
    ml_client.online_endpoints.begin_create_or_update(endpoint).result()
    registered = ml_client.models.create_or_update(Model(name="plain", path=model, type="mlflow_model"))
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name="plain",
        model=f"azureml:plain:{registered.version}",
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    made = ml_client.online_deployments.begin_create_or_update(deployment).result()
    endpoint.traffic = {"blue": 100}
    ml_client.online_endpoints.begin_create_or_update(endpoint).result()
    return made


def test_without_code_a_model_of_ours_ends_at_the_start_or_has_its_dates_guessed(
    workspace: LoopbackAzureML, ml_client: Any, workdir: Path, dated: tuple[pd.DataFrame, list[float]]
) -> None:
    from importlib.metadata import distributions

    from azure.core.exceptions import HttpResponseError

    model = workdir / "dated/model"
    with pytest.raises(HttpResponseError, match="No module named 'azureml'"):
        deploy_without_code(ml_client, model)

    (monitoring,) = distributions(name="azureml-ai-monitoring", path=[str(containers.SERVER)])
    conda = yaml.safe_load((model / "conda.yaml").read_text())
    conda["dependencies"][-1]["pip"].append(f"azureml-ai-monitoring=={monitoring.version}")
    (model / "conda.yaml").write_text(yaml.safe_dump(conda))
    deploy_without_code(ml_client, model)
    X, _ = dated
    split = {"columns": list(X), "index": [0], "data": X.head(1).to_numpy().tolist()}
    reply = ask(ml_client, {"input_data": split})
    assert reply.headers["ms-azureml-model-error-statuscode"] == "500"
    assert reply.json()["message"].startswith("An unexpected error occurred in scoring script")
    assert "modified" in workspace.endpoints.servers.log("onlineendpoints/plain/deployments/blue", 200)


def test_machines_and_times_are_sent_in_azure_s_words_and_changed_where_they_are_others(
    workspace: LoopbackAzureML, runs: list[str], call: Any, ml_client: Any, workdir: Path
) -> None:
    settings = [
        "azure.endpoint.instance_count=2",
        "azure.endpoint.request_settings.request_timeout_ms=90500",
        "azure.endpoint.liveness_probe.initial_delay=30",
    ]
    deploy = ("deploy", "run=latest", "endpoint=rentals", *settings)
    status, out, err = call(*deploy)
    assert (status, err) == (0, "")
    assert "deployment  blue: bikeml:1 on 2 x Standard_DS3_v2" in out
    sent = workspace.store.get("onlineEndpoints/rentals/deployments/blue")
    assert sent.extra["sku"]["capacity"] == 2
    assert sent.properties["requestSettings"]["requestTimeout"] == "PT1M30.5S"
    probe = {"period": "PT10S", "timeout": "PT2S", "successThreshold": 1, "failureThreshold": 30}
    assert sent.properties["livenessProbe"] == {"initialDelay": "PT30S", **probe}
    assert "blue, as it was: bikeml:1 on 2 x" in call(*deploy)[1]
    status, out, err = call(*deploy, "azure.endpoint.request_settings.request_timeout_ms=1")
    assert (status, out) == (1, "")  # nothing answers within a millisecond, the model's example included
    message = "the request took longer than request_timeout_ms; deploy again with a longer azure.endpoint.request_"
    assert f"ask endpoint 'rentals': {message}" in err
    (workdir / "request.json").write_text(json.dumps({"input_data": SAMPLE}))
    assert "took longer than request_timeout_ms" in call("invoke", "endpoint=rentals", "request=request.json")[2]
    assert len(workspace.log.find("deployments.put")) == 2
    assert len(workspace.log.find("models.put")) == len(workspace.log.find("codes.put")) == 1


def put_deployment(workspace: LoopbackAzureML, name: str, state: str) -> None:
    """Let the endpoint "rentals" have one more deployment, without a server, in a state of provisioning."""
    properties = {"endpointComputeType": "Managed", "scaleSettings": {"scaleType": "Default"}}
    properties |= {"instanceType": "Standard_DS3_v2", "provisioningState": state}
    extra = {"location": REGION, "sku": {"name": "Default", "capacity": 1}, "tags": {}}
    workspace.store.put(f"onlineEndpoints/rentals/deployments/{name}", properties, extra)


def test_a_deployment_without_traffic_is_counted_asked_and_taken_away(
    workspace: LoopbackAzureML, runs: list[str], call: Any, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bikeml.azure.endpoint.endpoints.LOOK_SECONDS", 0.1)
    (workdir / "request.json").write_text(json.dumps({"input_data": SAMPLE[:1]}))
    invoke = ("invoke", "endpoint=rentals", "request=request.json")
    undeploy = ("undeploy", "endpoint=rentals")
    status, out, err = call("deploy", "run=latest", "endpoint=rentals", "traffic=0")
    assert (status, err) == (0, "")
    assert "traffic  blue 0 %" in out
    assert "endpoint 'rentals' has no deployment with traffic; it has: blue; set deployment=NAME" in call(*invoke)[2]
    status, out, err = call(*invoke, "deployment=blue")
    assert (status, len(json.loads(out))) == (0, 1)
    put_deployment(workspace, "green", "Succeeded")
    assert "traffic  blue 90 %, green 10 %" in call("deploy", "run=null", "endpoint=rentals", "traffic=90")[1]
    assert "traffic  blue 100 %, green 0 %" in call("deploy", "run=null", "endpoint=rentals")[1]

    put_deployment(workspace, "green", "Creating")
    workspace.clock.call_in(2, lambda: put_deployment(workspace, "green", "Failed"))
    status, out, err = call(*undeploy, "deployment=green")
    assert (status, err) == (0, "")
    assert "deleted  deployment green" in out
    assert "left  endpoint rentals: blue" in out
    assert call.steps[-2:] == ["deployment green is Creating", "deleting deployment green"]
    assert "has no deployment 'green' that works; it has: blue; set" in call(*undeploy, "deployment=green")[2]
    put_deployment(workspace, "red", "Failed")
    assert "deleted  endpoint rentals with its deployments: blue, red" in call(*undeploy)[1]


def test_a_deployment_that_fails_shows_its_log_and_can_be_tried_again(
    workspace: LoopbackAzureML, runs: list[str], call: Any, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "skops.py").write_text("raise ImportError('no space left for skops')\n")
    workspace.endpoints.servers.variables["PYTHONPATH"] = str(broken)
    status, out, err = call("deploy", "run=latest", "endpoint=rentals")
    assert (status, out) == (1, "")
    assert "its container said last:" in err
    assert "no space left for skops" in err, err
    assert "the failed deployment 'blue' was deleted; the same command tries again" in err
    assert "Traceback (most recent" not in err.partition("its container said last:")[0]

    refused = workspace.faults.answer(403, "deployments.logs")
    kept = workspace.faults.answer(403, "deployments.delete")
    status, out, err = call("deploy", "run=latest", "endpoint=rentals")
    assert (status, out, refused.happened, kept.happened) == (1, "", 1, 1)
    begin, log, end = err.splitlines()
    assert re.match("bikeml: cannot deploy bikeml:1 as 'blue': .+", begin)
    assert "cannot read the log of deployment 'blue': a test asked for" in log
    assert "cannot delete deployment 'blue': a test asked for" in end
    assert end.endswith("delete it with python -m bikeml azure undeploy endpoint=rentals deployment=blue")
    assert call("undeploy", "endpoint=rentals", "deployment=blue")[0] == 0
    workspace.endpoints.servers.variables.clear()
    status, out, err = call("deploy", "run=latest", "endpoint=rentals")
    assert (status, err) == (0, "")
    assert len(workspace.log.find("models.put")) == 1


def test_a_deployment_that_answers_wrongly_is_told_with_the_traffic_that_it_has(
    workspace: LoopbackAzureML, runs: list[str], call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(name: str, body: Any) -> Reply:
        return Reply(body=[0.0] * len(body["input_data"]["data"]))

    with monkeypatch.context() as patch:
        patch.setattr(workspace.endpoints.servers, "ask", answer)
        status, out, err = call("deploy", "run=latest")
        assert (status, out) == (1, "")
        assert re.match(r"bikeml: deployment 'blue' answers \[0.0, .* to the model's example, which should be \[", err)
        assert "it gets no requests; look at its log in the Studio, or delete it: undeploy deployment=blue" in err
    assert call("deploy", "run=latest")[0] == 0
    monkeypatch.setattr(workspace.endpoints.servers, "ask", answer)
    status, out, err = call("deploy", f"run={runs[0]}")
    assert (status, out) == (1, "")
    assert "already answers 100 % of the requests: go back with deploy run=PREVIOUS deployment=blue, and" in err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["run=best", "endpoint=taken"], 1, r"make the endpoint 'taken': There already exists.*choose another with"),
        (["run=best", "endpoint=foreign"], 1, r"endpoint 'foreign' .* was not made by bikeml, which leaves it alone"),
        (["run=best", "endpoint=1st"], 2, r"endpoint='1st' should have 3 to 32 letters, digits and hyphens"),
        (["run=best", "deployment=b_"], 2, r"deployment='b_' should have 3 to 32 letters, digits and hyphens"),
        (["run=best", "registered_model='a/b'"], 2, r"registered_model='a/b' should have letters, digits, hyphens"),
        (["run=best", "traffic=101"], 2, r"traffic=101 should be less than or equal to 100"),
        (["run=best", "traffic=10"], 2, r"traffic=10 leaves 90 % .* to nobody: there is no other deployment"),
        (["run=0123456789"], 2, r"no run or alias '0123456789'"),
        (["run=null"], 1, r"the workspace has no endpoint 'bikeml-"),
    ],
)
def test_what_cannot_be_deployed_is_one_message_and_makes_nothing(
    workspace: LoopbackAzureML, runs: list[str], call: Any, ml_client: Any, words: list[str], status: int, message: str
) -> None:
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    foreign = ManagedOnlineEndpoint(name="foreign", auth_mode="key")
    ml_client.online_endpoints.begin_create_or_update(foreign).result()
    workspace.endpoints.taken.add("taken")
    assert call("deploy", *words)[0] == status
    _, out, err = call("deploy", *words)
    assert out == ""
    assert re.match(rf"bikeml: .*{message}", err), err
    assert len(err.splitlines()) == 1
    assert [each.name for each in ml_client.online_endpoints.list()] == ["foreign"]


@pytest.mark.parametrize(
    ("state", "then", "steps"),
    [
        ("Succeeded", None, []),
        ("Creating", "Succeeded", ["endpoint rentals is Creating"]),
        ("Updating", "Failed", ["endpoint rentals is Updating", "making endpoint rentals"]),
        ("Failed", None, ["making endpoint rentals"]),
    ],
)
def test_an_endpoint_is_waited_for_and_made_again_where_that_failed(
    workspace: LoopbackAzureML, monkeypatch: pytest.MonkeyPatch, state: str, then: str | None, steps: list[str]
) -> None:
    from bikeml.azure.endpoint.endpoints import Endpoints
    from bikeml.azure.workspace.connection import connect
    from bikeml.config.composition import compose, resolve
    from bikeml.config.schema import typed

    monkeypatch.setattr("bikeml.azure.endpoint.endpoints.LOOK_SECONDS", 0.1)
    told: list[str] = []
    endpoints = Endpoints(connect(typed(resolve(compose([]))).azure), lambda step, *_: told.append(step))
    assert endpoints.make("rentals").tags == {"bikeml": "true"}
    put_deployment(workspace, "blue", "Succeeded")
    properties = workspace.store.get("onlineEndpoints/rentals").properties
    properties.update(traffic={"blue": 100}, provisioningState=state)
    if then:
        workspace.clock.call_in(2, lambda: properties.update(provisioningState=then))
    told.clear()
    made = endpoints.make("rentals")
    assert (made.provisioning_state, made.traffic, made.tags) == ("Succeeded", {"blue": 100}, {"bikeml": "true"})
    assert list(dict.fromkeys(told)) == steps


def test_a_tampered_model_is_refused_before_anything_is_sent(
    workspace: LoopbackAzureML, runs: list[str], call: Any, workdir: Path
) -> None:
    mlmodel = stored_model(workdir, runs[1]) / "MLmodel"
    mlmodel.write_text(mlmodel.read_text().replace("sklearn.tree._tree.Tree", "os.system"))
    seal_stored(workdir, runs[1])
    workspace.log.clear()
    status, out, err = call("deploy", "run=latest")
    assert (status, out) == (1, "")
    assert re.match(rf"bikeml: the model of run {runs[1]} \(tree\) is refused: .* does not trust: os.system", err), err
    assert workspace.log.entries == []


def test_the_tasks_of_a_workspace_have_their_help(azureml: LoopbackAzureML, capsys: Any) -> None:
    from bikeml.cli import start

    for name in ("deploy", "invoke", "undeploy"):
        assert start(["azure", name, "--help"]) == 0
        shown = capsys.readouterr().out
        assert f"usage: python -m bikeml azure {name} [option=VALUE ...]" in shown
        assert "endpoint=null" in shown
