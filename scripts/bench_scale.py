"""
Measure time and memory of one run over the number of rows, against bare scikit-learn in a process of its own.

    python scripts/bench_scale.py [--only MODEL ...] [--rows N ...] [--repeat N] [--keep FOLDER]

The tables are drawn from the embedded one, with noise on its numbers. Both sides read the CSV, split it, fit, predict
the held-out rows, cross-validate on the same folds and shuffle the columns of the same rows for the permutation
importance; bikeml checks the table, draws the bootstrap intervals and the figures, and writes the run folder in
addition. Neither tracks. Imports are in the figures of both, and the bare side imports what its fits need.
"""

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import NUMERIC, TABLE, alternate, code, compare, measure, parse

MODELS = ["linear", "tree", "hist_gbr"]


def draw_table(n_rows: int, file: Path) -> None:
    """Write `n_rows` rows drawn from the embedded table: a twentieth of a column's spread as noise on its numbers."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    embedded = pd.read_csv(TABLE)
    table = embedded.iloc[rng.integers(len(embedded), size=n_rows)].reset_index(drop=True)
    for column in NUMERIC:
        table[column] = (table[column] + rng.normal(scale=embedded[column].std() / 20, size=n_rows)).round(6)
    noise = rng.normal(scale=embedded["rentals"].std() / 20, size=n_rows)
    table["rentals"] = (table["rentals"] + noise).clip(lower=0).round().astype(int)
    table.to_csv(file, index=False)


def compare_model(model: str, n_rows: int, repeat: int, folder: Path) -> None:
    """Run both sides in turns over the table of `n_rows`."""
    table = folder / f"{n_rows}.csv"
    ours = ["-m", "bikeml", f"model={model}", "data=csv", f"data.path={table}", "tracking=none"]
    ours.append(f"hydra.run.dir={folder / f'{model}-{n_rows}'}")
    theirs = code("rivals.fit", model, table)
    pairs = alternate(partial(measure, ours, folder), partial(measure, theirs, folder), repeat)
    compare(f"{n_rows:,} {model}", pairs, at_most=1.2)
    compare(f"{n_rows:,} {model}", pairs, kinds=["memory"], at_most=1.5)


def main() -> None:
    arguments = parse(
        __doc__,
        MODELS,
        repeat=3,
        rows={"type": int, "nargs": "+", "default": [100, 10_000, 1_000_000]},
        keep={"type": Path, "help": "leave the tables and run folders, to look at the figures"},
    )
    with TemporaryDirectory() as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for n_rows in arguments.rows:
            draw_table(n_rows, folder / f"{n_rows}.csv")
            for model in arguments.only:
                compare_model(model, n_rows, arguments.repeat, folder)


if __name__ == "__main__":
    sys.exit(main())
