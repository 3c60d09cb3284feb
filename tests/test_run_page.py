"""The page of a run, made from its folder alone."""

import html
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from bikeml.config.composition import compose, resolve
from bikeml.errors import FolderTakenError, RecordError
from bikeml.evaluation.meaning import explain_metric
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import AT_A_QUANTILE, METRICS, at_quantile, find_metric
from bikeml.pages import style
from bikeml.pages.run.metrics import summarize
from bikeml.pages.run.report import save, write_run_page
from bikeml.pages.sweep.leaderboard import build_leaderboard
from bikeml.pages.sweep.report import write_cell_pages, write_report
from bikeml.records.judgement import Candidate, GroupImportance, Importance, Search
from bikeml.records.run import CrossValidation, Dataset, StoreRecord
from bikeml.records.run_folder import FIGURES, PAGE, RunFolder
from bikeml.terminal.browser import open_page
from tests.builders import SHA256, run_record, write_run, write_sweep
from tests.conftest import DAILY, config_of
from tests.recorded import restore

RNG = np.random.default_rng(0)
HOSTILE = """<script>window.hacked=1</script>"'`><img src=x onerror=window.hacked=1> $x_1$ 雪😀 {{7*7}} """ + "w" * 300
MOST_BYTES = 600_000
SEARCH = Search(
    scoring="neg_root_mean_squared_error",
    best_params={"alpha": 1.0},
    best_score=-2.0,
    candidates=tuple(
        Candidate(params={"alpha": alpha}, rank=rank, scores={"mean_test_score": -1.0 - rank, "std_test_score": 0.1})
        for rank, alpha in enumerate([1.0, 10.0, 100.0], start=1)
    ),
    counts={"candidates": 3, "fits": 15, "fits_avoided": 2, "fits_resumed": 0},
)


def predictions(n_rows):
    y = RNG.normal(size=n_rows)
    return pd.DataFrame({"row": range(1, n_rows + 1), "actual": y, "predicted": y + RNG.normal(size=n_rows)})


def dataset(columns=("temp", "hum"), target="rentals", **changes):
    roles = dict.fromkeys(columns, "numeric") | {target: "target", "id": "ignored"}
    content = {
        "name": "rentals",
        "source": "rentals.csv",
        "sha256": SHA256,
        "target": target,
        "columns": dict.fromkeys(columns, "float64") | {target: "float64"},
        "roles": roles,
        "n_train": 100,
        "n_test": 40,
        "gaps": {columns[0]: 7},
    }
    return Dataset(**content | changes)


def importance(columns=("temp", "hum")):
    n = len(columns)
    group = GroupImportance(columns=tuple(columns[:2]), mean=0.5, std=0.1, error=0.1)
    values = tuple(np.linspace(0.1, 0.9, n))
    return Importance(columns=tuple(columns), mean=values, std=(0.1,) * n, error=(0.05,) * n, groups=(group,))


def write(folder, n_rows=40, units=None, **changes):
    """Write the folder of a whole run, and return its page."""
    content = {"dataset": dataset(), "importance": importance(), "search": SEARCH}
    config = config_of("tracking=none").model_dump()
    config["data"]["units"] = units or {}
    files = {
        "config.yaml": yaml.safe_dump(config, sort_keys=False).encode(),
        "predictions.csv": predictions(n_rows).to_csv(index=False).encode(),
    }
    write_run(folder, run_record(**content | changes), files)
    return write_run_page(RunFolder(folder)).read_text()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write(tmp_path_factory.mktemp("run"), units={"rentals": "bikes"})


def words_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL))


def test_the_page_says_first_what_was_predicted_with_which_model_and_how_good(page):
    words = words_of(page)
    assert "linear predicts rentals with R² 0.500" in words
    assert "It explains 50% of the variation of rentals in 40 held-out rows that no fit has seen" in words
    assert "(R² 95% interval 0.400 to 0.600)" in words
    assert "off by 1.0000 on average" in words


def test_each_metric_stands_with_its_interval_and_what_it_means(page):
    words = words_of(page)
    assert "0.400 to 0.600" in words
    assert "The root of the mean squared error: a typical error, in bikes, in which large errors count more." in words
    assert "0.550 ± 0.050" in words, "over the folds"


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_meaning(name):
    metric = find_metric(at_quantile(name, 0.9) if name in AT_A_QUANTILE else name)
    meaning = explain_metric(metric, "price", None)
    assert meaning.endswith(".")
    assert "{" not in meaning
    assert metric.unit != "target" or name == "poisson_deviance" or "the unit of price" in meaning


def test_a_metric_that_is_added_needs_no_meaning():
    assert explain_metric(Metric("bias", "bias", "f", unit="target"), "price", None) == "Smaller is better."


