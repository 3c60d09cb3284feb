"""preprocessing=auto: every kind of column, with gaps, for every model, and the same answers after a saved model is loaded."""

import importlib
import itertools
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from skrub._config import _get_default_data_dir

import bikeml.experiment
from bikeml.config.composition import config_dir
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, FitError
from bikeml.experiment.check import check_estimators, find_tolerance
from bikeml.experiment.encoding import width
from bikeml.experiment.encoding.names import name_features
from bikeml.experiment.grid import build_grid
from bikeml.experiment.model_file import hash_model, load_pipeline, save_pipeline
from bikeml.experiment.model_folder import PACKAGES, check_folder, write_folder
from bikeml.experiment.pipeline import build_pipeline
from bikeml.records.fingerprint import fingerprint, identify, user_packages
from bikeml.search import SharedFitGridSearchCV
from bikeml.table.problems import Tolerance
from tests.conftest import config_of

MODELS = sorted(file.stem for file in (config_dir() / "model").glob("*.yaml"))
ROLES = (
    "data.numeric=[size,rooms]",
    "data.categorical=[city,street]",
    "data.date=[sold,seen]",
    "+data.text=[advert]",
    "data.date_format={sold: '%d.%m.%Y'}",
)
KINDS = ("data=csv", "data.path=x.csv", "data.target=y", "data.categories=text", *ROLES, "preprocessing=auto")
N = 240


def make_table() -> pd.DataFrame:
    """A table of flats: columns of every kind, all with gaps but `rooms`."""
    draw = np.random.default_rng(0)
    days = pd.Timestamp("2019-01-31") + pd.to_timedelta(draw.integers(0, 900, N), unit="D")
    words = ["quiet", "sunny", "garden", "lift", "noisy", "central", "old", "new"]
    X = pd.DataFrame(
        {
            "advert": [" ".join(draw.choice(words, 4)) for _ in range(N)],
            "size": draw.normal(70, 20, N),
            "street": [f"{number} street" for number in draw.integers(0, 60, N)],
            "sold": days.strftime("%d.%m.%Y"),
            "city": draw.choice(["Ulm", "Bonn", "01", "1"], N),
            "rooms": draw.integers(1, 5, N).astype(float),
            "seen": (days + pd.to_timedelta(draw.integers(0, 24, N), unit="h")).strftime("%Y-%m-%dT%H:%M:%S+01:00"),
        }
    ).astype(dict.fromkeys(["advert", "street", "sold", "city", "seen"], object))
    for name in X.columns.drop("rooms"):
        X.loc[draw.choice(N, 12, replace=False), name] = np.nan
    return X


X = make_table()
y = (
    X["size"].fillna(60) * 3
    + (X.city == "Ulm") * 40
    + X.advert.str.contains("garden", na=False) * 30
    + X.street.fillna("7 street").str.extract(r"(\d+)", expand=False).astype(float)
).to_numpy()
ASKED = pd.concat(
    [
        X.head(20),
        X.head(1).assign(city="new", street="new", advert="unheard words", sold="yesterday", seen="2020-02-30"),
        pd.DataFrame([dict.fromkeys(X.columns, np.nan)]).astype(X.dtypes.to_dict()),
    ],
    ignore_index=True,
)


@cache
def auto(*overrides: str) -> Config:
    config = config_of(*KINDS, *overrides)
    check_estimators(config)
    return config


def fit(*overrides: str, rows: pd.DataFrame = X) -> Pipeline:
    return build_pipeline(auto(*overrides), rows).fit(rows, y)


LEAST = {"baseline": -0.1, "knn": 0.3, "svr": 0.0}
"""R² on the training rows of the models that do not come near them as they are; 0.5 of the others."""
FEW_TREES = dict.fromkeys(("rf", "extra_trees", "gbr"), ("model.estimator.n_estimators=20",))


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:The optimal value found for dimension"
)  # a Gaussian process at a bound of its kernel
@pytest.mark.parametrize(
    "model",
    [
        pytest.param(model, marks=pytest.mark.long if model in ("stacking", "voting") else ())  # fit all others
        for model in MODELS
    ],
)
def test_every_model_fits_every_kind_and_answers_the_same_after_loading(model, tmp_path):
    pipeline = fit(f"model={model}", *FEW_TREES.get(model, ()))
    expected = pipeline.predict(ASKED)
    assert np.isfinite(expected).all()
    assert pipeline.score(X, y) > LEAST.get(model, 0.5)
    write_folder(pipeline, X.head(5), "f" * 64, tmp_path)
    np.testing.assert_array_equal(load_pipeline(tmp_path, hash_model(tmp_path)).predict(ASKED), expected)
    np.testing.assert_array_equal(check_folder(tmp_path, hash_model(tmp_path)).predict(ASKED), expected)


