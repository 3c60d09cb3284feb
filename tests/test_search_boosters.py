"""LightGBM, XGBoost and CatBoost in the shared search: GridSearchCV's results to the last bit."""

import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bikeml.evaluation import weights
from bikeml.experiment.pipeline import build_pipeline
from bikeml.search import SharedFitGridSearchCV
from tests.conftest import DAILY, config_of
from tests.test_search import XC, YC, X, Y, assert_same_results, both

lightgbm, xgboost, catboost = (pytest.importorskip(name) for name in ("lightgbm", "xgboost", "catboost"))

LIGHT = {"random_state": 3, "n_jobs": 1, "verbosity": -1, "min_child_samples": 2, "force_row_wise": True}
XGB = {"random_state": 3, "n_jobs": 1, "max_depth": 3}
CAT = {"random_state": 3, "thread_count": 1, "verbose": False, "allow_writing_files": False}
CAT |= {"learning_rate": 0.3, "depth": 3, "bootstrap_type": "Bernoulli"}


def light(kind="Regressor", **parameters):
    return getattr(lightgbm, f"LGBM{kind}")(**LIGHT | parameters), "n_estimators"


def xgb(kind="Regressor", **parameters):
    return getattr(xgboost, f"XGB{kind}")(**XGB | parameters), "n_estimators"


def cat(kind="Regressor", **parameters):
    return getattr(catboost, f"CatBoost{kind}")(**CAT | parameters), "iterations"


REGRESSORS = {
    "light": light(),
    "light_draws": light(subsample=0.6, subsample_freq=3, colsample_bytree=0.5),
    "light_rf": light(boosting_type="rf", subsample=0.6, subsample_freq=1),
    "light_goss": light(boosting_type="goss", extra_trees=True),
    "light_linear": light(linear_tree=True),
    "light_poisson": light(objective="poisson"),
    "light_quantile": light(objective="quantile", alpha=0.7, path_smooth=1.0),
    "light_threads": light(n_jobs=2, deterministic=True),
    "xgb": xgb(),
    "xgb_draws": xgb(subsample=0.6, colsample_bytree=0.5, colsample_bylevel=0.7, colsample_bynode=0.7),
    "xgb_forest": xgb(num_parallel_tree=2, subsample=0.6),
    "xgb_exact": xgb(tree_method="exact", base_score=3.0),
    "xgb_leaves": xgb(grow_policy="lossguide", max_leaves=5, objective="reg:absoluteerror"),
    "xgb_poisson": xgb(objective="count:poisson"),
    "cat": cat(),
    "cat_as_it_comes": (catboost.CatBoostRegressor(**CAT | {"depth": 2, "bootstrap_type": None}), "iterations"),
    "cat_ordered": cat(boosting_type="Ordered", random_strength=2.0),
    "cat_bayesian": cat(bootstrap_type="Bayesian", rsm=0.5, l2_leaf_reg=1.0),
    "cat_quantile": cat(loss_function="Quantile:alpha=0.7", boost_from_average=False),
    "cat_poisson": cat(loss_function="Poisson"),
}
CLASSIFIERS = {
    "light_c": light("Classifier", class_weight="balanced"),
    "xgb_c": xgb("Classifier", subsample=0.6),
    "cat_c": cat("Classifier"),
}
POSITIVE = np.abs(Y)


@pytest.mark.parametrize("name", REGRESSORS)
def test_every_regressor_gives_the_same_bits_with_one_fit_a_fold(name):
    model, axis = REGRESSORS[name]
    arguments = {"cv": 2, "return_train_score": True, "scoring": ["r2", "neg_max_error"], "refit": "r2"}
    shared, plain = both(model, {axis: [7, 1, 12]}, X, POSITIVE, **arguments)
    assert_same_results(shared, plain, X)
    assert (shared.n_fits_, shared.n_fits_avoided_) == (2, 4)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_gives_the_same_bits_with_one_fit_a_fold(name, scoring):
    model, axis = CLASSIFIERS[name]
    shared, plain = both(model, {axis: [1, 4, 9]}, XC, YC, cv=2, scoring=scoring)
    assert_same_results(shared, plain, XC)
    assert shared.n_fits_ == 2


@pytest.mark.parametrize(
    "options",
    [{"min_split_gain": 1e9}, {"min_child_samples": 5, "subsample": 0.5, "subsample_freq": 1, "extra_trees": True}],
)
def test_lightgbm_that_finds_no_split_at_times_is_fitted_for_each_number(options):
    model, axis = light(**options)
    shared, plain = both(model, {axis: [5, 6]}, X, POSITIVE, cv=2)
    assert_same_results(shared, plain, X)
    assert shared.n_fits_ > 2


def test_catboost_of_many_trees_begins_as_one_of_few():
    # CatBoost has a default that changes at 500 iterations.
    model, axis = REGRESSORS["cat_as_it_comes"]
    assert_same_results(*both(model, {axis: [3, 499, 500, 520]}, X, Y, cv=2))


