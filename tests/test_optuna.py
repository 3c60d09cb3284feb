"""Sweeps whose cells Optuna proposes."""

import builtins

import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from mlflow import MlflowClient
from omegaconf import OmegaConf
from optuna import Study
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from bikeml.errors import ConfigError
from bikeml.multirun.cell import _refuse_minimizing
from bikeml.multirun.sweepers.optuna import find_distribution
from bikeml.records.sweep_folder import SweepFolder

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance=none")
SWEEP = ("-m", "hydra/sweeper=bikeml_optuna", *FAST, "hydra.sweep.dir=sweep", "model=ridge")
ALPHA = "model.estimator.alpha=tag(log,interval(0.001,1000))"


def cells_of(workdir, name="sweep"):
    return SweepFolder(workdir / name).read().cells


@pytest.mark.slow
def test_each_cell_is_proposed_after_the_scores_of_earlier_ones(bikeml_main, workdir, capsys):
    assert bikeml_main(*SWEEP, "hydra.sweeper.n_trials=14", ALPHA, "tracking=none") == 0
    board = pd.read_csv(workdir / "sweep" / "leaderboard.csv").sort_values("cell", ignore_index=True)
    assert list(board["cell"]) == list(range(14))
    assert set(board["status"]) == {"finished"}
    # TPE draws ten cells at random, and then near the best ones
    assert board["cv_r2_mean"][10:].median() > board["cv_r2_mean"][:10].median()
    assert "[14/14]" in capsys.readouterr().err


@pytest.mark.long
def test_the_same_seed_and_scores_give_the_same_cells_which_are_reused(bikeml_main, workdir):
    words = (*SWEEP, "hydra.sweeper.n_trials=3", ALPHA, "preprocessing=standard,ordinal")
    assert bikeml_main(*words) == 0
    assert bikeml_main(*words, "hydra.sweep.dir=again", "reuse=finished") == 0
    first, again = cells_of(workdir), cells_of(workdir, "again")
    assert [cell.name for cell in first] == [cell.name for cell in again]
    assert all(set(cell.varies) == {"model.estimator.alpha", "preprocessing"} for cell in first)
    assert all(cell.reused for cell in again)
    client = MlflowClient(f"sqlite:///{workdir}/mlflow.db")
    parent = SweepFolder(workdir / "sweep").read_run_id()
    experiments = [each.experiment_id for each in client.search_experiments()]
    assert len(client.search_runs(experiments, f"tags.mlflow.parentRunId = '{parent}'")) == 3
    assert client.get_run(parent).info.run_name == "sweep of 3 cells"


@pytest.mark.slow
def test_a_cell_that_is_proposed_again_is_not_run_again(bikeml_main, workdir):
    assert bikeml_main(*SWEEP, "hydra.sweeper.n_trials=6", "model.estimator.alpha=1,2", "tracking=none") == 0
    record = SweepFolder(workdir / "sweep").read()
    assert len(record.cells) == 2
    assert len(record.dropped) == 4
    assert all("is the same experiment as cell" in line for line in record.dropped)


@pytest.mark.slow
def test_a_failure_costs_one_cell_and_max_failures_ends_the_sweep(bikeml_main, workdir):
    fails = ("model=tree", "model.estimator.monotonic_cst=choice([1],[1,1])", "tracking=none")
    assert bikeml_main(*SWEEP, "hydra.sweeper.n_trials=4", *fails) == 1
    assert [outcome.status for outcome in SweepFolder(workdir / "sweep").look().outcomes] == ["failed", "failed"]
    stops = ("model=tree", "model.estimator.monotonic_cst=[1]", "seed=range(20)", "sweep.max_failures=1")
    assert bikeml_main(*SWEEP, "hydra.sweeper.n_trials=9", *stops, "hydra.sweep.dir=stopped", "tracking=none") == 1
    states = [outcome.status for outcome in SweepFolder(workdir / "stopped").look().outcomes]
    assert states == ["failed", "failed", "not run"]


