"""The pages of runs and of sweeps in a real browser: at every width, dark and light, and for people who cannot see."""

import numpy as np
import pandas as pd
import pytest

from bikeml.pages.run.report import write_run_page
from bikeml.pages.sweep.leaderboard import build_leaderboard
from bikeml.pages.sweep.report import write_report
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep import FailureRecord
from tests.browser.fixtures import CONTRASTS, CUT, WIDTHS
from tests.builders import run_record, write_run, write_sweep
from tests.test_run_page import HOSTILE, MOST_BYTES, SEARCH, dataset, importance, write

pytestmark = pytest.mark.slow  # a real browser
RNG = np.random.default_rng(0)


def write_hostile_run(folder):
    columns = (f"column {HOSTILE}", "hum")
    given = dataset(columns, target=f"target {HOSTILE}", name=HOSTILE, source=HOSTILE, notes=(HOSTILE,))
    found = SEARCH.model_copy(update={"best_params": {HOSTILE: HOSTILE}, "scoring": HOSTILE})
    changes = {"hints": (HOSTILE,), "overrides": (f"data.name={HOSTILE}",), "choices": {"model": HOSTILE}}
    names = {"run_name": HOSTILE, "command": HOSTILE, "undefined": {"test_mae": HOSTILE}}
    write(folder, dataset=given, importance=importance(columns), search=found, **names, **changes)


def write_wide_run(folder):
    columns = tuple(f"{number} {HOSTILE}" for number in range(800))
    write(folder, n_rows=30_000, dataset=dataset(columns), importance=importance(columns))


def write_cells(folder, n_cells):
    rows = pd.DataFrame({"row": range(1, 41), "actual": RNG.normal(size=40), "predicted": RNG.normal(size=40)})
    content = {"predictions.csv": rows.to_csv(index=False).encode()}
    records = {f"cell {n}": run_record(RNG.normal(0.5, 0.05, 5), name=f"m{n}") for n in range(n_cells)}
    write_sweep(folder, **records)
    for name, record in records.items():
        write_run(folder / name, record, content)
    write_run_page(RunFolder(folder / "cell 0"))
    write_sweep_page(folder)


def write_failures(folder):
    failed = FailureRecord(error=HOSTILE, overrides=(HOSTILE,), log=None, command=HOSTILE)
    write_sweep(folder, a=failed, b=failed, c=None)
    write_sweep_page(folder)


def write_sweep_page(folder):
    from bikeml.records.sweep_folder import SweepFolder

    sweep = SweepFolder(folder).look()
    write_report(sweep, build_leaderboard(sweep))


PAGES = {
    "run": write,
    "hostile run": write_hostile_run,
    "run of 800 columns": write_wide_run,
    "sweep of 200 cells": lambda folder: write_cells(folder, 200),
    "sweep of 3 cells": lambda folder: write_cells(folder, 3),
    "sweep without a result": write_failures,
}


SCHEMES = ["light", pytest.param("dark", marks=pytest.mark.long)]


LARGE = {"run of 800 columns", "sweep of 200 cells"}
EACH = [pytest.param(name, marks=pytest.mark.long if name in LARGE else ()) for name in PAGES]


@pytest.fixture(scope="module", params=EACH)
def page(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    PAGES[request.param](folder)
    return folder / "report.html"


def open_all(page):
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_never_scrolls_sideways_and_does_nothing_that_its_names_say(page, look, width, scheme):
    opened = look(page, viewport={"width": width, "height": 900}, color_scheme=scheme)
    open_all(opened)
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    assert opened.evaluate("window.hacked") is None
    assert opened.locator("script").count() == 1
    faint = [each for each in opened.evaluate(CONTRASTS) if each[0] < 4.5]  # WCAG 2.2, AA
    assert faint == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_page_is_accessible(page, look, axe, scheme):
    opened = look(page, viewport={"width": 1200, "height": 900}, color_scheme=scheme)
    open_all(opened)
    assert axe(opened) == []


def test_a_page_prints_without_buttons_and_with_everything_unfolded(page, look):
    opened = look(page)
    opened.emulate_media(media="print")
    assert not opened.locator("nav").is_visible()
    assert opened.locator("button:visible").count() == opened.locator("thead button:visible").count()
    assert all(each.is_visible() for each in opened.locator("details .inside").all()[:20])


def test_a_page_is_one_small_file(page):
    size = page.stat().st_size
    assert size < MOST_BYTES or "200" in page.read_text()[:3000]


def test_the_page_of_a_cell_is_a_click_away(tmp_path, look):
    write_cells(tmp_path, 3)
    opened = look(tmp_path / "report.html")
    link = opened.get_by_role("link", name="page of cell 0")
    assert link.evaluate("each => decodeURI(each.href)") == (tmp_path / "cell 0" / "report.html").as_uri().replace(
        "%20", " "
    )


def test_the_leaderboard_of_two_groups_fits_a_laptop(tmp_path, look):
    numbers = range(4)
    records = {f"cell{n}": run_record(RNG.normal(0.5, 0.05, 5), name=f"m{n}") for n in numbers}
    folder = write_sweep(tmp_path, **records)
    rows = pd.DataFrame(
        {"row": range(1, 41), "fold": 1, "actual": RNG.normal(size=40), "predicted": RNG.normal(size=40)}
    )
    content = {name: rows.to_csv(index=False).encode() for name in ("predictions.csv", "folds.csv")}
    for name, record in records.items():
        write_run(tmp_path / name, record, content)
        write_run_page(RunFolder(tmp_path / name))
    plan = folder.read()
    groups = [{"model": ["hist_gbr", "linear"][n % 2], "preprocessing": ["standard", "none"][n // 2]} for n in numbers]
    cells = tuple(cell.model_copy(update={"varies": each}) for cell, each in zip(plan.cells, groups, strict=True))
    sweep = folder.look(plan.model_copy(update={"cells": cells}))
    opened = look(write_report(sweep, build_leaderboard(sweep)), viewport={"width": 1200, "height": 900})
    assert opened.get_by_role("columnheader", name="on the same rows").count() == 1
    assert opened.evaluate(CUT) == 0
