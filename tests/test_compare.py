"""Runs compared with the first of them: paired on the same rows, refused with the reason on others, and their page."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import t

from bikeml.cli import start
from bikeml.errors import ConfigError, RunNotFoundError
from bikeml.pages.comparison.comparison import ComparedRun, compare
from bikeml.pages.comparison.page import render_page, write_page
from bikeml.records.judgement import Importance
from bikeml.records.run import hash_identity
from bikeml.tasks.compare import Options, compare_runs
from tests.browser.fixtures import CONTRASTS, CUT, WIDTHS
from tests.builders import SHA256, run_record, write_run
from tests.conftest import config_of

HOSTILE = """<script>window.hacked=1</script>"'`><img src=x onerror=window.hacked=1> $x_1$ 雪 {{7*7}} """ + "w" * 300
RNG = np.random.default_rng(0)
ACTUAL = RNG.normal(100, 20, 60)
NOISE = RNG.normal(0, 1, 60)


def predictions(spread, rows=range(1, 61), actual=ACTUAL):
    rows = list(rows)
    return pd.DataFrame(
        {"row": rows, "actual": actual[: len(rows)], "predicted": (actual + spread * NOISE)[: len(rows)]}
    )


def judged(name, spread=5.0, *, r2=(0.5, 0.6, 0.55), table=None, config=None, **changes):
    table = predictions(spread) if table is None else table
    errors = (table["actual"] - table["predicted"]).to_numpy()
    metrics = {
        "cv_r2_mean": float(np.mean(r2)),
        "cv_r2_std": float(np.std(r2)),
        "test_r2": float(1 - np.mean(errors**2) / np.var(table["actual"])),
        "test_rmse": float(np.sqrt(np.mean(errors**2))),
    }
    record = run_record(r2, name=name, **{"metrics": metrics, "intervals": {}, **changes})
    return ComparedRun(name, name * 8, record, config or {"seed": 0}, table)


def told(comparison, figure, run="B"):
    return next(each for each in comparison.figures if (each.name, each.run) == (figure, run))


def test_a_difference_is_paired_and_says_which_run_is_better():
    found = compare([judged("a", 10.0), judged("b", 5.0), judged("c", 10.0)])
    better = told(found, "test_rmse")
    assert better.difference.value == better.value - better.first < 0
    assert better.difference.low < better.difference.value < better.difference.high < 0
    assert better.verdict == "better"  # the smaller error
    assert told(found, "test_r2").verdict == "better"
    same = told(found, "test_r2", "C")
    assert (same.difference, same.verdict) == ((0.0, 0.0, 0.0), "equal")
    assert compare([judged("b", 5.0), judged("a", 10.0)]).figures[0].verdict == "worse"


def test_swapping_the_runs_turns_the_difference_round():
    ours, theirs = judged("a", 10.0), judged("b", 5.0, r2=(0.7, 0.7, 0.65))
    one, other = compare([ours, theirs]), compare([theirs, ours])
    for each, turned in zip(one.figures, other.figures, strict=True):
        low, high = each.difference.low, each.difference.high
        assert turned.difference == pytest.approx((-each.difference.value, -high, -low))


def test_the_order_of_the_held_out_rows_does_not_count():
    shuffled = predictions(5.0).sample(frac=1, random_state=0)
    one = compare([judged("a", 10.0), judged("b", 5.0)])
    other = compare([judged("a", 10.0), judged("b", table=shuffled)])
    assert told(other, "test_r2").difference == pytest.approx(told(one, "test_r2").difference)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (judged("b", sha256="b" * 64), r"its table is another: rentals \(bbbbbbbb\), and A's is rentals \("),
        (judged("b", table=predictions(5.0, range(1, 51))), "it held out other rows: 50, of which 50 are among A's 60"),
        (
            judged("b", table=predictions(5.0, range(31, 91))),
            "it held out other rows: 60, of which 30 are among A's 60",
        ),
        (judged("b", table=predictions(5.0, actual=ACTUAL + 1)), "its held-out rows have other actual values than A's"),
    ],
)
def test_other_rows_are_refused_with_the_reason_and_the_rest_is_shown(changed, reason):
    found = compare([judged("a"), changed])
    assert re.match(reason, found.refused["B"])
    figure = told(found, "test_r2")
    assert figure.difference is None
    assert figure.first is not None
    assert figure.value is not None
    assert figure.note == found.refused["B"]
    page = render_page(found)
    assert "cannot be compared with A" in page
    assert 'id="residuals"' not in page


