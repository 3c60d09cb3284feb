"""experiment=auto: the cells of a portfolio for any table, and what its sweep leaves out."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest
import yaml

from bikeml.config.composition import compose, config_dir
from bikeml.experiment.check import check_estimators, find_missing_package
from bikeml.multirun.run import read_composed
from bikeml.pages.sweep.entries import SETS, list_axes, name_axes
from bikeml.pages.sweep.leaderboard import build_leaderboard
from bikeml.pages.sweep.report import render_report
from bikeml.records.sweep import Cell, LeftOutRecord
from bikeml.records.sweep_folder import SweepFolder
from tests.builders import run_record, write_sweep
from tests.conftest import config_of

LINES = yaml.safe_load((config_dir() / "experiment" / "auto.yaml").read_text(encoding="utf-8"))["sweep"]["cells"]
AUTO = ("-m", "experiment=auto", "data=csv", "data.target=y", "hydra.sweep.dir=sweep")


def write_table(y, **columns):
    pd.DataFrame({"y": y, **columns}).to_csv("table.csv", index=False)
    return "data.path=table.csv"


@pytest.mark.parametrize("line", LINES)
def test_each_cell_of_the_portfolio_has_a_model_that_can_be_built(line):
    config = config_of("experiment=auto", *shlex.split(line))
    if find_missing_package(config) is None:
        check_estimators(config)
    else:
        assert "lightgbm" in line or "xgboost" in line or "catboost" in line


def test_the_portfolio_begins_with_a_model_that_every_table_takes_and_works_without_boosters():
    first, *_ = LINES
    assert first == "model=ridge"
    plain = [line for line in LINES if not any(name in line for name in ("lightgbm", "xgboost", "catboost"))]
    assert len(plain) >= len(LINES) / 3
    assert any("target=identity" in line or "target" not in line for line in plain[1:])


def test_a_cell_of_many_keys_is_shown_by_its_model_and_what_else_it_sets():
    varies = {"target": "sqrt", "model": "catboost", "model.estimator.depth": "8"}
    cell = Cell(number=3, overrides=(), folder="3", varies=varies, fingerprint=None)
    assert list_axes(cell, [SETS]) == ["catboost target=sqrt depth=8"]
    assert list_axes(cell.model_copy(update={"varies": {}, "is_blend": True}), [SETS]) == ["blend"]
    assert name_axes([cell]) == ["target", "model", "model.estimator.depth"]
    assert name_axes([cell, cell.model_copy(update={"varies": dict.fromkeys("abc", "1")})]) == [SETS]


def test_the_page_of_many_keys_has_one_column_of_what_cells_set_and_tells_what_was_left_out(workdir, unrendered):
    folder = write_sweep(workdir / "sweep", a=run_record(), b=run_record([0.8, 0.9]), c=None)
    LeftOutRecord(reason="sweep.budget_seconds=9 was used up before it began").write(workdir / "sweep" / "c")
    keys = ["model", "target", "model.max_rows", *(f"model.estimator.{letter}" for letter in "pqrs")]
    varies = [dict.fromkeys(keys, "1"), {"model": "gbr"}, {"model": "rf", "model.max_rows": "9"}]
    plan = folder.read()
    cells = [cell.model_copy(update={"varies": each}) for cell, each in zip(plan.cells, varies, strict=True)]
    sweep = folder.look(
        plan.model_copy(update={"cells": tuple(cells), "dropped": ("cell 3, model=svr: too many rows",)})
    )
    page = render_report(sweep, build_leaderboard(sweep))
    board, rest = page.split("</table>", 1)
    assert re.findall('<th scope="col" class="key">([^<]*)<', board) == ["sets"]
    assert "<div>1 target=1 max_rows=1 p=1 q=1 r=1 s=1</div>" in board
    assert "rf max_rows=9" not in board
    assert "sweep.budget_seconds=9 was used up before it began <span" in rest
    assert "<li>cell 3, model=svr: too many rows</li>" in rest
    assert re.findall(r"of each cell by ([\w.]+);", rest) == ["model", "target"]


@pytest.mark.long
def test_a_table_of_negative_targets_has_a_leaderboard_of_the_cells_that_take_it(bikeml_main, workdir, capsys):
    path = write_table(np.sin(np.arange(80)) - 2, x=np.sqrt(np.arange(80)), constant=1)
    lines = 'sweep.cells=["model=ridge", "model=ridge target=sqrt", "model=svr target=standard"]'
    assert bikeml_main(*AUTO, path, lines, "search.budget_seconds=600") == 0
    record = SweepFolder(workdir / "sweep").read()
    assert [cell.name for cell in record.cells] == ["model=ridge", "model=svr target=standard", "blend"]
    assert "cell 1, model=ridge target=sqrt: target.transformer makes no number of" in record.dropped[0]
    assert "left out" in capsys.readouterr().out


@pytest.mark.slow
def test_held_out_targets_change_neither_weights_nor_cross_validation(bikeml_main, workdir):
    y, x = np.sin(np.arange(120.0)) + np.arange(120) / 60, np.arange(120.0) / 7
    lines = 'sweep.cells=["model=ridge", "model=svr target=standard"]'
    boards = []
    for name in ("first", "second"):
        path = write_table(y, x=x)
        assert bikeml_main(*AUTO, path, lines, "search.budget_seconds=600", f"hydra.sweep.dir={name}") == 0
        boards.append(pd.read_csv(workdir / name / "leaderboard.csv"))
        held_out = pd.read_csv(workdir / name / "0" / "predictions.csv")["row"] - 1
        y[held_out] = y[held_out][::-1] + 5
    first, second = boards
    pd.testing.assert_series_equal(first["cv_r2_mean"], second["cv_r2_mean"])
    assert not np.allclose(first["test_r2"], second["test_r2"])


@pytest.mark.slow
def test_too_few_rows_are_told_in_one_message(bikeml_main, workdir, capsys):
    assert bikeml_main(*AUTO, write_table(range(12), x=np.sqrt(np.arange(12)))) == 2
    said = capsys.readouterr().err
    assert "split.test_size=0.05 holds out 1 of its 12 rows, and a score takes two; set split.test_size=2" in said
    assert "Traceback" not in said


def test_without_m_it_says_what_to_type_and_a_cell_of_it_runs_alone(bikeml_main, workdir, capsys):
    assert bikeml_main("experiment=auto") == 2
    assert "sweep.cells lists 29 cells, and this would run one experiment that is none of them; add -m" in (
        capsys.readouterr().err
    )
    composed = compose(["experiment=auto", "model=ridge", "seed=${split.folds}"])
    assert read_composed(composed, composed.hydra, workdir / "a", "")[0].seed == 5


def test_the_budget_of_the_command_is_that_of_the_sweep_and_changes_no_fingerprint():
    config = config_of("experiment=auto", "search.budget_seconds=7")
    assert config.sweep.budget_seconds == config.search.budget_seconds == 7
