"""Fit a forest on all cores, and limit the threads of what is computed."""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from joblib import cpu_count
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import ThreadpoolController

ROWS_FOR_THREADS = 20_000
"""With fewer rows, threads wait for each other longer than they work, and far longer on a busy machine."""
_found: dict[int, ThreadpoolController] = {}
"""The libraries with threads of this process, by the number of modules that it has imported."""


@contextmanager
def all_cores(estimator: BaseEstimator, n_rows: int) -> Iterator[None]:
    """
    Fit a forest, or a pipeline that ends in one, on all cores in the block, if its n_jobs is None and rows are many.

    Each tree has a seed of its own, so the forest is the same. Predict after the block: on several threads, a forest
    adds the predictions of its trees in the order in which they finish, and the last digits vary. A worker process of
    joblib keeps to one core, since there are others; a sweep's has its share of them.
    """
    forest = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    is_forest = isinstance(forest, RandomForestRegressor | ExtraTreesRegressor)
    is_worker = multiprocessing.current_process().name.startswith("Loky")
    if n_rows <= ROWS_FOR_THREADS or not is_forest or forest.n_jobs is not None or is_worker:
        yield
        return
    forest.n_jobs = cpu_count()
    try:
        yield
    finally:
        forest.n_jobs = None


def limit_threads(limits: int | None, user_api: str | None = None) -> AbstractContextManager[object]:
    """
    Limit the threads of BLAS and OpenMP, or of one of them, in a block, as threadpoolctl's threadpool_limits does.

    That looks for the libraries each time, which takes 7 ms, and a cell does it eight times. A library comes with a
    module, so here they are looked for again once others have been imported.
    """
    n_modules = len(sys.modules)
    found = _found.get(n_modules)
    if found is None:
        found = ThreadpoolController()
        _found.clear()
        _found[n_modules] = found
    limited: AbstractContextManager[object] = found.limit(limits=limits, user_api=user_api)
    return limited
