"""Say what ties rows together that a random split puts on both sides."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from bikeml.table.structure.groups import find_groups, tell_group
from bikeml.table.structure.time import find_time, tell_time

RANDOM = ("random", "stratified")
"""The kinds of splits that heed neither groups nor time."""


def find_ties(
    X: pd.DataFrame, y: np.ndarray, target: str, dates: pd.Series | None, left_out: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, str]]:
    """
    Yield a headline and the split to type for groups of rows, and for time; nothing for most tables.

    X, shape (n_rows, n_features), and y, shape (n_rows,), are the rows, `dates` their dates, and `left_out` the codes
    of columns that are no features.
    """
    group = find_groups(X, y, left_out)
    if group is not None:
        yield tell_group(group, target)
    time = None if dates is None else find_time(str(dates.name), X, y, dates)
    if time is not None:
        yield tell_time(time, target)