@pytest.mark.parametrize("model", MODELS)
def test_auto_takes_gaps_and_text_everywhere(model):
    everything = Tolerance(
        text_categories=True, numeric_gaps=True, categorical_gaps=True, date_gaps=True, text_gaps=True
    )
    assert find_tolerance(config_of(*KINDS, f"model={model}")) == everything


def list_strategies(*overrides: str) -> list[str]:
    """Return the strategies of all imputers of the pipeline."""
    parameters = build_pipeline(auto(*overrides), X).get_params().items()
    return sorted(value for name, value in parameters if name.endswith("__strategy"))


@pytest.mark.parametrize(
    ("overrides", "n_imputers"),
    [(["linear"], 3), (["gbr"], 3), (["rf"], 0), (["hist_gbr"], 0), (["rf", "preprocessing.impute=always"], 3)],
)
def test_gaps_are_filled_only_for_models_that_do_not_take_them(overrides, n_imputers):
    model, *more = overrides
    assert (
        list_strategies(f"model={model}", *more) == ["constant"] * 3 + ["median"] * n_imputers
    )  # text and two kinds of categories have one each


NO_GAPS = X.bfill().ffill()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("model", ["linear", "hist_gbr"])
@pytest.mark.parametrize("rows", [X, NO_GAPS], ids=["gaps", "no gaps in training"])
def test_a_gap_is_the_same_whatever_stands_for_it(model, rows, tmp_path):
    fitted = fit(f"model={model}", *(["model.estimator.max_iter=5"] if model == "hist_gbr" else []), rows=rows)
    pipeline = load_pipeline(save_pipeline(fitted, tmp_path))
    for name, n_others in itertools.product(X.columns, (1, 0)):
        whole, others = rows.iloc[: 1 + n_others], rows[name].iloc[1 : 1 + n_others]
        asked = [whole.assign(**{name: pd.Series([gap, *others], dtype=object)}) for gap in (np.nan, None)]
        if not n_others:
            asked.append(whole.assign(**{name: np.nan}))  # read from a file, nothing but gaps are floats
        answers = [pipeline.predict(each).tolist() for each in asked]
        assert answers == [answers[0]] * len(answers), name
        assert np.isfinite(answers[0]).all()


def as_json(rows: pd.DataFrame) -> dict[str, list]:
    """Return rows as a client sends them: null for a gap."""
    return rows.astype(object).where(rows.notna(), None).to_dict(orient="split", index=False)


def test_plain_mlflow_answers_the_same(tmp_path):
    import mlflow

    pipeline = fit("model=hist_gbr")
    write_folder(pipeline, X.head(40), "f" * 64, tmp_path)
    model = mlflow.pyfunc.load_model(str(tmp_path))
    for rows in (ASKED, ASKED.tail(1), ASKED.head(1)):
        expected = pipeline.predict(rows).tolist()
        assert model.predict(pd.DataFrame(**as_json(rows))).tolist() == expected
        assert model.predict(rows).tolist() == expected


@pytest.mark.long
@pytest.mark.slow
def test_the_real_scoring_server_answers_the_same(tmp_path):
    from bikeml.system.servers import wait_until_it_answers
    from bikeml.tasks.models.serve import Options, _workers
    from bikeml.tracking.application import SERVED, SERVED_SHA256
    from tests.azureml.processes import free_port
    from tests.test_serve import ask

    pipeline, port, log = fit("model=hist_gbr"), free_port(), tmp_path / "log"
    write_folder(pipeline, X.head(40), "f" * 64, tmp_path / "model")
    served = {SERVED: str(tmp_path / "model"), SERVED_SHA256: hash_model(tmp_path / "model")}
    with _workers(served, Options(run="latest", port=port, workers=2), log) as server:
        wait_until_it_answers(server, port, "/ping", log)
        for rows in (ASKED, ASKED.tail(1)):
            answer = ask(f"http://127.0.0.1:{port}/invocations", {"dataframe_split": as_json(rows)})
            assert answer["predictions"] == pipeline.predict(rows).tolist()


