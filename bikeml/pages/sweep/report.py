"""Write the page of a sweep, report.html, from the files in its cells' folders."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path

import pandas as pd

from bikeml.config.overrides import as_one_line
from bikeml.errors import RecordError
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric, is_metric
from bikeml.pages.figures import save_figure
from bikeml.pages.numbers import show_seconds, show_value
from bikeml.pages.page import render
from bikeml.pages.run.environment import describe_environment
from bikeml.pages.run.report import write_run_page
from bikeml.pages.sweep.blend import describe_blend
from bikeml.pages.sweep.entries import MANY_COMPARED, Entry, build_entries, compare_rows, list_axes, name_axes
from bikeml.pages.sweep.leaderboard import advise_repeats, describe_lead
from bikeml.pages.sweep.panels import (
    MANY_PANELS,
    choose_models,
    draw_curves,
    draw_groups,
    draw_predictions,
    draw_time,
    scores,
)
from bikeml.pages.sweep.plots import find_limits, plot_leaderboard
from bikeml.records.run_folder import LOG, PREDICTIONS, RunFolder
from bikeml.records.run_folder import PAGE as CELL_PAGE
from bikeml.records.sweep import Cell, Sweep
from bikeml.records.sweep_folder import LEADERBOARD, PAGE, PICTURE
from bikeml.system.files import write_text
from bikeml.system.sheets import to_sheet
from bikeml.terminal.numbers import find_decimals, show_count

REPORT_SECONDS = 1.5
"""What the page of a sweep takes."""
MANY_PAGES = 50  # of cells without one: each takes a quarter of a second


@dataclass(frozen=True)
class Scale:
    """The scale of the bars in the table: the place of a value of the metric, in percent of their width."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; a value outside the scale lies on its end."""
        return round(2 + 96 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)


def write_leaderboard(sweep: Sweep, leaderboard: pd.DataFrame) -> list[Path]:
    """Write leaderboard.csv and leaderboard.png to the sweep's folder and return their paths."""
    table, picture = sweep.folder / LEADERBOARD, sweep.folder / PICTURE
    write_text(table, to_sheet(leaderboard))
    save_figure(plot_leaderboard(leaderboard, find_metric(sweep.record.rank)), picture)
    return [table, picture]


def write_report(sweep: Sweep, leaderboard: pd.DataFrame) -> Path:
    """
    Write report.html to the sweep's folder and return its path; raises OSError.

    If a file of a cell is broken, the page says so in its place.
    """
    path = sweep.folder / PAGE
    write_text(path, render_report(sweep, leaderboard))
    return path


def write_cell_pages(sweep: Sweep, leaderboard: pd.DataFrame, until: float = math.inf) -> None:
    """
    Write the pages that the best cells lack: a run has written its own, but one that was fetched or reused has not.

    The best one gets its page, the others until that Unix time; `report` makes them later. A cell whose files are
    broken gets none. Raises OSError.
    """
    for name in leaderboard.dropna(subset=["rank"])["folder"].head(MANY_PAGES):
        folder = RunFolder(sweep.folder / name)
        if folder.has(PREDICTIONS) and not folder.has(CELL_PAGE):
            with suppress(RecordError):  # the page of the sweep says what is broken
                write_run_page(folder)
        if time.time() > until - REPORT_SECONDS:
            return


def render_report(sweep: Sweep, leaderboard: pd.DataFrame) -> str:
    """Return the page of a sweep as HTML."""
    metric = find_metric(sweep.record.rank)
    entries = compare_rows(sweep, build_entries(sweep, leaderboard), metric)
    ranked = [entry for entry in entries if entry.row["rank"] is not None]
    searched = [entry for entry in ranked if entry.outcome.record and entry.outcome.record.search]
    others = [find_metric(name.removeprefix("test_")) for name in _find_others(leaderboard, metric)]
    return render(
        "sweep.html.j2",
        _build_filters(leaderboard, metric, others),
        sweep=sweep.record,
        metric=metric,
        own_ranks=sweep.own_ranks,
        others=others,
        entries=entries,
        ranked=ranked,
        axes=name_axes(sweep.cells),
        list_axes=list_axes,
        is_by_model=any("model" in cell.varies for cell in sweep.cells),
        counts=leaderboard["status"].value_counts().to_dict(),
        total_seconds=float(leaderboard["seconds"].sum()),
        longest=float(leaderboard["seconds"].max()),
        lead=describe_lead(leaderboard),
        blend=describe_blend(sweep, leaderboard),
        close=[entry for entry in ranked[1:] if entry.row["indistinguishable"]],
        advice=advise_repeats(sweep),
        unfinished=[entry for entry in entries if entry.outcome.has_failed],
        left_out=_group((each.left_out.reason, each.cell) for each in sweep.outcomes if each.left_out),
        not_reused=_group((each.reason, each) for each in sweep.cells if each.reason and not each.reused),
        many_compared=MANY_COMPARED,
        many_panels=MANY_PANELS,
        log_file=LOG,
        page_file=CELL_PAGE,
        scale=_find_scale(ranked, metric),
        started=datetime.fromtimestamp(sweep.record.started, UTC),
        environment=_describe_environment(ranked),
        groups=[*draw_groups(sweep, ranked, metric), *draw_time(ranked, metric)],
        predictions=list(draw_predictions(sweep, choose_models(ranked), metric)),
        curves=list(islice(draw_curves(sweep, choose_models(searched)), MANY_PANELS)),
    )


def _describe_environment(ranked: Sequence[Entry]) -> dict[str, str]:
    records = (entry.outcome.record for entry in ranked)
    return describe_environment(next((each.environment for each in records if each and each.environment), None))


def _build_filters(
    leaderboard: pd.DataFrame, metric: Metric, others: Sequence[Metric]
) -> dict[str, Callable[..., str]]:
    """Return what shows the values of the page; those of a metric have the same decimals in each row."""
    decimals = {each.name: find_decimals(leaderboard[each.test]) for each in (metric, *others)}
    return {
        "of": lambda value, metric: show_value(metric, value, decimals=decimals[metric.name]),
        "score": partial(show_value, metric, decimals=decimals[metric.name]),
        "seconds": show_seconds,
        "share": _share,
        "count": show_count,
        "one_line": as_one_line,
    }


def _group(reasons: Iterable[tuple[str, Cell]]) -> dict[str, list[int]]:
    """Return the numbers of the cells by what is said of them."""
    grouped: dict[str, list[int]] = {}
    for reason, cell in reasons:
        grouped.setdefault(reason, []).append(cell.number)
    return grouped


def _find_others(leaderboard: pd.DataFrame, metric: Metric) -> list[str]:
    """Return the columns of the further metrics on the held-out rows."""
    ends = (f"{metric.test}_low", f"{metric.test}_high")
    names = [name for name in map(str, leaderboard) if name.startswith("test_") and name not in (metric.test, *ends)]
    return [name for name in names if is_metric(name.removeprefix("test_"))]


def _find_scale(ranked: Sequence[Entry], metric: Metric) -> Scale:
    if not ranked:
        return Scale(0.0, 1.0)
    means, stds = scores(ranked, metric)
    limits = find_limits(means, stds, metric.sign)
    ends = [entry.row[f"{metric.test}_{end}"] for entry in ranked for end in ("low", "high")]
    shown = [*(means - stds), *(means + stds), *(end for end in ends if end is not None)]
    low, high = max(min(shown), limits.low), min(max(shown), limits.high)
    return Scale(low, high) if low < high else Scale(low - 1, high + 1)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"
