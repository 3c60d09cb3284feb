"""What people who come from MLflow type and set: their variables, active runs, tags, and readers of models."""

import contextlib
import json
import os
import sqlite3
import subprocess
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

import bikeml
from bikeml.config.composition import compose, resolve
from bikeml.config.schema import typed
from bikeml.errors import ConfigError, TrackingError
from bikeml.multirun.publish import record_folder
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep_folder import SweepFolder
from bikeml.tracking.artifacts import RunFiles
from bikeml.tracking.lookup import find
from tests.conftest import DAILY, config_of
from tests.mlflow_server import PASSWORD, TOKEN, USERNAME, mlflow_server

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2")
OTHER = "sqlite:///other.db"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with mlflow_server(tmp_path_factory.mktemp("server")) as uri:
        yield uri


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with mlflow_server(tmp_path_factory.mktemp("guarded"), asks_for_password=True) as uri:
        yield uri


@pytest.fixture(params=["sqlite", pytest.param("server", marks=pytest.mark.long)])
def uri(request, workdir):
    return f"sqlite:///{workdir}/mlflow.db" if request.param == "sqlite" else request.getfixturevalue("server")


def run(*overrides, folder="out"):
    return bikeml.run(*FAST, *overrides, f"hydra.run.dir={folder}")


def tracking_of(*overrides):
    return typed(resolve(compose(overrides))).tracking


# Where a run is recorded


@pytest.mark.parametrize(
    ("variable", "overrides", "expected"),
    [
        (None, (), "sqlite:///mlflow.db"),
        ("", (), "sqlite:///mlflow.db"),
        (OTHER, (), OTHER),
        ("http://127.0.0.1:5", (), "http://127.0.0.1:5"),
        (OTHER, ("tracking=local",), "sqlite:///mlflow.db"),
        (OTHER, ("tracking=none",), None),
        (OTHER, ("tracking.uri=sqlite:///mine.db",), "sqlite:///mine.db"),
        ("file:///mnt/mlruns", (), "sqlite:///mlflow.db"),
        ("./mlruns", (), "sqlite:///mlflow.db"),
    ],
)
def test_the_variable_counts_unless_a_key_says_otherwise(variable, overrides, expected, monkeypatch):
    if variable is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)
    assert tracking_of(*overrides).uri == expected


def test_a_workspace_that_a_platform_set_is_not_fatal_without_its_plugin(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "azureml://westeurope.api.azureml.ms/mlflow/v1.0/x")
    monkeypatch.setattr("bikeml.config.fields._list_plugins", list)
    assert tracking_of().uri == "sqlite:///mlflow.db"
    with pytest.raises(ConfigError, match=r"tracking.uri='azureml://x' needs Azure's plugin"):
        tracking_of("tracking.uri='azureml://x'")


def test_a_password_in_the_variable_is_refused_and_not_shown(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hush@h:5000")
    with pytest.raises(ConfigError, match="holds a password") as refused:
        tracking_of()
    assert "hush" not in str(refused.value)


def test_a_config_of_an_earlier_version_is_read_as_it_was(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", OTHER)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    sections = config_of().model_dump()
    sections["tracking"] = {"uri": "sqlite:///mlflow.db", "experiment_name": "bikeml", "run_name": None}
    kept = typed(sections).tracking
    assert (kept.uri, kept.experiment_name, kept.experiment_id, kept.tags) == (
        "sqlite:///mlflow.db",
        "bikeml",
        None,
        {},
    )


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MLFLOW_TRACKING_URI": OTHER}, "the run is recorded in 'sqlite:///other.db', as MLFLOW_TRACKING_URI says"),
        (
            {"MLFLOW_TRACKING_URI": "file:///mnt/mlruns"},
            "the run is recorded in 'sqlite:///mlflow.db': MLFLOW_TRACKING_URI='file:///mnt/mlruns' is a folder",
        ),
        ({"MLFLOW_EXPERIMENT_NAME": "theirs"}, "in the experiment 'theirs', as MLFLOW_EXPERIMENT_NAME says"),
    ],
)
def test_it_is_said_which_variable_decides(variables, said, monkeypatch, capsys):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run().run_id is not None
    line, *_ = capsys.readouterr().err.splitlines()  # mlflow logs that it makes a store
    assert line.startswith(f"bikeml: {said}")


