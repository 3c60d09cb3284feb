import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from bikeml.config.schema import ChronologicalSplit
from bikeml.errors import DataError
from bikeml.table.data import Table, read_table
from bikeml.table.problems import Tolerance
from bikeml.table.split import split_table
from tests.conftest import config_of


def table_of(dates):
    n_rows = len(dates)
    X = pd.DataFrame({"a": np.arange(n_rows)})
    rows = np.arange(n_rows)
    return Table("t", "t.csv", "0", X, rows, pd.Series(pd.to_datetime(dates)), rows, config_of().data)


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


@given(
    dates=st.lists(st.integers(0, 40), min_size=30, max_size=120).filter(lambda days: len(set(days)) > 12),
    folds=st.integers(2, 4),
)
def test_nothing_looks_into_the_future(dates, folds):
    table = table_of([pd.Timestamp("2020-01-01") + pd.Timedelta(days=day) for day in dates])
    config = ChronologicalSplit(kind="chronological", test_size=0.3, folds=folds)
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


@pytest.mark.parametrize("overrides", [[], ["split.folds=2"], ["split=chronological"]])
def test_too_few_rows_are_named(overrides):
    config = config_of(*overrides)
    table = table_of(pd.date_range("2020-01-01", periods=3))
    with pytest.raises(
        DataError, match=r"t.csv has too few rows \(3( of 3 dates)?\) for this split: .*; use a larger table"
    ):
        split_table(table, config.split, None)


def test_a_fold_of_one_row_is_too_few_to_score():
    config = config_of("split.folds=20")
    with pytest.raises(DataError, match="a part to score would have fewer than two rows"):
        split_table(table_of(pd.date_range("2020-01-01", periods=40)), config.split, None)
