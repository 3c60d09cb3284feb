"""The leaderboard of a sweep: every cell once, with its uncertainty, and how sure its distance to the best is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from bikeml.files import write_text
from bikeml.plots import plot_leaderboard
from bikeml.sweep import METRIC, Outcome, Sweep

FILE_NAME, PICTURE_NAME = "leaderboard.csv", "leaderboard.png"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """How far a cell is from the best one, over the folds that both were scored on."""

    difference: float
    """Mean of the differences in R2, negative where the cell is worse."""
    low: float
    high: float
    """The ends of the 95 % interval of that mean."""
    p_value: float
    """Two-sided, of no difference at all."""


def compare(scores: Sequence[float], best: Sequence[float], n_fit: float, n_score: float) -> Comparison:
    """
    Compare scores on the same folds, shape (n_folds,) each, of `n_fit` rows fitted and `n_score` scored on average.

    The folds share their training rows, so the variance of a plain t-test would be too small. Source: Nadeau and
    Bengio, Inference for the Generalization Error, Machine Learning 52 (2003): the corrected resampled t-test.
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
    Return the leaderboard, a row per cell: those with a result by rank, then the others, each in override order.

    A cell that was scored on other rows than the best one (another table or split) has a rank but no difference.
    """
    outcomes = sweep.outcomes()
    rows = [_row(outcome) for outcome in outcomes]
    done = sorted((row for row in rows if not math.isnan(row[METRIC])), key=lambda row: -row[METRIC])
    results = {outcome.cell.number: outcome.result or {} for outcome in outcomes}
    for rank, row in enumerate(done, start=1):
        row.update(_difference(results[row["cell"]], results[done[0]["cell"]]), rank=rank)
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"rank": "Int64"})
    return table.sort_values(["rank", "cell"], na_position="last", kind="stable", ignore_index=True)


def write_leaderboard(sweep: Sweep, leaderboard: pd.DataFrame) -> list[Path]:
    """Write leaderboard.csv and leaderboard.png to the sweep's folder and return their paths."""
    table, picture = sweep.folder / FILE_NAME, sweep.folder / PICTURE_NAME
    write_text(table, leaderboard.to_csv(index=False))
    plot_leaderboard(leaderboard).savefig(picture, dpi=120)
    return [table, picture]


COLUMNS = (
    *("rank", "cell", "name", "status", METRIC, "cv_r2_std", "tuned_on_these_rows"),
    *("difference", "difference_low", "difference_high", "p_value"),
    *("test_r2", "test_r2_low", "test_r2_high", "test_rmse", "test_mae", "seconds"),
    *("fingerprint", "run_id", "folder", "note"),
)


def _row(outcome: Outcome) -> dict[str, Any]:
    result = outcome.result or {}
    metrics: Mapping[str, float | None] = result.get("metrics", {})
    low, high = result.get("intervals", {}).get("test_r2", (None, None))
    numbers = {name: metrics.get(name) for name in (METRIC, "cv_r2_std", "test_r2", "test_rmse", "test_mae")}
    numbers |= {"test_r2_low": low, "test_r2_high": high, "seconds": result.get("seconds", {}).get("total")}
    return {
        "cell": outcome.cell.number,
        "name": outcome.cell.name,
        "status": outcome.status,
        **{name: math.nan if value is None else float(value) for name, value in numbers.items()},
        "tuned_on_these_rows": result.get("cv", {}).get("tuned_on_these_rows", False),
        "fingerprint": result.get("fingerprint") or outcome.cell.fingerprint,
        "run_id": (outcome.result or outcome.failure or {}).get("run_id"),
        "folder": outcome.cell.folder,
        "note": _note(outcome),
    }


def _note(outcome: Outcome) -> str:
    """Return the cause of a failure, or why a cell had to run although recorded runs might be reused."""
    if outcome.failure is None:
        return "" if outcome.job else outcome.cell.reason or ""  # a job may have been there without any record here
    log = outcome.failure.get("log")
    return str(outcome.failure.get("error", "")) + (f" (log: {outcome.cell.folder}/{log})" if log else "")


def _difference(result: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, float]:
    if not _same_folds(result, best):
        return {}
    cv = result["cv"]
    compared = compare(cv["r2"], best["cv"]["r2"], float(np.mean(cv["n_fit"])), float(np.mean(cv["n_score"])))
    return {
        "difference": compared.difference,
        "difference_low": compared.low,
        "difference_high": compared.high,
        "p_value": compared.p_value,
    }


def _same_folds(result: Mapping[str, Any], best: Mapping[str, Any]) -> bool:
    """Whether two results were scored on the same rows of the same table, with scores on all of them."""
    ours, theirs = result.get("cv", {}), best.get("cv", {})
    return (
        result["dataset"]["sha256"] == best["dataset"]["sha256"]
        and ours.get("folds") == theirs.get("folds") is not None
        and None not in [*ours["r2"], *theirs["r2"]]
    )
