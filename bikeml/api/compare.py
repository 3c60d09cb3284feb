"""List and compare recorded runs for a caller in Python."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

import pandas as pd

from bikeml.api.given import check_words, one_message
from bikeml.api.result import Result
from bikeml.api.sweep import Leaderboard
from bikeml.cli.command import compose_task, read_overrides
from bikeml.config.overrides import override
from bikeml.errors import ConfigError
from bikeml.pages.comparison.comparison import Comparison as ComparedRuns
from bikeml.pages.comparison.page import write_page
from bikeml.tasks import compare as compare_task
from bikeml.tasks import runs as runs_task
from bikeml.terminal.progress import progress


def list_runs(overrides: Sequence[str]) -> pd.DataFrame:
    """Return the recorded runs; the errors are those of :func:`bikeml.runs`."""
    check_words(overrides)
    words = ["limit=null", *overrides] if not any(word.startswith("limit=") for word in overrides) else overrides
    with one_message():
        return runs_task.list_runs(*compose_task("runs", runs_task.Options, read_overrides("runs", words)))


def compare_runs(given: "Sequence[Result | str | os.PathLike[str]]") -> "Comparison":
    """Compare runs, among which overrides may stand; the errors are those of :func:`bikeml.compare`."""
    names = [_name(each) for each in given if not _is_override(each)]
    with one_message():
        words = [override("runs", names), *filter(_is_override, given)]
        config, options = compose_task("compare", compare_task.Options, read_overrides("compare", words))
        with progress() as announce:
            found = compare_task.compare_runs(config, options.model_copy(update={"output": None}), announce)
    return Comparison(found, Path(options.output or "compare.html"))


def _is_override(given: object) -> TypeGuard[str]:
    return isinstance(given, str) and "=" in given and not Path(given).exists()


def _name(run: "Result | str | os.PathLike[str]") -> str:
    """Return what the task calls a run: a folder, so that no store is needed, or else an id."""
    if isinstance(run, Result):
        return str(run.folder) if run.is_local else str(run.run_id)
    if isinstance(run, str | os.PathLike):
        return os.fspath(run)
    of_sweep = "; give runs of the sweep: compare(board.best, board[0])" if isinstance(run, Leaderboard) else ""
    raise ConfigError(
        f"compare was given a {type(run).__name__}; it takes results, ids of runs, best, latest, aliases and folders"
        f"{of_sweep}"
    )


class Comparison:
    """
    Runs compared with the first of them on the same held-out rows.

    >>> import bikeml
    >>> linear, tree = (bikeml.run(f"model={name}", "tracking=none") for name in ("linear", "tree"))
    >>> both = bikeml.compare(linear, tree)
    >>> both
    Comparison(A=linear, B=tree; test_r2 B: ...)
    >>> both.to_frame().set_index("figure").loc["test_r2", "verdict"]
    '...'
    >>> both.differing["value"].tolist()[0]
    'model.estimator...'
    """

    def __init__(self, found: ComparedRuns, output: Path) -> None:
        self._found, self._output = found, output

    def to_frame(self) -> pd.DataFrame:
        """Return the figures, a row each: run, figure, first, value, difference, low, high, verdict, note."""
        return self._found.to_frame()

    @property
    def differing(self) -> pd.DataFrame:
        """What else differs, a row each: whether it is in config, data, code or versions, its name, and each value."""
        rows = [(each.kind, each.key, *each.shown) for each in self._found.aspects]
        return pd.DataFrame(rows, columns=["in", "value", *self._found.runs])

    @property
    def refused(self) -> dict[str, str]:
        """Why the figures of a run have no difference to those of the first, by the letter of the run."""
        return dict(self._found.refused)

    @cached_property
    def page(self) -> Path:
        """The page of the comparison, one HTML file, written now to compare.html, or to the file output=..."""
        write_page(self._found, self._output)
        return self._output.absolute()

    def __repr__(self) -> str:
        """Return the runs and the verdicts in one line."""
        return repr(self._found)

    def _repr_html_(self) -> str:
        from bikeml.api.card import draw_comparison

        return draw_comparison(self._found)
