import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bikeml.config.composition import compose, resolve
from bikeml.config.schema import typed
from bikeml.experiment.check import check_estimators, find_tolerance
from bikeml.experiment.grid import build_grid
from bikeml.experiment.pipeline import build_pipeline, is_reproducible
from bikeml.table.problems import Tolerance
from tests.conftest import DAILY, config_of

TABLE = pd.read_csv(DAILY)
COLUMNS = [column for column in TABLE.columns if column in config_of().data.features]


def test_none_hands_over_one_c_contiguous_float64_array_in_table_order():
    preprocessor = build_pipeline(config_of(), TABLE[COLUMNS])[0]
    array = preprocessor.fit_transform(TABLE)
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(array, TABLE[COLUMNS])
    assert list(preprocessor.get_feature_names_out()) == COLUMNS


def test_standard_scales_numbers_and_encodes_categories():
    preprocessor = build_pipeline(config_of("preprocessing=standard"), TABLE[COLUMNS])[0].fit(TABLE)
    parts = {name: (part, columns) for name, part, columns in preprocessor.transformers_}
    assert isinstance(parts["numeric"][0][-1], StandardScaler)
    assert isinstance(parts["categorical"][0][-1], OneHotEncoder)
    assert parts["numeric"][1] == ["temp", "atemp", "hum", "windspeed"]
    assert len(preprocessor.get_feature_names_out()) == 4 + 4 + 12 + 2 + 7 + 2 + 3


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_a_table_with_one_kind_of_column_is_built_too(kind):
    other = {"numeric": "categorical", "categorical": "numeric"}[kind]
    config = config_of("preprocessing=standard", f"data.{other}=[]")
    columns = [column for column in COLUMNS if column in config.data.features]
    assert build_pipeline(config, TABLE[columns]).fit(TABLE, TABLE.rentals).predict(TABLE).shape == (731,)


@pytest.mark.parametrize("preprocessing", ["none", "standard", "imputed", "ordinal"])
def test_a_fitted_pipeline_takes_columns_by_name_in_any_order(preprocessing):
    pipeline = build_pipeline(config_of(f"preprocessing={preprocessing}"), TABLE[COLUMNS]).fit(
        TABLE[COLUMNS], TABLE.rentals
    )
    np.testing.assert_array_equal(pipeline.predict(TABLE[COLUMNS]), pipeline.predict(TABLE[TABLE.columns[::-1]]))


def test_a_category_never_seen_is_predicted_all_the_same():
    pipeline = build_pipeline(config_of("preprocessing=standard"), TABLE[COLUMNS]).fit(TABLE, TABLE.rentals)
    assert np.isfinite(pipeline.predict(TABLE.head(3).assign(season=0))).all()


GAPS = [np.nan, None, float("nan")]
CITIES = pd.DataFrame({"temp": range(40), "city": ["Ulm", "Bonn", np.nan, "Jena"] * 10, "floor": [1, 2] * 20})
CITY_ROLES = ("data.numeric=[temp]", "data.categorical=[city,floor]", "data.categories=inferred")
CITY = ("data=csv", "data.path=x.csv", "data.target=y", *CITY_ROLES)


@pytest.mark.parametrize(
    "rows", [CITIES, CITIES.assign(city=["Ulm", "Bonn"] * 20)], ids=["gaps", "no gaps in training"]
)
@pytest.mark.parametrize("preprocessing", ["standard", "imputed", "ordinal"])
@pytest.mark.parametrize("model", ["linear", "tree"])
def test_a_gap_in_text_is_the_same_whatever_stands_for_it(model, preprocessing, rows, tmp_path):
    from bikeml.experiment.model_file import load_pipeline, save_pipeline

    config = config_of(*CITY, f"preprocessing={preprocessing}", f"model={model}")
    pipeline = build_pipeline(config, rows).fit(rows, np.arange(40.0) ** 2)
    served = load_pipeline(save_pipeline(pipeline, tmp_path))
    for fitted in (pipeline, served):
        for rest in (["Ulm"], []):  # also where nothing but gaps is asked for
            asked = [
                pd.DataFrame({"temp": 3, "city": pd.Series([gap, *rest], dtype=object), "floor": 1}) for gap in GAPS
            ]
            answers = [fitted.predict(each).tolist() for each in asked]
            assert answers == [answers[0]] * len(GAPS)


