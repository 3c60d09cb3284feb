"""Split a table into held-out rows and folds of the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from bikeml.config.data import SplitConfig
from bikeml.errors import DataError
from bikeml.table.split.kinds import build_splitter
from bikeml.table.split.splitter import Fold, Rows, Splitter
from bikeml.terminal.numbers import show_count

MIN_ROWS_TO_SCORE = 2  # R2 is undefined on one row
MIN_ROWS = 3 * MIN_ROWS_TO_SCORE  # a held-out part, and two folds


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


def split_table(table: Rows, config: SplitConfig, search_folds: int | None, *, nested: bool = False) -> Split:
    """
    Split `table` as `config` says, with `search_folds` folds for a search; None means no search.

    With `nested`, also make the folds of a search inside each fold of the cross-validation. The rows of a test file are
    held out, and no others.

    Raises DataError if a fold or the held-out part would have fewer than two rows, if the target is constant in the
    training part or the held-out part, or if the kind of split does not allow the test file.
    """
    splitter = build_splitter(table, config)
    try:
        split = _split(table, splitter, search_folds, nested=nested)
    except ValueError as error:  # from scikit-learn: there are more folds than rows
        raise _too_few(table, config, splitter, _say_asked(table, config, search_folds)) from error
    if len(split.test) < MIN_ROWS_TO_SCORE:
        raise _too_few_held(table, config, splitter, len(split.test))
    scored = [len(test) for _, test in [*split.folds, *split.search_folds, *chain(*split.nested_folds)]]
    if min(scored) < MIN_ROWS_TO_SCORE:
        raise _too_few(table, config, splitter, "a part to score would have fewer than two rows")
    _check_target(table, split)
    return split


def find_training_rows(table: Rows, config: SplitConfig) -> np.ndarray | None:
    """Return the rows that the split would train on, without any folds; None if they are too few to hold out any."""
    try:
        return build_splitter(table, config).hold_out()[0]
    except ValueError:  # from scikit-learn
        return None


def _split(table: Rows, splitter: Splitter, search_folds: int | None, *, nested: bool) -> Split:
    rows = np.arange(len(table.y))
    is_file = table.n_train is not None
    train, test = splitter.take_file(rows[: table.n_train], rows[table.n_train :]) if is_file else splitter.hold_out()
    folds = splitter.cross_validate(train)

    def _search(rows: np.ndarray) -> list[Fold]:
        return splitter.search(rows, search_folds) if search_folds else []

    return Split(train, test, folds, _search(train), [_search(train[fit]) for fit, _ in folds if nested])


def _check_target(table: Rows, split: Split) -> None:
    for rows, part, reason in (
        (split.train, "training", "there is nothing to learn"),
        (split.test, "held-out", "R2 is undefined"),
    ):
        if np.ptp(table.y[rows]) == 0:
            cure = "set another split.random_state or split.test_size" if table.n_train is None else "name other files"
            raise DataError(
                f"the target is {table.y[rows][0]!s} in every {part} row of {table.source}, so that {reason}; {cure}"
            )


def _say_asked(table: Rows, config: SplitConfig, search_folds: int | None) -> str:
    size = config.test_size
    held = f"{size}" if isinstance(size, int) else f"{size:.0%} of them"
    asked = [f"it takes {config.folds} folds{f', and {search_folds} in a search,' if search_folds else ''}"]
    asked += [f"leaves out {config.gap} before each"] if config.kind == "chronological" and config.gap else []
    asked += [f"holds out {held}"] if table.n_train is None else []
    return " and ".join(asked)


def _too_few_held(table: Rows, config: SplitConfig, splitter: Splitter, n_held: int) -> DataError:
    if len(table.y) < MIN_ROWS:
        return _too_few(table, config, splitter, "it holds out fewer than two")
    if table.n_train is None:
        held, n_rows = f"split.test_size={config.test_size}", show_count(len(table.y), "row")
        what, cure = f"{held} holds out {n_held} of its {n_rows}", "set split.test_size=2, or use a larger table"
    else:
        what, cure = f"data.test_path holds out {show_count(n_held, 'row')}", "use a larger test file"
    return DataError(f"{table.source} has too few rows for this split: {what}, and a score takes two; {cure}")


def _too_few(table: Rows, config: SplitConfig, splitter: Splitter, reason: str) -> DataError:
    own = {"chronological": ", a smaller split.gap", "stratified": ", fewer split.bins"}.get(config.kind, "")
    own = "" if config.kind == "chronological" and config.gap == 0 else own
    others = f", fewer split.folds and search.folds{own}, or another split.test_size"
    if len(table.y) < MIN_ROWS:
        others = f": {MIN_ROWS} rows are the least that can be held out and divided into folds"
    return DataError(
        f"{table.source} has too few rows ({splitter.describe()}) for this split: {reason}; use a larger table{others}"
    )
