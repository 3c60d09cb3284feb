"""Records as runs and sweeps leave them, made in no time: for tests of what is read, ranked, shown and recorded."""

import hashlib
import json
from pathlib import Path

import numpy as np

from bikeml.records.params import unplace_model
from bikeml.records.run import CrossValidation, Dataset, RunRecord, hash_identity
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep import Cell, FailureRecord, SweepRecord
from bikeml.records.sweep_folder import SweepFolder

SHA256 = hashlib.sha256(b"a table").hexdigest()


def run_record(r2=(0.5, 0.6), *, test_r2=0.5, folds="f", sha256=SHA256, name="linear", **changes) -> RunRecord:
    """A finished run with those scores of the folds; `name` makes its identity, and so its fingerprint."""
    identity = {"schema": 2, "config": {"model": name}}
    scores = [score for score in r2 if score is not None]
    content = {
        "id": hashlib.md5(name.encode()).hexdigest(),
        "run_name": name,
        "choices": {"model": name},
        "overrides": (f"model={name}",),
        "command": f"python -m bikeml model={name}",
        "started": 1_700_000_000.0,
        "seconds": {"fit": 0.1, "judge": 0.2, "total": 1.0},
        "fingerprint": hash_identity(identity),
        "identity": identity,
        "reproducible": True,
        "metrics": {
            "cv_r2_mean": float(np.mean(scores)) if scores else None,
            "cv_r2_std": float(np.std(scores)) if scores else None,
            "test_r2": test_r2,
            "test_rmse": 2.0,
            "test_mae": 1.0,
        },
        "confidence": 0.95,
        "intervals": {"test_r2": (test_r2 - 0.1, test_r2 + 0.1)},
        "cv": CrossValidation(
            r2=tuple(r2),
            rmse=tuple(1.0 for _ in r2),
            n_fit=tuple(80 for _ in r2),
            n_score=tuple(20 for _ in r2),
            folds=folds,
            tuned_on_these_rows=False,
        ),
        "search": None,
        "importance": None,
        "dataset": Dataset(
            name="rentals",
            source="rentals.csv",
            sha256=sha256,
            target="rentals",
            columns={"temp": "float64", "rentals": "float64"},
            roles={"temp": "numeric", "rentals": "target"},
            n_train=100,
            n_test=40,
            gaps={},
        ),
        "environment": None,
        "destination": None,
        "files": {},
    }
    return RunRecord(**content | changes)


def write_run(folder: Path, record: RunRecord, files: dict[str, bytes] | None = None) -> RunRecord:
    """Write a record to its folder as a run does, with those computed files."""

    def compute(aside: Path) -> None:
        for name, content in (files or {"config.yaml": b"seed: 0\n"}).items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            (aside / name).write_bytes(content)

    place = RunFolder(folder)
    with place.claim(is_prepared=True):
        return place.write(record, compute)


def write_sweep(folder: Path, **cells: RunRecord | FailureRecord | None) -> SweepFolder:
    """Write a sweep with a cell for each of `cells`, which has left that or nothing."""
    plan = []
    for number, (name, left) in enumerate(cells.items()):
        fingerprint = left.fingerprint if isinstance(left, RunRecord) else None
        plan.append(Cell(number=number, overrides=(name,), folder=name, varies={"x": name}, fingerprint=fingerprint))
        if isinstance(left, RunRecord):
            write_run(folder / name, left)
        elif left is not None:
            left.write(folder / name)
    SweepRecord(command="cmd", started=0.0, cells=tuple(plan)).write(folder)
    return SweepFolder(folder)


def stored_model(store: Path, run_id: str) -> Path:
    """The folder of the model of a run in the local store in the folder `store`."""
    logged = filter(Path.is_file, store.glob("mlartifacts/models/*/artifacts/MLmodel"))
    among_files = store / "mlartifacts" / run_id / "artifacts" / "model"
    return next((file.parent for file in logged if run_id.encode() in file.read_bytes()), among_files)


def seal(folder: Path, model: Path | None = None) -> None:
    """
    Make the record of a run agree with its files, as one would whose word is not to be trusted.

    The `model` of a run in a store is elsewhere.
    """
    file = folder / RunRecord.FILE
    content = json.loads(file.read_text())
    places = {name: folder / name for name in content["files"]}
    if model:
        places |= {name: model / name.removeprefix("model/") for name in places if name.startswith("model/")}
    files = {name: hashlib.sha256(unplace_model(place.read_bytes())).hexdigest() for name, place in places.items()}
    file.write_text(json.dumps(content | {"files": files}))


def seal_stored(store: Path, run_id: str) -> None:
    """Seal a run in the local store in the folder `store`."""
    seal(store / "mlartifacts" / run_id / "artifacts", stored_model(store, run_id))


def agree(client, run_id: str, folder: Path, model: Path) -> None:
    """Make the record and the tags of a run agree with its files, as somebody would who has changed all of it."""
    seal(folder, model)
    content = (model / "model.skops").read_bytes()
    client.set_tag(run_id, "bikeml.model_sha256", hashlib.sha256(content).hexdigest())
