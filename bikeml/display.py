"""What the terminal shows: a progress line while a run goes on, and a table when it is done."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bikeml.datasets import DAILY_SHA256, PUBLISHED_LINEAR
from bikeml.records.run import RunRecord, StoreRecord
from bikeml.records.run_folder import LOG
from bikeml.records.sweep import Sweep
from bikeml.records.sweep_folder import PAGE
from bikeml.redaction import redact

if TYPE_CHECKING:
    from bikeml.result import Result

SOME_MODELS = "linear,lasso,tree,rf,gbr"
INDENT = 14  # of a fact's further lines
CELLS_NAMED = 5
WIDTH_OF_A_FILE = 140  # columns, where the output is no terminal
AWAITED = ("submitted", "not fetched")
"""The states of cells whose results the same command brings."""
TEST_METRICS = ("test_mse", "test_rmse", "test_mae", "test_r2")


def show(result: "Result") -> None:
    """Print the figures, the time, where everything is, and what to do next."""
    Console(highlight=False).print(_figures(result))
    show_facts(_facts(result))


def show_facts(facts: Mapping[str, str]) -> None:
    """Print a line for each fact, its name in front."""
    console = Console(highlight=False)
    for name, value in facts.items():
        console.print(f"[bold]{name:>12}[/]  {escape(value)}", soft_wrap=True)


def _figures(result: "Result") -> Table:
    record = result.record
    published = PUBLISHED_LINEAR if _is_published_task(record) else {}
    confidence = f"{record.confidence:.0%}"
    rows = f"{record.dataset.n_train:,} rows to train, {record.dataset.n_test:,} held out"
    console_title = f"{record.run_name} on {record.dataset.name}\n{rows}"
    table = Table(title=escape(console_title), title_justify="left")
    table.add_column("metric")
    for heading in ("value", f"{confidence} interval", *(["published"] if published else [])):
        table.add_column(heading, justify="right")
    for name in TEST_METRICS:
        low, high = record.intervals[name]
        row = [name, _number(record.metrics[name]), f"{_number(low)} to {_number(high)}"]
        table.add_row(*row, *([_number(published[name]) if name in published else ""] if published else []))
    spread = f"± {_number(record.metrics['cv_r2_std'])} over {len(record.cv.r2)} folds"
    table.add_row("cv_r2_mean", _number(record.metrics["cv_r2_mean"]), spread)
    return table


def _facts(result: "Result") -> dict[str, str]:
    record, facts = result.record, {}
    if record.search:
        best = ", ".join(f"{name}={value}" for name, value in record.search.best_params.items())
        counts = record.search.counts
        facts["best"] = f"{best} (of {counts['candidates']} candidates)"
        facts["fits"] = f"{counts['fits']} made, {counts['fits_avoided']} avoided by sharing"
        if counts["fits_resumed"]:
            facts["fits"] += f", {counts['fits_resumed']} found in the checkpoint"
    if record.cv.tuned_on_these_rows:
        facts["note"] = "tuned on these rows: cv_r2 flatters a searched run; evaluation.nested=true does not"
    if record.dataset.gaps:
        facts["gaps"] = ", ".join(f"{count:,} in {column}" for column, count in record.dataset.gaps.items())
    if not record.reproducible:
        facts["note"] = "not reproducible: a random_state is null"
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


def _next_command(record: RunRecord) -> str:
    """Suggest what one would try after this run: all models after the first one, then a search, then another look."""
    is_nested = bool(record.search) and not record.cv.tuned_on_these_rows
    if record.choices.get("model") == "linear" or is_nested:
        untouched = record.choices.get("preprocessing", "none") == "none"
        return _again(record, "-m", f"model={SOME_MODELS}", *(["preprocessing=none,standard"] if untouched else []))
    return _again(record, "evaluation.nested=true" if record.search else "search=grid")


def _again(record: RunRecord, *changes: str) -> str:
    """Return the command of this run with `changes`, and without what they make void."""
    changed = [change.partition("=")[0] for change in changes if "=" in change]
    groups = tuple(f"{key}." for key in changed)
    words = shlex.split(record.command)
    keys = [word.partition("=")[0].lstrip("+~") for word in words]
    void = [key in (*changed, "hydra.run.dir") or key.startswith(groups) for key in keys]
    return redact(shlex.join([*(word for word, is_void in zip(words, void, strict=True) if not is_void), *changes]))


def _is_published_task(record: RunRecord) -> bool:
    """Whether the tutorial published figures for just this: its table, features, split and linear regression."""
    sections: Any = (record.identity or {}).get("config", {})
    if record.dataset.sha256 != DAILY_SHA256 or not sections:
        return False
    split, steps, data = sections["split"], sections["preprocessing"], sections["data"]
    return (
        len([*data["numeric"], *data["categorical"]]) == 10  # noqa: PLR2004  the tutorial's ten
        and not any(steps.values())
        and str(sections["model"]["estimator"]["_target_"]).endswith("LinearRegression")
        and split["kind"] == "random"
        and (split["test_size"], split["random_state"]) == (0.3, 0)
    )


def _number(value: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.4f}"  # noqa: PLR2004  two digits are enough from there on


def show_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of text."""
    table = Table(title=escape(title), title_justify="left")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*map(escape, row))
    Console(highlight=False).print(table)


