"""Show a line in a notebook that changes while a cell runs."""

import sys
from typing import Any


class NotebookLine:
    """A line in the output of the cell that runs."""

    def __init__(self, display: Any) -> None:  # noqa: ANN401  IPython is not installed everywhere
        self._shown = ""
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, text: str) -> None:
        """Replace the text of the line."""
        if text != self._shown:
            self._shown = text
            self._handle.update({"text/plain": text}, raw=True)


def open_line() -> NotebookLine | None:
    """Return a new line in the output of the cell that runs; None if this process is no notebook's."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not hasattr(shell, "kernel"):  # a terminal's IPython has none
        return None
    from IPython.display import display  # noqa: PLC0415  no dependency of ours

    return NotebookLine(display)
