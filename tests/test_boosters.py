"""LightGBM, XGBoost and CatBoost: as quiet, equal and safe as scikit-learn's models are."""

import contextlib
import importlib

import mlflow
import numpy as np
import pandas as pd
import pytest

import bikeml
from bikeml.errors import ConfigError, ModelFileError
from bikeml.experiment.check import check_estimators
from bikeml.experiment.model_file import hash_model, load_pipeline
from bikeml.experiment.model_folder import check_folder, write_folder
from bikeml.experiment.pipeline import build_pipeline
from bikeml.records.fingerprint import BOOSTERS, fingerprint, identify, optional_packages, user_packages
from tests.conftest import DAILY, config_of

pytestmark = pytest.mark.usefixtures("unrendered")
FEW = {
    name: (f"model={name}", f"model.estimator.{'iterations' if name == 'catboost' else 'n_estimators'}=5")
    for name in BOOSTERS
}
THREADS = {"catboost": "thread_count"}
NATIVE = {
    "lightgbm": ("lightgbm.basic", "Booster", "__setstate__"),
    "xgboost": ("xgboost.core", "Booster", "__setstate__"),
    "catboost": ("catboost.core", "CatBoostRegressor", "__setstate__"),
}
TABLE = pd.read_csv(DAILY)
X, y = TABLE[config_of().data.features], TABLE["rentals"].to_numpy(float)


def fit(name, *overrides):
    return build_pipeline(config_of(*FEW[name], *overrides), X).fit(X, y)


