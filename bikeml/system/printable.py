"""Show any text in one line, and a path in few characters."""

import unicodedata
from pathlib import Path

LONGEST_PATH = 120

_BREAKING = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, lone surrogates, and separators of lines and paragraphs."""


def printable(text: str) -> str:
    r"""Return text in one line: each line break, tab or other control character as Python writes it, such as ``\n``."""
    return "".join(map(_show, text))


def _show(character: str) -> str:
    if unicodedata.category(character) in _BREAKING:
        return character.encode("unicode_escape").decode()
    return character


def show_path(path: Path) -> str:
    """Return a path in one line, relative to the working folder if it is below; of a long one the end."""
    here = Path.cwd()
    text = printable(str(path.relative_to(here) if here in path.parents else path))
    return text if len(text) <= LONGEST_PATH else f"...{text[-LONGEST_PATH:]}"
