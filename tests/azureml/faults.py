"""
What can go wrong between a client and the service, at the test's choice and from one seed.

A fault is chosen by operation ("jobs.put", "jobs.*", "*"), method and job, and happens a number of times or with a
probability. "before" means that the service did nothing; "after" that it did the work and the client was not told.
"""

import fnmatch
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

When = Literal["before", "after"]
Kind = Literal["answer", "reset", "slow", "truncate"]

WRITES = {"PUT", "POST", "PATCH", "DELETE"}


@dataclass
class Fault:
    """One rule; `left` counts down, None means for ever."""

    kind: Kind
    route: str
    method: str | None
    job: str | None
    when: When
    left: int | None
    probability: float
    status: int = 503
    code: str = "InjectedFault"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    happened: int = 0

    def fits(self, method: str, route: str, job: str | None) -> bool:
        """Return whether the rule speaks of this request."""
        return (
            self.left != 0
            and fnmatch.fnmatch(route, self.route)
            and self.method in (None, method)
            and self.job in (None, job)
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.status if self.kind == 'answer' else ''} {self.when}".replace("  ", " ")


@dataclass
class Bucket:
    """A token bucket, which Resource Manager refills."""

    capacity: float
    per_second: float
    now: Callable[[], float]
    tokens: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens, self._at = self.capacity, self.now()

    def take(self) -> float:
        """Take one token and return 0, or return the seconds until there is one."""
        now = self.now()
        self.tokens = min(self.capacity, self.tokens + (now - self._at) * self.per_second)
        self._at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.per_second


class Faults:
    """The faults of one service; none until a test asks for them."""

    def __init__(self, seed: int = 0) -> None:
        self.rules: list[Fault] = []
        self._random = random.Random(seed)
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def answer(
        self,
        status: int,
        route: str = "*",
        *,
        method: str | None = None,
        job: str | None = None,
        when: When = "before",
        times: int | None = 1,
        probability: float = 1.0,
        retry_after: float | None = None,
        code: str = "InjectedFault",
    ) -> Fault:
        """Answer with an error status, such as 429 with Retry-After, 500 after the work was done, or a quota's code."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return self._add(Fault("answer", route, method, job, when, times, probability, status, code, headers))

    def reset(
        self,
        route: str = "*",
        *,
        method: str | None = None,
        job: str | None = None,
        when: When = "before",
        times: int | None = 1,
        probability: float = 1.0,
    ) -> Fault:
        """Reset the connection instead of answering."""
        return self._add(Fault("reset", route, method, job, when, times, probability))

    def slow(
        self,
        seconds: float,
        route: str = "*",
        *,
        method: str | None = None,
        job: str | None = None,
        when: When = "after",
        times: int | None = 1,
        probability: float = 1.0,
    ) -> Fault:
        """Answer late, in real seconds."""
        return self._add(Fault("slow", route, method, job, when, times, probability, seconds=seconds))

    def truncate(
        self,
        route: str = "*",
        *,
        method: str | None = None,
        job: str | None = None,
        times: int | None = 1,
        probability: float = 1.0,
    ) -> Fault:
        """Do the work, announce the whole body, send half of it and hang up."""
        return self._add(Fault("truncate", route, method, job, "after", times, probability))

    def throttle(
        self,
        writes: float = 200,
        writes_per_second: float = 10,
        reads: float = 250,
        reads_per_second: float = 25,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Give Resource Manager its token buckets; the defaults are those that it documents.

        They are refilled in real time, since the client's Retry-After is real too, unless `now` is another clock.
        """
        self._buckets = {
            "write": Bucket(writes, writes_per_second, now),
            "read": Bucket(reads, reads_per_second, now),
        }

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self.rules.clear()
            self._buckets.clear()

    def pick(self, method: str, route: str, job: str | None) -> Fault | None:
        """Return the first rule that strikes this request, and count it."""
        with self._lock:
            for rule in self.rules:
                if rule.fits(method, route, job) and self._random.random() < rule.probability:
                    rule.happened += 1
                    rule.left = None if rule.left is None else rule.left - 1
                    return rule
        return None

    def seconds_to_wait(self, method: str) -> float:
        """Return 0 if Resource Manager's bucket lets the request through, else the wait."""
        with self._lock:
            bucket = self._buckets.get("write" if method in WRITES else "read")
            return bucket.take() if bucket else 0.0

    def _add(self, fault: Fault) -> Fault:
        with self._lock:
            self.rules.append(fault)
        return fault
