"""Sweeps through launchers of Hydra that know nothing of bikeml, for real: a user brings the one of her cluster."""

import pandas as pd
import pytest
from mlflow import MlflowClient

from bikeml.azure.launch.launcher import AzureMLLauncher
from bikeml.multirun.launcher import CellLauncher, PlainLauncher, adapt
from bikeml.records.sweep_folder import SweepFolder

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
FITS, FAILS = "null", "[1]"  # of a tree over ten columns; the second is refused only when it is fitted
SWEEP = ("-m", *FAST, "hydra.sweep.dir=sweep", "model=tree", f"model.estimator.monotonic_cst={FITS},{FAILS}")
LAUNCHERS = {
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit": ("hydra/launcher=submitit_local",),
}


class AnotherLauncher:
    """What Hydra hands to a sweeper for a launcher of a user."""

    def __init__(self):
        self.launched = []

    def launch(self, job_overrides, initial_job_idx):
        self.launched.append(job_overrides)


@pytest.mark.parametrize("words", LAUNCHERS.values(), ids=LAUNCHERS)
@pytest.mark.long
@pytest.mark.usefixtures("fresh_workers")
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning"
)  # submitit 1.5 leaves its processes' logs to the garbage collector
def test_any_launcher_of_hydra_runs_the_cells_of_a_sweep(bikeml_main, workdir, words):
    assert bikeml_main(*SWEEP, *words) == 1
    board = pd.read_csv(workdir / "sweep" / "leaderboard.csv").sort_values("cell", ignore_index=True)
    assert list(board["status"]) == ["finished", "failed"]
    assert "monotonic_cst has shape" in board["note"][1]
    parent = SweepFolder(workdir / "sweep").read_run_id()
    client = MlflowClient(f"sqlite:///{workdir}/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    children = client.search_runs(experiments, f"tags.mlflow.parentRunId = '{parent}'")
    assert sorted(child.info.status for child in children) == ["FAILED", "FINISHED"]
    assert bikeml_main(*SWEEP, *words, "reuse=all", "hydra.sweep.dir=again") == 1
    assert all(cell.reused for cell in SweepFolder(workdir / "again").read().cells)


def test_a_plain_launcher_is_adapted_and_one_that_knows_of_cells_is_not():
    plain, cluster = AnotherLauncher(), AzureMLLauncher()
    assert isinstance(adapt(plain), PlainLauncher)
    assert isinstance(adapt(plain), CellLauncher)
    assert adapt(cluster) is cluster
    adapt(plain).launch([["a=1"], ["a=2"]], 0)
    assert plain.launched == [[["a=1"], ["a=2"]]]


@pytest.mark.long
@pytest.mark.slow
def test_the_jobs_of_a_sweep_are_counted_from_zero(bikeml_main, monkeypatch):
    counted, launch = [], PlainLauncher.launch

    def count(self, job_overrides, initial_job_idx):
        counted.append((len(job_overrides), initial_job_idx))
        launch(self, job_overrides, initial_job_idx)

    monkeypatch.setattr(PlainLauncher, "launch", count)
    words = ("tracking=none", "hydra.sweep.dir=sweep", "hydra/launcher=basic", "model=linear,tree")
    assert bikeml_main("-m", *FAST, *words) == 0
    assert counted == [(2, 0)]
