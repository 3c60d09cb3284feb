"""
Compare automatic columns and preprocessing with FLAML's on real tables: the R2 of the same forest on the same folds.

    pip install flaml
    python scripts/compare_flaml.py FOLDER [--only NAME ...]

bikeml is given the path and the target alone. FLAML's DataTransformer is given all columns that pandas reads from the
same file but the row numbers that R writes, and its categories become codes, as in FLAML's own forest. (Row numbers do
raise FLAML's R2 in a sorted table, but a new row has none.) FOLDER keeps the tables and the runs. The difference is
bikeml's R2 less FLAML's; wanted is at least -0.01 for each table.
"""

import argparse
import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # tests.tables, which is not installed
TABLES = ["Computers.csv", "Cars93.csv", "car90.csv", "mpg.csv", "midwest.csv", "Caschool.csv", "survey.csv", "HI.csv"]
TABLES += ["Baseball.csv", "happiness.csv", "Chile.csv", "Salaries.csv", "Journals.csv", "baseball_players.csv"]


def score_ours(path: Path, target: str) -> tuple[float, Path]:
    """Run bikeml in the current folder, and return the mean R2 of the folds and the run folder."""
    import bikeml

    name = target if target.isidentifier() else f'"{target}"'
    with contextlib.redirect_stdout(io.StringIO()):
        run = bikeml.run("data=csv", f"data.path={path}", f"data.target={name}", "model=rf", "tracking=none")
    return run.metrics["cv_r2_mean"], run.folder


def score_theirs(path: Path, target: str, run: Path) -> float:
    """Return the mean R2 of the same forest on the folds of a run, with FLAML's preprocessing."""
    import numpy as np
    import pandas as pd
    from flaml.automl.data import DataTransformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.metrics import r2_score

    table, folds = pd.read_csv(path, low_memory=False), pd.read_csv(run / "folds.csv")
    folds["row"] -= 1  # counted from 1
    if not np.array_equal(table[target].to_numpy()[folds["row"]], folds["actual"]):
        sys.exit(f"{path.name}: the rows of folds.csv are not those that pandas reads")
    X, scores = table.drop(columns=[target, "Unnamed: 0"], errors="ignore"), []
    for fold in sorted(folds["fold"].unique()):
        held, fitted = folds[folds["fold"] == fold], folds[folds["fold"] != fold]
        transformer = DataTransformer()
        encoded, y = transformer.fit_transform(X.loc[fitted["row"]], fitted["actual"].to_numpy(), "regression")
        forest = RandomForestRegressor(random_state=0).fit(_to_codes(encoded), y)
        predicted = forest.predict(_to_codes(transformer.transform(X.loc[held["row"]])))
        scores.append(r2_score(held["actual"], predicted))
    return float(np.mean(scores))


def _to_codes(X: Any) -> Any:
    """Return categories as their codes."""
    return X.assign(**{name: X[name].cat.codes for name in X.columns if X[name].dtype.name == "category"})


def main() -> None:
    from tests.tables.fetch import fetch_table
    from tests.tables.truth import read_truth

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", default=TABLES, metavar="NAME")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(options.folder)
    for name in options.only:
        path, target = fetch_table(name, Path("tables")).resolve(), read_truth()[name]["target"]
        ours, run = score_ours(path, target)
        theirs = score_theirs(path, target, run)
        print(f"{name:<24} ours {ours:.4f}, FLAML's {theirs:.4f}, difference {ours - theirs:+.4f}", flush=True)


if __name__ == "__main__":
    main()
