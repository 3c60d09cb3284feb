"""Tables, facts and notices as text. All that is passed in is shown as it is: rich's markup in it has no effect."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from rich.box import HEAVY_HEAD
from rich.console import Console, OverflowMethod
from rich.markup import escape
from rich.table import Table
from rich.text import Text

INDENT = 14
"""Where the values of facts begin."""
WIDTH_OF_A_FILE = 140  # columns, where the output is no terminal


def build_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    title: str | None = None,
    *,
    right: Collection[str] = (),
    folded: Collection[str] = (),
) -> Table:
    """Return a table with its title on the left; the columns `right` are numbers, the columns `folded` may wrap."""
    table = Table(title=title and escape(title), title_justify="left", box=HEAVY_HEAD if title else None)
    for heading in headings:
        overflow: OverflowMethod = "fold" if heading in folded else "ellipsis"
        table.add_column(escape(heading), justify="right" if heading in right else "left", overflow=overflow)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else escape(cell) for cell in row))
    return table


def link(text: str, address: str) -> Text:
    """Return text that a terminal opens as a link to `address`."""
    return Text(text, style=f"link {address}")


def show_table(table: Table, *, wide: bool = False) -> None:
    """Print a table; a `wide` one has the width of a file where the output is no terminal."""
    console = Console(highlight=False)
    if wide and not console.is_terminal:
        console.width = WIDTH_OF_A_FILE
    console.print(table)


def show_facts(facts: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
    """Print a line for each fact, its name in front; further lines of a value stand below its first."""
    console = Console(highlight=False)
    for name, value in facts.items() if isinstance(facts, Mapping) else facts:
        text = escape(value.replace("\n", "\n" + " " * INDENT))
        console.print(f"[bold]{escape(name):>12}[/]  {text}", soft_wrap=True)


def show_notice(text: str) -> None:
    """Print a line on stderr, beside whatever else is shown."""
    Console(stderr=True, highlight=False).print(f"bikeml: {escape(text)}", soft_wrap=True)