def test_text_changes_no_figure_and_numbers_are_left_alone():
    config = config_of(*CITY, "preprocessing=standard", "model=tree")
    with_text = build_pipeline(config, CITIES).fit(CITIES, CITIES.temp)
    plain = clone(with_text)
    del plain[0].transformers[1][1].steps[:2]
    np.testing.assert_array_equal(with_text.predict(CITIES), plain.fit(CITIES, CITIES.temp).predict(CITIES))
    assert len(build_pipeline(config, CITIES.assign(city=1))[0].transformers[1][1]) == 1


def test_the_grid_addresses_the_regressor_and_builds_nested_estimators():
    config = config_of("model=gbr", "search=grid", "+model.grid.init=[null, {_target_: sklearn.dummy.DummyRegressor}]")
    (grid,) = build_grid(config, Pipeline([]))
    assert grid["regressor__init"][0] is None
    assert isinstance(grid["regressor__init"][1], DummyRegressor)


def test_estimators_inside_lists_are_built():
    sections = resolve(compose([]))
    dummy, ridge = ({"_target_": f"sklearn.{name}"} for name in ("dummy.DummyRegressor", "linear_model.Ridge"))
    sections["model"]["estimator"] = {
        "_target_": "sklearn.ensemble.VotingRegressor",
        "estimators": [["dummy", dummy], ["ridge", ridge]],
    }
    config = typed(sections)
    check_estimators(config)
    pipeline = build_pipeline(config, TABLE[COLUMNS])
    assert isinstance(pipeline, Pipeline)
    assert pipeline.fit(TABLE, TABLE.rentals).predict(TABLE).shape == (731,)


@pytest.mark.parametrize(
    ("preprocessing", "model", "text", "numeric_gaps", "categorical_gaps"),
    [
        ("none", "linear", False, False, False),
        ("none", "gbr", False, False, False),
        ("none", "rf", False, True, True),
        ("none", "hist_gbr", False, True, True),
        ("standard", "linear", True, False, True),
        ("standard", "hist_gbr", True, True, True),
        ("imputed", "linear", True, True, True),
        ("ordinal", "gbr", True, False, True),
        ("ordinal", "hist_gbr", True, True, True),
    ],
)
def test_gaps_and_text_are_taken_exactly_where_a_step_or_the_model_handles_them(
    preprocessing, model, text, numeric_gaps, categorical_gaps
):
    tolerance = find_tolerance(config_of(f"preprocessing={preprocessing}", f"model={model}"))
    assert tolerance == Tolerance(text, numeric_gaps, categorical_gaps)


def test_steps_that_do_not_work_on_the_cells_tried_are_left_to_the_fit():
    svd = "{_target_: sklearn.decomposition.TruncatedSVD, n_components: 30}"
    config = config_of("preprocessing=standard", f"+preprocessing.categorical.svd={svd}")
    assert find_tolerance(config).text_categories


def test_an_imputer_of_ones_own_is_one_override():
    knn = "{_target_: sklearn.impute.KNNImputer}"
    assert find_tolerance(config_of(f"+preprocessing.numeric.imputer={knn}")).numeric_gaps


def test_text_in_an_estimators_arguments_is_not_resolved_again():
    sections = resolve(compose(["preprocessing=imputed"]))
    sections["preprocessing"]["categorical"]["imputer"] |= {"strategy": "constant", "fill_value": "${seed} ${nope}"}
    config = typed(sections)
    check_estimators(config)
    imputer = build_pipeline(config, TABLE[COLUMNS])[0].transformers[1][1][0]
    assert imputer.fill_value == "${seed} ${nope}"


@pytest.mark.parametrize(
    ("overrides", "reproducible"),
    [
        ([], True),
        (["model=rf"], True),
        (["model=rf", "seed=null"], False),
        (["preprocessing=auto"], True),
        (["preprocessing=auto", "seed=null"], False),
        (["seed=null"], True),  # linear regression draws nothing
        (["split.random_state=null"], False),
        (["split=chronological"], True),
        (["model=stacking", "search=grid"], True),
        (["model=voting"], True),
    ],
)
def test_a_run_with_random_state_null_is_never_called_reproducible(overrides, reproducible):
    config = config_of(*overrides)
    assert is_reproducible(config) is reproducible
