"""Build the leaderboard of a sweep: each cell with its scores, their intervals and a comparison with the best cell."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bikeml.config.overrides import change_command
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.evaluation.uncertainty.comparison import Comparison, compare_with_best
from bikeml.pages.numbers import is_rounding_error
from bikeml.pages.sweep.entries import read_split
from bikeml.records.run import RunRecord
from bikeml.records.sweep import Outcome, Sweep
from bikeml.terminal.numbers import show_count

REPEATS = (2, 5, 10, 20, 50)
"""The numbers of repeats of the folds that are advised."""


class Advice(NamedTuple):
    """How to tell more cells from the best one."""

    text: str
    command: str = ""
    """Empty if no number of repeats helps, or the sweep's command is not one of a shell."""


def build_leaderboard(sweep: Sweep) -> pd.DataFrame:
    """
    Return the leaderboard, a row per cell: cells with a result by rank, then the other cells in override order.

    The sweep's metric ranks them; the columns of its values have the names of :class:`Metric`.

    Cells of equal score are in override order. A blend within one standard error of the best cell is first. A cell that
    was scored on other rows than the best one (another table or split) has a rank but no difference. If only one of the
    two was tuned on these rows, the difference has no interval. The intervals hold for all cells at once; see
    :mod:`bikeml.evaluation.uncertainty.comparison`.
    """
    metric = find_metric(sweep.record.rank)
    others = _find_others(sweep, metric)
    ranked = _rank(sweep, metric)
    compared = _find_differences(ranked, metric, sweep.record.rope)
    ranks = {number: {"rank": rank} for rank, number in enumerate(ranked, start=1)}
    numbers = [outcome.cell.number for outcome in sweep.outcomes]
    rows = [_row(outcome, metric, others) for outcome in sweep.outcomes]
    rows = [row | ranks.get(number, {}) | compared.get(number, {}) for number, row in zip(numbers, rows, strict=True)]
    columns = [*COLUMNS[0], metric.mean, metric.std, *COLUMNS[1], *_numbers(metric, others)[2:], *COLUMNS[2]]
    table = pd.DataFrame(rows, columns=columns).astype({"rank": "Int64", "indistinguishable": "boolean"})
    return table.sort_values(["rank", "cell"], na_position="last", kind="stable", ignore_index=True)


def describe_lead(leaderboard: pd.DataFrame) -> str:
    """Return what the best cell leads, such as "leads 18 cells; 7 are too close to call"."""
    others = leaderboard[leaderboard["rank"] > 1]
    n_close, n_apart = int(others["indistinguishable"].sum()), int(others["indistinguishable"].isna().sum())
    close = "none is" if n_close == 0 else "1 is" if n_close == 1 else f"{n_close} are"
    apart = f"; {n_apart} cannot be compared" if n_apart else ""
    return f"leads {show_count(len(others) + 1, 'cell')}; {close} too close to call{apart}"


def advise_repeats(sweep: Sweep) -> Advice | None:
    """Return how many repeats of the folds would tell more cells from the best; None if no cell is close."""
    metric = find_metric(sweep.record.rank)
    compared = _find_compared(_find_on_same_folds(_rank(sweep, metric), metric))
    repeats = _count_repeats(next(iter(compared.values()))) if len(compared) > 1 else None
    if repeats is None:
        return None
    found = _compare(compared, metric)
    n_close = int(found.is_indistinguishable.sum()) - 1
    if n_close == 0:
        return None
    n_ever = found.count_told(math.inf)
    if n_ever == 0:
        return Advice(f"no number of repeats would tell {_some('any', n_close)} from the best; more rows might")
    told = ((n, found.count_told(n / repeats)) for n in REPEATS if n > repeats)
    wanted, n_told = next(((n, n_told) for n, n_told in told if 2 * n_told >= n_ever), (None, 0))
    if wanted is None:
        return Advice(f"it takes more than {max(REPEATS)} repeats to tell a close cell from the best")
    never = f", and no number of repeats would tell {n_close - n_ever} of them" if n_close > n_ever else ""
    text = f"split.repeats={wanted} would tell {_some(n_told, n_close)} from the best{never}"
    command = change_command(sweep.record.command, f"split.repeats={wanted}")
    return Advice(f"{text}, if the differences stay as they are", command)


def _some(which: object, n_close: int) -> str:
    return "the close cell" if n_close == 1 else f"{which} of the {n_close} close cells"


def count_cells(sweep: Sweep, leaderboard: pd.DataFrame) -> dict[str, float]:
    """Return the metrics of the sweep's run: the number of cells by status, and the best score."""
    counts = leaderboard["status"].value_counts()
    metrics = {f"cells_{str(status).replace(' ', '_')}": float(count) for status, count in counts.items()}
    mean = find_metric(sweep.record.rank).mean
    return metrics | {f"best_{mean}": float(score) for score in leaderboard[mean].head(1).dropna()}


