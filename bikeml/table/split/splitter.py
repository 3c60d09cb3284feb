"""What a split needs to know of a table, and what each kind of split does."""

from typing import Protocol

import numpy as np
import pandas as pd

Fold = tuple[np.ndarray, np.ndarray]
"""Positions of the rows to fit and of the rows to score, within the training rows."""
Held = tuple[np.ndarray, np.ndarray]
"""Positions of the training rows and of the held-out rows in the table."""


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

    @property
    def groups(self) -> pd.Series | None:
        """The group of each row, shape (n_rows,)."""

    @property
    def n_train(self) -> int | None:
        """How many rows stand before those of the test file; None if there is no such file."""


class Splitter(Protocol):
    """A kind of split of a table. Each method raises scikit-learn's ValueError if there are too few rows."""

    def hold_out(self) -> Held:
        """Choose the rows to hold out."""

    def take_file(self, train: np.ndarray, test: np.ndarray) -> Held:
        """Put the training rows into order if a test file has the others; raises DataError if it may not have them."""

    def cross_validate(self, train: np.ndarray) -> list[Fold]:
        """Return the folds of the cross-validation."""

    def search(self, rows: np.ndarray, n_folds: int) -> list[Fold]:
        """Return the folds of a search on some training rows, as positions within these."""

    def describe(self) -> str:
        """Return in words how many rows there are to split."""
