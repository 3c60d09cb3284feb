"""Print the figures of a run, or the leaderboard of a sweep, and what to do next."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from bikeml.config.overrides import as_one_line, change_command
from bikeml.config.spelling import some
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.records.run import RunRecord, Search, StoreRecord
from bikeml.records.run_folder import LOG
from bikeml.records.sweep import Sweep
from bikeml.records.sweep_folder import PAGE
from bikeml.system.redaction import redact
from bikeml.table.datasets import DAILY_SHA256, PUBLISHED_LINEAR
from bikeml.terminal.tables import build_table, show_facts, show_notice, show_table

if TYPE_CHECKING:
    from rich.table import Table

    from bikeml.multirun.run import Result

SOME_MODELS = "linear,lasso,tree,rf,gbr"
CELLS_NAMED = 5
AWAITED = ("submitted", "not fetched")
"""The states of cells whose results the same command fetches."""
TUNED = "tuned on these rows: {} flatters a searched run; evaluation.nested=true does not"


def show(result: "Result") -> None:
    """Print the figures, the time, the places of the files, and what to do next."""
    show_table(_figures(result))
    show_facts(_facts(result))
    for hint in result.record.hints:
        show_notice(hint)
    sampled = _describe_sample(result.record)
    if sampled:
        show_notice(sampled)


def _figures(result: "Result") -> "Table":
    record = result.record
    metrics = [find_metric(name) for name in record.cv.scores]
    compared = {metric.test for metric in metrics} & PUBLISHED_LINEAR.keys() if _is_published_task(record) else set()
    published = {name: PUBLISHED_LINEAR[name] for name in compared}
    confidence = f"{record.confidence:.0%}"
    rows = f"{record.dataset.n_train:,} rows to train, {record.dataset.n_test:,} held out"
    title = f"{record.run_name} on {record.dataset.name}\n{rows}"
    numbers = ["value", f"{confidence} interval", *(["published"] if published else [])]
    ranked = find_metric(record.rank)
    table = []
    for metric, name in [*((metric, metric.test) for metric in metrics), (ranked, ranked.pooled)]:
        ends = " to ".join(map(metric.show, record.intervals.get(name, ())))
        row = [name, metric.show(record.metrics[name]), ends]
        known = [metric.show(published[name]) if name in published else ""] if published else []
        table.append([*row, *known])
    table.append([ranked.mean, ranked.show(record.metrics[ranked.mean])])
    return build_table(["metric", *numbers], table, title, right=numbers)


def _facts(result: "Result") -> dict[str, str]:
    record = result.record
    facts: dict[str, str] = {}
    metric = find_metric(record.rank)
    if record.search:
        facts |= _describe_search(record.search)
    if record.dataset.notes:
        facts["table"] = "\n".join(record.dataset.notes)
    none = "none; there are too few rows, groups or dates, or the metrics have none"
    facts["intervals"] = record.interval_method if record.intervals else none
    facts["folds"] = _describe_folds(record, metric)
    if record.undefined:
        facts["undefined"] = "\n".join(f"{name}: {reason}" for name, reason in record.undefined.items())
    notes = [TUNED.format(f"cv_{record.rank}")] if record.cv.tuned_on_these_rows else []
    if record.dataset.gaps:
        facts["gaps"] = ", ".join(f"{count:,} in {column}" for column, count in record.dataset.gaps.items())
    if not record.reproducible:
        notes.append("not reproducible: a random_state is null")
    if notes:
        facts["note"] = "\n".join(notes)
    facts["time"] = ", ".join(f"{name} {value:.1f} s" for name, value in record.seconds.items())
    facts["folder"] = str(result.folder)
    if (result.folder / LOG).is_file():
        facts["log"] = f"there were warnings; see {LOG} in the folder"
    facts["fingerprint"] = record.fingerprint[:16]
    store = StoreRecord.read(result.folder)
    if store is not None:
        facts["run"] = f"{store.run_id} in {store.uri}, experiment {store.experiment_name}"
        facts["look"] = store.look
    facts["next"] = _next_command(record)
    return facts


def _describe_folds(record: RunRecord, metric: Metric) -> str:
    reused = record.cv.reused
    known = f", {reused.n_folds} of them from run {reused.run_id}" if reused else ""
    spread = f"{metric.std} {metric.show(record.metrics[metric.std])} (ddof=0)"
    return f"{len(record.cv.n_fit)}{known}; {spread}; {metric.pooled} is over all of their rows"


def _describe_search(search: Search) -> dict[str, str]:
    best = ", ".join(f"{name}={value}" for name, value in search.best_params.items())
    counts = search.counts
    resumed = f", {counts['fits_resumed']} found in the checkpoint" if counts["fits_resumed"] else ""
    return {
        "best": f"{best} (of {counts['candidates']} candidates)",
        "fits": f"{counts['fits']} made, {counts['fits_avoided']} avoided by sharing{resumed}",
    }


def _describe_sample(record: RunRecord) -> str:
    """Return how many rows were shuffled for the importance, and how often; empty if as many as the config asks."""
    importance, config = record.importance, cast(Any, record.identity or {}).get("config", {})
    if importance is None or importance.n_rows is None or not importance.columns:
        return ""
    asked = (record.dataset.n_test, config["evaluation"]["importance_repeats"])
    if (importance.n_rows, importance.n_repeats) == asked:
        return ""
    return (
        f"the importance is of {importance.n_rows:,} of the {record.dataset.n_test:,} held-out rows, each column "
        f"shuffled {importance.n_repeats} times; evaluation.importance=permutation shuffles all rows "
        f"{asked[1]} times"
    )


def _next_command(record: RunRecord) -> str:
    """Return the command to try next: all models after the first run, then a search, then nested evaluation."""
    is_nested = bool(record.search) and not record.cv.tuned_on_these_rows
    if record.choices.get("model") == "linear" or is_nested:
        untouched = record.choices.get("preprocessing", "none") == "none"
        return _again(record, "-m", f"model={SOME_MODELS}", *(["preprocessing=none,standard"] if untouched else []))
    return _again(record, "evaluation.nested=true" if record.search else "search=grid")


def _again(record: RunRecord, *changes: str) -> str:
    """Return the command of this run with `changes`, without the overrides that they replace."""
    return redact(change_command(record.command, *changes))


def _is_published_task(record: RunRecord) -> bool:
    """Whether the tutorial published figures for this: its table, features, split and linear regression."""
    sections: Any = (record.identity or {}).get("config", {})
    if record.dataset.sha256 != DAILY_SHA256 or not sections:
        return False
    split, steps, data = sections["split"], sections["preprocessing"], sections["data"]
    return (
        len([*data["numeric"], *data["categorical"]]) == 10  # noqa: PLR2004  the tutorial's ten
        and not any(steps.values())
        and str(sections["model"]["estimator"]["_target_"]).endswith("LinearRegression")
        and split["kind"] == "random"
        and (split.get("test_size"), split["random_state"], split.get("shuffle", True)) == (0.3, 0, True)
    )


def show_leaderboard(sweep: Sweep, leaderboard: pd.DataFrame) -> None:
    """Print the leaderboard, the failures with their causes, and the places of the files."""
    from bikeml.pages.sweep.leaderboard import describe_lead  # imports matplotlib; what shows a run needs none of it

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
    from bikeml.pages.sweep.leaderboard import advise_repeats

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
