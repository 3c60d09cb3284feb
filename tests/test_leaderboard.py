import math

import pytest

from bikeml.evaluation.metrics import find_metric
from bikeml.multirun.display.sweep import show_leaderboard
from bikeml.pages.sweep.entries import LEADING, build_entries, compare_rows
from bikeml.pages.sweep.leaderboard import advise_repeats, build_leaderboard, describe_lead
from bikeml.pages.sweep.report import render_report, write_leaderboard
from bikeml.records.run import hash_identity
from bikeml.records.sweep import FailureRecord, SweepRecord
from tests.builders import run_record, write_run, write_sweep


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
    assert math.isnan(board["difference"][1])
    assert describe_lead(board) == "leads 2 cells; none is too close to call; 1 cannot be compared"


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


def tuned(r2, name):
    record = run_record(r2, name=name)
    return record.model_copy(update={"cv": record.cv.model_copy(update={"tuned_on_these_rows": True})})


@pytest.mark.parametrize("best_is_tuned", [False, True])
def test_a_tuned_cell_and_an_untuned_one_are_not_told_apart(workdir, best_is_tuned):
    records = [
        (tuned if is_tuned else run_record)(r2, name=name)
        for r2, name, is_tuned in (
            ([0.7, 0.8], "a", best_is_tuned),
            ([0.5, 0.6], "b", not best_is_tuned),
            ([0.4, 0.5], "c", best_is_tuned),
        )
    ]
    board = build_leaderboard(write_sweep(workdir, **dict(zip("abc", records, strict=True))).look())
    assert list(board["difference"]) == pytest.approx([0, -0.2, -0.3])
    assert board["difference_low"].isna().tolist() == [False, True, False]
    assert board["indistinguishable"].to_numpy(dtype=object, na_value=None).tolist() == [True, None, False]
    assert describe_lead(board) == "leads 3 cells; none is too close to call; 1 cannot be compared"


def test_a_cell_is_close_if_its_interval_holds_zero_and_has_a_probability(workdir):
    cells = {"a": [0.7, 0.8, 0.7], "b": [0.69, 0.79, 0.75], "c": [0.1, 0.2, 0.1]}
    board = build_leaderboard(write_sweep(workdir, **{x: run_record(r2, name=x) for x, r2 in cells.items()}).look())
    assert list(board["name"]) == ["x=b", "x=a", "x=c"]
    assert list(board["indistinguishable"]) == [True, True, False]
    assert (board["difference_high"] >= 0).tolist() == [True, True, False]
    assert board["probability_as_good"][0] == 1
    assert board["probability_as_good"][1] > 0.3
    assert board["probability_as_good"][2] < 0.01
    assert describe_lead(board) == "leads 3 cells; 1 is too close to call"


def test_the_rope_of_the_sweep_counts(workdir):
    folder = write_sweep(workdir, a=run_record([0.7, 0.8], name="a"), b=run_record([0.6, 0.75], name="b"))
    plan = folder.read()
    narrow, wide = (
        build_leaderboard(
            SweepRecord(**(plan.model_dump(exclude={"form"}) | {"rope": rope})).write(workdir) or folder.look()
        )
        for rope in (0.0, 1.0)
    )
    assert narrow["probability_as_good"][1] < 0.5
    assert wide["probability_as_good"][1] > 0.9


def repeatable(r2, name, **split):
    identity = {"config": {"model": name, "split": {"repeats": 1, **split}}}
    return run_record(r2, name=name, identity=identity, fingerprint=hash_identity(identity))


def write_command(folder, command, **cells):
    written = write_sweep(folder, **cells)
    SweepRecord(**(written.read().model_dump(exclude={"form"}) | {"command": command})).write(folder)
    return written.look()


COMMAND = "python -m bikeml -m model=a,b split.repeats=1 hydra.sweep.dir=s"


def test_what_repeats_would_decide_is_said_with_the_command(workdir):
    cells = {"a": repeatable([0.7, 0.8, 0.9], "a"), "b": repeatable([0.4, 0.6, 0.8], "b")}
    advice = advise_repeats(write_command(workdir, COMMAND, **cells))
    assert advice.text == (
        "split.repeats=2 would tell the close cell from the best, if the differences stay as they are"
    )
    assert advice.command == "python -m bikeml -m model=a,b split.repeats=2"


def test_where_no_number_of_repeats_would_decide_it_is_said(workdir):
    cells = {"a": repeatable([0.7, 0.8, 0.9], "a"), "b": repeatable([0.9, 0.6, 0.85], "b")}
    advice = advise_repeats(write_command(workdir, COMMAND, **cells))
    assert advice.text == "no number of repeats would tell the close cell from the best; more rows might"
    assert advice.command == ""


@pytest.mark.parametrize("split", [{"repeats": None}, {"shuffle": False}])
def test_a_split_that_cannot_be_repeated_is_not_advised_to(workdir, split):
    cells = {"a": repeatable([0.7, 0.8, 0.9], "a", **split), "b": repeatable([0.4, 0.6, 0.8], "b", **split)}
    assert advise_repeats(write_command(workdir, COMMAND, **cells)) is None


