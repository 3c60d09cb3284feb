"""The cards of a notebook: escaped, without script, and legible on a light and on a dark page."""

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import bikeml
from bikeml.api.card import draw_exploration, draw_leaderboard, draw_run
from bikeml.pages.sweep.leaderboard import build_leaderboard
from bikeml.records.sweep import FailureRecord
from tests.browser.fixtures import browser, look

__all__ = ["browser", "look"]

FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2", "tracking=none")
HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>{{7*7}}\"' onclick=window.hacked=1"
VOID = {"img", "br", "hr", "input", "meta", "link"}


class Tags(HTMLParser):
    """The tags and the attributes of a fragment; what is open must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self._open = [], [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """The cards of a run, a sweep with a failure and a table, with a hostile text wherever a user's words get to."""
    folder = tmp_path_factory.mktemp("cards")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        board = bikeml.sweep("model=ridge,baseline", *FAST)
        record, sweep = board.best.record, board._sweep
        named = record.dataset.model_copy(update={"name": HOSTILE})
        record = record.model_copy(update={"run_name": HOSTILE, "dataset": named, "hints": (HOSTILE,)})
        strange = folder / "javascript:window.hacked=1" / HOSTILE.replace("/", "")
        strange.mkdir(parents=True)
        (strange / "report.html").write_text("")
        first, second = sweep.outcomes
        cell = first.cell.model_copy(update={"varies": {"model": HOSTILE}})
        failed = dataclasses.replace(second, record=None, failure=FailureRecord(error=HOSTILE, overrides=()))
        spoiled = dataclasses.replace(
            sweep, folder=strange, run_id=HOSTILE, outcomes=(dataclasses.replace(first, cell=cell), failed)
        )
        frame = pd.DataFrame({HOSTILE: range(40), "y": range(40), "z": [1, 2] * 20})
        seen = bikeml.explore(frame, target="y")
        yield SimpleNamespace(
            run=draw_run(record, strange, HOSTILE),
            sweep=draw_leaderboard(spoiled, build_leaderboard(spoiled), {1: HOSTILE}),
            table=draw_exploration(seen.look, seen.findings),
        )


@pytest.mark.parametrize("name", ["run", "sweep", "table"])
def test_a_card_is_plain_html_whatever_the_names_are(cards, name):
    card = getattr(cards, name)
    found = Tags(card)
    assert "&lt;script&gt;" in card
    assert {*found.tags} <= {"div", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "span", "code", "a"}
    assert {key for key, _ in found.attributes} <= {"class", "style", "scope", "href", "target", "rel"}
    assert all(value.startswith("./javascript%3A") for key, value in found.attributes if key == "href")
    assert not re.search(r"url\(|@import|https?:", card)
    assert "<" not in "".join(str(value) for _, value in found.attributes)


def test_a_card_links_to_a_page_that_a_notebook_can_open(cards):
    assert 'href="./javascript%3Awindow.hacked%3D1/' in cards.sweep


@pytest.mark.slow
def test_a_page_elsewhere_is_told_and_not_linked(workdir, tmp_path_factory):
    board = bikeml.sweep("model=baseline", *FAST, f"hydra.sweep.dir={tmp_path_factory.mktemp('elsewhere')}")
    assert str(board.page) in board._repr_html_()
    assert "href" not in board._repr_html_()


@pytest.mark.long
def test_a_card_of_many_cells_is_short(workdir):
    board = bikeml.sweep("model=baseline", "seed=range(12)", *FAST)
    card = board._repr_html_()
    assert card.count("<tr>") == 11
    assert "2 more cells; see to_frame()" in card
    assert len(card) < 20_000


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_a_card_is_silent_and_legible_in_a_browser(cards, look, tmp_path, scheme, width):
    page = tmp_path / "cards.html"
    text = (
        f'<meta charset="utf-8"><style>:root {{color-scheme: light dark}}</style>{cards.run}{cards.sweep}{cards.table}'
    )
    page.write_text(text, encoding="utf-8")
    shown = look(page, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert shown.evaluate("window.hacked") is None
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    colors = shown.eval_on_selector_all(
        ".bikeml-card td, .bikeml-card a, .bikeml-card li", "all => all.map(each => getComputedStyle(each).color)"
    )
    assert {*colors} == {"rgb(0, 0, 0)" if scheme == "light" else "rgb(255, 255, 255)"}
    shown.screenshot(path=Path(tmp_path) / "cards.png")
