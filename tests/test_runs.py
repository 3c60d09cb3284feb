"""Runs found again by what people call them, in a real store of real experiments."""

import dataclasses
import re
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

import bikeml
from bikeml.errors import ConfigError, DataError, RecordError, RunNotFoundError, TrackingError
from bikeml.tracking.lookup import Place, find, find_place
from bikeml.tracking.mlflow_store import MlflowStore
from bikeml.tracking.sweeps import SweepStore
from tests.conftest import DAILY, config_of

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Three experiments, in the order of their scores: a tree, a search with candidates, and one on another table."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "other.csv").write_bytes(b"".join(DAILY.read_bytes().splitlines(keepends=True)[:400]))
    uri = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    runs = {}
    for name, overrides in {
        "other": ("data.path=" + str(folder / "other.csv"), "model=rf", "model.estimator.n_estimators=5"),
        "linear": ("model=linear",),
        "searched": ("model=ridge", "search=grid", "search.child_runs=2"),
        "tree": ("model=tree",),
    }.items():
        runs[name] = bikeml.run(*FAST, uri, *overrides, f"hydra.run.dir={folder}/{name}")
    return folder, runs


@pytest.fixture
def store(recorded, workdir):
    """A copy of the store of its own, whose artifacts are those of the first."""
    shutil.copy(recorded[0] / "mlflow.db", workdir / "mlflow.db")
    return MlflowClient(f"sqlite:///{workdir}/mlflow.db")


def test_latest_is_the_last_experiment_that_finished(recorded, store):
    experiment = store.get_experiment_by_name("bikeml").experiment_id
    for tags, status in (({}, "FINISHED"), ({"bikeml.fingerprint": "x"}, "FAILED"), ({}, None)):
        begun = store.create_run(experiment, tags=tags)  # a sweep's own, a failed cell, and one that runs
        if status:
            store.set_terminated(begun.info.run_id, status)
    assert find(config_of(), "latest").run_id == recorded[1]["tree"].run_id


def test_best_is_the_highest_cross_validated_score_on_the_folds_of_the_last_run(recorded, store):
    runs = recorded[1]
    here = [runs[name] for name in ("linear", "tree")]
    best = max(here, key=lambda result: result.metrics["cv_r2_mean"])
    table = {"bikeml.fingerprint": "x", "bikeml.data_sha256": best.record.dataset.sha256}
    easier = store.create_run(store.get_experiment_by_name("bikeml").experiment_id, start_time=1, tags=table)
    store.log_param(easier.info.run_id, "data.target", "casual")  # of the same table: its score says nothing here
    store.log_metric(easier.info.run_id, "cv_r2_mean", 1.0)
    store.set_terminated(easier.info.run_id, "FINISHED")
    apart = store.create_run(store.get_experiment_by_name("bikeml").experiment_id, start_time=1, tags=table)
    for name, value in (("data.target", "rentals"), ("split.kind", "chronological")):  # nor does that of other folds
        store.log_param(apart.info.run_id, name, value)
    store.log_metric(apart.info.run_id, "cv_r2_mean", 1.0)
    store.set_terminated(apart.info.run_id, "FINISHED")
    assert find(config_of(), "best").run_id == best.run_id
    last = store.create_run(
        store.get_experiment_by_name("bikeml").experiment_id,
        tags={"bikeml.fingerprint": "x", "bikeml.data_sha256": runs["other"].record.dataset.sha256},
    ).info.run_id
    store.log_metric(last, "cv_r2_mean", float("nan"))
    store.set_terminated(last, "FINISHED")
    assert find(config_of(), "best").run_id == runs["other"].run_id


