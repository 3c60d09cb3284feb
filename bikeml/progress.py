"""A progress line while something goes on: on a terminal only, and without a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)


class Announce(Protocol):
    """Told what goes on, for a progress display."""

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None:
        """Take the name of a step and, where it can be counted, how much of it is done."""


def silent(step: str, done: int = 0, total: int | None = None) -> None:
    """Show nothing."""


def progress_line(*more: ProgressColumn) -> Progress:
    """Return a line on stderr with text, a bar and the time so far."""
    console = Console(stderr=True, highlight=False)
    text = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), *more)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def progress() -> Iterator[Announce]:
    """Yield a function that says what comes next."""
    with progress_line() as shown:
        task = shown.add_task("starting", total=None)

        def announce(step: str, done: int = 0, total: int | None = None) -> None:
            shown.update(task, description=step, completed=done, total=total)

        yield announce
