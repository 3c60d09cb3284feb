"""The list of recorded runs: the same from the file and from MLflow's client, filtered, sorted, and as people read it."""

import contextlib
import io
import json
import sqlite3
import subprocess
import sys
import time

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from bikeml.cli import start
from bikeml.destination.local_store import PARAMS, TAGS, read_runs
from bikeml.errors import ConfigError, RunNotFoundError
from bikeml.tasks.runs import COLUMNS, Options, list_runs
from bikeml.tracking import store as connection
from bikeml.tracking.lookup import list_stored
from tests.conftest import config_of

ALL = {"data": None, "model": None, "since": None, "sort": "started", "limit": None, "format": "table"}
NOW = int(time.time() * 1000)
HOSTILE = "<b>[red]'; DROP TABLE runs;--\n雪"


def make_run(client, name, *, hours_ago=0.0, status="FINISHED", tags=None, params=None, metrics=None, table=None):
    experiment = client.get_experiment_by_name("bikeml") or client.get_experiment(client.create_experiment("bikeml"))
    number, started = experiment.experiment_id, NOW - int(hours_ago * 3_600_000)
    run_id = client.create_run(number, started, {}, name).info.run_id
    told = [Metric(key, value, started, 0) for key, value in (metrics or {}).items()]
    client.log_batch(
        run_id,
        told,
        [Param(key, value) for key, value in (params or {}).items()],
        [RunTag(key, value) for key, value in (tags or {}).items()],
    )
    if table:
        dataset = Dataset(name=table, digest="d", source_type="local", source="{}")
        client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    if status != "RUNNING":
        client.set_terminated(run_id, status, started + 2500)
    return run_id


@pytest.fixture
def runs(workdir):
    """A store with a sweep, a candidate, runs of two tables, one that failed, and one of another metric."""
    client = connection.connect(f"sqlite:///{workdir}/mlflow.db")
    scores = {"cv_r2_mean": 0.7, "test_r2": 0.6, "test_r2_low": 0.5, "test_r2_high": 0.65, "seconds_total": 1.25}
    losses = {"cv_mae_mean": 9.0, "test_mae": 8.0, "test_mae_low": 7.0, "test_mae_high": 9.5, "cv_r2_mean": 0.1}
    ours = {"bikeml.fingerprint": "f" * 64, "bikeml.rank": "r2"}
    named = {"data": "csv", "model": "rf", "model.estimator._target_": "a.Forest"}
    made = {
        "old": make_run(
            client, "old", hours_ago=200, tags={"bikeml.fingerprint": "e" * 64}, params=named, metrics=scores
        ),
        "rf": make_run(client, "rf", hours_ago=3, tags=ours, params=named, metrics=scores, table="houses"),
        "mae": make_run(
            client,
            "mae",
            hours_ago=2,
            tags=ours | {"bikeml.rank": "mae"},
            params={"model.estimator._target_": "sklearn.svm.SVR"},
            metrics=losses,
            table="flats",
        ),
        "failed": make_run(
            client, HOSTILE, hours_ago=1, status="FAILED", tags=ours | {"bikeml.error": "no"}, params=named
        ),
        "best": make_run(
            client,
            "best",
            tags=ours,
            params=named | {"model": "gbr"},
            metrics=scores | {"cv_r2_mean": 0.9},
            table="houses",
        ),
    }
    make_run(client, "sweep of 2 cells", tags={"bikeml.record": "x"})
    make_run(client, "rf-1", tags={"bikeml.candidate_rank": "1"}, params=named)
    client.delete_run(make_run(client, "deleted", tags=ours, metrics=scores))
    client.create_registered_model("bikeml")
    client.create_model_version("bikeml", "somewhere", made["rf"])
    client.set_registered_model_alias("bikeml", "champion", "1")
    client.set_registered_model_alias("bikeml", "before", "1")
    return made


def listed(**changes):
    return list_runs(config_of(), Options(**ALL | changes))


