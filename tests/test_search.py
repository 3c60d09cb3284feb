"""SharedFitGridSearchCV gives GridSearchCV's results to the last bit, with fewer fits."""

import pickle
import warnings
import zlib
from collections import Counter
from contextlib import contextmanager
from functools import wraps
from typing import ClassVar
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Lasso, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor

from bikeml.search import SharedFitGridSearchCV, SharingRule, register_deterministic, register_rule
from bikeml.search.layers import find_model

X, Y = make_regression(n_samples=60, n_features=4, noise=5.0, random_state=0)
XC, YC = make_classification(n_samples=75, n_features=5, n_informative=3, n_classes=3, random_state=0)

REGRESSORS = {
    "gbr": (GradientBoostingRegressor(max_depth=2, random_state=3), "n_estimators"),
    "gbr_subsample": (
        GradientBoostingRegressor(subsample=0.6, max_features=0.5, random_state=3),
        "n_estimators",
    ),
    "gbr_huber": (GradientBoostingRegressor(loss="huber", max_depth=2, random_state=3), "n_estimators"),
    "gbr_quantile": (GradientBoostingRegressor(loss="quantile", alpha=0.7, random_state=3), "n_estimators"),
    "gbr_stops": (
        GradientBoostingRegressor(n_iter_no_change=1, subsample=0.8, learning_rate=0.9, random_state=3),
        "n_estimators",
    ),
    "gbr_init": (GradientBoostingRegressor(init=Ridge(random_state=0), random_state=3), "n_estimators"),
    "gbr_zero": (GradientBoostingRegressor(init="zero", random_state=3), "n_estimators"),
    "hgb": (HistGradientBoostingRegressor(min_samples_leaf=4, random_state=3), "max_iter"),
    "hgb_stops": (
        HistGradientBoostingRegressor(
            min_samples_leaf=4, learning_rate=0.9, early_stopping=True, n_iter_no_change=1, random_state=3
        ),
        "max_iter",
    ),
    "hgb_features": (
        HistGradientBoostingRegressor(min_samples_leaf=4, max_features=0.5, loss="absolute_error", random_state=3),
        "max_iter",
    ),
    "rf": (RandomForestRegressor(random_state=3), "n_estimators"),
    "extra_trees": (ExtraTreesRegressor(bootstrap=True, max_samples=0.7, random_state=3), "n_estimators"),
    "ada": (AdaBoostRegressor(random_state=3), "n_estimators"),
    "ada_exponential": (
        AdaBoostRegressor(DecisionTreeRegressor(), loss="exponential", random_state=3),
        "n_estimators",
    ),
    "bagging": (BaggingRegressor(max_features=0.7, bootstrap_features=True, random_state=3), "n_estimators"),
    "knn": (KNeighborsRegressor(), "n_neighbors"),
    "knn_distance": (KNeighborsRegressor(weights="distance", p=1, leaf_size=2), "n_neighbors"),
    "knn_ball": (KNeighborsRegressor(algorithm="ball_tree", p=3), "n_neighbors"),
    "knn_brute": (KNeighborsRegressor(algorithm="brute", metric="cosine"), "n_neighbors"),
    "bagging_ridge": (BaggingRegressor(Ridge(), max_samples=0.5, random_state=3), "n_estimators"),
}
CLASSIFIERS = {
    "gbc": (GradientBoostingClassifier(max_depth=2, random_state=3), "n_estimators"),
    "gbc_subsample": (GradientBoostingClassifier(max_depth=2, subsample=0.5, random_state=3), "n_estimators"),
    "hgbc": (HistGradientBoostingClassifier(min_samples_leaf=4, random_state=3), "max_iter"),
    "rfc": (RandomForestClassifier(class_weight="balanced_subsample", random_state=3), "n_estimators"),
    "etc": (ExtraTreesClassifier(random_state=3), "n_estimators"),
    "adac": (AdaBoostClassifier(random_state=3), "n_estimators"),
    "adac_perfect": (AdaBoostClassifier(DecisionTreeClassifier(), random_state=3), "n_estimators"),
    "knnc": (KNeighborsClassifier(weights="distance"), "n_neighbors"),
    "bagging_c": (BaggingClassifier(random_state=3), "n_estimators"),
}
TREES = {
    "tree": DecisionTreeRegressor(random_state=3),
    "extra_tree": ExtraTreeRegressor(max_features=0.5, random_state=3),
    "tree_absolute": DecisionTreeRegressor(criterion="absolute_error", max_leaf_nodes=20, random_state=3),
}