def show_notice(text: str) -> None:
    """Print a line beside whatever else is shown."""
    Console(stderr=True, highlight=False).print(f"bikeml: {escape(text)}", soft_wrap=True)


def show_plan(jobs: Sequence[tuple[str, str]], facts: Mapping[str, str]) -> None:
    """Print the cells of a sweep with the names of their jobs, and what else is known before anything is submitted."""
    console = Console(highlight=False)
    table = Table(title=f"{len(jobs)} cells", title_justify="left")
    table.add_column("cell")
    table.add_column("job")
    for cell, job in jobs:
        table.add_row(escape(cell), escape(job))
    console.print(table)
    show_facts(facts)


def show_leaderboard(sweep: Sweep, leaderboard: pd.DataFrame) -> None:
    """Print the leaderboard, what failed and why, and where everything is."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_A_FILE
    cells = {cell.number: cell for cell in sweep.cells}
    keys = list(dict.fromkeys(key for cell in sweep.cells for key in cell.varies))
    table = Table(title=f"{len(leaderboard)} cells, by cross-validated R²", title_justify="left")
    for heading in ("rank", "cell"):
        table.add_column(heading, justify="right")
    for key in keys:
        table.add_column(escape(key.rpartition(".")[2]), overflow="fold")
    for heading in ("cv R²", "to the best (p)", "test R²", "time"):
        table.add_column(heading, justify="right")
    table.add_column("status")
    for _, row in leaderboard.iterrows():
        varies = cells[row["cell"]].varies
        rank = "" if pd.isna(row["rank"]) else str(row["rank"])
        values = [varies.get(key, "") for key in keys]
        table.add_row(*map(escape, [rank, str(row["cell"]), *values, *_scores(row), row["status"]]))
    console.print(table)
    for label, value in _sweep_facts(sweep, leaderboard):
        console.print(f"[bold]{label:>12}[/]  {escape(value)}", soft_wrap=True)


def _scores(row: pd.Series) -> list[str]:
    if pd.isna(row["rank"]):
        return [""] * 4
    tuned = " *" if row["tuned_on_these_rows"] else ""
    far = "" if pd.isna(row["difference"]) else f"{row['difference']:+.4f} ({row['p_value']:.2f})"
    return [
        f"{row['cv_r2_mean']:.4f} ± {row['cv_r2_std']:.4f}{tuned}",
        "best" if row["rank"] == 1 else far,
        f"{row['test_r2']:.4f} [{row['test_r2_low']:.3f}, {row['test_r2_high']:.3f}]",
        f"{row['seconds']:.1f} s",
    ]


def _causes(leaderboard: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of cells without a result, or not reused, each cause once with all of its cells."""
    noted = leaderboard[leaderboard["note"] != ""]
    if noted.empty:
        return
    parts = noted["note"].str.partition(" (log: ")
    labels = noted["status"].where(noted["status"].isin(["failed", "broken", *AWAITED]), "why")
    for (label, cause), rows in noted.groupby([labels, parts[0]], sort=False):
        names, logs = rows["name"], parts.loc[rows.index, 2].str.removesuffix(")")
        log = f"\n(log: {_enumerate(logs)})" if logs.any() else ""
        text = f"{_enumerate(names)}: {cause}{log}"
        yield str(label), text.replace("\n", "\n" + " " * INDENT)


def _enumerate(words: pd.Series) -> str:
    more = f" and {len(words) - CELLS_NAMED} more" if len(words) > CELLS_NAMED else ""
    return "; ".join(words.head(CELLS_NAMED)) + more


def _sweep_facts(sweep: Sweep, leaderboard: pd.DataFrame) -> Iterator[tuple[str, str]]:
    if leaderboard["tuned_on_these_rows"].any():
        yield "*", "tuned on these rows: cv R² flatters a searched run; evaluation.nested=true does not"
    for line in sweep.record.dropped:
        yield "left out", line
    yield from _causes(leaderboard)
    yield "folder", str(sweep.folder)
    yield "page", str(sweep.folder / PAGE)
    if sweep.run_id:
        yield "run", sweep.run_id
    if leaderboard["status"].isin(AWAITED).any():
        yield "next", sweep.record.command
    elif sweep.has_failures and sweep.run_id:
        yield "next", f"{sweep.record.command} reuse=finished"
