"""Tell how wide a table becomes when it is encoded, and whether it is then a sparse matrix."""

from collections.abc import Mapping, Sequence

import numpy as np
import psutil

from bikeml.config.estimators import PreprocessingConfig, Steps
from bikeml.errors import FitError

DENSE_BYTES = 2**29
"""Above it, the encoded columns become a sparse matrix if the model takes one; it does not depend on the machine."""

COPIES, MOST_COLUMNS = 3, 20_000
"""How often dense columns lie in memory, since parts are joined and models copy; and how many would take hours."""


def is_sparse(
    preprocessing: PreprocessingConfig,
    columns: Mapping[str, Sequence[str]],
    own: Mapping[str, Sequence[str]],
    levels: Mapping[str, int],
    n_rows: int,
    *,
    takes_sparse: bool,
) -> bool:
    """
    Return whether the encoded columns may be a sparse matrix.

    `columns` are the names by kind, `own` those with steps of their own by key, and `levels` the number of values of
    each category. `takes_sparse` says whether the model takes such a matrix. Raises FitError if dense columns would
    not fit into memory.
    """
    encoded = [(getattr(preprocessing, kind), names) for kind, names in columns.items()]
    encoded += [(preprocessing.columns[key], names) for key, names in own.items()]
    n_columns = sum(_count_encoded(steps, names, levels) for steps, names in encoded)
    size = n_rows * n_columns * np.dtype(float).itemsize
    if size <= DENSE_BYTES:
        return False
    if takes_sparse and any(spec.get("sparse_output") for spec in preprocessing.categorical.values()):
        return True
    free = psutil.virtual_memory().available
    if COPIES * size > free or n_columns > MOST_COLUMNS:
        widest = max(columns["categorical"], key=lambda name: levels[name], default=None)
        most = f"; {widest!r} alone has {levels[widest]:,} levels" if widest else ""
        cure = "choose preprocessing=auto" if preprocessing.cardinality_threshold is None else "take fewer rows"
        raise FitError(
            f"{n_rows:,} training rows with {n_columns:,} encoded columns take {COPIES * size / 2**30:,.1f} GiB, and "
            f"{free / 2**30:,.1f} GiB of memory are free{most}; {cure}, or put columns into data.ignored"
        )
    return False


def _count_encoded(steps: Steps, columns: Sequence[str], levels: Mapping[str, int]) -> int:
    """Return about how many columns the steps make of these."""
    for spec in reversed(steps.values()):
        if spec["_target_"].endswith(".OneHotEncoder"):
            most = [levels.get(name, 1) for name in columns]
            return sum(min(level, spec.get("max_categories") or level) for level in most)
        width = next((spec[name] for name in ("n_components", "max_features", "n_features") if spec.get(name)), None)
        if isinstance(width, int):
            return width * len(columns)
    return len(columns)
