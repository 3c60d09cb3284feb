import shutil
import sys

import pytest

from bikeml import fingerprint as module
from bikeml.fingerprint import fingerprint, identify, is_reproducible
from bikeml.pipeline import build_pipeline
from tests.conftest import config_of

DATA = "a" * 64


def of(*overrides):
    return fingerprint(identify(config_of(*overrides), DATA))


@pytest.mark.parametrize(
    "overrides",
    [
        ["data.path=elsewhere.csv"],
        ["data.name=other"],
        ["tracking=none"],
        ["tracking.uri=sqlite:///other.db", "tracking.experiment_name=x", "tracking.run_name=y"],
        ["model.estimator.n_jobs=2"],
        ["data.numeric=[windspeed, hum, atemp, temp]"],
        ["+data.allowed.temp=[0, 1]"],
        ["+model.grid.tol=[1]"],
        ["hydra.run.dir=elsewhere"],
        ["experiment=tutorial_linear"],
    ],
)
def test_what_cannot_change_a_figure_does_not_change_the_fingerprint(overrides):
    assert of(*overrides) == of()


@pytest.mark.parametrize("override", ["search.n_jobs=2", "search.child_runs=9"])
def test_how_a_search_is_run_does_not_change_the_fingerprint(override):
    assert of("search=grid", override) == of("search=grid")


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "model=lasso",
        "model.estimator.positive=true",
        "preprocessing=standard",
        "split.test_size=0.2",
        "split.random_state=1",
        "split.folds=4",
        "split=chronological",
        "search=grid",
        "evaluation.bootstrap_samples=500",
        "data.numeric=[temp]",
        "data.target=instant",
        "data.separator=';'",
    ],
)
def test_what_can_change_a_figure_changes_the_fingerprint(override):
    assert of(override) != of()


def test_the_order_of_the_preprocessing_steps_counts():
    one, other = ("{_target_: sklearn.preprocessing.MaxAbsScaler}", "{_target_: sklearn.preprocessing.StandardScaler}")
    steps = [f"+preprocessing.numeric.a={one}", f"+preprocessing.numeric.b={other}"]
    assert of(*steps) != of(*reversed(steps))


def test_the_grid_counts_only_in_a_search():
    assert of("model.grid.positive=[true]") == of()
    assert of("search=grid", "model.grid.positive=[true]") != of("search=grid")


def test_another_table_is_another_fingerprint():
    assert fingerprint(identify(config_of(), "b" * 64)) != of()


def test_versions_of_the_numerical_packages_count(monkeypatch):
    before = of()
    monkeypatch.setattr(module, "version", lambda name: "0.0")
    assert of() != before


def test_the_source_of_a_users_estimator_counts(workdir, monkeypatch):
    monkeypatch.syspath_prepend(workdir)
    file = workdir / "my_estimators.py"
    source = "from sklearn.linear_model import Ridge\nclass Mine(Ridge): pass\n"
    file.write_text(source)
    mine = "model.estimator={_target_: my_estimators.Mine}"
    before = of(mine)
    file.write_text(source.replace("\n", "\r\n"))
    assert of(mine) == before, "line endings are not code"
    file.write_text(source + "# changed\n")
    assert of(mine) != before
    shutil.rmtree(workdir / "__pycache__", ignore_errors=True)
    del sys.modules["my_estimators"]


@pytest.mark.parametrize(
    ("overrides", "reproducible"),
    [
        ([], True),
        (["model=rf"], True),
        (["model=rf", "seed=null"], False),
        (["seed=null"], True),  # linear regression draws nothing
        (["split.random_state=null"], False),
        (["split=chronological"], True),
    ],
)
def test_a_run_with_random_state_null_is_never_called_reproducible(overrides, reproducible):
    config = config_of(*overrides)
    assert is_reproducible(config, build_pipeline(config, config.data.features)) is reproducible
