"""Every task that takes a recorded model refuses one that is not fit for it, in one message, before it does anything."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.azureml.fixtures import tolerate_client_warnings
from tests.builders import seal_stored, stored_model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    import bikeml

    folder = tmp_path_factory.mktemp("recorded")
    return bikeml.run(
        "model=tree",
        f"hydra.run.dir={folder / 'run'}",
        f"tracking.uri=sqlite:///{folder / 'mlflow.db'}",
        "evaluation.importance_repeats=1",
    )


def remove(model):
    shutil.rmtree(model)


def remove_all(model):
    for folder in model.parents[2].iterdir():
        shutil.rmtree(folder)


def append(model):
    with (model / "model.skops").open("ab") as file:
        file.write(b"\0")


def empty(model):
    (model / "model.skops").write_bytes(b"")


def age(model):
    description = yaml.safe_load((model / "MLmodel").read_text())
    description["flavors"]["sklearn"]["sklearn_version"] = "1.2.2"
    (model / "MLmodel").write_text(yaml.safe_dump(description))
    (run_id,) = re.findall("^run_id: (.*)", (model / "MLmodel").read_text(), re.MULTILINE)
    seal_stored(model.parents[3], run_id)


DAMAGES = [
    (remove, 2, r"run \w+ \(tree\) has no 'model'; it has \[.*'result.json'.*\]; name another run"),
    (remove_all, 2, r"run \w+ \(tree\) has no 'result.json'; it has \[\]; name another run"),
    (append, 1, r"the model of run \w+ \(tree\) has been changed since it was recorded: its sha256 is"),
    (empty, 1, r"the model of run \w+ \(tree\) has been changed since it was recorded: its sha256 is"),
    (age, 1, r".*fitted with scikit-learn 1.2.2, and .* install scikit-learn==1.2.2, or fit"),
]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["predict", "register", "serve", "azure deploy"])
@pytest.mark.parametrize(("damage", "status", "message"), DAMAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_model_that_is_not_fit_is_refused_by_each_task(run, call_task, workdir, task, damage, status, message):
    if task == "azure deploy":
        pytest.importorskip("azure.ai.ml", reason="the azure extra is not installed")
        tolerate_client_warnings()  # azure's imports warn
    store = run.folder.parent
    model = stored_model(store, run.run_id)
    shutil.copytree(store / "mlartifacts", store / "before")
    try:
        damage(model)
        found = call_task(task, f"tracking.uri=sqlite:///{store / 'mlflow.db'}")
    finally:
        shutil.rmtree(store / "mlartifacts")
        (store / "before").rename(store / "mlartifacts")
    (told,) = [
        line for line in found[2].splitlines() if line.startswith("bikeml: ")
    ]  # between steps and the run's name
    assert (found[0], found[1]) == (status, "")
    assert re.match(f"bikeml: {message}", told), found[2]
    assert "Traceback" not in found[2]
    assert list(Path(workdir).iterdir()) == []