@pytest.mark.parametrize("model", ["linear", "tree"])
def test_a_whole_number_is_the_same_as_an_integer_and_as_a_float(model):
    pipeline = fit(f"model={model}")
    np.testing.assert_array_equal(pipeline.predict(X.astype({"rooms": int})), pipeline.predict(X))
    half = pipeline.predict(X.assign(rooms=2.5))
    assert half.tolist() == pipeline.predict(X.assign(rooms=np.float64(2.5))).tolist()


def test_codes_are_categories_as_written():
    answers = fit("model=linear").predict(
        X.head(4)
        .assign(city=["01", "1", "1.0", "never seen"])
        .assign(**{name: X[name].iloc[20] for name in X.columns.drop("city")})
    )
    assert answers[0] != answers[1]
    assert answers[2] == answers[3]


def test_a_level_above_the_threshold_is_encoded_by_the_target():
    preprocessor = build_pipeline(config_of(*KINDS), X)[0]
    columns = {name: columns for name, _, columns in preprocessor.transformers}
    assert columns["categorical"] == ["city"]
    assert columns["high_cardinality"] == ["street"]
    preprocessor = build_pipeline(config_of(*KINDS, "preprocessing.cardinality_threshold=100"), X)[0]
    assert {name: columns for name, _, columns in preprocessor.transformers}["categorical"] == ["street", "city"]


def test_dates_become_their_calendar_in_one_time_zone():
    names = name_features(fit("model=tree")[0])
    assert [name for name in names if "indicator" not in name and name.startswith("seen")] == [
        f"seen_{part}" for part in ("year", "month", "day", "hour", "total_seconds", "weekday")
    ]
    pipeline = fit("model=hist_gbr")
    summer = X.head(1).assign(seen="2020-06-01T12:00:00+02:00")
    np.testing.assert_array_equal(
        pipeline.predict(summer), pipeline.predict(summer.assign(seen="2020-06-01T10:00:00+00:00"))
    )


def test_dates_without_steps_are_no_features():
    config = config_of(*KINDS, "preprocessing=imputed", "+data.ignored=[advert]", "data.text=[]")
    names = [name for name, *_ in build_pipeline(config, X)[0].transformers]
    assert names == ["numeric", "categorical"]


def test_text_without_steps_is_refused_by_name():
    config = config_of(*KINDS, "preprocessing=imputed")
    for refused in (lambda: check_estimators(config), lambda: build_pipeline(config, X)):
        with pytest.raises(
            ConfigError, match=r"data.text=\['advert'\].*preprocessing=auto, or put it into data.ignored"
        ):
            refused()


def test_steps_of_every_kind_are_checked():
    kinds = ("numeric", "categorical", "high_cardinality", "date", "text")
    wrong = [f"+preprocessing.{kind}.wrong={{_target_: sklearn.preprocessing.Nope}}" for kind in kinds]
    with pytest.raises(ConfigError) as caught:
        check_estimators(config_of(*KINDS, *wrong))
    assert all(f"preprocessing.{kind}.wrong._target_" in str(caught.value) for kind in kinds)


def test_an_estimator_of_skrub_that_a_saved_model_may_not_hold_is_refused():
    with pytest.raises(ConfigError, match="of skrub it loads DatetimeEncoder"):
        check_estimators(config_of(*KINDS, "+preprocessing.text.gap={_target_: skrub.GapEncoder}"))


def test_dates_as_cycles_are_saved_and_loaded(tmp_path):
    pipeline = fit("model=ridge", "preprocessing.date.calendar.periodic_encoding=circular")
    loaded = load_pipeline(save_pipeline(pipeline, tmp_path))
    np.testing.assert_array_equal(loaded.predict(ASKED), pipeline.predict(ASKED))


