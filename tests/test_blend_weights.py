"""The weights of a blend, as functions of arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import VotingRegressor

from bikeml.evaluation.metrics import find_metric
from bikeml.multirun.blending.weights import (
    FEWEST_BEST,
    STEPS,
    average,
    choose_fold_weights,
    choose_weights,
    select_greedily,
)

R2, MAE = find_metric("r2"), find_metric("mae")


def predictions_of(seed, n_models=4, n_rows=40):
    rng = np.random.default_rng(seed)
    y = rng.normal(10, 3, n_rows)
    return y, y + rng.normal(0, rng.uniform(0.5, 3, (n_models, 1)), (n_models, n_rows))


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from(["r2", "mae", "rmse", "pinball_0.9", "rmsle"]))
def test_a_blend_is_never_worse_than_its_best_model_on_the_rows_that_chose_it(seed, name):
    (y, predictions), metric = predictions_of(seed), find_metric(name)
    y, predictions = np.abs(y), np.abs(predictions)
    blended = average(predictions, select_greedily(y, predictions, metric))
    scores = [metric.sign * metric.measure(y, each) for each in predictions]
    assert metric.sign * metric.measure(y, blended) >= max(scores) - 1e-9


@settings(max_examples=12)
@given(st.integers(0, 10**6))
def test_the_products_of_errors_choose_as_the_metric_itself_does(seed):
    y, predictions = predictions_of(seed)
    counts, best = np.zeros(4, dtype=int), -np.inf
    for _ in range(STEPS):  # as written down, one model after another
        scores = [R2.measure(y, average(predictions, counts + one)) for one in np.eye(4, dtype=int)]
        counts[int(np.argmax(scores))] += 1
        best = max(best, *scores)
    chosen = average(predictions, select_greedily(y, predictions, R2))
    assert R2.measure(y, chosen) == pytest.approx(best, abs=1e-9)


@pytest.mark.slow
@settings(max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from([R2, MAE]), st.integers(1, 3))
def test_what_a_fold_scores_changes_no_weight_of_the_fold(seed, metric, repeats):
    y, predictions = predictions_of(seed, n_rows=20)
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(20) for _ in range(repeats)])
    folds = np.repeat(np.arange(1, 4 * repeats + 1), 5)
    y, predictions = y[rows], np.tile(predictions, repeats)
    weights = choose_fold_weights(y, predictions, rows, folds, metric, in_order=False)
    scored = np.isin(rows, rows[folds == 2])
    other = np.where(scored, 1e6 * rng.normal(size=len(y)), y)
    shaken = np.where(scored, rng.normal(size=predictions.shape), predictions)
    again = choose_fold_weights(other, shaken, rows, folds, metric, in_order=False)
    assert again[1].tolist() == weights[1].tolist()


@given(st.integers(0, 10**6))
def test_in_time_no_later_row_changes_a_weight(seed):
    y, predictions = predictions_of(seed, n_rows=20)
    rows, folds = np.arange(20), np.repeat([1, 2, 3, 4], 5)
    weights = choose_fold_weights(y, predictions, rows, folds, R2, in_order=True)
    later = folds >= 3
    other, shaken = np.where(later, 0.0, y), np.where(later, -1e6, predictions)
    again = choose_fold_weights(other, shaken, rows, folds, R2, in_order=True)
    assert weights[0].tolist() == [1, 1, 1, 1], "before the first fold nothing is known"
    assert again[:3].tolist() == weights[:3].tolist()


def test_a_model_that_fails_by_any_number_is_left_out():
    y, predictions = predictions_of(0)
    with_failed = np.vstack([predictions, np.full_like(y, 1e200)])
    assert select_greedily(y, with_failed, R2).tolist() == [*select_greedily(y, predictions, R2), 0]


ROWS, FOLDS = np.arange(40), np.repeat([1, 2, 3, 4], 10)


@pytest.mark.parametrize("metric", [R2, MAE])
def test_the_weights_are_those_without_each_fold_together(metric):
    y, predictions = predictions_of(1)
    without = [select_greedily(y[fold != FOLDS], predictions[:, fold != FOLDS], metric) for fold in (1, 2, 3, 4)]
    chosen = choose_weights(y, predictions, ROWS, FOLDS, metric)
    assert chosen.tolist() == np.sum(without, axis=0).tolist()
    twice = (np.tile(y, 2), np.tile(predictions, 2), np.tile(ROWS, 2), np.concatenate([FOLDS, FOLDS[::-1] + 4]))
    assert choose_weights(*twice, metric).tolist() == chosen.tolist(), (
        "a repeat of the same predictions changes nothing"
    )


@pytest.mark.parametrize("metric", [R2, MAE])
def test_a_model_far_behind_the_best_has_no_weight(metric):
    y, predictions = predictions_of(2, n_models=30)
    predictions[11] = np.where(FOLDS == 3, 1e30, y)  # the best of all, if one fold did not count
    weights = choose_weights(y, predictions, ROWS, FOLDS, metric)
    scores = [metric.sign * metric.measure(y, each) for each in predictions]
    assert not set(np.flatnonzero(weights)) - set(np.argsort(scores)[-10:])
    few = choose_weights(y, predictions[10:20], ROWS, FOLDS, metric)
    assert np.count_nonzero(few) <= FEWEST_BEST
    assert few[1] == 0


@pytest.mark.parametrize("metric", [R2, MAE])
def test_each_model_counts_once_if_nothing_can_be_measured(metric):
    nothing = np.array([], dtype=int)
    assert select_greedily(nothing, np.empty((3, 0)), metric).tolist() == [1, 1, 1]
    assert choose_weights(nothing, np.empty((3, 0)), nothing, nothing, metric).tolist() == [1, 1, 1]


@given(st.integers(0, 10**6), st.integers(1, 12))
def test_the_mean_has_the_bits_of_a_voting_regressor(seed, n_models):
    y, predictions = predictions_of(seed, n_models)
    weights = np.random.default_rng(seed).integers(0, 4, n_models)
    weights[-1] += 1

    class Told(DummyRegressor):
        def predict(self, X):
            return self.constant

    counted = [number for number in range(n_models) if weights[number]]
    models = [(f"m{number}", Told(strategy="mean", constant=predictions[number])) for number in counted]
    voting = VotingRegressor(models, weights=[int(weights[number]) for number in counted])
    np.testing.assert_array_equal(voting.fit(y[:, None], y).predict(y[:, None]), average(predictions, weights))
