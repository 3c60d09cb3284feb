"""Print tables, facts and notices. Text is printed literally: rich's markup in it has no effect."""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence

from rich.box import HEAVY_HEAD
from rich.console import Console, OverflowMethod
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bikeml.system.printable import printable, printable_lines
from bikeml.system.redaction import redact
from bikeml.terminal.clean import clean, with_escapes

INDENT = 14
"""The column in which the values of facts begin."""
WIDTH_OF_A_FILE = 140  # columns, if the output is not a terminal


def build_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    title: str | None = None,
    *,
    right: Collection[str] = (),
    folded: Collection[str] = (),
) -> Table:
    """Return a table with its title on the left; align the columns `right` to the right, and wrap those in `folded`."""
    shown = title and escape(printable_lines(redact(title)))
    table = Table(title=shown, title_justify="left", box=HEAVY_HEAD if title else None)
    for heading in headings:
        overflow: OverflowMethod = "fold" if heading in folded else "ellipsis"
        table.add_column(_escape(heading), justify="right" if heading in right else "left", overflow=overflow)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else _escape(cell) for cell in row))
    return table


def link(text: str, address: str) -> Text:
    """Return text that a terminal shows as a link to `address`."""
    return Text(printable(text), style=f"link {printable(redact(address))}")


def show_table(table: Table, *, wide: bool = False) -> None:
    """Print a table; a `wide` one has WIDTH_OF_A_FILE columns if the output is not a terminal."""
    console = open_console()
    if wide and not console.is_terminal:
        console.width = WIDTH_OF_A_FILE
    console.print(table)


def show_facts(facts: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
    """Print each fact on a line, with its name in front; further lines of a value are indented below the first."""
    console = open_console()
    for name, value in facts.items() if isinstance(facts, Mapping) else facts:
        text = escape(clean(value).replace("\n", "\n" + " " * INDENT))
        console.print(f"[bold]{_escape(name):>12}[/]  {text}", soft_wrap=True)


def show_notice(text: str) -> None:
    """Print a line on stderr."""
    open_console(stderr=True).print(f"bikeml: {escape(clean(text))}", soft_wrap=True)


def open_console(*, stderr: bool = False) -> Console:
    """Return rich's console on the standard output or the standard error, which takes its colours."""
    return Console(file=with_escapes(sys.stderr if stderr else sys.stdout), highlight=False)


def _escape(text: str) -> str:
    return escape(printable(redact(text)))
