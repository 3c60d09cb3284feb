"""How fast, and for how long, the service is asked."""

from collections.abc import Callable
from threading import Event, Lock
from typing import Protocol, TypeVar

from bikeml.azure.jobs.service import QuotaError, ServiceError
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
    """
    Ask again while the service is out of reach: that it does not tell of a job is no failure of the job.

    Parameters
    ----------
    minutes, between_seconds : float
        For how long, and how far apart.
    waits_for_quota : bool
        Whether a quota that leaves no room is waited for too.
    tell : callable
        Called with what is waited for, once for each kind of trouble.
    """

    def __init__(
        self,
        minutes: float,
        between_seconds: float,
        clock: Clock,
        *,
        waits_for_quota: bool,
        tell: Callable[[str], None],
    ) -> None:
        self.minutes, self._between_seconds, self._clock = minutes, between_seconds, clock
        self._waits_for_quota, self._tell = waits_for_quota, tell
        self._told, self._lock = set[type](), Lock()
        self._over = Event()

    def end(self) -> None:
        """Ask nothing again from now on, in any thread."""
        self._over.set()

    def ask(self, call: Callable[[], Answer]) -> Answer:
        """
        Return the call's answer.

        Raises ServiceError at once where the service refuses or patience has ended, and ClusterError where it is away,
        or a quota full, for too long.
        """
        began = self._clock.monotonic()
        while True:
            try:
                return call()
            except ServiceError as error:
                self._check(error, began)
            self._clock.sleep(self._between_seconds)

    def _check(self, error: ServiceError, began: float) -> None:
        """Raise what is not waited for, or not any longer; tell of the rest."""
        is_quota = isinstance(error, QuotaError)
        if is_quota and not self._waits_for_quota:
            raise QuotaError(
                f"{error}; or wait for room with hydra.launcher.on_quota=wait; what was submitted goes on"
            ) from error
        if self._over.is_set() or not (is_quota or error.temporary):
            raise error
        if self._clock.monotonic() - began >= self.minutes * 60:
            what = "there has been no room" if is_quota else "the workspace has not answered"
            raise ClusterError(
                f"{what} for {self.minutes:g} minutes: {error}; what was submitted goes on, and the same command finds "
                "it again"
            ) from error
        with self._lock:
            is_news = type(error) not in self._told
            self._told.add(type(error))
        if is_news:
            self._tell(f"waiting for up to {self.minutes:g} minutes: {error}")
