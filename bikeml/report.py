"""The page of a sweep: report.html, one file that needs no other, made from what the cells left in their folders."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pandas as pd

from bikeml.entries import MANY_COMPARED, Entry, build_entries, unreadable
from bikeml.errors import BikemlError
from bikeml.files import write_text
from bikeml.leaderboard import CONFIDENCE, build_leaderboard, write_leaderboard
from bikeml.page import render
from bikeml.panels import (
    MANY_PANELS,
    choose_models,
    draw_curves,
    draw_groups,
    draw_predictions,
    draw_time,
    scores,
    show_r2,
)
from bikeml.sweep import LOG_FILE, PAGE, Sweep, read_sweep
from bikeml.sweep_plots import find_floor

PACKAGES = ("bikeml", "scikit-learn", "numpy", "scipy", "pandas", "hydra-core", "mlflow", "matplotlib")


@dataclass(frozen=True)
class Scale:
    """Where an R2 lies in the bars of the table, in percent of their width."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; one below the scale lies on its end."""
        return round(2 + 96 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)


def write_report(sweep: Sweep, leaderboard: pd.DataFrame) -> Path:
    """
    Write report.html to the sweep's folder and return its path.

    Raises RunFolderError where a file of a finished cell cannot be read, and OSError where the page cannot be written.
    """
    path = sweep.folder / PAGE
    write_text(path, render_report(sweep, leaderboard))
    return path


def render_report(sweep: Sweep, leaderboard: pd.DataFrame) -> str:
    """Return the page of a sweep as HTML."""
    entries = build_entries(sweep, leaderboard)
    ranked = [entry for entry in entries if entry.row["rank"] is not None]
    searched = [entry for entry in ranked if (entry.outcome.result or {}).get("search")]
    return render(
        "report.html.j2",
        {"number": _number, "r2": show_r2, "seconds": _seconds, "p": _p_value},
        sweep=sweep,
        entries=entries,
        ranked=ranked,
        keys=list(dict.fromkeys(key for cell in sweep.cells for key in cell.varies)),
        counts=leaderboard["status"].value_counts().to_dict(),
        total_seconds=float(leaderboard["seconds"].sum()),
        longest=float(leaderboard["seconds"].max()),
        tied=[entry for entry in ranked[1:] if (entry.row["p_value"] or 0) >= 1 - CONFIDENCE],
        unfinished=[entry for entry in entries if entry.outcome.failure is not None or entry.outcome.result is None],
        not_reused=_group_by_reason(sweep),
        many_compared=MANY_COMPARED,
        many_panels=MANY_PANELS,
        confidence=CONFIDENCE,
        log_file=LOG_FILE,
        scale=_find_scale(ranked),
        started=datetime.fromtimestamp(sweep.started, UTC),
        environment=_describe_environment(sweep.folder, ranked),
        groups=[*draw_groups(sweep, ranked), *draw_time(ranked)],
        predictions=list(draw_predictions(sweep.folder, choose_models(ranked))),
        curves=list(islice(draw_curves(sweep.folder, choose_models(searched)), MANY_PANELS)),
    )


def _group_by_reason(sweep: Sweep) -> dict[str, list[int]]:
    """Return why cells had to run although recorded runs might have been reused, with their numbers."""
    reasons: dict[str, list[int]] = {}
    for cell in sweep.cells:
        if cell.reason and not cell.reused:
            reasons.setdefault(cell.reason, []).append(cell.number)
    return reasons


def _find_scale(ranked: Sequence[Entry]) -> Scale:
    if not ranked:
        return Scale(0.0, 1.0)
    means, stds = scores(ranked)
    tests = [
        entry.row[end] for entry in ranked for end in ("test_r2_low", "test_r2_high") if entry.row[end] is not None
    ]
    low, high = find_floor(means, stds), max([*(means + stds), *tests])
    return Scale(low, high) if low < high else Scale(low - 1, high + 1)


def _describe_environment(folder: Path, ranked: Sequence[Entry]) -> dict[str, str]:
    """Return where the best cell that tells it was run."""
    files = (folder / entry.row["folder"] / "environment.json" for entry in ranked)
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        blas = [
            " ".join(str(each[key]) for key in ("internal_api", "version", "architecture")) for each in found["blas"]
        ]
        packages = {name: found["packages"][name] for name in PACKAGES if name in found["packages"]}
        facts = {name: str(found[name]) for name in ("python", "platform", "cpu")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(file, error) from error
    commit = {"git commit": str(found["git_commit"])} if found.get("git_commit") else {}
    return facts | {"BLAS": ", ".join(dict.fromkeys(blas))} | commit | packages


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"  # noqa: PLR2004  four digits either way


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    minutes, seconds = divmod(round(value), 60)
    return f"{value:.1f} s" if minutes == 0 else f"{minutes:,} min {seconds:02d} s"


def _p_value(value: float | None) -> str:
    if value is None:
        return ""
    return f"p = {value:.2f}" if value >= 0.01 else "p < 0.01"  # noqa: PLR2004  two digits


def main() -> None:
    """Make leaderboard.csv and report.html of a sweep again from its folder, wherever it lies."""
    parser = argparse.ArgumentParser(prog="report", description=main.__doc__)
    parser.add_argument("sweep", type=Path, help="the folder that hydra.sweep.dir named, or a copy of it")
    folder = parser.parse_args().sweep
    try:
        sweep = read_sweep(folder)
        leaderboard = build_leaderboard(sweep)
        for path in (*write_leaderboard(sweep, leaderboard), write_report(sweep, leaderboard)):
            print(path)  # noqa: T201
    except BikemlError as error:
        sys.exit(f"bikeml: {error}")
    except OSError as error:
        sys.exit(f"bikeml: cannot write to {str(folder)!r}: {error.strerror or error}; copy the sweep elsewhere")


if __name__ == "__main__":
    main()
