"""Grids over all of a pipeline: nested arguments, steps of the preprocessing, and lists of grids."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import GridSearchCV

import bikeml
from bikeml.errors import ConfigError
from bikeml.experiment.check import check_estimators
from bikeml.experiment.grid import build_grid
from bikeml.experiment.pipeline import build_pipeline
from bikeml.records.tags import of_axis
from bikeml.search import SharedFitGridSearchCV
from tests.conftest import config_of

FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance=none", "search=grid", "~model.grid")
TABLE = ("data=csv", "data.path=t.csv", "data.target=y", "preprocessing=imputed")
INSIDE = "{_target_: sklearn.ensemble.GradientBoostingRegressor, n_estimators: 10, random_state: 0}"
NESTED = f"+model.estimator={{_target_: sklearn.compose.TransformedTargetRegressor, regressor: {INSIDE}}}"


@pytest.fixture
def table(workdir):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.exponential(size=120), "b": rng.normal(size=120), "c": list("xyz") * 40})
    frame["y"] = 3 * frame["a"] + (frame["c"] == "x") + rng.normal(size=120)
    frame.loc[::9, "a"] = np.nan
    frame.to_csv("t.csv", index=False)
    return frame


@pytest.mark.slow
def test_a_grid_over_the_preprocessing_chooses_steps_and_their_arguments(table):
    grid = (
        "+model.grid={alpha: [0.1, 10], preprocessing__numeric__imputer__strategy: [mean, most_frequent],"
        " preprocessing__numeric__scaler: [passthrough, {_target_: sklearn.preprocessing.RobustScaler}]}"
    )
    scaled = "+preprocessing.numeric.scaler={_target_: sklearn.preprocessing.StandardScaler}"
    result = bikeml.run(*FAST, *TABLE, "model=ridge", scaled, grid)
    found = result.record.search
    assert found.counts["candidates"] == 8
    axes = {"alpha", "preprocessing__numeric__imputer__strategy", "preprocessing__numeric__scaler"}
    assert set(found.best_params) == axes
    assert all(set(candidate.params) == axes for candidate in found.candidates)
    imputer = result.pipeline[0].named_transformers_["numeric"].named_steps["simpleimputer"]
    assert imputer.strategy == found.best_params["preprocessing__numeric__imputer__strategy"]


@pytest.mark.slow
def test_an_imputer_that_the_model_does_without_is_there_if_the_grid_varies_it(table):
    grid = "+model.grid={preprocessing__numeric__imputer__strategy: [mean, median]}"
    result = bikeml.run(*FAST, *TABLE, "model=hist_gbr", "model.estimator.max_iter=5", "preprocessing=auto", grid)
    assert result.record.search.counts["candidates"] == 2


@pytest.mark.slow
def test_a_nested_argument_is_searched_with_shared_fits_and_found_as_grid_search_cv_finds_it(table):
    grid = "+model.grid={regressor__n_estimators: [5, 10, 20], regressor__learning_rate: [0.1, 0.3]}"
    result = bikeml.run(*FAST, *TABLE, "~model.estimator", NESTED, grid)
    found = result.record.search
    assert set(found.best_params) == {"regressor__n_estimators", "regressor__learning_rate"}
    assert found.counts["fits_avoided"] == 2 * found.counts["fits"]  # three sizes from one fit
    assert isinstance(result.pipeline[-1], TransformedTargetRegressor)
    assert isinstance(result.pipeline[-1].regressor_, GradientBoostingRegressor)
    assert result.pipeline[-1].regressor.n_estimators == found.best_params["regressor__n_estimators"]


@pytest.mark.slow
def test_a_list_of_grids_is_searched_one_after_another(table):
    grids = "+model.grid=[{fit_intercept: [true]}, {fit_intercept: [false], positive: [true, false]}]"
    found = bikeml.run(*FAST, *TABLE, "model=ridge", "model.estimator.alpha=1", grids).record.search
    assert [set(candidate.params) for candidate in found.candidates] == [
        {"fit_intercept"},
        *[{"fit_intercept", "positive"}] * 2,
    ]


@pytest.mark.slow
def test_a_part_of_the_model_is_an_axis_as_in_scikit_learn(table):
    parts = "[[a, {_target_: sklearn.linear_model.Ridge}], [b, {_target_: sklearn.dummy.DummyRegressor}]]"
    vote = f"+model.estimator={{_target_: sklearn.ensemble.VotingRegressor, estimators: {parts}}}"
    grid = "+model.grid={b: [drop, {_target_: sklearn.dummy.DummyRegressor}], a__alpha: [1, 10]}"
    columns = ("data.numeric=[a,b]", "data.categorical=[c]")
    words = (*FAST, *TABLE, *columns, "~model.estimator", vote, grid)
    result = bikeml.run(*words)
    config, X = config_of(*words), table[["a", "b", "c"]]
    pipeline = build_pipeline(config, X)
    searches = [
        search(pipeline, build_grid(config, pipeline), cv=3) for search in (SharedFitGridSearchCV, GridSearchCV)
    ]
    ours, theirs = (search.fit(X, table["y"]).cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_array_equal(ours, theirs)
    assert result.record.search.counts["candidates"] == 4
    assert result.pipeline[-1].named_estimators_["b"] == "drop"


@pytest.mark.slow
def test_an_argument_that_the_file_does_not_list_can_be_searched(table):
    grid = "+model.grid={solver: [svd, cholesky]}"
    found = bikeml.run(*FAST, *TABLE, "model=ridge", "~model.estimator.solver", grid).record.search
    assert found.counts["candidates"] == 2


def test_what_is_shared_is_told_for_every_axis(table):
    grid = "+model.grid={n_estimators: [5, 10], preprocessing__numeric__imputer__strategy: [mean, median]}"
    config = config_of(
        *TABLE, "data.numeric=[a,b]", "data.categorical=[c]", "search=grid", "model=gbr", "~model.grid", grid
    )
    pipeline = build_pipeline(config, table[["a", "b", "c"]])
    remarks = SharedFitGridSearchCV(pipeline, build_grid(config, pipeline)).explain()
    assert remarks["regressor__n_estimators"].startswith("shared: one fit serves all values")
    assert "the transformers are fitted once" in remarks["preprocessor__numeric__simpleimputer__strategy"]


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ("{alfa: [1]}", "model.grid.alfa: Ridge has no such argument; did you mean 'alpha'?"),
        ("{alpha: [-1]}", "model.grid.alpha: The 'alpha' parameter of Ridge must be"),
        ("{a__b: [1]}", "model.grid.a__b: Ridge has no such argument"),
        ("{preprocessing: [1]}", "write preprocessing__KIND__STEP__ARGUMENT"),
        ("{preprocessing__numbers__imputer: [1]}", "a KIND is one of numeric, categorical"),
        ("{preprocessing__numeric__impute__x: [1]}", "has no step 'impute'; did you mean 'imputer'?"),
        (
            "{preprocessing__numeric__imputer__strateg: [1]}",
            "SimpleImputer has no such argument; did you mean 'strategy'?",
        ),
        ("{preprocessing__numeric__imputer__strategy: [best]}", "The 'strategy' parameter of SimpleImputer must be"),
        ("{preprocessing__numeric__imputer: [none]}", "'none' should be an estimator with a _target_, or passthrough"),
        ("{preprocessing__numeric__imputer: [{_target_: os.system}]}", "os"),
        ("{preprocessing__numeric__imputer: [{_target_: sklearn.linear_model.Ridge}]}", "Ridge"),
        ("[{alpha: [1]}, {alpha: []}]", "model.grid.1.alpha=[] should not be empty"),
        ("[{alpha: [1]}, {}]", "search=grid needs axes to search"),
        ("[]", "model.grid=[] should not be empty"),
        ("[{alpha: 1}]", "model.grid.0.alpha=1 should be a list, such as [1, 2]"),
        ("3", "model.grid=3 should be a mapping, such as {key: value}"),
    ],
)
def test_a_wrong_axis_or_value_is_told_before_anything_is_read(grid, said):
    with pytest.raises(ConfigError) as error:
        check_estimators(config_of(*TABLE, "search=grid", "model=ridge", "~model.grid", f"+model.grid={grid}"))
    assert said in str(error.value)


def test_an_axis_over_steps_that_several_columns_have_alone_is_refused_with_the_cure(workdir):
    text = pd.DataFrame({"one": ["red wine", "white wine"] * 30, "two": ["a b", "c d"] * 30, "y": range(60)})
    text.to_csv("t.csv", index=False)
    axis = "+model.grid={preprocessing__text__tfidf__norm: [l1, l2]}"
    columns = ("data.text=[one,two]", "data.numeric=[]", "data.categorical=[]", "preprocessing=auto")
    with pytest.raises(
        ConfigError, match=r"the text columns the table has 2 of them.*-m preprocessing\.text\.tfidf\.norm"
    ):
        bikeml.run(*FAST, *TABLE, *columns, "model=ridge", axis)


def test_a_chosen_value_is_recorded_under_its_own_name():
    assert of_axis("alpha") == "model.estimator.alpha"
    assert of_axis("regressor__alpha") == "model.estimator.regressor.alpha"
    assert of_axis("preprocessing__numeric__imputer__strategy") == "preprocessing.numeric.imputer.strategy"
