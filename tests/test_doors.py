"""The same rows through every door of a model: the same prediction to the last bit, or one error by name."""

import importlib.util
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skops import io as skops_io

import bikeml
from bikeml.errors import DataError

__all__ = ["skops_io"]  # imported before the lean form of it, with which no other program could load a model

COLUMNS = ["rooms", "code", "city", "sold", "words"]
CODES, CITIES = (
    ["0123", "123", "00123", "1.1", "1.10", "1e5", "100000", "True"],
    ["Oslo", "São Paulo", "a,b", ""],
)
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2", "tracking=local")


def draw_table(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "rooms": rng.integers(1, 9, n_rows),  # whole numbers in training
            "code": rng.choice(CODES[:-1], n_rows),
            "city": rng.choice(CITIES[:-1], n_rows),
            "sold": rng.choice(pd.date_range("2020-01-01", periods=90).strftime("%Y-%m-%d"), n_rows),
            "words": [" ".join(rng.choice(["nice", "old", "house", "by", "the", "sea"], 5)) for _ in range(n_rows)],
        }
    )
    table["price"] = table["rooms"] * 10.0 + table["code"].map(CODES.index) * 20.0 + rng.normal(size=n_rows)
    for name in ("code", "city", "sold", "words"):
        table.loc[rng.choice(n_rows, 8, replace=False), name] = np.nan
    return table


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    """A model of a table of every kind of column, and everything that answers with it."""
    folder = tmp_path_factory.mktemp("doors")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        draw_table(160).to_csv("houses.csv", index=False)
        roles = ("data.numeric=[rooms]", "data.categorical=[code,city]", "data.date=[sold]", "data.text=[words]")
        words = ("data=csv", "data.path=houses.csv", "data.target=price", *roles)
        result = bikeml.run(*words, "model=ridge", *FAST)
        yield SimpleNamespace(
            folder=folder, result=result, model=result.folder / "model", score=load_score(result, folder)
        )


def load_score(result, folder):
    """Return the scoring script of an endpoint, as the server imports it."""
    pytest.importorskip("azure.ai.ml", reason="the azure extra is not installed")
    from bikeml.azure.endpoint.folder import prepare

    served = prepare(result.folder / "model", folder / "served", "an/image:1")
    spec = importlib.util.spec_from_file_location("entry_module", served.code / "score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask_predict(call, rows, doors, name):
    rows.to_parquet(name) if name.endswith("parquet") else rows.to_csv(name, index=False)
    run = (f"run={doors.result.run_id}", f"tracking.uri=sqlite:///{doors.folder}/mlflow.db")
    assert call("predict", *run, f"data.path={name}", "output=answers.csv", "data=csv") == 0
    return pd.read_csv("answers.csv", float_precision="round_trip")["predicted"].tolist()


def ask_score(rows, doors, monkeypatch):
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(doors.result.folder))
    return doors.score.predict(json.dumps({"input_data": as_split(rows)}))


def ask_pyfunc(rows, doors):
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(doors.model)).predict(rows).tolist()


def ask_server(rows, doors):
    """Ask MLflow's scoring server, without the process around it."""
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    model = mlflow.pyfunc.load_model(str(doors.model))
    body = json.dumps({"dataframe_split": as_split(rows)})
    reply = scoring_server.invocations(body, "application/json", model, model.metadata.get_input_schema())
    return json.loads(reply.response)["predictions"]


def as_split(rows):
    """Return rows as the JSON of a client: null for a gap."""
    cells = rows.astype(object).where(rows.notna(), None)
    return {"columns": list(cells.columns), "data": cells.to_numpy().tolist()}


ROWS = st.fixed_dictionaries(
    {
        "rooms": st.none() | st.sampled_from([2.0, 2.5, 1e-17, -3.0]) | st.floats(-1e9, 1e9),
        "code": st.none() | st.sampled_from([*CODES, "new"]),
        "city": st.none() | st.sampled_from(CITIES[:-1]) | st.text("aé,;'\"", min_size=1, max_size=5),
        "sold": st.none() | st.sampled_from(["2020-02-03", "1999-12-31", "2031-07-01"]),
        "words": st.none() | st.sampled_from(["a nice house", "sea", "nothing known here"]),
    }
)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(ROWS, min_size=1, max_size=6))
def test_every_door_gives_the_same_prediction_to_the_last_bit(drawn, doors, bikeml_main, monkeypatch):
    rows = pd.DataFrame(drawn, columns=COLUMNS)
    rows = rows.astype({"rooms": float} | dict.fromkeys(COLUMNS[1:], object)).where(rows.notna(), np.nan)
    expected = doors.result.pipeline.predict(rows).tolist()
    assert doors.result.pipeline.predict(rows.where(rows.notna(), None).astype({"rooms": float})).tolist() == expected
    assert ask_predict(bikeml_main, rows, doors, "rows.csv") == expected
    assert ask_predict(bikeml_main, rows, doors, "rows.parquet") == expected
    assert doors.result.predict(rows)["predicted"].tolist() == expected
    assert ask_pyfunc(rows, doors) == expected
    assert ask_server(rows, doors) == expected
    assert ask_score(rows, doors, monkeypatch) == expected


def test_half_a_room_is_not_two_rooms(doors, monkeypatch):
    two, half = (draw_table(160).head(1).drop(columns="price").assign(rooms=rooms) for rooms in (2.0, 2.5))
    assert ask_server(half, doors) == doors.result.pipeline.predict(half).tolist()
    assert ask_score(two, doors, monkeypatch) == doors.result.pipeline.predict(two).tolist()


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_is_absent_is_an_error_at_every_door(name, doors, bikeml_main, monkeypatch, capfd):
    from mlflow.exceptions import MlflowException

    rows = draw_table(160).head(2).drop(columns=[name, "price"])
    rows.to_csv("rows.csv", index=False)
    run = (f"run={doors.result.run_id}", f"tracking.uri=sqlite:///{doors.folder}/mlflow.db")
    assert bikeml_main("predict", *run, "data=csv", "data.path=rows.csv") == 2
    assert f"there is no column {name!r}" in capfd.readouterr().err
    with pytest.raises(DataError, match=f"the DataFrame does not fit the model:\n  there is no column {name!r}"):
        doors.result.predict(rows)
    for ask in (ask_pyfunc, ask_server):
        with pytest.raises(MlflowException, match=name):
            ask(rows, doors)
    with pytest.raises(ValueError, match=name):
        ask_score(rows, doors, monkeypatch)


def test_a_code_sent_as_a_number_is_refused_and_never_another_code(doors, monkeypatch):
    rows = draw_table(160).head(2).drop(columns="price").assign(code=[100000, None]).astype({"code": object})
    with pytest.raises(ValueError, match="'code' is not text in row 1"):
        ask_score(rows, doors, monkeypatch)


@pytest.mark.parametrize("codes", [[123, 100000], [100000, None], [0.5, "123"], [True, "123"]])
def test_the_server_refuses_a_number_for_a_code(codes, doors):
    from mlflow.exceptions import MlflowException

    rows = draw_table(160).head(2).drop(columns="price").assign(code=pd.Series(codes, dtype=object))
    with pytest.raises(MlflowException, match="Verify that the serialized input Dataframe is compatible"):
        ask_server(rows, doors)
