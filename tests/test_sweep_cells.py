"""sweep.cells: the cells of a sweep as a list."""

import re

import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from bikeml.errors import ConfigError
from bikeml.multirun.sweepers.basic import Sweeper
from bikeml.multirun.sweepers.listed import read_lines

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance=none", "tracking=none", "hydra.sweep.dir=sweep")


def master_of(cells):
    return OmegaConf.create({"sweep": {"cells": cells, "max_failures": None}})


def read(cells, *common):
    master, parser = master_of(cells), OverridesParser.create()
    lines = read_lines(master, parser, parser.parse_overrides([*common]))
    return [[each.input_line for each in line] for line in lines]


def test_without_a_list_there_is_one_line_that_adds_nothing():
    assert read(None, "model=rf") == [[]]


def test_a_line_is_read_as_a_shell_reads_a_command():
    lines = ["model=linear", "model=gbr  target=sqrt", "model=knn 'tracking.run_name=\"five of them\"'"]
    read_ones = [["model=linear"], ["model=gbr", "target=sqrt"], ["model=knn", 'tracking.run_name="five of them"']]
    assert read(lines) == read_ones


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("model=linear", "sweep.cells='model=linear' should be a list of lines of overrides, such as"),
        ([], "sweep.cells=[] should be a list of lines"),
        (["model=linear", 5], "sweep.cells=['model=linear', 5] should be a list of lines"),
        (["model=linear", "model="], None),
        (["model=linear", "rf"], "sweep.cells[1]='rf' is no line of overrides, such as 'model=gbr target=sqrt': "),
        (["model='rf"], "sweep.cells[0]=\"model='rf\" is no line of overrides"),
        (["model=rf seed=1", "seed=2", "seed=1  model=rf"], "sweep.cells[2]='seed=1  model=rf' is the same cell as sweep.cells[0]"),
        (["model=rf", "model.alpha=1"], "sweep.cells[1]='model.alpha=1' sets model.alpha, as the command does with 'model.alpha=0'; take it out"),
        (["hydra.sweep.dir=x"], "sets hydra.sweep.dir, which a sweep has once"),
        (["hydra/launcher=joblib"], "sets hydra/launcher, which a sweep has once"),
        (["sweep.cells=null"], "sets sweep.cells, which a sweep has once"),
    ],
)  # fmt: skip
def test_a_bad_line_is_refused_with_its_place(cells, message):
    if message is None:  # Hydra's grammar has empty values
        assert read(cells)[1] == ["model="]
        return
    with pytest.raises(ConfigError, match=re.escape(message)):
        read(cells, "model.alpha=0")


def test_cells_come_in_the_order_of_the_list_with_each_axis_of_the_command():
    sweeper, parser = Sweeper(), OverridesParser.create()
    sweeper._master = master_of(["model=linear target=sqrt,identity", "model=baseline"])
    words = parser.parse_overrides(['sweep.cells=["model=linear target=sqrt,identity"]', "seed=0,1", "open=False"])
    assert sweeper._propose(words, parser).ask() == [
        ["seed=0", "open=False", "model=linear", "target=sqrt"],
        ["seed=0", "open=False", "model=linear", "target=identity"],
        ["seed=1", "open=False", "model=linear", "target=sqrt"],
        ["seed=1", "open=False", "model=linear", "target=identity"],
        ["seed=0", "open=False", "model=baseline"],
        ["seed=1", "open=False", "model=baseline"],
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("words", "n_cells", "cells"),
    [
        (["seed=range(0,1000000000)", "split.folds=2,3"], "20,002", None),
        (["seed=shuffle(range(0,100))", "split.folds=range(2,102)", "model=linear,ridge"], "20,000", None),
        (["seed=range(0,6000)"], "12,000", ["model=linear", "model=ridge"]),
    ],
)
def test_a_sweep_of_too_many_cells_is_refused_before_any_is_made(words, n_cells, cells):
    sweeper, parser = Sweeper(), OverridesParser.create()
    sweeper._master = master_of(cells)
    with pytest.raises(ConfigError, match=f"{n_cells} cells or more, and at most 10,000 .* such as those of seed, or"):
        sweeper._propose(parser.parse_overrides(words), parser)


@pytest.mark.slow
def test_a_cell_of_a_list_is_recorded_as_if_its_words_were_the_command(bikeml_main, workdir):
    assert bikeml_main("-m", *FAST, 'sweep.cells=["model=linear target=sqrt","model=baseline"]') == 0
    board = pd.read_csv(workdir / "sweep" / "leaderboard.csv")
    assert list(board["name"]) == ["model=linear target=sqrt", "model=baseline"]
    assert "sweep.cells" not in (workdir / "sweep" / "0" / "result.json").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (['sweep.cells=["model=linear","modle=rf"]'], "modle=rf"),
        (["hydra/sweeper=bikeml_optuna", "seed=range(9)", 'sweep.cells=["model=linear"]'], "proposes the cells itself"),
        (['sweep.cells=["a=1"],["b=2"]'], "sweep.cells has several values, and a sweep has one list of cells"),
    ],
)
def test_a_list_that_no_sweep_can_run_is_refused_before_anything_is_written(
    bikeml_main, workdir, capsys, words, message
):
    assert bikeml_main("-m", *FAST, *words) == 2
    assert message in capsys.readouterr().err
    assert list(workdir.iterdir()) == []


@pytest.mark.slow
def test_a_swept_recipe_brings_no_list_of_cells(bikeml_main, workdir, capsys):
    (workdir / "experiment").mkdir()
    recipe = "# @package _global_\nsweep:\n  cells: [model=rf]\n"
    (workdir / "experiment" / "listed.yaml").write_text(recipe)
    assert bikeml_main("--config-dir=.", "-m", *FAST, "experiment=listed,tutorial_rf") == 2
    assert "sets sweep.cells, which a sweep has once" in capsys.readouterr().err
