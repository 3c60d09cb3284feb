"""Folders that hold runs, sweeps and the store that recorded them, laid out anew before each case."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from unittest.mock import patch
from uuid import UUID

from tests.attacks.forked import call
from tests.recorded import STORE, restore

EARLIER = "3345f79"
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
LASSO = ("model=lasso", "preprocessing=standard", *FAST)
GRID = "model.grid={n_estimators: [2, 4], max_features: [0.5, 1.0]}"
RF = ("model=rf", "model.estimator.max_depth=3", "search=grid", "search.child_runs=1", GRID, *FAST)
CHECKPOINTS = ("search.checkpoint=true", "search.checkpoint_dir=checkpoints")
TREES = "model.estimator.monotonic_cst"
SWEEP = ("-m", "model=tree", "model.estimator.max_depth=3", f"{TREES}=null,[0,0],[0,0,1,0,0,0,0,0,0,0]", *FAST)
"""The second cell fails: its list is too short for the table."""
LASSO_NAME, RF_NAME = "lasso-standard", "rf-grid"
SUBMITTED = "sweep/1"
"""The cell of the sweep that stands as a job which has no result yet."""


@dataclass(frozen=True)
class World:
    """A working folder and its untouched copy; the paths in its store are those of the folder."""

    name: str
    folder: Path
    untouched: Path

    def lay_out(self) -> None:
        """Make the folder what it was at first."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.untouched, self.folder)

    def find_run(self, name: str) -> str:
        """Return the id of the run of that name in the store."""
        with contextlib.closing(sqlite3.connect(self.untouched / STORE)) as store:
            ((run_id,),) = store.execute("SELECT run_uuid FROM runs WHERE name = ?", (name,)).fetchall()
        return str(run_id)


def make_worlds(session: Path, *, with_new: bool = True) -> list[World]:
    """Return what an earlier commit left and, if `with_new`, what the code of today leaves, below `session`."""
    worlds = [_make(session, "earlier")]
    restore(EARLIER, worlds[0].folder)
    if with_new:
        worlds.append(_make(session, "now"))
        _fill(worlds[1].folder)
    for world in worlds:
        shutil.copytree(world.folder, world.untouched)
    return worlds


def _make(session: Path, name: str) -> World:
    world = World(name, session / "worlds" / name, session / "untouched" / name)
    world.folder.mkdir(parents=True)
    return world


def _fill(folder: Path) -> None:
    """Run one experiment of each kind; the checkpoint of the search stays, as if the search had been killed."""
    _run(folder, *LASSO, "hydra.run.dir=lasso")
    with patch("bikeml.experiment.searching.checkpoint.Checkpoint.remove"):
        _run(folder, *RF, *CHECKPOINTS, "hydra.run.dir=rf")
    _run(folder, *SWEEP, "hydra.sweep.dir=sweep", status=1)
    _submit(folder / SUBMITTED)


def _submit(cell: Path) -> None:
    (cell / "failure.json").unlink()
    job = {"name": "bikeml-0123456789ab", "status": "Running", "studio": "https://ml.azure.com/runs/0", "seen": 1.8e9}
    (cell / "job.json").write_text(json.dumps(job), encoding="utf-8")


def _run(folder: Path, *words: str, status: int = 0) -> None:
    ending = call(lambda: _run_with_known_ids(words), folder)
    if ending.status != status:
        raise RuntimeError(f"{words} ended with {ending.status}: {ending.err}")


def _run_with_known_ids(words: Sequence[str]) -> int:
    """Run the command line with the same ids of runs each time, so that a case's number means the same case."""
    bits = Random(" ".join(words))
    with patch("uuid.uuid4", lambda: UUID(int=bits.getrandbits(128), version=4)):
        return run_main(words)


def run_main(words: Sequence[str]) -> int:
    """Run the command line in this process."""
    from bikeml.__main__ import main

    with patch("sys.argv", ["bikeml", *words]):
        main()
    return 0
