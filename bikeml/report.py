"""The page of a sweep: report.html, one file that needs no other, made from what the cells left in their folders."""

import argparse
import json
import math
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml

from bikeml.errors import BikemlError, RunFolderError
from bikeml.files import write_text
from bikeml.leaderboard import CONFIDENCE, build_leaderboard, write_leaderboard
from bikeml.page import Panel, embed, render
from bikeml.sweep import LOG_FILE, METRIC, Outcome, Sweep, read_sweep
from bikeml.sweep_plots import find_floor, plot_group, plot_predictions, plot_time, plot_validation_curve

FILE_NAME = "report.html"
MANY_PANELS = 9  # small multiples of one kind
MANY_COMPARED = 100  # cells, best first, whose config is compared with the best one's
PACKAGES = ("bikeml", "scikit-learn", "numpy", "scipy", "pandas", "hydra-core", "mlflow", "matplotlib")
UNCOMPARED = ("tracking", "reuse", "sweep")
"""Sections of a config that change no figure."""


class Difference(NamedTuple):
    """A value of a config that the best cell has otherwise."""

    path: str
    best: str
    here: str


@dataclass(frozen=True)
class Entry:
    """A cell as the page shows it."""

    outcome: Outcome
    row: Mapping[str, Any]
    """Its row of the leaderboard, with None where there is no value."""
    differences: Sequence[Difference]

    @property
    def command(self) -> str:
        """The command that runs the cell alone."""
        alone = shlex.join(["python", "-m", "bikeml", *self.outcome.cell.overrides])
        return str((self.outcome.result or {}).get("command") or alone)


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
    path = sweep.folder / FILE_NAME
    write_text(path, render_report(sweep, leaderboard))
    return path


def render_report(sweep: Sweep, leaderboard: pd.DataFrame) -> str:
    """Return the page of a sweep as HTML."""
    entries = _build_entries(sweep, leaderboard)
    ranked = [entry for entry in entries if entry.row["rank"] is not None]
    searched = [entry for entry in ranked if (entry.outcome.result or {}).get("search")]
    return render(
        "report.html.j2",
        {"number": _number, "r2": _r2, "seconds": _seconds, "p": _p_value},
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
        groups=[*_draw_groups(sweep, ranked), *_draw_time(ranked)],
        predictions=list(_draw_predictions(sweep.folder, _choose_models(ranked))),
        curves=list(islice(_draw_curves(sweep.folder, _choose_models(searched)), MANY_PANELS)),
    )


def _build_entries(sweep: Sweep, leaderboard: pd.DataFrame) -> list[Entry]:
    """Return every cell in the order of the leaderboard."""
    outcomes = {outcome.cell.number: outcome for outcome in sweep.outcomes()}
    rows: list[dict[str, Any]] = [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in leaderboard.to_dict("records")
    ]
    best: Mapping[str, Any] = {}
    entries = []
    for position, row in enumerate(rows):
        is_compared = row["rank"] is not None and position < MANY_COMPARED
        config = _read_config(sweep.folder / row["folder"]) if is_compared else {}
        best = best or config
        differences = list(find_differences(best, config)) if config else []
        entries.append(Entry(outcomes[row["cell"]], row, differences))
    return entries


def _read_config(folder: Path) -> dict[str, Any]:
    file = folder / "config.yaml"
    if not file.is_file():
        return {}
    try:
        config = yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(file, error) from error
    return {key: value for key, value in config.items() if key not in UNCOMPARED}


def _unreadable(file: Path, error: Exception) -> RunFolderError:
    return RunFolderError(f"cannot read {str(file)!r}: {error}; take the cell's folder away, or run the cell again")


def find_differences(best: Any, here: Any, path: str = "") -> Iterator[Difference]:  # noqa: ANN401  any YAML value
    """Yield what differs between two configs; estimators of different classes are one difference, not many."""
    if best == here:
        return
    is_both = isinstance(best, dict) and isinstance(here, dict) and best and here
    if not is_both or best.get("_target_") != here.get("_target_"):
        is_class = is_both and "_target_" in best  # whose arguments are in the best cell's own config
        yield Difference(path, _class_name(best) if is_class else _describe(best), _describe(here))
        return
    for key in dict.fromkeys([*best, *here]):
        if (path, key) != ("model", "grid"):  # what a search made of it is in the parameters it found
            below = f"{path}.{key}" if path else str(key)
            yield from find_differences(best.get(key), here.get(key), below)


