"""The service's time: it can run, stand still, run faster, or be moved, and things happen in it in order."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """
    Time as the simulated part of the service sees it, in seconds since the epoch.

    Parameters
    ----------
    speed : float
        Simulated seconds per real second; 0 stands still until `advance` is called.

    Attributes
    ----------
    skew_seconds : float
        What the service's written times are off by; a test sets it.
    lock : RLock
        Held while anything happens; hold it to look at several things at one moment.

    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.skew_seconds = 0.0
        self.lock = threading.RLock()
        self._began = time.monotonic()
        self._origin = time.time()
        self._moment = self._origin
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def reset(self, speed: float | None = None) -> None:
        """Go back to the present, forget what was to happen, and run at `speed`, 1 where it is None."""
        with self.lock:
            self.speed = 1.0 if speed is None else speed
            self.skew_seconds = 0.0
            self._began, self._origin = time.monotonic(), time.time()
            self._moment = self._origin
            self._due.clear()

    def freeze(self) -> None:
        """Let the time stand still until `advance` is called."""
        with self.lock:
            self.catch_up()
            self._origin, self._began, self.speed = self._moment, time.monotonic(), 0.0

    def now(self) -> float:
        """Return the moment that is being lived through."""
        return self._moment

    def stamp(self, moment: float | None = None) -> str:
        """Return a moment, the present one by default, as the service writes it."""
        at = self._moment if moment is None else moment
        return datetime.fromtimestamp(at + self.skew_seconds, UTC).isoformat(timespec="microseconds")

    def call_in(self, seconds: float, action: Callable[[], None]) -> None:
        """Have `action` called when `seconds` have passed."""
        with self.lock:
            heapq.heappush(self._due, (self._moment + seconds, next(self._order), action))

    def advance(self, seconds: float) -> None:
        """Move the time forward and let everything happen that falls due, in its order and at its moment."""
        with self.lock:
            self._origin += seconds
            self.catch_up()

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        with self.lock:
            until = self._origin + (time.monotonic() - self._began) * self.speed
            while self._due and self._due[0][0] <= until:
                moment, _, action = heapq.heappop(self._due)
                self._moment = max(self._moment, moment)
                action()
            self._moment = max(self._moment, until)
