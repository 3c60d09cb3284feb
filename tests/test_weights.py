"""Sample weights: what a row counts in the fit, in the search and in every figure, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor

import bikeml
from bikeml.config.composition import config_dir
from bikeml.errors import ConfigError, DataError
from bikeml.evaluation import weights
from bikeml.evaluation.importance import compute_importance
from bikeml.evaluation.metrics import METRICS, find_metric
from bikeml.evaluation.uncertainty.conformal import conformal_width
from bikeml.evaluation.uncertainty.intervals import Precision, find_intervals
from bikeml.evaluation.uncertainty.units import Units
from bikeml.experiment.check import check_estimators
from bikeml.experiment.model_file import load_pipeline
from bikeml.experiment.searching.scoring import find_scorer
from bikeml.records.judgement import find_weight, read_weights
from bikeml.records.run_folder import FOLDS, MODEL, PREDICTIONS
from bikeml.search import SharedFitGridSearchCV
from tests.conftest import config_of

NAMES = [name if name not in ("pinball", "d2_pinball") else f"{name}_0.9" for name in METRICS]
FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X @ [3.0, -2.0, 1.0] + RNG.normal(size=60)
W = RNG.integers(1, 5, 60).astype(float)
PRECISION = Precision(0.95, 100, 0)


def predictions_of(seed, n_rows):
    rng = np.random.default_rng(seed)
    y = rng.gamma(2, 3, n_rows) + 0.5
    return y, y * rng.uniform(0.5, 1.5, n_rows), rng.integers(1, 6, n_rows).astype(float)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(3, 40))
@pytest.mark.parametrize("name", NAMES)
def test_whole_weights_are_repeated_rows_to_every_metric(name, seed, n_rows):
    y, predicted, w = predictions_of(seed, n_rows)
    metric, times = find_metric(name), w.astype(int)
    repeated = metric.measure(np.repeat(y, times), np.repeat(predicted, times))
    assert metric.measure(y, predicted, w) == pytest.approx(repeated, rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(8, 40))
def test_whole_weights_are_repeated_rows_that_are_drawn_together_to_every_interval(seed, n_rows):
    y, predicted, w = predictions_of(seed, n_rows)
    times, found = w.astype(int), {name: find_metric(name) for name in NAMES if name != "median_ae"}

    def intervals(y, predicted, units):
        statistics = {name: metric.find_statistic(y, predicted, units.weights) for name, metric in found.items()}
        return find_intervals({name: each for name, each in statistics.items() if each}, units, PRECISION)

    weighted = intervals(y, predicted, Units.of("rows", np.arange(n_rows), w))
    groups = Units.of("groups", np.repeat(np.arange(n_rows), times))
    repeated = intervals(np.repeat(y, times), np.repeat(predicted, times), groups)
    assert weighted.keys() == repeated.keys()
    for name, ends in weighted.items():
        assert ends == pytest.approx(repeated[name], rel=1e-6)


@pytest.mark.slow
@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(8, 40))
def test_weights_of_one_change_no_bit_of_any_figure(seed, n_rows):
    y, predicted, _ = predictions_of(seed, n_rows)
    ones = np.ones(n_rows)
    for name in NAMES:
        metric = find_metric(name)
        assert metric.measure(y, predicted, ones) == metric.measure(y, predicted)
        statistic, weighted = metric.find_statistic(y, predicted), metric.find_statistic(y, predicted, ones)
        if statistic is not None:
            plain = find_intervals({name: statistic}, Units.of("rows", np.arange(n_rows)), PRECISION)
            assert find_intervals({name: weighted}, Units.of("rows", np.arange(n_rows), ones), PRECISION) == plain
    assert conformal_width(y - predicted, 0.8, weights=ones) == conformal_width(y - predicted, 0.8)


def test_the_weighted_median_has_about_the_interval_of_repeated_groups():
    y, predicted, w = predictions_of(3, 400)
    metric, times = find_metric("median_ae"), w.astype(int)
    weighted = metric.find_statistic(y, predicted, w).find_interval(Units.of("rows", np.arange(400), w), 0.95)
    groups = Units.of("groups", np.repeat(np.arange(400), times))
    repeated = metric.find_statistic(np.repeat(y, times), np.repeat(predicted, times)).find_interval(groups, 0.95)
    assert weighted == pytest.approx(repeated, rel=0.02)


def test_importances_are_of_the_weighted_score():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(frame, Y)
    config = config_of("evaluation.importance=permutation", "evaluation.rank=r2").evaluation
    rows = np.arange(60)
    plain = compute_importance(model, frame, Y, config, Units.of("rows", rows))
    assert compute_importance(model, frame, Y, config, Units.of("rows", rows, np.ones(60))) == plain
    weighted = compute_importance(model, frame, Y, config, Units.of("rows", rows, np.where(rows < 30, 1.0, 1e-9)))
    half = compute_importance(model, frame[:30], Y[:30], config, Units.of("rows", rows[:30]))
    assert weighted.mean == pytest.approx(half.mean, rel=0.5)
    assert weighted.mean != plain.mean


def test_the_weighted_interval_covers_rows_that_are_drawn_by_their_weights():
    """Over 2,000 draws of 60 held-out rows; heavy rows have larger errors, so that the plain interval is too narrow."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(2_000):
        heavy = rng.random(61) < 0.3
        w, errors = np.where(heavy, 4.0, 1.0), rng.normal(size=61) * np.where(heavy, 3, 1)
        new = rng.choice(61, p=w / w.sum())
        held_out = np.delete(np.arange(61), new)
        widths = [conformal_width(errors[held_out], 0.9, weights=each) for each in (w[held_out], None)]
        covered.append([abs(errors[new]) <= width for width in widths])
    weighted, plain = np.mean(covered, axis=0)
    assert plain < 0.86
    assert 0.885 < weighted < 0.93


