import json
import shutil
import sys

import pytest

from bikeml.config.fields import Section
from bikeml.config.sections import names_not_in_result
from bikeml.records import fingerprint as module
from bikeml.records.fingerprint import fingerprint, identify
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
        ["+model.grid.tol=[1]"],
        ["hydra.run.dir=elsewhere"],
        ["experiment=tutorial_linear"],
    ],
)
def test_what_cannot_change_a_figure_does_not_change_the_fingerprint(overrides):
    assert of(*overrides) == of()


def leaves(section, path=()):
    """Yield the path of every key of a typed section."""
    for name, value in section:
        yield from leaves(value, (*path, name)) if isinstance(value, Section) else [(*path, name)]


def changed(section, name, *rest):
    """Return the section with another value at that key, of which only the kind has to fit."""
    value = getattr(section, name)
    other = changed(value, *rest) if rest else {list: ["other"], dict: {"other": {}}}.get(type(value), "other")
    return section.model_copy(update={name: other})


NO_DATES = {"data.date", "data.date_format"}
"""Keys that count only with a split by dates, or with steps for dates."""
BUDGET = "search.budget_seconds"
"""Without a search it is that of a recipe's sweep, and changes no figure."""
IDLE = {
    "plain": (config_of(), {*NO_DATES, "model.grid", "model.space"}),
    "by_date": (config_of("split=chronological", "search=grid"), {"model.space"}),
    "drawn": (config_of("model=ridge", "search=random"), {*NO_DATES, "model.grid"}),
}
"""Configs, and the keys that count in others."""
LEAVES = [
    pytest.param(config, path, idle, id=f"{name}-{'.'.join(path)}")
    for name, (config, idle) in IDLE.items()
    for path in leaves(config)
]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of values that no schema has taken
@pytest.mark.parametrize(("config", "path", "idle"), LEAVES)
def test_a_key_counts_unless_the_schema_marks_it(config, path, idle):
    marked = {*names_not_in_result(), *idle} - ({BUDGET} if config.search.kind != "none" else set())
    is_marked = any(".".join(path[:length]) in marked for length in range(1, len(path) + 1))
    same = fingerprint(identify(changed(config, *path), DATA)) == fingerprint(identify(config, DATA))
    assert same is is_marked


def test_the_fingerprint_of_an_identity_read_back_is_the_same():
    identity = identify(config_of("preprocessing=standard", "model=gbr", "search=grid"), DATA)
    assert fingerprint(json.loads(json.dumps(identity, sort_keys=True))) == fingerprint(identity)


def test_another_form_of_identity_is_another_fingerprint(monkeypatch):
    before = of()
    monkeypatch.setattr(module, "IDENTITY_SCHEMA", 3)
    assert of() != before


def test_an_argument_of_an_estimator_at_any_depth_may_change_no_figure():
    forest = "+model.estimator.estimator={{_target_: sklearn.ensemble.RandomForestRegressor, n_jobs: {}}}"
    assert of(forest.format(1)) == of(forest.format(2))


def test_a_step_counts_by_whatever_name():
    assert of("+preprocessing.numeric.verbose={_target_: sklearn.preprocessing.MaxAbsScaler}") != of()


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
    assert fingerprint(identify(config_of(), DATA, "b" * 64)) != of()
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