@pytest.mark.parametrize("can_order", [True, False])
def test_best_is_the_smallest_loss_if_a_loss_ranks_the_last_run(recorded, store, monkeypatch, can_order):
    monkeypatch.setattr(MlflowStore, "can_order", can_order)
    here = [recorded[1][name] for name in ("linear", "tree")]
    tags = {"bikeml.fingerprint": "x", "bikeml.data_sha256": here[0].record.dataset.sha256, "bikeml.rank": "mae"}
    experiment = store.get_experiment_by_name("bikeml").experiment_id
    for metrics in ({"cv_mae_mean": 1e9, "cv_r2_mean": 1.0}, {}):  # a worse one, and the last, of which it is undefined
        run_id = store.create_run(experiment, tags=tags).info.run_id
        for name, value in (("data.target", "rentals"), ("split.kind", "random")):
            store.log_param(run_id, name, value)
        for name, value in metrics.items():
            store.log_metric(run_id, name, value)
        store.set_terminated(run_id, "FINISHED")
    best = min(here, key=lambda result: result.metrics["cv_mae_mean"])
    found = find(config_of(), "best")
    assert found.run_id == best.run_id
    assert found.title.endswith("the best by cv_mae_mean on the folds of the latest run")
    assert recorded[1]["tree"].record.rank == store.get_run(recorded[1]["tree"].run_id).data.tags["bikeml.rank"] == "r2"


FOLDS, CV = "bikeml.folds", "bikeml.cv"


def like(store, run_id, score, tags=None, params=None):
    """Record a run like another one, but for its score, `tags` and `params`; a tag of None is left out."""
    other = store.get_run(run_id)
    kept = {name: value for name, value in (other.data.tags | (tags or {})).items() if value is not None}
    made = store.create_run(other.info.experiment_id, start_time=1, tags=kept).info.run_id
    for name, value in (other.data.params | (params or {})).items():
        store.log_param(made, name, value)
    store.log_metric(made, "cv_r2_mean", score)
    store.set_terminated(made, "FINISHED")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("can_order", [True, False])
def test_what_is_better_on_other_folds_or_tuned_is_left_out_and_said(recorded, store, monkeypatch, capsys, can_order):
    monkeypatch.setattr(MlflowStore, "can_order", can_order)
    linear, searched, tree = (recorded[1][name] for name in ("linear", "searched", "tree"))
    assert searched.metrics["cv_r2_mean"] > linear.metrics["cv_r2_mean"]
    like(store, linear.run_id, 0.99, {FOLDS: "0" * 64})
    like(store, linear.run_id, -5.0, {FOLDS: "1" * 64})  # it is worse, so it is not told
    like(store, linear.run_id, 0.98, {"bikeml.test_sha256": "2" * 64})
    assert find(config_of(), "best").run_id == linear.run_id
    told = capsys.readouterr().err
    assert f"run=best compares the runs on the folds of the latest run, {tree.run_id}; left out with a better" in told
    for part in ("1 on other folds", "1 with another test file", "1 tuned on these rows", "evaluation.nested=true"):
        assert part in told


@pytest.mark.slow
def test_after_a_tuned_run_the_tuned_ones_are_compared(recorded, store, capsys):
    better = like(store, recorded[1]["searched"].run_id, 0.9)
    like(store, recorded[1]["linear"].run_id, 0.95)
    assert find(config_of(), "best").run_id != better
    capsys.readouterr()
    store.set_tag(recorded[1]["tree"].run_id, CV, "tuned on these rows")  # the latest
    assert find(config_of(), "best").run_id == better
    assert "left out with a better cv_r2_mean: 1 not tuned; " in capsys.readouterr().err


def test_a_run_without_the_tag_of_its_folds_is_compared_by_the_parameters_of_its_split(recorded, store, capsys):
    linear = recorded[1]["linear"].run_id
    earlier = like(store, linear, 0.98, {FOLDS: None})
    like(store, linear, 0.99, {FOLDS: None}, {"split.random_state": "7"})
    assert find(config_of(), "best").run_id == earlier
    assert "left out with a better cv_r2_mean: 1 on other folds; " in capsys.readouterr().err


@pytest.mark.slow
def test_of_equal_scores_the_last_run_is_the_best(recorded, store, monkeypatch):
    again = bikeml.run(*FAST, "model=ridge", "hydra.run.dir=again", "tracking.experiment_name=twice")
    last = bikeml.run(*FAST, "model=ridge", "hydra.run.dir=last", "tracking.experiment_name=twice")
    config = config_of("tracking.experiment_name=twice")
    assert again.metrics == last.metrics
    assert find(config, "best").run_id == last.run_id
    monkeypatch.setattr(MlflowStore, "can_order", False)  # as a workspace, which orders nothing by a metric
    assert find(config, "best").run_id == last.run_id


