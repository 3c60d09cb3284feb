"""Show any text without letting it act on a terminal, and a path in few characters."""

import re
import sys
from pathlib import Path

LONGEST_PATH = 120

_ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, what breaks a line or turns the direction of a text, and lone surrogates."""
_LINES = re.compile(_ACTING.pattern.replace("[\x00-\x1f", "[\x00-\x08\x0b-\x1f"))
"""The same without line breaks and tabs."""


def printable(text: str, *, has_signs: bool = True) -> str:
    r"""
    Return text in one line: ␊ for a line break, ␛ for an escape, and others as Python writes them, such as ``\u202e``.

    Python's ``\n`` stands for ␊ where the font of a picture has no such sign.
    """
    return _ACTING.sub(_show if has_signs else _escape, text)


def printable_lines(text: str) -> str:
    """Return text of several lines as :func:`printable` does, with its line breaks and tabs."""
    return _LINES.sub(_show, text)


def _show(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < 0x20:  # noqa: PLR2004  Unicode has a sign for each of these
        return chr(0x2400 + number)
    return "\u2421" if number == 0x7F else _escape(found)  # noqa: PLR2004


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def show_path(path: Path) -> str:
    """Return a path in one line, relative to the working folder if it is below; of a long one the end."""
    here = Path.cwd()
    text = printable(str(path.relative_to(here) if here in path.parents else path))
    return text if len(text) <= LONGEST_PATH else f"...{text[-LONGEST_PATH:]}"


def program() -> str:
    """Return how this program was called: bikeml, or python -m bikeml, which works everywhere."""
    return "bikeml" if Path(sys.argv[0]).stem == "bikeml" else "python -m bikeml"
