"""The group target: what the model learns in place of the target, and the way back."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score

from bikeml.config.composition import config_dir
from bikeml.config.schema import Config
from bikeml.config.sections import result_sections
from bikeml.errors import ConfigError, FitError
from bikeml.evaluation.evaluate import measure
from bikeml.experiment.check import check_estimators, find_tolerance
from bikeml.experiment.encoding.target import check_target, find_learner
from bikeml.experiment.estimators import build
from bikeml.experiment.fit import fit
from bikeml.experiment.grid import build_grid
from bikeml.experiment.model_file import load_pipeline, save_pipeline
from bikeml.experiment.pipeline import build_pipeline, is_reproducible
from bikeml.records.run import Invocation
from bikeml.search import SharedFitGridSearchCV
from bikeml.table.data import read_table
from bikeml.table.split import split_table
from bikeml.terminal.progress import silent
from tests.conftest import config_of

TARGETS = sorted(file.stem for file in (config_dir() / "target").glob("*.yaml"))
GBR = ("model=gbr", "model.estimator.n_estimators=20")
BACK = {"sqrt": (np.sqrt, np.square), "log1p": (np.log1p, np.expm1)}


def split_of(config: Config):
    table = read_table(config, find_tolerance(config))
    return table, split_table(table, config.split, 3 if config.search.kind == "grid" else None)


def fit_pipeline(*overrides: str):
    config = config_of(*overrides)
    table, split = split_of(config)
    return table, split, fit(config, table, split, "name", silent).pipeline


def test_identity_is_the_default_and_changes_neither_pipeline_nor_fingerprint():
    plain, named = config_of("model=rf"), config_of("model=rf", "target=identity")
    assert result_sections(plain) == result_sections(named)
    assert "target" not in result_sections(plain)
    table, split = split_of(plain)
    assert not isinstance(build_pipeline(plain, table.X.iloc[split.train])[-1], TransformedTargetRegressor)


@pytest.mark.parametrize("target", ["sqrt", "log1p"])
def test_predictions_are_those_of_a_model_that_learns_the_transformed_target(target):
    forth, back = BACK[target]
    table, split, pipeline = fit_pipeline(*GBR, f"target={target}")
    X, y = table.X.iloc[split.train], table.y[split.train]
    features = pipeline[:-1].transform(X)
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(features, forth(y))
    held_out = table.X.iloc[split.test]
    expected = back(model.predict(pipeline[:-1].transform(held_out)))
    np.testing.assert_array_equal(pipeline.predict(held_out), expected)
    assert isinstance(find_learner(pipeline[-1]), GradientBoostingRegressor)


@pytest.mark.parametrize("target", TARGETS)
def test_a_saved_model_of_each_target_predicts_the_same(target, tmp_path):
    table, split, pipeline = fit_pipeline("model=tree", f"target={target}")
    save_pipeline(pipeline, tmp_path)
    X = table.X.iloc[split.test]
    np.testing.assert_array_equal(load_pipeline(tmp_path).predict(X), pipeline.predict(X))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_grid_shares_its_fits_and_finds_what_scikit_learn_finds(target):
    config = config_of(
        *GBR,
        f"target={target}",
        "search=grid",
        "model.grid.n_estimators=[3,7,12]",
        "model.grid.learning_rate=[0.1,0.3]",
    )
    table, split = split_of(config)
    X, y = table.X.iloc[split.train], table.y[split.train]
    pipeline = build_pipeline(config, X)
    searches = [
        search(clone(pipeline), build_grid(config, pipeline), cv=list(split.search_folds), scoring="r2")
        for search in (GridSearchCV, SharedFitGridSearchCV)
    ]
    theirs, ours = (search.fit(X, y) for search in searches)
    np.testing.assert_array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.n_fits_avoided_ == 2 * len(split.search_folds) * 2


@pytest.mark.parametrize(("target", "lowest"), [("sqrt", -1.0), ("log1p", -2.0)])
def test_a_target_that_has_no_root_or_logarithm_is_one_message_before_the_fit(target, lowest, workdir):
    frame = pd.DataFrame({"a": np.arange(40.0), "y": np.arange(40.0)})
    frame.loc[[4, 30], "y"] = lowest
    frame.to_csv(workdir / "t.csv", index=False)
    table = ("data=csv", "data.path=t.csv", "data.target=y", "data.numeric=[a]", "data.categorical=[]")
    config = config_of(*table, f"target={target}", "split.test_size=2", "split.shuffle=false")
    rows, split = split_of(config)
    with pytest.raises(FitError) as caught:
        fit(config, rows, split, "name", silent)
    assert str(caught.value) == (
        f"target.transformer makes no number of 2 of the 38 training rows' targets, from {lowest:g} to {lowest:g}, the "
        "first in row 5; choose target=identity or quantile, which take any number"
    )


def test_a_transformer_that_refuses_the_target_says_so():
    boxcox = build({"_target_": "sklearn.preprocessing.PowerTransformer", "method": "box-cox"})
    with pytest.raises(FitError, match=r"cannot take the target: The Box-Cox .*strictly positive.*; choose target=id"):
        check_target(boxcox, np.array([1.0, -1.0, 2.0]), np.arange(3))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{_target_: sklearn.linear_model.Ridge}", "is not a transformer class"),
        ("{_target_: os.system}", "is not in an allowed package"),
        ("{_target_: sklearn.preprocessing.QuantileTransformer, n: 3}", "has no such argument"),
        ("sqrt", "target.transformer"),
    ],
)
def test_a_wrong_transformer_is_named(spec, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        check_estimators(config_of(f"target.transformer={spec}"))


def test_a_quantile_without_a_seed_is_not_called_reproducible():
    assert is_reproducible(config_of("target=quantile"))
    assert not is_reproducible(config_of("target=quantile", "target.transformer.random_state=null"))


def test_the_name_of_a_run_says_its_target():
    def name(**choices: str) -> str:
        return Invocation(Path(), "", {"model": "gbr", "preprocessing": "none", "search": "grid", **choices}).name

    assert name(target="sqrt") == "gbr-sqrt-grid"
    assert name(target="identity") == name() == "gbr-grid"


@pytest.mark.slow
def test_going_back_from_the_root_predicts_too_little_on_average_as_the_docs_say():
    """The mean of squares exceeds the square of the mean: by the variance that is left on the scale of the root."""
    table, split, pipeline = fit_pipeline("model=gbr", "target=sqrt")
    _, _, plain = fit_pipeline("model=gbr")
    X, y = table.X.iloc[split.train], table.y[split.train]
    assert np.mean(pipeline.predict(X) - y) < np.mean(plain.predict(X) - y)
    assert measure(y, pipeline.predict(X), ["r2"])["r2"] > 0.5
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.5
