"""Look at a table for a caller in Python."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import pandas as pd

from bikeml.api.frame import tell_index
from bikeml.api.given import SHOWN, as_file, name_categories, name_table, one_message
from bikeml.cli.command import compose_task, read_overrides
from bikeml.config.overrides import override
from bikeml.errors import RunFolderError
from bikeml.system.files import write_text
from bikeml.table.hints import Hint, find_hints
from bikeml.table.look import Look, look_at
from bikeml.tasks.tables.explore import FILE_NAME, Explorable, Options, choose, read_explorable, render_page
from bikeml.terminal.progress import progress


def explore_table(data: object, overrides: Sequence[str], target: object) -> "Exploration":
    """Return what there is to see in a table; the errors are those of :func:`bikeml.explore`."""
    if isinstance(data, str) and "=" in data:
        overrides, data = (data, *overrides), None
    named = name_table(overrides, data, target)
    if data is None or isinstance(data, str | os.PathLike):
        with one_message(given=data is not None):
            return _look(named, None)
    tell_index(data)
    with as_file(data) as file:
        own = [override("data.path", file.path), *name_categories(overrides, file.categories)]
        return _look([*named, *own], SHOWN)


def _look(words: Sequence[str], shown: str | None) -> "Exploration":
    config, options = compose_task("explore", Options, read_overrides("explore", words))
    with progress() as announce:
        announce("reading the table")
        table = read_explorable(config)
        announce("looking")
        look = look_at(table.frame, table.config, options.max_rows, table.reasons)
    if shown is not None:  # the file of a DataFrame is gone when its page is made
        data = table.config.data.model_copy(update={"path": shown})
        table = table._replace(config=table.config.model_copy(update={"data": data}))
    return Exploration(look, table, options)


class Exploration:
    """
    What there is to see in a table before any model.

    >>> import bikeml
    >>> seen = bikeml.explore()
    >>> seen
    Exploration(731 rows, 14 columns, target='rentals', findings=1)
    >>> seen.findings[0][0]
    '...'
    >>> seen.to_frame().loc[["temp", "rentals"], ["role", "n_missing"]]
                role  n_missing
    name
    temp     numeric          0
    rentals   target          0
    """

    def __init__(self, look: Look, table: Explorable, options: Options) -> None:
        self.look, self._table, self._options = look, table, options

    @cached_property
    def findings(self) -> list[Hint]:
        """What to look at before any model, the most serious first, as pairs: a headline, and what to do."""
        return list(find_hints(self.look))

    @property
    def notes(self) -> Sequence[str]:
        """What was decided of the columns, as a run does."""
        return self._table.notes

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each column: its role, type, gaps, spread, and how it goes with the target."""
        return pd.DataFrame([asdict(column) for column in self.look.columns]).set_index("name")

    @property
    def page(self) -> Path:
        """The page of the table, one HTML file, written now to explore/explore.html, or to the folder output=..."""
        folder, drawn = Path(self._options.output).absolute(), choose(self.look, self._options.max_columns)
        page = render_page(self.look, self._table, drawn)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / FILE_NAME, page)
        except OSError as error:
            raise RunFolderError(
                f"cannot write to {str(folder)!r}: {error.strerror or error}; set output to another folder"
            ) from error
        return folder / FILE_NAME

    def __repr__(self) -> str:
        """Return the size of the table, its target and the number of findings in one line."""
        size = f"{self.look.n_rows:,} rows, {len(self.look.columns):,} columns"
        return f"Exploration({size}, target={self.look.target.name!r:.80}, findings={len(self.findings)})"

    def _repr_html_(self) -> str:
        from bikeml.api.card import draw_exploration

        return draw_exploration(self.look, self.findings)
