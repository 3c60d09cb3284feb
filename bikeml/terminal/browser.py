"""Open a page in the user's browser."""

import os
import sys
import webbrowser
from pathlib import Path

from bikeml.terminal.tables import show_notice


def open_page(page: Path) -> None:
    """Open a page in the browser; without one, say on stderr where the page is."""
    if not (_has_screen() and webbrowser.open(page.absolute().as_uri())):
        show_notice(f"no browser can be opened here; the page is {page.absolute()}")


def _has_screen() -> bool:
    """Whether a browser has a place: on Linux, `webbrowser` would start one of text in this terminal instead."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
