"""Whether anybody reads what the end of a sweep prints."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_watched: ContextVar[bool] = ContextVar("is_watched", default=True)
"""Hydra makes the sweeper, without arguments of ours."""


def is_watched() -> bool:
    """Return whether the end of a sweep is printed."""
    return _is_watched.get()


@contextmanager
def unwatched() -> Iterator[None]:
    """Let a sweep that ends while the block runs print nothing: its caller gets the leaderboard as an object."""
    token = _is_watched.set(False)
    try:
        yield
    finally:
        _is_watched.reset(token)
