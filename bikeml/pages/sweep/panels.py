"""Draw the figures of a sweep's page from the files in its cells' folders."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from bikeml.errors import RecordError
from bikeml.evaluation.metric import Metric
from bikeml.pages.numbers import show_value
from bikeml.pages.page import Panel, embed
from bikeml.pages.sweep.entries import MOST_AXES, Entry
from bikeml.pages.sweep.plots import find_limits, plot_group, plot_predictions, plot_time, plot_validation_curve
from bikeml.records.run_folder import CANDIDATES, PREDICTIONS, RunFolder
from bikeml.records.sweep import Sweep

MANY_PANELS = 9  # figures in one section
LARGEST = 1e150  # matplotlib squares numbers when it lays out axes; the square of a larger one is not finite


def draw_groups(sweep: Sweep, ranked: Sequence[Entry], metric: Metric) -> Iterator[Panel]:
    """
    Yield a figure for each key that varies: the metric of the cells by its value; a blend has no such keys.

    If they are many, each is set in a few cells, and only those that choose an option of a group have a figure.
    """
    ranked = [entry for entry in ranked if not entry.outcome.cell.is_blend]
    if not ranked:
        return
    means, stds = scores(ranked, metric)
    limits = find_limits(means, stds, metric.sign)
    keys = dict.fromkeys(key for cell in sweep.cells for key in cell.varies)
    for number, key in enumerate(key for key in keys if len(keys) <= MOST_AXES or "." not in key):
        values = [entry.outcome.cell.varies.get(key, "(not set)") for entry in ranked]
        if len(set(values)) > 1 and number < MANY_PANELS:
            figure = plot_group(values, means, stds, limits, f"cv {metric.label}")
            best = [(value, means[values.index(value)]) for value in dict.fromkeys(values)]
            text = ", ".join(f"{value} {show_value(metric, mean)}" for value, mean in best[:MANY_PANELS])
            label = f"cross-validated {metric.label} of each cell by {key}; best cell per value: {text}"
            yield Panel(key, "", embed(figure, label, f"group{number}"))


def scores(ranked: Sequence[Entry], metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """Return the cross-validated metric of the cells and its spread over the folds, both of shape (n_cells,)."""
    means, stds = ([entry.row[name] or 0 for entry in ranked] for name in (metric.mean, metric.std))
    return np.array(means), np.array(stds)


def choose_models(ranked: Sequence[Entry]) -> list[Entry]:
    """Return the best cell of each model, or the best cells if all have the same model."""
    best: dict[object, Entry] = {}
    for entry in ranked:
        best.setdefault(entry.outcome.cell.varies.get("model"), entry)
    return list(best.values() if len(best) > 1 else ranked)[:MANY_PANELS]


def draw_predictions(sweep: Sweep, entries: Sequence[Entry], metric: Metric) -> Iterator[Panel]:
    """Yield actual against predicted values of the held-out rows. A broken file is reported in its panel."""
    for entry in entries:
        try:
            table = _read_table(sweep, entry, PREDICTIONS, ("actual", "predicted"))
        except RecordError as error:
            yield Panel(_title(entry), str(error), Markup())
            continue
        if table is not None:
            figure = plot_predictions(table["actual"].to_numpy(float), table["predicted"].to_numpy(float))
            text = f"test {metric.label} {show_value(metric, entry.row[metric.test])}, {len(table):,} held-out rows"
            label = f"actual against predicted values of {entry.outcome.cell.name}: {text}"
            yield Panel(_title(entry), text, embed(figure, label, f"predictions{entry.row['cell']}"))


def _title(entry: Entry) -> str:
    return f"#{entry.row['rank']} {entry.outcome.cell.name}"


def _read_table(sweep: Sweep, entry: Entry, name: str, columns: Sequence[str]) -> pd.DataFrame | None:
    """Return a table from a cell's folder, or None if it is missing; raises RecordError if it is broken."""
    folder = RunFolder(sweep.folder / entry.outcome.cell.folder)
    if not folder.has(name):
        return None
    try:
        table = pd.read_csv(io.BytesIO(folder.read_file(name)))
        table = table.astype(dict.fromkeys(columns, float)).dropna(subset=list(columns))
    except (ValueError, KeyError) as error:
        raise RecordError(f"{str(folder.path / name)!r} is broken: {error}; run the cell again") from error
    if not (table[list(columns)].abs() < LARGEST).all(axis=None):
        raise RecordError(
            f"{str(folder.path / name)!r} is broken: it has numbers above {LARGEST:g}; run the cell again"
        )
    return table


def draw_curves(sweep: Sweep, entries: Sequence[Entry]) -> Iterator[Panel]:
    """Yield the score over each axis of each cell's search. A broken file is reported in its panel."""
    for entry in entries:
        try:
            table = _read_table(sweep, entry, CANDIDATES, ("mean_test_score", "std_test_score"))
        except RecordError as error:
            yield Panel(_title(entry), str(error), Markup())
            continue
        if table is not None:
            yield from _draw_axes(entry, table)


def _draw_axes(entry: Entry, table: pd.DataFrame) -> Iterator[Panel]:
    search = entry.outcome.record.search if entry.outcome.record else None
    for column in (str(name) for name in table if str(name).startswith("param_")):
        if len(table[column].unique()) > 1:
            axis = column.rpartition("__")[2].removeprefix("param_")
            text = f"{axis}, {len(table):,} candidates"
            label = f"mean cross-validated score of {entry.outcome.cell.name} over {axis}, with the fold spread"
            figure = plot_validation_curve(table, column, (search and search.scoring) or "score")
            yield Panel(_title(entry), text, embed(figure, label, f"curve{entry.row['cell']}-{axis}"))


def draw_time(ranked: Sequence[Entry], metric: Metric) -> Iterator[Panel]:
    """Yield the score of the cells over their time, if at least two cells have one."""
    timed = [entry for entry in ranked if entry.row["seconds"] is not None]
    if len(timed) > 1:
        means, stds = scores(timed, metric)
        seconds = np.array([entry.row["seconds"] for entry in timed])
        figure = plot_time(seconds, means, stds, find_limits(means, stds, metric.sign), f"cv {metric.label}")
        label = f"cross-validated {metric.label} of each cell over the seconds it took"
        yield Panel("time", "", embed(figure, label, "time"))
