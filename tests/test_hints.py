"""A run says what a colleague would: what makes its score doubtful, and what to do."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bikeml.evaluation import hints
from bikeml.evaluation.choice import decide_metrics
from bikeml.evaluation.hints import Rows, begs_for_log, find_hints, find_outlier
from bikeml.evaluation.importance import Importance
from bikeml.experiment import story
from bikeml.records.judgement import Importance as RecordedImportance
from bikeml.records.run_folder import RunFolder
from bikeml.table.association import find_twins, is_disguise
from tests.builders import run_record, write_sweep
from tests.conftest import config_of

RNG = np.random.default_rng(0)
FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "split.folds=2")
EVEN = Importance(("x0", "x1"), (0.4, 0.5), (0.1, 0.1))


def rows_of(n_rows=400, **columns):
    X = pd.DataFrame({"x0": RNG.normal(size=n_rows), "x1": RNG.normal(size=n_rows), **columns})
    y = X["x0"].to_numpy() + RNG.normal(size=n_rows)
    return Rows(X[: n_rows // 2], y[: n_rows // 2], X[n_rows // 2 :])


def find(rows, *overrides, r2=0.5, importance=EVEN):
    return list(find_hints(config_of(*overrides), rows, r2, importance))


def test_of_an_ordinary_run_nothing_is_said():
    assert find(rows_of()) == []
    assert find(rows_of(), importance=Importance()) == []


@pytest.mark.parametrize(("r2", "is_told"), [(1.0, True), (0.99996, True), (0.9999, False), (float("nan"), False)])
def test_a_score_that_is_shown_as_one_is_told(r2, is_told):
    assert any("the test R² is 1.0000" in hint for hint in find(rows_of(), r2=r2)) == is_told


def test_a_row_with_most_of_the_error_is_named():
    actual, predicted, numbers = RNG.normal(size=60), np.zeros(60), np.arange(60) + 101
    assert list(find_outlier(actual, predicted, numbers)) == []
    actual[7] = 1_000
    (hint,) = find_outlier(actual, predicted, numbers)
    assert hint.startswith("one held-out row has 100% of the squared error: the target of row 108 is 1,000, and 0 is")
    assert list(find_outlier(actual[:10], predicted[:10], numbers)) == []
    assert list(find_outlier(predicted, predicted, numbers)) == []
    assert len(list(find_outlier(1e250 * actual, predicted, numbers))) == 1


@pytest.mark.parametrize("heavy", [RNG.standard_t(4, 220), RNG.lognormal(size=220), RNG.gamma(2, 2, 30)])
def test_of_errors_with_a_long_tail_nothing_is_said(heavy):
    assert list(find_outlier(heavy, np.full(len(heavy), np.median(heavy)), np.arange(len(heavy)))) == []


@pytest.mark.parametrize(
    "of", [lambda y: 3 * y - 1, np.exp, lambda y: -(y**3), np.round], ids=["line", "log", "cube", "round"]
)
def test_a_column_that_is_almost_the_target_is_named_with_what_to_do(of):
    rows = rows_of()
    y = 100 * rows.y_train
    X = rows.X_train.assign(**{"a $name": of(y / 100) if of is not np.round else np.round(y)})
    (hint,) = find(rows._replace(X_train=X, y_train=y))
    assert hint.startswith("'a $name' is almost the target 'rentals', or a function of it; to leave it out: ")
    assert "data.ignored" in hint


def test_a_column_that_goes_with_the_target_only_beyond_the_training_rows_is_not_named():
    rows = rows_of()
    assert find(rows._replace(X_test=rows.X_test.assign(x0=np.arange(200.0)))) == []


@pytest.mark.parametrize("split", ["random", "chronological"])
def test_rows_of_one_patient_and_a_target_that_grows_are_told_if_the_split_is_random(split):
    who, day = np.repeat(np.arange(60), 5), np.arange(300.0)
    own = RNG.normal(size=(60, 2))
    X = pd.DataFrame({"patient": who, "height": own[who, 0], "dose": RNG.normal(size=300)}, index=range(300, 0, -1))
    y, dates = own[who, 1] + day / 60 + RNG.normal(size=300) / 4, pd.Series(pd.date_range("2020-01-01", periods=300))
    told = find(Rows(X, y, X.iloc[:40] + 0.01, dates.rename("visit day")), f"split={split}")
    if split == "chronological":
        assert told == []
        return
    group, time = told
    assert group.startswith("Rows of one patient are alike: a small forest predicts rentals with R² 0.")
    assert group.endswith("split=group data.group=patient")
    assert time.startswith("rentals changes with visit day: a small forest predicts the latest rows with R² ")
    assert time.endswith("split=chronological 'data.date=\"visit day\"'")


def test_a_sample_of_a_large_table_is_named(monkeypatch):
    monkeypatch.setattr(hints, "SAMPLE_ROWS", 50)
    rows = rows_of()
    (hint,) = find(rows._replace(X_train=rows.X_train.assign(x0=rows.y_train)))
    assert "or a function of it in a sample of 50 training rows" in hint


@pytest.mark.parametrize(
    ("falls", "told"),
    [((0.91, 0.09), "'x0' has 91% of"), ((0.9, 0.1), None), ((0.5, -9.0), "'x0' has 100% of"), ((-0.1, -0.2), None)],
)
def test_a_column_with_almost_all_importance_is_named(falls, told):
    found = find(rows_of(), importance=Importance(("x0", "x1"), falls, (0.0, 0.0)))
    assert [told] == [hint[: len(told)] for hint in found] if told else found == []


def test_one_column_alone_has_all_importance_and_that_is_no_news():
    assert find(rows_of(), importance=Importance(("x0",), (1.0,), (0.0,))) == []


def test_held_out_rows_with_twins_in_the_training_rows_are_counted():
    rows = rows_of(word=np.array(["a", "b"] * 200, dtype=object), gap=np.nan)
    twins = pd.concat([rows.X_test.iloc[:170], rows.X_train.iloc[:30]])
    (hint,) = find(rows._replace(X_test=twins))
    assert hint.startswith("30 of 200 held-out rows have the same features as a training row")
    assert "split=chronological" in hint


def test_twins_agree_in_every_column():
    rows = pd.DataFrame({"a": [1.0, np.nan, 2.0], "b": ["x", None, "y"]})
    others = pd.DataFrame({"a": [2.0, np.nan, 1.0, 1.0], "b": ["x", None, "y", "z"]})
    assert find_twins(rows, others)[0] == 1


def test_twins_of_many_rows_are_looked_for_in_a_sample(monkeypatch):
    monkeypatch.setattr(hints, "HELD_OUT_SAMPLE_ROWS", 20)
    rows = rows_of()
    (hint,) = find(rows._replace(X_test=rows.X_train))
    assert hint.startswith("20 of 20 held-out rows that were looked at have the same features")


@pytest.mark.parametrize(
    ("y", "is_told"),
    [
        (np.exp(RNG.normal(size=500)), True),
        (1e-200 * np.exp(RNG.normal(size=500)), True),
        (1e200 * np.exp(RNG.normal(size=500)), True),
        (np.exp(RNG.normal(size=500)) - 1, False),
        (RNG.normal(loc=100, size=500), False),
        (100 + np.exp(RNG.normal(size=500)) / 100, False),
        (np.ones(500), False),
        (np.array([1, 2]), False),
    ],
    ids=["lognormal", "tiny", "huge", "with-zeros", "normal", "far-from-zero", "constant", "two"],
)
def test_a_target_begs_for_a_log_if_it_is_skewed_and_its_log_is_not(y, is_told):
    assert begs_for_log(y) == is_told


@pytest.mark.parametrize(
    ("words", "is_told"), [(["model=linear"], True), (["model=hist_gbr", "model.estimator.loss=gamma"], False)]
)
def test_a_skewed_target_is_told_unless_the_model_has_a_logarithm(words, is_told):
    rows = rows_of()
    found = find(rows._replace(y_train=np.exp(RNG.normal(size=200))), *words)
    assert any("model=hist_gbr model.estimator.loss=gamma" in hint for hint in found) == is_told


@pytest.fixture
def wages(workdir):
    """A table with the logarithm of its target."""
    rng = np.random.default_rng(0)  # the same rows whichever tests ran before
    years = rng.normal(10, 3, size=200)
    wage = np.exp(rng.normal(size=200) + years / 10)
    pd.DataFrame({"years": years, "logwage": np.log(wage), "wage": wage}).to_csv("wages.csv", index=False)
    return (
        "data=csv",
        "data.path=wages.csv",
        "data.target=wage",
        "data.numeric=[years,logwage]",
        "data.categorical=[]",
    )


@pytest.mark.slow
def test_a_run_says_it_at_its_end_and_records_it(wages, bikeml_main, workdir, capsys, unrendered):
    assert bikeml_main(*wages, *FAST, "model=rf", "hydra.run.dir=out") == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    for line, part in zip(lines, ("'logwage' is almost the target", "'logwage' has", "loss=gamma"), strict=True):
        assert line.startswith("bikeml: ")
        assert part in line
    assert [f"bikeml: {hint}" for hint in RunFolder(workdir / "out").require().hints] == lines


@pytest.mark.slow
def test_what_the_hint_on_a_skewed_target_proposes_works(wages, bikeml_main, unrendered):
    assert bikeml_main(*wages, *FAST, "model=hist_gbr", "model.estimator.loss=gamma") == 0


def test_a_sweep_says_it_of_its_best_cell(workdir, capsys):
    from bikeml.multirun.display.sweep import show_leaderboard
    from bikeml.pages.sweep.leaderboard import build_leaderboard
    from bikeml.pages.sweep.report import render_report

    best = run_record((0.8, 0.9), name="best", hints=("'<b>' is almost the target",))
    sweep = write_sweep(workdir / "s", other=run_record(name="other", hints=("not this",)), best=best).look()
    show_leaderboard(sweep, build_leaderboard(sweep))
    assert capsys.readouterr().err == "bikeml: cell 1: '<b>' is almost the target\n"
    page = render_report(sweep, build_leaderboard(sweep))
    assert "&lt;b&gt;&#39; is almost the target" in page
    assert "not this" not in page


def test_a_record_without_hints_is_one_of_an_earlier_version():
    content = run_record(importance=RecordedImportance(columns=(), mean=(), std=())).model_dump(by_alias=True)
    del content["hints"]
    assert type(run_record()).model_validate(content, strict=False).hints == ()


@pytest.mark.parametrize("disguise", [np.log, np.sqrt, lambda y: -3 * y, lambda y: np.round(y, 3), np.exp])
def test_a_monotone_function_of_the_target_is_a_disguise(disguise):
    y = np.random.default_rng(0).uniform(1, 9, 60)
    assert is_disguise(disguise(y), y)


def test_a_good_feature_is_no_target_in_disguise():
    y = np.random.default_rng(0).normal(size=60)
    assert not is_disguise(y + np.random.default_rng(1).normal(size=60) / 10, y)


@pytest.mark.parametrize("of", [np.square, np.abs, lambda y: np.exp(-(y**2))])
def test_a_column_whose_function_rises_and_falls_is_found(of):
    x = np.random.default_rng(0).normal(size=300)
    assert is_disguise(x, of(x))
    assert not is_disguise(x, np.random.default_rng(1).normal(size=300))


def test_twins_of_columns_with_few_levels_are_chance():
    rng = np.random.default_rng(0)
    few = pd.DataFrame({name: rng.integers(0, 3, 400) for name in "abcd"})
    assert find(rows_of()._replace(X_train=few[:200], y_train=rng.normal(size=200), X_test=few[200:])) == []


def test_what_rows_tell_is_looked_for_once_in_a_sweep_and_again_for_other_rows(monkeypatch):
    looked = []

    def look(X_test, X_train):
        looked.append(len(X_test))
        return len(X_test), True

    monkeypatch.setattr(hints, "find_twins", look)
    rows = rows_of()
    for key in ("one", "one", "another", None, None):
        (told,) = find(rows._replace(key=key))
        assert told.startswith("200 of 200 held-out rows have the same features")
    find(rows._replace(key="one"), "evaluation.random_state=7")
    assert len(looked) == 5


def test_rows_with_another_column_are_other_rows():
    config = decide_metrics(config_of("split.folds=2"))
    config, table, split = story._read_rows(config)
    fewer = replace(table, X=table.X.drop(columns="temp"))
    keys = [story._find_rows(config, each, split).key for each in (table, table, fewer)]
    assert keys[0] == keys[1] != keys[2]
