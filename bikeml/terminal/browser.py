"""Open a page in the user's browser."""

import os
import sys
import webbrowser
from pathlib import Path

from bikeml.terminal.tables import show_notice


def open_page(page: Path | str) -> None:
    """Open a page, a file or an address, in the browser; without one, say on stderr where the page is."""
    place = page.absolute() if isinstance(page, Path) else page
    if not (_has_screen() and webbrowser.open(place.as_uri() if isinstance(place, Path) else place)):
        show_notice(f"no browser can be opened here; the page is {place}")


def _has_screen() -> bool:
    """Whether a browser has a place: on Linux, `webbrowser` would start one of text in this terminal instead."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
