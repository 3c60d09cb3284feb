"""Print the leaderboard of a sweep, the causes of its failures, and the places of its files."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd

from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.multirun.display.advice import AWAITED, TUNED, advise_sweep
from bikeml.multirun.display.same import tell_same_cells
from bikeml.pages.sweep.blend import describe_blend
from bikeml.pages.sweep.entries import list_axes, name_axes
from bikeml.pages.sweep.leaderboard import advise_repeats, describe_lead
from bikeml.records.run import StoreRecord
from bikeml.records.sweep import Outcome, Sweep
from bikeml.records.sweep_folder import PAGE
from bikeml.system.clock import entered
from bikeml.system.printable import printable, show_path
from bikeml.system.spelling import some
from bikeml.terminal.numbers import find_decimals, show_count, show_parts
from bikeml.terminal.tables import build_table, show_facts, show_notice, show_table

CELLS_NAMED = 5
Show = Callable[..., str]
"""Shows a value of the metric that ranks, with the decimals of its column."""


def show_leaderboard(sweep: Sweep, leaderboard: pd.DataFrame) -> None:
    """Print the leaderboard, what it means, and the failures with their causes."""
    cells, metric = {cell.number: cell for cell in sweep.cells}, find_metric(sweep.record.rank)
    scores = (f"cv {metric.label}", "to the best", "as good", f"test {metric.label}", "time")
    axes = name_axes(sweep.cells)
    varied = [axis.rpartition(".")[2] for axis in axes]
    show = partial(metric.show, decimals=find_decimals(leaderboard[metric.test]))
    begun, rows = leaderboard[leaderboard["status"] != "left out"], []  # the others are named below
    for _, row in begun.iterrows():
        rank = "" if pd.isna(row["rank"]) else str(row["rank"])
        cell = cells[row["cell"]]
        rows.append([rank, str(row["cell"]), *list_axes(cell, axes), *_scores(row, metric, show), row["status"]])
    headings = ["rank", "cell", *varied, *scores, "status"]
    title = f"{show_count(len(begun), 'cell')}, by cross-validated {metric.label}"
    if (leaderboard["rank"] > 1).any():
        title += f"\n{cells[leaderboard['cell'].iloc[0]].name} {describe_lead(leaderboard)}"
    show_table(build_table(headings, rows, title, right={"rank", "cell", *scores}, folded=varied), wide=True)
    show_facts(_explain(sweep, leaderboard))
    best = _find_best(sweep, leaderboard)
    if best is not None and best.record is not None:
        for hint in best.record.hints:
            show_notice(f"cell {best.cell.number}: {hint}")


def tell_sweep(sweep: Sweep, leaderboard: pd.DataFrame) -> None:
    """Print in a few lines on stderr how a sweep ended, and what to know, for a caller who has the leaderboard."""
    metric, best = find_metric(sweep.record.rank), _find_best(sweep, leaderboard)
    n_failed = sum(outcome.has_failed for outcome in sweep.outcomes)
    told = [show_count(len(leaderboard), "cell")]
    if n_failed:
        told.append(f"{n_failed} failed")
    if best is not None:
        told.append(f"the best is {best.cell.name}, {metric.mean} {metric.show(leaderboard[metric.mean].iloc[0])}")
    show_notice(f"{', '.join(told)}; {show_path(sweep.folder)}")
    hints = best.record.hints if best and best.record else ()
    blend = describe_blend(sweep, leaderboard)
    left_out = [f"left out: {line}" for line in sweep.record.dropped]
    for line in (*([f"blend: {blend}"] if blend else []), *left_out, *hints, *filter(None, [tell_same_cells(sweep)])):
        show_notice(line)


def show_places(sweep: Sweep, leaderboard: pd.DataFrame, ended: float) -> None:
    """Print the time, the places of the files, and what to do next; the last cell `ended` at that Unix time."""
    show_facts(_places(sweep, leaderboard, ended))


def _find_best(sweep: Sweep, leaderboard: pd.DataFrame) -> Outcome | None:
    best = leaderboard["cell"].iloc[0]
    return next((each for each in sweep.outcomes if each.record and each.cell.number == best), None)


def _scores(row: pd.Series, metric: Metric, show: Show) -> list[str]:
    if pd.isna(row["rank"]):
        return [""] * 5
    tuned = " *" if row["tuned_on_these_rows"] else ""
    test, low, high = (row[f"{metric.test}{end}"] for end in ("", "_low", "_high"))
    interval = "" if pd.isna(low) else f" [{show(low, 3)}, {show(high, 3)}]"
    return [
        f"{show(row[metric.mean])} ± {show(row[metric.std])}{tuned}",
        *(("best", "") if row["rank"] == 1 else _show_distance(row, show)),
        f"{show(test)}{interval}",
        f"{row['seconds']:.1f} s",
    ]


def _show_distance(row: pd.Series, show: Show) -> tuple[str, str]:
    """Return the interval of the difference to the best cell, and the probability that the cell is as good."""
    if pd.isna(row["difference"]):
        return "", ""
    if pd.isna(row["difference_low"]):
        return show(row["difference"]), ""
    if row["difference_low"] == row["difference_high"] == 0:
        return "equal", f"{row['probability_as_good']:.0%}"
    close = "~ " if row["indistinguishable"] else ""
    low, high = (show(row[f"difference_{end}"], 3) for end in ("low", "high"))
    return f"{close}[{low}, {high}]", f"{row['probability_as_good']:.0%}"


def _causes(leaderboard: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield each cause of a missing result, or of a run that was not reused, with all of its cells."""
    noted = leaderboard[leaderboard["note"] != ""]
    if noted.empty:
        return
    parts = noted["note"].str.partition(" (log: ")
    labels = noted["status"].where(noted["status"].isin(["failed", "broken", "left out", *AWAITED]), "why")
    for (label, cause), rows in noted.groupby([labels, parts[0]], sort=False):
        names, logs = rows["name"], parts.loc[rows.index, 2].str.removesuffix(")")
        log = f"\n(log: {_enumerate(logs)})" if logs.any() else ""
        yield str(label), f"{_enumerate(names)}: {cause}{log}"