def test_another_target_is_refused():
    other = judged("b")
    dataset = other.record.dataset.model_copy(update={"target": "casual"})
    other = dataclasses.replace(other, record=other.record.model_copy(update={"dataset": dataset}))
    assert compare([judged("a"), other]).refused["B"] == "its target is 'casual', and A's is 'rentals'"


@pytest.mark.parametrize("kind", ["chronological", "group"])
def test_rows_that_depend_on_each_other_have_a_difference_without_an_interval(kind):
    identity = {"schema": 2, "config": {"split": {"kind": kind}}}
    changes = {"identity": identity, "fingerprint": hash_identity(identity)}
    figure = told(compare([judged("a", 10.0, **changes), judged("b", 5.0, **changes)]), "test_r2")
    assert figure.difference.value > 0
    assert (figure.difference.low, figure.verdict) == (None, "")
    assert "depend" in figure.note


def test_the_folds_are_compared_by_the_corrected_test_if_they_are_the_same():
    a, b = (0.5, 0.6, 0.55, 0.52, 0.58), (0.6, 0.68, 0.66, 0.6, 0.69)
    figure = told(compare([judged("a", r2=a), judged("b", r2=b)]), "cv_r2_mean")
    differences = np.subtract(b, a)
    half_width = t.ppf(0.975, 4) * np.sqrt((1 / 5 + 20 / 80) * differences.var(ddof=1))
    assert figure.difference.value == pytest.approx(differences.mean())
    assert figure.difference.high - figure.difference.value == pytest.approx(half_width, rel=1e-6)
    apart = told(compare([judged("a"), judged("b", folds="g")]), "cv_r2_mean")
    assert (apart.difference, apart.note) == (None, "they were cross-validated on other folds")
    tuned = judged("b")
    cv = tuned.record.cv.model_copy(update={"tuned_on_these_rows": True})
    tuned = dataclasses.replace(tuned, record=tuned.record.model_copy(update={"cv": cv}))
    figure = told(compare([judged("a"), tuned]), "cv_r2_mean")
    assert (figure.difference.low, figure.note) == (None, "one of them was tuned on these rows, which flatters")


def test_what_differs_is_told_by_kind():
    one = judged("a", config={"seed": 0, "model": {"estimator": {"_target_": "a.Lasso", "alpha": 1.0}}})
    other = judged(
        "b", sha256="b" * 64, config={"seed": 1, "model": {"estimator": {"_target_": "a.Lasso", "alpha": 2.0}}}
    )
    third = dataclasses.replace(one, title="c")
    found = {(each.kind, each.key): each.shown for each in compare([one, other, third]).aspects}
    assert found["config", "seed"] == ["0", "1", "0"]
    assert found["config", "model.estimator.alpha"] == ["1.0", "2.0", "1.0"]
    assert found["data", "sha256"] == [SHA256[:12], "b" * 12, SHA256[:12]]
    assert compare([one, third]).aspects == []


def test_the_same_content_elsewhere_is_no_difference():
    moved = judged("b")
    dataset = moved.record.dataset.model_copy(update={"name": "copy", "source": "elsewhere/copy.csv"})
    moved = dataclasses.replace(moved, record=moved.record.model_copy(update={"dataset": dataset}))
    assert compare([judged("a"), moved]).aspects == []
    other = dataset.model_copy(update={"sha256": "b" * 64})
    other = dataclasses.replace(moved, record=moved.record.model_copy(update={"dataset": other}))
    found = {each.key for each in compare([judged("a"), other]).aspects}
    assert {"table", "source", "sha256"} <= found


