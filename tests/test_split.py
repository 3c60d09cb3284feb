from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

import bikeml
from bikeml.config.data import ChronologicalSplit
from bikeml.errors import ConfigError, DataError
from bikeml.experiment.check import check_estimators
from bikeml.experiment.pipeline import is_reproducible
from bikeml.table.data import Table, read_table
from bikeml.table.problems import Tolerance
from bikeml.table.split import split_table
from bikeml.table.split.kinds import ChronologicalSplitter
from tests.conftest import config_of


def table_of(dates, groups=None, n_train=None):
    n_rows = len(dates)
    X = pd.DataFrame({"a": np.arange(n_rows)})
    rows = np.arange(n_rows)
    named = None if groups is None else pd.Series(groups)
    dates = pd.Series(pd.to_datetime(dates))
    return Table("t", "t.csv", "0", X, rows, dates, rows, config_of().data, groups=named, n_train=n_train)


def grouped(groups, n_train=None):
    return table_of(["2020-01-01"] * len(groups), groups, n_train)


def parts(split):
    """Yield the rows on both sides of each fit: the hold-out, each fold, and the folds of the searches."""
    yield split.train, split.test
    for fit, score in [*split.folds, *split.search_folds]:
        yield split.train[fit], split.train[score]
    for (outer, _), inner in zip(split.folds, split.nested_folds, strict=True):
        for fit, score in inner:
            yield split.train[outer][fit], split.train[outer][score]


def daily(*overrides):
    config = config_of(*overrides)
    return config, read_table(config, Tolerance())


def test_the_random_split_is_train_test_splits():
    config, table = daily()
    split = split_table(table, config.split, None)
    _, X_test, y_train, _ = train_test_split(table.X, table.y, test_size=0.3, random_state=0)
    assert (len(split.train), len(split.test)) == (511, 220)
    np.testing.assert_array_equal(table.y[split.train], y_train)
    np.testing.assert_array_equal(table.X.iloc[split.test], X_test)


def test_repeats_multiply_the_folds_and_each_row_is_scored_once_in_each():
    config, table = daily("split.repeats=3", "split.folds=4")
    split = split_table(table, config.split, 3)
    assert (len(split.folds), len(split.search_folds)) == (12, 3)
    for repeat in range(3):
        scored = np.concatenate([test for _, test in split.folds[4 * repeat : 4 * repeat + 4]])
        np.testing.assert_array_equal(np.sort(scored), np.arange(511))


def test_the_folds_do_not_depend_on_the_model():
    config, table = daily("model=rf", "seed=5")
    other, _ = daily("model=linear")
    for (a, b), (c, d) in zip(
        split_table(table, config.split, None).folds, split_table(table, other.split, None).folds, strict=True
    ):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)


def test_a_chronological_split_holds_out_the_latest_days():
    config, table = daily("split=chronological")
    split = split_table(table, config.split, 3)
    assert len(split.test) == 220
    assert table.dates.iloc[split.train].max() < table.dates.iloc[split.test].min()


@pytest.mark.slow
@given(
    dates=st.lists(st.integers(0, 40), min_size=30, max_size=120).filter(lambda days: len(set(days)) > 12),
    folds=st.integers(2, 4),
)
def test_nothing_looks_into_the_future(dates, folds):
    table = table_of([pd.Timestamp("2020-01-01") + pd.Timedelta(days=day) for day in dates])
    config = ChronologicalSplit(kind="chronological", test_size=0.3, folds=folds, gap=0)
    try:
        split = split_table(table, config, 3)
    except DataError as error:
        assert "fewer than two rows" in str(error)
        return
    assert table.dates.iloc[split.train].max() < table.dates.iloc[split.test].min()
    train_dates = table.dates.iloc[split.train].to_numpy()
    assert (len(split.folds), len(split.search_folds)) == (folds, 3)
    sizes = [len(fit) for fit, _ in split.folds]
    assert sizes == sorted(sizes)
    for fit, score in [*split.folds, *split.search_folds]:
        assert train_dates[fit].max() < train_dates[score].min()


@pytest.mark.parametrize(("size", "n_test"), [(0.3, 220), (200, 200)])
@pytest.mark.parametrize("kind", ["random", "stratified", "chronological"])
def test_a_size_is_a_share_or_a_number(kind, size, n_test):
    config, table = daily(f"split={kind}", f"split.test_size={size}")
    split = split_table(table, config.split, None)
    assert (len(split.train), len(split.test)) == (731 - n_test, n_test)


def test_rows_that_are_not_shuffled_stay_in_their_order():
    config, table = daily("split.shuffle=false", "split.test_size=31", "split.random_state=null")
    split = split_table(table, config.split, 2)
    np.testing.assert_array_equal(split.train, np.arange(700))
    np.testing.assert_array_equal(split.test, np.arange(700, 731))
    for _, score in [*split.folds, *split.search_folds]:
        np.testing.assert_array_equal(score, np.arange(score[0], score[0] + len(score)))
    assert is_reproducible(config)


