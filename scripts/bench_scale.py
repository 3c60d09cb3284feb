"""
Measure time and memory of one run over the number of rows, against bare scikit-learn in a process of its own.

    python scripts/bench_scale.py [--rows N ...] [--models NAME ...] [--repeat N] [--keep FOLDER]

The tables are drawn from the embedded one, with noise on its numbers. Both sides read the CSV, split it, fit, predict
the held-out rows, cross-validate on the same folds and shuffle the columns of the same rows for the permutation
importance; bikeml checks the table, draws the bootstrap intervals and the figures, and writes the run folder in
addition. Neither tracks. Imports are in the figures of both, and the bare side imports what its fits need. A ratio is
the median over the rounds, with the smallest and largest in brackets; memory is the largest resident set.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

TABLE = Path(__file__).resolve().parent.parent / "bikeml" / "table" / "datasets" / "daily-bike-share.csv"
NUMERIC = ["temp", "atemp", "hum", "windspeed"]
FEATURES = ["season", "mnth", "holiday", "weekday", "workingday", "weathersit", *NUMERIC]
MODELS = {
    "linear": ("sklearn.linear_model", "LinearRegression"),
    "tree": ("sklearn.tree", "DecisionTreeRegressor"),
    "hist_gbr": ("sklearn.ensemble", "HistGradientBoostingRegressor"),
}


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


def run_bare(model: str, file: str) -> None:
    """Make the fits and predictions of a run, and nothing else."""
    import importlib

    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import KFold, cross_validate, train_test_split
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import PolynomialFeatures

    module, name = MODELS[model]
    estimator = getattr(importlib.import_module(module), name)()
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    as_array = PolynomialFeatures(degree=1, include_bias=False)
    columns = ColumnTransformer([("columns", as_array, FEATURES)], verbose_feature_names_out=False)
    pipeline = Pipeline([("preprocessor", columns), ("regressor", estimator)])
    table = pd.read_csv(file)
    X_train, X_test, y_train, y_test = train_test_split(
        table[FEATURES], table["rentals"].to_numpy(), test_size=0.3, random_state=0
    )
    pipeline.fit(X_train, y_train)
    pipeline.predict(X_test)
    folds = KFold(5, shuffle=True, random_state=0)
    cross_validate(pipeline, X_train, y_train, cv=folds, scoring=("r2", "neg_root_mean_squared_error"))
    permutation_importance(pipeline, X_test, y_test, scoring="r2", n_repeats=5, random_state=0)


def measure(arguments: list[str]) -> tuple[float, float, float]:
    """Run Python and return the seconds of the clock, those of the processor, and the largest resident set in MiB."""
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL) as process:
        _, process.returncode, usage = os.wait4(process.pid, 0)
    if process.returncode:
        sys.exit(f"{arguments} failed")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(model: str, n_rows: int, repeat: int, folder: Path) -> None:
    """Run both sides in turns over the table of `n_rows`, and print their figures and ratios."""
    table = str(folder / f"{n_rows}.csv")
    ours = ["-m", "bikeml", f"model={model}", "data=csv", f"data.path={table}", "tracking=none"]
    ours.append(f"hydra.run.dir={folder / f'{model}-{n_rows}'}")
    theirs = [__file__, "--bare", model, table]
    rounds = [(measure(ours), measure(theirs)) for _ in range(repeat)]
    print(f"{n_rows:9,} rows {model:8}", end="")
    for kind, (label, unit, bar) in enumerate((("clock", "s", 1.2), ("processor", "s", 1.2), ("memory", "MiB", 1.5))):
        upper, lower = ([side[kind] for side in column] for column in zip(*rounds, strict=True))
        ratios = [above / below for above, below in zip(upper, lower, strict=True)]
        print(
            f"  {label} {median(upper):.1f} / {median(lower):.1f} {unit} = {median(ratios):.2f}"
            f" [{min(ratios):.2f}, {max(ratios):.2f}] (at most {bar})",
            end="",
        )
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 10_000, 1_000_000])
    parser.add_argument("--models", choices=MODELS, nargs="+", default=list(MODELS))
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured")
    parser.add_argument("--keep", type=Path, help="leave the tables and run folders, to look at the figures")
    parser.add_argument("--bare", nargs=2, metavar=("MODEL", "TABLE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        run_bare(*arguments.bare)
        return
    with TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for n_rows in arguments.rows:
            draw_table(n_rows, folder / f"{n_rows}.csv")
            for model in arguments.models:
                compare(model, n_rows, arguments.repeat, folder.resolve())


if __name__ == "__main__":
    main()
