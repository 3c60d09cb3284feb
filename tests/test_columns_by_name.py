"""Columns by name: steps of their own, steps after all of them, and arguments of the model that name columns."""

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

import bikeml
from bikeml.config.composition import config_dir
from bikeml.errors import ConfigError, DataError
from bikeml.experiment.check import check_estimators, find_tolerance
from bikeml.experiment.encoding.names import name_inputs
from bikeml.experiment.grid import build_grid
from bikeml.experiment.model_file import load_pipeline
from bikeml.experiment.pipeline import build_pipeline
from bikeml.records.fingerprint import fingerprint, identify
from bikeml.search import SharedFitGridSearchCV
from bikeml.table.data import read_table
from bikeml.table.problems import Tolerance
from tests.conftest import DAILY, config_of

TABLE = pd.read_csv(DAILY)
NUMBERS, CODES = (
    ["temp", "atemp", "hum", "windspeed"],
    ["season", "mnth", "holiday", "weekday", "workingday", "weathersit"],
)
SCALER = "{scaler: {_target_: sklearn.preprocessing.StandardScaler}}"
IMPUTER = "{fill: {_target_: sklearn.impute.SimpleImputer}}"
PCA_3 = "preprocessing.after={pca: {_target_: sklearn.decomposition.PCA, n_components: 3}}"
FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
HIST = ("model=hist_gbr", "model.estimator.max_iter=20")


def mine(columns, *overrides):
    """Return a config with these steps by column, as a YAML file gives them: a command line takes no key with a *."""
    config = config_of(*overrides)
    sections = config.preprocessing.model_dump() | {"columns": yaml.safe_load(columns)}
    return config.model_copy(update={"preprocessing": config.preprocessing.model_validate(sections)})


def encode(config, y=TABLE["rentals"]):
    check_estimators(config)
    X = read_table(config, find_tolerance(config)).X
    return build_pipeline(config, X)[:-1].fit_transform(X, y)


@pytest.mark.parametrize(
    ("key", "scaled"),
    [
        ("hum", ["hum"]),
        ("'*temp'", ["temp", "atemp"]),
        ("'hum, windspeed'", ["hum", "windspeed"]),
        ("'?temp, win*'", ["atemp", "windspeed"]),
    ],
)
def test_steps_for_some_columns_are_those_of_scikit_learn(key, scaled):
    encoded = encode(mine(f"{{{key}: {SCALER}}}", "preprocessing=none"))
    rest = [name for name in TABLE.columns if name in {*NUMBERS, *CODES} - {*scaled}]
    expected = np.hstack([TABLE[rest], StandardScaler().fit_transform(TABLE[scaled])])
    np.testing.assert_array_equal(encoded, expected)


def test_a_column_keeps_its_steps_whatever_its_kind_has():
    encoded = encode(
        config_of("preprocessing=standard", "preprocessing.columns={season: passthrough, temp: passthrough}")
    )
    np.testing.assert_array_equal(encoded[:, -2:], TABLE[["season", "temp"]])


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("preprocessing.numeric=passthrough", "~preprocessing.numeric.scaler"),
        ("preprocessing.numeric.scaler=passthrough", "~preprocessing.numeric.scaler"),
        ("preprocessing.columns={hum: passthrough}", "preprocessing.columns={hum: {}}"),
        ("preprocessing.after=passthrough", "preprocessing.after={}"),
    ],
)
def test_passthrough_is_no_step(override, same):
    assert config_of("preprocessing=standard", override) == config_of("preprocessing=standard", same)


