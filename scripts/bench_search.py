"""
Measure SharedFitGridSearchCV against GridSearchCV: seconds, fits, ratio, largest difference and memory.

    python scripts/bench_search.py [--only PART ...] [--n-jobs N] [--frame] [--repeat N] [--seconds N] [--quick]

Both run in one process and in turns, on NumPy input and one core unless told otherwise. Workers' seconds of the
processor are not known here, so that with --n-jobs there are the clock's alone. Memory is measured in a fresh process
each. Where dask-ml is installed, its GridSearchCV is measured too.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# One core: before NumPy is imported, which reads it once.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402 after the threads are set
import pandas as pd  # noqa: E402
from harness import CATEGORICAL, NUMERIC, TABLE, Usage, alternate, call, code, compare, measure, parse  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402
from sklearn.model_selection import GridSearchCV, train_test_split  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402
from sklearn.tree import DecisionTreeRegressor  # noqa: E402

from bikeml.search import SharedFitGridSearchCV  # noqa: E402

CLASSES = {"ours": SharedFitGridSearchCV, "theirs": GridSearchCV}


def load_rows() -> tuple[pd.DataFrame, np.ndarray]:
    table = pd.read_csv(TABLE)
    X, _, y, _ = train_test_split(table[NUMERIC + CATEGORICAL], table["rentals"], test_size=0.3, random_state=0)
    return X, y.to_numpy(float)  # 511 rows


def build_pipeline(model: Any) -> Pipeline:
    columns = ColumnTransformer(  # by position: the same for an array and a DataFrame
        [
            ("numeric", StandardScaler(), [0, 1, 2, 3]),
            ("categorical", OneHotEncoder(handle_unknown="ignore"), [4, 5, 6, 7, 8, 9]),
        ]
    )
    return Pipeline([("columns", columns), ("model", model)])


TUTORIAL = {
    "model__n_estimators": list(range(20, 101, 10)),
    "model__learning_rate": [round(0.05 + 0.01 * i, 2) for i in range(16)],
}
LONG = {"n_estimators": list(range(50, 501, 10)), "learning_rate": [0.05, 0.1, 0.2]}
FOREST = {"n_estimators": list(range(25, 201, 25)), "max_depth": [3, 6, None]}
# Name -> estimator, grid, the ratio asked for.
CASES = {
    "tutorial": (build_pipeline(GradientBoostingRegressor(random_state=0)), TUTORIAL, 7.0),
    "long": (GradientBoostingRegressor(random_state=0), LONG, 20.0),
    "forest": (RandomForestRegressor(random_state=0), FOREST, 4.0),
    "pruning": (DecisionTreeRegressor(random_state=0), {"ccp_alpha": list(np.geomspace(1, 1e5, 40))}, 3.0),
    "nothing": (Ridge(), {"alpha": list(np.geomspace(1e-3, 1e3, 200))}, 0.97),
}
if find_spec("lightgbm"):
    from lightgbm import LGBMRegressor

    # As conf/model/lightgbm.yaml has it.
    _lightgbm = LGBMRegressor(random_state=0, n_jobs=1, deterministic=True, force_row_wise=True, verbosity=-1)
    CASES["lightgbm"] = (build_pipeline(_lightgbm), TUTORIAL, 5.0)


def measure_largest_difference(one: GridSearchCV, other: GridSearchCV) -> float:
    names = [name for name in one.cv_results_ if "_test_" in name or "_train_" in name]
    return max(float(np.max(np.abs(one.cv_results_[name] - other.cv_results_[name]))) for name in names)


def shorten(grid: dict[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Keep the shared axis, which makes the ratio, and two values of any other."""
    first, *others = grid
    return {first: grid[first], **{name: grid[name][:2] for name in others}}


def compare_case(label: str, name: str, rival: type, options: argparse.Namespace, **own: object) -> None:
    """Search the grid of a case in turns with a rival, whose `own` arguments are not ours."""
    estimator, grid, wanted = CASES[name]
    grid = shorten(grid) if options.quick else grid
    frame, y = load_rows()
    X = frame if options.frame else frame.to_numpy(float)
    shared = {
        "cv": 3,
        "scoring": "r2",
        "n_jobs": options.n_jobs,
        "return_train_score": name in ("tutorial", "lightgbm"),
    }
    ours = SharedFitGridSearchCV(estimator, grid, **shared)
    theirs = rival(estimator, grid, **shared, **own)
    if options.n_jobs > 1:  # workers that have started already serve both alike
        SharedFitGridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2, n_jobs=options.n_jobs).fit(X, y)
    fit_ours, fit_theirs = (partial(call, partial(search.fit, X, y)) for search in (ours, theirs))
    repeat, seconds = (1, 0) if options.quick else (options.repeat, options.seconds)
    pairs = alternate(fit_ours, fit_theirs, repeat, seconds)
    fits = f"{len(pairs)} times, fits {ours.n_fits_} and {ours.n_fits_ + ours.n_fits_avoided_}"
    difference = f"largest difference {measure_largest_difference(ours, theirs):g}"
    kinds = ["clock"] if options.n_jobs > 1 else ["clock", "processor"]
    compare(label, pairs, fits, difference, kinds=kinds, at_least=wanted)


def measure_growth() -> None:
    """Print by how many MiB the resident memory rises at most, in this process, over the level before the fit."""
    import resource

    name, n_rows = sys.argv[1:]
    rng = np.random.RandomState(0)
    X = rng.normal(size=(int(n_rows), 20))
    y = X[:, 0] + rng.normal(size=int(n_rows))
    model = GradientBoostingRegressor(max_depth=2, subsample=0.2, random_state=0)
    pipeline = Pipeline([("scaler", StandardScaler()), ("model", model)])
    grid = {"model__n_estimators": [1, 2, 4], "model__learning_rate": [0.1, 0.2]}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    CLASSES[name](pipeline, grid, cv=3, return_train_score=True, refit=False).fit(X, y)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def compare_memory(*, quick: bool) -> None:
    n_rows = 20_000 if quick else 100_000

    def measure_one(name: str) -> Usage:
        found = measure(code("bench_search.measure_growth", name, n_rows), Path.cwd())
        return Usage(found.clock, found.processor, memory=float(found.out))

    pairs = alternate(partial(measure_one, "ours"), partial(measure_one, "theirs"), 1 if quick else 3)
    compare(f"growth, {n_rows:,} x 20", pairs, kinds=["memory"], at_most=1.5)


def main() -> None:
    options = parse(
        __doc__,
        [*CASES, "dask-ml", "memory"],
        repeat=3,
        n_jobs={"type": int, "default": 1, "help": "workers, for both"},
        frame={"action": "store_true", "help": "a DataFrame in place of an array"},
        seconds={"type": float, "default": 30, "help": "how long each case is repeated at least"},
        quick={"action": "store_true", "help": "smaller grids, one repetition"},
    )
    for name in options.only:
        if name in CASES:
            compare_case(name, name, GridSearchCV, options)
    if "dask-ml" in options.only and find_spec("dask_ml"):
        from dask_ml.model_selection import GridSearchCV as DaskGridSearchCV

        # Unless told otherwise, it weighs a mean by the folds' sizes, as scikit-learn once did.
        compare_case("dask-ml", "tutorial", DaskGridSearchCV, options, iid=False)
    if "memory" in options.only:
        compare_memory(quick=options.quick)


if __name__ == "__main__":
    sys.exit(main())
