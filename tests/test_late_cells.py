"""A cell whose folds would outlast the budget of its sweep ends after its first fit."""

import math
import time

import pandas as pd
import pytest

from bikeml.errors import LateError
from bikeml.experiment.check import check_time
from bikeml.experiment.story import compute
from bikeml.records.run import Invocation
from bikeml.records.sweep_folder import SweepFolder
from bikeml.system.clock import seconds_left, stopped_at
from tests.conftest import config_of

FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance=none")
FOLDS = [(range(80), range(80, 100))] * 5


def test_nothing_is_late_unless_something_stops_it():
    assert seconds_left() == math.inf
    check_time(1e9, FOLDS, 100)


def test_five_folds_take_three_times_the_first_fit_at_least():
    with stopped_at(time.time() + 33):
        check_time(10, FOLDS, 100)
    with (
        stopped_at(time.time() + 31),
        pytest.raises(LateError, match=r"^its first fit took 10.0 s, so those of 5 folds .* 32.0 s, and 3[01].\d s of"),
    ):
        check_time(10, FOLDS, 100)


def test_folds_that_are_known_take_no_time():
    with stopped_at(time.time() - 1):
        check_time(10, [], 100)


def test_an_experiment_ends_before_its_folds_are_fitted(workdir):
    with stopped_at(time.time()), pytest.raises(LateError, match="0.0 s of sweep.budget_seconds were left"):
        compute(config_of("model=ridge", *FAST), Invocation(workdir / "out", "", {}))


def test_a_cell_says_why_it_is_left_out_and_has_no_result(bikeml_main, workdir, capsys):
    with stopped_at(time.time()):
        bikeml_main("-m", "model=ridge,tree", *FAST, "hydra.sweep.dir=sweep")
    outcomes = SweepFolder(workdir / "sweep").look().outcomes
    assert [each.status for each in outcomes] == ["left out"] * 2
    assert all(each.left_out.reason.startswith("its first fit took") for each in outcomes)
    assert "Traceback" not in capsys.readouterr().err
    assert pd.read_csv("sweep/leaderboard.csv")["note"].str.startswith("its first fit took").all()
