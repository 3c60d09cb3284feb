"""How fast, and for how long, the service is asked."""

from collections.abc import Callable
from threading import Event, Lock
from typing import Protocol, TypeVar

from bikeml.azure.jobs import ServiceError
from bikeml.errors import ClusterError

Answer = TypeVar("Answer")


class Clock(Protocol):
    """Time, which tests can move; the module `time` is one."""

    def monotonic(self) -> float:
        """Return the seconds since any moment: no clock that is set, nor a laptop's sleep, ends a deadline."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class Limit:
    """A bucket of tokens that several threads draw from: `capacity` at once, then `per_second`."""

    def __init__(self, capacity: float, per_second: float, clock: Clock) -> None:
        self._capacity, self._per_second, self._clock = capacity, per_second, clock
        self._tokens, self._filled, self._lock = capacity, clock.monotonic(), Lock()

    def wait(self) -> None:
        """Take a token, and wait for it where there is none."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self._capacity, self._tokens + (now - self._filled) * self._per_second) - 1
            self._filled, missing = now, -self._tokens
        if missing > 0:
            self._clock.sleep(missing / self._per_second)


class Patience:
    """Ask again while the service is out of reach: that it does not tell of a job is no failure of the job."""

    def __init__(self, minutes: float, between_seconds: float, clock: Clock) -> None:
        self.minutes, self._between_seconds, self._clock = minutes, between_seconds, clock
        self._over = Event()

    def end(self) -> None:
        """Ask nothing again from now on, in any thread."""
        self._over.set()

    def ask(self, call: Callable[[], Answer]) -> Answer:
        """
        Return the call's answer.

        Raises ServiceError at once where the service refuses or patience has ended, and ClusterError where it is away
        for too long.
        """
        began = self._clock.monotonic()
        while True:
            try:
                return call()
            except ServiceError as error:
                if not error.temporary or self._over.is_set():
                    raise
                if self._clock.monotonic() - began >= self.minutes * 60:
                    raise ClusterError(
                        f"the workspace has not answered for {self.minutes:g} minutes: {error}; what was submitted "
                        "goes on, and the same command finds it again"
                    ) from error
            self._clock.sleep(self._between_seconds)
