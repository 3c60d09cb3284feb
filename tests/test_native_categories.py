"""preprocessing=native: a model is told which columns are categories, and splits them itself."""

import numpy as np
import pandas as pd
import pytest

import bikeml
from bikeml.errors import ConfigError
from bikeml.experiment.check import check_estimators, find_tolerance
from bikeml.experiment.encoding.names import name_inputs
from bikeml.experiment.encoding.unseen import list_categories
from bikeml.experiment.model_file import hash_model
from bikeml.experiment.model_folder import check_folder, write_folder
from bikeml.experiment.pipeline import build_pipeline
from bikeml.table.problems import Tolerance
from tests.conftest import config_of
from tests.test_preprocessing_auto import KINDS, make_table

FEW = {
    "catboost": "model.estimator.iterations=20",
    "hist_gbr": "model.estimator.max_iter=20",
    "lightgbm": "model.estimator.n_estimators=20",
}
X = make_table()
Y = np.nan_to_num(X["size"].to_numpy(), nan=70.0) + 40 * X["street"].isin(["3 street", "17 street", "41 street"])
TOLD = {
    "catboost": lambda model: model.get_cat_feature_indices(),
    "hist_gbr": lambda model: np.flatnonzero(model.is_categorical_).tolist(),
    "lightgbm": lambda model: list(model.get_params()["cat_feature"]),
}


def config_native(model, *overrides):
    return config_of(*KINDS, f"model={model}", FEW[model], "preprocessing=native", *overrides)


@pytest.fixture(scope="module", params=FEW)
def model(request):
    if request.param != "hist_gbr":
        pytest.importorskip(request.param, reason="the boosting extra is not installed")
    return request.param


@pytest.fixture(scope="module")
def fitted(model):
    return build_pipeline(config_native(model), X).fit(X, Y)


def test_the_model_is_told_which_columns_are_categories_and_gets_numbers_as_they_are(model, fitted):
    assert TOLD[model](fitted[-1]) == [0, 1]
    assert name_inputs(fitted)[:4] == ["street", "city", "size", "rooms"]
    encoded = np.asarray(fitted[:-1].transform(X), dtype=float)
    np.testing.assert_array_equal(encoded[:, 2], X["size"])
    assert {*np.unique(encoded[:, 1])} <= {-2, 0, 1, 2, 3}


def test_gaps_are_taken_in_every_kind_of_column(model):
    assert find_tolerance(config_native(model)) == Tolerance(
        text_categories=True, numeric_gaps=True, categorical_gaps=True, date_gaps=True, text_gaps=True
    )


def test_a_new_category_and_each_kind_of_gap_is_predicted_and_the_saved_model_says_the_same(fitted, tmp_path):
    rows = X.head(12).copy()
    rows.loc[rows.index[:4], "city"] = ["Oslo", None, np.nan, "Ulm"]
    rows.loc[rows.index[4:7], "street"] = ["no street", None, np.nan]
    predicted = fitted.predict(rows)
    assert np.isfinite(predicted).all()
    write_folder(fitted, X.head(), "f" * 64, tmp_path / "model")
    loaded = check_folder(tmp_path / "model", hash_model(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(rows), predicted)
    assert {"01", "1", "Bonn", "Ulm"} == {*list_categories(fitted)["city"]}


def test_a_category_of_more_levels_than_the_threshold_becomes_the_mean_of_the_target(model):
    pipeline = build_pipeline(config_native(model, "preprocessing.cardinality_threshold=20"), X).fit(X, Y)
    assert TOLD[model](pipeline[-1]) == [0]
    assert {*list_categories(pipeline)} == {"city", "street"}


def test_a_table_without_categories_needs_no_telling(model):
    numbers = X[["size", "rooms"]]
    config = config_native(model, "data.categorical=[]", "data.date=null", "data.text=[]", "data.date_format=null")
    assert build_pipeline(config, numbers).fit(numbers, Y).predict(numbers).shape == (len(X),)


def test_a_constraint_finds_its_column_by_name():
    rows = X.drop(columns="advert")
    config = config_native("hist_gbr", "data.text=[]", "model.estimator.monotonic_cst={size: 1}")
    pipeline = build_pipeline(config, rows).fit(rows, Y)
    assert TOLD["hist_gbr"](pipeline[-1]) == [0, 1]
    size = pd.concat([rows.head(1)] * 50, ignore_index=True).assign(size=np.linspace(20, 120, 50))
    assert (np.diff(pipeline.predict(size)) >= 0).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["model=ridge"],
            r"Ridge cannot be told which .*; models that can are (catboost, )?hist_gbr.*preprocessing=auto",
        ),
        (["model=voting"], r"VotingRegressor cannot be told which columns are categories"),
        (
            ["model=hist_gbr", "model.estimator.categorical_features=[city]"],
            r"sets model.estimator.categorical_features, which is \['city'\]; choose preprocessing=ordinal",
        ),
        (
            ["model=hist_gbr", "+preprocessing.after.pca={_target_: sklearn.decomposition.PCA}"],
            r"preprocessing.after would make other columns of the categories; leave it empty",
        ),
        (
            ["model=hist_gbr", "preprocessing=auto", "+preprocessing.native_categories=true"],
            r"needs an OrdinalEncoder as the last step of preprocessing.categorical; choose preprocessing=native",
        ),
    ],
)
def test_what_cannot_be_told_is_one_message_before_the_fit(words, message):
    with pytest.raises(ConfigError, match=message):
        check_estimators(config_of(*KINDS, "preprocessing=native", *words))


@pytest.mark.slow
def test_a_search_is_shared_and_its_result_loaded(model, workdir):
    X.assign(price=Y).to_csv("flats.csv", index=False)
    axis = FEW[model].removeprefix("model.estimator.").split("=")[0]
    words = ("search=grid", f"model.grid={{{axis}: [5, 9], learning_rate: [0.1, 0.3]}}", "search.folds=2")
    table = ("data=csv", "data.path=flats.csv", "data.target=price", "data.categorical=[street,city]", "tracking=none")
    few = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2", "hydra.run.dir=out")
    result = bikeml.run(*table, f"model={model}", "preprocessing=native", *words, *few)
    assert result.record.search.counts["fits_avoided"] == result.record.search.counts["fits"]
    rows = X.head()
    np.testing.assert_array_equal(bikeml.load("out").pipeline.predict(rows), result.pipeline.predict(rows))


def test_a_text_is_a_level_to_the_model_too_if_text_counts_as_categories(model, tmp_path):
    pipeline = build_pipeline(config_native(model, "preprocessing.text_as_categories=true"), X).fit(X, Y)
    assert TOLD[model](pipeline[-1]) == [0, 1, 2]
    assert {*list_categories(pipeline)} == {"advert", "street", "city"}
    rows = X.head(6).assign(advert=["never seen", None, np.nan, *X["advert"].iloc[3:6]])
    predicted = pipeline.predict(rows)
    assert np.isfinite(predicted).all()
    write_folder(pipeline, X.head(), "f" * 64, tmp_path / "model")
    loaded = check_folder(tmp_path / "model", hash_model(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(rows), predicted)
