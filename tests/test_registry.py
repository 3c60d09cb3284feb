"""Versions and aliases of registered models, in a local store and in a workspace."""

import re
from pathlib import Path

import pytest

from tests.builders import seal_stored, stored_model

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")


@pytest.fixture
def run_ids(workdir):
    import bikeml

    made = [bikeml.run(f"model={model}", f"hydra.run.dir={model}", *FAST) for model in ("linear", "tree")]
    return [str(result.run_id) for result in made]


@pytest.fixture
def call(call_task):
    return lambda *words: call_task("register", *words)


def test_the_same_run_has_one_version_and_an_alias_moves(run_ids, call):
    linear, tree = run_ids
    status, out, err = call(f"run={linear}", "alias=champion")
    assert (status, err) == (0, "")
    assert re.search(
        rf"run  {linear} \(linear on daily-bike-share\)\n +model  bikeml\n +version  1\n +alias  champion \(before: none\)",
        out,
    )
    assert "version  1, as before\n" in call(f"run={linear}")[1]
    assert "alias  champion (which it had before)" in call(f"run={linear}", "alias=champion")[1]
    status, out, err = call(f"run={tree}", "alias=champion")
    assert "version  2\n" in out
    assert "alias  champion (before: 1)" in out
    assert f"run  {tree}" in call("run=champion")[1]
    assert f"run  {linear}" in call("run=bikeml/1")[1]
    assert "next  python -m bikeml predict run=bikeml@champion data.path=NEW.csv" in out
    elsewhere = f"tracking.uri=sqlite:///{Path.cwd()}/mlflow.db"
    assert f"next  python -m bikeml predict {elsewhere} run=bikeml/1 data" in call("run=bikeml/1", elsewhere)[1]


@pytest.mark.slow
def test_models_of_two_names_count_for_themselves(run_ids, call):
    assert "version  1\n" in call("run=latest", "registered_model=rentals")[1]
    assert "version  1\n" in call("run=latest", "registered_model=other.name")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["alias=best"], r"alias='best' should not be best or latest, which run= knows already"),
        (["alias=v1"], r"alias='v1' should be letters"),
        (["alias=a/b"], r"alias='a/b' should be letters"),
        (["registered_model=a@b"], r"registered_model='a@b' should have letters"),
        (["run=0123456789"], r"there is no store at .*; record a run first"),
    ],
)
def test_what_cannot_be_registered_is_one_message_and_leaves_nothing(call, workdir, words, message):
    status, out, err = call(*words)
    assert (status, out) == (2, "")
    assert re.match(f"bikeml: {message}", err), err
    assert list(workdir.iterdir()) == []


def test_a_tampered_model_is_not_registered(run_ids, call, workdir):
    model = stored_model(workdir, run_ids[1]) / "MLmodel"
    model.write_text(model.read_text().replace("mlflow.sklearn", "os"))
    status, out, err = call("run=latest")
    assert (status, out) == (2, "")
    assert "'model/MLmodel' has been changed since the run wrote it" in err
    seal_stored(workdir, run_ids[1])
    status, out, err = call("run=latest")
    assert (status, out) == (1, "")
    assert re.match(r"bikeml: the model of run .* is refused: .* says flavors.python_function.loader_module='os'", err)
    assert "there is no run or alias" in call("run=champion")[2]