def test_scores_that_differ_by_rounding_are_equal():
    a = (0.5, 0.6, 0.55)
    b = tuple(score + 1e-14 * (-1) ** number for number, score in enumerate(a))
    figure = told(compare([judged("a", r2=a), judged("b", r2=b)]), "cv_r2_mean")
    assert (figure.difference, figure.verdict) == ((0.0, 0.0, 0.0), "equal")
    figure = told(compare([judged("a", r2=a), judged("b", r2=tuple(score + 1e-6 for score in a))]), "cv_r2_mean")
    assert figure.verdict != "equal"


def test_verdicts_that_differ_between_the_metrics_are_explained(monkeypatch):
    found = compare([judged("a", 5.0), judged("b", 4.9), judged("c", 50.0)])
    by_letter = {letter: {each.verdict for each in found._of_rows(letter)} for letter in "BC"}
    assert by_letter["C"] == {"worse"}
    assert found.notes == []
    figures = [
        dataclasses.replace(each, difference=each.difference._replace(low=-9.0, high=9.0))
        if (each.run, each.name) == ("B", "test_rmse")
        else each
        for each in found.figures
    ]
    differing = dataclasses.replace(found, figures=figures)
    (note,) = differing.notes
    assert note.startswith("B: the verdicts of the metrics differ")
    assert note.endswith("go by R², which ranks the runs") or "which ranks the runs" in note
    assert note in render_page(differing)


def test_a_comparison_is_a_frame_and_has_a_short_repr():
    found = compare([judged("a" * 200, 10.0), judged("b", 5.0)])
    frame = found.to_frame()
    assert frame.columns.tolist() == [
        *("run", "figure", "first", "value", "difference", "low", "high", "verdict", "note")
    ]
    assert frame["figure"].tolist() == ["test_r2", "test_rmse", "cv_r2_mean"]
    assert len(repr(found)) < 300
    assert "test_r2 B: better" in repr(found)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.page = "x"
    assert (
        compare([judged("a"), judged("b", table=predictions(1.0, range(5)))]).to_frame()["difference"].isna().sum() == 2
    )