SHORT = {
    "gbr": ["model.grid.learning_rate=[0.1, 0.2]"],
    "rf": ["model.grid.min_samples_leaf=[1]", "model.grid.max_features=[0.5]"],
}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gbr", "rf"])
def test_the_shared_search_finds_what_grid_search_cv_finds(model):
    config = config_of(
        *KINDS,
        f"model={model}",
        "search=grid",
        "model.grid.n_estimators=[3, 5]",
        "model.estimator.max_depth=3",
        *SHORT[model],
    )
    pipeline = build_pipeline(config, X)
    arguments = {
        "param_grid": build_grid(config, pipeline),
        "cv": KFold(3, shuffle=True, random_state=0),
        "scoring": "r2",
        "return_train_score": True,
    }
    ours = SharedFitGridSearchCV(clone(pipeline), **arguments).fit(X, y)
    theirs = GridSearchCV(clone(pipeline), **arguments).fit(X, y)
    for key in theirs.cv_results_:
        if "score" in key and "time" not in key:
            np.testing.assert_array_equal(ours.cv_results_[key], theirs.cv_results_[key])
    np.testing.assert_array_equal(ours.predict(ASKED), theirs.predict(ASKED))
    assert ours.n_fits_avoided_ > 0


def test_many_encoded_columns_become_sparse_only_for_a_model_that_takes_it(monkeypatch):
    dense = {model: fit(f"model={model}", *FEW_TREES.get(model, ())) for model in ("ridge", "rf", "hist_gbr")}
    assert not any(issparse(pipeline[0].transform(X)) for pipeline in dense.values())
    monkeypatch.setattr(width, "DENSE_BYTES", 1000)
    for model, is_sparse in (("ridge", True), ("rf", True), ("hist_gbr", False)):
        pipeline = fit(f"model={model}", *FEW_TREES.get(model, ()))
        encoded = pipeline[0].transform(X)
        assert issparse(encoded) is is_sparse
        assert np.isfinite(pipeline.predict(ASKED)).all()


def test_what_does_not_fit_into_memory_is_refused_before_it_is_allocated(monkeypatch):
    monkeypatch.setattr(width, "DENSE_BYTES", 1000)
    monkeypatch.setattr(width.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 2**10}))
    with pytest.raises(FitError, match=r"240 training rows with \d+ encoded columns take .* GiB, and .*data.ignored"):
        build_pipeline(config_of(*KINDS, "model=hist_gbr"), X)
    with pytest.raises(FitError, match="'street' alone has 6. levels; choose preprocessing=auto"):
        build_pipeline(config_of(*KINDS, "data.text=[]", "preprocessing=standard"), X)


def test_two_columns_of_text_and_names_that_meet_are_told_apart(tmp_path):
    config = config_of(*KINDS, "data.text=[advert,other]", "data.numeric=[size,rooms,sold_year]", "model=tree")
    rows = X.assign(other=X.advert[::-1].to_numpy(), sold_year=1.0)
    names = name_features(build_pipeline(config, rows).fit(rows, y)[0])
    assert {"advert 0", "advert 29", "other 0"} <= {*names}
    assert names.count("sold_year") == 2
    assert len(names) == build_pipeline(config, rows).fit(rows, y)[-1].n_features_in_


def test_words_that_the_training_rows_lack_make_no_large_number():
    draw, adverts = np.random.default_rng(0), [""] * N
    for row in range(0, 72, 3):
        adverts[row] = f"{('audi', 'fiat', 'ford')[row % 9 // 3]} V{draw.integers(4, 8)} x{draw.integers(12)}"
    pipeline = fit("model=ridge", rows=X.assign(advert=adverts))  # most of the 30 components of the text are empty
    features = np.asarray(pipeline[:-1].transform(X.assign(advert="audi with a garden")), float)
    assert np.abs(features).max() < 20