def look_inside(estimator, X, y):
    """Score by the bits of all that a booster keeps."""
    if hasattr(estimator, "booster_"):
        booster = estimator.booster_
        kept = [booster.model_to_string(), booster.params, sorted(vars(booster)), booster.current_iteration()]
    else:
        booster = estimator.get_booster()
        kept = [bytes(booster.save_raw()), booster.save_config(), booster.feature_names, booster.attributes()]
    kept += [sorted(vars(estimator)), estimator.get_params(), list(estimator.feature_importances_)]
    return {"r2": r2_score(y, estimator.predict(X)), "bits": float(zlib.crc32(repr(kept).encode()))}


@pytest.mark.parametrize("name", ["light", "light_draws", "xgb", "xgb_forest"])
def test_a_scorer_receives_a_real_booster_cut_to_size(name):
    model, axis = REGRESSORS[name]
    frame = pd.DataFrame(X, columns=list("abcd"))
    shared, plain = both(model, {axis: [2, 9]}, frame, Y, cv=2, scoring=look_inside, refit="r2")
    assert_same_results(shared, plain, frame)
    assert shared.n_fits_ == 2


def test_a_scorer_of_ones_own_receives_catboosts_own_fits():
    model, axis = REGRESSORS["cat"]
    arguments = {"cv": 2, "scoring": lambda estimator, X, y: len(estimator.evals_result_["learn"]["RMSE"])}
    shared, plain = both(model, {axis: [2, 9]}, X, Y, **arguments)
    assert_same_results(shared, plain)
    assert shared.n_fits_ == 4
    assert "for scikit-learn's own scorers" in shared.explain()[axis]


@pytest.mark.parametrize(
    ("model", "fit_params"),
    [
        (light(), {"callbacks": [lightgbm.reset_parameter(learning_rate=lambda i: 0.5**i)]}),
        (light(), {"init_score": POSITIVE}),
        (xgb(), {"base_margin": POSITIVE}),
        (cat(), {"baseline": POSITIVE}),
    ],
)
def test_what_a_fit_gets_beside_weights_shares_nothing(model, fit_params):
    shared, plain = both(model[0], {model[1]: [2, 9]}, X, Y, cv=2, fit_params=fit_params)
    assert_same_results(shared, plain)
    assert (shared.n_fits_, shared.n_fits_avoided_) == (4, 0)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (light(boosting_type="dart"), "boosting_type='dart'"),
        (light(force_row_wise=False), "set force_row_wise=true"),
        (light(n_jobs=2), "set deterministic=true"),
        (light(random_state=None), "random_state=None is not an integer"),
        (light(objective=lambda y, p: (p - y, y)), "with objective="),
        (light(early_stopping_round=3), "with early_stopping_round=3, the first trees may depend on the number of all"),
        (light(num_boost_round=3), "num_boost_round=3"),
        (xgb(booster="dart"), "booster='dart'"),
        (xgb(booster="gblinear"), "booster='gblinear'"),
        (xgb(early_stopping_rounds=3), "early_stopping_rounds=3"),
        (xgb(callbacks=[xgboost.callback.LearningRateScheduler(lambda i: 0.5**i)]), "callbacks=["),
        (cat(learning_rate=None), "learning_rate=None is chosen from the number of iterations"),
        (cat(random_state=None), "random_state=None is not an integer"),
        (cat(langevin=True), "langevin=True"),
        (cat(model_shrink_rate=0.1), "model_shrink_rate=0.1"),
        (cat(posterior_sampling=True), "posterior_sampling=True"),
        (cat(monotone_constraints="(1,0,0,0)"), "monotone_constraints="),
        (cat(eval_fraction=0.2), "eval_fraction=0.2"),
        (cat(grow_policy="Lossguide"), "grow_policy='Lossguide'"),
    ],
)
def test_what_is_not_surely_exact_is_not_shared_and_explained(model, reason):
    (remark,) = SharedFitGridSearchCV(model[0], {model[1]: [2, 5]}).explain().values()
    assert remark.startswith("not shared: ")
    assert reason in remark


OPTIONS = {
    "light": st.fixed_dictionaries(
        {
            "objective": st.sampled_from(["regression", "huber", "mape", "poisson", "tweedie"]),
            "subsample": st.floats(0.3, 1.0),
            "subsample_freq": st.integers(0, 4),
            "colsample_bytree": st.floats(0.3, 1.0),
            "extra_trees": st.booleans(),
        }
    ),
    "xgb": st.fixed_dictionaries(
        {
            "objective": st.sampled_from(["reg:squarederror", "reg:pseudohubererror", "count:poisson"]),
            "tree_method": st.sampled_from(["hist", "exact", "approx"]),
            "subsample": st.floats(0.3, 1.0),
            "colsample_bytree": st.floats(0.3, 1.0),
            "num_parallel_tree": st.integers(1, 2),
            "gamma": st.sampled_from([0.0, 1.0, 1000.0]),
        }
    ),
    "cat": st.fixed_dictionaries(
        {
            "loss_function": st.sampled_from(["RMSE", "MAE", "Poisson"]),
            "boosting_type": st.sampled_from(["Plain", "Ordered"]),
            "bootstrap_type": st.sampled_from(["Bernoulli", "Bayesian", "No"]),
            "random_strength": st.floats(0, 5),
            "l2_leaf_reg": st.floats(0.1, 10),
        }
    ),
}
MAKERS = {"light": light, "xgb": xgb, "cat": cat}