COLUMNS = (
    ("rank", "cell", "name", "status"),
    (
        *("tuned_on_these_rows", "difference", "difference_low", "difference_high"),
        *("indistinguishable", "probability_as_good"),
    ),
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
    """Return why a cell failed, is broken, was left out or is delayed, or why no recorded run could be reused."""
    if outcome.failure is not None:
        log = f" (log: {outcome.cell.folder}/{outcome.failure.log})" if outcome.failure.log else ""
        return outcome.failure.error + log
    if outcome.problem is not None:
        return outcome.problem
    if outcome.left_out is not None:
        return outcome.left_out.reason
    job = outcome.job  # it may be an earlier one; Cell.reason does not apply then
    return (job.reason if job else outcome.cell.reason) or ""


def _explain_no_rank(record: RunRecord | None, metric: Metric) -> str:
    if record is None or record.metrics.get(metric.mean) is not None:
        return ""
    if metric.mean in record.metrics:
        return f"no rank: {metric.mean} is undefined: {record.undefined.get(metric.mean, 'it is not finite')}"
    return f"no rank: its run has no {metric.mean}, since other metrics judged it; reuse=none runs it again"


def _rank(sweep: Sweep, metric: Metric) -> dict[int, RunRecord]:
    """
    Return the records of the cells with a score, by the number of the cell, best first.

    A blend within one standard error of the best cell is first: the score of that cell is too high, since it was chosen
    by it among all, and the weights of a blend are chosen without the fold that they are scored on. Source: Breiman,
    Friedman, Olshen and Stone, Classification and Regression Trees (1984), of the rule.
    """
    records = {outcome.cell.number: outcome.record for outcome in sweep.outcomes if outcome.record}
    scores = {number: record.metrics.get(metric.mean) for number, record in records.items()}
    kept = {number: metric.sign * score for number, score in scores.items() if score is not None}
    ranked = {number: records[number] for number in sorted(kept, key=kept.__getitem__, reverse=True)}
    compared = _find_compared(_find_on_same_folds(ranked, metric))
    blends = compared.keys() & {outcome.cell.number for outcome in sweep.outcomes if outcome.cell.is_blend}
    if not blends or len(compared) == 1:
        return ranked
    found = _compare(compared, metric)
    close = dict(zip(compared, found.differences + found.standard_errors >= 0, strict=True))
    return {blend: ranked[blend] for blend in blends if close[blend]} | ranked


def _find_differences(ranked: Mapping[int, RunRecord], metric: Metric, rope: float) -> dict[int, dict[str, Any]]:
    """Return the columns of the comparison with the best cell, by cell."""
    alike = _find_on_same_folds(ranked, metric)
    means = {number: float(np.mean(_get_scores(record, metric))) for number, record in alike.items()}
    best = next(iter(means.values()), 0.0)
    rows: dict[int, dict[str, Any]] = {number: {"difference": mean - best} for number, mean in means.items()}
    compared = _find_compared(alike)
    if len(compared) == 1:  # the best one itself
        rows[next(iter(compared))] |= {"difference_low": 0.0, "difference_high": 0.0, "indistinguishable": True}
    if len(compared) > 1:
        found = _compare(compared, metric)
        rope *= 1 if metric.greater_is_better else abs(best)
        columns = found.half_widths, found.is_indistinguishable, found.find_as_good(rope)
        for number, half_width, is_close, as_good in zip(compared, *columns, strict=True):
            difference = rows[number]["difference"]
            ends = (difference - half_width, difference + half_width)
            if all(is_rounding_error(each, best, means[number]) for each in ends):
                difference, ends = 0.0, (0.0, 0.0)
            rows[number] |= {"difference": difference, "difference_low": ends[0], "difference_high": ends[1]}
            rows[number] |= {"indistinguishable": bool(is_close), "probability_as_good": as_good}
    return rows


def _find_on_same_folds(ranked: Mapping[int, RunRecord], metric: Metric) -> dict[int, RunRecord]:
    """Return the cells that were scored on the same folds as the best, with a score of each fold."""
    best = next(iter(ranked.values()), None)
    return {
        number: record
        for number, record in ranked.items()
        if best is not None
        and len(_get_scores(record, metric)) == len(_get_scores(best, metric)) == len(best.cv.n_fit)
        and (record.dataset.sha256, record.dataset.target) == (best.dataset.sha256, best.dataset.target)
        and record.cv.folds == best.cv.folds
    }


def _get_scores(record: RunRecord, metric: Metric) -> list[float]:
    """Return the scores of the folds that are defined."""
    return [score for score in record.cv.scores.get(metric.name, ()) if score is not None]


def _find_compared(alike: Mapping[int, RunRecord]) -> dict[int, RunRecord]:
    """
    Return the cells that can be compared with the best.

    The scores of cells that were tuned on these rows flatter, so they are only compared with each other. A variance
    needs two folds.
    """
    best = next(iter(alike.values()), None)
    if best is None or len(best.cv.n_fit) == 1:
        return {}
    is_tuned = best.cv.tuned_on_these_rows
    return {number: record for number, record in alike.items() if record.cv.tuned_on_these_rows == is_tuned}


def _compare(compared: Mapping[int, RunRecord], metric: Metric) -> Comparison:
    """Compare the cells with the best, which is the first."""
    best = next(iter(compared.values())).cv
    scores = np.array([_get_scores(record, metric) for record in compared.values()])
    return compare_with_best(metric.sign * scores, 0, float(np.mean(best.n_score) / np.mean(best.n_fit)))


def _count_repeats(record: RunRecord) -> int | None:
    """Return how often the folds of a cell were repeated; None if its split repeats none."""
    split = read_split(record)
    return split.get("repeats") if split.get("shuffle", True) else None