def test_an_interval_counts_the_effective_number_of_rows():
    with pytest.raises(ConfigError, match=r"needs 9 held-out rows .* has 20, which count as 4\.\d by their weights"):
        conformal_width(np.ones(20), 0.9, weights=np.array([5.0] * 4 + [0.01] * 16))


def test_weights_reach_the_model_alone_and_leave_nothing_behind():
    repeated = np.repeat(np.arange(60), W.astype(int))
    pipeline = make_pipeline(StandardScaler(), TransformedTargetRegressor(LinearRegression(), func=None))
    weights.fit(pipeline, X, Y, W)
    scaler = StandardScaler().fit(X)
    assert pipeline[0].mean_.tolist() == scaler.mean_.tolist()
    expected = LinearRegression().fit(scaler.transform(X[repeated]), Y[repeated]).predict(scaler.transform(X))
    assert pipeline.predict(X) == pytest.approx(expected)
    inside = [pipeline, *pipeline.get_params().values(), pipeline[-1].regressor_]
    assert not [each for each in inside if hasattr(each, "__dict__") and weights.REQUESTS in vars(each)]
    pipeline.fit(X, Y)  # as whoever loads it may do, without weights


MODELS = {
    "gbr": (GradientBoostingRegressor(max_depth=2, random_state=0), {"n_estimators": [3, 5, 8]}),
    "hist_gbr": (HistGradientBoostingRegressor(min_samples_leaf=5, random_state=0), {"max_iter": [3, 6]}),
    "rf": (RandomForestRegressor(random_state=0), {"n_estimators": [2, 4, 7]}),
    "extra_trees": (ExtraTreesRegressor(random_state=0), {"n_estimators": [2, 4]}),
    "tree": (DecisionTreeRegressor(random_state=0), {"ccp_alpha": [0.0, 0.05, 0.5]}),
    "bagging": (BaggingRegressor(random_state=0), {"n_estimators": [2, 5]}),
    "ridge": (Ridge(), {"alpha": [0.1, 1.0]}),
    "vote": (VotingRegressor([("a", make_pipeline(MinMaxScaler(), Ridge())), ("b", Ridge(3.0))]), {"n_jobs": [None]}),
}


DRAWS_BY_WEIGHT = ("rf", "bagging")
"""Since scikit-learn 1.9 their bootstrap draws rows by their weights, with other random numbers."""