def test_the_newest_run_comes_first_and_only_experiments_are_listed(runs):
    found = listed()
    assert tuple(found.columns) == COLUMNS
    assert found["run_id"].tolist() == [runs[name] for name in ("best", "failed", "mae", "rf", "old")]
    row = found.set_index("run_id").loc[runs["rf"]].to_dict()
    assert (row["table"], row["model"], row["metric"], row["cv_mean"], row["test"]) == ("houses", "rf", "r2", 0.7, 0.6)
    assert (row["test_low"], row["test_high"], row["seconds"]) == (0.5, 0.65, 1.25)
    assert row["aliases"] == "bikeml@before, bikeml@champion"
    assert row["started"] == pd.Timestamp(NOW - 3 * 3_600_000, unit="ms", tz="UTC")


def test_what_a_run_does_not_tell_is_missing_and_its_metric_is_its_own(runs):
    found = listed().set_index("run_id")
    mae, failed, old = (found.loc[runs[name]] for name in ("mae", "failed", "old"))
    assert (mae["metric"], mae["cv_mean"], mae["test_high"], mae["model"]) == ("mae", 9.0, 9.5, "SVR")
    assert mae["seconds"] == 2.5  # its times in the store
    assert failed["status"] == "FAILED"
    assert failed[["cv_mean", "test", "test_low"]].isna().all()
    assert (old["table"], old["metric"]) == ("csv", "r2")


def test_the_file_and_the_client_tell_the_same(runs, workdir):
    def told(run):
        tags, params = (
            {key: values[key] for key in keys if key in values}
            for values, keys in ((run.tags, TAGS), (run.params, PARAMS))
        )
        return (run.run_id, run.name, run.status, run.started, run.ended, run.table, tags, params, sorted(run.aliases))

    config = config_of()
    direct, asked = read_runs(workdir / "mlflow.db", config.tracking), list_stored(config)
    assert [told(run) for run in direct] == [told(run) for run in asked]
    assert all(run.metrics.items() <= other.metrics.items() for run, other in zip(direct, asked, strict=True))


def test_a_file_with_other_tables_is_read_by_the_client(runs, workdir, monkeypatch):
    def refuse(*_):
        raise sqlite3.OperationalError("no such column: run_uuid")

    expected = listed()
    monkeypatch.setattr("bikeml.tasks.runs.read_runs", refuse)
    pd.testing.assert_frame_equal(listed(), expected)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"data": "houses"}, ["best", "rf"]),
        ({"data": ["flats", "houses"]}, ["best", "mae", "rf"]),
        ({"data": "csv"}, ["best", HOSTILE, "rf", "old"]),
        ({"model": "rf"}, [HOSTILE, "rf", "old"]),
        ({"model": "SVR"}, ["mae"]),
        ({"model": "rf,gbr", "data": "houses"}, ["best", "rf"]),
        ({"since": "150m"}, ["best", HOSTILE, "mae"]),
        ({"since": "7d"}, ["best", HOSTILE, "mae", "rf"]),
        ({"since": "2020-01-01"}, ["best", HOSTILE, "mae", "rf", "old"]),
        ({"sort": "score"}, ["mae", "best", "rf", "old", HOSTILE]),
        ({"sort": "name"}, [HOSTILE, "best", "mae", "old", "rf"]),
        ({"sort": "seconds", "limit": 2}, ["best", "rf"]),
        ({"limit": 1}, ["best"]),
    ],
    ids=str,
)
def test_runs_are_filtered_sorted_and_limited(runs, changes, names):
    assert listed(**changes)["name"].tolist() == names