def test_it_is_said_that_a_key_decides(monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", OTHER)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    run("tracking=local", "tracking.experiment_name=mine")
    where, ending = capsys.readouterr().err.splitlines()
    assert where == (
        "bikeml: the run is recorded in 'sqlite:///mlflow.db', as tracking.uri says, and not MLFLOW_TRACKING_URI; in "
        "the experiment 'mine', as tracking.experiment_name says"
    )
    assert ending.startswith("bikeml: linear: test_r2 ")
    assert not Path("other.db").exists()


@pytest.mark.slow
def test_an_experiment_is_found_by_its_id(uri, monkeypatch, capsys):
    number = MlflowClient(uri).create_experiment(f"by id {Path.cwd().name}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", number)
    result = run()
    assert MlflowClient(uri).get_run(result.run_id).info.experiment_id == number
    assert f"in the experiment with the id {number}, as MLFLOW_EXPERIMENT_ID says" in capsys.readouterr().err
    assert find(config_of(f"tracking.uri={uri}", f"tracking.experiment_id={number}"), "latest").run_id == result.run_id
    assert RunFolder(Path("out")).require().destination.experiment_id == number
    assert "by id" in json.loads(Path("out/store.json").read_text())["experiment_name"]
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "its name wins over the id")
    assert tracking_of().experiment_id is None


def test_an_experiment_that_does_not_exist_is_not_made_by_its_id(uri):
    with pytest.raises(TrackingError, match="has no experiment"):
        run(f"tracking.uri={uri}", "tracking.experiment_id=987654")


# A run of the caller's


@pytest.mark.slow
def test_a_run_that_the_variable_names_is_recorded_into_once(uri, monkeypatch):
    client = MlflowClient(uri)
    theirs = client.create_run(client.create_experiment(f"theirs {Path.cwd().name}"), run_name="theirs")
    client.log_param(theirs.info.run_id, "seed", "theirs")
    client.set_tag(theirs.info.run_id, "mlflow.note.content", "theirs")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_RUN_ID", theirs.info.run_id)
    result = run()
    found = client.get_run(theirs.info.run_id)
    assert result.run_id == theirs.info.run_id
    assert (found.info.status, found.info.run_name) == ("FINISHED", "theirs")
    assert found.data.metrics["test_r2"] == result.metrics["test_r2"]
    assert (found.data.params["seed"], found.data.params["model"]) == ("theirs", "linear")
    assert "mlflow.parentRunId" not in found.data.tags
    assert found.data.tags["mlflow.note.content"] == "theirs"
    assert [stored.run_id for _, stored in record_folder(Path("out"))] == [theirs.info.run_id]
    assert run(folder="second").run_id != theirs.info.run_id


