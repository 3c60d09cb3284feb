import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t

from bikeml.pages.leaderboard import build_leaderboard, compare, write_leaderboard
from bikeml.records.sweep import FailureRecord
from tests.builders import run_record, write_sweep

SCORES = st.lists(st.floats(-1, 1), min_size=5, max_size=5)


def test_the_corrected_t_test_is_the_plain_one_with_the_variance_of_shared_rows():
    ours, best = [0.70, 0.72, 0.69, 0.75, 0.71], [0.74, 0.73, 0.75, 0.76, 0.70]
    compared = compare(ours, best, n_fit=80, n_score=20)
    differences = np.subtract(ours, best)
    error = np.sqrt((1 / 5 + 20 / 80) * np.var(differences, ddof=1))
    assert compared.difference == pytest.approx(-0.022)
    assert compared.p_value == pytest.approx(2 * student_t.cdf(-0.022 / error, 4))
    # The interval ends where the test is just significant.
    assert compared.high - compared.difference == pytest.approx(error * student_t.ppf(0.975, 4))


@given(SCORES, SCORES)
def test_a_comparison_turned_around_is_the_same_comparison(one, other):
    there, back = compare(one, other, 80, 20), compare(other, one, 80, 20)
    assert there.difference == pytest.approx(-back.difference, abs=1e-12)
    assert there.p_value == pytest.approx(back.p_value, abs=1e-9)
    assert 0 <= there.p_value <= 1


def test_cells_with_the_same_scores_do_not_differ():
    assert compare([0.5, 0.6], [0.5, 0.6], 80, 20).p_value == 1
    assert compare([0.5, 0.6], [0.75, 0.85], 80, 20).p_value < 0.001


def test_every_cell_is_there_by_rank_and_what_failed_at_the_end(workdir):
    broke = FailureRecord(error="broke", overrides=(), log="bikeml.log")
    sweep = write_sweep(workdir, a=run_record([0.5, 0.6], name="a"), b=broke, c=run_record([0.7, 0.9], name="c"))
    board = build_leaderboard(sweep.look())
    assert list(board["name"]) == ["x=c", "x=a", "x=b"]
    assert list(board["cell"]) == [2, 0, 1]
    assert list(board["status"]) == ["finished", "finished", "failed"]
    assert board["rank"].isna().tolist() == [False, False, True]
    assert board["note"][2] == "broke (log: b/bikeml.log)"
    assert board["difference"][0] == 0
    assert board["difference"][1] == pytest.approx(-0.25)


@pytest.mark.parametrize("other", [{"folds": "g"}, {"sha256": "0" * 64}])
def test_scores_on_other_rows_are_ranked_but_not_compared(workdir, other):
    sweep = write_sweep(workdir, a=run_record([0.5, 0.6], name="a"), b=run_record([0.7, 0.9], name="b", **other))
    board = build_leaderboard(sweep.look())
    assert list(board["rank"]) == [1, 2]
    assert math.isnan(board["p_value"][1])


def test_a_score_that_is_undefined_is_neither_ranked_nor_compared(workdir):
    undefined = run_record([None, 0.6], name="a", metrics={"cv_r2_mean": None, "cv_r2_std": None, "test_r2": 0.5})
    board = build_leaderboard(write_sweep(workdir, a=undefined, b=run_record([0.7, 0.9], name="b")).look())
    assert list(board["name"]) == ["x=b", "x=a"]
    assert board["rank"].isna().tolist() == [False, True]


def test_a_leaderboard_of_nothing_can_be_written(workdir):
    sweep = write_sweep(workdir, a=None).look()
    board = build_leaderboard(sweep)
    assert list(board["status"]) == ["not run"]
    assert all(file.is_file() for file in write_leaderboard(sweep, board))


def test_a_broken_record_is_in_the_leaderboard_with_what_is_wrong(workdir):
    folder = write_sweep(workdir, a=run_record(name="a"), b=run_record(name="b"))
    (workdir / "a" / "result.json").write_text('{"schema": 2}')
    board = build_leaderboard(folder.look())
    assert list(board["status"]) == ["finished", "broken"]
    assert "a/result.json' is broken" in board["note"][1]
