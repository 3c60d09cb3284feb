"""Split rows as scikit-learn does, with one class for each kind of split."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)
from sklearn.utils import check_random_state, shuffle

from bikeml.config.data import ChronologicalSplit, GroupSplit, RandomSplit, SplitConfig, StratifiedSplit
from bikeml.errors import DataError
from bikeml.system.spelling import some
from bikeml.table.split.splitter import Fold, Held, Rows, Splitter


@dataclass(frozen=True)
class RandomSplitter(Splitter):
    """Random rows, or the last ones."""

    table: Rows
    config: RandomSplit

    def hold_out(self) -> Held:
        config = self.config
        train, test = train_test_split(
            np.arange(len(self.table.y)),
            test_size=config.test_size,
            random_state=config.random_state,
            shuffle=config.shuffle,
        )
        return train, test

    def take_file(self, train: np.ndarray, test: np.ndarray) -> Held:
        """Shuffle the training rows, since a search takes its folds in their order."""
        return _shuffle(train, self.config) if self.config.shuffle else train, test

    def cross_validate(self, train: np.ndarray) -> list[Fold]:
        config = self.config
        if not config.shuffle:
            return list(KFold(config.folds).split(train))
        folds = RepeatedKFold(n_splits=config.folds, n_repeats=config.repeats, random_state=config.random_state)
        return list(folds.split(train))

    def search(self, rows: np.ndarray, n_folds: int) -> list[Fold]:
        """Return blocks of rows: they are already in random order, and GridSearchCV(cv=3) does not shuffle either."""
        return list(KFold(n_folds).split(rows))

    def describe(self) -> str:
        return f"{len(self.table.y)}"


@dataclass(frozen=True)
class ChronologicalSplitter(Splitter):
    """The latest dates, and expanding windows; the rows of one date are never on both sides."""

    table: Rows
    config: ChronologicalSplit

    @cached_property
    def _dates(self) -> pd.Series:
        if self.table.dates is None:
            raise DataError(f"{self.table.source} has no column of dates to split by; set data.date=COLUMN")
        return self.table.dates.reset_index(drop=True)

    def hold_out(self) -> Held:
        """Choose the latest dates; the dates of the gap are in neither part."""
        unique, size = np.sort(self._dates.unique()), self.config.test_size
        n_held = size if isinstance(size, int) else max(1, math.ceil(size * len(unique)))
        n_earlier = len(unique) - n_held - self.config.gap
        if n_earlier < 1:
            raise ValueError("no date is left to train on")
        order = np.argsort(self._dates.to_numpy(), kind="stable")
        dates = self._dates.iloc[order]
        train = (dates <= unique[n_earlier - 1]).to_numpy()
        test = (dates >= unique[len(unique) - n_held]).to_numpy()
        return order[train], order[test]

    def take_file(self, train: np.ndarray, test: np.ndarray) -> Held:
        """Sort the training rows by date. All of them train: the test file itself leaves a gap, or none."""
        dates = self._dates.iloc[train]
        last, first = dates.max(), self._dates.iloc[test].min()
        if first <= last:
            raise DataError(
                f"data.test_path has a row of {first:%Y-%m-%d}, and {self.table.source} has rows up to "
                f"{last:%Y-%m-%d}, so that a model would know the future; move rows, or choose split=random"
            )
        return train[np.argsort(dates.to_numpy(), kind="stable")], test

    def cross_validate(self, train: np.ndarray) -> list[Fold]:
        return self.search(train, self.config.folds)

    def search(self, rows: np.ndarray, n_folds: int) -> list[Fold]:
        """Return expanding windows by date, not by row."""
        dates = self._dates.iloc[rows]
        unique = np.sort(dates.unique())
        return [
            (np.flatnonzero(dates.isin(unique[fit])), np.flatnonzero(dates.isin(unique[score])))
            for fit, score in TimeSeriesSplit(n_folds, gap=self.config.gap).split(unique)
        ]

    def describe(self) -> str:
        return f"{len(self.table.y)} on {self._dates.nunique()} dates"


@dataclass(frozen=True)
class StratifiedSplitter(Splitter):
    """Random rows, as many of each bin of the target."""

    table: Rows
    config: StratifiedSplit

    @cached_property
    def _bins(self) -> np.ndarray:
        """The bin of each row by the quantiles of the target; equal targets share one, so there may be fewer bins."""
        bins = pd.qcut(np.asarray(self.table.y, dtype=float), self.config.bins, labels=False, duplicates="drop")
        return np.asarray(np.nan_to_num(bins).astype(int))  # a gap in the target is told later

    def hold_out(self) -> Held:
        rows, config = np.arange(len(self.table.y)), self.config
        train, test = train_test_split(
            rows, test_size=config.test_size, random_state=config.random_state, stratify=self._bins
        )
        return train, test

    def take_file(self, train: np.ndarray, test: np.ndarray) -> Held:
        """Shuffle the training rows, since a search takes its folds in their order."""
        return _shuffle(train, self.config), test

    def cross_validate(self, train: np.ndarray) -> list[Fold]:
        config = self.config
        folds = RepeatedStratifiedKFold(
            n_splits=config.folds, n_repeats=config.repeats, random_state=config.random_state
        )
        return list(folds.split(train, self._check(train, config.folds)))

    def search(self, rows: np.ndarray, n_folds: int) -> list[Fold]:
        """Return folds of rows that are already in random order."""
        return list(StratifiedKFold(n_folds).split(rows, self._check(rows, n_folds)))

    def _check(self, rows: np.ndarray, n_folds: int) -> np.ndarray:
        """Return the bins of the rows. Scikit-learn only warns if one has fewer rows than there are folds."""
        bins: np.ndarray = self._bins[rows]
        if np.unique(bins, return_counts=True)[1].min() < n_folds:
            raise ValueError("a bin has fewer rows than there are folds")
        return bins

    def describe(self) -> str:
        counts = np.bincount(self._bins)
        return f"{len(self.table.y)} in {len(counts)} bins of the target, the smallest with {counts.min()}"


@dataclass(frozen=True)
class GroupSplitter(Splitter):
    """Whole groups of rows."""

    table: Rows
    config: GroupSplit

    @cached_property
    def _names(self) -> pd.Series:
        if self.table.groups is None:
            raise DataError(f"{self.table.source} has no column of groups to split by; set data.group=COLUMN")
        return self.table.groups

    @cached_property
    def _groups(self) -> np.ndarray:
        return np.asarray(pd.factorize(self._names)[0])

    def hold_out(self) -> Held:
        """Choose the groups to hold out."""
        config = self.config
        drawn = GroupShuffleSplit(1, test_size=config.test_size, random_state=config.random_state)
        train, test = next(drawn.split(self._groups, groups=self._groups))
        return train, test

    def take_file(self, train: np.ndarray, test: np.ndarray) -> Held:
        """Keep the rows as they are; raises DataError if a group is in both files."""
        shared = test[np.isin(self._groups[test], self._groups[train])]
        if len(shared):
            names = list(self._names.iloc[shared].unique())
            raise DataError(
                f"the groups of data.test_path are also in {self.table.source}: {some(names)}; leave their rows out of "
                "one of the files"
            )
        return train, test

    def cross_validate(self, train: np.ndarray) -> list[Fold]:
        config, groups = self.config, self._groups[train]
        drawn = check_random_state(config.random_state)  # as RepeatedKFold does
        folds = GroupKFold(config.folds, shuffle=True, random_state=drawn)
        return [fold for _ in range(config.repeats) for fold in folds.split(train, groups=groups)]

    def search(self, rows: np.ndarray, n_folds: int) -> list[Fold]:
        """Return folds of about as many rows each."""
        return list(GroupKFold(n_folds).split(rows, groups=self._groups[rows]))

    def describe(self) -> str:
        return f"{len(self.table.y)} in {len(np.unique(self._groups))} groups"


def build_splitter(table: Rows, config: SplitConfig) -> Splitter:
    """Return the splitter of a config for the rows of a table."""
    if config.kind == "random":
        return RandomSplitter(table, config)
    if config.kind == "chronological":
        return ChronologicalSplitter(table, config)
    return StratifiedSplitter(table, config) if config.kind == "stratified" else GroupSplitter(table, config)


def _shuffle(rows: np.ndarray, config: RandomSplit | StratifiedSplit) -> np.ndarray:
    return np.asarray(shuffle(rows, random_state=config.random_state))