def both(estimator, grid, X, y, *, fit_params=None, **arguments):
    """Fit both searches."""
    shared = SharedFitGridSearchCV(estimator, grid, **arguments).fit(X, y, **(fit_params or {}))
    plain = GridSearchCV(clone(estimator), grid, **arguments).fit(X, y, **(fit_params or {}))
    return shared, plain


def assert_same_results(shared, plain, X=None):
    """Compare everything but times, to the last bit."""
    assert list(shared.cv_results_) == list(plain.cv_results_)
    for name, column in plain.cv_results_.items():
        if name == "params":
            assert repr(shared.cv_results_[name]) == repr(column)
        elif name.startswith("param_"):
            assert str(shared.cv_results_[name]) == str(column)
            assert shared.cv_results_[name].dtype == column.dtype
        elif not name.endswith("_time"):
            np.testing.assert_array_equal(shared.cv_results_[name], column, err_msg=name, strict=True)
    for name in ("best_index_", "best_score_", "best_params_", "n_splits_", "multimetric_"):
        assert hasattr(shared, name) == hasattr(plain, name)
        assert repr(getattr(shared, name, None)) == repr(getattr(plain, name, None))
    if X is not None:
        np.testing.assert_array_equal(shared.predict(X), plain.predict(X), strict=True)


def checksum(model):
    """Sum up the bits of all that a model's trees decide by and tell."""
    trees = [each.tree_ for each in np.ravel(getattr(model, "estimators_", [model])) if hasattr(each, "tree_")]
    names = ("feature", "threshold", "children_left", "children_right", "value", "impurity", "weighted_n_node_samples")
    return zlib.crc32(b"".join(getattr(tree, name).tobytes() for tree in trees for name in names))


def look_inside(estimator, X, y):
    """Score by what only a real estimator of that very size has."""
    model = estimator
    while hasattr(model, "steps") or hasattr(model, "regressor_"):
        model = model.steps[-1][1] if hasattr(model, "steps") else model.regressor_
    sizes = [value for value in map(estimator.get_params().get, AXES) if value is not None]
    return {
        "r2": r2_score(y, estimator.predict(X)),
        "size": sum(sizes),
        "trees": len(getattr(model, "estimators_", [])),
        "importance": float(getattr(model, "feature_importances_", np.zeros(1))[0]),
        "train": float(np.sum(getattr(model, "train_score_", 0.0))),
        "oob": float(getattr(model, "oob_score_", 0.0)),
        "nodes": model.tree_.node_count if hasattr(model, "tree_") else 0,
        "attributes": len(vars(model)),
        "trees_bits": float(checksum(model)),
    }


def change_rows(estimator, X, y):
    """Score, and leave other rows behind."""
    predicted = np.asarray(estimator.predict(X), dtype=float)
    y -= predicted
    if hasattr(X, "columns"):
        X["predicted"] = predicted
    else:
        X += 1
    return -float(np.mean(y**2))


def _change_target(y_true, y_pred):
    y_true += 1
    return float(np.mean((y_true - y_pred) ** 2))


def _change_predictions(y_true, y_pred):
    y_pred -= y_true
    return float(np.mean(y_pred**2))


CHANGING = (
    change_rows,
    make_scorer(_change_target, greater_is_better=False),
    make_scorer(_change_predictions, greater_is_better=False),
)


AXES = [
    f"{prefix}{name}"
    for prefix in ("", "m__", "regressor__", "regressor__m__", "t__regressor__")
    for name in ("n_estimators", "max_iter", "ccp_alpha", "n_neighbors")
]


def columns():
    return ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(handle_unknown="ignore"), [2])])