def _describe(value: Any) -> str:  # noqa: ANN401  any YAML value
    if isinstance(value, dict) and "_target_" in value:
        arguments = [f"{key}={_describe(each)}" for key, each in value.items() if key != "_target_"]
        return f"{_class_name(value)}({', '.join(arguments)})"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_describe(each)}" for key, each in value.items()) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _class_name(value: Mapping[str, Any]) -> str:
    return str(value["_target_"]).rpartition(".")[2]


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
    means, stds = _scores(ranked)
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
        raise _unreadable(file, error) from error
    commit = {"git commit": str(found["git_commit"])} if found.get("git_commit") else {}
    return facts | {"BLAS": ", ".join(dict.fromkeys(blas))} | commit | packages


def _draw_groups(sweep: Sweep, ranked: Sequence[Entry]) -> Iterator[Panel]:
    """Yield the R2 of the cells by each key that varies."""
    if not ranked:
        return
    means, stds = _scores(ranked)
    for number, key in enumerate(dict.fromkeys(key for cell in sweep.cells for key in cell.varies)):
        values = [entry.outcome.cell.varies.get(key, "(not set)") for entry in ranked]
        if len(set(values)) > 1 and number < MANY_PANELS:
            figure = plot_group(values, means, stds, find_floor(means, stds))
            best = [(value, means[values.index(value)]) for value in dict.fromkeys(values)]
            text = ", ".join(f"{value} {_r2(mean)}" for value, mean in best[:MANY_PANELS])
            label = f"cross-validated R² of each cell by {key}; best cell per value: {text}"
            yield Panel(key, "", embed(figure, label, f"group{number}"))


def _scores(ranked: Sequence[Entry]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([entry.row[METRIC] for entry in ranked]), np.array(
        [entry.row["cv_r2_std"] or 0 for entry in ranked]
    )


def _choose_models(ranked: Sequence[Entry]) -> list[Entry]:
    """Return the best cell of each model, or the best cells where there is one model only."""
    best: dict[object, Entry] = {}
    for entry in ranked:
        best.setdefault(entry.outcome.cell.varies.get("model"), entry)
    return list(best.values() if len(best) > 1 else ranked)[:MANY_PANELS]


def _draw_predictions(folder: Path, entries: Sequence[Entry]) -> Iterator[Panel]:
    """Yield predicted against actual values of the held-out rows."""
    for entry in entries:
        table = _read_table(folder / entry.row["folder"] / "predictions.csv", ("actual", "predicted"))
        if table is not None:
            figure = plot_predictions(table["actual"].to_numpy(float), table["predicted"].to_numpy(float))
            text = f"test R² {_r2(entry.row['test_r2'])}, {len(table):,} held-out rows"
            label = f"predicted against actual values of {entry.outcome.cell.name}: {text}"
            yield Panel(_title(entry), text, embed(figure, label, f"predictions{entry.row['cell']}"))


def _title(entry: Entry) -> str:
    return f"#{entry.row['rank']} {entry.outcome.cell.name}"


def _read_table(file: Path, columns: Sequence[str]) -> pd.DataFrame | None:
    """Return a table that a cell left, or None where it left none."""
    if not file.is_file():
        return None
    try:
        table = pd.read_csv(file)
        return table.astype(dict.fromkeys(columns, float)).dropna(subset=list(columns))
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(file, error) from error


def _draw_curves(folder: Path, entries: Sequence[Entry]) -> Iterator[Panel]:
    """Yield the score over each axis of the searches, which is the only view of a long one's course."""
    for entry in entries:
        config = _read_config(folder / entry.row["folder"])
        table = _read_table(folder / entry.row["folder"] / "cv_results.csv", ("mean_test_score", "std_test_score"))
        if table is None:
            continue
        for column in (str(name) for name in table if str(name).startswith("param_")):
            if len(table[column].unique()) > 1:
                axis = column.rpartition("__")[2].removeprefix("param_")
                text = f"{axis}, {len(table):,} candidates"
                label = f"mean cross-validated score of {entry.outcome.cell.name} over {axis}, with the fold spread"
                figure = plot_validation_curve(table, column, str(config.get("search", {}).get("scoring", "score")))
                yield Panel(_title(entry), text, embed(figure, label, f"curve{entry.row['cell']}-{axis}"))


def _draw_time(ranked: Sequence[Entry]) -> Iterator[Panel]:
    """Yield what a better score costs, unless there is one time only, which says nothing."""
    timed = [entry for entry in ranked if entry.row["seconds"] is not None]
    if len(timed) > 1:
        means, stds = _scores(timed)
        figure = plot_time(np.array([entry.row["seconds"] for entry in timed]), means, stds, find_floor(means, stds))
        yield Panel("time", "", embed(figure, "cross-validated R² of each cell over the seconds it took", "time"))


def _r2(value: float | None, digits: int = 4) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0 makes a plain zero of -0.0


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
