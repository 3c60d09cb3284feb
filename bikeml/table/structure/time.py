"""Find whether the target changes with time, so that rows are predicted from their neighbours in time."""

import numpy as np
import pandas as pd

from bikeml.config.overrides import override, shell
from bikeml.table.structure.forest import MOST_ROWS, Fall, encode, find_fall

LATEST = 0.3  # of the rows, as many as a run holds out
FOLDS, PARTS = 4, 10
FEWEST_DATES = 40


def find_time(name: str, X: pd.DataFrame, y: np.ndarray, dates: pd.Series) -> Fall | None:
    """
    Return by how much a forest predicts the latest rows better if it has seen their neighbours; None if by chance.

    X, shape (n_rows, n_features), y and `dates`, shape (n_rows,), are the rows, and `name` is the column of the dates.
    The forest learns from as many rows, once all of them earlier, once of any time; its errors on the latest rows are
    compared in pairs, in periods that follow each other.
    """
    known = np.flatnonzero(dates.notna().to_numpy())
    rng = np.random.default_rng(0)
    if len(known) > MOST_ROWS:
        known = np.sort(rng.choice(known, MOST_ROWS, replace=False))
    order = known[np.argsort(dates.iloc[known].to_numpy(), kind="stable")]
    when, y, encoded = dates.iloc[order].to_numpy(), np.asarray(y, dtype=float)[order], encode(X.iloc[order])
    if len(np.unique(when)) < FEWEST_DATES:
        return None
    is_late = when > when[int((1 - LATEST) * len(order)) - 1]
    early, late = np.flatnonzero(~is_late), np.flatnonzero(is_late)
    if len(late) < PARTS or len(early) < PARTS:
        return None
    folds = np.array_split(rng.permutation(late), FOLDS)
    rest = [np.setdiff1d(np.arange(len(order)), fold) for fold in folds]
    any_time = [(rng.choice(rows, len(early), replace=False), fold) for rows, fold in zip(rest, folds, strict=True)]
    periods = np.zeros(len(order), dtype=int)
    periods[late] = np.arange(len(late)) * PARTS // len(late)
    return find_fall(name, encoded, y, periods, any_time, [(early, late)])


def tell_time(fall: Fall, target: str) -> tuple[str, str]:
    """Return a headline, and what to do."""
    seen = f"{fall.with_kin:.2f} if it has seen rows of their time, and {fall.without:.2f} if only earlier ones"
    cure = f"split=chronological {shell(override('data.date', fall.column))}"
    return (
        f"{target} changes with {fall.column}",
        f"A small forest predicts the latest rows with R² {seen}. If new rows are later ones: {cure}",
    )