@pytest.mark.parametrize("name", ["a*", "t [C]", "x, y"])
def test_a_name_that_looks_like_a_pattern_is_that_column_alone(name, workdir):
    rng, names = np.random.default_rng(0), ["a*", "ab", "t [C]", "t C", "x, y", "y", "target"]
    pd.DataFrame(rng.normal(size=(40, 7)), columns=names).to_csv("t.csv", index=False)
    words = ("data=csv", "data.path=t.csv", "data.target=target", "preprocessing=none")
    config = mine(f"{{'{name}': {SCALER}}}", *words)
    table = read_table(config, find_tolerance(config))
    preprocessor = build_pipeline(config.model_copy(update={"data": table.data}), table.X)[0]
    assert [columns for *_, columns in preprocessor.transformers] == [[n for n in names[:-1] if n != name], [name]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("{tmp: passthrough}", r"preprocessing.columns names 'tmp', which is no column; did you mean 'temp'\?"),
        ("{rentals: passthrough}", r"names 'rentals', which is no feature: it is in data.target"),
        ("{dteday: passthrough}", r"names 'dteday', which is no feature: it is in data.date"),
        ("{'sensor_*': passthrough}", r"has the pattern 'sensor_\*', which matches none of \['season', 'mnth', "),
        ("{'temp, hmu': passthrough}", r"names 'hmu', which is no column; did you mean 'hum'"),
        (
            "{temp: passthrough, '*temp': passthrough}",
            r"has 'temp', '\*temp' for column 'temp'; take it from all but one",
        ),
    ],
)
def test_keys_that_mean_no_column_or_one_of_another_key_are_refused(columns, message):
    with pytest.raises(DataError, match=message):
        encode(mine(columns, "preprocessing=none"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "preprocessing.columns={temp: {s: {_target_: sklearn.linear_model.Ridge}}}",
            r"columns.temp.s._target_=.*not a tr",
        ),
        (
            "preprocessing.after={s: {_target_: sklearn.linear_model.Ridge}}",
            r"preprocessing.after.s._target_=.*not a trans",
        ),
        (
            "preprocessing.after={regressor: {_target_: sklearn.decomposition.PCA}}",
            r"after.regressor: the pipeline has a",
        ),
        (
            "preprocessing.after={p: {_target_: sklearn.decomposition.PCA, n_component: 2}}",
            r"no such argument; did you mean 'n",
        ),
        (
            "++model.grid.monotonic_cst=[null,{temp: 1}]",
            r"RandomForestRegressor takes no names in monotonic_cst here; choose model=hist_gbr",
        ),
        (
            "preprocessing.columns={temp: drop}",
            r"columns.temp='drop' leaves columns out, which is done by data.ignored",
        ),
    ],
)
def test_wrong_steps_are_refused_before_the_table_is_read(override, message):
    with pytest.raises(ConfigError, match=message):
        check_estimators(config_of("model=rf", "preprocessing=none", "search=grid", override))


@pytest.mark.slow
def test_gaps_are_taken_by_the_columns_whose_own_steps_fill_them(workdir):
    gappy = TABLE.assign(temp=TABLE["temp"].mask(TABLE.index < 3))
    gappy.to_csv("gappy.csv", index=False)
    words = ("data.path=gappy.csv", "preprocessing=none", f"preprocessing.columns={{temp: {IMPUTER}}}")
    assert not np.isnan(encode(config_of(*words))).any()
    gappy.assign(hum=gappy["temp"]).to_csv("gappy.csv", index=False)
    with pytest.raises(DataError, match="column 'hum' is missing in row 1") as caught:
        encode(config_of(*words))
    assert "'temp'" not in str(caught.value)
    assert find_tolerance(config_of(*words)) != Tolerance()


def test_steps_after_the_columns_see_all_that_are_encoded():
    encoded = encode(config_of("preprocessing=none", PCA_3))
    features = TABLE[[name for name in TABLE.columns if name in {*NUMBERS, *CODES}]].to_numpy(float)
    np.testing.assert_allclose(np.abs(encoded), np.abs(PCA(3).fit_transform(features)), atol=1e-8)


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_a_run_with_own_steps_and_steps_after_them_is_searched_saved_and_read_back(workdir):
    select = "k_best: {_target_: sklearn.feature_selection.SelectKBest, k: 4, score_func: {_target_: hydra.utils.get_method, path: sklearn.feature_selection.f_regression}}"
    words = ("model=tree", "search=grid", "model.grid={max_depth: [2, 3]}", "preprocessing=standard")
    own = (f"preprocessing.columns={{temp: {SCALER}, atemp: {SCALER}}}", f"preprocessing.after={{{select}}}")
    result = bikeml.run(*FAST, *words, *own, "hydra.run.dir=out")
    assert list(result.pipeline.named_steps) == ["preprocessor", "k_best", "regressor"]
    names = name_inputs(result.pipeline)
    assert len(names) == 4
    assert {*names} <= {
        *NUMBERS,
        *(name for code in CODES for name in result.pipeline[0].get_feature_names_out() if code in name),
    }
    assert any(f"|--- {name} <=" in (workdir / "out" / "tree.txt").read_text() for name in names)
    assert {*result.record.importance.columns} == {*NUMBERS, *CODES}
    loaded = load_pipeline(workdir / "out" / "model")
    np.testing.assert_array_equal(loaded.predict(TABLE), result.pipeline.predict(TABLE))


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_gaps_reach_no_step_that_refuses_them(workdir):
    TABLE.assign(hum=TABLE["hum"].mask(TABLE.index % 9 == 0)).to_csv("gappy.csv", index=False)
    words = (
        "data=csv",
        "data.path=gappy.csv",
        "data.target=rentals",
        "data.ignored=[instant,dteday]",
    )
    result = bikeml.run(*FAST, *words, *HIST, PCA_3, "hydra.run.dir=out")
    assert result.metrics["test_r2"] > 0.2


