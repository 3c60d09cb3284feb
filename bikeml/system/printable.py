"""Show any text in one line."""

import unicodedata

_BREAKING = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, lone surrogates, and separators of lines and paragraphs."""


def printable(text: str) -> str:
    r"""Return text in one line: each line break, tab or other control character as Python writes it, such as ``\n``."""
    return "".join(map(_show, text))


def _show(character: str) -> str:
    if unicodedata.category(character) in _BREAKING:
        return character.encode("unicode_escape").decode()
    return character
