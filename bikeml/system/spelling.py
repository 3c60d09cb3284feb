"""Spell names and values: suggest the known word that was meant, list a few of many, and put dots into names."""

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

NAMES_SHOWN = 6
MAX_SHOWN = 60


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` with the known word nearest to `word`, or '' if none is near."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(by_lower), n=1)
    return f"; did you mean {show(by_lower[near[0]])}?" if near else ""


def shorten(text: str) -> str:
    """Return the beginning of a text if it is long."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def show(value: object) -> str:
    """Return a value as a message shows it: text in quotes, and only the beginning if it is long."""
    return shorten(repr(value))


def some(values: Collection[T], n_shown: int = NAMES_SHOWN, show: Callable[[T], str] = show) -> str:
    """Return values as a message lists them: separated by commas, and only the first if they are many."""
    more = len(values) - n_shown
    first = ", ".join(map(show, values if more <= 1 else islice(values, n_shown)))
    return f"{first} and {more:,} more" if more > 1 else first


def join_names(values: Any) -> Any:  # noqa: ANN401  any YAML value
    """Return a mapping without mappings in it: Hydra makes them of a name with dots, as in +tags.release.version=2."""
    if not isinstance(values, Mapping):
        return values or {}
    joined: dict[str, Any] = {}
    for name, value in values.items():
        has_names = isinstance(value, Mapping) and value
        joined |= {f"{name}.{rest}": each for rest, each in join_names(value).items()} if has_names else {name: value}
    return joined
