"""Find the rows that have a target, and decide the roles that no list of the config names from the training rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pandas as pd
import pyarrow as pa

from bikeml.config.data import DataConfig
from bikeml.config.overrides import say_to_quote
from bikeml.config.schema import Config
from bikeml.errors import DataError
from bikeml.system.spelling import did_you_mean, show, some
from bikeml.table.column import Column, as_integers, parse, parse_dates
from bikeml.table.columns import decide, decide_dates, decide_target
from bikeml.table.faults import Fault, tell
from bikeml.table.problems import (
    NAMES_SHOWN,
    find_constant_target,
    find_missing,
    find_non_dates,
    find_target_faults,
)
from bikeml.table.reading.dialect import NUMBER
from bikeml.table.split import find_training_rows, split_table


@dataclass(frozen=True)
class Labelled:
    """The rows of a file that have a target."""

    source: str
    cells: pa.Table
    rows: np.ndarray
    target: Column | None
    """None if the file has no such column."""
    data: DataConfig
    notes: list[str] = field(default_factory=list)
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a column is left out."""
    n_train: int | None = None
    """None, since these are the rows of one file."""

    @property
    def y(self) -> np.ndarray:
        """Integers if all targets are, else numbers, shape (n_rows,)."""
        if self.target is None:
            return np.empty(0)
        whole = as_integers(self.target.cells)
        return self.target.parsed.to_numpy() if whole is None else whole

    @property
    def weights(self) -> np.ndarray | None:
        """The weight of each row, shape (n_rows,); None unless data.weight names a column."""
        name = self.data.weight
        if name is None or name not in self.cells.column_names:
            return None
        return parse(self.cells[name], name, "weight", self.data, pd.Index(self.rows)).parsed.to_numpy(float)

    @property
    def dates(self) -> pd.Series | None:
        """The date of each row, shape (n_rows,); None unless data.date names a column."""
        name = next(iter(self.data.dates), None)
        if name is None or name not in self.cells.column_names:
            return None
        column = parse(self.cells[name], name, "date", self.data, pd.RangeIndex(self.cells.num_rows))
        return parse_dates(column.parsed, self.data.date_format_of(name))

    @property
    def groups(self) -> pd.Series | None:
        """The group of each row as it is written, shape (n_rows,); None unless data.group names a column."""
        column = self._group
        return None if column is None else column.parsed.reset_index(drop=True)

    @property
    def _group(self) -> Column | None:
        name = self.data.group
        if name is None or name not in self.cells.column_names:
            return None
        return parse(self.cells[name], name, "group", self.data, pd.Index(self.rows))

    def find_gaps_in_groups(self) -> Iterator[Fault]:
        """Yield a fault if a row has no group."""
        column = self._group
        if column is not None:
            yield from column.describe("is missing", column.is_gap, "name the group of each row, or leave rows out")


def take_labelled(cells: pa.Table, data: DataConfig, source: str, *, needs_target: bool = False) -> Labelled:
    """
    Return the rows that have a target and a weight above 0; with data.missing_target=refuse also those without target.

    Raises DataError if the table lacks the target, unless the roles are decided: then it is named with all problems.
    """
    rows = np.arange(cells.num_rows)
    if data.target not in cells.column_names:
        if data.is_decided and data.target and not needs_target:
            return Labelled(source, cells, rows, None, data)
        raise _without_target(cells.column_names, data, source)
    if not data.is_decided and cells.num_rows == 0:
        raise DataError(f"{source} has no rows below its column names; add rows, or name another table")
    data, notes = decide_target(cells, data)
    target = parse(cells[data.target], data.target, "target", data, pd.Index(rows))
    labelled = Labelled(source, cells, rows, target, data, notes)
    if data.missing_target == "drop":
        labelled = _leave_out(labelled, target.is_gap, f"have no {data.target!r}")
    weights = labelled.weights
    if weights is not None and weights.any():  # or else it is told that none is above 0
        labelled = _leave_out(labelled, weights == 0, f"have the weight 0 in {data.weight!r}")
    return labelled