SHAPES = {
    "bare": ("", lambda model: model),
    "pipeline": ("m__", lambda model: Pipeline([("s", StandardScaler()), ("m", model)])),
    "target": ("regressor__", lambda model: TransformedTargetRegressor(model, transformer=StandardScaler())),
    "pipeline in target": (
        "regressor__m__",
        lambda model: TransformedTargetRegressor(
            Pipeline([("s", MinMaxScaler()), ("m", model)]), func=np.sinh, inverse_func=np.arcsinh
        ),
    ),
    "target in pipeline": (
        "t__regressor__",
        lambda model: Pipeline(
            [
                ("s", StandardScaler()),
                ("p", "passthrough"),
                ("t", TransformedTargetRegressor(model, transformer=MinMaxScaler())),
            ]
        ),
    ),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_every_regressor_gives_the_same_bits_with_one_fit_a_fold(name):
    model, axis = REGRESSORS[name]
    shared, plain = both(
        model,
        {axis: [7, 1, 3, 12]},
        X,
        Y,
        cv=3,
        return_train_score=True,
        scoring=["r2", "neg_max_error"],
        refit="r2",
    )
    assert_same_results(shared, plain, X)
    assert (shared.n_fits_, shared.n_fits_avoided_) == (3, 9)


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_scorer_receives_a_real_estimator_cut_to_size(name):
    model, axis = REGRESSORS[name]
    shared, plain = both(model, {axis: [2, 9]}, X, Y, cv=2, return_train_score=True, scoring=look_inside, refit="r2")
    assert_same_results(shared, plain, X)
    assert shared.n_fits_ == 2


@pytest.mark.slow
@pytest.mark.parametrize("scoring", CHANGING)
@pytest.mark.parametrize("data", [X, pd.DataFrame(X, columns=list("abcd"))], ids=["array", "frame"])
@pytest.mark.parametrize("name", ["gbr_stops", "rf"])  # two cuts of one that stops are alike
def test_a_scorer_that_changes_its_arguments_reaches_no_other_candidate(name, data, scoring):
    model, axis = REGRESSORS[name]
    arguments = {"cv": 2, "return_train_score": True, "scoring": scoring}
    before = data.copy()
    shared, plain = both(model, {axis: [2, 9, 12]}, data, Y.copy(), **arguments)
    assert_same_results(shared, plain, data)
    np.testing.assert_array_equal(np.asarray(data), np.asarray(before))


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", ["roc_auc_ovr", "accuracy", "neg_log_loss"]])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_gives_the_same_bits_with_one_fit_a_fold(name, scoring):
    model, axis = CLASSIFIERS[name]
    refit = "accuracy" if isinstance(scoring, list) else True
    shared, plain = both(model, {axis: [1, 4, 9]}, XC, YC.astype(str), cv=3, scoring=scoring, refit=refit)
    assert_same_results(shared, plain, XC)
    assert shared.n_fits_ == 3


@pytest.mark.parametrize("scoring", ["r2", look_inside])
@pytest.mark.parametrize("name", TREES)
def test_one_tree_serves_every_ccp_alpha(name, scoring):
    grid = {"ccp_alpha": [0.0, 0.5, 10.0, 1e5, 2], "min_samples_leaf": [1, 4]}
    refit = True if scoring == "r2" else "r2"
    shared, plain = both(TREES[name], grid, X, Y, cv=3, scoring=scoring, refit=refit, return_train_score=True)
    assert_same_results(shared, plain, X)
    assert (shared.n_fits_, shared.n_fits_avoided_) == (6, 24)


@pytest.mark.parametrize("scoring", [None, look_inside])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_model_may_be_inside_pipelines_and_target_transformers(shape, scoring):
    prefix, build = SHAPES[shape]
    grid = {f"{prefix}n_estimators": [3, 8], f"{prefix}learning_rate": [0.1, 0.4]}
    estimator = build(GradientBoostingRegressor(random_state=0))
    target = np.arcsinh(Y)
    shared, plain = both(
        estimator,
        grid,
        X,
        target,
        cv=3,
        scoring=scoring,
        refit="r2" if scoring else True,
        return_train_score=True,
    )
    assert_same_results(shared, plain, X)
    assert shared.n_fits_ == 6


class CountingScaler(TransformerMixin, BaseEstimator):
    fits: ClassVar[Counter] = Counter()

    def __init__(self, power=1):
        self.power = power

    def fit(self, X, y=None):
        self.fits[self.power] += 1
        return self

    def transform(self, X):
        return np.sign(X) * np.abs(X) ** self.power


def test_transformers_are_fitted_once_for_each_setting_and_fold():
    register_deterministic(CountingScaler)
    CountingScaler.fits.clear()
    pipeline = Pipeline([("s", CountingScaler()), ("m", GradientBoostingRegressor(max_depth=1, random_state=0))])
    grid = {"m__learning_rate": [0.1, 0.2, 0.3], "m__n_estimators": [2, 5], "s__power": [1, 2]}
    SharedFitGridSearchCV(pipeline, grid, cv=3, refit=False).fit(X, Y)
    assert CountingScaler.fits == {1: 3, 2: 3}


def test_transformers_are_kept_for_a_model_that_shares_nothing():
    pipeline = Pipeline([("s", columns()), ("m", Lasso())])
    data = np.column_stack([X[:, :2], np.round(X[:, 2])])
    shared, plain = both(pipeline, {"m__alpha": [0.1, 1.0, 5.0]}, data, Y, cv=3, return_train_score=True)
    assert_same_results(shared, plain, data)
    assert shared.n_fits_ == 9
    assert shared.explain()["m__alpha"].startswith("not shared: there is no rule for Lasso")


class Spoiler(Ridge):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y)
        X[:] = 0.0
        return self


