"""New rows with what no training row had: dates of another format are refused, and unseen categories are told."""

import numpy as np
import pandas as pd
import pytest

import bikeml
from bikeml.errors import DataError
from bikeml.experiment.encoding.unseen import list_categories, list_dates

FAST = ("tracking=none", "evaluation.importance=none", "evaluation.bootstrap_samples=100", "split.folds=2")


def rows(n_rows=80, **columns):
    rng = np.random.default_rng(0)
    dates = pd.date_range("2022-01-01", periods=n_rows).strftime("%d.%m.%Y")
    frame = pd.DataFrame({"when": dates, "city": rng.choice(["Oslo", "Paris", "Rome"], n_rows)})
    return frame.assign(promo=rng.random(n_rows) > 0.5, size=rng.normal(size=n_rows), **columns)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    table = rows()
    target = table["size"] + 5 * table["promo"] + table["city"].map(len)
    folder = tmp_path_factory.mktemp("runs") / "run"
    return bikeml.run("model=rf", *FAST, f"hydra.run.dir={folder}", data=table.assign(price=target), target="price")


def test_the_categories_and_dates_that_a_pipeline_has_learned_are_listed(result):
    assert list_categories(result.pipeline) == {"city": ["Oslo", "Paris", "Rome"], "promo": ["False", "True"]}
    assert [(name, step.kw_args["format"]) for name, step in list_dates(result.pipeline).items()] == [
        ("when", "%d.%m.%Y")
    ]


def test_of_rows_like_those_of_the_training_nothing_is_said(result, capsys):
    result.predict(rows(5))
    result.predict(rows(5).assign(city=None, when=None))  # gaps
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("dates", [["2022-01-13"] * 4 + ["13.01.2022"], ["01/13/2022"] * 5, ["tomorrow"] * 5])
def test_dates_of_another_format_are_refused(result, dates):
    message = r"do not fit the model:\n  'when' is no date in row 1: '.*', row 2: .*; the training table has dates as %d.%m.%Y: write them so, or leave the cells empty"
    with pytest.raises(DataError, match=message):
        result.predict(rows(5).assign(when=dates))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("city", "Berlin", "city is 'Berlin' in some rows; the training rows had 'Oslo', 'Paris', 'Rome' only"),
        ("city", " oslo", "city is ' oslo' in some rows; the training rows had 'Oslo', 'Paris', 'Rome' only"),
        ("promo", [0, 1, 0, 1, 1], "promo is '0', '1' in some rows; the training rows had 'False', 'True' only"),
    ],
)
def test_categories_that_no_training_row_had_are_told(result, capsys, column, values, message):
    predicted = result.predict(rows(5).assign(**{column: values}))
    assert predicted["predicted"].notna().all()
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_says_the_same(result, call_task, workdir):
    rows(3).assign(city="Berlin").to_csv(workdir / "new.csv", index=False)
    status, out, err = call_task("predict", f"run={result.folder}", "data.path=new.csv")
    assert (status, len(out.splitlines())) == (0, 4)
    assert "city is 'Berlin' in some rows; the training rows had 'Oslo', 'Paris', 'Rome' only\n" in err
    rows(3).assign(when="2022-01-13").to_csv(workdir / "new.csv", index=False)
    status, out, err = call_task("predict", f"run={result.folder}", "data.path=new.csv")
    assert (status, out) == (2, "")
    assert "'when' is no date in row 1: '2022-01-13'" in err


@pytest.mark.slow
def test_what_data_allowed_lists_is_said_once(workdir, capsys):
    table = rows().assign(price=np.arange(80.0))
    run = bikeml.run("model=linear", *FAST, "+data.allowed.city=[Oslo,Paris,Rome]", data=table, target="price")
    capsys.readouterr()
    run.predict(rows(5).assign(city="Berlin"))
    err = capsys.readouterr().err
    assert "data.allowed lists 'Oslo', 'Paris', 'Rome' only" in err
    assert "the training rows had" not in err
