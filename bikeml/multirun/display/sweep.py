"""Print the leaderboard of a sweep, the causes of its failures, and the places of its files."""

from collections.abc import Iterator

import pandas as pd

from bikeml.config.overrides import as_one_line
from bikeml.config.spelling import some
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.multirun.display.advice import TUNED
from bikeml.pages.sweep.leaderboard import advise_repeats, describe_lead
from bikeml.records.sweep import Sweep
from bikeml.records.sweep_folder import PAGE
from bikeml.terminal.tables import build_table, show_facts, show_notice, show_table

CELLS_NAMED = 5
AWAITED = ("submitted", "not fetched")
"""The states of cells whose results the same command fetches."""


def show_leaderboard(sweep: Sweep, leaderboard: pd.DataFrame) -> None:
    """Print the leaderboard, the failures with their causes, and the places of the files."""
    cells, metric = {cell.number: cell for cell in sweep.cells}, find_metric(sweep.record.rank)
    scores = (f"cv {metric.label}", "to the best", "as good", f"test {metric.label}", "time")
    keys = list(dict.fromkeys(key for cell in sweep.cells for key in cell.varies))
    varied = [key.rpartition(".")[2] for key in keys]
    rows = []
    for _, row in leaderboard.iterrows():
        varies = cells[row["cell"]].varies
        rank = "" if pd.isna(row["rank"]) else str(row["rank"])
        values = [varies.get(key, "") for key in keys]
        rows.append([rank, str(row["cell"]), *values, *_scores(row, metric), row["status"]])
    headings = ["rank", "cell", *varied, *scores, "status"]
    n_cells = "1 cell" if len(leaderboard) == 1 else f"{len(leaderboard)} cells"
    title = f"{n_cells}, by cross-validated {metric.label}"
    if (leaderboard["rank"] > 1).any():
        title += f"\n{cells[leaderboard['cell'].iloc[0]].name} {describe_lead(leaderboard)}"
    show_table(build_table(headings, rows, title, right={"rank", "cell", *scores}, folded=varied), wide=True)
    show_facts(_sweep_facts(sweep, leaderboard))
    for outcome in sweep.outcomes:
        if outcome.record and outcome.cell.number == leaderboard["cell"].iloc[0]:
            for hint in outcome.record.hints:
                show_notice(f"cell {outcome.cell.number}: {hint}")


def _scores(row: pd.Series, metric: Metric) -> list[str]:
    if pd.isna(row["rank"]):
        return [""] * 5
    tuned = " *" if row["tuned_on_these_rows"] else ""
    test, low, high = (row[f"{metric.test}{end}"] for end in ("", "_low", "_high"))
    interval = "" if pd.isna(low) else f" [{metric.show(low, 3)}, {metric.show(high, 3)}]"
    return [
        f"{metric.show(row[metric.mean])} ± {metric.show(row[metric.std])}{tuned}",
        *(("best", "") if row["rank"] == 1 else _show_distance(row, metric)),
        f"{metric.show(test)}{interval}",
        f"{row['seconds']:.1f} s",
    ]


def _show_distance(row: pd.Series, metric: Metric) -> tuple[str, str]:
    """Return the interval of the difference to the best cell, and the probability that the cell is as good."""
    if pd.isna(row["difference"]):
        return "", ""
    if pd.isna(row["difference_low"]):
        return metric.show(row["difference"]), ""
    close = "~ " if row["indistinguishable"] else ""
    low, high = (metric.show(row[f"difference_{end}"], 3) for end in ("low", "high"))
    return f"{close}[{low}, {high}]", f"{row['probability_as_good']:.0%}"


def _causes(leaderboard: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield each cause of a missing result, or of a run that was not reused, with all of its cells."""
    noted = leaderboard[leaderboard["note"] != ""]
    if noted.empty:
        return
    parts = noted["note"].str.partition(" (log: ")
    labels = noted["status"].where(noted["status"].isin(["failed", "broken", *AWAITED]), "why")
    for (label, cause), rows in noted.groupby([labels, parts[0]], sort=False):
        names, logs = rows["name"], parts.loc[rows.index, 2].str.removesuffix(")")
        log = f"\n(log: {_enumerate(logs)})" if logs.any() else ""
        yield str(label), f"{_enumerate(names)}: {cause}{log}"


def _enumerate(words: pd.Series) -> str:
    more = f" and {len(words) - CELLS_NAMED} more" if len(words) > CELLS_NAMED else ""
    return "; ".join(words.head(CELLS_NAMED)) + more


def _sweep_facts(sweep: Sweep, leaderboard: pd.DataFrame) -> Iterator[tuple[str, str]]:
    if leaderboard["indistinguishable"].sum() > 1:  # the best itself is one
        yield "~", "cannot be told from the best; the 95 % intervals of the differences hold for all cells at once"
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
    yield "folder", str(sweep.folder)
    yield "page", str(sweep.folder / PAGE)
    if sweep.run_id:
        yield "run", sweep.run_id
    if leaderboard["status"].isin(AWAITED).any():
        yield "next", as_one_line(sweep.record.command)
    elif sweep.has_failures and sweep.run_id:
        yield "next", f"{as_one_line(sweep.record.command)} reuse=finished"
