"""Intervals of predictions: how often they hold the truth, of which rows, and what they know of the target."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bikeml.config.data import check_range
from bikeml.errors import ConfigError
from bikeml.evaluation.scale import LEAF_ROWS, MOST_COLUMNS, fit_scale, predict_scale
from bikeml.evaluation.uncertainty.conformal import conformal_interval, conformal_width


@pytest.mark.parametrize(("n_rows", "level", "rank"), [(9, 0.9, 9), (19, 0.95, 19), (99, 0.9, 90), (100, 0.9, 91)])
def test_the_rank_of_the_quantile_is_that_of_the_theorem(n_rows, level, rank):
    residuals = np.random.default_rng(0).permutation(np.arange(1.0, n_rows + 1)) * [-1, 1][n_rows % 2]
    assert conformal_width(residuals, level) == rank


@pytest.mark.parametrize(("n_rows", "level", "needed"), [(8, 0.9, 9), (18, 0.95, 19), (0, 0.5, 1), (100, 0.995, 199)])
def test_too_few_held_out_rows_are_refused(n_rows, level, needed):
    with pytest.raises(ConfigError, match=rf"interval={level} needs {needed} held-out rows at least, and the run has"):
        conformal_width(np.zeros(n_rows), level)
    assert conformal_width(np.zeros(needed), level) == 0


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_coverage_on_simulated_rows_lies_between_the_bounds_of_the_theorem(level):
    """Over 4,000 draws of 30 held-out rows of a skewed distribution, and as many new ones."""
    rng = np.random.default_rng(0)
    draws = rng.lognormal(size=(4_000, 31)) - 2  # errors of a model that is wrong on average
    widths = [conformal_width(draw[:30], level) for draw in draws]
    coverage = np.mean(np.abs(draws[:, 30]) <= widths)
    error = 4 * np.sqrt(level * (1 - level) / len(draws))  # four standard errors
    assert level - error <= coverage <= level + 1 / 31 + error


def test_an_interval_stays_within_what_the_target_can_be():
    predicted = np.array([-5.0, 1.0, 9.0])
    low, high = conformal_interval(predicted, np.array([2.0, 3.0, 4.0]), (0, 10))
    assert low.tolist() == [0, 0, 5]
    assert high.tolist() == [0, 4, 10]
    low, high = conformal_interval(predicted, 2.0)
    assert (high - low).tolist() == [4, 4, 4]


@pytest.mark.parametrize("ends", [[None, None], [1, 0], [0, 0], [0], [0, 1, 2], [0, float("nan")], [0, float("inf")]])
def test_a_range_has_a_low_and_a_higher_end(ends):
    with pytest.raises(ValueError, match=r"should be the least and the greatest value, such as \[0, 1\]"):
        check_range(ends)


@pytest.mark.parametrize("ends", [[0, None], [None, 0], [-1, 1.5]])
def test_a_range_may_have_no_limit_on_one_side(ends):
    assert check_range(ends) is ends


def folds_of(n_rows):
    rows = np.arange(n_rows)
    return [(rows[rows % 5 != fold], rows[rows % 5 == fold]) for fold in range(5)]


def fit_and_scale(X, y):
    """Return a fitted pipeline and its scale."""
    pipeline, folds = make_pipeline(StandardScaler(), LinearRegression()).fit(X, y), folds_of(len(y))
    predictions = [pipeline.predict(X.iloc[scored]) for _, scored in folds]
    return pipeline, fit_scale(pipeline, X, y, folds, predictions)


def noisy(n_rows, n_columns=3):
    """A table whose noise has a deviation of 1 or, for half of the rows, 5."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n_rows, n_columns))).rename(columns=str)
    return X, X["0"].to_numpy() + rng.normal(size=n_rows) * np.where(X["1"] > 0, 5, 1)


def test_the_scale_is_larger_where_the_errors_are():
    X, y = noisy(600)
    pipeline, scale = fit_and_scale(X, y)
    scales = predict_scale(scale, pipeline, X, pipeline.predict(X))
    assert scales[X["1"] > 0.1].mean() > 3 * scales[X["1"] < -0.1].mean()
    assert scales.min() > 0


def test_the_scale_of_wide_columns_sees_the_prediction_alone():
    X, y = noisy(300, MOST_COLUMNS + 1)
    assert fit_and_scale(X, y)[1].n_features_in_ == 1
    assert fit_and_scale(X.iloc[:, :4], y)[1].n_features_in_ == 5


@pytest.mark.parametrize("unit", [1e-200, 1e39])
def test_the_scale_of_tiny_and_huge_targets_is_one(unit):
    X, y = noisy(100)
    pipeline, scale = fit_and_scale(X, unit * y)
    assert np.isfinite(predict_scale(scale, pipeline, X, pipeline.predict(X))).all()


def test_few_rows_or_no_errors_have_no_scale():
    X, y = noisy(2 * LEAF_ROWS - 1)
    assert fit_and_scale(X, y)[1] is None
    X, y = noisy(2 * LEAF_ROWS)
    assert fit_and_scale(X.assign(**dict.fromkeys(X, 0.0)), y)[1] is None  # no tree can tell its rows apart
    X, y = noisy(100)
    folds = folds_of(100)
    assert fit_scale(None, X, y, folds, [y[scored] for _, scored in folds]) is None
