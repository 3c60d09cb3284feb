"""A test file of one's own: it is held out, and all rows of the table train."""

import json

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

import bikeml
from bikeml.errors import DataError
from bikeml.experiment.check import find_tolerance
from bikeml.table.data import read_table
from bikeml.table.split import split_table
from tests.conftest import DAILY, config_of

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance=none")
FILES = ("data=csv", "data.path=train.csv", "data.test_path=test.csv", "data.target=y")


def make(n_rows, seed=0, **columns):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n_rows))
    town = rng.choice(["Bern", "Chur"], n_rows)
    day = pd.date_range("2020-01-01", periods=n_rows).strftime("%Y-%m-%d")
    frame = pd.DataFrame(
        {"a": a, "b": b, "town": town, "day": day, "patient": [f"{seed}-{i // 3}" for i in range(n_rows)]}
    )
    return frame.assign(y=2 * a - b + (town == "Bern") + rng.normal(size=n_rows), **columns)


@pytest.fixture
def files(workdir):
    """Write both files, and return the rows of the test file."""
    make(90).to_csv(workdir / "train.csv", index=False)
    test = make(30, seed=1)
    test.insert(0, "more", range(30))
    test.to_csv(workdir / "test.csv", index=False)
    return test


def read(*overrides):
    config = config_of(*FILES, *overrides)
    return config, read_table(config, find_tolerance(config))


def read_and_split(*overrides):
    config, table = read(*overrides)
    return split_table(table, config.split, None)


@pytest.mark.parametrize(
    "kind", [(), ("split.shuffle=false",), ("split=stratified",), ("split=group", "data.group=patient")]
)
def test_all_rows_of_the_table_train_and_those_of_the_file_are_held_out(files, kind):
    config, table = read(*kind)
    split = split_table(table, config.split, 3, nested=True)
    assert sorted(split.train) == [*range(90)]
    assert [*split.test] == [*range(90, 120)]
    assert [*table.rows[split.test]] == [*range(30)]
    np.testing.assert_array_equal(table.y[split.test], files["y"])
    assert "more" not in table.X.columns
    if kind != ("split=group", "data.group=patient"):
        assert ([*split.train] == [*range(90)]) == (kind == ("split.shuffle=false",))


@pytest.mark.usefixtures("unrendered")
def test_the_figures_are_those_of_a_fit_on_one_file_and_scores_on_the_other(files, workdir):
    numbers = ("data.numeric=[a,b]", "data.categorical=[]", "preprocessing=none")
    result = bikeml.run(*FILES, *numbers, *FAST, "tracking=none", "split.shuffle=false", "hydra.run.dir=out")
    train = pd.read_csv("train.csv")
    model = LinearRegression().fit(train[["a", "b"]].to_numpy(), train["y"])
    expected = r2_score(files["y"], model.predict(files[["a", "b"]].to_numpy()))
    assert result.metrics["test_r2"] == pytest.approx(expected, rel=1e-12)
    assert [*result.predictions["row"]] == [*range(1, 31)]
    assert any("30 rows of test.csv are held out" in note for note in result.record.dataset.notes)
    assert (result.record.dataset.n_train, result.record.dataset.n_test) == (90, 30)


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_another_test_file_is_another_experiment_with_the_same_folds(files, workdir):
    words = (*FILES, *FAST, "tracking=none")
    first, same = (bikeml.run(*words, f"split.test_size={size}", f"hydra.run.dir={size}") for size in (0.3, 0.5))
    make(30, seed=2).to_csv("test.csv", index=False)
    other = bikeml.run(*words, "hydra.run.dir=other")
    assert first.record.fingerprint == same.record.fingerprint != other.record.fingerprint
    assert first.record.cv == other.record.cv
    assert first.record.dataset.sha256 == other.record.dataset.sha256
    assert first.metrics["test_r2"] != other.metrics["test_r2"]


def test_columns_are_decided_from_the_table_and_read_alike_in_the_file(files):
    _, alone = read("data.test_path=null")
    _, both = read()
    assert both.data.roles == alone.data.roles
    assert list(both.X.columns) == list(alone.X.columns)


def test_rows_of_the_file_without_a_target_are_left_out_and_counted(files, workdir):
    files.assign(y=files["y"].mask(files.index < 4)).to_csv("test.csv", index=False)
    _, table = read()
    assert (table.n_train, len(table.y)) == (90, 116)
    assert [*table.rows[90:]] == [*range(4, 30)]
    assert any("4 of 30 rows have no 'y'" in note for note in table.notes)


def test_a_file_that_is_not_there_is_told_by_its_key(files):
    with pytest.raises(
        DataError, match="there is no table at 'tst.csv'; did you mean 'test.csv'.*set data.test_path to"
    ):
        read("data.test_path=tst.csv")