@pytest.mark.parametrize("preprocessing", ["none", "ordinal"])
def test_a_constraint_by_name_reaches_its_column(preprocessing):
    config = config_of(*HIST, f"preprocessing={preprocessing}", "model.estimator.monotonic_cst={temp: -1}")
    check_estimators(config)
    X, y = read_table(config, find_tolerance(config)).X, TABLE["rentals"]
    pipeline = build_pipeline(config, X).fit(X, y)
    grid = X.iloc[[0] * 50].assign(temp=np.linspace(0, 1, 50))
    assert (np.diff(pipeline.predict(grid)) <= 1e-9).all()
    encoded = (
        X
        if preprocessing == "none"
        else pd.concat([X[NUMBERS], pd.DataFrame(OrdinalEncoder().fit_transform(X[CODES]), columns=CODES)], axis=1)
    )
    model = HistGradientBoostingRegressor(max_iter=20, random_state=0, monotonic_cst={"temp": -1}).fit(encoded, y)
    np.testing.assert_array_equal(pipeline.predict(X), model.predict(encoded))


@pytest.mark.parametrize("model", ["tree", "rf", "extra_trees"])
def test_trees_that_take_positions_get_those_of_the_names(model):
    words = (f"model={model}", "preprocessing=ordinal", "model.estimator.monotonic_cst={temp: -1}")
    config = config_of(*words, *(() if model == "tree" else ("model.estimator.n_estimators=10",)))
    check_estimators(config)
    X = read_table(config, find_tolerance(config)).X
    pipeline = build_pipeline(config, X).fit(X, TABLE["rentals"])
    assert name_inputs(pipeline)[pipeline[-1].monotonic_cst.index(-1)] == "temp"
    for row in (0, 200, 400):
        grid = X.iloc[[row] * 50].assign(temp=np.linspace(0, 1, 50))
        assert (np.diff(pipeline.predict(grid)) <= 1e-9).all()


def test_interactions_by_name_are_those_of_the_columns():
    config = config_of(*HIST, "preprocessing=ordinal", "model.estimator.interaction_cst=[[temp, hum], [season]]")
    check_estimators(config)
    X = read_table(config, find_tolerance(config)).X
    pipeline = build_pipeline(config, X).fit(X, TABLE["rentals"])
    names = name_inputs(pipeline)
    groups = [[names[place] for place in group] for group in pipeline[-1].interaction_cst]
    assert groups == [["temp", "hum"], ["season"]]
    assert names.index("season") != list(X.columns).index("season")


@pytest.mark.parametrize(
    ("model", "argument"),
    [
        ("RandomForestRegressor", "monotonic_cst={temp: 1}"),
        ("HistGradientBoostingRegressor", "interaction_cst=[[temp, hum]]"),
    ],
)
def test_a_position_that_could_change_from_fold_to_fold_is_refused(model, argument):
    group = "rf" if model.startswith("Random") else "hist_gbr"
    config = config_of(f"model={group}", "preprocessing=standard", f"model.estimator.{argument}")
    check_estimators(config)
    X = read_table(config, find_tolerance(config)).X
    with pytest.raises(ConfigError, match=f"{model} takes them by position, but preprocessing makes other"):
        build_pipeline(config, X)


def test_categories_by_name_are_those_columns():
    config = config_of(*HIST, "preprocessing=ordinal", "model.estimator.categorical_features=[season,weekday]")
    X = read_table(config, find_tolerance(config)).X
    pipeline = build_pipeline(config, X).fit(X, TABLE["rentals"])
    names = name_inputs(pipeline)
    assert [names[i] for i in np.flatnonzero(pipeline[-1].is_categorical_)] == ["season", "weekday"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["model.estimator.monotonic_cst={tmp: 1}"],
            r"model.estimator.monotonic_cst names 'tmp', which is no feature; did y",
        ),
        (
            ["model.estimator.monotonic_cst={season: 1}"],
            r"monotonic_cst names 'season', and preprocessing makes other columns",
        ),
        (
            ["model.estimator.categorical_features=[season]"],
            r"categorical_features names 'season', and preprocessing makes",
        ),
        (
            ["search=grid", "+model.grid.monotonic_cst=[null, {hmu: 1}]"],
            r"model.grid.monotonic_cst.1 names 'hmu'.*'hum'",
        ),
        (
            ["model.estimator.interaction_cst=[[temp, hmu], [season_1]]"],
            r"model.estimator.interaction_cst.0 names 'hmu', which is no feature; did you mean 'hum'",
        ),
        (
            ["model.estimator.monotonic_cst={temp: 1}", PCA_3],
            r"names 'temp', and preprocessing .* \['pca0', 'pca1', 'pca2'\]",
        ),
    ],
)
def test_a_name_that_the_model_does_not_get_is_refused_before_the_fit(words, message):
    config = config_of(*HIST, "preprocessing=standard", *words)
    check_estimators(config)
    X = read_table(config, find_tolerance(config)).X
    with pytest.raises(ConfigError, match=message):
        build_pipeline(config, X)


