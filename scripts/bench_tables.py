"""
Measure what a table of any size costs, against a plain script of pandas and scikit-learn.

    python scripts/bench_tables.py [--only KIND ...] [--rows N ...] [--columns N ...] [--model MODEL] [--repeat N]

rows     tables of ten numbers and eight categories, with 10,000, 100,000 and 1,000,000 rows
columns  tables of 10,000 rows with 10, 100 and 1,000 columns, at most eight of which are categories

Both sides read the CSV, encode it, split it, fit, score the held-out rows and cross-validate on the same folds. bikeml
is given the path and the target alone, as a new user does: it decides the columns, checks the table, samples the
importance, draws the bootstrap intervals and the figures, and writes the run folder in addition. Neither tracks, and
both have one thread. Imports are in the figures of both, and the plain side imports what its fits need.
"""

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import alternate, code, compare, measure, parse
from rivals import MODELS

CATEGORIES, NUMBERS, LEVELS = 8, 10, 6
ROWS_OF_COLUMNS = 10_000
TARGET = "y"


def draw_table(n_rows: int, n_numbers: int, n_categories: int, file: Path) -> None:
    """Write a table of numbers x0, x1, ..., categories c0, c1, ..., and a target of some of both with noise."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    numbers = {f"x{i}": rng.normal(size=n_rows).round(6) for i in range(n_numbers)}
    codes = {f"c{i}": rng.integers(LEVELS, size=n_rows) for i in range(n_categories)}
    words = np.array([f"level {i}" for i in range(LEVELS)], dtype=object)
    signal = numbers["x0"] * 2 + np.sin(numbers["x1"] * 3) + codes["c0"] + rng.normal(size=n_rows)
    categories = {name: words[each] for name, each in codes.items()}
    pd.DataFrame(numbers | categories | {TARGET: signal.round(6)}).to_csv(file, index=False)


def compare_table(name: str, n_rows: int, n_columns: int, model: str, repeat: int) -> None:
    """Draw a table, and run both sides over it in turns."""
    n_categories = min(CATEGORIES, n_columns // 2)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw_table(n_rows, n_columns - n_categories, n_categories, folder / "table.csv")
        ours = ["-m", "bikeml", f"model={model}", "data=csv", "data.path=table.csv", f"data.target={TARGET}"]
        ours += ["tracking=none", "hydra.run.dir=out"]
        theirs = code("rivals.fit_table", model, TARGET, folder / "table.csv")
        run = partial(measure, folder=folder, OMP_NUM_THREADS="1")  # threads that wait take processor time too
        pairs = alternate(partial(run, ours), partial(run, theirs), repeat)
    compare(name, pairs, at_most=1.3)
    compare(name, pairs, kinds=["memory"], at_most=1.5)


def main() -> None:
    arguments = parse(
        __doc__,
        ["rows", "columns"],
        repeat=1,
        rows={"type": int, "nargs": "+", "default": [10_000, 100_000, 1_000_000]},
        columns={"type": int, "nargs": "+", "default": [10, 100, 1_000]},
        model={"choices": list(MODELS), "default": "hist_gbr"},
    )
    if "rows" in arguments.only:
        for n_rows in arguments.rows:
            compare_table(f"{n_rows:,} rows", n_rows, NUMBERS + CATEGORIES, arguments.model, arguments.repeat)
    if "columns" in arguments.only:
        for n_columns in arguments.columns:
            compare_table(f"{n_columns:,} columns", ROWS_OF_COLUMNS, n_columns, arguments.model, arguments.repeat)


if __name__ == "__main__":
    sys.exit(main())