@st.composite
def searches(draw):
    """Draw a model with safe options, values of its axis, weights, and what is around."""
    kind = draw(st.sampled_from(sorted(MAKERS)))
    model, axis = MAKERS[kind](**draw(OPTIONS[kind]))
    grid = {axis: draw(st.lists(st.integers(1, 14), min_size=2, max_size=4))}
    shape = draw(st.sampled_from(["bare", "pipeline", "target"]))
    if shape == "pipeline":
        model = Pipeline([("s", OneHotEncoder(handle_unknown="ignore")), ("m", model)])  # sparse
    elif shape == "target":
        model = TransformedTargetRegressor(model, func=np.sqrt, inverse_func=np.square)
    prefix = {"bare": "", "pipeline": "m__", "target": "regressor__"}[shape]
    name = "m__sample_weight" if shape == "pipeline" else "sample_weight"
    fit_params = {name: np.linspace(0.5, 2.0, len(X))} if draw(st.booleans()) else {}
    arguments = {"cv": 2, "scoring": draw(st.sampled_from([None, "neg_mean_absolute_error"]))}
    return kind, model, {f"{prefix}{key}": values for key, values in grid.items()}, fit_params, arguments


def check_drawn_search(drawn):
    kind, model, grid, fit_params, arguments = drawn
    rows = np.round(X)
    shared, plain = both(model, grid, rows, POSITIVE, fit_params=fit_params, **arguments)
    assert_same_results(shared, plain, rows)
    # LightGBM may find no split. A weighted estimator.score is no scorer of scikit-learn's, which CatBoost needs.
    assert shared.n_fits_ == 2 or kind == "light" or (kind == "cat" and fit_params and arguments["scoring"] is None)
    (remark,) = shared.explain().values()
    assert remark.startswith("shared: one fit serves all values")


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(searches())
@pytest.mark.filterwarnings("ignore:The scoring .* does not support sample_weight")
def test_no_drawn_search_differs_by_a_bit(drawn):
    check_drawn_search(drawn)


@pytest.mark.long
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(searches())
@pytest.mark.filterwarnings("ignore:The scoring .* does not support sample_weight")
def test_no_bit_differs_in_many_drawn_searches(drawn):
    check_drawn_search(drawn)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "preprocessing"),
    [("lightgbm", "none"), ("lightgbm", "native"), ("xgboost", "none"), ("catboost", "none"), ("catboost", "native")],
)
def test_the_search_of_a_weighted_experiment_is_grid_searchs_with_these_weights(name, preprocessing):
    table = pd.read_csv(DAILY).head(150)
    config = config_of(f"model={name}", "target=sqrt", f"preprocessing={preprocessing}")
    rows, target = table[config.data.features], table["rentals"].to_numpy(float)
    axis = f"regressor__regressor__{'iterations' if name == 'catboost' else 'n_estimators'}"
    grid = {axis: [3, 8], "regressor__regressor__learning_rate": [0.1, 0.3]}
    fit_params = {"regressor__sample_weight": np.linspace(0.5, 2.0, len(rows))}
    shared, plain = both(build_pipeline(config, rows), grid, rows, target, cv=2, fit_params=fit_params)
    assert_same_results(shared, plain, rows)
    assert shared.n_fits_ == 4
    unweighted = GridSearchCV(build_pipeline(config, rows), grid, cv=2, refit=False).fit(rows, target)
    assert (shared.cv_results_["mean_test_score"] != unweighted.cv_results_["mean_test_score"]).all()


def test_the_weights_of_an_experiment_reach_a_booster_or_it_is_refused():
    frame, w = pd.DataFrame(X, columns=list("abcd")), np.linspace(0.5, 2.0, len(X))
    for booster in (light(n_estimators=5)[0], xgb(n_estimators=5)[0]):
        one, other = (Pipeline([("s", StandardScaler()), ("m", clone(booster))]) for _ in range(2))
        weights.fit(one, frame, Y, w)
        np.testing.assert_array_equal(one.predict(frame), other.fit(frame, Y, m__sample_weight=w).predict(frame))
    assert [*weights.find_unweighted(Pipeline([("m", cat()[0])]))] == ["CatBoostRegressor"]
