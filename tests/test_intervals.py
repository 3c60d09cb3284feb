"""How sure a figure is: bootstrap-t over rows, groups and blocks of dates, and what no interval can be made of."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

import bikeml
from bikeml.evaluation import evaluate
from bikeml.evaluation.metrics import find_metric
from bikeml.evaluation.uncertainty.blocks import measure_memory, sum_blocks
from bikeml.evaluation.uncertainty.intervals import Median, Precision, find_intervals
from bikeml.evaluation.uncertainty.units import Units
from bikeml.experiment.searching.scoring import explain_no_score, find_scorer
from tests.builders import run_record

PRECISION = Precision(0.9, 400, 3)
FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance=none", "hydra.run.dir=run")


def rows(n_rows):
    return Units.of("rows", np.arange(n_rows))


def sample(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.gamma(2, 2, n_rows) + 1
    return y, y + rng.normal(0, 0.5, n_rows)


def find(name, y, predicted, units=None):
    statistic = find_metric(name).find_statistic(y, predicted)
    return find_intervals({name: statistic}, units or rows(len(y)), PRECISION).get(name)


# bootstrap-t


def of_ratio(y, predicted):
    """log(1 - R²) and the influence of each row on it, written out by hand."""
    squares, spread = (y - predicted) ** 2, (y - y.mean()) ** 2
    return math.log(squares.mean() / spread.mean()), squares / squares.mean() - spread / spread.mean()


def of_mean(y, predicted):
    losses = np.abs(y - predicted)
    return math.log(losses.mean()), losses / losses.mean() - 1


def studentise(linearise, y, predicted, units):
    value, influence = linearise(y, predicted)
    sums = [influence[units == each].sum() for each in np.unique(units)]
    return value, math.sqrt(np.sum(np.square(sums))) / len(y)


@pytest.mark.parametrize("n_units", [25, 8])
@pytest.mark.parametrize(
    ("name", "linearise", "back"),
    [("r2", of_ratio, lambda end: 1 - np.exp(end)), ("mae", of_mean, np.exp)],
)
def test_an_interval_is_what_a_loop_over_the_draws_finds(name, linearise, back, n_units):
    y, predicted = sample(25)
    group = np.arange(25) % n_units
    value, error = studentise(linearise, y, predicted, group)
    t = []
    for drawn in np.random.default_rng(PRECISION.random_state).integers(n_units, size=(PRECISION.n_draws, n_units)):
        chosen = [np.flatnonzero(group == each) for each in drawn]
        units = np.repeat(np.arange(n_units), [len(each) for each in chosen])
        chosen = np.concatenate(chosen)
        drawn_value, drawn_error = studentise(linearise, y[chosen], predicted[chosen], units)
        t.append((drawn_value - value) / drawn_error)
    high, low = np.quantile(t, 0.95, method="higher"), np.quantile(t, 0.05, method="lower")
    ends = sorted(back(np.array([value - error * high, value - error * low])))
    assert find(name, y, predicted, Units.of("groups", group)) == pytest.approx(ends, rel=1e-9)


def test_the_interval_of_rmse_is_the_root_of_that_of_mse():
    y, predicted = sample(40)
    assert find("rmse", y, predicted) == pytest.approx(np.sqrt(find("mse", y, predicted)), rel=1e-12)


@pytest.mark.parametrize("name", ["mse", "rmse", "mae", "r2", "explained_variance", "d2_pinball_0.9", "median_ae"])
def test_an_interval_follows_the_unit_of_the_target(name):
    y, predicted = sample(60)
    power = {"mse": 2, "rmse": 1, "mae": 1, "median_ae": 1}.get(name, 0)
    scaled = find(name, 1e60 * y, 1e60 * predicted)
    assert scaled == pytest.approx(np.multiply(find(name, y, predicted), 1e60**power), rel=1e-6)


def test_the_interval_of_r2_does_not_depend_on_where_the_target_begins():
    y, predicted = sample(60)
    assert find("r2", y + 1e6, predicted + 1e6) == pytest.approx(find("r2", y, predicted), rel=1e-6)


def test_the_interval_of_a_median_is_about_that_of_the_binomial_distribution():
    values = np.sort(np.random.default_rng(0).gamma(2, size=300))
    low, high = find_intervals({"median": Median(values)}, rows(300), PRECISION)["median"]
    first, last = binom.ppf([0.05, 0.95], 300, 0.5).astype(int)
    assert low == pytest.approx(values[first], rel=0.02)
    assert high == pytest.approx(values[last], rel=0.02)


# what no interval can be made of: no warning either, since warnings are errors


def test_a_perfect_model_has_intervals_of_no_width():
    y, _ = sample(30)
    assert find("mse", y, y) == find("mae", y, y) == find("rmse", y, y) == find("median_ae", y, y) == (0, 0)
    assert find("r2", y, y) == find("explained_variance", y, y) == (1, 1)


def test_errors_that_are_all_equal_have_an_interval_of_no_width():
    y = np.arange(30.0)
    assert find("mae", y, y + 2) == (2, 2)
    low, high = find("r2", y, y + 2)
    assert low < 1 - 4 / np.var(y) < high


@pytest.mark.parametrize("n_rows", [1, 2, 3])
@pytest.mark.parametrize("name", ["mse", "r2", "mae", "explained_variance"])
def test_rows_that_are_too_few_have_no_interval(n_rows, name):
    y, predicted = sample(n_rows)
    assert n_rows == 1 or math.isfinite(find_metric(name).measure(y, predicted))
    statistic = find_metric(name).find_statistic(y, predicted)
    assert statistic is None or find_intervals({name: statistic}, rows(n_rows), PRECISION) == {}


def test_a_target_that_hardly_varies_has_no_interval_of_r2():
    y = np.zeros(30)
    y[:1] = 1
    predicted = np.linspace(0, 0.3, 30)
    assert find("r2", y, predicted) is None  # a draw without the first row has a constant target
    assert find("mse", y, predicted) is not None


@pytest.mark.parametrize("name", ["rmse", "mae", "mse"])
def test_one_row_with_nearly_all_of_the_error_gives_a_wide_interval_and_no_absurd_one(name):
    y, predicted = sample(60)
    y[7] *= 100
    low, high = find(name, y, predicted)
    value = find_metric(name).measure(y, predicted)
    assert low < value < high
    assert 2 * value < high < 100 * value


def test_errors_that_are_nearly_all_zero_have_no_interval():
    y = np.arange(30.0)
    predicted = y.copy()
    predicted[0] += 1
    assert find("mae", y, predicted) is None


def test_one_group_has_no_interval():
    y, predicted = sample(30)
    assert find("mse", y, predicted, Units.of("groups", np.zeros(30))) is None


# which rows are drawn together


def test_rows_of_a_group_are_one_unit_and_dates_are_in_order():
    groups = Units.of("groups", pd.Series(["b", "c", "a", "b", 3], dtype=object))
    assert groups.sum(np.ones(5)).tolist() == [2, 1, 1, 1]
    dates = Units.of("dates", pd.Series(pd.to_datetime(["2020-03-01", "2020-01-01", "2020-03-01", "2020-02-01"])))
    assert dates.sum(np.arange(4.0)).tolist() == [1, 3, 2]


@pytest.mark.parametrize("kind", ["rows", "dates"])
def test_of_many_units_sets_are_drawn_which_follow_each_other_if_they_are_dates(kind):
    units = Units(np.arange(23_456), 23_456, kind).limit(np.random.default_rng(0))
    sizes = np.bincount(units.labels)
    assert (units.n_units, sizes.min(), sizes.max()) == (5_000, 4, 5)
    assert (kind == "dates") == bool((np.diff(units.labels) >= 0).all())


def autoregress(n_rows, memory, seed):
    rng, values = np.random.default_rng(seed), [0.0]
    for shock in rng.normal(size=n_rows + 99):
        values.append(memory * values[-1] + shock)
    values = np.array(values[100:])
    return values - values.mean()


def test_blocks_are_as_long_as_the_rule_of_politis_and_white_says_for_an_autoregression():
    memory, n_rows = 0.7, 20_000
    bend, level = 2 * memory / (1 - memory) ** 2, (1 + memory) / (1 - memory)  # times the variance
    expected = (2 * bend**2 / (4 / 3 * level**2) * n_rows) ** (1 / 3)
    lengths = [measure_memory(autoregress(n_rows, memory, seed)).length for seed in range(5)]
    assert np.mean(lengths) == pytest.approx(expected, rel=0.1)


def test_the_variance_of_a_mean_knows_the_memory_of_its_series():
    variances = [measure_memory(autoregress(5_000, 0.7, seed)).variance for seed in range(5)]
    assert np.mean(variances) == pytest.approx(1 / (1 - 0.7) ** 2, rel=0.15)


def test_values_without_memory_are_blocks_of_one_and_two():
    lengths = [measure_memory(autoregress(220, 0.0, seed)).length for seed in range(40)]
    assert np.median(lengths) == 1


@pytest.mark.parametrize("n_units", [3, 4, 7])
def test_a_short_series_has_a_memory_and_so_has_one_that_is_constant(n_units):
    assert measure_memory(autoregress(n_units, 0.7, 0)).length >= 1
    assert measure_memory(np.zeros(n_units)) == (1, 0)


def test_blocks_are_circular_and_hold_each_value_equally_often():
    values = np.arange(10.0)
    assert sum_blocks(values, 3).tolist() == pytest.approx(
        [np.take(values, [i, i + 1, i + 2], mode="wrap").sum() for i in range(10)]
    )
    assert sum_blocks(values, 1) is values


def test_intervals_of_blocks_cover_where_those_of_rows_do_not():
    covered = {"dates": 0, "rows": 0}
    for seed in range(200):
        errors = autoregress(220, 0.7, seed)
        for kind in covered:
            low, high = find("mse", errors, 0 * errors, Units(np.arange(220), 220, kind))
            covered[kind] += low <= 1 / (1 - 0.7**2) <= high
    assert covered["dates"] > 165  # of 200, at a confidence of 0.9
    assert covered["rows"] < 150


# what a run records of it


@pytest.mark.slow
@pytest.mark.parametrize(
    ("split", "method"),
    [
        ((), "bootstrap-t over rows"),
        pytest.param(("split=stratified",), "bootstrap-t over rows", marks=pytest.mark.long),
        (("split=chronological",), "bootstrap-t over blocks of dates"),
        (("split=group", "data.group=mnth"), "bootstrap-t over groups"),
    ],
)
def test_the_kind_of_the_split_decides_what_is_drawn(split, method, capsys, bikeml_main):
    assert bikeml_main(*FAST, *split) == 0
    record = json.loads(Path("run/result.json").read_text())
    assert record["interval_method"] == method
    assert method in capsys.readouterr().out
    low, high = record["intervals"]["cv_r2_pooled"]
    assert low < record["metrics"]["cv_r2_pooled"] < high


def test_an_earlier_record_has_percentile_intervals():
    assert run_record().interval_method == "percentile bootstrap over rows"


@pytest.mark.slow
def test_a_pooled_figure_is_that_of_the_rows_of_all_folds_and_repeats():
    result = bikeml.run(*FAST, "split.repeats=2", "evaluation.metrics=[r2,mae,rmse]")
    folds = pd.read_csv("run/folds.csv")
    assert folds["row"].value_counts().unique().tolist() == [2]
    pooled = evaluate.measure(folds["actual"].to_numpy(), folds["predicted"].to_numpy(), ["r2", "mae", "rmse"])
    assert {f"cv_{name}_pooled": value for name, value in pooled.items()} == {
        name: value for name, value in result.metrics.items() if name.endswith("_pooled")
    }
    once = [
        evaluate.measure(each["actual"], each["predicted"], ["r2"])["r2"]
        for _, each in folds.groupby(folds["fold"] > 5)
    ]
    assert pooled["r2"] == pytest.approx(np.mean(once))
    width = np.ptp(result.intervals["cv_r2_pooled"])
    once = np.ptp(bikeml.run(*FAST[:-1], "hydra.run.dir=once").intervals["cv_r2_pooled"])
    assert width == pytest.approx(once, rel=0.2)  # a repeat adds predictions, and no rows


def test_a_fold_whose_target_is_constant_has_no_r2_and_the_pooled_one_stays():
    y = np.repeat(np.arange(5.0), 20) ** 2
    table = pd.DataFrame({"x": np.arange(100.0), "y": y})
    table.to_csv("table.csv", index=False)
    result = bikeml.run(
        *FAST,
        "data=csv",
        "data.path=table.csv",
        "data.target=y",
        "data.numeric=[x]",
        "split.shuffle=false",
        "split.test_size=40",
        "split.folds=3",
        "model=tree",
        "evaluation.metrics=[r2,mae]",
    )
    record = result.record
    assert record.cv.scores["r2"] == (None, None, None)
    assert record.metrics["cv_r2_mean"] is record.score is None
    assert record.undefined == {"cv_r2_mean": "the target is 0.0 in all 20 rows of fold 1"}
    assert math.isfinite(record.metrics["cv_r2_pooled"])
    assert math.isfinite(record.metrics["cv_mae_mean"])


@pytest.mark.parametrize("name", ["r2", "explained_variance", "d2_absolute_error", "d2_pinball_0.9", "d2_poisson"])
def test_a_share_of_what_is_explained_needs_a_target_that_varies(name):
    y = np.full(3, 0.1)
    assert evaluate.find_undefined(y, y, [name]) == {name: "the target is 0.1 in all 3 rows"}
    assert evaluate.find_undefined(y[:1], y[:1], [name]) == {name: "the target is 0.1 in the only row"}
    assert math.isnan(find_metric(name).measure(y, y + 1))
    assert "constant target" in find_metric(name).describe_need()


def test_a_target_whose_squares_are_no_floats_has_no_r2():
    y, predicted = sample(60)
    assert find_metric("r2").measure(1e-140 * y, 1e-140 * predicted) == pytest.approx(
        find_metric("r2").measure(y, predicted)
    )
    reason = find_metric("r2").explain_undefined(1e-160 * y, 1e-160 * predicted)
    assert reason == "the target varies by 1e-159, whose square is no float; choose a smaller unit"


@pytest.mark.parametrize("name", ["poisson_deviance", "d2_poisson"])
def test_a_deviance_without_digits_is_undefined(name):
    y, predicted = sample(60)
    assert find_metric(name).explain_undefined(1e4 + y, 1e4 + predicted) == ""
    reason = find_metric(name).explain_undefined(1e8 + y, 1e8 + predicted)
    assert reason.startswith("all errors are less than a millionth of the predictions")
    assert find_metric("poisson_deviance").measure(1e8 + y, 1e8 + y) == 0


def test_a_search_ranks_no_candidate_by_a_fold_whose_target_is_constant():
    assert not isinstance(find_scorer("r2"), str)
    assert explain_no_score("r2") == "a constant target"
