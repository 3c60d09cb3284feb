"""Build the entries of a sweep's page: each cell with its outcome, leaderboard row and differences from the best."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bikeml.config.overrides import as_one_line, shell
from bikeml.errors import RecordError
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.uncertainty.comparison import compare_on_rows
from bikeml.evaluation.uncertainty.intervals import OfMeans
from bikeml.evaluation.uncertainty.units import Units
from bikeml.pages.differences import Difference, find_differences, read_config
from bikeml.records.judgement import read_predictions, read_weights
from bikeml.records.run import RunRecord
from bikeml.records.run_folder import FOLDS, PAGE, RunFolder
from bikeml.records.sweep import Cell, Outcome, Sweep

LEADING = 10  # cells next to the best one that are compared with it on the same rows
DEPENDENT = ("chronological", "group")
"""The kinds of split for rows that depend on each other."""
MANY_COMPARED = 100  # cells, best first, whose config is compared with the best one's


MOST_AXES = 5
"""The most keys that have a column of their own in a table of cells; with more, one column has what each cell sets."""
SETS = "sets"
"""The heading of that column."""


def name_axes(cells: Iterable[Cell]) -> list[str]:
    """Return the headings of the columns that tell cells apart: the keys that vary, or SETS if they are many."""
    keys = list(dict.fromkeys(key for cell in cells for key in cell.varies))
    return keys if len(keys) <= MOST_AXES else [SETS]


def list_axes(cell: Cell, axes: Sequence[str]) -> list[str]:
    """Return what a cell has in the columns with these headings."""
    return [say_settings(cell)] if axes == [SETS] else cell.list_values(axes)


def say_settings(cell: Cell) -> str:
    """Return what a cell sets as one text, such as ``catboost iterations=300``."""
    named = {key.rpartition(".")[2]: value for key, value in cell.varies.items()}
    model = named.pop("model", cell.name if cell.is_blend else "")
    return " ".join(filter(None, [model, *(f"{key}={value}" for key, value in named.items())]))


class RowDifference(NamedTuple):
    """The difference of a metric of the out-of-fold predictions to the best cell, with the ends of its interval."""

    low: float
    mid: float
    high: float


@dataclass(frozen=True)
class Entry:
    """What the page shows of a cell."""

    outcome: Outcome
    row: Mapping[str, Any]
    """Its row of the leaderboard, with None for a missing value."""
    differences: Sequence[Difference]
    on_rows: RowDifference | None = None
    """Its difference to the best cell on the same rows; None if it is not among the leading cells."""

    has_page: bool = False
    """Whether there is a page of its run in its folder."""

    @property
    def command(self) -> str:
        """Return the command that runs the cell alone."""
        left = None if self.outcome.job else self.outcome.record or self.outcome.failure  # its table is on a cluster
        alone = shell("python", "-m", "bikeml", *self.outcome.cell.overrides)
        return as_one_line(left.command) if left and left.command else alone


def build_entries(sweep: Sweep, leaderboard: pd.DataFrame) -> list[Entry]:
    """Return every cell in the order of the leaderboard."""
    outcomes = {outcome.cell.number: outcome for outcome in sweep.outcomes}
    rows: list[dict[str, Any]] = [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in leaderboard.to_dict("records")
    ]
    best: Mapping[str, Any] = {}
    entries = []
    for position, row in enumerate(rows):
        is_compared = row["rank"] is not None and position < MANY_COMPARED
        folder, outcome = RunFolder(sweep.folder / row["folder"]), outcomes[row["cell"]]
        config = read_config(folder) if is_compared else {}
        best = best or config
        differences = list(find_differences(best, config)) if config else []
        has_page = outcome.record is not None and folder.has(PAGE)
        entries.append(Entry(outcome, row, differences, has_page=has_page))
    return entries


def compare_rows(sweep: Sweep, entries: Sequence[Entry], metric: Metric) -> list[Entry]:
    """
    Return the entries, those of the leading cells with their difference to the best one on the same rows.

    A cell without out-of-fold predictions, or whose metric is undefined for some of them, has none. Nor has any if the
    rows are split by dates or by groups: they depend on each other, and the interval would be too narrow.
    """
    leading = list(islice((entry for entry in entries if entry.row["difference_low"] is not None), LEADING + 1))
    record = leading[0].outcome.record if leading else None
    if record and read_split(record).get("kind") in DEPENDENT:
        leading = []
    best = _find_out_of_fold(sweep, leading[0], metric) if len(leading) > 1 else None
    found = {}
    for entry in leading[1:] if best else ():
        ours = _find_out_of_fold(sweep, entry, metric)
        if best and ours and ours.is_on_rows_of(best):
            compared = compare_on_rows(ours.statistic, best.statistic, Units.of("rows", best.rows, best.weights))
            found[entry.row["cell"]] = RowDifference(*compared) if compared else None
    return [replace(entry, on_rows=found.get(entry.row["cell"])) for entry in entries]


class _OutOfFold(NamedTuple):
    """The metric of a cell's out-of-fold predictions, as a function of means over the rows."""

    rows: np.ndarray
    """Shape (n_predictions,), sorted; a row is there once for each repeat."""
    statistic: OfMeans
    weights: np.ndarray | None
    """Of the rows; None without weights."""

    def is_on_rows_of(self, other: "_OutOfFold") -> bool:
        """Return whether both are of the same rows with the same weights."""
        ours, theirs = (np.ones(len(each.rows)) if each.weights is None else each.weights for each in (self, other))
        return np.array_equal(self.rows, other.rows) and np.array_equal(ours, theirs)


def _find_out_of_fold(sweep: Sweep, entry: Entry, metric: Metric) -> _OutOfFold | None:
    """Return None if the predictions cannot be read, or if the metric is a median or a maximum."""
    try:
        table = read_predictions(RunFolder(sweep.folder / entry.outcome.cell.folder), FOLDS)
    except RecordError:
        return None
    table = table.sort_values("row", kind="stable")
    rows, y, predicted = (table[name].to_numpy() for name in ("row", "actual", "predicted"))
    weights = read_weights(table)
    statistic = metric.find_statistic(y, predicted, weights)
    return _OutOfFold(rows, statistic, weights) if isinstance(statistic, OfMeans) else None


def read_split(record: RunRecord) -> Mapping[str, Any]:
    """Return the section split of the config of a cell; empty in a record of form 1."""
    config = (record.identity or {}).get("config")
    split = config.get("split") if isinstance(config, dict) else None
    return split if isinstance(split, dict) else {}
