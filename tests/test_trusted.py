"""What a config may name and a model file may hold, and what is neither named nor held."""

import gc
import importlib
import json
import sys
import zipfile

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import bikeml
from bikeml.errors import ConfigError, FitError, ModelFileError
from bikeml.experiment.check import check_estimators
from bikeml.experiment.estimators import build
from bikeml.experiment.model_file import load_pipeline, save_pipeline
from bikeml.experiment.model_folder import check_folder, write_folder
from bikeml.experiment.pipeline import is_reproducible
from bikeml.experiment.trusted.functions import FUNCTIONS, OBJECTS, find_object
from bikeml.experiment.trusted.schema import read_types
from bikeml.experiment.trusted.types import TRUSTED_TYPES, is_trusted
from tests.conftest import config_of

FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
X = pd.DataFrame(np.random.default_rng(0).uniform(1, 2, (60, 3)), columns=["a", "b", "c"])
y = (X["a"] + X["b"]).to_numpy()


def function(path, **more):
    return {"_target_": "hydra.utils.get_method", "path": path, **more}


def config_with(estimator):
    config = config_of("model=baseline")
    return config.model_copy(update={"model": config.model.model_copy(update={"estimator": estimator})})


def transformed(func):
    return config_with(
        {
            "_target_": "sklearn.compose.TransformedTargetRegressor",
            "regressor": {"_target_": "sklearn.linear_model.Ridge"},
            "func": func,
            "inverse_func": function("numpy.expm1"),
        }
    )


def test_every_name_on_a_list_is_there():
    for path in {*OBJECTS, *(name for names in FUNCTIONS.values() for name in names)}:
        assert callable(find_object(path))
    gone = {"pandas.to_datetime", "pandas.core.tools.datetimes.to_datetime"}  # one for each version of pandas
    for path in {*TRUSTED_TYPES} - gone:
        module, _, name = path.rpartition(".")
        if "array_api_compat" not in path:  # scipy's own copy, which moves
            name = {"masked_object": "masked_object"}.get(name, name)
            assert hasattr(importlib.import_module(module), name), path


def test_no_trusted_type_reads_writes_or_calls_a_method_by_name():
    assert not [name for name in TRUSTED_TYPES if "_scorer" in name or "PyFunc" in name or "joblib" in name]


@pytest.mark.parametrize("path", ["os.system", "builtins.eval", "numpy.load", "numpy.fromfile", "pandas.read_pickle"])
def test_a_function_that_is_not_on_the_list_is_refused(path):
    message = r"model.estimator.func.path='.+' is not a function that may stand here.*; allowed: numpy.abs, "
    with pytest.raises(ConfigError, match=message):
        check_estimators(transformed(function(path)))
    with pytest.raises(ConfigError, match=message.replace("model.", "")):
        build(transformed(function(path)).model.estimator)


def test_a_function_is_suggested():
    with pytest.raises(ConfigError, match=r"did you mean 'numpy.log1p'\?"):
        check_estimators(transformed(function("numpy.log1")))


@pytest.mark.parametrize(
    ("func", "message"),
    [
        (
            "numpy.log1p",
            r"func='numpy.log1p' is text; write a function as {_target_: hydra.utils.get_method, path: num",
        ),
        (
            {"_target_": "numpy.log1p", "_partial_": True},
            r"is not in an allowed package .*; write a function as {_targ",
        ),
        ({"_target_": "hydra.utils.get_class", "path": "os.system"}, r"get_class' is not in an allowed package"),
        (function("numpy.log1p", _args_=[1]), r"get_method takes a path only"),
        (function("numpy.log1p", _partial_=True), r"get_method takes a path only"),
    ],
)
def test_other_ways_to_a_function_are_refused_with_the_cure(func, message):
    with pytest.raises(ConfigError, match=message):
        check_estimators(transformed(func))