@pytest.mark.slow
def test_a_run_is_found_by_the_alias_or_version_of_its_model(recorded, store, monkeypatch):
    monkeypatch.setattr("bikeml.tracking.mlflow_store.PAGE", 1)  # more models than a page holds
    result = recorded[1]["tree"]
    source = store.get_run(result.run_id).info.artifact_uri + "/model"
    store.create_registered_model("rentals")
    store.create_model_version("rentals", source, result.run_id)
    store.set_registered_model_alias("rentals", "champion", "1")
    for which in ("champion", "rentals@champion", "rentals/1"):
        assert find(config_of(), which).run_id == result.run_id
    store.create_registered_model("others")
    store.create_model_version("others", source, None)
    store.set_registered_model_alias("others", "champion", "1")
    for which, message in (
        ("champion", r"several registered models have the alias 'champion'; write one of others@champion, rentals@c"),
        ("others@champion", r"'others@champion' is version 1 of others, but its run is not in 'sqlite:.*latest are"),
        (
            "rentals@best",
            r"no registered model 'rentals' has the alias 'best'; the registered models are: others, rentals",
        ),
        ("rentals/7", r"no registered model 'rentals' has the version '7'"),
        ("rental/1", r"no registered model 'rental' has the version '1'"),
    ):
        with pytest.raises(RunNotFoundError, match=message):
            find(config_of(), which)


def test_the_title_of_a_run_is_one_line_whatever_its_table_is_called(recorded, store):
    found = dataclasses.replace(find(config_of(), "latest"), table="two\nlines", name="tree")
    assert found.title == f"{found.run_id} (tree on two␊lines), the latest run"
    with pytest.raises(DataError) as caught, found.named_in_errors():
        raise DataError("no rows")
    assert caught.value.__notes__ == [f"run=latest is {found.title}"]


def test_a_mistyped_alias_model_or_experiment_is_told_what_is_near(recorded, store):
    result = recorded[1]["tree"]
    store.create_registered_model("rentals")
    store.create_model_version("rentals", store.get_run(result.run_id).info.artifact_uri + "/model", result.run_id)
    store.set_registered_model_alias("rentals", "champion", "1")
    for which, meant in (
        ("champoin", "champion"),
        ("lates", "latest"),
        ("rentals@chapion", "champion"),
        ("rental/1", "rentals"),
        ("rental@champion", "rentals"),
    ):
        with pytest.raises(
            RunNotFoundError, match=f"{which.rpartition('@')[2].partition('/')[0]}'.*; did you mean '{meant}'"
        ):
            find(config_of(), which)
    with pytest.raises(RunNotFoundError, match=r"'bikml'; did you mean 'bikeml'\?; .* experiments are .*bikeml"):
        find(config_of("tracking.experiment_name=bikml"), "latest")


@pytest.mark.parametrize("which", ["nothing", "deadbeef", "a run!", "0" * 32, "../x"])
def test_an_unknown_run_is_named_with_the_latest_ones(recorded, store, which):
    with pytest.raises(RunNotFoundError) as error:
        find(config_of(), which)
    assert which in str(error.value) or "the registered models are: none" in str(error.value)
    if "/" not in which:
        assert f"the latest are {recorded[1]['tree'].run_id} (tree), {recorded[1]['searched'].run_id}" in str(
            error.value
        )


def test_an_ambiguous_beginning_names_the_runs(recorded, store, monkeypatch):
    monkeypatch.setattr("bikeml.tracking.lookup.finder.PREFIX", re.compile(r"[0-9a-f]{0,31}"))
    with pytest.raises(
        RunNotFoundError, match=r"'' is the beginning of several run ids: .* \(tree\), .*; write more characters"
    ):
        find(config_of(), "")