def test_names_of_encoded_columns_are_taken_too():
    config = config_of(*HIST, "preprocessing=standard", "model.estimator.monotonic_cst={season_1: 1}")
    X = read_table(config, find_tolerance(config)).X
    build_pipeline(config, X).fit(X, TABLE["rentals"])


@pytest.mark.slow
def test_a_search_over_names_shares_fits_and_stays_exact():
    words = ("search=grid", "model.grid.max_iter=[5, 10]", "+model.grid.monotonic_cst=[null, {temp: 1}, {hum: -1}]")
    fewer = ("~model.grid.learning_rate", "~model.grid.max_leaf_nodes")
    config = config_of("model=hist_gbr", "preprocessing=ordinal", *words, *fewer)
    check_estimators(config)
    X, y = read_table(config, find_tolerance(config)).X[:300], TABLE["rentals"][:300]
    pipeline = build_pipeline(config, X)
    grid = build_grid(config, pipeline)
    ours, theirs = (search(clone(pipeline), grid, cv=3).fit(X, y) for search in (SharedFitGridSearchCV, GridSearchCV))
    np.testing.assert_array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    assert ours.n_fits_ < 18
    assert len({*ours.cv_results_["mean_test_score"]}) > 3


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_a_run_with_names_is_saved_and_read_back(workdir):
    words = (
        "preprocessing=ordinal",
        "model.estimator.monotonic_cst={temp: 1}",
        "model.estimator.categorical_features=[season]",
    )
    result = bikeml.run(*FAST, *HIST, *words, "hydra.run.dir=out")
    loaded = load_pipeline(workdir / "out" / "model")
    np.testing.assert_array_equal(loaded.predict(TABLE), result.pipeline.predict(TABLE))
    assert {*result.record.importance.columns} == {*NUMBERS, *CODES}
    assert not any("monotonic_cst" in hint for hint in result.record.hints)


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("model", "told"),
    [("hist_gbr", "model.estimator.monotonic_cst means 'holiday', by"), ("tree", "means 'holiday', by")],
)
def test_a_constraint_by_position_says_which_column_it_means(model, told):
    in_table_order = "model.estimator.monotonic_cst=[0,0,0,0,0,0,1,0,0,0]"  # of temp, as the table has it
    result = bikeml.run(*FAST, f"model={model}", "preprocessing=ordinal", in_table_order, "hydra.run.dir=out")
    assert any(told in hint for hint in result.record.hints)


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_interactions_by_position_say_which_columns_they_mean(workdir):
    groups = "model.estimator.interaction_cst=[[0, 1], [2]]"
    hints = bikeml.run(*FAST, *HIST, "preprocessing=ordinal", groups, "hydra.run.dir=out").record.hints
    assert any("model.estimator.interaction_cst.0 means 'temp', 'atemp', by" in hint for hint in hints)


def test_interactions_by_name_are_refused_where_no_position_is_put_for_them():
    config = config_of(*HIST, "search=grid", "model.grid.max_iter=[5]", "+model.grid.interaction_cst=[[[temp]]]")
    with pytest.raises(ConfigError, match="takes no names in interaction_cst here"):
        check_estimators(config)


@pytest.mark.slow
def test_what_a_column_and_all_of_them_pass_counts_and_nothing_else():
    def of(*overrides):
        return fingerprint(identify(config_of("preprocessing=none", *overrides), "a" * 64))

    pca, scaler = "pca: {_target_: sklearn.decomposition.PCA}", "s: {_target_: sklearn.preprocessing.StandardScaler}"
    different = [
        of(),
        of(f"preprocessing.after={{{pca}}}"),
        of(f"preprocessing.after={{{pca}, {scaler}}}"),
        of(f"preprocessing.after={{{scaler}, {pca}}}"),
        of(f"preprocessing.columns={{temp: {{{scaler}}}}}"),
        of(f"preprocessing.columns={{temp: {{{scaler}, {pca}}}}}"),
        of(f"preprocessing.columns={{temp: {{{pca}, {scaler}}}}}"),
        of(f"preprocessing.columns={{temp: {{{pca}}}, hum: {{{scaler}}}}}"),
        of(f"preprocessing.columns={{hum: {{{scaler}}}, temp: {{{pca}}}}}"),
    ]
    assert len({*different}) == len(different)
    assert of("preprocessing.columns={}", "preprocessing.after={}") == of()
    assert (config_dir() / "preprocessing" / "none.yaml").is_file()