@pytest.mark.parametrize("key", ["metric", "weights"])
def test_a_function_stands_only_where_it_is_meant(key):
    estimator = {"_target_": "sklearn.neighbors.KNeighborsRegressor", key: function("numpy.log1p")}
    message = rf"model.estimator.{key} takes no function such as 'numpy.log1p'; these arguments take one: func, inverse"
    with pytest.raises(ConfigError, match=message):
        check_estimators(config_with(estimator))


@pytest.mark.parametrize("memory", ["cache", {"_target_": "sklearn.preprocessing.StandardScaler"}])
def test_no_folder_of_pickles_is_taken(memory):
    estimator = {"_target_": "sklearn.linear_model.Lasso"}
    steps = [["cluster", {"_target_": "sklearn.cluster.FeatureAgglomeration"}], ["last", estimator]]
    nested = {"_target_": "sklearn.pipeline.Pipeline", "steps": steps, "memory": memory}
    config = config_with({"_target_": "sklearn.compose.TransformedTargetRegressor", "regressor": nested})
    with pytest.raises(
        ConfigError, match=r"model.estimator.regressor.memory=.* is for pickles, which joblib loads.*; write null"
    ):
        check_estimators(config)


def test_an_allowed_package_adds_no_function(monkeypatch):
    monkeypatch.setenv("BIKEML_ALLOWED_PACKAGES", "os,hydra,numpy")
    for func in (function("os.system"), {"_target_": "os.system"}, {"_target_": "numpy.log1p"}):
        with pytest.raises(ConfigError):
            check_estimators(transformed(func))


KERNELS = "sklearn.gaussian_process.kernels"
GAUSSIAN = {
    "_target_": "sklearn.gaussian_process.GaussianProcessRegressor",
    "kernel": {
        "_target_": f"{KERNELS}.Sum",
        "k1": {
            "_target_": f"{KERNELS}.Product",
            "k1": {"_target_": f"{KERNELS}.RBF"},
            "k2": {"_target_": f"{KERNELS}.Matern"},
        },
        "k2": {"_target_": f"{KERNELS}.WhiteKernel"},
    },
    "random_state": 0,
}
SCORER = {
    "_target_": "sklearn.metrics.make_scorer",
    "score_func": function("sklearn.metrics.mean_absolute_error"),
    "greater_is_better": False,
}
SEARCH = {
    "_target_": "sklearn.compose.TransformedTargetRegressor",
    "regressor": {
        "_target_": "sklearn.model_selection.GridSearchCV",
        "estimator": {"_target_": "sklearn.linear_model.Ridge"},
        "param_grid": {"alpha": [0.1, 1.0]},
        "cv": {"_target_": "sklearn.model_selection.TimeSeriesSplit", "n_splits": 3},
        "scoring": SCORER,
    },
}


@pytest.mark.parametrize(
    "estimator",
    [GAUSSIAN, SEARCH, SEARCH["regressor"]],
    ids=["kernels", "splitter and scorer", "a search as the model"],
)
def test_objects_of_the_list_are_built_fitted_and_loaded(estimator, workdir):
    check_estimators(config_with(estimator))
    pipeline = make_pipeline(build(estimator)).fit(X, y + np.random.default_rng(1).normal(size=len(y)))
    write_folder(pipeline, X.head(), "f" * 64, workdir / "model")
    for model in (check_folder(workdir / "model"), mlflow.sklearn.load_model(str(workdir / "model"))):
        np.testing.assert_allclose(model.predict(X), pipeline.predict(X), rtol=1e-12)


def test_an_argument_of_an_object_is_checked():
    kernel = {"_target_": f"{KERNELS}.Matern", "nuu": 1.5}
    with pytest.raises(
        ConfigError, match=r"model.estimator.kernel.nuu: Matern has no such argument; did you mean 'nu'"
    ):
        check_estimators(config_with({**GAUSSIAN, "kernel": kernel}))