def test_the_page_escapes_what_it_shows_and_needs_nothing_else():
    importance = Importance(columns=(HOSTILE, "temp"), mean=(0.5, None), std=(0.1, None))
    dataset = run_record().dataset.model_copy(update={"name": HOSTILE, "source": HOSTILE})
    changes = {"run_name": HOSTILE, "importance": importance, "dataset": dataset}
    page = render_page(
        compare(
            [judged("a", 9.0, config={HOSTILE: HOSTILE}, **changes), judged("b", 5.0, config={HOSTILE: 1}, **changes)]
        )
    )
    assert "<script>window" not in page
    assert "<img" not in page
    assert "{{7*7}}" in page
    assert not re.search(r"""(src|href)=["']?(https?:|//)|@import|url\((?!#)""", page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert page.count("<figure>") == 3
    assert len(page) < 600_000


def identified(name):
    """The changes of a record that make its identity as whole as that of a run."""
    rest = {"versions": {}, "source": "s", "user_source": {}, "data_sha256": SHA256}
    identity = {"schema": 2, "config": {"model": {"name": name}, "split": {"kind": "random"}}, **rest}
    return {"identity": identity, "fingerprint": hash_identity(identity)}


@pytest.fixture
def folders(workdir):
    """Two folders of runs."""
    for run in (judged("a", 10.0, **identified("a")), judged("b", 5.0, **identified("b"))):
        files = {
            "config.yaml": yaml.safe_dump(json.loads(config_of(f"seed={len(run.title)}").model_dump_json())).encode(),
            "predictions.csv": run.predictions.to_csv(index=False).encode(),
            "model/model.skops": b"",
        }
        write_run(workdir / run.title, run.record, files)
    return workdir


@pytest.mark.slow
def test_the_command_compares_folders_without_any_store_and_writes_the_page(folders, capsys):
    assert start(["compare", "./a", "./b", "tracking=none", "output=pages/ab.html"]) == 0
    shown = capsys.readouterr().out
    assert "better" in shown
    assert "pages/ab.html" in shown
    assert "Residuals on the same held-out rows" in (folders / "pages/ab.html").read_text()
    assert start(["compare", "a", "b", "output=null"]) == 0
    assert not (folders / "compare.html").exists()


@pytest.mark.slow
def test_the_page_is_opened_if_it_is_asked_for(folders, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("bikeml.tasks.compare.open_page", opened.append)
    assert start(["compare", "a", "b", "open=true"]) == 0
    assert start(["compare", "a", "b", "open=true", "output=null"]) == 0
    assert opened == [Path("compare.html")]


def test_the_same_run_is_not_compared_with_itself(folders):
    with pytest.raises(ConfigError, match=r"a and a are the same run, .*; name another one"):
        compare_runs(config_of("tracking=none"), Options(runs=["a", "a"], output=None))


def test_runs_of_the_same_config_code_and_data_differ_in_nothing():
    found = compare([judged("a"), judged("b")])
    assert found.aspects == []
    assert {each.difference.value for each in found.figures} == {0.0}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], r"compare takes two to 6 runs, such as: compare best latest; got \[\]"),
        (["a"], r"compare takes two to 6 runs.*; got \['a'\]"),
        (list("aaaaaaa"), r"runs=\[.*\] "),
        (["a", "./nothing"], r"'./nothing' is not there; give the folder of a run"),
        (["a", "."], r"'.' is no folder of a run|there is no store at"),
        (["a", "b", "output=a/result.json"], r"output='a/result.json' should end in .html, as a page does"),
        (["a", "b", "output=a/result.json/x.html"], r"cannot write 'a/result.json/x.html': .*; set output to another"),
    ],
)
def test_a_wrong_word_is_one_message(folders, capsys, words, message):
    assert start(["compare", *words, "tracking.uri=sqlite:///none.db"]) != 0
    shown = capsys.readouterr()
    assert re.search(message, shown.err), shown.err
    assert "Traceback" not in shown.err


def test_a_run_without_its_predictions_is_named(folders):
    (folders / "b" / "predictions.csv").unlink()
    with pytest.raises(RunNotFoundError, match=r"has no 'predictions.csv'; it has "):
        compare_runs(config_of("tracking=none"), Options(runs=["a", "b"], output=None))
    with pytest.raises(ConfigError):
        compare_runs(config_of("tracking=none"), Options(runs=["a"], output=None))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_the_page_is_accessible_and_never_scrolls_sideways(workdir, look, axe, scheme):
    """In a real browser: six runs, one of them on other rows, with hostile names."""
    importance = Importance(columns=(HOSTILE, "temp"), mean=(0.5, 0.1), std=(0.1, 0.1))
    runs = [
        judged(
            f"{letter}", 5.0 + number, importance=importance, run_name=HOSTILE, config={HOSTILE: f"{letter} {HOSTILE}"}
        )
        for number, letter in enumerate("abcde")
    ]
    page = write_page(compare([*runs, judged("f", sha256="b" * 64)]), workdir / "compare.html").page
    for width in WIDTHS:
        opened = look(page, viewport={"width": width, "height": 900}, color_scheme=scheme)
        assert opened.evaluate("document.documentElement.scrollWidth") == width
        assert opened.evaluate("window.hacked") is None
        assert [each for each in opened.evaluate(CONTRASTS) if each[0] < 4.5] == []
    assert axe(opened) == []


@pytest.mark.slow  # a real browser
def test_no_table_of_the_page_is_cut_on_a_phone(workdir, look):
    runs = [judged("a"), judged("b", 9.0, config={"seed": 1}), judged("c", sha256="b" * 64)]
    page = write_page(compare(runs), workdir / "compare.html").page
    opened = look(page, viewport={"width": 390, "height": 900})
    assert opened.evaluate(CUT) == 0
    assert opened.get_by_text("too close to call").count() > 0