def test_a_run_that_is_of_no_use_is_refused_with_the_reason(recorded, store):
    experiment = store.get_experiment_by_name("bikeml").experiment_id
    failed = store.create_run(experiment, tags={"bikeml.error": "ValueError: no\nmore"}, run_name="a").info.run_id
    store.set_terminated(failed, "FAILED")
    running = store.create_run(experiment, run_name="b").info.run_id
    parent = recorded[1]["searched"].run_id
    (child, _) = store.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    deleted = recorded[1]["linear"].run_id
    store.delete_run(deleted)
    for which, message in (
        (
            failed,
            r"\(a\) is FAILED with ValueError: no; name a finished run by its id, or as best or latest; the latest",
        ),
        (running, r"\(b\) is RUNNING; name a finished run"),
        (child.info.run_id, r"is not the run of an experiment: a sweep's own run, a candidate of a search, or"),
        (deleted, r"\(linear\) is deleted"),
    ):
        with pytest.raises(RunNotFoundError, match=message):
            find(config_of(), which)


@pytest.mark.parametrize("which", ["best", "latest", "champion", "0" * 32])
def test_where_there_is_no_store_none_is_made(workdir, which):
    with pytest.raises(RunNotFoundError, match=r"there is no store at 'sqlite:///.*mlflow.db'; record a run first"):
        find(config_of(), which)
    assert list(workdir.iterdir()) == []


def test_a_store_without_runs_says_how_to_record_one(store):
    with pytest.raises(RunNotFoundError, match=r"no finished run is recorded in .*, experiment 'empty'; record one f"):
        find(config_of("tracking.experiment_name=empty"), "best")


def test_no_store_and_one_out_of_reach_are_named():
    with pytest.raises(ConfigError, match=r"tracking.uri=null names no store; choose the tracking option"):
        find(config_of("tracking=none"), "best")
    with pytest.raises(
        TrackingError, match=r"cannot look for run 'best' in 'http://127.0.0.1:1': .*; check tracking.uri$"
    ):
        find(config_of("tracking=server", "tracking.uri='http://127.0.0.1:1'"), "best")


def test_the_files_of_a_clusters_job_are_found_below_its_outputs(recorded, store, workdir):
    run = find(config_of(), "latest")
    job = store.create_run(store.get_experiment_by_name("bikeml").experiment_id, tags=run.tags).info.run_id
    store.log_artifacts(job, str(recorded[0] / "tree" / "model"), "outputs/model")
    store.log_metric(job, "cv_r2_mean", 1.0)
    store.set_terminated(job, "FINISHED")
    fetched = find(config_of(), job).fetch("model", workdir / "here")
    assert Path(fetched, "MLmodel").is_file()
    store.log_artifact(job, str(recorded[0] / "tree" / "result.json"), "outputs")
    SweepStore(config_of()).take(job, workdir / "taken", run.fingerprint)
    assert {file.name for file in (workdir / "taken").iterdir() if file.is_file()} == {"result.json", "store.json"}


def test_a_run_without_its_files_says_so(recorded, store, workdir):
    run = find(config_of(), "latest")
    bare = store.create_run(store.get_experiment_by_name("bikeml").experiment_id, tags=run.tags).info.run_id
    store.log_metric(bare, "cv_r2_mean", 1.0)
    store.set_terminated(bare, "FINISHED")
    with pytest.raises(RunNotFoundError, match=r"has no 'model'; it has \[\]; name another run"):
        find(config_of(), bare).fetch("model", workdir)


def test_a_folder_names_its_run_without_any_store(recorded, workdir):
    folder, runs = recorded
    for name in ("linear", "searched"):
        place = folder / name
        there = find(config_of(f"tracking.uri=sqlite:///{folder}/mlflow.db"), runs[name].run_id)
        here = find(config_of("tracking=none"), str(place))
        assert (here.run_id, here.name, here.fingerprint) == (there.run_id, there.name, there.fingerprint)
        assert here.tags.items() <= there.tags.items()
        assert here.params == there.params
        assert here.metrics.items() <= there.metrics.items()
        assert here.holds("model")
        assert not here.holds("nothing")
        model = here.fetch_model(workdir / name)
        assert model == workdir / name / "model"
        assert (model / "MLmodel").is_file()
        assert here.title == f"{here.run_id} ({here.name} on daily-bike-share), {place}"
    assert list(Path(workdir).glob("mlflow.db")) == []


