"""The page of a sweep, in a real browser where there is one."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bikeml.cli import start
from bikeml.pages.differences import find_differences, read_config
from bikeml.pages.sweep.leaderboard import build_leaderboard
from bikeml.pages.sweep.report import render_report, write_report
from bikeml.records.run import StoreRecord
from bikeml.records.run_folder import RESULT, RunFolder
from bikeml.records.sweep import FailureRecord, SweepRecord
from bikeml.records.sweep_folder import SweepFolder
from tests.browser.fixtures import CONTRASTS, PHONE
from tests.builders import run_record, seal, write_run
from tests.conftest import config_of

HOSTILE = """<script>window.hacked=1</script>"'`><img src=x onerror=window.hacked=1> $x_1$ 雪😀 {{7*7}} """ + "w" * 300

pytestmark = pytest.mark.slow  # a real sweep and a real browser in each worker


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small sweep with a search, two cells that finish and two that fail."""
    folder = tmp_path_factory.mktemp("made") / "sweep"
    axes = ["model=ridge", "preprocessing=standard", "model.estimator.solver=auto,lbfgs", "search=none,grid"]
    cheap = ["evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "tracking=none"]
    assert start(["-m", *axes, *cheap, f"hydra.sweep.dir={folder}"]) == 1
    return folder


@pytest.fixture
def sweep(made, tmp_path):
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "sweep"))


def write(folder):
    sweep = SweepFolder(folder).look()
    return write_report(sweep, build_leaderboard(sweep))


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.fixture
def report(call_task):
    return lambda folder: call_task("report", folder)


def make_hostile(folder):
    """Put a hostile text wherever a user's words get to."""
    plan = json.loads((folder / SweepRecord.FILE).read_text())
    for number, cell in enumerate(plan["cells"]):
        cell |= {"varies": {HOSTILE: f"{number} {HOSTILE}"}, "overrides": [HOSTILE], "reason": HOSTILE}
        result, failure = folder / cell["folder"] / RESULT, folder / cell["folder"] / FailureRecord.FILE
        if result.is_file():
            content = json.loads(result.read_text())
            content["dataset"]["name"] = HOSTILE
            if content["search"]:
                content["search"]["best_params"] = {HOSTILE: HOSTILE}
            change(result, **content | {"run_name": HOSTILE, "command": HOSTILE})
            StoreRecord(uri=HOSTILE, experiment_name=HOSTILE, run_id=HOSTILE, look=HOSTILE).write(result.parent)
        if failure.is_file():
            change(failure, error=HOSTILE)
    (folder / SweepRecord.FILE).write_text(json.dumps(plan | {"command": HOSTILE, "dropped": [HOSTILE]}))
    for file in folder.glob("*/config.yaml"):
        name = json.dumps(file.parent.name + HOSTILE, ensure_ascii=False)
        file.write_text(file.read_text().replace("daily-bike-share\n", f"{name}\n", 1))
        if (file.parent / RESULT).is_file():
            seal(file.parent)