@pytest.mark.parametrize("model", ["linear", "rf", "hist_gbr"])
@pytest.mark.filterwarnings(
    "ignore:invalid value encountered in divide:RuntimeWarning"
)  # StandardScaler, of no numbers
def test_a_column_that_is_empty_in_one_fold_is_no_trouble(model):
    rows = X.assign(size=X["size"].where(X.index < 120), seen=X["seen"].where(X.index < 120))
    folds = [(np.arange(120), np.arange(120, N)), (np.arange(120, N), np.arange(120))]
    fitted = build_pipeline(config_of(*KINDS, f"model={model}"), rows, folds).fit(rows.iloc[120:], y[120:])
    assert np.isfinite(fitted.predict(rows)).all()


def test_skrub_is_installed_where_a_model_needs_it_only(tmp_path):
    with_dates, without = fit("model=ridge"), fit("model=ridge", "data.date=null")
    for name, pipeline in (("with", with_dates), ("without", without)):
        write_folder(pipeline, X.head(5), "f" * 64, tmp_path / name)
        check_folder(tmp_path / name)
    lines = {name: (tmp_path / name / "requirements.txt").read_text().splitlines() for name in ("with", "without")}
    assert [line.split("==")[0] for line in lines["without"]] == [*PACKAGES]
    assert [line.split("==")[0] for line in lines["with"]] == [*PACKAGES, "skrub"]


def test_the_version_of_skrub_counts_only_if_the_config_names_it(monkeypatch):
    ours, standard = auto(), config_of("preprocessing=standard")
    assert user_packages(ours) == []
    assert "skrub" in identify(ours, "a" * 64)["versions"]
    assert "skrub" not in identify(standard, "a" * 64)["versions"]


def test_impute_and_the_threshold_count():
    prints = {
        fingerprint(identify(config_of(*KINDS, *more), "a" * 64))
        for more in ([], ["preprocessing.impute=always"], ["preprocessing.cardinality_threshold=3"])
    }
    assert len(prints) == 3


def test_the_steps_are_of_scikit_learn_numpy_pandas_and_skrub_alone():
    pipeline = fit("model=ridge")
    packages = {type(part).__module__.split(".")[0] for part in pipeline.get_params().values()}
    assert packages <= {"sklearn", "skrub", "builtins", "numpy"}
    assert isinstance(pipeline[0], ColumnTransformer)


@pytest.mark.parametrize("home", ["/dev/null", "/nowhere/at/all"])
def test_a_home_that_cannot_be_written_does_not_keep_skrub_from_being_imported(home, monkeypatch):
    for name, value in (("HOME", home), ("USERPROFILE", home), ("SKB_DATA_DIRECTORY", "")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SKB_DATA_DIRECTORY")
    importlib.reload(bikeml.experiment)
    assert Path(_get_default_data_dir()).is_dir()


NAMES = "preprocessing.text_as_categories=true"


def test_text_can_be_a_category_that_is_encoded_by_its_levels():
    few = X.assign(advert=X["advert"].where(X["advert"].isna(), X["advert"].str.split().str[0]))
    one_hot = fit("model=ridge", NAMES, rows=few)
    assert [column for column in name_features(one_hot[0]) if column.startswith("advert")] == [
        f"advert_{word}" for word in [*sorted(few["advert"].dropna().unique()), "nan"]
    ]
    many = fit("model=ridge", NAMES)
    assert [column for column in name_features(many[0]) if column.startswith("advert")] == ["advert"]
    expected = many.predict(ASKED)
    assert np.isfinite(expected).all()
    assert "HashingVectorizer" not in repr(many.get_params())


def test_text_as_categories_takes_gaps_as_the_categories_do_and_needs_no_steps_for_text():
    for preprocessing, takes in {"auto": True, "standard": True, "none": False}.items():
        config = config_of(*KINDS, f"preprocessing={preprocessing}", f"++{NAMES}", "model=ridge")
        check_estimators(config)
        assert find_tolerance(config).text_gaps is takes is find_tolerance(config).categorical_gaps


def test_text_as_categories_is_part_of_the_result_and_leaves_earlier_fingerprints_alone():
    ours, names = (fingerprint(identify(config_of(*KINDS, *more), "a" * 64)) for more in ([], [NAMES]))
    assert ours != names
    assert ours == fingerprint(identify(config_of(*KINDS, "preprocessing.text_as_categories=false"), "a" * 64))
