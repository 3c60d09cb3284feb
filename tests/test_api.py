"""bikeml from Python: a DataFrame in, and the objects that come out."""

import doctest
import html
import inspect
import json
import logging
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bikeml
from bikeml.api.compare import Comparison
from bikeml.api.explore import Exploration
from bikeml.api.result import Result
from bikeml.api.sweep import Leaderboard
from bikeml.errors import (
    BikemlError,
    CellNotFoundError,
    ConfigError,
    DataError,
    FitError,
    RecordError,
    RunNotFoundError,
)
from bikeml.recorded.run import RecordedRun
from tests.conftest import DAILY

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2")
PUBLIC = [getattr(bikeml, name) for name in bikeml.__all__ if name != "errors"] + [
    Result,
    Leaderboard,
    Comparison,
    Exploration,
]


def draw_houses(n_rows=80, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "rooms": rng.integers(1, 9, n_rows),
            "zone": pd.Categorical(rng.integers(1, 4, n_rows)),
            "city": rng.choice(["Oslo", "São Paulo", "a,b"], n_rows),
            "sold": pd.date_range("2020-01-01", periods=n_rows, tz="Europe/Zurich"),
            "size": pd.array(rng.integers(20, 200, n_rows), dtype="Int64"),
        }
    )
    frame["price"] = frame["rooms"] * 10.0 + frame["zone"].astype(int) * 30 + rng.normal(size=n_rows)
    frame.loc[3, "size"] = pd.NA
    return frame


@pytest.fixture(scope="module")
def houses():
    return draw_houses()