def test_a_sweep_ends_with_its_page(made):
    page = (made / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "leads 2 cells; " in page


def test_every_cell_has_its_status_and_its_command(made):
    page = (made / "report.html").read_text()
    for cell in SweepFolder(made).read().cells:
        assert f'id="cell-{cell.number}"' in page
    assert page.count('<span class="status failed">') >= 2
    assert "bikeml model=ridge preprocessing=standard model.estimator.solver=auto" in page


def test_a_failure_names_its_cause_and_links_its_log(made):
    page = (made / "report.html").read_text()
    failed = next(cell for cell in SweepFolder(made).look().outcomes if cell.status == "failed")
    assert "lbfgs" in failed.failure.error
    assert "&#39;lbfgs&#39; solver can be used only when positive=True" in page
    assert f'href="./{failed.cell.folder}/bikeml.log"' in page


def test_the_page_needs_nothing_else(made):
    page = (made / "report.html").read_text()
    assert not re.search(r"""(src|href)=["']?(https?:|//)|@import|url\((?!#)""", page)
    assert "default-src 'none'" in page


def test_ids_of_all_figures_differ_and_every_reference_is_met(made):
    page = (made / "report.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert page.count("<svg") > 5
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', page)) <= set(ids)


def test_the_page_can_be_made_again_from_a_copy(made, tmp_path, report):
    copy = Path(shutil.copytree(made, tmp_path / "elsewhere" / "copy"))
    for name in ("report.html", "leaderboard.csv"):
        (copy / name).unlink()
    status, printed, _ = report(copy)
    assert status == 0
    assert printed.splitlines()[-1] == str(copy / "report.html")
    assert (copy / "report.html").read_text() == (made / "report.html").read_text()
    assert (copy / "leaderboard.csv").read_text() == (made / "leaderboard.csv").read_text()


def test_a_killed_sweep_has_a_page(sweep):
    shutil.rmtree(sweep / "0")
    (sweep / "1" / RESULT).unlink()
    page = write(sweep).read_text()
    assert "It was never started" in page
    assert "It has begun" in page


def test_a_sweep_without_any_result_has_a_page(sweep):
    for file in sweep.glob(f"*/{RESULT}"):
        file.unlink()
    assert "None of 4 cells has a result" in write(sweep).read_text()


def test_what_a_cell_lacks_is_left_out(sweep):
    for name in ("predictions.csv", "cv_results.csv", "config.yaml"):
        for file in sweep.glob(f"*/{name}"):
            file.unlink()
    page = write(sweep).read_text()
    assert 'id="leaderboard"' in page
    assert 'id="predictions"' not in page


@pytest.mark.parametrize("name", ["predictions.csv", "cv_results.csv", "config.yaml"])
def test_a_damaged_file_is_named_and_the_rest_is_shown(sweep, name, report):
    for file in sweep.glob(f"*/{name}"):
        file.write_text("{[")
    assert report(sweep)[0] == 0
    page = (sweep / "report.html").read_text()
    assert re.search(rf"{re.escape(name)}&#39; has been changed since the run wrote it", page)
    assert 'id="leaderboard"' in page


def test_a_broken_record_is_named_on_the_page_and_the_rest_is_shown(sweep):
    (sweep / "0" / RESULT).write_text('{"schema": 2}')
    told = subprocess.run(
        [sys.executable, "-m", "bikeml", "report", str(sweep)], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"bikeml: .*: '.*0/result.json' is broken: id is missing, and .* more; .*\n", told.stderr)
    page = (sweep / "report.html").read_text()
    assert "0/result.json&#39; is broken" in page
    assert '<span class="status broken">' in page


def test_a_folder_without_a_sweep_is_one_message(tmp_path, report):
    words = f"bikeml: there is no sweep in {str(tmp_path)!r}; give the folder that hydra.sweep.dir named"
    assert report(tmp_path) == (2, "", f"{words}\n")


def test_a_folder_of_several_sweeps_is_not_taken_for_one(made, tmp_path, report):
    for name in ("one", "two"):
        shutil.copytree(made, tmp_path / "multirun" / name)
    status, _, err = report(tmp_path)
    assert status == 2
    assert (
        err == f"bikeml: {str(tmp_path)!r} is not a sweep, but holds 2; give one: {str(tmp_path / 'multirun/two')!r}\n"
    )
    assert not (tmp_path / "report.html").exists()


def test_the_script_explains_itself():
    words = [sys.executable, "-m", "bikeml", "report", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "hydra.sweep.dir" in done.stdout


def test_the_same_sweep_makes_the_same_page(made):
    sweep = SweepFolder(made).look()
    assert render_report(sweep, build_leaderboard(sweep)) == render_report(sweep, build_leaderboard(sweep))


def test_differences_name_the_path_and_both_values():
    best = {"seed": 0, "model": {"estimator": {"_target_": "a.Lasso", "alpha": 1.0}, "grid": {"alpha": [1]}}}
    here = {"seed": 1, "model": {"estimator": {"_target_": "a.Lasso", "alpha": None}, "grid": {"alpha": [2]}}}
    assert list(find_differences(best, here)) == [("seed", "0", "1"), ("model.estimator.alpha", "1.0", "null")]


def test_what_changes_no_figure_is_not_compared(tmp_path):
    config = config_of("tracking=none")
    text = yaml.safe_dump(config.model_dump(), sort_keys=False)
    write_run(tmp_path, run_record(), {"config.yaml": text.encode()})
    left_out = {"tracking", "azure", "reuse", "sweep", "vars", "open"}
    kept = {key: value for key, value in config.model_dump().items() if key not in left_out}
    assert read_config(RunFolder(tmp_path)) == kept


def test_another_estimator_is_one_difference():
    best = {"model": {"estimator": {"_target_": "a.Lasso", "alpha": 1.0}}}
    here = {"model": {"estimator": {"_target_": "a.Ridge", "alpha": 2.0, "tol": 0.1}}}
    assert list(find_differences(best, here)) == [("model.estimator", "Lasso", "Ridge(alpha=2.0, tol=0.1)")]


def enlarge(folder, n_cells):
    """Make many cells of the first one."""
    plan = json.loads((folder / SweepRecord.FILE).read_text())
    first, result = plan["cells"][0], json.loads((folder / "0" / RESULT).read_text())
    plan["cells"] = []
    for number in range(n_cells):
        varies = {"model": f"m{number % 30}", "seed": str(number)}
        plan["cells"].append(first | {"number": number, "folder": f"cells/{number}", "varies": varies})
        cell = folder / "cells" / str(number)
        shutil.copytree(
            folder / "0", cell, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("model", "*.png")
        )
        metrics = result["metrics"] | {"cv_r2_mean": result["metrics"]["cv_r2_mean"] - number / 10_000}
        change(cell / RESULT, metrics=metrics)
    (folder / SweepRecord.FILE).write_text(json.dumps(plan))


def test_many_cells_stay_a_light_page(sweep):
    enlarge(sweep, 200)
    page = write(sweep).read_text()
    assert page.count('id="cell-') == 200
    assert page.count("<figure>") <= 3 * 9 + 1
    assert len(page) < 200 * 5_000 + 500_000  # bytes


# What follows needs a browser.


def column(page, number):
    return page.eval_on_selector_all(
        "table.sortable tbody tr", f"rows => rows.map(row => row.cells[{number}].innerText)"
    )


def index_of(page, heading):
    headings = page.eval_on_selector_all("table.sortable thead th", "all => all.map(each => each.innerText.trim())")
    return headings.index(heading)


def test_a_click_sorts_and_another_turns_it_round(made, look):
    page = look(made / "report.html")
    cell, rank = index_of(page, "cell"), index_of(page, "rank")
    assert column(page, rank) == ["1", "2", "–", "–"]
    page.get_by_role("button", name="cell", exact=True).click()
    assert [text.split()[0] for text in column(page, cell)] == ["0", "1", "2", "3"]  # and the link to its page
    assert page.locator("th[aria-sort=ascending]").inner_text().strip() == "cell"
    page.get_by_role("button", name="cell", exact=True).click()
    assert [text.split()[0] for text in column(page, cell)] == ["3", "2", "1", "0"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_the_keyboard_sorts_and_cells_without_a_value_stay_last(made, look):
    page = look(made / "report.html")
    score = index_of(page, "cv R²")
    page.get_by_role("button", name="cv R²", exact=True).focus()
    page.keyboard.press("Enter")
    best_first = column(page, score)
    page.keyboard.press("Space")
    worst_first = column(page, score)
    assert best_first[:2] == sorted(best_first[:2], reverse=True)
    assert worst_first[:2] == best_first[1::-1]
    assert best_first[2:] == worst_first[2:] == ["", ""]


def test_a_command_can_be_copied(made, look):
    page = look(made / "report.html", permissions=["clipboard-read", "clipboard-write"])
    page.locator("header .command button").click()
    page.get_by_text("copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == SweepFolder(made).read().command


def test_hostile_values_do_nothing_and_fit(sweep, look):
    make_hostile(sweep)
    page = look(write(sweep), viewport=PHONE)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    assert "<script>window.hacked=1</script>" in page.locator("h1").inner_text()
    assert "{{7*7}}" in page.locator("h1").inner_text()
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize("width", [320, 768, 1366])
def test_nothing_but_the_table_scrolls_sideways(made, look, width):
    page = look(made / "report.html", viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_page_is_whole_without_script(made, look):
    page = look(made / "report.html", java_script_enabled=False)
    assert page.locator("table.sortable tbody tr").count() == 4
    assert page.locator("button").count() == 0
    page.locator("summary").nth(1).click()
    assert page.locator("details .command").nth(1).is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(made, look, scheme):
    page = look(made / "report.html", color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 200
    assert [each for each in contrasts if each[0] < 4.5] == []  # WCAG 2.2, AA
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(251, 251, 250)") == (scheme == "light")


def test_print_has_all_commands_and_no_buttons(made, look):
    page = look(made / "report.html")
    page.emulate_media(media="print")
    assert page.locator("details .command").nth(1).is_visible()
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowY") == "visible"


def test_a_folder_of_runs_is_no_sweep(workdir, call_task):
    for name in ("a", "b"):
        write_run(workdir / "outputs" / name, run_record(name=name))
    status, out, err = call_task("report", "outputs")
    assert (status, out) == (2, "")
    assert (
        err
        == "bikeml: 'outputs' is no sweep, but holds 2 runs; give one, such as 'outputs/b', or compare them with: python -m bikeml compare\n"
    )
    assert not (workdir / "outputs" / "report.html").exists()


def test_a_folder_in_the_place_of_a_record_is_no_run(workdir, call_task):
    (workdir / "out" / "result.json").mkdir(parents=True)
    status, _, err = call_task("report", "out")
    assert (status, "there is no sweep in 'out'" in err) == (2, True)