def test_a_search_of_a_classifier_is_no_model():
    classifier = {"_target_": "sklearn.linear_model.LogisticRegression"}
    search = {**SEARCH["regressor"], "estimator": classifier}
    with pytest.raises(
        ConfigError, match=r"model.estimator: GridSearchCV is not a regressor; give it an estimator that"
    ):
        check_estimators(config_with(search))


def test_an_object_is_no_model():
    with pytest.raises(ConfigError, match=r"is not a regressor class"):
        check_estimators(config_with({"_target_": f"{KERNELS}.RBF"}))


@pytest.mark.parametrize(
    ("splitter", "is_seeded"),
    [
        ({"_target_": "sklearn.model_selection.ShuffleSplit"}, False),
        ({"_target_": "sklearn.model_selection.RepeatedKFold", "random_state": 0}, True),
        ({"_target_": "sklearn.model_selection.KFold", "shuffle": True}, False),
        ({"_target_": "sklearn.model_selection.TimeSeriesSplit"}, True),
    ],
)
def test_a_splitter_without_a_seed_makes_a_run_not_reproducible(splitter, is_seeded):
    estimator = {"_target_": "sklearn.linear_model.LassoCV", "random_state": 0, "cv": splitter}
    assert is_reproducible(config_with(estimator)) == is_seeded


def test_a_run_with_functions_has_the_identity_of_no_package_but_its_own():
    from bikeml.records.fingerprint import user_packages

    assert user_packages(transformed(function("numpy.log1p"))) == []


@pytest.mark.parametrize("scoring", ["r2", None])
def test_hist_gbr_that_stops_on_a_scorer_is_saved(scoring, workdir):
    regressor = HistGradientBoostingRegressor(early_stopping=True, scoring=scoring, max_iter=5, random_state=0)
    pipeline = make_pipeline(regressor).fit(X, y)
    before = {**vars(regressor)}
    file = save_pipeline(pipeline, workdir)
    assert vars(regressor) == before
    np.testing.assert_array_equal(load_pipeline(file).predict(X), pipeline.predict(X))


def test_no_scorer_is_in_the_file(workdir):
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1]}, scoring=["r2", "neg_mean_absolute_error"], refit="r2")
    pipeline = make_pipeline(search).fit(X, y)
    file = save_pipeline(pipeline, workdir)
    assert not [name for name in read_types(file) if "_scorer" in name]
    assert search.score(X, y) > 0.9
    np.testing.assert_array_equal(load_pipeline(file).predict(X), pipeline.predict(X))


MINE = """
import subprocess
from collections import OrderedDict, defaultdict
from sklearn.base import BaseEstimator, RegressorMixin

def shout(X):
    return X

class Inner:
    pass

class Mean(RegressorMixin, BaseEstimator):
    def __init__(self, strategy="nothing", constant=None, quantile=None):
        self.strategy, self.constant, self.quantile = strategy, constant, quantile
    def fit(self, X, y):
        self.mean_, self.inner_ = float(y.mean()), Inner()
        self.scores_ = defaultdict(OrderedDict, {"r2": OrderedDict(a=1)})  # as LightGBM does
        if self.strategy == "function": self.held_ = shout
        if self.strategy == "itself": self.held_ = self
        if self.strategy == "stranger": self.held_ = subprocess.Popen
        return self
    def predict(self, X):
        import numpy as np
        rng = np.random.default_rng()
        return np.full(len(X), self.mean_) + (rng.normal(size=len(X)) if self.strategy == "chance" else 0)
"""


@pytest.fixture
def mine(monkeypatch, workdir):
    (workdir / "mine").mkdir()
    (workdir / "mine" / "__init__.py").write_text(MINE)
    monkeypatch.syspath_prepend(workdir)
    monkeypatch.setenv("BIKEML_ALLOWED_PACKAGES", "mine")
    monkeypatch.setattr("bikeml.experiment.model_file._LOADED", set())
    yield importlib.import_module("mine")
    del sys.modules["mine"]


