"""The blend of a sweep's cells: a run as any other, and a row of the leaderboard."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.ensemble import VotingRegressor

import bikeml
from bikeml.cli import start
from bikeml.errors import FitError
from bikeml.experiment.model_file import load_pipeline
from bikeml.multirun.blending.alike import check_alike
from bikeml.multirun.blending.members import Candidate
from bikeml.pages.sweep.blend import describe_blend
from bikeml.records.judgement import read_predictions
from bikeml.records.run import Search
from bikeml.records.run_folder import FOLDS, RunFolder
from bikeml.records.sweep import Cell
from bikeml.records.sweep_folder import SweepFolder
from tests.builders import run_record
from tests.conftest import config_of

CHEAP = ("evaluation.bootstrap_samples=100", "evaluation.importance=none", "tracking=none", "split.folds=3")
CELLS = (
    "model=ridge search=grid model.grid.alpha=[0.1,10]",
    "model=knn preprocessing=standard",
    "model=tree model.estimator.max_depth=4 preprocessing=none",
    "model=linear target=sqrt",
)
CELL = Cell(number=0, overrides=(), folder="0", varies={"model": "gaussian_process"})
SHORT = f"sweep.cells={json.dumps(CELLS)}"


def sweep_into(folder, *words):
    return start(["-m", *CHEAP, *words, f"hydra.sweep.dir={folder}"])


@pytest.fixture(scope="module")
def blended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blended") / "sweep"
    assert sweep_into(folder, SHORT, "sweep.blend=true") == 0
    return folder


@pytest.fixture
def plain(blended, workdir):
    """The same sweep without its blend, as if it had been asked for none."""
    folder = Path(shutil.copytree(blended, workdir / "plain"))
    shutil.rmtree(folder / "blend")
    record = SweepFolder(folder).read()
    record.model_copy(update={"cells": record.cells[:-1]}).write(folder)
    return folder


@pytest.mark.parametrize(
    ("blend", "other", "said"),
    [
        ({"rank": 2}, {"rank": 1, "difference": 0.0, "indistinguishable": True}, "it is not better than {alone}"),
        ({"rank": 1}, {"rank": 2, "difference": -0.1, "indistinguishable": False}, "it is better than {alone}"),
        (
            {"rank": 1},
            {"rank": 2, "difference": -0.1, "indistinguishable": True},
            "it leads, but cannot be told from {alone}",
        ),
        (
            {"rank": 1},
            {"rank": 2, "difference": 0.1, "indistinguishable": True},
            "it leads, since {alone}, scores higher by less than a standard error, and was chosen by it",
        ),
        (
            {"rank": 1},
            {"rank": 2, "difference": math.nan, "indistinguishable": pd.NA},
            "it ranks before {alone}, with which it cannot be compared",
        ),
    ],
)
def test_a_sweep_says_how_its_blend_compares_with_the_best_cell(blended, blend, other, said):
    sweep = SweepFolder(blended).look()
    cells = [{"cell": 4, "name": "blend", "folder": "blend"} | blend, {"cell": 1, "name": "model=knn"} | other]
    board = pd.DataFrame(cells).sort_values("rank")
    assert describe_blend(sweep, board).endswith(said.format(alone="cell 1 alone, model=knn"))


def members_of(folder):
    return yaml.safe_load((folder / "blend" / "config.yaml").read_text())["blend"]


def figures_of(folder):
    record = RunFolder(folder).require()
    return {**record.metrics, **record.ends}, record.cv.scores


def test_a_blend_is_a_voting_regressor_of_the_cells_pipelines_and_a_row_of_the_leaderboard(blended):
    board = pd.read_csv(blended / "leaderboard.csv")
    assert set(board["name"]) == {"blend", *(cell.name for cell in SweepFolder(blended).read().cells[:-1])}
    row = board.set_index("name").loc["blend"]
    assert (row["cell"], row["folder"], row["status"]) == (4, "blend", "finished")
    voting = load_pipeline(blended / "blend" / "model")[-1]
    assert isinstance(voting, VotingRegressor)
    assert list(voting.weights) == [member["weight"] for member in members_of(blended) if member["weight"]]


def test_each_fold_is_scored_with_the_weights_that_its_rows_did_not_choose(blended):
    sweep, members = SweepFolder(blended), members_of(blended)
    cells = {cell.name: read_predictions(sweep.folder_of(cell), FOLDS) for cell in sweep.read().cells[:-1]}
    blend = read_predictions(RunFolder(blended / "blend"), FOLDS)
    for fold, of_fold in blend.groupby("fold"):
        weights = [member["fold_weights"][fold - 1] for member in members]
        predicted = [cells[member["name"]].loc[of_fold.index, "predicted"] for member in members]
        np.testing.assert_allclose(of_fold["predicted"], np.average(predicted, axis=0, weights=weights), rtol=1e-12)


@pytest.mark.long
@pytest.mark.slow
def test_a_blend_that_is_fitted_anew_has_the_figures_of_the_one_made_of_fitted_cells(blended, workdir):
    sections = yaml.safe_load((blended / "blend" / "config.yaml").read_text())
    own = workdir / "conf" / "experiment"
    own.mkdir(parents=True)
    for group in ("model", "preprocessing", "search", "target"):
        (own.parent / group).mkdir()
        (own.parent / group / "own.yaml").write_text(yaml.safe_dump(sections.pop(group)))
    text = yaml.safe_dump({key: sections[key] for key in ("blend", "data", "split", "evaluation")})
    (own / "own.yaml").write_text("# @package _global_\n" + text)
    groups = [f"{group}=own" for group in ("model", "preprocessing", "search", "target", "experiment")]
    assert start(["--config-dir", "conf", *groups, "tracking=none", "hydra.run.dir=again"]) == 0
    assert figures_of(workdir / "again") == figures_of(blended / "blend")
    assert RunFolder(workdir / "again").require().cv.reused is None
    assert RunFolder(workdir / "again").require().fingerprint == RunFolder(blended / "blend").require().fingerprint


def test_a_member_carries_what_its_search_found_also_an_estimator():
    kernels = [f"{{_target_: sklearn.gaussian_process.kernels.{name}}}" for name in ("RBF", "Matern")]
    config = config_of("model=gaussian_process", "search=grid", f"++model.grid.kernel=[{', '.join(kernels)}]")
    found = {"kernel": "Matern(length_scale=1, nu=1.5)", "alpha": 0.5}
    search = Search(scoring="r2", best_params=found, best_score=0.5, candidates=(), counts={})
    member = Candidate(CELL, run_record(search=search), config, pd.DataFrame()).describe(2, [1, 0])
    assert member.model.grid == {
        "kernel": [{"_target_": "sklearn.gaussian_process.kernels.Matern"}],
        "alpha": [0.5],
    }
    assert (member.name, member.weight, member.fold_weights) == ("model=gaussian_process", 2, [1, 0])


@pytest.mark.slow
def test_the_task_makes_the_same_blend_later_and_again(plain, blended, call_task):
    for _ in range(2):
        status, out, err = call_task("blend", plain)
        assert (status, "blend" in out) == (0, True), err
        assert figures_of(plain / "blend") == figures_of(blended / "blend")
        assert [cell.is_blend for cell in SweepFolder(plain).read().cells] == [False] * 4 + [True]
    assert SweepFolder(plain).read().id == SweepFolder(blended).read().id, "a store holds the sweep once"
    page = (plain / "report.html").read_text()
    assert "The blend: " in page
    assert "Members" in (plain / "blend" / "report.html").read_text()


@pytest.mark.slow
def test_what_is_in_the_test_rows_changes_no_weight_and_no_fold(plain, blended, call_task):
    for number in range(4):  # as if the held-out rows had been others
        file = plain / str(number) / "predictions.csv"
        file.write_text(pd.read_csv(file).assign(actual=0.0, predicted=1e6).to_csv(index=False))
        record = json.loads((plain / str(number) / "result.json").read_text())
        del record["files"]["predictions.csv"]
        (plain / str(number) / "result.json").write_text(json.dumps(record))
    assert call_task("blend", plain)[0] == 0
    assert members_of(plain) == members_of(blended)
    assert figures_of(plain / "blend")[1] == figures_of(blended / "blend")[1]


@pytest.mark.slow
def test_a_broken_or_failed_cell_is_left_out_and_told(plain, call_task):
    (plain / "1" / FOLDS).write_text("changed")
    status, _, err = call_task("blend", plain)
    assert status == 0
    assert "cell 1 (model=knn preprocessing=standard) is left out of the blend" in err
    assert "knn" not in str(members_of(plain))


def test_a_blend_of_one_cell_is_refused(plain, refuse_blend):
    for number in range(3):
        shutil.rmtree(plain / str(number))
    refuse_blend(plain, "a blend takes at least 2 cells with a result, and this sweep has 1")


def test_cells_of_other_folds_are_refused_with_the_reason(plain, refuse_blend):
    record = RunFolder(plain / "2").require()
    cv = record.cv.model_copy(update={"folds": "other"})
    record.model_copy(update={"cv": cv}).write(plain / "2")
    refuse_blend(plain, "scored on the same rows, and cells 0 and 2 .* differ in their folds")


def test_a_table_that_has_changed_is_refused(plain, refuse_blend, monkeypatch):
    monkeypatch.setattr("bikeml.multirun.blend.read_bytes", lambda path: b"changed")
    refuse_blend(plain, r"data.path='pkg://.*' is not the table of the cells, whose sha256 is .*; set data.path")


@pytest.fixture
def refuse_blend(call_task):
    def refuse(folder, message):
        import re

        status, out, err = call_task("blend", folder)
        assert re.search(message, err), err
        assert (status, out) == (2, "")
        assert not (folder / "blend").exists()

    return refuse


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("split.folds=3,4",), "one table and one split, and split varies"),
        (("data.numeric=[temp],[hum]",), "one table and one split, and data varies"),
        (("search=grid", "model=ridge,lasso", "evaluation.nested=true"), "evaluation.nested=true chooses parameters"),
    ],
)
def test_a_sweep_that_cannot_be_blended_is_refused_before_it_runs(words, message, call_task, workdir):
    status, _, err = call_task("-m", "sweep.blend=true", *words)
    assert (status, message in err) == (2, True), err
    assert not [*workdir.rglob("result.json")]


def test_cells_of_one_table_and_split_can_be_blended():
    check_alike([config_of("model=rf"), config_of("model=gbr", "preprocessing=standard", "target=sqrt")])


@pytest.mark.slow
def test_a_sweep_without_enough_cells_ends_without_a_blend_and_says_so(call_task, workdir):
    status, _, err = call_task("-m", *CHEAP, "model=linear", "sweep.blend=true", f"hydra.sweep.dir={workdir / 's'}")
    assert status == 0
    assert "no blend: a blend takes at least 2 cells" in err


def test_weights_that_fit_no_folds_are_refused(blended, call_task, workdir):
    sections = yaml.safe_load((blended / "blend" / "config.yaml").read_text())
    (workdir / "conf" / "experiment").mkdir(parents=True)
    file = workdir / "conf" / "experiment" / "own.yaml"
    file.write_text("# @package _global_\n" + yaml.safe_dump({"blend": sections["blend"]}))
    status, _, err = call_task("--config-dir", "conf", "experiment=own", "tracking=none", "split.folds=4")
    assert (status, "blend has weights for 3 folds, and split makes 4" in err) == (2, True), err


@pytest.mark.slow
@pytest.mark.parametrize(
    "split",
    [
        ("split=group", "data.group=shop"),
        pytest.param(("split=chronological", "data.date=day"), marks=pytest.mark.long),
    ],
)
def test_a_leaderboard_in_python_is_blended_whatever_its_split(split, workdir, unrendered):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60), "z": rng.normal(size=60)})
    frame["price"] = frame["x"] ** 2 + frame["z"] + rng.normal(0, 0.1, 60)
    frame["shop"], frame["day"] = np.arange(60) // 6, pd.date_range("2026-01-01", periods=60)
    words = (*CHEAP, "model=linear,tree", "data.numeric=[x,z]", "data.categorical=[]", *split)
    board = bikeml.sweep(*words, data=frame, target="price")
    mixed = board.blend()
    assert (len(board), len(mixed), mixed[2].record.run_name) == (2, 3, "blend")
    assert mixed[2].predict(frame)["predicted"].notna().all()
    if split[0] == "split=chronological":
        assert [member["fold_weights"][0] for member in members_of(mixed.folder)] == [1, 1]


@pytest.mark.slow
def test_a_blend_that_cannot_be_fitted_is_a_failed_row_and_costs_no_cell(plain, call_task, monkeypatch):
    def refuse(*_):
        raise FitError("the members have had a row")

    monkeypatch.setattr("bikeml.multirun.blend.run", refuse)
    status, out, _ = call_task("blend", plain)
    assert (status, "the members have had a row" in out) == (1, True)
    board = pd.read_csv(plain / "leaderboard.csv").set_index("name")
    assert board.loc["blend", "status"] == "failed"
    assert (board["status"] == "finished").sum() == 4


@pytest.mark.long
def test_a_blend_is_reused_with_its_cells_and_made_anew_where_they_change(workdir, unrendered):
    def sweep(*models):
        cells = f"sweep.cells={json.dumps([f'model={model}' for model in models])}"
        store = ("tracking=local", f"tracking.uri=sqlite:///{workdir}/runs.db", "reuse=finished")
        assert sweep_into(workdir / "sweep", *store, cells, "sweep.blend=true", "preprocessing=standard") == 0
        board = pd.read_csv(workdir / "sweep" / "leaderboard.csv").set_index("name")
        return board.loc["blend"], [*board["status"]]

    first, _ = sweep("ridge", "tree")
    again, statuses = sweep("ridge", "tree")
    assert statuses == ["reused"] * 3
    assert (again["run_id"], again["cv_r2_mean"]) == (first["run_id"], first["cv_r2_mean"])
    other, statuses = sweep("ridge", "knn", "tree")
    assert sorted(statuses) == ["finished", "finished", "reused", "reused"]
    assert other["run_id"] != first["run_id"]