def _enumerate(words: pd.Series) -> str:
    more = f" and {len(words) - CELLS_NAMED} more" if len(words) > CELLS_NAMED else ""
    return "; ".join(words.head(CELLS_NAMED)) + more


def _explain(sweep: Sweep, leaderboard: pd.DataFrame) -> Iterator[tuple[str, str]]:
    if leaderboard["indistinguishable"].sum() > 1:  # the best itself is one
        yield "~", "cannot be told from the best; the 95 % intervals of the differences hold for all cells at once"
    blend = describe_blend(sweep, leaderboard)
    if blend:
        yield "blend", blend
    advice = advise_repeats(sweep)
    if advice:
        yield "to decide", "\n".join(filter(None, advice))
    if leaderboard["tuned_on_these_rows"].any():
        yield "*", TUNED.format(f"cv {find_metric(sweep.record.rank).label}")
    if sweep.own_ranks:
        yield "ranked by", f"{sweep.record.rank}; alone, cells are ranked by {some(sweep.own_ranks, show=str)}"
    for line in sweep.record.dropped:
        yield "left out", line
    yield from _causes(leaderboard)


def _parts(sweep: Sweep, ended: float) -> dict[str, float]:
    """Return the seconds of each part of the command: until the first cell began, all cells, and the page."""
    planned = sweep.record.started
    of_command = entered(planned)
    ran = [each.record.started for each in sweep.outcomes if each.record and not each.cell.reused]
    first = min((started for started in ran if started is not None), default=ended)
    began = min(max(planned, of_command, first), ended)  # a blend that is made later has cells of an earlier command
    parts = {"start and plan": began - of_command, "cells": ended - began, "page": time.time() - ended}
    return {name: max(0.0, seconds) for name, seconds in parts.items()}


def _tell_rest(sweep: Sweep, seconds: float) -> str:
    """Return that there was nothing left to do in the budget; empty if it was used up, or there is none."""
    budget = sweep.record.budget_seconds
    if budget is None or seconds >= budget or any(outcome.status == "left out" for outcome in sweep.outcomes):
        return ""
    return f"{budget - seconds:.1f} of {budget:g} s are left, since every cell has ended; sweep.cells takes more cells"


def _places(sweep: Sweep, leaderboard: pd.DataFrame, ended: float) -> Iterator[tuple[str, str]]:
    parts = _parts(sweep, ended)
    yield "time", show_parts(parts)
    rest = _tell_rest(sweep, sum(parts.values()))
    if rest:
        yield "budget", rest
    yield "folder", printable(str(sweep.folder))
    yield "page", printable(str(sweep.folder / PAGE))
    store = StoreRecord.read(sweep.folder)
    if store is not None:
        yield "run", f"{store.run_id} in {store.uri}, experiment {printable(store.experiment_name)}"
        yield "look", store.look
    same = tell_same_cells(sweep)
    if same:
        yield "same", same
    following = advise_sweep(sweep, _find_best(sweep, leaderboard))
    if following:
        yield "next", following