def run_mine(holds):
    arguments = ("model=baseline", "model.estimator._target_=mine.Mean", f"model.estimator.strategy={holds}")
    return bikeml.run(*FAST, *arguments, "hydra.run.dir=out")


@pytest.mark.slow
def test_the_model_of_an_allowed_package_is_loaded_by_the_same_word(mine, workdir, monkeypatch):
    model = run_mine("nothing").folder / "model"
    assert check_folder(model)[-1].strategy == "nothing"
    assert check_folder(model)[-1].scores_["r2"] == {"a": 1}
    assert mlflow.sklearn.load_model(str(model))[-1].mean_ == load_pipeline(model)[-1].mean_
    monkeypatch.delenv("BIKEML_ALLOWED_PACKAGES")
    message = (
        r"not trusted: mine.Inner, mine.Mean; if you trust who wrote their package, name it in BIKEML_ALLOWED_PACK"
    )
    with pytest.raises(ModelFileError, match=message):
        load_pipeline(model)
    with pytest.raises(
        ModelFileError, match=r"lists types as trusted that bikeml does not trust: mine.Inner, mine.Mean"
    ):
        check_folder(model)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("holds", "message"),
    [
        ("function", r"so it is not recorded: it holds types that are not trusted: mine.shout; "),
        ("stranger", r"so it is not recorded: it holds types that are not trusted: subprocess.Popen; "),
        ("itself", r"so it is not recorded: the fitted pipeline cannot be saved: RecursionError"),
        ("chance", r"so it is not recorded: it predicts .* for the first row, and predicted .* before it was saved"),
    ],
)
def test_a_model_that_could_not_be_used_is_not_recorded(mine, workdir, holds, message):
    if holds == "itself":
        gc.collect()  # what earlier tests have left: its finalizers would fail deep in the recursion
    with pytest.raises(FitError, match=message):
        run_mine(holds)
    assert not (workdir / "out" / "result.json").exists()


def test_what_an_allowed_package_imports_from_elsewhere_is_not_trusted(mine):
    assert is_trusted("mine.Mean")
    assert [
        name for name in ("mine.shout", "mine.subprocess", "mine.BaseEstimator", "mine.nothing") if is_trusted(name)
    ] == []


@pytest.mark.slow
def test_a_model_of_an_installed_package_pins_it(workdir, monkeypatch):
    monkeypatch.setenv("BIKEML_ALLOWED_PACKAGES", "joblib")
    from bikeml.experiment.model_folder import _find_packages

    assert _find_packages({"joblib.memory.Memory", "sklearn.linear_model._ridge.Ridge"})[-1] == "joblib"
    assert "joblib" not in _find_packages({"sklearn.linear_model._ridge.Ridge"})


def test_a_model_is_loaded_once_for_each_set_of_types(workdir, monkeypatch):
    from bikeml.experiment import model_file

    loaded = []
    monkeypatch.setattr(model_file, "_LOADED", set())
    monkeypatch.setattr(skops.io, "load", lambda file, **_: loaded.append(file) or pipeline)
    for number, alpha in enumerate((1.0, 2.0)):
        pipeline = make_pipeline(Ridge(alpha)).fit(X, y)
        write_folder(pipeline, X.head(), "f" * 64, workdir / str(number))
    assert len(loaded) == 1


def test_a_method_of_a_trusted_object_is_not_trusted(workdir):
    file = save_pipeline(make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(X, y), workdir)
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(content["schema.json"])
    method = f'"MethodNode", "content": {{"func": "fit", "obj": {json.dumps(schema)}}}'
    text = json.dumps(schema).replace('"FunctionNode"', method)
    with zipfile.ZipFile(file, "w") as archive:
        for name, each in content.items():
            archive.writestr(name, text if name == "schema.json" else each)
    with pytest.raises(ModelFileError):
        load_pipeline(file)