def test_words_of_the_command_are_filters_and_no_groups(runs, capsys):
    assert start(["runs", "data=houses", "model=rf,gbr", "since=7d", "format=json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["best", "rf"]
    assert start(["runs", "format=csv", "limit=2"]) == 0
    shown = capsys.readouterr()
    assert pd.read_csv(io.StringIO(shown.out))["run_id"].tolist() == [runs["best"], runs["failed"]]
    assert shown.err == "2 of 5 runs; limit=null shows all\n"


def test_the_table_shows_names_literally_and_says_what_failed(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert start(["runs", "limit=null"]) == 0
    shown = capsys.readouterr().out
    assert "<b>[red]" in shown
    missing = [word for word in ("failed", "finished", "0.5000", "champion", "houses") if word not in shown]
    assert missing == [], shown
    assert start(["runs", "model=gbr"]) == 0
    assert "finished" not in capsys.readouterr().out  # nothing to tell


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["data=huoses"],
            "none of 5 runs in .*: no run has data=huoses; did you mean 'houses'?; there are csv, flats, houses",
        ),
        (["model=tree"], "no run has model=tree; there are SVR, gbr, rf"),
        (["since=1m", "model=rf"], "none began since 1m"),
        (["data=flats", "model=rf"], "no run fits all filters"),
        (
            ["tracking.experiment_name=empty"],
            "no run is recorded in .*, experiment 'empty'; python -m bikeml records one",
        ),
    ],
)
def test_an_empty_list_says_why(runs, capsys, words, message):
    assert start(["runs", *words]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert pd.Series([shown.err.replace("\n", " ")]).str.contains(message.replace("?;", r"\?;")).all(), shown.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["since=yesterday"], "since='yesterday' should be an age such as 30m, 12h, 7d or 4w, or a date"),
        (["sort=best"], "sort='best' should be 'started', 'score', "),
        (["limit=0"], "limit=0 should be greater than or equal to 1"),
        (["modle=rf"], "modle"),
        (["tracking=none"], "tracking.uri=null names no store; choose the tracking option"),
    ],
)
def test_a_wrong_word_is_one_message(runs, capsys, words, message):
    assert start(["runs", *words]) == 2
    assert message in capsys.readouterr().err


def test_where_there_is_no_store_none_is_made(workdir):
    with pytest.raises(RunNotFoundError, match=r"there is no store at '.*mlflow.db'; record a run first"):
        listed()
    assert list(workdir.iterdir()) == []
    with pytest.raises(ConfigError):
        list_runs(config_of("tracking=none"), Options(**ALL))


def test_a_metric_of_another_version_and_values_of_another_kind_hide_no_run(runs, workdir, capsys):
    with contextlib.closing(sqlite3.connect(workdir / "mlflow.db")) as store:
        store.execute("UPDATE tags SET value = 'crps' WHERE key = 'bikeml.rank' AND run_uuid = ?", [runs["mae"]])
        store.execute("UPDATE latest_metrics SET value = 'x' WHERE key = 'test_r2' AND run_uuid = ?", [runs["rf"]])
        store.execute("UPDATE runs SET start_time = 'x', name = NULL WHERE run_uuid = ?", [runs["rf"]])
        store.commit()
    for sort in ("started", "score", "seconds"):
        assert len(listed(sort=sort)) == 5
        assert start(["runs", f"sort={sort}"]) == 0
        assert "crps" in capsys.readouterr().out


def test_the_store_is_only_read(runs, workdir):
    before = (workdir / "mlflow.db").read_bytes()
    listed()
    assert (workdir / "mlflow.db").read_bytes() == before


@pytest.mark.slow
def test_the_list_of_a_local_store_needs_no_mlflow(runs, workdir):
    code = "import sys; from bikeml.cli import start; start(['runs']); print('mlflow' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"


def test_a_server_is_asked_page_by_page(runs, workdir, monkeypatch):
    monkeypatch.setattr("bikeml.tracking.lookup.listing.PAGE", 2)
    assert [run.run_id for run in list_stored(config_of())] == listed()["run_id"].tolist()
    assert isinstance(connection.connect(f"sqlite:///{workdir}/mlflow.db"), MlflowClient)
