import sys

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from bikeml.evaluation import evaluate, threads
from bikeml.evaluation.uncertainty import units as drawn_together
from bikeml.evaluation.uncertainty.units import Units
from tests.conftest import config_of

SETTINGS = config_of().evaluation
NAMES = SETTINGS.metrics
values = arrays(float, 12, elements=st.floats(-1e6, 1e6))


@given(y_true=values.filter(lambda y: np.ptp(y) > 1e-3), y_pred=values)
def test_the_metrics_are_scikit_learns(y_true, y_pred):
    metrics = evaluate.measure(y_true, y_pred, NAMES)
    assert metrics["mse"] == mean_squared_error(y_true, y_pred)
    assert metrics["mae"] == mean_absolute_error(y_true, y_pred)
    assert metrics["r2"] == r2_score(y_true, y_pred)
    assert metrics["rmse"] == root_mean_squared_error(y_true, y_pred)


def test_a_forest_on_all_cores_is_the_same_forest_and_predicts_on_one(monkeypatch):
    X, y = pd.DataFrame({"a": np.arange(60.0) % 7}), np.arange(60.0)
    pipeline = make_pipeline(StandardScaler(), RandomForestRegressor(20, random_state=0))
    monkeypatch.setattr(threads, "cpu_count", lambda: 3)
    fold, fitted_with, fit = (np.arange(40), np.arange(40, 60)), [], RandomForestRegressor.fit
    monkeypatch.setattr(
        RandomForestRegressor, "fit", lambda self, *rows: fitted_with.append(self.n_jobs) or fit(self, *rows)
    )
    few = evaluate.cross_validation([pipeline], X, y, [fold], NAMES)
    monkeypatch.setattr(threads, "ROWS_FOR_THREADS", 39)
    many = evaluate.cross_validation([pipeline], X, y, [fold], NAMES)
    one = evaluate.cross_validation([clone(pipeline).set_params(randomforestregressor__n_jobs=1)], X, y, [fold], NAMES)
    assert fitted_with == [None, 3, 1]
    assert few.predictions[0].tolist() == many.predictions[0].tolist() == one.predictions[0].tolist()
    with threads.all_cores(pipeline, 40):
        pipeline.fit(X, y)
    assert pipeline[-1].n_jobs is None


def rows(n_rows):
    return Units.of("rows", np.arange(n_rows))


def sample(n_rows, seed):
    rng = np.random.default_rng(seed)
    y_true = rng.normal(size=n_rows)
    return y_true, y_true + rng.normal(scale=0.5, size=n_rows)


def test_an_interval_is_the_same_each_time_and_holds_the_metric():
    y_true, y_pred = sample(200, 0)
    first, second = (evaluate.intervals(y_true, y_pred, SETTINGS, rows(200)) for _ in range(2))
    assert first == second
    for name, value in evaluate.measure(y_true, y_pred, NAMES).items():
        low, high = first[name]
        assert low < value < high


def test_the_batch_size_does_not_change_an_interval(monkeypatch):
    y_true, y_pred = sample(50, 1)
    whole = evaluate.intervals(y_true, y_pred, SETTINGS, rows(50))
    monkeypatch.setattr(drawn_together, "BATCH_CELLS", 50 * 7)
    monkeypatch.setattr(drawn_together, "MOST_KEPT_CELLS", 0)
    for name, ends in evaluate.intervals(y_true, y_pred, SETTINGS, rows(50)).items():
        np.testing.assert_allclose(ends, whole[name], rtol=1e-12)


def test_draws_that_are_kept_for_the_next_cell_are_those_that_are_made_anew(monkeypatch):
    y_true, y_pred = sample(60, 4)
    found = []
    for most in (0, drawn_together.MOST_KEPT_CELLS, drawn_together.MOST_KEPT_CELLS):
        monkeypatch.setattr(drawn_together, "MOST_KEPT_CELLS", most)
        found.append(evaluate.intervals(y_true, y_pred, SETTINGS, rows(60)))
    other = SETTINGS.model_copy(update={"random_state": SETTINGS.random_state + 1})
    assert found[0] == found[1] == found[2] != evaluate.intervals(y_true, y_pred, other, rows(60))


