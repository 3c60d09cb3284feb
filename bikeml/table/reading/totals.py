"""Leave out a line of totals at the end of a table."""

import numpy as np
import pyarrow as pa

from bikeml.config.data import DataConfig
from bikeml.table.reading.cells import to_numbers

WORDS = {"total", "totals", "grand total", "sum", "summe", "gesamt", "insgesamt", "somme", "suma", "totale", "totaal"}
MIN_ROWS = 3  # above the line: two numbers are easily the sum of each other


def leave_out_totals(cells: pa.Table, data: DataConfig) -> tuple[pa.Table, list[str]]:
    """Return the table without its last row if that holds the sums of the others, and notes for a person."""
    rows = cells.slice(max(0, len(cells) - 1)).to_pylist()
    column, word = next(((name, cell) for row in rows for name, cell in row.items() if _is_total(cell)), ("", None))
    above = cells.slice(0, max(0, len(cells) - 1))
    if word is None or word in above[column].to_pylist():  # a category, which other rows have too
        return cells, []
    if _holds_sums(rows[0], above, data):
        return above, [f"the last row is left out: {word!r}, it holds the sums of the others"]
    return cells, [f"the last row has {word!r}; if it sums up the others, take it out of the file"]


def _is_total(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip(" :.*").casefold() in WORDS


def _holds_sums(last: dict[str, object], above: pa.Table, data: DataConfig) -> bool:
    """Tell whether every number of the last row is the sum of its column."""
    n_sums = 0
    for name, cell in last.items():
        if cell is None or _is_total(cell):
            continue
        total = to_numbers(pa.chunked_array([[cell]]), data, name)
        numbers = to_numbers(above[name], data, name)
        if (
            total.is_wrong.any()
            or numbers.is_wrong.any()
            or not np.isclose(numbers.values.sum(), total.values[0], 1e-6)
        ):
            return False
        n_sums += 1
    return n_sums > 0 and len(above) >= MIN_ROWS
