"""Print the figures of a run, then its time and files, and what to do next."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.multirun.display.advice import TUNED, advise_run
from bikeml.records.judgement import Search, find_weight
from bikeml.records.run import RunRecord, StoreRecord
from bikeml.records.run_folder import LOG, PAGE
from bikeml.system.clock import entered
from bikeml.system.printable import printable, show_path
from bikeml.table.datasets import DAILY_SHA256, PUBLISHED_LINEAR
from bikeml.terminal.numbers import show_parts
from bikeml.terminal.tables import build_table, show_facts, show_notice, show_table

if TYPE_CHECKING:
    from rich.table import Table


def show_figures(record: RunRecord) -> None:
    """Print the figures, and what they mean; this needs no record in a store."""
    show_table(_figures(record))
    show_facts(_explain(record))


def show_places(record: RunRecord, folder: Path, same: str = "") -> None:
    """Print the time, the places of the files, what to do next, and what to know of the run."""
    show_facts(_places(record, folder, same))
    for hint in record.hints:
        show_notice(hint)
    sampled = _describe_sample(record)
    if sampled:
        show_notice(sampled)


def tell_run(record: RunRecord, folder: Path, same: str = "") -> None:
    """Print in a few lines on stderr how good a run is, and what to know of it, for a caller who has the rest."""
    ranked = find_metric(record.rank)
    score = f"{ranked.test} {ranked.show(record.metrics[ranked.test])}"
    show_notice(f"{record.run_name}: {score}, {record.seconds['total']:.1f} s; {show_path(folder)}")
    for line in (*record.dataset.notes, *record.hints, *([same] if same else [])):
        show_notice(line)


def _figures(record: RunRecord) -> "Table":
    metrics = [find_metric(name) for name in record.cv.scores]
    compared = {metric.test for metric in metrics} & PUBLISHED_LINEAR.keys() if _is_published_task(record) else set()
    published = {name: PUBLISHED_LINEAR[name] for name in compared}
    confidence = f"{100 * (record.confidence or 0):g}%"
    rows = f"{record.dataset.n_train:,} rows to train, {record.dataset.n_test:,} held out"
    weight = find_weight(record.dataset.roles)
    rows += f"\nweighted by {printable(weight)}" if weight else ""
    title = f"{printable(record.run_name)} on {printable(record.dataset.name)}\n{rows}"
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


def _explain(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield what the figures mean."""
    if record.search:
        yield from _describe_search(record.search)
    if record.dataset.notes:
        yield "table", "\n".join(record.dataset.notes)
    if record.intervals:
        yield "intervals", record.interval_method
    if record.no_interval:
        yield "no interval", "\n".join(tell_reasons(record.no_interval))
    yield "folds", _describe_folds(record, find_metric(record.rank))
    if record.undefined:
        yield "undefined", "\n".join(tell_reasons(record.undefined))
    if record.dataset.gaps:
        yield "gaps", ", ".join(f"{count:,} in {printable(column)}" for column, count in record.dataset.gaps.items())
    notes = [TUNED.format(f"cv_{record.rank}")] if record.cv.tuned_on_these_rows else []
    if not record.reproducible:
        notes.append("not reproducible: a random_state is null")
    if notes:
        yield "note", "\n".join(notes)


def tell_reasons(reasons: Mapping[str, str]) -> Iterator[str]:
    """Yield each reason once, with the names of all figures that have it."""
    for reason in dict.fromkeys(reasons.values()):
        yield f"{', '.join(name for name, each in reasons.items() if each == reason)}: {reason}"


def _places(record: RunRecord, folder: Path, same: str) -> Iterator[tuple[str, str]]:
    """Yield the time, the places of the files, which earlier run is the same, and what to do next."""
    yield "time", show_parts(_parts(record))
    yield "folder", printable(str(folder))
    if (folder / PAGE).is_file():
        yield "page", printable(str(folder / PAGE))
    if (folder / LOG).is_file():
        yield "log", f"there were warnings; see {LOG} in the folder"
    yield "fingerprint", record.fingerprint[:16]
    store = StoreRecord.read(folder)
    if store is not None:
        yield "run", f"{store.run_id} in {store.uri}, experiment {printable(store.experiment_name)}"
        yield "look", store.look
    if same:
        yield "same", same
    yield "next", advise_run(record)


def _parts(record: RunRecord) -> dict[str, float]:
    """Return the seconds of each part of the command, from Enter until now."""
    phases = {name: seconds for name, seconds in record.seconds.items() if name != "total"}
    total, now = record.seconds["total"], time.time()
    started = now - total if record.started is None else record.started
    return {
        "start and imports": max(0.0, started - entered(started)),
        "read": max(0.0, total - sum(phases.values())),
        **phases,
        "record": max(0.0, now - started - total),
    }


def _describe_folds(record: RunRecord, metric: Metric) -> str:
    reused = record.cv.reused
    known = f", {reused.n_folds} of them from run {reused.run_id}" if reused else ""
    spread = f"{metric.std} {metric.show(record.metrics[metric.std])} (ddof=0)"
    return f"{len(record.cv.n_fit)}{known}; {spread}; {metric.pooled} is over all of their rows"


def _describe_search(search: Search) -> Iterator[tuple[str, str]]:
    best = ", ".join(printable(f"{name}={value}") for name, value in search.best_params.items())
    counts = search.counts
    resumed = f", {counts['fits_resumed']} found in the checkpoint" if counts["fits_resumed"] else ""
    yield "best", f"{best or 'none found'} (of {counts['candidates']} candidates)"
    yield "fits", f"{counts['fits']} made, {counts['fits_avoided']} avoided by sharing{resumed}"
    if told := "; ".join(search.describe_rest()):
        yield "search", printable(told)


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


def _is_published_task(record: RunRecord) -> bool:
    """Whether the tutorial published figures for this: its table, features, split and linear regression."""
    sections: Any = (record.identity or {}).get("config", {})
    if record.dataset.sha256 != DAILY_SHA256 or not sections:
        return False
    split, steps, data = sections["split"], sections["preprocessing"], sections["data"]
    return (
        len([*data["numeric"], *data["categorical"]]) == 10  # noqa: PLR2004  the tutorial's ten
        and not any(steps.values())
        and "target" not in sections
        and str(sections["model"]["estimator"]["_target_"]).endswith("LinearRegression")
        and split["kind"] == "random"
        and (split.get("test_size"), split["random_state"], split.get("shuffle", True)) == (0.3, 0, True)
    )
