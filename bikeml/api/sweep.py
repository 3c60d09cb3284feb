"""Run a sweep for a caller in Python, and return its leaderboard."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

import pandas as pd
import skops.io  # noqa: F401  whole, before the sweep imports the lean form, with which others could load no model

from bikeml.api.files import LocalFiles
from bikeml.api.frame import index_of
from bikeml.api.given import command_words, name_frame, one_message
from bikeml.api.result import Result
from bikeml.cli import run_multirun
from bikeml.cli.command import compose_task
from bikeml.config.overrides import override
from bikeml.errors import CellNotFoundError, FitError, RunNotFoundError
from bikeml.evaluation.metrics import find_metric
from bikeml.multirun.display.audience import unwatched
from bikeml.multirun.display.sweep import tell_sweep
from bikeml.pages.sweep.leaderboard import build_leaderboard
from bikeml.records.sweep import Outcome, Sweep
from bikeml.records.sweep_folder import PAGE, SweepFolder
from bikeml.system.printable import show_path
from bikeml.system.spelling import shorten, some
from bikeml.tasks import blend as task
from bikeml.terminal.numbers import show_count


def run_sweep(overrides: Sequence[str], data: object, target: object) -> "Leaderboard":
    """Run the sweep that the overrides and the table describe; the errors are those of :func:`bikeml.sweep`."""
    with command_words(overrides, data, target, "sweep") as words, _logging_as_before():
        folder = run_multirun(words)
        sweep = SweepFolder(folder).look()
    board = Leaderboard(sweep, index_of(data))
    tell_sweep(sweep, board.to_frame())
    return board


class Leaderboard:
    """
    The cells of a sweep, best first, with the runs behind them.

    >>> import bikeml
    >>> board = bikeml.sweep("model=baseline,linear", "tracking=none")
    >>> board
    Leaderboard(2 cells by cv_r2, best model=linear with 0.6..., folder=...)
    >>> board.to_frame()[["rank", "cell", "name", "status"]]
       rank  cell            name    status
    0     1     1    model=linear  finished
    1     2     0  model=baseline  finished
    >>> board.best
    Result('linear', test_r2=0.6040, folder=...)
    >>> board[0]
    Result('baseline', test_r2=-0.0..., folder=...)
    >>> board.failures
    {}
    """

    def __init__(self, sweep: Sweep, index: "pd.Index[Any] | None" = None) -> None:
        self._sweep, self._index = sweep, index

    @cached_property
    def _table(self) -> pd.DataFrame:
        table = build_leaderboard(self._sweep)
        return table.assign(note=[name_frame(note, self.folder) for note in table["note"]])

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each cell, best first and cells without a result last, as leaderboard.csv has them."""
        return self._table.copy()

    @property
    def best(self) -> Result:
        """The run of the best cell; raises RunNotFoundError if no cell has a result."""
        first = self._table.iloc[0]
        if pd.isna(first["rank"]):
            raise RunNotFoundError(
                f"no cell of the sweep in {str(self.folder)!r} has a score; failures says why: {shorten(first['note'])}"
            )
        return self[int(first["cell"])]

    @property
    def failures(self) -> dict[int, str]:
        """Why cells have no result, or one that could not be recorded, by the number of the cell."""
        failed = [outcome for outcome in self._sweep.outcomes if outcome.has_failed]
        return {outcome.cell.number: self._explain(outcome) for outcome in failed}

    @property
    def folder(self) -> Path:
        """The folder of the sweep."""
        return self._sweep.folder

    @property
    def page(self) -> Path:
        """The page of the sweep, one HTML file."""
        return self.folder / PAGE

    @property
    def run_id(self) -> str | None:
        """The id of the sweep's own run in the store, the parent of the cells' runs; None if it is in none."""
        return self._sweep.run_id

    def blend(self) -> "Leaderboard":
        """
        Blend the finished cells, and return the leaderboard with the blend as a further cell.

        Raises BlendError if they cannot be blended, DataError if their table is not there any more, and the errors of
        :func:`bikeml.run`.
        """
        with one_message(), unwatched():
            task.blend(*compose_task("blend", task.Options, [override("folder", str(self.folder))]))
        board = Leaderboard(SweepFolder(self.folder).look(), self._index)
        tell_sweep(board._sweep, board.to_frame())
        return board

    def __getitem__(self, cell: int) -> Result:
        """
        Return the run of a cell by its number, as to_frame() has it.

        A negative number counts from the last cell. Raises CellNotFoundError if there is no such cell, and FitError if
        the cell has no result.
        """
        outcomes = {outcome.cell.number: outcome for outcome in self._sweep.outcomes}
        numbers = list(outcomes)
        is_from_last = isinstance(cell, Integral) and -len(numbers) <= cell < 0
        outcome = outcomes.get(numbers[cell] if is_from_last else cell)
        if outcome is None:
            are = "only cell has the number" if len(numbers) == 1 else "cells have the numbers"
            raise CellNotFoundError(
                f"the sweep has no cell {shorten(repr(cell))}; its {are} {some(numbers)}, as in the column cell "
                "of to_frame(); the best one is .best"
            )
        if outcome.record is None:
            raise FitError(f"cell {outcome.cell.number} ({outcome.cell.name}) has no result: {self._explain(outcome)}")
        return Result(LocalFiles(SweepFolder(self.folder).folder_of(outcome.cell)), index=self._index)

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self._sweep.outcomes)

    def __iter__(self) -> Iterator[Result]:
        """Yield the runs of the cells that have one, best first."""
        has_result = {outcome.cell.number for outcome in self._sweep.outcomes if outcome.record is not None}
        return (self[int(cell)] for cell in self._table["cell"] if cell in has_result)

    def __repr__(self) -> str:
        """Return the number of cells, the best one and the folder in one line."""
        metric, first = find_metric(self._sweep.record.rank), self._table.iloc[0]
        best = "" if pd.isna(first["rank"]) else f", best {first['name']:.80} with {metric.show(first[metric.mean])}"
        failed = f", {len(self.failures)} failed" if self.failures else ""
        cells = show_count(len(self), "cell")
        return f"Leaderboard({cells} by cv_{metric.name}{best}{failed}, folder={show_path(self.folder)!r})"

    def _repr_html_(self) -> str:
        from bikeml.api.card import draw_leaderboard

        return draw_leaderboard(self._sweep, self._table, self.failures)

    def _explain(self, outcome: Outcome) -> str:
        if outcome.failure is not None:
            return name_frame(outcome.failure.error, self.folder)
        return outcome.problem or (outcome.left_out.reason if outcome.left_out else f"it is {outcome.status}")


@contextmanager
def _logging_as_before() -> Iterator[None]:
    """Undo what Hydra does to the logging of its process, which here is the caller's."""
    root, show = logging.getLogger(), warnings.showwarning
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    try:
        yield
    finally:
        for handler in {*root.handlers} - {*handlers}:
            handler.close()
        root.handlers[:], logging.raiseExceptions = handlers, raises
        root.setLevel(level)
        if warnings.showwarning is not show:
            logging.captureWarnings(capture=False)