@pytest.mark.parametrize("gap", [1, 7])
def test_a_gap_is_left_out_before_each_part_that_is_scored(gap):
    config, table = daily("split=chronological", f"split.gap={gap}")
    split = split_table(table, config.split, 3, nested=True)
    for fit, score in parts(split):
        assert (table.dates.iloc[score].min() - table.dates.iloc[fit].max()).days == gap + 1
    assert (len(split.train), len(split.test)) == (731 - 220 - gap, 220)


def test_each_part_has_the_same_share_of_every_bin():
    config, table = daily("split=stratified", "split.bins=4", "split.repeats=2")
    split = split_table(table, config.split, 3, nested=True)
    bins = pd.qcut(table.y, 4, labels=False)
    assert len(split.folds) == 10
    for rows in [part for both in parts(split) for part in both]:
        np.testing.assert_allclose(np.bincount(bins[rows]) / len(rows), 0.25, atol=0.03)


def test_of_a_target_with_many_equal_values_there_are_fewer_bins():
    config, table = daily("split=stratified", "split.bins=10")
    table = replace(table, y=np.where(table.y < 900, 0, table.y))
    split = split_table(table, config.split, None)
    many = table.y > np.quantile(table.y, 0.7)
    assert many[split.test].mean() == pytest.approx(many.mean(), abs=0.01)


@pytest.mark.slow
@given(
    groups=st.lists(st.sampled_from("abcdefghijklmnop"), min_size=60, max_size=90).filter(lambda g: len({*g}) > 12),
    seed=st.integers(0, 9),
    repeats=st.integers(1, 2),
)
def test_groups_are_never_on_both_sides(groups, seed, repeats):
    config = config_of("split=group", "data.group=mnth", f"split.repeats={repeats}", "split.folds=3").split
    config, table = config.model_copy(update={"random_state": seed}), grouped(groups)
    try:
        split = split_table(table, config, 2, nested=True)
    except DataError as error:
        assert "fewer than two rows" in str(error)
        return
    assert (len(split.folds), len(split.search_folds), len(split.nested_folds)) == (3 * repeats, 2, 3 * repeats)
    for fit, score in parts(split):
        assert {*table.groups.iloc[fit]} & {*table.groups.iloc[score]} == set()
    assert sorted([*split.train, *split.test]) == [*range(len(groups))]


def test_other_seeds_hold_out_other_groups_and_the_same_seed_the_same():
    table = grouped([f"p{i // 3}" for i in range(90)])
    first, again, other = (
        split_table(table, config_of("split=group", "data.group=mnth", f"split.random_state={seed}").split, 3)
        for seed in (0, 0, 1)
    )
    assert [*first.test] == [*again.test] != [*other.test]
    assert [[*score] for _, score in first.folds] == [[*score] for _, score in again.folds]
    assert [[*score] for _, score in first.folds] != [[*score] for _, score in other.folds]


def test_a_number_of_groups_is_held_out():
    table = grouped([f"p{i // 3}" for i in range(90)])
    split = split_table(table, config_of("split=group", "data.group=mnth", "split.test_size=4").split, None)
    assert table.groups.iloc[split.test].nunique() == 4


REFUSED = {
    "fewer groups than folds": (
        ["split=group", "data.group=mnth"],
        grouped(list("aaabbbccc")),
        r"too few rows \(9 in 3 groups\) for this split: it takes 5 folds and holds out 30% of them; use a larger",
    ),
    "fewer groups than held out": (
        ["split=group", "data.group=mnth", "split.test_size=7"],
        grouped(list("aaabbbccc")),
        r"it takes 5 folds and holds out 7; use",
    ),
    "no groups": (
        ["split=group"],
        table_of(["2020-01-01"] * 9),
        r"t.csv has no column of groups to split by; set data",
    ),
    "a gap of all rows": (
        ["split=chronological", "split.gap=90"],
        table_of(pd.date_range("2020-01-01", periods=100)),
        r"\(100 on 100 dates\) .* folds and leaves out 90 before each and holds out 30%.*, a smaller split.gap, or",
    ),
    "a gap of a fold": (
        ["split=chronological", "split.gap=40", "split.folds=2"],
        table_of(pd.date_range("2020-01-01", periods=100)),
        r"leaves out 40 before each",
    ),
    "bins with few rows": (
        ["split=stratified", "split.bins=20"],
        table_of(["2020-01-01"] * 100),
        r"\(100 in 20 bins of the target, the smallest with 5\) .*fewer split.bins, or another split.test_size",
    ),
    "more rows held out than there are": (
        ["split.test_size=100"],
        table_of(["2020-01-01"] * 100),
        r"too few rows \(100\) for this split: it takes 5 folds and holds out 100; use",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_split_is_refused_with_the_cure(case):
    overrides, table, message = REFUSED[case]
    with pytest.raises(DataError, match=message):
        split_table(table, config_of(*overrides).split, None)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["split=group"], "split=group needs a column that names groups; set data.group=COLUMN"),
        (["data.group=mnth"], "data.group='mnth' names groups, and split=random would put rows of one group on both"),
        (["data.group=mnth", "split=chronological"], "split=chronological would put rows of one group on both sides"),
    ],
)
def test_groups_and_the_split_have_to_agree(overrides, message):
    with pytest.raises(ConfigError, match=message):
        check_estimators(config_of(*overrides))


