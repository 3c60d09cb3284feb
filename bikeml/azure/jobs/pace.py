"""Limit how often the service is called."""

from threading import Lock
from typing import Protocol


class Clock(Protocol):
    """Time, which tests can move; the module `time` is one."""

    def monotonic(self) -> float:
        """Return seconds that neither a reset of the system's clock nor a laptop's sleep moves."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class Limit:
    """A bucket of tokens that several threads draw from: `capacity` at once, then `per_second`."""

    def __init__(self, capacity: float, per_second: float, clock: Clock) -> None:
        self._capacity, self._per_second, self._clock = capacity, per_second, clock
        self._tokens, self._filled, self._lock = capacity, clock.monotonic(), Lock()

    def wait(self) -> None:
        """Take a token; wait for it if there is none."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self._capacity, self._tokens + (now - self._filled) * self._per_second) - 1
            self._filled, missing = now, -self._tokens
        if missing > 0:
            self._clock.sleep(missing / self._per_second)
