import json
import sqlite3
from importlib.metadata import entry_points

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

import bikeml
from bikeml.errors import TrackingError
from bikeml.tracking.description import describe_failure, describe_sweep, escape
from tests.builders import stored_model
from tests.conftest import DAILY

pytestmark = pytest.mark.usefixtures("unrendered")
needs_azure = pytest.mark.skipif(
    not entry_points(group="mlflow.tracking_store", name="azureml"),
    reason="azureml:// is refused before the run where the azure extra is not installed; test_config.py has that",
)
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """One searched run in a store of its own."""
    folder = tmp_path_factory.mktemp("store")
    result = bikeml.run(
        *FAST,
        "model=tree",
        "preprocessing=standard",
        "search=grid",
        "search.child_runs=2",
        f"tracking.uri=sqlite:///{folder}/mlflow.db",
        f"hydra.run.dir={folder}/out",
    )
    return result, MlflowClient(f"sqlite:///{folder}/mlflow.db"), folder


def test_a_recorded_run_is_finished_with_its_metrics_and_intervals(recorded):
    result, client, _ = recorded
    run = client.get_run(result.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "tree-standard-grid"
    for name, value in result.metrics.items():
        assert run.data.metrics[name] == value
    assert (run.data.metrics["test_r2_low"], run.data.metrics["test_r2_high"]) == result.record.intervals["test_r2"]


def test_its_params_are_the_config_and_what_the_search_chose(recorded):
    result, client, _ = recorded
    params = client.get_run(result.run_id).data.params
    assert params["model"] == "tree"
    assert params["model.estimator.random_state"] == params["seed"] == "0"
    assert params["best.max_depth"] == str(result.record.search.best_params["max_depth"])
    assert params["model.estimator.max_depth"] == params["best.max_depth"]
    assert len(params) < 200


def test_its_tags_say_where_it_came_from(recorded):
    result, client, _ = recorded
    tags = client.get_run(result.run_id).data.tags
    assert tags["bikeml.fingerprint"] == result.record.fingerprint
    assert tags["bikeml.cv"] == "tuned on these rows"
    assert tags["bikeml.command"].startswith("bikeml.run(")
    assert {name for name in tags if not name.startswith("mlflow.")} == {
        *("bikeml.fingerprint", "bikeml.record", "bikeml.options", "bikeml.rank", "bikeml.folds", "bikeml.cv"),
        *("bikeml.model_sha256", "bikeml.data_sha256", "bikeml.source", "bikeml.versions", "bikeml.identity_schema"),
        *("bikeml.fold_fits_sha256", "bikeml.command", "bikeml.owner", "bikeml.git_commit"),
        "bikeml.folder",
    }  # each is read back, or tells the code


def test_its_description_says_what_it_is_how_good_and_where_its_page_is(recorded):
    result, client, folder = recorded
    tags = client.get_run(result.run_id).data.tags
    told = tags["mlflow.note.content"]
    assert told.startswith(r"**tree\-standard\-grid** predicts rentals of daily\-bike\-share.")
    score, (low, high) = result.metrics["test_r2"], result.intervals["test_r2"]
    assert f"R² {score:.4f} (95% interval {low:.4f} to {high:.4f}) on 220 held-out rows" in told
    assert "tuned on these rows" in told
    assert f"Page: report.html in {escape(str(folder / 'out'))}" in told
    assert tags["mlflow.user"]
    (child, *_) = client.search_runs(
        [client.get_run(result.run_id).info.experiment_id], "tags.`bikeml.candidate_rank` = '1'"
    )
    assert child.data.tags["mlflow.note.content"] == r"Candidate 1 of the search of tree\-standard\-grid."


def test_a_sweep_and_a_failed_cell_have_a_description(tmp_path):
    told = describe_sweep(
        tmp_path / "report.html", {"cells_finished": 2.0, "cells_not_run": 1.0, "best_cv_r2_mean": 0.75}
    )
    assert told.startswith(r"A sweep of cells: 2 finished, 1 not run; best\_cv\_r2\_mean 0.75.")
    assert told.endswith(f"Page: report.html in {escape(str(tmp_path))}")
    assert describe_failure("a_b", "ValueError: <no>\nmore") == r"**a\_b** failed: ValueError: &lt;no&gt;␊more"


def test_a_description_shows_names_as_they_are_and_no_secret():
    assert escape("a_b *c* [x](y) <img src=x>\n# `d`") == r"a\_b \*c\* \[x\]\(y\) &lt;img src=x&gt;␊\# \`d\`"
    assert "hush" not in escape("https://me:hush@host/?sig=hush +vars.token=hush")


def test_its_dataset_is_named_with_hash_and_source(recorded):
    result, client, _ = recorded
    (dataset,) = client.get_run(result.run_id).inputs.dataset_inputs
    assert dataset.dataset.name == "daily-bike-share"
    assert result.record.dataset.sha256.startswith(dataset.dataset.digest)
    assert json.loads(dataset.dataset.source)["uri"] == "pkg://bikeml.datasets/daily-bike-share.csv"


def test_every_file_of_the_run_folder_is_an_artifact_once(recorded):
    result, client, folder = recorded
    names = {artifact.path for artifact in client.list_artifacts(result.run_id)}
    assert names == {file.name for file in (folder / "out").iterdir()} - {"store.json", "model"}
    stored = {file.name for file in stored_model(folder, result.run_id).iterdir()}
    assert stored == {file.name for file in (folder / "out" / "model").iterdir()}
    models = list((folder / "mlartifacts").rglob("model.skops"))
    assert len(models) == 1
    assert json.loads((folder / "out" / "store.json").read_text())["run_id"] == result.run_id


def test_the_best_candidates_are_child_runs(recorded):
    result, client, _ = recorded
    experiment = client.get_run(result.run_id).info.experiment_id
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{result.run_id}'")
    assert sorted(child.data.tags["bikeml.candidate_rank"] for child in children) == ["1", "2"]
    best = next(child for child in children if child.data.tags["bikeml.candidate_rank"] == "1")
    assert best.data.metrics["mean_test_score"] == result.record.search.best_score
    assert best.info.status == "FINISHED"


def test_mlflow_itself_loads_the_model_and_its_example(recorded):
    result, _, folder = recorded
    path = str(folder / "out" / "model")
    model = mlflow.pyfunc.load_model(path)
    table = pd.read_csv(DAILY)[list(result.record.dataset.columns)[:-1]]
    np.testing.assert_array_equal(model.predict(table), result.pipeline.predict(table))
    assert {c.name: c.type.name for c in model.metadata.signature.inputs}["season"] == "long"
    example = model.metadata.load_input_example(path)
    assert list(example.columns) == list(table.columns)
    assert len(example.merge(table)) >= len(example) == 5, "they are rows of the table"
    requirements = (folder / "out" / "model" / "requirements.txt").read_text()
    assert "scikit-learn==" in requirements
    assert "mlflow==" in requirements


@pytest.mark.slow
def test_a_served_model_takes_the_gaps_that_its_table_had(workdir):
    rows = [f"{'' if i % 2 == 0 else i + 0.5},{'' if i % 5 == 0 else 'red'},{i}" for i in range(40)]
    (workdir / "my.csv").write_text("size,colour,price\n" + "\n".join(rows))
    columns = ["data.target=price", "data.numeric=[size]", "data.categorical=[colour]", "data.path=my.csv"]
    result = bikeml.run(*FAST, "data=csv", *columns, "preprocessing=imputed", "hydra.run.dir=out")
    model = mlflow.pyfunc.load_model(str(workdir / "out" / "model"))
    table = pd.read_csv("my.csv")[["size", "colour"]]
    np.testing.assert_array_equal(model.predict(table), result.pipeline.predict(table))


def test_mlflows_own_sklearn_loader_takes_the_model(recorded):
    result, _, folder = recorded
    loaded = mlflow.sklearn.load_model(str(folder / "out" / "model"))
    table = pd.read_csv(DAILY)
    np.testing.assert_array_equal(loaded.predict(table), result.pipeline.predict(table))


@pytest.mark.slow
def test_the_default_store_is_in_the_working_folder_even_beside_an_old_mlruns(workdir):
    (workdir / "mlruns" / "0").mkdir(parents=True)
    result = bikeml.run(*FAST, "hydra.run.dir=out")
    assert (workdir / "mlflow.db").is_file()
    assert MlflowClient(f"sqlite:///{workdir}/mlflow.db").get_run(result.run_id).info.status == "FINISHED"
    assert list((workdir / "mlruns").rglob("*.png")) == []
    again = bikeml.run(*FAST, "hydra.run.dir=again")
    assert again.run_id != result.run_id


def copy_of_store(recorded, workdir):
    (workdir / "mlflow.db").write_bytes((recorded[2] / "mlflow.db").read_bytes())
    return MlflowClient(f"sqlite:///{workdir}/mlflow.db")


def assert_nothing_is_lost(workdir):
    summary = json.loads((workdir / "out" / "result.json").read_text())
    assert not (workdir / "out" / "store.json").exists()
    assert np.isfinite(summary["metrics"]["test_r2"])
    assert (workdir / "out" / "model" / "model.skops").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://127.0.0.1:1", r"cannot record the run in 'http://127.0.0.1:1': .*; check tracking.uri"),
        ("postgresql://me@127.0.0.1:1/x", r"cannot record the run in 'postgresql://\*\*\*@127.0.0.1:1/x': No module"),
        pytest.param("azureml://x", r"cannot record the run in 'azureml://x'", marks=needs_azure),
        ("sqlite:///.", r"cannot record the run in 'sqlite:///.*it is a folder; name a file in it"),
        ("sqlite:///file/mlflow.db", r"cannot record the run in 'sqlite:////.*/file/mlflow.db'"),
    ],
)
def test_a_store_that_cannot_be_reached_loses_nothing(uri, message, workdir):
    (workdir / "file").write_text("")
    with pytest.raises(TrackingError, match=message + r".*nothing is lost, the result is in "):
        bikeml.run(*FAST, f"tracking.uri='{uri}'", "hydra.run.dir=out")
    assert_nothing_is_lost(workdir)


