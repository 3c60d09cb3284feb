"""Split a table into held-out rows and folds of the rest; in a chronological split no fold looks ahead."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, RepeatedKFold, TimeSeriesSplit, train_test_split

from bikeml.config.schema import ChronologicalSplit, RandomSplit
from bikeml.errors import DataError


class Rows(Protocol):
    """What a split needs to know of a table's rows."""

    @property
    def source(self) -> str:
        """The path or URL without secrets."""

    @property
    def y(self) -> np.ndarray:
        """The target, shape (n_rows,)."""

    @property
    def dates(self) -> pd.Series | None:
        """The date of each row, shape (n_rows,)."""


Fold = tuple[np.ndarray, np.ndarray]
"""Positions of the rows to fit and of the rows to score, within the training rows."""
MIN_ROWS_TO_SCORE = 2  # R2 is undefined on one row


@dataclass(frozen=True)
class Split:
    """The rows to train on, the held-out rows, and the folds for cross-validation and search."""

    train: np.ndarray
    """Positions in the table, shape (n_train,)."""
    test: np.ndarray
    """Positions in the table, shape (n_test,)."""
    folds: Sequence[Fold]
    """The folds of the cross-validation."""
    search_folds: Sequence[Fold]
    """The folds of a search on all training rows; empty without a search."""
    nested_folds: Sequence[Sequence[Fold]]
    """For each of `folds`, the folds of a search on its rows to fit; positions within those rows."""


def split_table(
    table: Rows, config: RandomSplit | ChronologicalSplit, search_folds: int | None, *, nested: bool = False
) -> Split:
    """
    Split `table` as `config` says, with `search_folds` folds for a search; None means no search.

    With `nested`, also make the folds of a search inside each fold of the cross-validation.

    Raises DataError if a fold or the held-out part would have fewer than two rows, or if the target is constant in the
    training part or the held-out part.
    """
    try:
        if config.kind == "random":
            split = _random(len(table.y), config, search_folds, nested=nested)
        else:
            split = _chronological(table, config, search_folds, nested=nested)
    except ValueError as error:  # from scikit-learn: there are more folds than rows
        reason = f"it takes {config.folds} folds and holds out {config.test_size:.0%} of them"
        raise _too_few(table, config, reason) from error
    if len(split.test) < MIN_ROWS_TO_SCORE:
        raise _too_few(table, config, f"split.test_size={config.test_size} holds out fewer than two")
    scored = [len(test) for _, test in [*split.folds, *split.search_folds, *chain(*split.nested_folds)]]
    if min(scored) < MIN_ROWS_TO_SCORE:
        raise _too_few(table, config, "a part to score would have fewer than two rows")
    for rows, part, reason in (
        (split.train, "training", "there is nothing to learn"),
        (split.test, "held-out", "R2 is undefined"),
    ):
        if np.ptp(table.y[rows]) == 0:
            raise DataError(
                f"the target is {table.y[rows][0]!s} in every {part} row of {table.source}, so that {reason}; set "
                "another split.random_state or split.test_size"
            )
    return split


def _too_few(table: Rows, config: RandomSplit | ChronologicalSplit, reason: str) -> DataError:
    dates = f" of {table.dates.nunique()} dates" if config.kind == "chronological" and table.dates is not None else ""
    return DataError(
        f"{table.source} has too few rows ({len(table.y)}{dates}) for this split: {reason}; "
        "use a larger table, fewer split.folds and search.folds, or another split.test_size"
    )


def _random(n_rows: int, config: RandomSplit, search_folds: int | None, *, nested: bool) -> Split:
    train, test = train_test_split(np.arange(n_rows), test_size=config.test_size, random_state=config.random_state)
    validation = RepeatedKFold(n_splits=config.folds, n_repeats=config.repeats, random_state=config.random_state)

    def _search(n_rows: int) -> list[Fold]:
        # The training rows are already in random order; GridSearchCV(cv=3) does not shuffle either.
        return list(KFold(search_folds).split(np.arange(n_rows))) if search_folds else []

    folds = list(validation.split(train))
    return Split(train, test, folds, _search(len(train)), [_search(len(fit)) for fit, _ in folds if nested])


def _chronological(table: Rows, config: ChronologicalSplit, search_folds: int | None, *, nested: bool) -> Split:
    if table.dates is None:
        raise DataError(f"{table.source} has no column of dates to split by; set data.date=COLUMN")
    order = np.argsort(table.dates.to_numpy(), kind="stable")
    dates = table.dates.iloc[order]
    unique = np.sort(dates.unique())
    first_held_out = unique[-max(1, math.ceil(config.test_size * len(unique)))]
    earlier = (dates < first_held_out).to_numpy()
    train = order[earlier]
    train_dates = dates[earlier]
    folds = _expanding(train_dates, config.folds)

    def _search(rows: np.ndarray) -> list[Fold]:
        return _expanding(train_dates.iloc[rows], search_folds) if search_folds else []

    inner = [_search(fit) for fit, _ in folds if nested]
    return Split(train, order[~earlier], folds, _search(np.arange(len(train))), inner)


def _expanding(dates: pd.Series, n_folds: int) -> list[Fold]:
    """Return folds by date, not by row, so that the rows of one date are never on both sides."""
    unique = np.sort(dates.unique())
    return [
        (np.flatnonzero(dates.isin(unique[fit])), np.flatnonzero(dates.isin(unique[score])))
        for fit, score in TimeSeriesSplit(n_folds).split(unique)
    ]