def test_libraries_with_threads_are_looked_for_again_only_after_an_import(monkeypatch):
    searches = []
    search = threads.ThreadpoolController._load_libraries
    monkeypatch.setattr(
        threads.ThreadpoolController, "_load_libraries", lambda self: searches.append(1) or search(self)
    )
    monkeypatch.setattr(threads, "_found", {})
    for _ in range(2):
        with threads.limit_threads(1, "blas"):
            assert {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"} == {1}
    assert len(searches) == 3  # threadpool_info itself looks each time
    monkeypatch.setitem(sys.modules, "a module that may bring a library", threads)
    with threads.limit_threads(1, "blas"):
        assert len(searches) == 4


def test_an_interval_does_not_depend_on_the_other_metrics():
    y_true, y_pred = sample(220, 1)
    alone = SETTINGS.model_copy(update={"metrics": ["r2"]})
    whole = evaluate.intervals(y_true, y_pred, SETTINGS, rows(220))
    assert evaluate.intervals(y_true, y_pred, alone, rows(220))["r2"] == whole["r2"]


def test_intervals_over_sets_of_rows_are_those_over_rows_within_the_noise_of_both(monkeypatch):
    y_true, y_pred = sample(20_000, 2)
    order = np.argsort(y_true)  # a table sorted by its target gets no other sets than any
    over_sets = evaluate.intervals(y_true[order], y_pred[order], SETTINGS, rows(20_000))
    monkeypatch.setattr(drawn_together, "MANY_UNITS", 20_000)
    over_rows = evaluate.intervals(y_true, y_pred, SETTINGS, rows(20_000))
    for name, (low, high) in over_rows.items():
        np.testing.assert_allclose(over_sets[name], (low, high), atol=0.12 * (high - low))


def test_the_intervals_cover_the_truth_about_as_often_as_they_say():
    truth = 0.25  # the variance of the noise is the expected squared error
    settings = SETTINGS.model_copy(update={"bootstrap_samples": 300})
    covered = 0
    for seed in range(200):
        low, high = evaluate.intervals(*sample(150, seed), settings, rows(150))["mse"]
        covered += low <= truth <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_cross_validation_scores_every_fold_with_a_clone():
    X = pd.DataFrame({"a": np.arange(12.0)})
    y = 3 * np.arange(12.0)
    folds = [(np.arange(6), np.arange(6, 12)), (np.arange(6, 12), np.arange(6))]
    model = LinearRegression()
    scores = evaluate.cross_validation([model] * 2, X, y, folds, NAMES)
    np.testing.assert_allclose(scores.scores["r2"], [1, 1])
    np.testing.assert_allclose(scores.scores["rmse"], [0, 0], atol=1e-9)
    assert not hasattr(model, "coef_")


def test_a_figure_without_an_interval_says_why():
    config = config_of("evaluation.metrics=[r2,mae,max_error]").evaluation
    y, predicted = np.array([1.0, 2.0]), np.array([1.5, 2.5])
    few = evaluate.judge_rows(y, predicted, config, Units.of("rows", np.arange(2)))
    reason = "only 2 rows, and an interval takes 3"
    assert few.no_interval == {"test_r2": reason, "test_mae": reason, "test_max_error": "it is no mean over the rows"}
    one = evaluate.judge_rows(y, predicted, config, Units.of("groups", np.zeros(2)))
    assert one.no_interval["test_mae"] == "only 1 group, and an interval takes 3"
    rng = np.random.default_rng(0)
    y = rng.normal(size=50)
    many = evaluate.judge_rows(y, y + rng.normal(size=50), config, Units.of("rows", np.arange(50)))
    assert list(many.no_interval) == ["test_max_error"]
    constant = evaluate.judge_rows(np.ones(2), predicted, config, Units.of("rows", np.arange(2)))
    assert "test_r2" not in constant.no_interval  # it is undefined, and that is said already