@pytest.fixture(scope="module")
def made(houses, tmp_path_factory):
    """A run and a sweep on a DataFrame, recorded in a store."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = bikeml.run("model=ridge", "tracking=local", *FAST, data=houses, target="price")
        board = bikeml.sweep("model=tree,baseline", "seed=0,null", "tracking=local", *FAST, data=houses, target="price")
        yield folder, result, board


def test_the_import_loads_nothing_but_the_standard_library():
    code = "import sys; before = {*sys.modules}; import bikeml; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert loaded == {"bikeml", "bikeml.errors"}


def test_dir_lists_what_there_is_to_use():
    assert dir(bikeml) == bikeml.__all__


@pytest.mark.slow
@pytest.mark.parametrize("each", PUBLIC, ids=lambda each: each.__name__)
def test_the_examples_of_what_is_public_are_true(each):
    finder, options = doctest.DocTestFinder(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    tests = [test for test in finder.find(each, each.__name__, globs={}) if test.examples]
    assert tests
    for test in tests:
        assert doctest.DocTestRunner(optionflags=options).run(test).failed == 0, test.name


@pytest.mark.parametrize("each", PUBLIC, ids=lambda each: each.__name__)
def test_what_is_public_is_documented_and_typed(each):
    members = [each] if inspect.isfunction(each) else [each, *(
        member for name, member in vars(each).items() if not name.startswith("_")
    )]  # fmt: skip
    assert all(inspect.getdoc(member) for member in members)
    if inspect.isfunction(each):
        signature = inspect.signature(each)
        assert signature.return_annotation in ("Result", "Leaderboard", "Comparison", "Exploration", "pd.DataFrame")
        assert all(parameter.annotation is not parameter.empty for parameter in signature.parameters.values())


@pytest.mark.slow
def test_a_dataframe_gives_the_figures_of_its_file(workdir, houses):
    text = houses.assign(zone="z" + houses["zone"].astype(str), sold=houses["sold"].dt.strftime("%Y-%m-%d"))
    text.to_csv("houses.csv", index=False)
    words = ("model=hist_gbr", "tracking=none", *FAST)
    of_file = bikeml.run(*words, data="houses.csv", target="price")
    of_frame = bikeml.run(*words, data=text, target="price")
    assert of_frame.metrics == of_file.metrics
    assert of_frame.record.dataset.roles == of_file.record.dataset.roles


@pytest.mark.slow
def test_the_embedded_table_as_a_dataframe_gives_its_published_figures(workdir):
    frame = pd.read_csv(DAILY, engine="python")
    roles = [f"data.{key}={value}" for key, value in (
        ("numeric", "[temp,atemp,hum,windspeed]"),
        ("categorical", "[season,mnth,holiday,weekday,workingday,weathersit]"),
        ("date", "[dteday]"),
        ("date_format", "'%m/%d/%Y'"),
        ("categories", "inferred"),
    )]  # fmt: skip
    words = ("tracking=none", "preprocessing=none", *FAST)
    found = bikeml.run(*words, *roles, data=frame, target="rentals").metrics
    near = 0 if pd.__version__.startswith("2.") else 1e-12  # pandas 3 lays columns out in another way
    assert found == pytest.approx(dict(bikeml.run(*words).metrics), rel=near, abs=0)


def test_the_callers_dataframe_stays_as_it_was(made, houses):
    pd.testing.assert_frame_equal(houses, draw_houses())


def test_the_types_of_a_dataframe_decide_the_roles(made):
    roles = made[1].record.dataset.roles
    assert roles == {
        "rooms": "numeric", "size": "numeric", "zone": "categorical", "city": "categorical", "sold": "date",
        "price": "target",
    }  # fmt: skip
    assert made[1].record.dataset.gaps == {"size": 1}


def test_a_dataframe_is_stored_in_the_folder_of_its_run(made):
    folder, result, board = made
    stored = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("frame-*.parquet"))]
    assert len(stored) == 2  # one for the whole sweep
    assert result.record.dataset.source == str(next(result.folder.glob("frame-*")))
    assert board[0].record.dataset.source == str(next(board.folder.glob("frame-*")))
    assert board[0].record.dataset.sha256 == result.record.dataset.sha256


@pytest.mark.slow
def test_the_recorded_command_repeats_the_run(made, monkeypatch, workdir):
    result = made[1]
    again = eval(result.record.command, {"bikeml": bikeml})
    assert again.metrics == result.metrics
    assert again.fingerprint == result.fingerprint
    assert again.folder != result.folder


@pytest.mark.slow
def test_a_run_on_a_dataframe_is_reproduced_to_the_last_bit(made, monkeypatch, call_task):
    monkeypatch.chdir(made[0])
    status, out, err = call_task("reproduce", f"run={made[1].run_id}")
    assert status == 0, err
    assert "fingerprint" in out


def test_rows_of_a_dataframe_are_predicted_as_those_of_a_file(made, houses, workdir, call_task):
    folder, result, _ = made
    rows = draw_houses(20, seed=1).set_axis(range(100, 120)).drop(columns="price")
    found = result.predict(rows, interval=0.8)
    assert list(found.columns) == ["predicted", "low", "high"]
    assert found.index.tolist() == rows.index.tolist()
    assert ((found["low"] < found["predicted"]) & (found["predicted"] < found["high"])).all()
    rows.to_parquet("rows.parquet")
    pd.testing.assert_frame_equal(result.predict("rows.parquet"), found[["predicted"]].reset_index(drop=True))
    words = (f"run={result.run_id}", f"tracking.uri=sqlite:///{folder}/mlflow.db", "interval=0.8", "output=out.csv")
    assert call_task("predict", *words, "data=csv", "data.path=rows.parquet")[0] == 0
    of_task = pd.read_csv("out.csv", dtype=str)[list(found.columns)].astype(float)
    pd.testing.assert_frame_equal(of_task, found.reset_index(drop=True), check_exact=True)


def test_a_category_is_the_same_as_an_integer_a_float_and_a_text(made):
    rows = draw_houses(9, seed=2)
    expected = made[1].predict(rows)
    for kind in ("int64", "float64", "Int64", str, object):
        other = rows.assign(zone=rows["zone"].astype("int64").astype(kind))
        pd.testing.assert_frame_equal(made[1].predict(other), expected, check_exact=True)


@pytest.mark.parametrize(
    ("rows", "options", "error", "message"),
    [
        (draw_houses(5).drop(columns="rooms"), {}, DataError, r"the DataFrame does not fit the model:\n.*no column 'rooms'"),
        (draw_houses(5).assign(rooms="many"), {}, DataError, r"rows 1 to 5 of the DataFrame do not fit the model"),
        (draw_houses(5).head(0), {}, DataError, r"the DataFrame is empty"),
        (np.ones((2, 5)), {}, ConfigError, r"data is a numpy.ndarray of shape \(2, 5\)"),
        (None, {}, ConfigError, r"data is a NoneType"),
        ("nowhere.csv", {}, DataError, r"there is no table at 'nowhere.csv'"),
        (draw_houses(5), {"interval": 90}, ConfigError, r"interval=90 should be the share of rows .* such as 0.9"),
        (draw_houses(5), {"interval": 1.0}, ConfigError, r"interval=1.0 should be"),
        (draw_houses(5), {"interval": 0.999}, ConfigError, r"0.999"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit_are_refused_by_name(made, rows, options, error, message):
    with pytest.raises(error, match=message):
        made[1].predict(rows, **options)


def test_a_leaderboard_has_the_runs_behind_it(made):
    _folder, _, board = made
    table = board.to_frame()
    assert len(board) == len(table) == 4
    assert board.best.record.score == max(each.record.score for each in board)
    assert [each.folder.name for each in board] == [str(cell) for cell in table["cell"]]
    assert board[-1].folder == board[3].folder
    assert board.page.is_file()
    assert board.run_id
    table["rank"] = 0
    assert board.to_frame()["rank"].iloc[0] == 1


@pytest.mark.parametrize("cell", [4, -5, "rf", 1.5, None])
def test_a_cell_that_is_not_there_is_told_with_those_that_are(made, cell):
    with pytest.raises(CellNotFoundError, match=r"the sweep has no cell .*; its cells have the numbers 0, 1, 2, 3, as"):
        made[2][cell]
    with pytest.raises(IndexError):
        made[2][cell]


@pytest.mark.slow
def test_the_numbers_of_cells_count_those_that_are_left_out(workdir, capsys):
    board = bikeml.sweep("model=baseline", "seed=0", "split.folds=2,2,3", "tracking=none", *FAST[:2])
    assert board.to_frame()["cell"].tolist() == [0, 2]
    assert board[2].folder.name == board[-1].folder.name == "2"
    with pytest.raises(CellNotFoundError, match="numbers 0, 2"):
        board[1]
    assert "bikeml: left out: cell 1, split.folds=2, is the same experiment as cell 0" in capsys.readouterr().err


def test_a_run_says_on_stderr_what_a_notebook_should_know(houses, workdir, capsys):
    frame = houses.assign(copy=houses["price"] * 2, nothing=None)
    result = bikeml.run("model=ridge", "tracking=none", *FAST, data=frame, target="price")
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(rf"^bikeml: ridge-auto: test_r2 [\d.]+, [\d.]+ s; .*{result.folder.name}$", err, re.MULTILINE)
    assert result.notes == result.record.dataset.notes != ()
    assert result.hints == result.record.hints != ()
    assert all(f"bikeml: {line}\n" in err for line in (*result.notes, *result.hints))
    card = html.unescape(result._repr_html_())
    assert all(line in card for line in (*result.notes, *result.hints))


@pytest.mark.slow
def test_the_held_out_rows_have_the_index_of_the_dataframe(made, houses, workdir):
    named = houses.set_axis([f"house {number}" for number in range(len(houses))])
    named.loc["house 0", "price"] = None  # left out
    result = bikeml.run("model=baseline", "tracking=none", *FAST, data=named, target="price")
    held_out = result.predictions
    assert len(held_out) > 10
    assert held_out["actual"].tolist() == named.loc[held_out.index, "price"].tolist()
    board = bikeml.sweep("model=baseline", "tracking=none", *FAST, data=named, target="price")
    assert board.best.predictions.index.tolist() == held_out.index.tolist()
    assert repr(board).startswith("Leaderboard(1 cell by cv_r2, best model=baseline ")
    assert "data.path" not in board.to_frame()["name"].iloc[0]
    assert "1 cell, by cross-validated" in board._repr_html_()
    assert bikeml.load(result.folder).predictions.index.tolist() == list(range(len(held_out)))  # a file has no index


def test_a_pipeline_with_dates_is_drawn_whether_it_is_fitted_or_loaded(made):
    for result in (made[1], bikeml.load(made[1].folder)):
        drawn = result.pipeline._repr_html_()
        assert "DatetimeEncoder" in drawn
        assert "sold_total_seconds" in drawn
        assert result.pipeline.predict(
            draw_houses(5)[["rooms", "zone", "city", "sold", "size"]].assign(zone="1", sold="2020-01-01")
        ).shape == (5,)


@pytest.mark.slow
@pytest.mark.parametrize("preprocessing", ["auto", "imputed", "none", "ordinal", "standard"])
def test_the_pipeline_of_every_preprocessing_is_drawn(workdir, houses, preprocessing):
    words = ["text", "of", "a", "few", "words"]
    told = houses.assign(note=[" ".join(words[: 2 + n % 4]) + f" {n}" for n in range(len(houses))])
    frame = told if preprocessing == "auto" else houses.assign(size=houses["size"].fillna(50))
    cells = ("data.date=[sold]", "data.text=[note]") if preprocessing == "auto" else ("data.date=[sold]",)
    steps = ("model=ridge", f"preprocessing={preprocessing}", "tracking=none", *FAST)
    if preprocessing == "none":
        frame, cells = frame[["rooms", "size", "price"]], ()
    result = bikeml.run(*steps, *cells, data=frame, target="price")
    drawn = result.pipeline._repr_html_()
    assert "Ridge" in drawn
    assert ("HashingVectorizer" in drawn) == ("DatetimeEncoder" in drawn) == (preprocessing == "auto")


@pytest.mark.slow
def test_an_error_of_a_cell_names_the_dataframe_and_not_its_file(workdir, houses):
    board = bikeml.sweep(
        "model=linear",
        "split=random,chronological",
        "tracking=none",
        *FAST,
        data=houses.drop(columns="sold"),
        target="price",
    )
    assert board.failures[1].startswith("the DataFrame has no column of dates")
    assert board.to_frame()["note"].iloc[-1].startswith("the DataFrame has no column of dates")
    assert "frame-" not in board._repr_html_()


@pytest.mark.long
@pytest.mark.slow
def test_a_sweep_that_was_run_before_is_told(workdir, capsys):
    words = ("model=linear,baseline", "tracking=local", *FAST)
    bikeml.sweep(*words)
    err = capsys.readouterr().err
    assert re.search(r"^bikeml: 2 cells, the best is model=linear, cv_r2_mean [\d.]+; ", err, re.MULTILINE)
    assert "fingerprint" not in err
    bikeml.sweep(*words)
    err = capsys.readouterr().err
    assert re.search(
        r"bikeml: every cell has the fingerprint of an earlier run, with the same score; the last of these is [0-9a-f]{12} of ",
        err,
    )


def test_a_run_of_this_machine_is_loaded_from_its_own_folder(made, monkeypatch, tmp_path):
    folder, result, board = made
    monkeypatch.chdir(folder)
    run_id = result.run_id
    assert bikeml.load(run_id).folder == result.folder
    assert bikeml.load(board[2].run_id).folder == board[2].folder
    moved = result.folder.rename(tmp_path / "moved")
    try:
        assert bikeml.load(run_id).folder not in (moved, result.folder)
        shutil.copytree(board[2].folder, result.folder)  # another run is there now
        assert bikeml.load(run_id).folder != result.folder
        assert bikeml.load(run_id).metrics == result.metrics
    finally:
        shutil.rmtree(result.folder, ignore_errors=True)
        moved.rename(result.folder)


@pytest.mark.slow
def test_a_cell_that_fails_is_in_the_leaderboard_with_its_cause(workdir, houses):
    words = ("model=linear", "split=random,chronological", "tracking=none", *FAST)
    board = bikeml.sweep(*words, data=houses.drop(columns="sold"), target="price")
    assert list(board.failures) == [1]
    assert "no column of dates" in board.failures[1]
    assert "1 failed" in repr(board)
    assert len(list(board)) == 1
    with pytest.raises(FitError, match=r"cell 1 \(split=chronological\) has no result: .*no column of dates"):
        board[1]


def test_a_sweep_without_a_result_has_no_best(workdir, houses):
    words = ("model=ridge", "model.estimator.solver=lbfgs", "seed=0,1", "tracking=none", *FAST)
    board = bikeml.sweep(*words, data=houses.drop(columns="sold"), target="price")
    assert len(board.failures) == 2
    with pytest.raises(
        RunNotFoundError, match=r"no cell of the sweep in '.*' has a score; failures says why: .*fitted"
    ):
        board.best  # noqa: B018  a property
    assert len(repr(board)) < 300
    assert "2 failed" in repr(board)


@pytest.mark.slow
def test_a_sweep_prints_no_leaderboard_and_leaves_the_process_as_it_was(workdir, capsys):
    logger, show = logging.getLogger(), warnings.showwarning
    state = (logger.handlers[:], logger.level, logging.raiseExceptions, sys.argv[:])
    bikeml.sweep("model=baseline,linear", "tracking=none", *FAST)
    assert capsys.readouterr().out == ""
    assert (logger.handlers[:], logger.level, logging.raiseExceptions, sys.argv[:]) == state
    assert warnings.showwarning is show


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bikeml.run("model=rf,gbr"), r"'model=rf,gbr'; add -m to sweep over its values \(in Python: bikeml.sweep\)"),
        (lambda: bikeml.sweep("model=nosuch,linear"), r"model has no option 'nosuch'"),
        (lambda: bikeml.sweep("--cfg"), r"'--cfg' is an option of the command line; here are overrides only"),
        (lambda: bikeml.sweep("model=linear", data=draw_houses(), target="prize"), r"the DataFrame has no column 'prize'; did you mean 'price'"),
        (lambda: bikeml.run(data=draw_houses(), target="city"), r"the DataFrame: .*city"),
        (lambda: bikeml.load("nosuch"), r"there is no store at"),
        (lambda: bikeml.load("./"), r"'./' is no folder of a run: it has no result.json"),
        (lambda: bikeml.load(Path("nowhere")), r"there is no run in"),
        (lambda: bikeml.explore("nowhere.csv", target="x"), r"there is no table at 'nowhere.csv'"),
        (lambda: bikeml.explore(draw_houses()), r"the DataFrame needs a target, .*; set target=COLUMN"),
        (lambda: bikeml.run(data=draw_houses()), r"the DataFrame needs a target, .*; set target=COLUMN"),
        (lambda: bikeml.run(data=draw_houses(), target="nope"), r"no column 'nope'; it has .*'price'.*; set target=COLUMN"),
        (lambda: bikeml.run(data="nowhere.csv", target="x"), r"there is no table at 'nowhere.csv'; set data to a CSV"),
        (lambda: bikeml.run("data=csv", "data.path=nowhere.csv"), r"there is no table at 'nowhere.csv'; set data.path to"),
        (lambda: bikeml.run(draw_houses(), "price"), r"this is a DataFrame; give a table as data=\.\.\., and the column to predict as target="),
        (lambda: bikeml.run("price", data=draw_houses()), r"cannot read the override 'price'; .*the column to predict is target='price'"),
        (lambda: bikeml.run(model="rf"), r"bikeml.run takes no argument model=; an override is text: bikeml.run\('model=rf'\)"),
        (lambda: bikeml.sweep(model=["rf"]), r"bikeml.sweep takes no argument model=; .*bikeml.sweep\('model=VALUE'\)"),
        (lambda: bikeml.runs(since="7d"), r"bikeml.runs\('since=7d'\)"),
        (lambda: bikeml.explore(draw_houses(), traget="price"), r"bikeml.explore takes no argument traget="),
        (lambda: bikeml.runs("best"), r"cannot read the override 'best'; write key=value, such as 'model=rf'$"),
        (lambda: bikeml.compare("best", output="x.html"), r"bikeml.compare\('output=x.html'\)"),
        (lambda: bikeml.load("best", store="x"), r"bikeml.load takes no argument store="),
        (lambda: bikeml.load(None), r"load was given None; it takes a run's id, best, latest, an alias, or a run's folder"),
        (lambda: bikeml.load(""), r"load was given ''"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_message_and_leaves_nothing(call, message, workdir):
    with pytest.raises(BikemlError, match=message):
        call()
    assert [*workdir.iterdir()] == []


@pytest.mark.slow
@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_a_run_is_loaded_by_what_people_call_it(made, monkeypatch, is_elsewhere):
    folder, result, board = made
    monkeypatch.chdir(folder)
    if is_elsewhere:
        monkeypatch.setattr(RecordedRun, "find_own_folder", lambda _: None)
    for which in ("latest", "best", result.run_id, result.run_id[:9], result.folder, str(result.folder)):
        loaded = bikeml.load(which)
        assert loaded.run_id in {result.run_id, *(each.run_id for each in board)}
    loaded = bikeml.load(result.run_id)
    assert loaded.look == result.look
    assert loaded.record == result.record
    assert loaded.metrics == result.metrics
    assert loaded.score == result.score
    rows = draw_houses(5, seed=3)
    pd.testing.assert_frame_equal(loaded.predict(rows, interval=0.8), result.predict(rows, interval=0.8))
    pd.testing.assert_frame_equal(loaded.predictions, result.predictions.reset_index(drop=True))
    assert loaded.figures.keys() == result.figures.keys()
    assert loaded.figures["residuals.png"]._repr_png_().startswith(b"\x89PNG")
    assert repr(loaded.pipeline) == repr(result.pipeline)


def test_what_is_loaded_is_fetched_when_it_is_asked_for_and_goes_with_the_object(made, monkeypatch):
    monkeypatch.chdir(made[0])
    monkeypatch.setattr(RecordedRun, "find_own_folder", lambda _: None)  # it was recorded elsewhere
    loaded = bikeml.load(made[1].run_id)
    place = loaded._files._place
    assert [*place.iterdir()] == []
    assert loaded.metrics
    assert [file.name for file in place.iterdir()] == ["result.json"]
    del loaded
    assert not place.exists()


def test_a_cell_whose_model_is_only_in_the_store_predicts(made, monkeypatch, workdir):
    import shutil

    monkeypatch.chdir(made[0])
    expected = made[1].predict(draw_houses(5), interval=0.8)
    kept = workdir / "kept"
    shutil.copytree(made[1].folder, kept, ignore=shutil.ignore_patterns("model", "scale.skops"))
    pd.testing.assert_frame_equal(bikeml.load(kept).predict(draw_houses(5), interval=0.8), expected)
    (kept / "store.json").unlink()
    with pytest.raises(BikemlError, match=r"model"):
        bikeml.load(kept).predict(draw_houses(5))


def test_a_changed_model_is_not_loaded(made, workdir):
    import shutil

    shutil.copytree(made[1].folder, "copy")
    model = Path("copy/model/model.skops")
    model.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(RecordError, match=r"model.skops' has been changed since the run wrote it"):
        bikeml.load("copy").pipeline  # noqa: B018  a property


def test_the_folder_of_a_sweep_is_told_from_that_of_a_run(made):
    with pytest.raises(RunNotFoundError, match=r"is the folder of a sweep; give the folder of a cell, such as"):
        bikeml.load(made[2].folder)


def test_runs_are_listed_newest_first_and_filtered(made, monkeypatch):
    folder, result, _board = made
    monkeypatch.chdir(folder)
    table = bikeml.runs()
    assert len(table) == 5
    assert table["run_id"].iloc[-1] == result.run_id
    assert bikeml.runs("model=ridge")["run_id"].tolist() == [result.run_id]
    assert len(bikeml.runs("limit=2")) == 2
    with pytest.raises(ConfigError, match=r"sort"):
        bikeml.runs("sort=nosuch")


def test_runs_are_compared_whether_they_are_results_ids_or_folders(made, monkeypatch):
    folder, result, board = made
    monkeypatch.chdir(folder)
    both = bikeml.compare(result, board.best)
    for others in ((result.run_id, board.best.folder), (result, str(board.best.run_id))):
        pd.testing.assert_frame_equal(bikeml.compare(*others).to_frame(), both.to_frame())
    assert both.refused == {}
    assert both.differing["in"].eq("config").any()
    assert not (folder / "compare.html").exists()
    assert both.page == folder / "compare.html"
    assert both.page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert 'class="bikeml-card"' in both._repr_html_()


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ((), r"compare takes two to 6 runs"),
        (("latest",), r"compare takes two to 6 runs"),
        ((draw_houses(), "latest"), r"compare was given a DataFrame; it takes results, ids of runs"),
        (("best", "nosuch"), r"there is no run or alias 'nosuch'"),
        (("best", "runs/nope"), r"there is no folder 'runs/nope' with a run, and no registered model 'runs' has the"),
    ],
)
def test_what_cannot_be_compared_is_said(made, monkeypatch, runs, message):
    monkeypatch.chdir(made[0])
    with pytest.raises(BikemlError, match=message):
        bikeml.compare(*runs)


def test_a_leaderboard_is_not_compared_but_its_runs_are(made):
    with pytest.raises(ConfigError, match=r"given a Leaderboard; .*compare\(board.best, board\[0\]\)"):
        bikeml.compare(made[2])


def test_a_table_of_ten_rows_is_looked_at(houses):
    assert repr(bikeml.explore(houses.head(10), target="price")).startswith("Exploration(10 rows, 6 columns")
    assert len(bikeml.explore(houses.head(2), target="price").to_frame()) == 6


def test_explore_returns_what_the_page_shows(workdir, houses):
    seen = bikeml.explore(houses, target="price")
    assert seen.to_frame().loc["zone", "role"] == "categorical"
    assert [*workdir.iterdir()] == []
    page = seen.page
    assert page == workdir / "explore" / "explore.html"
    assert "the DataFrame" in page.read_text(encoding="utf-8")
    other = bikeml.explore(houses, "output=other", target="price")
    assert other.page == workdir / "other" / "explore.html"
    assert other.findings == seen.findings


@pytest.mark.slow
def test_a_new_user_gets_from_a_csv_to_a_compared_pair_with_a_page_each(workdir):
    draw_houses(200).assign(sold=lambda frame: frame["sold"].dt.strftime("%d.%m.%Y")).to_csv("houses.csv", index=False)
    houses = pd.read_csv("houses.csv")
    assert bikeml.explore(houses, target="price").page.is_file()
    ridge, forest = (bikeml.run(f"model={name}", data=houses, target="price") for name in ("ridge", "rf"))
    both = bikeml.compare(ridge, forest)
    assert {each.page.name for each in (ridge, forest, both)} == {"report.html", "compare.html"}
    assert both.to_frame()["verdict"].isin(["better", "worse", "too close to call"]).all()
    assert bikeml.load("best").name in (ridge.name, forest.name)


@pytest.mark.slow
def test_columns_may_have_any_names(workdir):
    names = [
        "a,b",
        "x=y",
        "${seed}",
        "it's",
        '"q"',
        "[l]",
        "{d: 1}",
        "new\nline",
        "価格",
        " lead",
        "true",
        "2011",
        "back\\slash",
        "~",
        "range(1,3)",
    ]
    rng, target = np.random.default_rng(0), "price, ${in} 'CHF' \"x\"\\"
    frame = pd.DataFrame({name: pd.Categorical(rng.integers(1, 4, 60)) for name in names})
    frame["size, m²"] = rng.normal(size=60)
    frame[target] = frame["size, m²"] * 5 + rng.normal(size=60)
    result = bikeml.run("model=ridge", "tracking=none", *FAST, data=frame, target=target)
    board = bikeml.sweep("model=ridge,baseline", "tracking=none", *FAST, data=frame, target=target)
    assert result.record.dataset.roles == {
        **dict.fromkeys(names, "categorical"),
        "size, m²": "numeric",
        target: "target",
    }
    assert board.best.metrics == result.metrics
    assert len(result.predict(frame.drop(columns=target))) == 60


@pytest.mark.long
@pytest.mark.slow
def test_a_repr_is_short_whatever_the_names_are(workdir, houses):
    long = "x" * 250
    frame = houses.rename(columns={"price": long})
    result = bikeml.run(
        "model=linear",
        f"hydra.run.dir={long}/{long}",
        f"tracking.run_name={long}",
        "tracking=none",
        *FAST,
        data=frame,
        target=long,
    )
    board = bikeml.sweep(
        f"data.name={long},y", f"hydra.sweep.dir=sweeps/{long}", "tracking=none", *FAST, data=frame, target=long
    )
    seen = bikeml.explore(frame, target=long)
    for each in (result, board, seen, bikeml.compare(result, board[0])):
        assert len(repr(each)) < 300
        assert "\n" not in repr(each)


def test_an_error_is_shown_without_its_traceback_in_a_notebook(monkeypatch):
    monkeypatch.delenv("BIKEML_TRACEBACK", raising=False)
    with pytest.raises(ConfigError) as error:
        bikeml.run("model=nosuch")
    (line,) = error.value._render_traceback_()
    assert line.startswith("ConfigError: model has no option 'nosuch'")
    monkeypatch.setenv("BIKEML_TRACEBACK", "1")
    assert error.value._render_traceback_()[0].startswith("Traceback")


def test_json_of_the_record_has_the_command_of_the_sweeps_cell(made):
    record = json.loads((made[2][0].folder / "result.json").read_text())
    assert record["command"].startswith("python -m bikeml model=tree")
    assert "data.path=" in record["command"]


@pytest.mark.parametrize("word", [["model=rf"], 3])
def test_what_is_no_override_is_told(word):
    with pytest.raises(ConfigError, match=r"an override should be text, such as 'model=rf', and this is a (list|int)"):
        bikeml.run(word, data=pd.DataFrame({"rooms": [1], "price": [2]}), target="price")
