"""Describe a table before any model: one page that needs no other file, and its figures as pictures."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NamedTuple

import pandas as pd
from pydantic import Field

from bikeml.config.fields import Name, Section
from bikeml.config.schema import Config
from bikeml.errors import DataError, RunFolderError
from bikeml.system.files import UNFINISHED, move, write_text
from bikeml.system.redaction import redact
from bikeml.table.column import infer, parse
from bikeml.table.data import split_name
from bikeml.table.labelled import check_target, decide_roles, take_labelled
from bikeml.table.reading.table_file import read_table_file
from bikeml.tasks.tables import describe, findings
from bikeml.terminal.progress import Announce, progress

if TYPE_CHECKING:
    from bikeml.table.look import Column, Look

FILE_NAME = "explore.html"
PICTURES = ("distributions.png", "relations.png")
PICTURE_DPI = 110
CORRELATED = 20  # columns in the table of correlations
LONG_NUMBER = 1e7


class Options(Section):
    """The keys of conf/task/explore.yaml."""

    output: Name
    max_rows: Annotated[int, Field(ge=100)]
    max_columns: Annotated[int, Field(ge=1)]
    write: Name | None


def explore(config: Config, options: Options) -> None:
    """
    Look at the table of the config, and write explore.html and the pictures to the folder options.output.

    All files are made before the first one is moved to the folder. Raises DataError if the table cannot be read or has
    no numeric target, and RunFolderError if the folder cannot be written.
    """
    if options.write:
        describe.check_place(Path(options.write))
    with progress() as announce:
        announce("reading the table")
        table = read_explorable(config)
        from bikeml.table.look import look_at  # seconds of imports from here on

        announce("looking")
        look = look_at(table.frame, table.config, options.max_rows, table.reasons)
        folder = Path(options.output)
        try:
            _write(look, table, options.max_columns, folder, announce)
        except OSError as error:
            raise RunFolderError(
                f"cannot write to {str(folder)!r}: {error.strerror or error}; set output to another folder"
            ) from error
    if options.write:
        describe.write_config(table.config.data, look.columns, table.reasons, Path(options.write))
        print(options.write)
    counted = f"{look.n_rows:,} rows, {len(look.columns)} columns"
    print("\n".join([counted, *table.notes, *findings.tell(look)]), file=sys.stderr)
    print(folder / FILE_NAME)


class Explorable(NamedTuple):
    """A table whose columns have roles."""

    frame: pd.DataFrame
    """Shape (n_rows, n_columns): numbers of numeric columns, otherwise what pandas would infer, or text."""
    config: Config
    """The config with the role of every column."""
    notes: Sequence[str]
    """The decisions, for people to read."""
    reasons: Mapping[str, str]
    """Why a column is left out."""


def read_explorable(config: Config) -> Explorable:
    """
    Return a table to look at.

    The table needs rows and a numeric target, nothing else. Raises DataError.
    """
    file = read_table_file(config.data)
    if file.cells.num_rows == 0:
        raise DataError(f"{redact(config.data.path)} has no rows below its column names")
    labelled = take_labelled(file.cells, file.data, redact(config.data.path), needs_target=True)
    check_target(labelled)
    labelled = decide_roles(labelled, config, needs_folds=False)
    data, index = labelled.data, pd.RangeIndex(labelled.cells.num_rows)
    roles = {name: role for role, names in data.roles.items() if role != "ignored" for name in names}
    columns = {
        name: parse(cells, name, roles[name], data, index).parsed if name in roles else infer(cells, data, name)
        for name, cells in zip(labelled.cells.column_names, labelled.cells.columns, strict=True)
    }
    decided = config.model_copy(update={"data": data})
    return Explorable(pd.DataFrame(columns), decided, [*file.notes, *labelled.notes], labelled.reasons)


def _write(look: "Look", table: Explorable, max_columns: int, folder: Path, announce: Announce) -> None:
    """Make all files in a temporary folder, and then move them to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = choose(look, max_columns)
    with TemporaryDirectory(prefix=UNFINISHED, dir=folder) as unfinished:
        announce("drawing the pictures")
        _draw_pictures(look, drawn, Path(unfinished))
        announce("drawing the page")
        write_text(Path(unfinished) / FILE_NAME, render_page(look, table, drawn))
        for file in (*PICTURES, FILE_NAME):
            made = Path(unfinished) / file
            if made.is_file():
                move(made, folder / file)


def choose(look: "Look", max_columns: int) -> "list[Column]":
    """Return the columns to draw: the target, then those that go with it most, and last what was left out."""
    drawable = [column for column in look.columns if column.kind != "empty"]
    return sorted(drawable, key=lambda each: (each.role == "ignored", *_nearest_first(each)))[:max_columns]