REFUSED = {
    "no target": (
        lambda test: test.drop(columns="y"),
        [],
        r"test.csv lacks columns of train.csv:\n .*no column 'y'\n.*predict",
    ),
    "no feature": (lambda test: test.rename(columns={"a": "aa"}), [], r"no column 'a'; did you mean 'aa'\?"),
    "no group": (
        lambda test: test.drop(columns="patient"),
        ["split=group", "data.group=patient"],
        r"no column 'patient'",
    ),
    "a word among numbers": (
        lambda test: test.assign(b="x"),
        [],
        r"test.csv does not fit .*\n.*column 'b' is not a number",
    ),
    "no rows": (lambda test: test.head(0), [], r"test.csv does not fit the config:\n  it has no rows"),
    "one row": (lambda test: test.head(1), [], r"test.csv does not fit .*\n  target 'y' is .* in every row"),
    "a constant target": (
        lambda test: test.assign(y=1.5),
        [],
        r"test.csv does not fit .*\n  target 'y' is 1.5 in every row",
    ),
    "the table itself": (lambda _: make(90), [], r"data.test_path='test.csv' is the table at data.path itself; name"),
    "groups on both sides": (
        lambda test: test.assign(patient=["0-1", "1-2"] * 15),
        ["split=group", "data.group=patient"],
        r"the groups of data.test_path are also in train.csv: '0-1'; leave their rows out of one of the files",
    ),
    "dates that are not later": (
        lambda test: test,
        ["split=chronological", "data.date=day"],
        r"data.test_path has a row of 2020-01-01, and train.csv has rows up to 2020-03-30, so that a model would know",
    ),
    "codes of another type": (
        lambda test: test.assign(town="x"),
        ["data.categories=inferred", "data.categorical=[code]", "preprocessing=standard", "data.numeric=[a]"],
        r"column 'code' holds numbers in train.csv and text in test.csv; write its cells alike, or set data.categories",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_scored_on_is_refused_with_the_cure(case, files, workdir):
    change, overrides, message = REFUSED[case]
    make(90, code=[1, 2] * 45).to_csv("train.csv", index=False) if "code" in case else None
    changed = change(files.drop(columns="more"))
    changed = changed.assign(code=["x", "1"] * 15) if "code" in case else changed
    changed.to_csv("test.csv", index=False)
    with pytest.raises(DataError, match=message):
        read_and_split(*overrides)


def test_later_dates_in_the_file_are_taken_and_the_folds_keep_their_gap(workdir):
    make(90).to_csv("train.csv", index=False)
    later = make(30, seed=1).assign(day=pd.date_range("2021-01-01", periods=30).strftime("%Y-%m-%d"))
    later.to_csv("test.csv", index=False)
    config, table = read("split=chronological", "data.date=day", "split.gap=5")
    split = split_table(table, config.split, None)
    assert (len(split.train), len(split.test)) == (90, 30)
    for fit, score in split.folds:
        assert (table.dates.iloc[split.train[score]].min() - table.dates.iloc[split.train[fit]].max()).days == 6


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_what_is_done_with_a_recorded_run_works_with_each_kind(files, workdir, call_task):
    for number, words in enumerate([("split=group", "data.group=patient"), ("split=stratified",)]):
        made = bikeml.run(*FILES, *words, *FAST, f"hydra.run.dir=out{number}")
        status, out, err = call_task(
            "predict", "data=csv", "data.path=test.csv", "run=best", "output=-", "interval=0.8"
        )
        assert (status, len(out.splitlines())) == (0, 31), err
        assert made.run_id in err
        assert ("rows of one group are alike" in err) == (number == 0)


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_a_store_has_both_files_as_datasets(files, workdir):
    result = bikeml.run(*FILES, *FAST, "hydra.run.dir=out")
    used = MlflowClient(f"sqlite:///{workdir}/mlflow.db").get_run(result.run_id).inputs.dataset_inputs
    told = {each.tags[0].value: each.dataset for each in used}
    assert {context: json.loads(each.profile)["num_rows"] for context, each in told.items()} == {
        "training": 90,
        "testing": 30,
    }
    assert json.loads(told["testing"].source)["uri"] == str(workdir / "test.csv")


@pytest.mark.long
@pytest.mark.slow
def test_a_run_with_a_test_file_is_reproduced_with_both_files(files, workdir, call_task):
    bikeml.run(*FILES, *FAST, "hydra.run.dir=out")
    assert call_task("reproduce")[0] == 0
    (workdir / "test.csv").rename("kept.csv")
    status, _, err = call_task("reproduce")
    assert status == 2
    assert "is not there: there is no table at 'test.csv'; set test_table=FILE to where it is" in err
    assert call_task("reproduce", "test_table=kept.csv")[0] == 0


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_the_best_run_has_the_same_test_file_as_the_latest(workdir, call_task):
    from bikeml.tracking.lookup import find

    table = DAILY.read_text().splitlines()
    (workdir / "train.csv").write_text("\n".join(table[:500]) + "\n")
    (workdir / "test.csv").write_text("\n".join([table[0], *table[500:]]) + "\n")
    words = (*FAST, "data.path=train.csv")
    good = bikeml.run(*words, "model=ridge", "hydra.run.dir=a")
    assert find(config_of(), "best").run_id == good.run_id
    poor = bikeml.run(*words, "model=baseline", "+data.test_path=test.csv", "hydra.run.dir=b")
    assert find(config_of(), "best").run_id == poor.run_id