def write_patients(workdir, **more):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"patient": np.repeat([f"p{i}" for i in range(40)], 3), "dose": rng.normal(size=120), **more})
    frame.assign(y=3 * frame["dose"] + rng.normal(size=120)).to_csv(workdir / "patients.csv", index=False)


PATIENTS = ("data=csv", "data.path=patients.csv", "data.target=y", "split=group", "data.group=patient")


@pytest.mark.slow
def test_the_group_is_no_feature_unless_a_list_names_it_too(workdir):
    write_patients(workdir)
    table = read_table(config_of(*PATIENTS), Tolerance())
    assert list(table.X.columns) == ["dose"]
    assert table.data.roles["group"] == ["patient"]
    listed = read_table(config_of(*PATIENTS, "data.categorical=[patient]"), Tolerance(text_categories=True))
    assert list(listed.X.columns) == ["patient", "dose"]
    np.testing.assert_array_equal(listed.groups, table.groups)
    without = read_table(config_of(*PATIENTS[:3]), Tolerance(text_categories=True))
    assert without.groups is None


@pytest.mark.parametrize("lists", [[], ["data.numeric=[dose]", "data.categorical=[]"]])
@pytest.mark.parametrize(
    ("patient", "overrides", "message"),
    [
        (
            ["p1", *[None] * 2, *["p2"] * 117],
            [],
            r"column 'patient' is missing in row 2, row 3; name the group of each",
        ),
        (["p1"] * 120, ["data.group=patent"], r"no column 'patent' for data.group; did you mean 'patient'\?"),
    ],
)
def test_a_row_needs_a_group(workdir, lists, patient, overrides, message):
    write_patients(workdir, patient=patient)
    with pytest.raises(DataError, match=message):
        read_table(config_of(*PATIENTS, *overrides, *lists), Tolerance())


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["split=group", "data.group=mnth"],
        pytest.param(["split=stratified"], marks=pytest.mark.long),
        pytest.param(["split.shuffle=false"], marks=pytest.mark.long),
    ],
)
@pytest.mark.usefixtures("unrendered")
def test_each_kind_runs_with_a_nested_search_and_gives_the_same_again(words):
    fast = ("tracking=none", "model=tree", "search=grid", "model.grid={max_depth: [2, 3]}", "evaluation.nested=true")
    first, again = (
        bikeml.run(*fast, *words, "evaluation.bootstrap_samples=100", f"hydra.run.dir={out}") for out in "ab"
    )
    assert first.metrics == again.metrics
    assert first.record.fingerprint == again.record.fingerprint
    assert first.record.reproducible
    assert first.record.search is not None


@pytest.mark.parametrize("n_rows", [2, 3, 5])
def test_a_tiny_table_is_not_advised_to_take_fewer_folds(n_rows):
    table = table_of(pd.date_range("2020-01-01", periods=n_rows))
    with pytest.raises(DataError, match="; use a larger table: 6 rows are the least that can be held out and divided"):
        split_table(table, config_of().split, None)
    six = split_table(table_of(pd.date_range("2020-01-01", periods=6)), config_of("split.folds=2").split, None)
    assert (len(six.train), len(six.test)) == (4, 2)


@pytest.mark.parametrize("overrides", [[], ["split.folds=2"], ["split=chronological"]])
def test_too_few_rows_are_named(overrides):
    config = config_of(*overrides)
    table = table_of(pd.date_range("2020-01-01", periods=3))
    with pytest.raises(
        DataError, match=r"t.csv has too few rows \(3( on 3 dates)?\) for this split: .*; use a larger table"
    ):
        split_table(table, config.split, None)


def test_a_fold_of_one_row_is_too_few_to_score():
    config = config_of("split.folds=20")
    with pytest.raises(DataError, match="a part to score would have fewer than two rows"):
        split_table(table_of(pd.date_range("2020-01-01", periods=40)), config.split, None)


def test_one_date_is_enough_to_train_on():
    table = table_of([pd.Timestamp("2020-01-01") + pd.Timedelta(days=day) for day in (0, 0, 0, 1, 1, 2, 2)])
    config = ChronologicalSplit(kind="chronological", test_size=1, folds=2, gap=1)
    train, test = ChronologicalSplitter(table, config).hold_out()
    assert sorted(train) == [0, 1, 2]
    assert sorted(test) == [5, 6]
    with pytest.raises(ValueError, match="no date is left to train on"):
        ChronologicalSplitter(table, config.model_copy(update={"gap": 2})).hold_out()
