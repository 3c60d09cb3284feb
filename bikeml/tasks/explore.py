"""Look at a table before any model: one page that needs no other file, and its figures as pictures."""

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
from bikeml.system.files import move, write_text
from bikeml.system.redaction import redact
from bikeml.table.column import infer, parse
from bikeml.table.data import check_target, decide_roles, take_labelled
from bikeml.table.reading.table_file import read_table_file
from bikeml.tasks import describe
from bikeml.terminal.progress import Announce, progress

if TYPE_CHECKING:
    from bikeml.table.look import Column, Look

FILE_NAME = "explore.html"
PICTURES = ("distributions.png", "relations.png")
PICTURE_DPI = 110


class Options(Section):
    """The keys of conf/task/explore.yaml."""

    output: Name
    max_rows: Annotated[int, Field(ge=100)]
    max_columns: Annotated[int, Field(ge=1)]
    write: Name | None


def explore(config: Config, options: Options) -> None:
    """
    Look at the table of the config, and write explore.html and the pictures to the folder options.output.

    Raises DataError where the table cannot be read or has no numeric target, and RunFolderError where the folder cannot
    be written; until all is made nothing is.
    """
    if options.write:
        describe.check_place(Path(options.write))
    with progress() as announce:
        announce("reading the table")
        frame, config, notes, reasons = read_explorable(config)
        from bikeml.table.look import look_at  # seconds of imports from here on

        announce("looking")
        look = look_at(frame, config, options.max_rows)
        folder = Path(options.output)
        try:
            _write(look, config, options.max_columns, folder, announce)
        except OSError as error:
            raise RunFolderError(
                f"cannot write to {str(folder)!r}: {error.strerror or error}; set output to another folder"
            ) from error
    if options.write:
        describe.write_config(config.data, look.columns, reasons, Path(options.write))
        print(options.write)
    print("\n".join([f"{len(frame):,} rows, {len(look.columns)} columns", *notes]), file=sys.stderr)
    print(folder / FILE_NAME)


class Explorable(NamedTuple):
    """A table whose columns have roles."""

    frame: pd.DataFrame
    """Shape (n_rows, n_columns): numbers of numeric columns, otherwise what pandas would infer, or text."""
    config: Config
    """With the role of every column."""
    notes: Sequence[str]
    """What was decided, for people."""
    reasons: Mapping[str, str]
    """Why a column is left out."""


def read_explorable(config: Config) -> Explorable:
    """
    Return a table to look at.

    No more is asked of the table than rows and a target of numbers. Raises DataError.
    """
    file = read_table_file(config.data)
    if file.cells.num_rows == 0:
        raise DataError(f"{redact(config.data.path)} has no rows below its column names")
    labelled = take_labelled(file.cells, file.data, redact(config.data.path), needs_target=True)
    check_target(labelled)
    labelled = decide_roles(labelled, config)
    data, index = labelled.data, pd.RangeIndex(labelled.cells.num_rows)
    roles = {name: role for role, names in data.roles.items() if role != "ignored" for name in names}
    columns = {
        name: parse(cells, name, roles[name], data, index).parsed if name in roles else infer(cells, data, name)
        for name, cells in zip(labelled.cells.column_names, labelled.cells.columns, strict=True)
    }
    decided = config.model_copy(update={"data": data})
    return Explorable(pd.DataFrame(columns), decided, [*file.notes, *labelled.notes], labelled.reasons)


def _write(look: "Look", config: Config, max_columns: int, folder: Path, announce: Announce) -> None:
    """Make all files aside, and move them to their places."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = choose(look, max_columns)
    with TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished:
        announce("drawing the pictures")
        _draw_pictures(look, drawn, Path(unfinished))
        announce("drawing the page")
        write_text(Path(unfinished) / FILE_NAME, render_page(look, config, drawn))
        for file in (*PICTURES, FILE_NAME):
            made = Path(unfinished) / file
            if made.is_file():
                move(made, folder / file)


def choose(look: "Look", max_columns: int) -> "list[Column]":
    """Return the columns to draw, the target first and then those that go with it most."""
    drawable = [column for column in look.columns if column.kind in ("number", "category")]
    return sorted(drawable, key=lambda each: (each.role != "target", -(each.association or 0)))[:max_columns]


def _draw_pictures(look: "Look", drawn: "Sequence[Column]", folder: Path) -> None:
    from bikeml.pages import look_plots
    from bikeml.pages.style import any_glyph

    related = [column for column in drawn if column.role != "target"]
    for name, columns, draw in (
        (PICTURES[0], drawn, look_plots.draw_distribution),
        (PICTURES[1], related, look_plots.draw_relation),
    ):
        if columns:
            figure, axes = look_plots.make_picture([column.name for column in columns])
            for each, column in zip(axes, columns, strict=True):
                draw(each, look, column, look_plots.PICTURE)
            with any_glyph():
                figure.savefig(folder / name, dpi=PICTURE_DPI)


def render_page(look: "Look", config: Config, drawn: "Sequence[Column]") -> str:
    """Return the page of a table as HTML."""
    from bikeml.pages import look_plots
    from bikeml.pages.page import Panel, embed, render
    from bikeml.table.hints import find_hints

    def panel(column: "Column", what: str, text: str, draw: Callable[..., None]) -> Panel:
        figure, axes = look_plots.make_panel()
        draw(axes, look, column, look_plots.PAGE)
        return Panel(
            column.name, text, embed(figure, f"{what} of {column.name}: {text}", f"{what}{drawn.index(column)}")
        )

    related = [column for column in drawn if column.role != "target"]
    return render(
        "explore.html.j2",
        {"number": show_number, "share": _show_share},
        look=look,
        name=config.data.name or Path(config.data.path).stem,
        source=redact(config.data.path),
        split=config.split.kind,
        hints=list(find_hints(look)),
        columns=sorted(look.columns, key=lambda each: (each.role != "target", -(each.association or 0))),
        distributions=[panel(each, "distribution", _describe(each), look_plots.draw_distribution) for each in drawn],
        relations=[panel(each, "relation", _relate(each), look_plots.draw_relation) for each in related],
        made=datetime.now(UTC),
    )


def _describe(column: "Column") -> str:
    if column.kind == "number":
        return f"mean {show_number(column.mean)}, median {show_number(column.median)}"
    return f"{column.n_levels:,} level{'s' if column.n_levels != 1 else ''}"


def _relate(column: "Column") -> str:
    if column.association is None:
        return "no relation: one of both is constant"
    if column.correlation is not None:
        return f"correlation {column.correlation:+.2f}, of ranks {column.association:.2f}".replace("-", "−")
    return f"correlation ratio {column.association:.2f}"


def show_number(value: float | None) -> str:
    """Return a number with four digits at the most, or a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.4g}"  # noqa: PLR2004
    return text.replace("-", "−")


def _show_share(value: float) -> str:
    return "<1 %" if 0 < value < 0.01 else f"{100 * value:.0f} %"  # noqa: PLR2004  nothing is not little
