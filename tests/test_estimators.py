"""Every regressor and transformer of scikit-learn: it fits, is saved, and predicts the same through every loader."""

import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  all_estimators lists it then
from sklearn.utils import all_estimators

from bikeml.errors import ConfigError
from bikeml.experiment.check import check_estimators
from bikeml.experiment.model_folder import check_folder, write_folder
from bikeml.experiment.pipeline import build_pipeline
from docs.make.estimators import CATEGORIES, ONE_COLUMN, REFUSED, REGRESSORS, TEXT, TRANSFORMERS
from tests.conftest import config_of

RNG = np.random.default_rng(0)
WORDS = np.array(["red wine", "dry white", "a sweet one"])
TABLE = pd.DataFrame(
    {
        **{name: RNG.uniform(1, 3, 60) for name in ("a", "b", "c")},
        "sky": RNG.choice(["clear", "mist", "rain"], 60),
        "words": WORDS[RNG.integers(0, 3, 60)],
    }
)
TARGET = (TABLE["a"] * 10 + TABLE["b"] + RNG.uniform(0, 1, 60)).to_numpy()
KINDS = {"numeric": ["a", "b", "c"], "categorical": ["sky"], "text": ["words"]}


def list_all(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's modules that are deprecated
        found = dict(all_estimators(kind))
    return {name: f"{each.__module__.partition('._')[0]}.{name}" for name, each in found.items()}


def configure(model=None, kind="numeric", columns=("a", "b", "c"), **step):
    """Return a config of these columns of one kind, with one step for them and a model."""
    config = config_of("model=baseline", "preprocessing=none")
    roles = {name: list(columns) if name == kind else [] for name in KINDS}
    data = config.data.model_copy(update={**roles, "date": None, "target": "y"})
    steps = {name: {} for name in KINDS} | {kind: step}
    estimator = model or {"_target_": "sklearn.linear_model.Ridge"}
    return config.model_copy(
        update={
            "data": data,
            "preprocessing": config.preprocessing.model_copy(update=steps),
            "model": config.model.model_copy(update={"estimator": estimator}),
        }
    )


def of_regressor(name, target):
    arguments = REGRESSORS.get(name, {})
    model = arguments if "_target_" in arguments else {"_target_": target, **arguments}
    return configure(model, columns=("a",) if name in ONE_COLUMN else ("a", "b", "c"))


def of_transformer(name, target):
    kind = "categorical" if name in CATEGORIES else "text" if name in TEXT else "numeric"
    return configure(kind=kind, columns=KINDS[kind], step={"_target_": target, **TRANSFORMERS.get(name, {})})


def assert_is_loaded_by_all(config, folder, table=TABLE):
    """Fit, save, and load with bikeml and with MLflow's two loaders: all predict as before."""
    X = table[config.data.features]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of estimators on so small a table, and that one is deprecated
        check_estimators(config)
        pipeline = build_pipeline(config, X).fit(X, TARGET)
        write_folder(pipeline, X.head(), "f" * 64, folder)
        models = [check_folder(folder), mlflow.sklearn.load_model(str(folder)), mlflow.pyfunc.load_model(str(folder))]
        expected = pipeline.predict(X)
        for model in models:
            np.testing.assert_allclose(model.predict(X), expected, rtol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize(("name", "target"), list_all("regressor").items())
def test_a_regressor_predicts_the_same_through_every_loader(name, target, workdir):
    assert_is_loaded_by_all(of_regressor(name, target), Path("model"))


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "target"), [(name, target) for name, target in list_all("transformer").items() if name not in REFUSED]
)
def test_a_transformer_predicts_the_same_through_every_loader(name, target, workdir):
    table = TABLE.mask(TABLE["a"] > 2.5) if name == "MissingIndicator" else TABLE
    assert_is_loaded_by_all(of_transformer(name, target), Path("model"), table)


@pytest.mark.parametrize("name", REFUSED)
def test_a_transformer_that_cannot_be_a_step_is_refused_before_the_fit(name, monkeypatch):
    monkeypatch.setitem(TRANSFORMERS, "SparseCoder", {"dictionary": [[1.0]]})
    with pytest.raises(ConfigError, match=r"; (choose|put)"):
        check_estimators(of_transformer(name, list_all("transformer")[name]))


@pytest.mark.parametrize("name", ["MultiTaskLasso", "MultiTaskElasticNetCV"])
def test_a_regressor_of_several_targets_is_refused_before_the_fit(name):
    with pytest.raises(ConfigError, match=f"{name} predicts several targets at once, and a table has one; choose"):
        check_estimators(configure({"_target_": f"sklearn.linear_model.{name}"}))