def test_a_model_that_overwrites_its_input_spoils_no_other():
    shared, plain = both(make_pipeline(StandardScaler(), Spoiler()), {"spoiler__alpha": [0.1, 1.0, 5.0]}, X, Y, cv=3)
    assert_same_results(shared, plain)


@pytest.mark.parametrize(
    ("model", "grid", "reason"),
    [
        (GradientBoostingRegressor(), {"n_estimators": [2, 5]}, "random_state=None is not an integer"),
        (
            GradientBoostingRegressor(random_state=0, warm_start=True),
            {"n_estimators": [2, 5]},
            "warm_start=True",
        ),
        (RandomForestRegressor(random_state=0, oob_score=True), {"n_estimators": [30, 40]}, "oob_score"),
        (
            type("Mine", (RandomForestRegressor,), {})(random_state=0),
            {"n_estimators": [2, 5]},
            "no rule for Mine",
        ),
        (DecisionTreeRegressor(random_state=0), {"max_depth": [2, 5]}, "cut to a smaller depth"),
        (Lasso(), {"alpha": [0.1, 1.0]}, "no rule for Lasso"),
        (
            Pipeline([("s", FunctionTransformer(lambda x: x)), ("m", GradientBoostingRegressor(random_state=0))]),
            {"m__n_estimators": [2, 5]},
            "not known to be deterministic",
        ),
        (KNeighborsRegressor(metric=lambda a, b: 0.0), {"n_neighbors": [2, 5]}, "not known to be deterministic"),
        (BaggingRegressor(Spoiler(), random_state=0), {"n_estimators": [2, 5]}, "Spoiler is not known"),
        (
            GradientBoostingRegressor(random_state=0),
            {"learning_rate": [0.1, 0.2]},
            "every value of it gives another",
        ),
    ],
)
def test_what_is_not_surely_exact_is_not_shared_and_explained(model, grid, reason):
    (remark,) = SharedFitGridSearchCV(model, grid).explain().values()
    assert remark.startswith("not shared: ")
    assert reason in remark
    search = SharedFitGridSearchCV(model, grid, cv=2, refit=False).fit(X, Y)
    assert (search.n_fits_, search.n_fits_avoided_) == (4, 0)


def test_explain_tells_what_is_shared():
    search = SharedFitGridSearchCV(GradientBoostingRegressor(random_state=0), {"n_estimators": [2, 5, 9]})
    assert search.explain() == {"n_estimators": "shared: one fit serves all values (3 candidates)"}


def test_a_monitor_is_called_for_every_candidate():
    calls = []
    search = SharedFitGridSearchCV(
        GradientBoostingRegressor(random_state=0), {"n_estimators": [2, 5]}, cv=2, refit=False
    )
    search.fit(X, Y, monitor=lambda stage, *_: calls.append(stage))
    assert len(calls) == 14