@pytest.mark.long
@pytest.mark.usefixtures("fresh_workers")
def test_cells_are_proposed_for_workers_and_run_by_joblib(bikeml_main, workdir):
    parallel = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2")
    assert bikeml_main(*SWEEP, *parallel, "hydra.sweeper.n_trials=5", ALPHA, "tracking=none") == 0
    assert [outcome.status for outcome in SweepFolder(workdir / "sweep").look().outcomes] == ["finished"] * 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model.estimator.alpha=1",), "has nothing to propose; give it an axis"),
        ((ALPHA, "hydra.sweeper.n_trials=0"), "hydra.sweeper.n_trials=0 should be a whole number of 1 or more"),
        ((ALPHA, "hydra.sweeper.n_jobs=1.5"), "hydra.sweeper.n_jobs=1.5 should be a whole number of 1 or more"),
        (("model.estimator.alpha=interval(2,1)",), "model.estimator.alpha=interval(2,1): "),
        (("model.estimator.alpha=tag(log,interval(0,1))",), "model.estimator.alpha=tag(log,interval(0,1)): "),
        ((ALPHA, "hydra/launcher=azureml"), "needs the score of each cell before it proposes the next"),
        (("model.estimator.alpha=interval(1,2)", "hydra/sweeper=bikeml"), "bikeml_optuna"),
        ((ALPHA, "hydra.sweeper.direction=minimize"), "hydra.sweeper.direction"),
    ],
)
def test_what_cannot_be_proposed_is_refused_before_anything_runs(bikeml_main, workdir, capsys, words, said):
    assert bikeml_main(*SWEEP, *words, "tracking=none") == 2
    assert said in capsys.readouterr().err
    assert not any(workdir.iterdir())


def test_a_missing_optuna_is_told_with_the_command_that_installs_it(bikeml_main, monkeypatch, capsys):
    imported = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "optuna":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert bikeml_main(*SWEEP, ALPHA) == 2
    assert "needs Optuna; install it with: pip install 'bikeml[optuna]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a=interval(1,10)", FloatDistribution(1, 10)),
        ("a=int(interval(1,10))", IntDistribution(1, 10)),
        ("a=tag(log,interval(0.1,10))", FloatDistribution(0.1, 10, log=True)),
        ("a=tag(log,int(interval(1,100)))", IntDistribution(1, 100, log=True)),
        ("a=range(1,10,3)", IntDistribution(1, 7, step=3)),
        ("a=range(10,1,-3)", IntDistribution(4, 10, step=3)),
        ("a=range(0.5,2,0.5)", FloatDistribution(0.5, 1.5, step=0.5)),
        ("a=range(1)", CategoricalDistribution(["0"])),
        ("a=x,'y z',[1,2]", CategoricalDistribution(["x", "'y z'", "[1,2]"])),
    ],
)
def test_an_axis_is_what_hydra_says_it_is(word, expected):
    (override,) = OverridesParser.create().parse_overrides([word])
    assert find_distribution(override) == expected


def test_a_sweeper_that_minimizes_the_score_is_refused():
    with pytest.raises(ConfigError, match="would find the worst cell"):
        _refuse_minimizing(OmegaConf.create({"direction": "minimize"}))
    _refuse_minimizing(OmegaConf.create({"direction": "maximize"}))


@pytest.mark.long
@pytest.mark.slow
def test_of_a_loss_the_smallest_is_looked_for(bikeml_main, workdir, monkeypatch):
    told, tell = [], Study.tell
    monkeypatch.setattr(Study, "tell", lambda study, trial, value: told.append(value) or tell(study, trial, value))
    assert bikeml_main(*SWEEP, "hydra.sweeper.n_trials=3", ALPHA, "tracking=none", "evaluation.rank=mae") == 0
    board = pd.read_csv(workdir / "sweep" / "leaderboard.csv").sort_values("cell")
    assert told == [-loss for loss in board["cv_mae_mean"]]  # the study looks for the greatest
    assert SweepFolder(workdir / "sweep").read().rank == "mae"


@pytest.mark.long
@pytest.mark.slow
def test_cells_whose_scores_cannot_be_compared_end_the_sweep_with_the_cure(bikeml_main, workdir, capsys):
    model = ("model=gbr", "model.estimator.n_estimators=2", "model.estimator.loss=quantile", "tracking=none")
    quantiles = (*model, "model.estimator.alpha=0.1,0.9", "hydra.sweeper.n_trials=8")
    assert bikeml_main(*SWEEP, *quantiles) == 2
    message = "are ranked by pinball_0.1" if "pinball_0.1" in (error := capsys.readouterr().err) else "by pinball_0.9"
    assert message in error
    assert "set evaluation.rank to a metric that all of them have" in error
    assert len([outcome for outcome in SweepFolder(workdir / "sweep").look().outcomes if outcome.record]) >= 1
    assert bikeml_main(*SWEEP, *quantiles, "evaluation.rank=mae", "hydra.sweep.dir=mae") == 0