def _leave_out(labelled: Labelled, is_out: np.ndarray, why: str) -> Labelled:
    if not is_out.any():
        return labelled
    data, kept = labelled.data, np.flatnonzero(~is_out)
    cells, rows = labelled.cells.take(pa.array(kept)), labelled.rows[kept]
    note = f"{is_out.sum():,} of {len(is_out):,} rows {why} and are left out"
    target = parse(cells[data.target], data.target, "target", data, pd.Index(rows))
    return replace(labelled, cells=cells, rows=rows, target=target, notes=[*labelled.notes, note])


def decide_roles(labelled: Labelled, config: Config, *, needs_folds: bool = True) -> Labelled:
    """
    Give every column a role, from the training rows; raises DataError if the target is not of numbers.

    With `needs_folds` it also raises DataError for a table with too few rows to be divided into folds.
    """
    data = labelled.data
    if data.is_decided:
        return labelled
    _check_named(labelled, config)
    check_target(labelled, may_be_constant=False)
    if config.split.kind == "chronological" and not data.dates:
        data = _decide_date(labelled)
    train = _find_training_rows(replace(labelled, data=data), config, needs_folds) if data.test_path is None else None
    decision = decide(labelled.cells, data, train)
    notes = [*labelled.notes, *decision.notes]
    return replace(labelled, data=decision.data, notes=notes, reasons=decision.reasons)


def _find_training_rows(labelled: Labelled, config: Config, needs_folds: bool) -> np.ndarray | None:
    if needs_folds:
        return split_table(labelled, config.split, None).train
    return find_training_rows(labelled, config.split)


def check_target(labelled: Labelled, *, may_be_constant: bool = True) -> None:
    """Raise DataError if the target is not a column of numbers."""
    if labelled.target is None:
        return
    constant = () if may_be_constant else find_constant_target(labelled.target)
    problem = next(chain(find_target_faults(labelled.target), constant), None)
    if problem is not None:
        raise DataError(f"{labelled.source}: {problem}")


def _check_named(labelled: Labelled, config: Config) -> None:
    """Raise DataError for what the config names wrongly, and for a date that cannot order the rows of a split."""
    data, cells = labelled.data, labelled.cells
    problems: list[Fault | str] = list(find_missing(cells.column_names, data))
    if config.split.kind == "chronological" and data.dates and data.dates[0] in cells.column_names:
        date = parse(cells[data.dates[0]], data.dates[0], "date", data, pd.Index(labelled.rows))
        problems += date.describe("is missing", date.is_gap, "leave these rows out, or choose split=random")
        problems += find_non_dates(date, data.date_format_of(date.name))
    problems += labelled.find_gaps_in_groups()
    if problems:
        raise unfit(labelled.source, problems)


def _decide_date(labelled: Labelled) -> DataConfig:
    """Find the date to split by, from all rows: before the split no row is a training row."""
    data = decide_dates(labelled.cells, labelled.data)
    if not data.dates:
        raise DataError(
            f"{labelled.source} has no column of dates that split=chronological could use; set data.date=COLUMN, or "
            "choose split=random"
        )
    return data


def _without_target(names: Sequence[str], data: DataConfig, source: str) -> DataError:
    """Return the error of a table that lacks the target."""
    what = "needs a target, the column to predict"
    if data.target:
        value = int(data.target) if data.target.isdecimal() else data.target
        hint = say_to_quote(names, value) or did_you_mean(data.target, names)
        what = f"has no column {show(data.target)}{hint}"
    advice = "set data.target=COLUMN"
    if data.header and any(map(NUMBER.fullmatch, names)):
        advice += "; if its first line is a row, set data.header=false, which calls the columns column_1, column_2, ..."
    return DataError(f"{source} {what}; it has [{some(names, NAMES_SHOWN)}]; {advice}")


def unfit(source: str, problems: Iterable[Fault | str]) -> DataError:
    """Return the error that tells all problems of a table."""
    return DataError(f"{source} does not fit the config:\n" + "\n".join(f"  {line}" for line in tell(problems)))