def test_nothing_is_advised_where_all_is_decided_or_one_cell_is_alone(workdir):
    a, b = repeatable([0.7, 0.8, 0.9], "a"), repeatable([0.1, 0.2, 0.3], "b")
    assert advise_repeats(write_command(workdir / "two", COMMAND, a=a, b=b)) is None
    assert advise_repeats(write_command(workdir / "one", COMMAND, a=a)) is None


def test_the_terminal_says_what_is_close_and_what_would_decide(workdir, capsys):
    cells = {"a": repeatable([0.7, 0.8, 0.9], "a"), "b": repeatable([0.4, 0.6, 0.8], "b"), "c": run_record([0, 0, 0])}
    sweep = write_command(workdir, COMMAND, **cells)
    show_leaderboard(sweep, build_leaderboard(sweep))
    told = capsys.readouterr().out
    for part in (
        "x=a leads 3 cells; 1 is too close to call",
        "~ [-",
        "cannot be told from the best",
        "to decide  split.",
    ):
        assert part in told
    assert "python -m bikeml -m model=a,b split.repeats=2\n" in told


def write_with_folds(folder, repeats=1, split=None, **predicted):
    """Write a sweep of cells that have out-of-fold predictions of the values 1, 2, 3 and so on."""
    scores = {name: [0.9 - 0.1 * n, 0.8 - 0.1 * n] for n, name in enumerate(predicted)}
    records = {name: repeatable(r2, name, **split or {}) for name, r2 in scores.items()}
    written = write_sweep(folder, **dict.fromkeys(predicted))
    for name, values in predicted.items():
        rows = [f"{row},{1 + row % 2},{row},{value}" for row, value in enumerate(values, start=1)] * repeats
        content = "\n".join(["row,fold,actual,predicted", *rows]) + "\n"
        write_run(folder / name, records[name], {"folds.csv": content.encode(), "config.yaml": b"seed: 0\n"})
    return written.look()


@pytest.mark.parametrize("repeats", [1, 2])
def test_the_leading_cells_are_compared_with_the_best_on_the_same_rows(workdir, repeats):
    well = [row + 0.1 for row in range(1, 13)]
    sweep = write_with_folds(workdir, repeats, a=well, b=[*well[:-1], 13.3])
    entries = compare_rows(sweep, build_entries(sweep, build_leaderboard(sweep)), find_metric("mae"))
    assert entries[0].on_rows is None
    assert entries[1].on_rows.mid == pytest.approx(1.2 / 12)
    assert entries[1].on_rows.low < 1.2 / 12 < entries[1].on_rows.high
    assert "on the same rows" in render_report(sweep, build_leaderboard(sweep))


def test_other_rows_or_no_predictions_leave_a_cell_uncompared_on_rows(workdir):
    sweep = write_with_folds(workdir, a=[1, 2, 3, 4.5], b=[1, 2, 3.5], c=[1, 2, 3, 4])
    (workdir / "c" / "folds.csv").unlink()
    entries = compare_rows(sweep, build_entries(sweep, build_leaderboard(sweep)), find_metric("mae"))
    assert [entry.on_rows for entry in entries] == [None, None, None]


@pytest.mark.parametrize("kind", ["chronological", "group"])
def test_rows_that_depend_on_each_other_are_not_compared(workdir, kind):
    well = [row + 0.1 for row in range(1, 13)]
    sweep = write_with_folds(workdir, a=well, b=[*well[:-1], 13.3], split={"kind": kind})
    entries = compare_rows(sweep, build_entries(sweep, build_leaderboard(sweep)), find_metric("mae"))
    assert [entry.on_rows for entry in entries] == [None, None]


def test_only_the_leading_cells_are_compared_on_rows(workdir):
    names = [f"c{number}" for number in range(30)]
    sweep = write_with_folds(workdir, **{name: [1, 2, 3.1, 4.2] for name in names})
    entries = compare_rows(sweep, build_entries(sweep, build_leaderboard(sweep)), find_metric("mae"))
    assert sum(entry.on_rows is not None for entry in entries) == LEADING


def write_blend(folder, blend, **cells):
    sweep = write_sweep(folder, **cells, blend=blend)
    plan = sweep.read()
    cells = (*plan.cells[:-1], plan.cells[-1].model_copy(update={"is_blend": True}))
    plan.model_copy(update={"cells": cells}).write(folder)
    return sweep.look()


@pytest.mark.parametrize(
    ("blend", "leads"), [([0.70, 0.80, 0.60], True), ([0.70, 0.69, 0.70], False), ([0.75, 0.74, 0.75], True)]
)
def test_a_blend_within_a_standard_error_of_the_best_cell_leads(workdir, blend, leads):
    cells = {"good": run_record([0.72, 0.71, 0.72], name="good"), "bad": run_record([0.1, 0.2, 0.1], name="bad")}
    board = build_leaderboard(write_blend(workdir, run_record(blend, name="blend"), **cells))
    assert list(board["rank"]) == [1, 2, 3]
    assert list(board["folder"]) == (["blend", "good", "bad"] if leads else ["good", "blend", "bad"])
    assert board["difference"][1] == pytest.approx((1 if leads else -1) * (0.7166667 - sum(blend) / 3), abs=1e-6)
