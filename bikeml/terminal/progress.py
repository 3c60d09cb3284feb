"""A progress line while something goes on: on a terminal only, and without a trace."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Announce(Protocol):
    """Told what goes on, for a progress display."""

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None:
        """Take the name of a step and, where it can be counted, how much of it is done."""


def silent(step: str, done: int = 0, total: int | None = None) -> None:
    """Show nothing."""


class ProgressLine(Progress):
    """A progress line with something below it, which is asked for at each refresh."""

    def __init__(
        self, *columns: ProgressColumn, below: Callable[[], Iterable[RenderableType]], console: Console
    ) -> None:
        self._below = below
        super().__init__(*columns, console=console, transient=True, disable=not console.is_terminal)

    def tell(self, line: str) -> None:
        """Print a line above."""
        self.console.print(line, markup=False, soft_wrap=True)

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield what is drawn."""
        yield from super().get_renderables()
        yield from self._below()


def progress_line(*, remaining: bool = False, below: Callable[[], Iterable[RenderableType]] = tuple) -> ProgressLine:
    """Return a line on stderr with text, a bar and the time so far (and `remaining`), and what `below` yields."""
    console = Console(stderr=True, highlight=False)
    text = TextColumn("{task.description}", markup=False)
    columns = (
        SpinnerColumn(),
        text,
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        *([TimeRemainingColumn()] if remaining else []),
    )
    return ProgressLine(*columns, below=below, console=console)


@contextmanager
def progress(*, lines: bool = False) -> Iterator[Announce]:
    """Yield a function that says what comes next; with `lines`, for long waits, also off a terminal, a line a step."""
    with progress_line() as shown:
        task = shown.add_task("starting", total=None)
        told = ""

        def announce(step: str, done: int = 0, total: int | None = None) -> None:
            nonlocal told
            if lines and not shown.console.is_terminal and step != told:
                shown.console.print(step, markup=False)
                told = step
            shown.update(task, description=step, completed=done, total=total)

        yield announce