@pytest.fixture(scope="module", params=BOOSTERS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def saved(name, tmp_path_factory):
    """A model's folder, and what it predicts."""
    pipeline, folder = fit(name), tmp_path_factory.mktemp(name) / "model"
    write_folder(pipeline, X.head(), "f" * 64, folder)
    return folder, pipeline.predict(X)


def test_it_prints_nothing_warns_of_nothing_and_leaves_no_file(name, workdir, capfd):
    assert fit(name).score(X, y) > 0.1
    assert capfd.readouterr() == ("", "")
    assert list(workdir.iterdir()) == []


@pytest.mark.slow
def test_the_digits_do_not_depend_on_the_number_of_threads(name):
    one, three = (fit(name, f"model.estimator.{THREADS.get(name, 'n_jobs')}={n}") for n in (1, 3))
    np.testing.assert_array_equal(one.predict(X), three.predict(X))


def test_gaps_are_taken(name):
    rows = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    pipeline = build_pipeline(config_of(*FEW[name]), rows).fit(rows, y)
    assert np.isfinite(pipeline.predict(rows)).all()


def test_a_saved_one_predicts_the_same_with_bikeml_and_without(name, saved):
    folder, expected = saved
    for model in (check_folder(folder, hash_model(folder)), mlflow.sklearn.load_model(str(folder))):
        np.testing.assert_array_equal(model.predict(X), expected)
    names = {line.split("==")[0] for line in (folder / "requirements.txt").read_text().splitlines()}
    assert names & {*BOOSTERS[name]}


@pytest.mark.parametrize(
    ("sha256", "message"),
    [
        (
            None,
            r"holds trees that only the compiled code of \w+ can read.*only with the sha256 that their run recorded",
        ),
        ("0" * 64, r"holds trees of \w+, and its sha256 is [0-9a-f]{64}, not the recorded 0{64}; it was changed"),
    ],
    ids=["none", "another"],
)
def test_without_the_recorded_sha256_the_compiled_code_gets_no_byte(name, saved, sha256, message, monkeypatch):
    folder, _ = saved
    module, kind, method = NATIVE[name]
    seen = []
    monkeypatch.setattr(getattr(importlib.import_module(module), kind), method, lambda *_: seen.append(1))
    with pytest.raises(ModelFileError, match=message):
        load_pipeline(folder, sha256)
    assert seen == []
    with contextlib.suppress(ModelFileError):
        load_pipeline(folder, hash_model(folder))
    assert seen != []  # this is where it would have got them


@pytest.mark.slow
def test_a_result_loads_it_with_the_sha256_of_its_record(workdir):
    pytest.importorskip("lightgbm", reason="the boosting extra is not installed")
    made = bikeml.run("tracking=none", "evaluation.bootstrap_samples=100", *FEW["lightgbm"], "hydra.run.dir=out")
    loaded = bikeml.load("out")
    assert loaded.record.files["model/model.skops"] == hash_model(workdir / "out" / "model")
    np.testing.assert_array_equal(loaded.pipeline.predict(X), made.pipeline.predict(X))


def test_its_version_counts_and_its_threads_and_words_do_not(name):
    config = config_of(*FEW[name])
    identity = identify(config, "a" * 64)
    assert name in identity["versions"]
    assert name not in identify(config_of("model=gbr"), "a" * 64)["versions"]
    assert (optional_packages(config), user_packages(config)) == ([name], [])
    more = config_of(*FEW[name], f"model.estimator.{THREADS.get(name, 'n_jobs')}=2")
    assert fingerprint(identify(more, "a" * 64)) == fingerprint(identity)


@pytest.mark.parametrize(
    ("model", "argument", "message"),
    [
        ("lightgbm", "learning_rat=0.1", "did you mean 'learning_rate'"),  # LightGBM itself would leave it out
        ("xgboost", "max_dept=3", "did you mean 'max_depth'"),
        ("lightgbm", "output_model=mine.txt", "has no such argument"),
        ("catboost", "train_dir=mine", "has no such argument"),
        ("catboost", "snapshot_file=mine", "has no such argument"),
    ],
)
def test_an_argument_that_is_misspelt_or_names_a_file_is_refused(model, argument, message):
    with pytest.raises(ConfigError, match=message):
        check_estimators(config_of(f"model={model}", f"+model.estimator.{argument}"))


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module", name="x"), OSError("libgomp.so.1 is missing")])
def test_without_the_extra_the_message_says_how_to_install_it(name, error, monkeypatch):
    def refuse(module):
        raise error

    monkeypatch.setattr("bikeml.experiment.estimators.importlib.import_module", refuse)
    message = r"cannot be imported: .* is missing|cannot be imported: No module"
    with pytest.raises(ConfigError, match=rf"({message}); install it: pip install 'bikeml\[boosting\]'"):
        check_estimators(config_of(f"model={name}"))


def test_another_class_of_these_packages_is_refused():
    pytest.importorskip("xgboost", reason="the boosting extra is not installed")
    with pytest.raises(ConfigError, match="of xgboost it loads XGBRegressor"):
        check_estimators(config_of("model=xgboost", "model.estimator._target_=xgboost.XGBRFRegressor"))


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        *(("lightgbm", f"objective={loss}") for loss in ("regression_l1", "poisson", "gamma", "tweedie")),
        ("lightgbm", "objective=quantile model.estimator.alpha=0.5"),
        *(("xgboost", f"objective={loss}") for loss in ("reg:absoluteerror", "count:poisson", "reg:gamma")),
        ("xgboost", "objective=reg:quantileerror model.estimator.quantile_alpha=0.5"),
        *(("catboost", f"loss_function={loss}") for loss in ("MAE", "'Quantile:alpha=0.5'", "Poisson")),
    ],
)
def test_each_loss_predicts_in_the_units_of_the_target(model, loss):
    more = {"lightgbm": "n_estimators=50", "xgboost": "n_estimators=50", "catboost": "iterations=300"}[model]
    words = [f"model.estimator.{more}", *f"model.estimator.{loss}".split()]
    pipeline = build_pipeline(config_of(f"model={model}", *words), X).fit(X, y)
    assert 0.7 * y.mean() < pipeline.predict(X).mean() < 1.2 * y.mean()