@pytest.mark.parametrize("is_ones", [False, True], ids=["any", "ones"])
@pytest.mark.parametrize("name", MODELS)
def test_a_weighted_search_that_shares_fits_is_that_of_scikit_learn_to_the_last_bit(name, is_ones):
    model, grid = MODELS[name]
    w = np.ones(60) if is_ones else np.random.default_rng(0).uniform(0.1, 5, 60)
    pipeline = Pipeline([("scaler", StandardScaler()), ("regressor", model)])
    axes = {f"regressor__{axis}": values for axis, values in grid.items()}
    found = []
    for search in (SharedFitGridSearchCV, GridSearchCV):
        scorer = find_scorer("r2", is_weighted=True)
        found.append(search(pipeline, axes, cv=3, scoring=scorer, return_train_score=True))
        weights.fit(found[-1], X, Y, w)
    ours, theirs = found
    for key in ("mean_test_score", "std_test_score", "mean_train_score", "split0_test_score", "rank_test_score"):
        assert ours.cv_results_[key].tolist() == theirs.cv_results_[key].tolist()
    assert ours.best_params_ == theirs.best_params_
    assert ours.predict(X).tolist() == theirs.predict(X).tolist()
    if name in ("gbr", "rf", "tree"):
        assert ours.n_fits_avoided_ > 0
    if is_ones and name not in DRAWS_BY_WEIGHT:
        plain = SharedFitGridSearchCV(pipeline, axes, cv=3, scoring="r2").fit(X, Y)
        assert plain.cv_results_["mean_test_score"] == pytest.approx(ours.cv_results_["mean_test_score"], rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_scores_a_search_with_the_weights_or_needs_none(name):
    scorer = find_scorer(find_metric(name).scorer or name, is_weighted=True)
    model = Ridge().fit(X, Y + 30)
    y, predicted = Y + 30, model.predict(X)
    takes_some = name != "max_error"
    score = scorer(model, X, y, **({"sample_weight": W} if takes_some else {}))
    assert score == find_metric(name).sign * find_metric(name).measure(y, predicted, W)


@pytest.mark.parametrize("file", sorted((config_dir() / "model").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_model_takes_weights_or_is_refused_with_the_models_that_do(file):
    config = config_of(f"model={file.stem}", "data.weight=casual")
    try:
        check_estimators(config)
    except ConfigError as error:
        message = str(error)
        assert "no sample_weight in a pipeline; models that do are " in message
        assert {"gbr", "linear"} <= set(message.partition("models that do are ")[2].split("; ")[0].split(", "))
        assert file.stem not in message.partition("models that do are ")[2].split("; ")[0].split(", ")
        target = yaml.safe_load(file.read_text(encoding="utf-8"))["estimator"]["_target_"]
        assert target.rpartition(".")[2] in message


def test_a_member_that_takes_no_weights_is_named():
    vote = VotingRegressor([("a", Ridge()), ("b", make_pipeline(FunctionTransformer(), KNeighborsRegressor()))])
    assert list(weights.find_unweighted(vote)) == ["KNeighborsRegressor"]
    assert list(weights.find_unweighted(make_pipeline(StandardScaler(), Ridge()))) == []


@pytest.fixture
def table(tmp_path):
    def write(**columns):
        rng = np.random.default_rng(1)
        frame = pd.DataFrame({"a": rng.normal(size=120), "b": rng.integers(0, 4, 120), "w": rng.integers(0, 4, 120)})
        frame["y"] = 2 * frame["a"] + frame["b"] + rng.normal(size=120)
        path = tmp_path / "table.csv"
        frame.assign(**columns).to_csv(path, index=False)
        return [f"data.path={path}", "data=csv", "data.target=y", *FAST]

    return write


WRONG = {
    "negative": ({"w": [1.0, -2.5, *[1.0] * 118]}, "column 'w' is negative in row 2: -2.5; weights are 0 or more"),
    "a gap": ({"w": [1.0, 1.0, None, *[1.0] * 117]}, "column 'w' is missing in row 3; give each row a weight, or 0"),
    "text": ({"w": ["1", "x", *["1"] * 118]}, "column 'w' is not a number in row 2: 'x'; weights are numbers"),
    "infinite": ({"w": [1.0, np.inf, *[1.0] * 118]}, "column 'w' is infinite in row 2"),
    "all zero": ({"w": 0}, "weight 'w' is 0 in every row; set data.weight to another column, or to null"),
}


@pytest.mark.parametrize(("columns", "message"), WRONG.values(), ids=WRONG)
def test_weights_that_are_none_are_refused_with_the_row(table, columns, message):
    with pytest.raises(DataError) as raised:
        bikeml.run(*table(**columns), "data.weight=w")
    assert message in str(raised.value)


@pytest.mark.parametrize("role", ["data.numeric=[w]", "data.target=w", "data.ignored=[w]", "data.group=w"])
def test_a_weight_has_no_other_role(role):
    with pytest.raises(ConfigError, match=r"w.*data\.weight|data\.weight.*w|weight and group"):
        config_of("data=csv", "data.path=t.csv", "data.target=y", "data.weight=w", role)


def test_a_weight_that_the_table_lacks_is_told(table):
    with pytest.raises(DataError, match=r"there is no column 'wt' for data\.weight"):
        bikeml.run(*table(), "data.weight=wt")


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_a_weighted_run_counts_its_rows_in_every_figure_and_predicts_without_weights(table, workdir):
    words = [*table(), "data.weight=w", "model=ridge", "target=identity", "hydra.run.dir=out"]
    result = bikeml.run(*words)
    record, held_out = result.record, result.predictions
    w = pd.read_csv(words[0].partition("=")[2])["w"].to_numpy()
    assert find_weight(record.dataset.roles) == "w"
    assert read_weights(held_out).tolist() == w[held_out["row"] - 1].tolist()
    assert record.dataset.n_train + record.dataset.n_test == (w > 0).sum()
    assert any("rows have the weight 0 in 'w' and are left out" in note for note in record.dataset.notes)
    expected = find_metric("r2").measure(held_out["actual"], held_out["predicted"], read_weights(held_out))
    assert record.metrics["test_r2"] == expected
    folds = pd.read_csv(workdir / "out" / FOLDS)
    pooled = find_metric("r2").measure(folds["actual"], folds["predicted"], folds["weight"].to_numpy())
    assert record.metrics["cv_r2_pooled"] == pytest.approx(pooled, rel=1e-12)
    assert record.identity["config"]["data"]["weight"] == "w"
    rows = pd.DataFrame({"a": [0.0, 1.0], "b": [1, 2]})
    assert load_pipeline(workdir / "out" / MODEL).predict(rows).shape == (2,)
    other = bikeml.run(*[word for word in words[:-1] if word != "data.weight=w"], "hydra.run.dir=plain")
    assert other.record.cv.folds != record.cv.folds
    assert "weight" not in other.record.identity["config"]["data"]
    assert "weight" not in pd.read_csv(workdir / "plain" / PREDICTIONS)
