"""A table of each format as a loopback Azure job: columns that decide themselves are the same there and here."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bikeml
from bikeml.records.run_folder import RunFolder
from tests.azureml import LoopbackAzureML
from tests.azureml.blobs import missing
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE

pytest.importorskip("openpyxl")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

SECONDS = 240
FAST = ("model=rf", "model.estimator.n_estimators=5", "evaluation.bootstrap_samples=100", "evaluation.importance=none")


def write_zip(table: pd.DataFrame, path: str) -> None:
    """Write a zip file as macOS does: with a file beside the table that is no table."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("houses.csv", table.to_csv(index=False, sep=";", decimal=","))
        archive.writestr("__MACOSX/._houses.csv", b"\0")


WRITERS: dict[str, Callable[[pd.DataFrame, str], Any]] = {
    "my houses.csv": lambda table, path: table.to_csv(path, index=False),
    "houses.tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "houses.csv.gz": lambda table, path: table.to_csv(path, index=False),
    "houses.zip": write_zip,
    "houses.parquet": lambda table, path: table.to_parquet(path),
    "houses.feather": lambda table, path: table.to_feather(path),
    "houses.XLSX": lambda table, path: table.to_excel(path.replace("XLSX", "xlsx"), index=False),
}
SOME = ["houses.zip", "houses.XLSX"]
"""Text and no text, both packed; each further one costs a job."""


@pytest.fixture
def houses() -> pd.DataFrame:
    """A table with a column of each role, and what is to be left out."""
    rng, n_rows = np.random.default_rng(0), 90
    area, town = rng.uniform(30, 200, n_rows), rng.choice(["Bern", "Chur", "Genève"], n_rows)
    words = rng.choice(["sunny", "quiet", "old", "central", "garden", "lake", "view"], (n_rows, 4))
    return pd.DataFrame(
        {
            "id": [f"H-{i:05d}" for i in range(n_rows)],
            "area": pd.Series(area).mask(rng.random(n_rows) < 0.1),
            "rooms": rng.integers(1, 7, n_rows),
            "town": pd.Series(town, dtype=object).mask(rng.random(n_rows) < 0.1),
            "sold": pd.date_range("2021-01-03", periods=n_rows, freq="5D"),
            "notes": [f"{' '.join(row)} house number {i}" for i, row in enumerate(words)],
            "price": area / 3 + 50 * (town == "Bern") + rng.normal(0, 5, n_rows),
        }
    )


@pytest.fixture
def workspace(azureml: LoopbackAzureML, workdir: Path) -> LoopbackAzureML:
    names = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
    (workdir / "config.json").write_text(json.dumps(names))
    return azureml


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "bikeml", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def told(folder: Path) -> dict[str, Any]:
    """Return what a run found: its fingerprint, every figure, what was decided, and each prediction."""
    record, config = RunFolder(folder).require(), RunFolder(folder).read_config()
    data = {key: value for key, value in config["data"].items() if key not in {"path", "name"}}
    files = {name: (folder / name).read_text() for name in ("predictions.csv", "folds.csv")}
    return {"fingerprint": record.fingerprint, "metrics": dict(record.metrics), "data": data, **files}


@pytest.mark.long
def test_a_test_file_is_held_out_by_a_job_too(workspace: LoopbackAzureML, houses: Any) -> None:
    houses[:60].to_csv("train.csv", index=False)
    houses[60:].to_csv("test.csv", index=False)
    words = ("data=csv", "data.target=price", *FAST, "data.path=train.csv", "data.test_path=test.csv")
    run("-m", "hydra/launcher=azureml", "hydra.launcher.poll_seconds=0.5", "hydra.sweep.dir=sweep", *words)
    bikeml.run(*words, "tracking=none", "hydra.run.dir=here")
    job, here = told(Path("sweep", "0")), told(Path("here"))
    assert job["data"].pop("test_path") != here["data"].pop("test_path") == "test.csv"
    assert job == here


@pytest.mark.long
@pytest.mark.parametrize("names", [SOME, pytest.param([*WRITERS], marks=pytest.mark.long)], ids=["some", "all"])
def test_a_table_of_each_format_is_the_same_experiment_as_a_job(
    names: list[str], workspace: LoopbackAzureML, houses: Any
) -> None:
    for name in names:
        WRITERS[name](houses, name)
    if Path("houses.xlsx").is_file():
        Path("houses.xlsx").replace("houses.XLSX")
    table = ("data=csv", "data.target=price", *FAST)
    cluster = ("-m", "hydra/launcher=azureml", "hydra.launcher.poll_seconds=0.5", "hydra.sweep.dir=sweep")
    run(*cluster, *table, "data.path=" + ",".join(f"'{name}'" for name in names))
    assert len(workspace.jobs.by_name) == len(names)
    for cell, name in enumerate(names):
        bikeml.run(*table, f"data.path='{name}'", "tracking=none", f"hydra.run.dir=here{cell}")
        job, here = told(Path("sweep", str(cell))), told(Path(f"here{cell}"))
        assert job == here, name
        roles = {role: here["data"][role] for role in ("numeric", "categorical", "date", "text")}
        assert roles == {"numeric": ["area", "rooms"], "categorical": ["town"], "date": ["sold"], "text": ["notes"]}
        assert here["data"]["ignored"] == ["id"]


@pytest.mark.long
def test_a_dataframe_is_the_same_experiment_as_a_job(workspace: LoopbackAzureML, houses: Any) -> None:
    houses["rooms"] = houses["rooms"].astype("category")
    script = (
        "import bikeml, pandas; houses = pandas.read_pickle('houses.pickle'); "
        f"board = bikeml.sweep('hydra/launcher=azureml', 'hydra.launcher.poll_seconds=0.5', *{FAST}, data=houses, "
        "target='price'); cell = board[0]; predicted = cell.predict(houses.head(3), interval=0.5); "
        "print(cell.page.parent == cell.folder, predicted.to_json(), cell.folder, sep='\\n')"
    )
    houses.to_pickle("houses.pickle")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    here = bikeml.run(*FAST, "tracking=none", data=houses, target="price")
    is_there, predicted, folder = done.stdout.splitlines()[-3:]
    assert told(Path(folder)) == told(here.folder)
    assert not (Path(folder) / "model").exists()  # it comes from the store
    assert (is_there, predicted) == ("True", here.predict(houses.head(3), interval=0.5).to_json())
    assert here.record.dataset.roles["rooms"] == "categorical"


@pytest.mark.long
def test_the_cells_of_experiment_auto_are_jobs_and_their_blend_has_the_figures_of_a_local_sweep(
    workspace: LoopbackAzureML, houses: Any
) -> None:
    houses.drop(columns="notes").to_csv("houses.csv", index=False)
    cells = ["model=ridge search=optuna search.n_candidates=3", "model=knn preprocessing=auto_splines target=sqrt"]
    words = ("data=csv", "data.path=houses.csv", "data.target=price", "experiment=auto", "sweep.budget_seconds=null")
    words = (*words, "split.folds=2", f"sweep.cells={json.dumps(cells)}")
    run("-m", "hydra/launcher=azureml", "hydra.launcher.poll_seconds=0.5", "hydra.sweep.dir=sweep", *words)
    run("-m", "hydra.sweep.dir=here", "hydra.launcher.n_jobs=1", *words)
    assert len(workspace.jobs.by_name) == 2
    for cell in ("0", "1", "blend"):
        assert told(Path("sweep", cell)) == told(Path("here", cell)), cell
    assert "houses.csv" in run("predict", "run=sweep/blend", "data.path=houses.csv", "output=predicted.csv")