def test_a_changed_file_of_a_folder_is_refused_as_that_of_a_store(recorded, workdir):
    place = Path(shutil.copytree(recorded[0] / "linear", workdir / "copy"))
    (place / "predictions.csv").write_text("row,actual,predicted\n1,2,3\n")
    with pytest.raises(RecordError, match=r"predictions.csv' has been changed since the run wrote it"):
        find(config_of("tracking=none"), "copy").fetch_record(workdir / "here", "predictions.csv")
    (place / "model" / "model.skops").write_bytes(b"x")
    with pytest.raises(RecordError, match=r"model.skops' has been changed"):
        find(config_of("tracking=none"), "copy")


def test_a_folder_stands_for_the_run_of_the_store_where_one_is_needed(recorded, store, workdir):
    folder, runs = recorded
    found = find(config_of(), str(folder / "tree"), in_store=True)
    assert (found.run_id, found.uri) == (runs["tree"].run_id, f"sqlite:///{workdir}/mlflow.db")
    place = Path(shutil.copytree(folder / "tree", workdir / "it's"))
    (place / "store.json").unlink()
    with pytest.raises(RunNotFoundError, match=r"\"it's\" is in no store; record it with: python -m bikeml record "):
        find(config_of(), "it's", in_store=True)


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("./nothing", r"'./nothing' is not there; give the folder of a run, such as hydra.run.dir named"),
        ("./empty", r"'./empty' is no folder of a run: it has no result.json; give the folder of a run"),
        ("sweep", r"'sweep' is the folder of a sweep; give the folder of a cell, such as 'sweep/0'"),
        ("none", r"'none' is the folder of a sweep, and no cell has a result"),
    ],
)
def test_a_folder_without_a_run_says_what_it_is(workdir, which, message):
    for name in ("empty", "sweep/0", "none"):
        (workdir / name).mkdir(parents=True)
    for name in ("sweep", "none"):
        (workdir / name / "sweep.json").write_text("{}")
    (workdir / "sweep/0/result.json").write_text("{}")
    with pytest.raises(RunNotFoundError, match=message):
        find(config_of("tracking=none"), which)


def test_best_is_best_even_beside_a_folder_of_that_name(recorded, store, workdir):
    (workdir / "best").mkdir()
    assert find(config_of(), "best").which == "best"


def test_a_run_has_its_place_on_the_pages_whatever_names_it(recorded, store):
    folder, runs = recorded
    experiment = store.get_experiment_by_name("bikeml").experiment_id
    expected = Place(runs["tree"].run_id, "tree", experiment, None)
    for which in ("latest", runs["tree"].run_id, runs["tree"].run_id[:8], str(folder / "tree")):
        assert find_place(config_of(), which) == expected
    (child, _) = store.search_runs([experiment], f"tags.mlflow.parentRunId = '{runs['searched'].run_id}'")
    assert find_place(config_of(), child.info.run_id).parent_run_id == runs["searched"].run_id


@pytest.mark.long
@pytest.mark.slow
def test_every_task_with_a_run_takes_its_folder_without_any_store(recorded, workdir, call_task):
    """Those that serve and deploy fetch the model as predict does."""
    folder = recorded[0] / "linear"
    status, out, err = call_task("predict", f"run={folder}", "tracking=none", f"data.path={DAILY}", "output=out.csv")
    assert status == 0, err
    assert str(folder) in err
    status, out, err = call_task("reproduce", f"run={folder}", "tracking=none")
    assert status == 0, err
    assert "identical" in out
    assert not (workdir / "mlflow.db").exists()
    store = f"tracking.uri=sqlite:///{recorded[0]}/mlflow.db"
    status, out, err = call_task("register", f"run={folder}", store, "registered_model=of_a_folder", "alias=mine")
    assert status == 0, err
    assert find(config_of(store), "mine").run_id == recorded[1]["linear"].run_id