def _nearest_first(column: "Column") -> tuple[bool, float]:
    return column.role != "target", -(column.association or 0)


def _draw_pictures(look: "Look", drawn: "Sequence[Column]", folder: Path) -> None:
    from bikeml.pages import look_plots
    from bikeml.pages.figures import save_figure

    related = choose_related(drawn)
    for name, columns, draw in (
        (PICTURES[0], drawn, look_plots.draw_distribution),
        (PICTURES[1], related, look_plots.draw_relation),
    ):
        if columns:
            figure, axes = look_plots.make_picture([column.name for column in columns])
            for each, column in zip(axes, columns, strict=True):
                draw(each, look, column)
            save_figure(figure, folder / name, PICTURE_DPI)


def choose_related(drawn: "Sequence[Column]") -> "list[Column]":
    """Return the columns whose relation to the target can be drawn."""
    return [column for column in drawn if column.role != "target" and column.kind != "text"]


def render_page(look: "Look", table: Explorable, drawn: "Sequence[Column]") -> str:
    """Return the page of a table as HTML."""
    from bikeml.pages import look_plots
    from bikeml.pages.page import Panel, embed, render
    from bikeml.table.hints import find_hints, show_share

    def panel(column: "Column", what: str, text: str, draw: Callable[..., None]) -> Panel:
        figure, axes = look_plots.make_panel()
        draw(axes, look, column)
        return Panel(
            column.name, text, embed(figure, f"{what} of {column.name}: {text}", f"{what}{drawn.index(column)}")
        )

    data, related = table.config.data, choose_related(drawn)
    columns = sorted(look.columns, key=_nearest_first)
    correlated = [column.name for column in columns if column.kind == "number"][:CORRELATED]
    return render(
        "explore.html.j2",
        {"number": show_number, "share": show_share, "correlation": _show_correlation, "about": _tell_about},
        look=look,
        name=data.name or split_name(data.path)[0],
        source=redact(data.path),
        split=table.config.split.kind,
        hints=list(find_hints(look)),
        notes=table.notes,
        columns=columns,
        correlations=look.correlations.loc[correlated, correlated],
        distributions=[
            panel(each, "distribution", _describe(each, look), look_plots.draw_distribution) for each in drawn
        ],
        relations=[panel(each, "relation", _relate(each), look_plots.draw_relation) for each in related],
        made=datetime.now(UTC),
    )


def _describe(column: "Column", look: "Look") -> str:
    from bikeml.pages.look_plots import find_period, shows_lengths

    if column.kind == "number":
        return f"mean {show_number(column.mean)}, median {show_number(column.median)}"
    if column.kind == "date":
        return f"rows of each {find_period(column)}"
    if shows_lengths(column, look):
        return f"lengths in characters of {column.n_levels:,} values"
    return _count_levels(column)


def _count_levels(column: "Column") -> str:
    from bikeml.pages.look_plots import MANY_LEVELS

    word = "value" if column.kind == "text" else "level"
    drawn = f"{MANY_LEVELS} of " if column.n_levels > MANY_LEVELS else ""
    return f"{drawn}{column.n_levels:,} {word}{'s' if column.n_levels != 1 else ''}"


def _relate(column: "Column") -> str:
    from bikeml.pages.look_plots import find_period

    said = [_count_levels(column)] if column.kind == "category" else []
    said += [f"mean of each {find_period(column)}"] if column.kind == "date" else []
    if column.association is None:
        said.append("no relation: one of both is constant")
    elif column.kind == "category":
        said.append(f"correlation ratio {column.association:.2f}")
    elif column.correlation is None:
        said.append(f"correlation of ranks {column.association:.2f}")
    else:
        said.append(f"correlation {column.correlation:+.2f}, of ranks {column.association:.2f}")
    return ", ".join(said).replace("-", "−")


def show_number(value: float | pd.Timestamp | None) -> str:
    """Return a number with four digits or as many as a whole one has, a date, or a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}"
    is_whole = 1000 <= abs(value) < LONG_NUMBER or (value == round(value) and abs(value) < LONG_NUMBER)  # noqa: PLR2004
    text = f"{value:,.0f}" if is_whole else re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.4g}")
    return text.replace("-", "−")


def _tell_about(column: "Column") -> str:
    """Return what a role does not say of a column: why it has it, or the type of its cells."""
    if column.reason:
        return column.reason
    if column.role == "ignored":
        return f"{column.dtype}, in no list"
    is_plain = (column.role, column.kind) in (("categorical", "category"), ("date", "date"), ("text", "text"))
    return "" if is_plain else column.dtype


def _show_correlation(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1).replace("-", "−")
