"""One column of a table: its cells as the file has them, and its values of the type that its role asks for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from bikeml.config.data import DataConfig
from bikeml.system.spelling import shorten, show
from bikeml.table.faults import Fault
from bikeml.table.reading import dates
from bikeml.table.reading.cells import GAPS, as_text, to_numbers

EXAMPLES_SHOWN = 3


@dataclass(frozen=True)
class Column:
    """A column with a role."""

    name: str
    cells: pa.ChunkedArray
    """As the file has them, text in a text file, shape (n_rows,)."""
    parsed: pd.Series
    """Of the type that the role asks for, shape (n_rows,), NaN for gaps and wrong cells; the index counts the rows of
    the file from 0."""
    wrong: np.ndarray
    """Which cells are no gap and not of that type, shape (n_rows,)."""
    data: DataConfig

    @property
    def is_gap(self) -> np.ndarray:
        """Which cells are gaps, shape (n_rows,)."""
        gap: np.ndarray = self.parsed.isna().to_numpy() & ~self.wrong
        return gap

    def as_numbers(self) -> "Column":
        """Return the column as one of numbers."""
        values, wrong = to_numbers(self.cells, self.data, self.name)
        return replace(self, parsed=values.set_axis(self.parsed.index), wrong=wrong)

    def describe(self, what: str, wrong: np.ndarray, advice: str) -> Iterator[Fault]:
        """Yield a fault for the `wrong` cells, shape (n_rows,), with the first of them; index 0 is row 1."""
        rows = np.flatnonzero(wrong)
        if len(rows) == 0:
            return
        shown = [self._show(row) for row in rows[:EXAMPLES_SHOWN]]
        more = f" and {len(rows) - EXAMPLES_SHOWN:,} more" if len(rows) > EXAMPLES_SHOWN else ""
        yield Fault(self.name, what, ", ".join(shown) + more, len(rows), advice)

    def _show(self, row: int) -> str:
        number, cell = f"row {self.parsed.index[row] + 1}", self.cells[row].as_py()
        if cell is None:
            return number
        is_number = self.parsed.dtype.kind in "iuf" and not self.wrong[row]
        return f"{number}: {shorten(str(cell)) if is_number else show_cell(cell)}"


def parse(cells: pa.ChunkedArray, name: str, role: str, data: DataConfig, index: pd.Index) -> Column:
    """Return a column of a `role`; `index` counts the rows of the file."""
    wrong = np.zeros(len(cells), dtype=bool)
    if role in ("target", "numeric", "weight"):
        values, wrong = to_numbers(cells, data, name)
    elif role == "allowed" or (role == "categorical" and data.categories == "inferred"):
        values = infer(cells, data, name)
    else:
        values = as_text(cells, data, name)
    return Column(name, cells, values.set_axis(index), wrong, data)


def infer(cells: pa.ChunkedArray, data: DataConfig, name: str) -> pd.Series:
    """Return codes as pandas infers them: integers, else numbers, else booleans, else text as it is written."""
    numbers, wrong = to_numbers(cells, data, name)
    is_word = cells.to_pandas().isin(["True", "False", "TRUE", "FALSE", "true", "false", True, False]).to_numpy()
    if is_word.all():
        return numbers.astype(bool)
    if wrong.any() or is_word.any():
        return as_category(cells, data, name)
    is_whole = not numbers.isna().any() and as_integers(cells) is not None
    return numbers.astype("int64") if is_whole else numbers


def as_category(cells: pa.ChunkedArray, data: DataConfig, name: str) -> pd.Series:
    """
    Return categories as they are written, as objects, shape (n_rows,); a gap is NaN.

    With data.categories=inferred only an empty cell is a gap: a word such as NA or None may be a category.
    """
    if data.categories == "inferred":
        data = data.model_copy(update={"not_gaps": {name: GAPS[1:]}})
    return as_text(cells, data, name)


def as_integers(cells: pa.ChunkedArray) -> np.ndarray | None:
    """Return the cells as integers, shape (n_rows,); None if one is a gap, has a point, or is too large."""
    try:
        whole = cells.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    return None if whole.null_count else np.asarray(whole.to_numpy())


def parse_dates(column: pd.Series, date_format: str | None) -> pd.Series:
    """Return the dates of `column`, shape (n_rows,), with NaT for other cells; raises DataError for a bad format."""
    return dates.parse(column.astype(str), date_format or dates.ISO)


def show_cell(value: object) -> str:
    """Return a cell as a message shows it."""
    return show(value.item() if isinstance(value, np.generic) else value)