@pytest.mark.slow
def test_a_run_that_is_not_there_or_holds_another_result_is_told_and_not_fatal(uri, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    first = run()
    assert f"the store has no run {'0' * 32}" in capsys.readouterr().err
    monkeypatch.setenv("MLFLOW_RUN_ID", first.run_id)
    assert run("model=tree", folder="second").run_id != first.run_id
    assert f"run {first.run_id}, which MLFLOW_RUN_ID named, holds another result" in capsys.readouterr().err


def test_a_run_of_another_store_does_not_count(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", OTHER)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    run("tracking=local")
    assert RunFolder(Path("out")).require().destination.run_id is None
    assert os.environ["MLFLOW_RUN_ID"] == "0" * 32


@pytest.mark.slow
def test_a_run_nests_in_the_active_one_of_the_same_store(uri):
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(f"notebook {Path.cwd().name}")
    with mlflow.start_run() as active:
        result = run(f"tracking.uri={uri}")
    client = MlflowClient(uri)
    assert client.get_run(result.run_id).data.tags["mlflow.parentRunId"] == active.info.run_id
    assert client.get_run(active.info.run_id).data.params == {}
    assert RunFolder(Path("out")).require().destination.parent_run_id == active.info.run_id


@pytest.mark.slow
def test_a_notebook_that_names_its_store_and_experiment_to_mlflow_names_them_to_bikeml(uri, workdir):
    mlflow.set_tracking_uri(uri)
    experiment = mlflow.set_experiment(f"notebook {Path.cwd().name}")
    result = run()
    assert MlflowClient(uri).get_run(result.run_id).info.experiment_id == experiment.experiment_id
    elsewhere = run(f"tracking.uri=sqlite:///{workdir}/elsewhere.db", folder="elsewhere")
    client = MlflowClient(f"sqlite:///{workdir}/elsewhere.db")
    assert client.get_experiment(client.get_run(elsewhere.run_id).info.experiment_id).name == "bikeml"


@pytest.mark.slow
def test_an_active_run_of_another_store_is_told_and_no_parent(workdir, capsys):
    mlflow.set_tracking_uri(f"sqlite:///{workdir}/notebook.db")
    with mlflow.start_run() as active:
        result = run("tracking=local")
    assert f"the active run {active.info.run_id} is in 'sqlite:///{workdir}/notebook.db'" in capsys.readouterr().err
    tags = MlflowClient(f"sqlite:///{workdir}/mlflow.db").get_run(result.run_id).data.tags
    assert "mlflow.parentRunId" not in tags


def test_who_records_later_nests_the_run_too(workdir, monkeypatch):
    uri = f"sqlite:///{workdir}/mlflow.db"
    mlflow.set_tracking_uri(uri)

    def refuse(*_):
        raise TrackingError("the store is away")

    with mlflow.start_run() as active, monkeypatch.context() as patch:
        patch.setattr("bikeml.tracking.record.record", refuse)
        with pytest.raises(TrackingError, match="the store is away; nothing is lost"):
            run("+tracking.tags.team=fleet", "tracking.description=Later")
    ((_, stored),) = record_folder(Path("out"))
    tags = MlflowClient(uri).get_run(stored.run_id).data.tags
    assert tags["mlflow.parentRunId"] == active.info.run_id
    assert (tags["team"], tags["mlflow.note.content"]) == ("fleet", "Later")


@pytest.mark.slow
def test_a_sweep_nests_in_the_run_that_the_variable_names(workdir, monkeypatch, bikeml_main):
    uri = f"sqlite:///{workdir}/mlflow.db"
    client = MlflowClient(uri)
    theirs = client.create_run("0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_RUN_ID", theirs.info.run_id)
    words = ["+tracking.tags.team=fleet", "+tracking.tags.number=${seed}", "hydra.sweep.dir=sw"]
    assert bikeml_main("-m", *FAST, "model=tree", "seed=1,2", *words) == 0
    sweep = json.loads(Path("sw/store.json").read_text())["run_id"]
    tags = client.get_run(sweep).data.tags
    assert (tags["mlflow.parentRunId"], tags["team"]) == (theirs.info.run_id, "fleet")
    assert "number" not in tags
    cells = [json.loads(file.read_text())["run_id"] for file in Path("sw").glob("*/store.json")]
    assert len(cells) == 2
    assert {client.get_run(cell).data.tags["mlflow.parentRunId"] for cell in cells} == {sweep}
    assert client.get_run(theirs.info.run_id).data.params == {}
    assert json.loads(Path("sw/sweep.json").read_text())["destination"]["parent_run_id"] == theirs.info.run_id


@pytest.mark.slow
def test_another_sweeper_in_the_folder_of_a_sweep_has_none_of_its_cells(workdir, monkeypatch, bikeml_main):
    uri = f"sqlite:///{workdir}/mlflow.db"
    client = MlflowClient(uri)
    assert bikeml_main("-m", *FAST, "model=tree", "seed=1,2", f"tracking.uri={uri}", "hydra.sweep.dir=sw") == 0
    theirs = client.create_run("0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_RUN_ID", theirs.info.run_id)
    assert bikeml_main("-m", *FAST, "model=tree", "seed=1,3", "hydra/sweeper=basic", "hydra.sweep.dir=sw") == 0
    cells = [json.loads(file.read_text())["run_id"] for file in Path("sw").glob("*/store.json")]
    assert {client.get_run(cell).data.tags["mlflow.parentRunId"] for cell in cells} == {theirs.info.run_id}
    assert len(cells) == 2
    assert SweepFolder(Path("sw")).look().run_id is None


# A server that refuses, is none, or is away


def fails_before_the_fit(message, *overrides):
    with pytest.raises(TrackingError, match=message):
        run(*overrides)
    assert not Path("out").exists()


@pytest.mark.long
@pytest.mark.slow
def test_a_server_that_refuses_is_found_out_before_the_fit(guarded, monkeypatch):
    refusal = (
        r"refuses this user \(401 .*set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    )
    fails_before_the_fit(refusal, f"tracking.uri={guarded}")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "another")
    fails_before_the_fit(refusal, f"tracking.uri={guarded}")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    assert run(f"tracking.uri={guarded}").run_id
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USERNAME)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    assert run(f"tracking.uri={guarded}", folder="by name").run_id


@pytest.mark.slow
def test_a_name_and_a_password_in_mlflows_file_count(guarded, workdir, monkeypatch):
    monkeypatch.setenv("HOME", str(workdir))
    (workdir / ".mlflow").mkdir()
    (workdir / ".mlflow" / "credentials").write_text(
        f"[mlflow]\nmlflow_tracking_username = {USERNAME}\nmlflow_tracking_password = {PASSWORD}\n"
    )
    assert run(f"tracking.uri={guarded}").run_id


def test_a_lookup_that_is_refused_names_the_variables(guarded):
    with pytest.raises(TrackingError, match="401.*set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"):
        find(config_of(f"tracking.uri={guarded}"), "latest")


@pytest.mark.slow
def test_a_path_of_the_server_that_is_not_mlflows_is_found_out_before_the_fit(server):
    fails_before_the_fit(r"is not MLflow's: it answers 404 .*check tracking.uri", f"tracking.uri={server}/wrong")


@pytest.mark.slow
def test_a_server_that_is_away_is_a_warning_and_the_result_is_recorded_later(server, capsys):
    with pytest.raises(TrackingError, match="nothing is lost"):
        run("tracking.uri=http://127.0.0.1:1")
    assert "the server at 'http://127.0.0.1:1' cannot be reached" in capsys.readouterr().err
    ((_, stored),) = record_folder(Path("out"), uri=server)
    assert MlflowClient(server).get_run(stored.run_id).info.status == "FINISHED"


@pytest.mark.slow
def test_a_run_that_was_recorded_nowhere_is_recorded_where_the_variable_says(server, monkeypatch):
    run("tracking=none")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    ((_, stored),) = record_folder(Path("out"))
    assert stored.uri == server


@pytest.mark.slow
def test_a_sweep_asks_the_server_before_its_cells(guarded, bikeml_main, capsys):
    assert bikeml_main("-m", *FAST, "model=linear,tree", f"tracking.uri={guarded}", "hydra.sweep.dir=sw") == 1
    assert "refuses this user (401" in capsys.readouterr().err
    assert list(Path("sw").glob("*/result.json")) == []


@pytest.mark.slow
def test_a_deleted_experiment_can_be_restored_by_the_command_in_the_message(uri, workdir):
    name = f"deleted {workdir.name}"
    client = MlflowClient(uri)
    client.delete_experiment(client.create_experiment(name))
    with pytest.raises(TrackingError, match=f"the experiment '{name}' of .* is deleted; restore it with") as refused:
        run(f"tracking.uri={uri}", f"tracking.experiment_name='{name}'")
    command = str(refused.value).partition("restore it with: ")[2].splitlines()[0]
    number = client.get_experiment_by_name(name).experiment_id
    assert command == f"MLFLOW_TRACKING_URI={uri} mlflow experiments restore --experiment-id {number}"
    client.restore_experiment(number)
    assert run(f"tracking.uri={uri}", f"tracking.experiment_name='{name}'", folder="again").run_id


# What a run tells


@pytest.mark.slow
def test_tags_and_a_description_are_the_runs(uri):
    told = "# Rentals\n" + "a long description, " * 200
    result = run(
        f"tracking.uri={uri}",
        "+tracking.tags.team=fleet",
        "+tracking.tags.year=2011",
        "+tracking.tags.urgent=true",
        "+tracking.tags.source='http://me:hush@h/x'",
        f"tracking.description='{told}'",
    )
    tags = MlflowClient(uri).get_run(result.run_id).data.tags
    assert (tags["team"], tags["year"], tags["urgent"]) == ("fleet", "2011", "true")
    assert tags["source"] == "http://***@h/x"
    assert tags["mlflow.note.content"].rstrip() == told.rstrip()
    assert tags["mlflow.user"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+tracking.tags={bikeml.record: x}", "begins with bikeml., as the tags that bikeml itself writes"),
        ("+tracking.tags.mlflow.runName=x", "is the name of the run; set tracking.run_name"),
        ("+tracking.tags={a//b: x}", "should have at most 250 letters"),
        ("+tracking.tags.team=[1]", "text, a number, true or false"),
        ("tracking.tags.team=x", r"add a key, write \+tracking.tags.team=VALUE"),
        ("tracking.description=''", "tracking.description='' should not be empty"),
    ],
)
def test_a_tag_that_a_store_would_refuse_is_refused_before_the_fit(override, message):
    with pytest.raises(ConfigError, match=message):
        tracking_of(override)