@pytest.mark.slow
def test_a_file_that_is_no_database_loses_nothing(workdir):
    (workdir / "mlflow.db").write_text("this is no database, and it is long enough to be read as one\n" * 100)
    with pytest.raises(TrackingError, match=r"cannot record the run in .*mlflow.db': it is no database of SQLite"):
        bikeml.run(*FAST, "hydra.run.dir=out")
    assert_nothing_is_lost(workdir)


@pytest.mark.slow
def test_a_locked_store_loses_nothing(recorded, workdir, monkeypatch):
    monkeypatch.setattr("bikeml.tracking.store.LOCK_TIMEOUT_SECONDS", 2)
    copy_of_store(recorded, workdir)
    with sqlite3.connect(workdir / "mlflow.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackingError, match="cannot record the run in .*locked"):
            bikeml.run(*FAST, "hydra.run.dir=out")
        other.rollback()
    assert_nothing_is_lost(workdir)


@pytest.mark.slow
def test_a_deleted_experiment_is_named(recorded, workdir):
    client = copy_of_store(recorded, workdir)
    client.delete_experiment(client.get_experiment_by_name("bikeml").experiment_id)
    with pytest.raises(
        TrackingError, match="the experiment 'bikeml' of .* is deleted; restore it with: MLFLOW_TRACKING_URI="
    ):
        bikeml.run(*FAST, "hydra.run.dir=out")
    assert_nothing_is_lost(workdir)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "status"), [(OSError("No space left on device"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_a_run_that_breaks_off_is_not_left_running(recorded, workdir, monkeypatch, error, status):
    client = copy_of_store(recorded, workdir)

    def break_off(*args, **kwargs):
        raise error

    monkeypatch.setattr("mlflow.tracking.client.MlflowClient.log_artifact", break_off)
    with pytest.raises((TrackingError, KeyboardInterrupt)):
        bikeml.run(*FAST, "hydra.run.dir=out", "tracking.experiment_name=other")
    experiment = client.get_experiment_by_name("other").experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == [status]
    assert_nothing_is_lost(workdir)