def outcome(search, X, y):
    """Return what a fit raises or warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            search.fit(X, y)
        except Exception as error:  # noqa: BLE001 any
            return type(error), str(error)
    return search, [(w.category, str(w.message)) for w in caught]


def without_line_numbers(message):
    return [line for line in str(message).splitlines() if not line.lstrip().startswith(("File", "^"))]


WITH_NAN = np.where(np.arange(X.size).reshape(X.shape) == 5, np.nan, X)
HUGE = np.where(np.arange(X.size).reshape(X.shape) == 5, 1e200, X)
TRANSFORMER = Pipeline([("s", StandardScaler()), ("m", GradientBoostingRegressor(random_state=0))])
GBR = GradientBoostingRegressor(random_state=0)


@pytest.mark.parametrize("error_score", ["raise", np.nan, -7.0])
@pytest.mark.parametrize(
    ("estimator", "grid", "data"),
    [
        (GBR, {"n_estimators": [2, 5]}, WITH_NAN),
        (GBR, {"n_estimators": [2, 5]}, HUGE),
        (GBR, {"n_estimators": [2, 5], "learning_rate": [-1, 0.1]}, X),
        (GBR, {"n_estimators": [2, 5], "learning_rate": [-1]}, X),
        (GBR, {"n_estimators": [2, -5, 0, 2.5, "x", True, 4]}, X),
        (GBR, {"n_estimators": [2, 5], "subsample": [2.0, 0.5]}, X),
        (GBR, {"n_estimators": []}, X),
        (GBR, {"n_estimators": 5}, X),
        (GBR, {"n_estimators": "25"}, X),
        (GBR, {"no_such": [1], "n_estimators": [2, 5]}, X),
        (TRANSFORMER, {"m__n_estimators": [2, 5], "s__with_mean": ["x", True]}, X),
        (TRANSFORMER, {"m__n_estimators": [2, 5], "m__max_depth": [0, 2]}, X),
        (TRANSFORMER, {"m__n_estimators": [2, 5], "m__no_such": [0, 2]}, X),
        (TRANSFORMER, {"m__n_estimators": [2, 5], "m": [Ridge(), GBR]}, X),
        (
            TransformedTargetRegressor(GBR, func=np.log, inverse_func=np.exp),
            {"regressor__n_estimators": [2, 5]},
            X,
        ),
        (DecisionTreeRegressor(random_state=0), {"ccp_alpha": [0.0, -1.0, 2.0, float("nan")]}, X),
        (
            TransformedTargetRegressor(GBR, transformer=StandardScaler(with_std="x")),
            {"regressor__n_estimators": [2, 5]},
            X,
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_input_ends_as_with_grid_search(estimator, grid, data, error_score):
    arguments = {"cv": 3, "error_score": error_score}
    ours = outcome(SharedFitGridSearchCV(clone(estimator), grid, **arguments), data, Y)
    theirs = outcome(GridSearchCV(clone(estimator), grid, **arguments), data, Y)
    if isinstance(theirs[0], type):
        assert ours[0] is theirs[0]
        # The class is named where the search itself refuses its arguments.
        assert without_line_numbers(ours[1].replace("SharedFitGridSearchCV", "GridSearchCV")) == without_line_numbers(
            theirs[1]
        )
    else:
        assert_same_results(ours[0], theirs[0])
        failed = [[m for category, m in found[1] if category is FitFailedWarning] for found in (ours, theirs)]
        assert [without_line_numbers(m) for m in failed[0]] == [without_line_numbers(m) for m in failed[1]]


def failing_scorer(estimator, X, y):
    if estimator.n_estimators == 5:
        raise RuntimeError("five is right out")
    return 1.0 / estimator.n_estimators


@pytest.mark.filterwarnings("ignore:Scoring failed", "ignore:One or more of the test scores are non-finite")
def test_a_scorer_that_fails_for_one_candidate_costs_only_that_one():
    shared, plain = both(GBR, {"n_estimators": [2, 5, 7]}, X, Y, cv=2, scoring=failing_scorer)
    assert_same_results(shared, plain)
    assert np.isnan(shared.cv_results_["mean_test_score"]).tolist() == [False, True, False]
    with pytest.raises(RuntimeError, match="five is right out"):
        SharedFitGridSearchCV(GBR, {"n_estimators": [2, 5, 7]}, cv=2, scoring=failing_scorer, error_score="raise").fit(
            X, Y
        )


@pytest.mark.parametrize("refused", [{5}, {2, 5, 7}])
def test_scores_that_are_nan_end_as_with_grid_search(refused):
    def score(estimator, X, y):
        return np.nan if estimator.n_estimators in refused else 1.0 / estimator.n_estimators

    arguments = {"cv": 2, "scoring": score, "return_train_score": True}
    ours = outcome(SharedFitGridSearchCV(GBR, {"n_estimators": [2, 5, 7]}, **arguments), X, Y)
    theirs = outcome(GridSearchCV(GBR, {"n_estimators": [2, 5, 7]}, **arguments), X, Y)
    assert_same_results(ours[0], theirs[0])
    assert ours[1] == theirs[1] != []
    assert ours[0].n_fits_ == 2


def scoring_failures(search, X, y):
    """Return the last line of each warning of a failed score."""
    _, caught = outcome(search, X, y)
    return [message.strip().splitlines()[-1] for _, message in caught if message.startswith("Scoring failed")]


@pytest.mark.parametrize("scoring", ["r2", ["r2", "neg_max_error"]])
@pytest.mark.parametrize(
    ("model", "values"),
    [(GBR, [2, 5, 7]), (RandomForestRegressor(random_state=0), [2, 5]), (TREES["tree"], [1.0, 5.0])],
)
def test_rows_that_cannot_be_predicted_give_every_candidate_the_same_message(model, values, scoring):
    data = X.copy()
    data[:20] = np.inf
    axis = "ccp_alpha" if isinstance(model, DecisionTreeRegressor) else "n_estimators"
    arguments = {"cv": [(np.arange(20, 60), np.arange(20))], "scoring": scoring, "refit": False}
    ours = scoring_failures(SharedFitGridSearchCV(model, {axis: values}, **arguments), data, Y)
    theirs = scoring_failures(GridSearchCV(model, {axis: values}, **arguments), data, Y)
    assert len(theirs) >= len(values)
    assert ours == theirs


def test_a_list_of_grids_keeps_the_order_of_candidates():
    pipeline = Pipeline([("s", StandardScaler()), ("m", GBR)])
    grid = [
        {"m__n_estimators": [5, 2], "m__learning_rate": [0.2, 0.1]},
        {"m": [Ridge()], "m__alpha": [0.1, 1.0]},
        {
            "m": [RandomForestRegressor(random_state=0), GBR],
            "m__n_estimators": [1, 3],
            "s": [MinMaxScaler(), "passthrough"],
        },
    ]
    shared, plain = both(pipeline, grid, X, Y, cv=3)
    assert_same_results(shared, plain, X)
    assert shared.n_fits_ == 3 * (2 + 2 + 4)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_more_workers_give_the_same_bits(backend):
    import joblib

    pipeline = Pipeline([("s", StandardScaler()), ("m", GBR)])
    grid = {"m__n_estimators": [5, 2], "m__learning_rate": [0.2, 0.1]}
    with joblib.parallel_config(backend=backend):
        shared, plain = both(pipeline, grid, X, Y, cv=3, n_jobs=2)
    assert_same_results(shared, plain, X)
    assert shared.n_fits_ == 6


def test_weights_groups_and_a_callable_refit_are_as_in_grid_search():
    weights = np.random.RandomState(0).uniform(size=len(Y))
    groups = np.arange(len(Y)) % 4
    arguments = {
        "cv": GroupKFold(3),
        "refit": lambda results: 1,
        "scoring": {"a": "r2", "b": make_scorer(mean_absolute_error)},
    }
    shared, plain = both(
        GBR,
        {"n_estimators": [5, 2, 3]},
        X,
        Y,
        fit_params={"sample_weight": weights, "groups": groups},
        **arguments,
    )
    assert_same_results(shared, plain, X)
    assert shared.n_fits_ == 3


@pytest.mark.parametrize("weights", [np.ones(60), np.full(60, 2.0), np.arange(60) % 2, np.r_[np.ones(59), np.nan]])
@pytest.mark.parametrize("parameters", [{}, {"loss": "absolute_error"}, {"min_weight_fraction_leaf": 0.1}])
@pytest.mark.filterwarnings(
    "ignore:The scoring .* does not support sample_weight", "ignore::sklearn.exceptions.FitFailedWarning"
)
def test_weights_of_any_kind_give_the_same_trees(weights, parameters):
    model = GradientBoostingRegressor(random_state=0, **parameters)
    arguments = {"cv": 3, "scoring": look_inside, "refit": False, "error_score": -1.0}
    shared, plain = both(model, {"n_estimators": [5, 2]}, X, Y, fit_params={"sample_weight": weights}, **arguments)
    assert_same_results(shared, plain)


@pytest.mark.parametrize(
    "convert", [csr_array, csc_array, np.float32, lambda X: (10 * X).astype(int), np.asfortranarray]
)
@pytest.mark.parametrize("name", ["gbr", "gbr_subsample", "gbc"])
def test_rows_of_any_kind_give_the_same_trees(name, convert):
    model, axis = {**REGRESSORS, **CLASSIFIERS}[name]
    X_kind, y = (convert(XC), YC) if name in CLASSIFIERS else (convert(X), Y)
    arguments = {"cv": 3, "scoring": look_inside, "refit": "r2", "return_train_score": True}
    assert_same_results(*both(model, {axis: [5, 2]}, X_kind, y, **arguments), X_kind)


@pytest.fixture
def tree_fits(monkeypatch):
    """List for each fit of a regression tree whether it came with weights, and whether it checks its parameters."""
    fits = []
    fit = DecisionTreeRegressor.fit

    def listed(self, X, y, sample_weight=None, check_input=True):
        fits.append((sample_weight is not None, not get_config()["skip_parameter_validation"]))
        return fit(self, X, y, sample_weight, check_input)

    monkeypatch.setattr(DecisionTreeRegressor, "fit", listed)
    return fits


@pytest.mark.parametrize(
    ("parameters", "fit_params", "with_weights"),
    [
        ({}, {}, False),
        ({"loss": "huber"}, {}, True),
        ({"subsample": 0.5}, {}, True),
        ({}, {"sample_weight": np.linspace(1, 2, 60)}, True),
    ],
)
@pytest.mark.filterwarnings("ignore:The scoring .* does not support sample_weight")
def test_the_trees_of_a_shared_booster_are_spared_checks(tree_fits, parameters, fit_params, with_weights):
    model = GradientBoostingRegressor(random_state=0, **parameters)
    SharedFitGridSearchCV(model, {"n_estimators": [5, 2]}, cv=3, refit=False).fit(X, Y, **fit_params)
    assert tree_fits == [(with_weights, False)] * 15


def test_a_booster_with_stages_of_another_form_fits_as_it_does_alone(tree_fits, monkeypatch):
    fit_stage = GradientBoostingRegressor._fit_stage

    def another(self, *args, **kwargs):
        return fit_stage(self, *args, **kwargs)

    monkeypatch.setattr(GradientBoostingRegressor, "_fit_stage", another)
    shared, plain = both(GBR, {"n_estimators": [5, 2]}, X, Y, cv=3)
    assert_same_results(shared, plain, X)
    assert shared.n_fits_ == 3
    assert set(tree_fits) == {(True, True)}


def test_metadata_routing_is_as_in_grid_search():
    with config_context(enable_metadata_routing=True):
        model = clone(GBR).set_fit_request(sample_weight=True)
        scorer = make_scorer(r2_score).set_score_request(sample_weight=True)
        pipeline = Pipeline([("s", StandardScaler().set_fit_request(sample_weight=True)), ("m", model)])
        weights = np.random.RandomState(0).uniform(size=len(Y))
        shared, plain = both(
            pipeline,
            {"m__n_estimators": [5, 2]},
            X,
            Y,
            cv=3,
            scoring=scorer,
            fit_params={"sample_weight": weights},
        )
    assert_same_results(shared, plain, X)
    assert shared.n_fits_ == 3


def test_a_data_frame_and_a_random_splitter_are_as_in_grid_search():
    frame = pd.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), GBR)
    cv = ShuffleSplit(3, random_state=0)
    shared, plain = both(
        pipeline,
        {"gradientboostingregressor__n_estimators": [5, 2]},
        frame,
        Y,
        cv=cv,
        return_train_score=True,
    )
    assert_same_results(shared, plain, frame)
    assert shared.feature_names_in_.tolist() == list("abcd")


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_ties_are_broken_as_for_each_number_of_neighbours(weights):
    rows = np.random.default_rng(0).integers(0, 3, (80, 3)).astype(float)
    grid = {"n_neighbors": [1, 2, 3, 5, 8, 13]}
    shared, plain = both(KNeighborsRegressor(weights=weights), grid, rows, np.arange(80.0) ** 2, cv=2)
    assert_same_results(shared, plain, rows)
    assert shared.n_fits_ == 2


@pytest.mark.parametrize(("algorithm", "n_fits"), [("auto", 8), ("kd_tree", 2)])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_more_neighbours_than_rows_fail_as_in_grid_search(algorithm, n_fits):
    grid = {"n_neighbors": [3, 14, 30, 31]}
    shared, plain = both(KNeighborsRegressor(algorithm=algorithm), grid, X, Y, cv=2)
    assert_same_results(shared, plain)
    assert shared.n_fits_ == n_fits
    assert np.isnan(shared.cv_results_["mean_test_score"]).tolist() == [False, False, False, True]


def test_clone_and_pickle_keep_the_search():
    search = SharedFitGridSearchCV(GBR, {"n_estimators": [5, 2]}, cv=2).fit(X, Y)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    assert not hasattr(clone(search), "best_estimator_")


def test_verbose_tells_the_fits_made(capsys):
    SharedFitGridSearchCV(GBR, {"n_estimators": [5, 2]}, cv=2, verbose=2).fit(X, Y)
    out = capsys.readouterr().out
    assert "Fitting 2 folds for each of 2 candidates, totalling 2 fits instead of 4" in out
    assert out.count("one fit for 2 candidates") == 2


class MeanOfFirst(BaseEstimator):
    """Predicts the mean of the first n targets."""

    fits: ClassVar[Counter] = Counter()

    def __init__(self, n=1, random_state=0):
        self.n = n
        self.random_state = random_state

    def fit(self, X, y):
        self.fits["all"] += 1
        self.y_ = y[: self.n]
        return self

    def predict(self, X):
        return np.full(len(X), self.y_.mean())


class MeanOfFirstRule(SharingRule):
    models = (MeanOfFirst,)
    parameter = "n"

    def cut(self, model, value):
        cut = clone(model).set_params(n=value)
        cut.y_ = model.y_[:value]
        return cut


def test_an_estimator_of_ones_own_joins_with_one_registration():
    register_rule(MeanOfFirstRule())
    MeanOfFirst.fits.clear()
    shared = SharedFitGridSearchCV(MeanOfFirst(), {"n": [1, 5, 20]}, cv=3, scoring="r2", refit=False).fit(X, Y)
    assert MeanOfFirst.fits["all"] == shared.n_fits_ == 3
    plain = GridSearchCV(MeanOfFirst(), {"n": [1, 5, 20]}, cv=3, scoring="r2", refit=False).fit(X, Y)
    assert_same_results(shared, plain)


# How a fit's weights reach the model.
WEIGHTS = {
    "bare": "sample_weight",
    "pipeline": "m__sample_weight",
    "target": "sample_weight",
    "pipeline in target": "m__sample_weight",
    "target in pipeline": "t__sample_weight",
}


@st.composite
def searches(draw):
    """Draw a model with some parameters, a grid over its shared axis and others, a shape around it and a splitter."""
    name = draw(st.sampled_from(sorted(REGRESSORS) + sorted(CLASSIFIERS) + sorted(TREES)))
    model, axis = {**REGRESSORS, **CLASSIFIERS}.get(name, (TREES.get(name), "ccp_alpha"))
    draws = "random_state" in model.get_params()
    model = clone(model).set_params(**({"random_state": draw(st.integers(0, 5))} if draws else {}))
    shape = draw(st.sampled_from(["bare", "pipeline"] if name in CLASSIFIERS else sorted(SHAPES)))
    prefix, build = SHAPES[shape]
    values = st.floats(0, 1e4) if axis == "ccp_alpha" else st.integers(1, 14)
    grid = {prefix + axis: draw(st.lists(values, min_size=1, max_size=4))}
    if "learning_rate" in model.get_params():
        grid[f"{prefix}learning_rate"] = draw(st.lists(st.floats(0.01, 2.0), min_size=1, max_size=2, unique=True))
    metrics = ["neg_log_loss", "f1_macro"] if name in CLASSIFIERS else ["r2", "neg_mean_absolute_error"]
    changing = () if name in CLASSIFIERS else CHANGING
    scoring = draw(st.sampled_from([None, *metrics, look_inside, metrics, *changing]))
    arguments = {
        "cv": draw(st.sampled_from([2, KFold(3, shuffle=True, random_state=1), ShuffleSplit(2, random_state=2)])),
        "scoring": scoring,
        "refit": "r2" if scoring is look_inside else metrics[0] if scoring is metrics else True,
        "return_train_score": draw(st.booleans()),
    }
    data = (XC, YC) if name in CLASSIFIERS else (draw(st.sampled_from([X, np.round(X)])), np.arcsinh(Y))
    weights = draw(
        st.sampled_from([None, np.linspace(0.1, 2.0, len(X)), np.ones(len(X)), np.minimum(range(len(X)), 2.0)])
    )
    fit_params = {} if weights is None or not draws else {WEIGHTS[shape]: np.resize(weights, len(data[1]))}
    return build(model), grid, data, arguments, fit_params


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(searches())
@pytest.mark.filterwarnings("ignore")
def test_no_drawn_search_differs_by_a_bit_and_fits_are_counted(drawn):
    check_drawn_search(drawn)


@pytest.mark.long
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(searches())
@pytest.mark.filterwarnings("ignore")
def test_no_bit_differs_in_many_drawn_searches(drawn):
    check_drawn_search(drawn)


def check_drawn_search(drawn):
    estimator, grid, data, arguments, fit_params = drawn
    with counted_fits(type(find_model(estimator, {}).model)) as fits:
        shared, plain = both(estimator, grid, *data, fit_params=fit_params, **arguments)
    assert_same_results(shared, plain, data[0])
    values = next(iter(grid.values()))
    n_candidates = len(shared.cv_results_["params"])
    assert shared.n_fits_ == shared.n_splits_ * n_candidates // len(values)
    assert shared.n_fits_ + shared.n_fits_avoided_ == shared.n_splits_ * n_candidates
    # Both searches' fits, and a last one of each with the best parameters.
    assert len(fits) == (shared.n_fits_ + 1) + (plain.n_splits_ * n_candidates + 1)


@contextmanager
def counted_fits(model_class):
    """List the models of a class that are really fitted."""
    fit, fits = model_class.fit, []

    @wraps(fit)
    def counted(self, *args, **kwargs):
        fits.append(type(self))
        return fit(self, *args, **kwargs)

    with patch.object(model_class, "fit", counted):
        yield fits
