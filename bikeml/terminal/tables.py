"""Print tables, facts and notices. Text is printed literally: rich's markup in it has no effect."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from rich.box import HEAVY_HEAD
from rich.console import Console, OverflowMethod
from rich.markup import escape
from rich.table import Table
from rich.text import Text

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
    table = Table(title=title and escape(title), title_justify="left", box=HEAVY_HEAD if title else None)
    for heading in headings:
        overflow: OverflowMethod = "fold" if heading in folded else "ellipsis"
        table.add_column(escape(heading), justify="right" if heading in right else "left", overflow=overflow)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else escape(cell) for cell in row))
    return table


def link(text: str, address: str) -> Text:
    """Return text that a terminal shows as a link to `address`."""
    return Text(text, style=f"link {address}")


def show_table(table: Table, *, wide: bool = False) -> None:
    """Print a table; a `wide` one has WIDTH_OF_A_FILE columns if the output is not a terminal."""
    console = Console(highlight=False)
    if wide and not console.is_terminal:
        console.width = WIDTH_OF_A_FILE
    console.print(table)


def show_facts(facts: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
    """Print each fact on a line, with its name in front; further lines of a value are indented below the first."""
    console = Console(highlight=False)
    for name, value in facts.items() if isinstance(facts, Mapping) else facts:
        text = escape(value.replace("\n", "\n" + " " * INDENT))
        console.print(f"[bold]{escape(name):>12}[/]  {text}", soft_wrap=True)


def show_notice(text: str) -> None:
    """Print a line on stderr."""
    Console(stderr=True, highlight=False).print(f"bikeml: {escape(text)}", soft_wrap=True)