def test_an_undefined_metric_has_its_reason(tmp_path):
    metrics = run_record().metrics | {"test_r2": None}
    reason = "the target is 3.0 in all 40 rows"
    page = words_of(write(tmp_path, metrics=metrics, intervals={}, undefined={"test_r2": reason}))
    assert f"Undefined: {reason}." in page
    assert f"R² is undefined: {reason}" in page


def test_a_negative_r2_is_worse_than_the_mean():
    record = run_record(test_r2=-0.5)
    assert summarize(record).startswith(
        "On 40 held-out rows it predicts rentals worse than their mean would: R² is −0.500"
    )


def test_the_mean_absolute_error_is_said_once_where_it_ranks():
    cv = CrossValidation(**run_record().cv.model_dump() | {"mae": (1.0, 1.0)})
    metrics = run_record().metrics | {"cv_mae_mean": 1.0, "cv_mae_std": 0.0}
    said = summarize(run_record(cv=cv, metrics=metrics, rank="mae"))
    assert said == "On 40 held-out rows that no fit has seen, MAE is 1.0000"


def test_what_differs_from_the_defaults_stands_beside_the_default(tmp_path):
    choices = {"model": "ridge", "split": "random", "search": "grid"}
    overrides = ("model.estimator.alpha=3", "seed=7", "+vars.note=x")
    page = write(tmp_path, choices=choices, overrides=overrides)
    found = re.findall(r'<th scope="row">([\w.]+)</th><td>(.*?)</td><td>(.*?)</td>', page)
    assert found == [
        ("model", "linear", "ridge"),
        ("search", "none", "grid"),
        ("model.estimator.alpha", "1.0", "3"),
        ("seed", "0", "7"),
        ("vars.note", "", "x"),
    ]


def test_a_run_of_defaults_says_so(tmp_path):
    assert "Nothing: each option and value is the default one." in write(
        tmp_path, choices={"model": "linear"}, overrides=()
    )


def test_each_column_has_its_role_its_gaps_and_its_importance(page):
    rows = [words_of(row).split() for row in re.findall(r'<tr[^>]*><th scope="row"><div class="name">.*?</tr>', page)]
    assert rows == [
        ["rentals", "target", "float64", "bikes", "–"],
        ["hum", "numeric", "float64", "–", "0.9000", "±", "0.05000"],
        ["temp", "numeric", "float64", "7", "0.1000", "±", "0.05000"],
        ["id", "ignored", "–"],
    ]


def test_the_page_shows_each_figure_of_the_run_with_the_same_title(page):
    figures = re.findall(r"<figcaption>([^<]*)<span>", page)
    assert figures == ["Actual against predicted", "Residuals", "Importance of the columns", "Scores of the candidates"]
    assert "40 held-out rows: R² 0.500 (95% interval 0.400 to 0.600)" in page
    assert ">−RMSE in rentals</text>" in page


def test_the_commands_name_the_folder_as_one_word(tmp_path):
    folder = tmp_path / "it's a $run"
    write(folder)
    (folder / "model").mkdir()
    page = write_run_page(RunFolder(folder)).read_text()
    commands = [shlex.split(text) for text in re.findall(r"<code>(python -m bikeml .*?)</code>", html.unescape(page))]
    used = {words[3]: words[4] for words in commands if words[3] in ("predict", "serve", "reproduce")}
    assert used.keys() == {"predict", "serve", "reproduce"}
    for task, word in used.items():
        assert resolve(compose([f"+task={task}", word]))["run"] == str(folder)


def test_a_call_from_python_is_shown_but_is_no_command_to_change(tmp_path):
    page = html.unescape(write(tmp_path, command="bikeml.run('model=rf', 'seed=1')"))
    assert page.count("bikeml.run('model=rf', 'seed=1')") == 1
    assert "<h3>Run it again</h3>" not in page


def test_a_run_whose_model_is_elsewhere_is_named_by_its_id(tmp_path):
    StoreRecord(uri="file:x", experiment_name="e", run_id="a" * 32, look="mlflow ui").write(tmp_path)
    record = run_record(dataset=dataset(), importance=importance())
    content = predictions(5).to_csv(index=False).encode()
    write_run(tmp_path, record, {"predictions.csv": content})
    StoreRecord(uri="file:x", experiment_name="e", run_id="a" * 32, look="mlflow ui").write(tmp_path)
    page = write_run_page(RunFolder(tmp_path)).read_text()
    assert f"python -m bikeml predict run={'a' * 32} data.path=new.csv" in page