@pytest.mark.parametrize("override", ["+tracking.tags.release.version=2", "+tracking.tags={release.version: 2}"])
def test_a_tag_may_have_a_dot_in_its_name(override):
    assert tracking_of(override, "+tracking.tags.team=fleet").tags == {"release.version": 2, "team": "fleet"}


@pytest.mark.slow
def test_the_cells_of_a_sweep_stay_in_it_if_a_tag_names_a_parent(workdir, bikeml_main):
    client = MlflowClient(uri := f"sqlite:///{workdir}/mlflow.db")
    parent = client.create_run("0").info.run_id
    words = [f"tracking.uri={uri}", f"+tracking.tags.mlflow.parentRunId={parent}", "hydra.sweep.dir=sw"]
    assert bikeml_main("-m", *FAST, "model=tree", "seed=1,2", *words) == 0
    sweep, *cells = (json.loads(Path(f"sw/{name}store.json").read_text())["run_id"] for name in ("", "0/", "1/"))
    assert client.get_run(sweep).data.tags["mlflow.parentRunId"] == parent
    assert {client.get_run(cell).data.tags["mlflow.parentRunId"] for cell in cells} == {sweep}


@pytest.mark.slow
def test_the_commit_of_the_users_project_is_recorded_beside_bikemls(workdir):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    result = run()
    tags = MlflowClient(f"sqlite:///{workdir}/mlflow.db").get_run(result.run_id).data.tags
    assert tags["mlflow.source.git.commit"] == head
    own = result.record.environment.git_commit
    assert tags.get("bikeml.git_commit") == own != head


