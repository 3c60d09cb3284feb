"""
Measure SharedFitGridSearchCV against GridSearchCV: seconds, fits, ratio, largest difference and memory.

    python scripts/bench_search.py [--only NAME] [--n-jobs N] [--frame] [--seconds N] [--quick]

Both run in one process and in turns, on NumPy input and one core unless told otherwise. A ratio is the median over the
repetitions, with the smallest and largest in brackets as the noise, once of the process's CPU time and once of the
time on the wall. Trust the CPU's: another program on the machine hardly moves it. Workers' CPU time is not known
here, so that with --n-jobs there is the wall's alone. Memory is measured in a fresh process each. Where dask-ml is
installed, its GridSearchCV is measured too.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import NamedTuple

# One core: before NumPy is imported, which reads it once.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402 after the threads are set
import pandas as pd  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402
from sklearn.model_selection import GridSearchCV, train_test_split  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402
from sklearn.tree import DecisionTreeRegressor  # noqa: E402

import bikeml  # noqa: E402
from bikeml.search import SharedFitGridSearchCV  # noqa: E402

TABLE = Path(bikeml.__file__).parent / "table" / "datasets" / "daily-bike-share.csv"
NUMERIC = ["temp", "atemp", "hum", "windspeed"]
CATEGORICAL = ["season", "mnth", "holiday", "weekday", "workingday", "weathersit"]


def load_rows() -> tuple[pd.DataFrame, np.ndarray]:
    table = pd.read_csv(TABLE)
    X, _, y, _ = train_test_split(table[NUMERIC + CATEGORICAL], table["rentals"], test_size=0.3, random_state=0)
    return X, y.to_numpy(float)  # 511 rows


def build_pipeline() -> Pipeline:
    columns = ColumnTransformer(  # by position: the same for an array and a DataFrame
        [
            ("numeric", StandardScaler(), [0, 1, 2, 3]),
            ("categorical", OneHotEncoder(handle_unknown="ignore"), [4, 5, 6, 7, 8, 9]),
        ]
    )
    return Pipeline([("columns", columns), ("model", GradientBoostingRegressor(random_state=0))])


TUTORIAL = {
    "model__n_estimators": list(range(20, 101, 10)),
    "model__learning_rate": [round(0.05 + 0.01 * i, 2) for i in range(16)],
}
# Name -> estimator, grid, further arguments, the ratio asked for.
CASES = {
    "tutorial": (
        build_pipeline(),
        TUTORIAL,
        {"return_train_score": True},
        7.0,
    ),
    "long": (
        GradientBoostingRegressor(random_state=0),
        {"n_estimators": list(range(50, 501, 10)), "learning_rate": [0.05, 0.1, 0.2]},
        {},
        20.0,
    ),
    "forest": (
        RandomForestRegressor(random_state=0),
        {"n_estimators": list(range(25, 201, 25)), "max_depth": [3, 6, None]},
        {},
        4.0,
    ),
    "pruning": (
        DecisionTreeRegressor(random_state=0),
        {"ccp_alpha": list(np.geomspace(1, 1e5, 40))},
        {},
        3.0,
    ),
    "nothing": (Ridge(), {"alpha": list(np.geomspace(1e-3, 1e3, 200))}, {}, 0.97),
}


def measure_largest_difference(one: GridSearchCV, other: GridSearchCV) -> float:
    names = [name for name in one.cv_results_ if "_test_" in name or "_train_" in name]
    return max(float(np.max(np.abs(one.cv_results_[name] - other.cv_results_[name]))) for name in names)


class Seconds(NamedTuple):
    wall: float
    cpu: float


def measure_seconds(search: GridSearchCV, X: object, y: np.ndarray) -> Seconds:
    wall, cpu = time.perf_counter(), time.process_time()
    search.fit(X, y)
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def measure_in_turns(
    ours: GridSearchCV, theirs: GridSearchCV, X: object, y: np.ndarray, seconds: float
) -> list[tuple[Seconds, Seconds]]:
    """Measure pairs for so long, and at least three; each begins every other time."""
    pairs: list[tuple[Seconds, Seconds]] = []
    end = time.perf_counter() + seconds
    while len(pairs) < (3 if seconds else 1) or time.perf_counter() < end:
        order = (ours, theirs) if len(pairs) % 2 == 0 else (theirs, ours)
        found = {id(search): measure_seconds(search, X, y) for search in order}
        pairs.append((found[id(ours)], found[id(theirs)]))
    return pairs


def show_ratio(pairs: list[tuple[Seconds, Seconds]], clock: str) -> str:
    ratios = [getattr(there, clock) / getattr(here, clock) for here, there in pairs]
    return f"{median(ratios):5.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"


def shorten(grid: dict) -> dict:
    """Keep the shared axis, which makes the ratio, and two values of any other."""
    first, *others = grid
    return {first: grid[first], **{name: grid[name][:2] for name in others}}


def run_case(name: str, rival: type, options: argparse.Namespace) -> None:
    estimator, grid, arguments, wanted = CASES[name]
    frame, y = load_rows()
    X = frame if options.frame else frame.to_numpy(float)
    arguments = {"cv": 3, "scoring": "r2", "n_jobs": options.n_jobs, **arguments}
    grid = shorten(grid) if options.quick else grid
    ours = SharedFitGridSearchCV(estimator, grid, **arguments)
    # dask-ml weighs a mean by the folds' sizes unless told otherwise, as scikit-learn once did.
    theirs = rival(estimator, grid, **({} if rival is GridSearchCV else {"iid": False}), **arguments)
    if options.n_jobs > 1:  # workers that have started already serve both alike
        SharedFitGridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2, n_jobs=options.n_jobs).fit(X, y)
    pairs = measure_in_turns(ours, theirs, X, y, 0 if options.quick else options.seconds)
    here, there = (median(each.wall for each in column) for column in zip(*pairs, strict=True))
    label = name if rival is GridSearchCV else f"{name}, dask-ml"
    print(
        f"{label:20} {here:7.2f} s {there:7.2f} s  fits {ours.n_fits_:4} / {ours.n_fits_ + ours.n_fits_avoided_:4}"
        f"  CPU ratio {'unknown' if options.n_jobs > 1 else show_ratio(pairs, 'cpu'):20}"
        f"  wall ratio {show_ratio(pairs, 'wall'):20} {len(pairs):3} times"
        f"  {'' if wanted is None or rival is not GridSearchCV else f'wanted {wanted:g}':12}"
        f"  largest difference {measure_largest_difference(ours, theirs):g}",
        flush=True,
    )


def measure_growth(class_name: str, n_rows: int) -> None:
    """Print by how many MiB the resident memory rises at most, in this process, over the level before the fit."""
    import resource

    rng = np.random.RandomState(0)
    X = rng.normal(size=(n_rows, 20))
    y = X[:, 0] + rng.normal(size=n_rows)
    cls: Callable[..., GridSearchCV] = {"ours": SharedFitGridSearchCV, "theirs": GridSearchCV}[class_name]
    model = GradientBoostingRegressor(max_depth=2, subsample=0.2, random_state=0)
    pipeline = Pipeline([("scaler", StandardScaler()), ("model", model)])
    grid = {"model__n_estimators": [1, 2, 4], "model__learning_rate": [0.1, 0.2]}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cls(pipeline, grid, cv=3, return_train_score=True, refit=False).fit(X, y)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def run_memory(*, quick: bool) -> None:
    n_rows = 20_000 if quick else 100_000
    growth = {"ours": [], "theirs": []}
    for name, mebibytes in list(growth.items()) * (1 if quick else 3):
        command = [sys.executable, __file__, "--growth", name, "--rows", str(n_rows)]
        mebibytes.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    ours, theirs = (median(values) for values in growth.values())
    print(f"memory, {n_rows} x 20: {ours:.0f} MiB / {theirs:.0f} MiB, ratio {ours / theirs:.2f}, at most 1.5 wanted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*CASES, "dask-ml", "memory"], help="one case")
    parser.add_argument("--n-jobs", type=int, default=1, help="workers, for both")
    parser.add_argument("--frame", action="store_true", help="a DataFrame in place of an array")
    parser.add_argument("--seconds", type=float, default=30, help="how long each case is repeated, at least 3 times")
    parser.add_argument("--quick", action="store_true", help="smaller grids, one repetition")
    parser.add_argument("--growth", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=100_000, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.growth:
        measure_growth(options.growth, options.rows)
        return
    print(f"{'seconds on the wall':20} {'ours':>9} {'theirs':>9}")
    for name in CASES:
        if options.only in (None, name):
            run_case(name, GridSearchCV, options)
    if options.only in (None, "dask-ml") and find_spec("dask_ml"):
        from dask_ml.model_selection import GridSearchCV as DaskGridSearchCV

        run_case("tutorial", DaskGridSearchCV, options)
    if options.only in (None, "memory"):
        run_memory(quick=options.quick)


if __name__ == "__main__":
    main()
