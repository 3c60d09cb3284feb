"""
Configuration-composed experiments for tabular regression.

    result = bikeml.run("model=rf", data=frame, target="price")
    board = bikeml.sweep("model=rf,gbr", data=frame, target="price")
    bikeml.load("best").predict(new_rows, interval=0.9)
    bikeml.explore(frame, target="price")

Any value of the config is an override: "model.estimator.n_estimators=300". `bikeml --help` lists them.
"""

from bikeml import errors

TYPE_CHECKING = False  # a type checker takes it for typing's own, whose import takes half of that of bikeml
if TYPE_CHECKING:
    import os
    from typing import Never

    import pandas as pd
    from omegaconf import DictConfig

    from bikeml.api.compare import Comparison
    from bikeml.api.explore import Exploration
    from bikeml.api.frame import ArrowTable
    from bikeml.api.result import Result
    from bikeml.api.sweep import Leaderboard

__all__ = ["compare", "errors", "explore", "load", "run", "runs", "sweep"]
__version__ = "0.1.0"


def __dir__() -> list[str]:
    return __all__


def run(
    *overrides: "str | DictConfig",
    data: "pd.DataFrame | ArrowTable | str | os.PathLike[str] | None" = None,
    target: "str | int | None" = None,
    **values: "Never",
) -> "Result":
    """
    Run one experiment, as ``python -m bikeml OVERRIDE ...`` does, and return everything about it.

    `data` is a DataFrame of pandas, polars or pyarrow, or the path or URL of a table's file; without it the config
    names the table. Its columns decide themselves, as with data=csv. A DataFrame is stored as a Parquet file in the
    run's folder. `target` is the column to predict.

    Inside a program of Hydra's own it also takes the config that the program was given, in place of all overrides, and
    writes to the program's output folder; under -m the config is a cell of the sweep.

    >>> import bikeml, pandas as pd
    >>> houses = pd.DataFrame({"rooms": [1, 2, 3, 4, 5] * 8, "price": [110, 190, 310, 390, 510] * 8})
    >>> result = bikeml.run("model=linear", "tracking=none", data=houses, target="price")
    >>> result.metrics["test_r2"] > 0.99
    True

    Raises ConfigError for a wrong override, DataError for a table that does not fit, and the other errors of
    :func:`bikeml.multirun.run.run`.
    """
    from bikeml.api.given import refuse_keywords
    from bikeml.api.run import run_overrides

    refuse_keywords("run", values)
    return run_overrides(overrides, data, target)


def sweep(
    *overrides: str,
    data: "pd.DataFrame | ArrowTable | str | os.PathLike[str] | None" = None,
    target: "str | int | None" = None,
    **values: "Never",
) -> "Leaderboard":
    """
    Run an experiment for each combination of values, as ``python -m bikeml -m OVERRIDE ...`` does.

    Several values of an override are separated by commas. `data` and `target` are those of :func:`run`; a DataFrame is
    stored once, in the sweep's folder. A cell that fails raises nothing: it is in the leaderboard with its cause.

    >>> import bikeml
    >>> board = bikeml.sweep("model=baseline,linear", "tracking=none")
    >>> board.best
    Result('linear', test_r2=0.6040, folder=...)

    Raises ConfigError, RunFolderError or TrackingError before any cell has run, and DataError if no cell can read its
    table.
    """
    from bikeml.api.given import refuse_keywords
    from bikeml.api.sweep import run_sweep

    refuse_keywords("sweep", values)
    return run_sweep(overrides, data, target)


def load(run: "str | os.PathLike[str]" = "best", *overrides: str, **values: "Never") -> "Result":
    """
    Load a run by its id, the beginning of one, best, latest, an alias of a registered model, or its folder.

    The overrides say which store is asked, such as "tracking.uri=sqlite:///mlflow.db". Nothing is fetched until it is
    asked for, and loading a model runs no code of its file.

    >>> import bikeml
    >>> result = bikeml.run("model=linear", "tracking=local")
    >>> bikeml.load("latest").metrics == result.metrics == bikeml.load(result.folder).metrics
    True

    Raises RunNotFoundError if there is no such run, RecordError if the folder holds none, and TrackingError.
    """
    from bikeml.api.given import refuse_keywords
    from bikeml.api.run import load_run

    refuse_keywords("load", values)
    return load_run(run, overrides)


def runs(*overrides: str, **values: "Never") -> "pd.DataFrame":
    """
    List the recorded runs, the newest first, a row each: its name, table, model, score and interval.

    The overrides filter and sort, as those of ``python -m bikeml runs``: "model=rf", "data=houses", "since=7d",
    "sort=score"; and they say which store is asked.

    >>> import bikeml
    >>> result = bikeml.run("model=linear", "tracking=local")
    >>> bikeml.runs("model=linear")[["name", "metric", "status"]]
         name metric    status
    0  linear     r2  FINISHED

    Raises ConfigError for a wrong override, RunNotFoundError if there is no store, and TrackingError.
    """
    from bikeml.api.compare import list_runs
    from bikeml.api.given import refuse_keywords

    refuse_keywords("runs", values)
    return list_runs(overrides)


def compare(*runs: "Result | str | os.PathLike[str]", **values: "Never") -> "Comparison":
    """
    Compare runs with the first of them: each metric's paired difference on the same held-out rows, and what differs.

    A run is a result, or what :func:`load` takes: an id, best, latest, an alias or a folder.

    >>> import bikeml
    >>> linear, tree = (bikeml.run(f"model={name}", "tracking=none") for name in ("linear", "tree"))
    >>> bikeml.compare(linear, tree).to_frame()["figure"].tolist()
    ['test_mse', 'test_rmse', 'test_mae', 'test_r2', 'cv_r2_mean']

    Raises ConfigError for fewer than two runs, and what :func:`load` raises.
    """
    from bikeml.api.compare import compare_runs
    from bikeml.api.given import refuse_keywords

    refuse_keywords("compare", values)
    return compare_runs(runs)


def explore(
    data: "pd.DataFrame | ArrowTable | str | os.PathLike[str] | None" = None,
    *overrides: str,
    target: "str | int | None" = None,
    **values: "Never",
) -> "Exploration":
    """
    Look at a table before any model: the roles of its columns, leaks, drift, copies and gaps.

    `data` is a DataFrame or the path of a file; without it the config names the table.

    >>> import bikeml
    >>> bikeml.explore()
    Exploration(731 rows, 14 columns, target='rentals', ...)

    Raises DataError if the table cannot be read or has no numeric target.
    """
    from bikeml.api.explore import explore_table
    from bikeml.api.given import refuse_keywords

    refuse_keywords("explore", values)
    return explore_table(data, overrides, target)