@pytest.mark.slow
def test_a_table_is_a_dataset_that_mlflow_can_load_from_anywhere(workdir, monkeypatch):
    (workdir / "my").mkdir()
    (workdir / "my" / "rentals.csv").write_bytes(DAILY.read_bytes())
    result = run("data=csv", "data.path=my/rentals.csv", "data.target=rentals")
    (used,) = MlflowClient(f"sqlite:///{workdir}/mlflow.db").get_run(result.run_id).inputs.dataset_inputs
    monkeypatch.chdir("/")
    assert Path(mlflow.data.get_source(used.dataset).load()).read_bytes() == DAILY.read_bytes()


@pytest.mark.slow
def test_the_use_of_the_machine_is_recorded_if_the_variable_asks(workdir, monkeypatch):
    client = MlflowClient(f"sqlite:///{workdir}/mlflow.db")
    quiet = client.get_run(run().run_id).data.metrics
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.01")
    result = run(folder="asked")
    asked = client.get_run(result.run_id).data.metrics
    assert "system/cpu_utilization_percentage" in asked.keys() - quiet.keys()
    assert {name for name in quiet if name.startswith("system/")} == set()
    assert len(client.get_metric_history(result.run_id, "system/system_memory_usage_megabytes")) > 1


# The model


@pytest.fixture
def table(workdir):
    return pd.read_csv(DAILY)


@pytest.mark.slow
def test_the_model_is_a_logged_model_that_every_reader_finds(uri, table, call_task, workdir):
    result = run(f"tracking.uri={uri}", "model=tree")
    client = MlflowClient(uri)
    recorded = client.get_run(result.run_id)
    (output,) = recorded.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert (model.name, model.source_run_id, str(model.status)) == ("model", result.run_id, "READY")
    assert model.params["model.estimator.random_state"] == "0"
    assert {metric.key: metric.value for metric in model.metrics}["test_r2"] == result.metrics["test_r2"]
    mlflow.set_tracking_uri(uri)
    wanted = result.pipeline.predict(table)
    for address in (f"runs:/{result.run_id}/model", f"models:/{model.model_id}"):
        loaded = mlflow.pyfunc.load_model(address)
        assert loaded.metadata.run_id == result.run_id
        np.testing.assert_array_equal(loaded.predict(table), wanted)
        np.testing.assert_array_equal(mlflow.sklearn.load_model(address).predict(table), wanted)
    place = find(config_of(f"tracking.uri={uri}"), result.run_id).fetch_model(workdir / "fetched")
    assert {file.name for file in place.iterdir()} == {file.name for file in Path("out/model").iterdir()}
    name = f"bikes-{workdir.name}"[:50]
    status, _, _ = call_task(
        "register", f"run={result.run_id}", f"registered_model={name}", "alias=champion", f"tracking.uri={uri}"
    )
    assert status == 0
    version = client.get_model_version_by_alias(name, "champion")
    assert (version.run_id, version.source) == (result.run_id, model.artifact_location)
    assert name in client.get_logged_model(model.model_id).tags["mlflow.modelVersions"]
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(table), wanted)
    np.testing.assert_array_equal(mlflow.sklearn.load_model(f"models:/{name}/1").predict(table), wanted)
    status, _, err = call_task(
        "predict", f"run={name}@champion", f"data.path={DAILY}", "output=predicted.csv", f"tracking.uri={uri}"
    )
    assert status == 0, err


