"""Look at a table before any model: one page that needs no other file, and its figures as pictures."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import pandas as pd
from pydantic import Field

from bikeml.config.data import DataConfig
from bikeml.config.fields import Name, Section
from bikeml.config.schema import Config
from bikeml.errors import DataError, RunFolderError, did_you_mean
from bikeml.system.files import move, write_text
from bikeml.system.redaction import redact
from bikeml.table.data import parse_csv, read_bytes
from bikeml.table.problems import find_non_numbers
from bikeml.terminal.progress import Announce, progress

if TYPE_CHECKING:
    from bikeml.table.look import Column, Look

FILE_NAME = "explore.html"
PICTURES = ("distributions.png", "relations.png")
PICTURE_DPI = 110
NUMERIC_TARGET = "set data.target to a column of numbers, or mend the cells"


class Options(Section):
    """The keys of conf/task/explore.yaml."""

    output: Name
    max_rows: Annotated[int, Field(ge=100)]
    max_columns: Annotated[int, Field(ge=1)]


def explore(config: Config, options: Options) -> None:
    """
    Look at the table of the config, and write explore.html and the pictures to the folder options.output.

    Raises DataError where the table cannot be read or has no numeric target, and RunFolderError where the folder cannot
    be written; until all is made nothing is.
    """
    with progress() as announce:
        announce("reading the table")
        frame = read_explorable(config.data)
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
    print(f"{len(frame):,} rows, {len(look.columns)} columns", file=sys.stderr)
    print(folder / FILE_NAME)


def read_explorable(data: DataConfig) -> pd.DataFrame:
    """Read a table of which no more is asked than rows and a target of numbers; raises DataError."""
    shown = redact(data.path)
    frame = parse_csv(read_bytes(data.path), data)
    frame.columns = [str(name) for name in frame.columns]
    if frame.empty:
        raise DataError(f"{shown} has no rows below its column names")
    if data.target not in frame.columns:
        hint = did_you_mean(data.target, frame.columns)
        raise DataError(f"{shown} has no column {data.target!r}{hint}; it has {list(frame.columns)}; set data.target")
    problems = list(find_non_numbers(frame[data.target], NUMERIC_TARGET))
    if not problems and frame[data.target].isna().all():
        problems = [f"column {data.target!r} is empty in every row; {NUMERIC_TARGET}"]
    if problems:
        raise DataError(f"{shown}: {problems[0]}")
    return frame


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

    related = [column for column in drawn if column.role != "target"]
    for name, columns, draw in (
        (PICTURES[0], drawn, look_plots.draw_distribution),
        (PICTURES[1], related, look_plots.draw_relation),
    ):
        if columns:
            figure, axes = look_plots.make_picture([column.name for column in columns])
            for each, column in zip(axes, columns, strict=True):
                draw(each, look, column, look_plots.PICTURE)
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