def test_what_is_doubtful_stands_on_top(tmp_path):
    cv = run_record().cv.model_copy(update={"tuned_on_these_rows": True})
    page = words_of(write(tmp_path, hints=("temp is almost the target; put it into data.ignored",), cv=cv))
    assert page.index("temp is almost the target") < page.index("held-out rows folds* all rows of the folds")
    assert "evaluation.nested=true cross-validates the search itself." in page


def test_any_text_is_shown_as_it_is(tmp_path):
    columns = (HOSTILE, "hum")
    given = dataset(columns, target=f"target {HOSTILE}", name=HOSTILE, source=HOSTILE, notes=(HOSTILE,))
    candidate = Candidate(params={HOSTILE: HOSTILE}, rank=1, scores={"mean_test_score": 0.1, "std_test_score": 0.1})
    found = SEARCH.model_copy(
        update={"candidates": (candidate,), "best_params": {HOSTILE: HOSTILE}, "scoring": HOSTILE}
    )
    changes = {"hints": (HOSTILE,), "overrides": (f"data.name={HOSTILE}",), "choices": {"model": HOSTILE}}
    page = write(
        tmp_path,
        dataset=given,
        importance=importance(columns),
        search=found,
        run_name=HOSTILE,
        command=HOSTILE,
        interval_method=HOSTILE,
        **changes,
    )
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert "&lt;script&gt;window.hacked=1&lt;/script&gt;" in page
    assert "{{7*7}}" in page


def test_a_wide_table_with_long_names_stays_a_light_page(tmp_path):
    columns = tuple(f"{number} {HOSTILE}" for number in range(800))
    notes = tuple(f"{HOSTILE} {number}" for number in range(800))
    page = write(tmp_path, dataset=dataset(columns, notes=notes), importance=importance(columns))
    assert "The first 500 of 802 columns" in words_of(page)
    assert len(page.encode()) < MOST_BYTES


def test_many_rows_and_many_folds_stay_a_light_page(tmp_path):
    scores = tuple(RNG.random(200))
    page = write(tmp_path, n_rows=30_000, **_folds(scores))
    assert "and 150 more" in page
    assert page.count("<image") == 3, "two densities, and the colours of one"
    assert len(page.encode()) < MOST_BYTES


def _folds(scores):
    record = run_record(scores)
    return {"cv": record.cv, "metrics": record.metrics}


def test_the_page_needs_nothing_else_and_every_reference_in_it_is_met(page):
    assert not re.search(r"""(src|href)=["']?(https?:|//)|@import|url\((?!#)""", page)
    assert "default-src 'none'" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', page)) <= set(ids)


def test_the_same_folder_makes_the_same_page(tmp_path):
    assert write(tmp_path) == write_run_page(RunFolder(tmp_path)).read_text()


def test_a_run_without_importance_or_search_has_a_page(tmp_path):
    page = write(tmp_path, importance=Importance(columns=(), mean=(), std=()), search=None)
    assert "Importance of the columns" not in page
    assert 'id="search"' not in page


def test_a_run_of_an_earlier_version_has_a_page(tmp_path):
    restore("3345f79", tmp_path)
    for name in ("lasso", "rf"):
        page = words_of(write_run_page(RunFolder(tmp_path / name)).read_text())
        assert f"{RunFolder(tmp_path / name).require().run_name} predicts the target with R²" in page
        assert "Data, code, versions" in page


def test_a_broken_file_is_one_message(tmp_path):
    write(tmp_path)
    (tmp_path / "predictions.csv").write_text("{[")
    with pytest.raises(RecordError, match=r"predictions.csv' has been changed since the run wrote it"):
        write_run_page(RunFolder(tmp_path))


def test_the_page_is_a_file_of_the_run(tmp_path):
    write(tmp_path)
    folder = RunFolder(tmp_path)
    assert [name for name in folder.list_files(folder.require()) if name == PAGE] == [PAGE]
    folder.refuse_others()
    folder.clear()
    assert not folder.has(PAGE)


def test_a_page_that_no_run_wrote_is_not_overwritten(tmp_path):
    (tmp_path / PAGE).write_text("mine")
    with pytest.raises(FolderTakenError, match=r"report.html in .* was not written by a run"):
        RunFolder(tmp_path).refuse_others()


@pytest.mark.slow
def test_report_makes_the_page_and_the_figures_of_a_copied_run_again(tmp_path, call_task):
    write(tmp_path / "run")
    copy = Path(shutil.copytree(tmp_path / "run", tmp_path / "copy"))
    (copy / PAGE).unlink()
    status, printed, _ = call_task("report", copy)
    assert status == 0
    assert printed.splitlines() == [str(copy / name) for name in (*FIGURES, PAGE)]