@pytest.mark.slow
def test_the_model_is_stored_once_and_its_digest_holds(workdir):
    result = run()
    assert len(list((workdir / "mlartifacts").rglob("model.skops"))) == 1
    (description,) = (workdir / "mlartifacts").rglob("MLmodel")
    assert f"run_id: {result.run_id}" in description.read_text()
    assert "run_id" not in Path("out/model/MLmodel").read_text()
    fetched = find(config_of(f"tracking.uri=sqlite:///{workdir}/mlflow.db"), result.run_id).fetch_model(workdir / "x")
    assert f"run_id: {result.run_id}" in (fetched / "MLmodel").read_text()
    description.write_text(description.read_text() + "evil: true\n")
    with pytest.raises(Exception, match="has been changed"):
        find(config_of(f"tracking.uri=sqlite:///{workdir}/mlflow.db"), result.run_id).fetch_model(workdir / "y")


@pytest.mark.slow
def test_a_server_without_logged_models_has_the_model_among_the_files(server, monkeypatch, table):
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND

    def refuse(*_, **__):
        raise MlflowException("API request to endpoint failed with error code 404 != 200", ENDPOINT_NOT_FOUND)

    monkeypatch.setattr(MlflowClient, "create_logged_model", refuse)
    result = run(f"tracking.uri={server}")
    recorded = find(config_of(f"tracking.uri={server}"), result.run_id)
    assert recorded.files.model is None
    assert f"run_id: {result.run_id}" in (recorded.fetch_model(Path("fetched")) / "MLmodel").read_text()
    mlflow.set_tracking_uri(server)
    loaded = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")
    assert loaded.metadata.run_id == result.run_id
    np.testing.assert_array_equal(loaded.predict(table), result.pipeline.predict(table))


def test_a_model_whose_upload_fails_is_not_left_pending(workdir, monkeypatch):
    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(MlflowClient, "log_model_artifacts", fail)
    with pytest.raises(TrackingError, match="the disk is full"):
        run()
    client = MlflowClient(f"sqlite:///{workdir}/mlflow.db")
    experiment = client.get_experiment_by_name("bikeml").experiment_id
    assert [str(model.status) for model in client.search_logged_models([experiment])] == ["FAILED"]
    assert [each.info.status for each in client.search_runs([experiment])] == ["FAILED"]


@pytest.mark.slow
def test_the_model_of_a_store_that_was_moved_is_found(workdir):
    (workdir / "a").mkdir()
    result = run(f"tracking.uri=sqlite:///{workdir}/a/mlflow.db")
    (workdir / "a").rename(workdir / "b")
    found = find(config_of(f"tracking.uri=sqlite:///{workdir}/b/mlflow.db"), result.run_id)
    assert (found.fetch_model(workdir / "fetched") / "MLmodel").is_file()
    mlflow.set_tracking_uri(f"sqlite:///{workdir}/b/mlflow.db")
    assert mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")


@pytest.mark.long
@pytest.mark.slow
def test_a_server_that_names_a_folder_of_this_machine_gets_and_gives_no_file(workdir):
    (workdir / "server").mkdir()
    outside = workdir / "outside"
    with mlflow_server(workdir / "server") as uri:
        with contextlib.closing(sqlite3.connect(workdir / "server" / "server.db")) as database, database:
            database.execute("UPDATE experiments SET artifact_location = ?", (outside.as_uri(),))
        message = "keeps the files of its runs at 'file://.*/outside/.*', which is not its own: files are sent to"
        with pytest.raises(TrackingError, match=message):
            run("model=baseline", f"tracking.uri={uri}", "tracking.experiment_name=Default")
        (found,) = MlflowClient(uri).search_runs(["0"])
        files = RunFiles(found, uri)
        with pytest.raises(TrackingError, match=message):
            files.find("result.json")
    assert not outside.exists()
