"""Show a progress line while a task runs; it appears on a terminal only and disappears at the end."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bikeml.system.printable import printable
from bikeml.system.redaction import redact
from bikeml.terminal.notebook import open_line
from bikeml.terminal.tables import open_console


class Announce(Protocol):
    """A function that takes the current step, for a progress display."""

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None:
        """Take the name of a step; if its parts can be counted, also how many are done, and their total."""


def silent(step: str, done: int = 0, total: int | None = None) -> None:
    """Show nothing."""


class ProgressLine(Progress):
    """A progress line with more lines below it, which are renewed at each refresh."""

    def __init__(
        self, *columns: ProgressColumn, below: Callable[[], Iterable[RenderableType]], console: Console
    ) -> None:
        self._below, self._notebook = below, open_line()
        super().__init__(*columns, console=console, transient=True, disable=not console.is_terminal)

    def update(self, task_id: TaskID, *args: Any, **fields: Any) -> None:  # noqa: ANN401  those of rich
        """Set the state of a task, and show it also in a notebook, which rich itself leaves to a widget."""
        if "description" in fields:
            fields["description"] = printable(redact(fields["description"]))
        super().update(task_id, *args, **fields)
        if self._notebook:
            task = self._tasks[task_id]
            counted = f" {task.completed:.0f}/{task.total:.0f}" if task.total else ""
            self._notebook.show(f"{task.description}{counted}")

    def stop(self) -> None:
        """End the display."""
        super().stop()
        if self._notebook:
            self._notebook.show("")

    def tell(self, line: str) -> None:
        """Print a line above the progress line."""
        self.console.print(printable(redact(line)), markup=False, soft_wrap=True)

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the progress line and what stands below it."""
        yield from super().get_renderables()
        yield from self._below()


def progress_line(*, remaining: bool = False, below: Callable[[], Iterable[RenderableType]] = tuple) -> ProgressLine:
    """Return a line on stderr with text, a bar and the elapsed (and `remaining`) time, above what `below` yields."""
    console = open_console(stderr=True)
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
    """
    Yield a function that shows the current step on a terminal.

    With `lines`, for long waits, each step is also printed as a line if the output is not a terminal.
    """
    with progress_line() as shown:
        task = shown.add_task("starting", total=None)
        printed = ""

        def announce(step: str, done: int = 0, total: int | None = None) -> None:
            nonlocal printed
            if lines and not shown.console.is_terminal and step != printed:
                shown.tell(step)
                printed = step
            shown.update(task, description=step, completed=done, total=total)

        yield announce