def test_the_page_of_a_sweep_links_the_pages_of_its_cells(tmp_path):
    cells = {"a b": run_record((0.5, 0.6), name="a"), "c": run_record((0.4, 0.5), name="c"), "d": None}
    folder = write_sweep(tmp_path, **cells)
    (tmp_path / "a b" / PAGE).write_text("its page")
    sweep = folder.look()
    page = write_report(sweep, build_leaderboard(sweep)).read_text()
    assert set(re.findall(r'href="\./([^"]*report.html)"', page)) == {"a%20b/report.html"}
    assert 'aria-label="page of cell 0"' in page


def test_a_cell_that_was_fetched_gets_its_page_and_a_broken_one_does_not(tmp_path):
    cells = {name: run_record(dataset=dataset(), importance=importance(), name=name) for name in ("good", "broken")}
    folder = write_sweep(tmp_path, **cells)
    for name, record in cells.items():
        write_run(tmp_path / name, record, {"predictions.csv": predictions(5).to_csv(index=False).encode()})
    sweep = folder.look()
    (tmp_path / "broken" / "predictions.csv").write_text("{[")
    write_cell_pages(sweep, build_leaderboard(sweep))
    assert (tmp_path / "good" / PAGE).is_file()
    assert not (tmp_path / "broken" / PAGE).exists()


def test_the_colours_of_pictures_are_those_of_a_light_page():
    css = (Path(style.__file__).parent / "templates/page.css").read_text()
    light = dict(re.findall(r"--(\w+): (#\w+);", css[: css.index("@media")]))
    names = {"ink": style.INK, "muted": style.MUTED, "line": style.FAINT, "accent": style.ACCENT, "warm": style.WARM}
    assert names | {"surface": style.SURFACE} == {name: light[name] for name in (*names, "surface")}


@pytest.mark.parametrize("has_browser", [True, False])
def test_a_page_is_opened_or_its_place_is_said(tmp_path, monkeypatch, capsys, has_browser):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    monkeypatch.setenv("BROWSER", "firefox")
    if not has_browser:
        monkeypatch.setattr("sys.platform", "linux")
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
            monkeypatch.delenv(name, raising=False)
    open_page(tmp_path / "a b" / PAGE)
    said = capsys.readouterr().err
    assert opened == ([(tmp_path / "a b" / PAGE).as_uri()] if has_browser else [])
    assert said == (
        "" if has_browser else f"bikeml: no browser can be opened here; the page is {tmp_path / 'a b' / PAGE}\n"
    )


@pytest.mark.slow
def test_open_opens_the_page_of_a_run_and_of_a_sweep_but_of_no_cell(workdir, monkeypatch, unrendered):
    from bikeml.cli import start

    opened = []
    for module in ("cli.single", "multirun.story"):
        monkeypatch.setattr(f"bikeml.{module}.open_page", opened.append)
    cheap = ["evaluation.bootstrap_samples=100", "evaluation.importance=none", "tracking=none", "open=true"]
    assert start([*cheap, f"hydra.run.dir={workdir / 'run'}"]) == 0
    assert start(["-m", "model=linear,ridge", *cheap, f"hydra.sweep.dir={workdir / 'sweep'}"]) == 0
    assert opened == [workdir / "run" / PAGE, workdir / "sweep" / PAGE]


@pytest.mark.slow
def test_the_figures_are_drawn_once_for_pictures_and_page(tmp_path, monkeypatch):
    write(tmp_path)
    from bikeml.pages.run import report

    drawn, draw = [], report.draw
    monkeypatch.setattr(report, "draw", lambda folder: drawn.append(folder) or draw(folder))
    save(RunFolder(tmp_path))
    assert len(drawn) == 1
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in FIGURES)


@pytest.mark.long
def test_the_commands_of_a_page_work_as_they_stand(workdir, bikeml_main):
    """Each is read from the page and run in a folder with a table new.csv."""
    fast = ["evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "tracking=none"]
    assert bikeml_main("model=ridge", *fast, f"hydra.run.dir={workdir / 'a run'}") == 0
    shutil.copy(DAILY, workdir / "new.csv")
    page = (workdir / "a run" / PAGE).read_text()
    commands = re.findall(r"<h3>(.*?)</h3>\s*<div class=.command.><pre><code>(.*?)</code>", page)
    printed = {}
    for purpose, text in commands:
        words = shlex.split(html.unescape(text).removeprefix("python -m "))
        assert words.pop(0) == "bikeml"
        if words[0] != "serve":
            done = subprocess.run([sys.executable, "-m", "bikeml", *words], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            printed[purpose] = done.stdout
    assert len(printed["Predict the rows of another table"].splitlines()) == 732
    assert "identical" in printed["Run it again and compare every figure"]
    assert "cv_r2_mean" in printed["Run it again"]
