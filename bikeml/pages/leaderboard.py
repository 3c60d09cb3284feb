"""Build the leaderboard of a sweep: each cell with its scores, their intervals and a comparison with the best cell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.pages.figures import save_figure
from bikeml.pages.plots import plot_leaderboard
from bikeml.records.run import RunRecord
from bikeml.records.sweep import Outcome, Sweep
from bikeml.records.sweep_folder import LEADERBOARD, PICTURE
from bikeml.system.files import write_text

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """The comparison of a cell with the best one, over the folds that both were scored on."""

    difference: float
    """Mean of the differences of the metric, ours minus the best."""
    low: float
    high: float
    """The ends of the 95 % interval of the mean."""
    p_value: float
    """Of the two-sided test; the null hypothesis is no difference."""


def compare(scores: Sequence[float], best: Sequence[float], n_fit: float, n_score: float) -> Comparison:
    """
    Compare `scores` with `best` by the corrected resampled t-test; both are of the same folds, shape (n_folds,).

    `n_fit` and `n_score` are the mean numbers of rows that a fold was fitted and scored on. The folds share training
    rows, so the variance of a plain t-test would be too small. Source: Nadeau and Bengio, Inference for the
    Generalization Error, Machine Learning 52 (2003).
    """
    differences = np.asarray(scores) - np.asarray(best)
    n_folds = len(differences)
    mean = float(np.mean(differences))
    error = math.sqrt((1 / n_folds + n_score / n_fit) * float(np.var(differences, ddof=1)))
    width = error * float(student_t.ppf((1 + CONFIDENCE) / 2, n_folds - 1))
    if error == 0:
        return Comparison(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    p_value = 2 * float(student_t.sf(abs(mean) / error, n_folds - 1))
    return Comparison(mean, mean - width, mean + width, p_value)


def build_leaderboard(sweep: Sweep) -> pd.DataFrame:
    """
    Return the leaderboard, a row per cell: cells with a result by rank, then the other cells in override order.

    The sweep's metric ranks them; the columns of its values have the names of :class:`Metric`.

    Cells of equal score are in override order. A cell that was scored on other rows than the best one (another table
    or split) has a rank but no difference.
    """
    metric = find_metric(sweep.record.rank)
    others = _find_others(sweep, metric)
    rows = [_row(outcome, metric, others) for outcome in sweep.outcomes]
    ranked = (row for row in rows if not math.isnan(row[metric.mean]))
    done = sorted(ranked, key=lambda row: -metric.sign * row[metric.mean])
    records = {outcome.cell.number: outcome.record for outcome in sweep.outcomes if outcome.record}
    for rank, row in enumerate(done, start=1):
        row.update(_difference(records[row["cell"]], records[done[0]["cell"]], metric.name), rank=rank)
    columns = [*COLUMNS[0], metric.mean, metric.std, *COLUMNS[1], *_numbers(metric, others)[2:], *COLUMNS[2]]
    table = pd.DataFrame(rows, columns=columns).astype({"rank": "Int64"})
    return table.sort_values(["rank", "cell"], na_position="last", kind="stable", ignore_index=True)


def write_leaderboard(sweep: Sweep, leaderboard: pd.DataFrame) -> list[Path]:
    """Write leaderboard.csv and leaderboard.png to the sweep's folder and return their paths."""
    table, picture = sweep.folder / LEADERBOARD, sweep.folder / PICTURE
    write_text(table, leaderboard.to_csv(index=False))
    save_figure(plot_leaderboard(leaderboard, find_metric(sweep.record.rank)), picture)
    return [table, picture]


def count_cells(sweep: Sweep, leaderboard: pd.DataFrame) -> dict[str, float]:
    """Return the metrics of the sweep's run: the number of cells by status, and the best score."""
    counts = leaderboard["status"].value_counts()
    metrics = {f"cells_{str(status).replace(' ', '_')}": float(count) for status, count in counts.items()}
    mean = find_metric(sweep.record.rank).mean
    return metrics | {f"best_{mean}": float(score) for score in leaderboard[mean].head(1).dropna()}


COLUMNS = (
    ("rank", "cell", "name", "status"),
    ("tuned_on_these_rows", "difference", "difference_low", "difference_high", "p_value"),
    ("fingerprint", "run_id", "folder", "note"),
)
"""Around those of the metrics."""


def _find_others(sweep: Sweep, metric: Metric) -> list[str]:
    """Return the further metrics on the held-out rows that any cell has, by their name in a record."""
    records = [outcome.record for outcome in sweep.outcomes if outcome.record]
    found = dict.fromkeys(name for record in records for name in record.metrics if name.startswith("test_"))
    return [name for name in found if name != metric.test]


def _numbers(metric: Metric, others: Sequence[str]) -> list[str]:
    return [metric.mean, metric.std, metric.test, f"{metric.test}_low", f"{metric.test}_high", *others, "seconds"]


def _row(outcome: Outcome, metric: Metric, others: Sequence[str]) -> dict[str, Any]:
    record = outcome.record
    numbers: dict[str, float | None] = dict.fromkeys(_numbers(metric, others))
    if record is not None:
        low, high = record.intervals.get(metric.test, (None, None))
        numbers |= {name: record.metrics.get(name) for name in numbers}
        numbers |= {f"{metric.test}_low": low, f"{metric.test}_high": high, "seconds": record.seconds.get("total")}
    return {
        "cell": outcome.cell.number,
        "name": outcome.cell.name,
        "status": outcome.status,
        **{name: math.nan if value is None else value for name, value in numbers.items()},
        "tuned_on_these_rows": record is not None and record.cv.tuned_on_these_rows,
        "fingerprint": record.fingerprint if record else outcome.cell.fingerprint,
        "run_id": outcome.run_id,
        "folder": outcome.cell.folder,
        "note": _note(outcome) or _explain_no_rank(record, metric),
    }


def _note(outcome: Outcome) -> str:
    """Return why a cell failed, is broken or is delayed, or why no recorded run could be reused for it."""
    if outcome.failure is not None:
        log = f" (log: {outcome.cell.folder}/{outcome.failure.log})" if outcome.failure.log else ""
        return outcome.failure.error + log
    if outcome.problem is not None:
        return outcome.problem
    if outcome.job is not None:
        return outcome.job.reason or ""  # the job may be an earlier one; Cell.reason does not apply then
    return outcome.cell.reason or ""


def _explain_no_rank(record: RunRecord | None, metric: Metric) -> str:
    if record is None or record.metrics.get(metric.mean) is not None:
        return ""
    if metric.mean in record.metrics:
        return f"no rank: {metric.mean} is undefined: {record.undefined.get(metric.mean, 'it is not finite')}"
    return f"no rank: its run has no {metric.mean}, since other metrics judged it; reuse=none runs it again"


def _difference(record: RunRecord, best: RunRecord, name: str) -> dict[str, float]:
    ours, theirs = record.cv, best.cv
    scores, best_scores = ([each for each in cv.scores.get(name, ()) if each is not None] for cv in (ours, theirs))
    is_whole = len(scores) == len(ours.n_fit) and len(best_scores) == len(theirs.n_fit)
    if record.dataset.sha256 != best.dataset.sha256 or ours.folds != theirs.folds or not is_whole:
        return {}  # scored on other rows
    compared = compare(scores, best_scores, float(np.mean(ours.n_fit)), float(np.mean(ours.n_score)))
    return {
        "difference": compared.difference,
        "difference_low": compared.low,
        "difference_high": compared.high,
        "p_value": compared.p_value,
    }
