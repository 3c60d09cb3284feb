"""Many models compared with the best one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import studentized_range
from scipy.stats import t as student_t

from bikeml.evaluation.metrics import find_metric
from bikeml.evaluation.uncertainty.comparison import (
    compare_on_rows,
    compare_with_best,
    find_critical_value,
)
from bikeml.evaluation.uncertainty.intervals import OfMeans
from bikeml.evaluation.uncertainty.units import Units

OURS, BEST = [0.70, 0.72, 0.69, 0.75, 0.71], [0.74, 0.73, 0.75, 0.76, 0.70]
# To six decimals: what is smaller than a score's last bit is lost when something is added to it
ELEMENTS = st.integers(-(10**6), 10**6).map(lambda value: value / 10**6)
SCORES = arrays(float, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=ELEMENTS)


def compare(scores, ratio=0.25):
    scores = np.asarray(scores, dtype=float)
    return compare_with_best(scores, int(scores.mean(axis=1).argmax()), ratio)


def test_two_models_are_compared_by_the_corrected_resampled_t_test():
    found = compare([OURS, BEST])
    error = np.sqrt((1 / 5 + 0.25) * np.var(np.subtract(OURS, BEST), ddof=1))
    assert found.differences == pytest.approx([-0.022, 0])
    assert found.half_widths == pytest.approx([error * student_t.ppf(0.975, 4), 0])
    assert found.is_indistinguishable.tolist() == [True, True]


def test_the_probability_is_that_of_the_correlated_t_test_of_two_models():
    found = compare([OURS, BEST])
    error = np.sqrt((1 / 5 + 0.2 / (1 - 0.2)) * np.var(np.subtract(OURS, BEST), ddof=1))  # rho: the share scored on
    assert found.find_as_good(0.01)[0] == pytest.approx(student_t.cdf((-0.022 + 0.01) / error, 4))
    assert found.find_as_good(math.inf).tolist() == [1, 1]


@given(SCORES)
def test_the_set_holds_those_whose_interval_holds_zero(scores):
    found = compare(scores)
    assert found.is_indistinguishable[found.best]
    assert (found.differences <= 1e-12).all()
    assert found.is_indistinguishable.tolist() == (found.differences + found.half_widths >= 0).tolist()
    assert ((found.find_as_good(0.01) >= 0) & (found.find_as_good(0.01) <= 1)).all()


@given(SCORES, st.floats(-5, 5))
def test_what_all_models_share_in_a_fold_changes_nothing(scores, shift):
    shifted = scores + shift * np.arange(scores.shape[1])
    best = int(scores.mean(axis=1).argmax())
    before, after = (compare_with_best(each, best, 0.25) for each in (scores, shifted))
    assert after.half_widths == pytest.approx(before.half_widths, abs=1e-9)


def test_equal_scores_are_too_close_to_call_also_but_for_rounding():
    assert compare([BEST, BEST, BEST]).is_indistinguishable.all()
    assert compare(np.zeros((3, 5))).find_as_good(0.0).tolist() == [1, 1, 1]
    rounded = np.array([0.1 + 0.2, 0.7, 0.9])
    assert compare([rounded, [0.3, 0.7, 0.9]]).is_indistinguishable.all()


def test_a_lead_that_is_the_same_in_every_fold_is_told():
    found = compare([[0.5, 0.6], [0.75, 0.85]])
    assert found.is_indistinguishable.tolist() == [False, True]
    assert found.find_as_good(0.01) == pytest.approx([0, 1])


def test_one_small_variance_among_greater_ones_makes_no_lead_sure():
    spread = np.array([0.1, -0.1, 0.05, -0.05, 0.0])
    even = [0.69, 0.69, 0.69, 0.69, 0.68]  # worse by nearly the same in every fold
    assert not compare([[0.7] * 5, even]).is_indistinguishable.all()
    assert compare([[0.7] * 5, even, 0.69 + spread, 0.69 - spread]).is_indistinguishable.all()


def test_a_model_that_fails_in_a_fold_hides_no_other():
    rng = np.random.default_rng(0)
    scores = 0.7 + 0.3 * (np.arange(6) < 3)[:, None] + rng.normal(0, 0.02, (6, 5))
    failed = np.full((1, 5), 0.5)
    for worst in (-1e3, -1e200):
        failed[0, 2] = worst
        found = compare(np.vstack([scores, failed]))
        assert found.is_indistinguishable.tolist()[:6] == [True, True, True, False, False, False]


def test_with_fewer_than_five_folds_each_difference_has_its_own_variance():
    scores = np.random.default_rng(0).normal(0, 1, (4, 3))
    found = compare(scores)
    per_error = found.half_widths / np.sqrt((1 / 3 + 0.25) * np.maximum(found.own_variances, 1e-9))
    assert np.delete(per_error, found.best) == pytest.approx(find_critical_value(4, 3))


def test_more_models_need_a_greater_lead_and_more_folds_a_smaller_one():
    values = [find_critical_value(n_models, 5) for n_models in (2, 3, 6, 18, 200)]
    assert values == sorted(values)
    assert find_critical_value(18, 50) < find_critical_value(18, 5) < find_critical_value(18, 2)


@pytest.mark.parametrize("n_models", [3, 18])
def test_with_many_folds_the_critical_value_is_that_of_the_studentized_range(n_models):
    known = studentized_range.ppf(0.95, n_models, np.inf) / np.sqrt(2)
    assert find_critical_value(n_models, 1000) == pytest.approx(known, rel=0.02)


@pytest.mark.parametrize("n_repeats", [1, 10])
def test_at_most_one_sweep_of_equal_models_in_twenty_has_a_false_claim(n_repeats):
    """With folds that depend on each other as Nadeau and Bengio assume."""
    rng, n_sweeps = np.random.default_rng(1), 1000
    of_all = rng.standard_normal((n_sweeps, 18, 1))
    scores = np.sqrt(0.2) * of_all + np.sqrt(0.8) * rng.standard_normal((n_sweeps, 18, 5 * n_repeats))
    false = np.mean([not compare(each).is_indistinguishable.all() for each in scores])
    assert 0.03 < false < 0.07


def test_repeats_tell_more_apart_down_to_the_limit_of_shared_rows():
    scores = np.random.default_rng(0).normal(0, 0.1, (4, 5)) - np.array([[0.0], [0.2], [0.3], [0.01]])
    found = compare(scores)
    counts = [found.count_told(n_repeats) for n_repeats in (1, 2, 10, math.inf)]
    assert counts == sorted(counts)
    assert 0 == counts[0] < counts[-1] < found.is_indistinguishable.sum() - 1


def test_what_is_far_worse_makes_no_other_comparison_harder():
    near = np.random.default_rng(0).normal(0, 0.1, (4, 5))
    alone, among = compare(near), compare(np.vstack([near, near - 5, near - 6]))
    assert among.half_widths[:4] == pytest.approx(alone.half_widths)
    assert among.is_indistinguishable.tolist() == [*alone.is_indistinguishable, *[False] * 8]


def find(name, y, predicted):
    return find_metric(name).find_statistic(y, predicted)


def test_a_difference_on_the_same_rows_has_the_interval_of_its_paired_mean():
    rng = np.random.default_rng(0)
    y = rng.normal(0, 10, 400)
    ours, best = y + rng.normal(0, 1.1, 400), y + rng.normal(0, 1, 400)
    paired = np.abs(y - ours) - np.abs(y - best)
    low, mid, high = compare_on_rows(find("mae", y, ours), find("mae", y, best), Units.of("rows", np.arange(400)))
    assert mid == pytest.approx(paired.mean())
    assert (high - low) / 2 == pytest.approx(1.96 * paired.std() / 20, rel=1e-4)


@pytest.mark.parametrize("name", ["r2", "rmse", "explained_variance", "d2_pinball_0.9"])
def test_a_difference_on_the_same_rows_is_as_uncertain_as_a_bootstrap_says(name):
    rng = np.random.default_rng(0)
    y = rng.normal(0, 2, 400)
    ours, best = y + rng.normal(0, 1.1, 400), y + rng.normal(0, 1, 400)
    low, mid, high = compare_on_rows(find(name, y, ours), find(name, y, best), Units.of("rows", np.arange(400)))
    measure = find_metric(name).measure
    drawn = [measure(y[rows], ours[rows]) - measure(y[rows], best[rows]) for rows in rng.integers(400, size=(400, 400))]
    assert mid == pytest.approx(measure(y, ours) - measure(y, best), rel=1e-9)
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(drawn), rel=0.15)


def test_a_row_of_several_repeats_is_one_unit():
    rng = np.random.default_rng(0)
    y, ours, best = rng.normal(0, 10, (3, 400))
    once = compare_on_rows(find("r2", y, ours), find("r2", y, best), Units.of("rows", np.arange(400)))
    y, ours, best, rows = (np.repeat(each, 3) for each in (y, ours, best, np.arange(400)))
    assert compare_on_rows(find("r2", y, ours), find("r2", y, best), Units.of("rows", rows)) == pytest.approx(once)


def test_a_figure_that_is_undefined_has_no_difference_on_the_rows():
    y = np.arange(5.0)
    undefined = OfMeans([y - y.mean()], np.log)
    assert compare_on_rows(undefined, undefined, Units.of("rows", y)) is None
