"""The request log: what the launcher's tests count."""

import fnmatch
import threading
from collections import Counter
from dataclasses import dataclass


@dataclass
class Entry:
    """One request as it was answered; status 0 means that no answer was sent."""

    method: str
    host: str
    path: str
    route: str = "unknown"
    api_version: str | None = None
    status: int = 0
    job: str | None = None
    time: float = 0.0
    milliseconds: float = 0.0
    fault: str | None = None

    def __str__(self) -> str:
        version = f" {self.api_version}" if self.api_version else ""
        fault = f" [{self.fault}]" if self.fault else ""
        return f"{self.status} {self.method} {self.route}{version} {self.job or ''}{fault}".rstrip()


class RequestLog:
    """Every request to the service, in order; requests to the blob store and for tokens are not among them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Append one request."""
        with self._lock:
            self.entries.append(entry)

    def clear(self) -> None:
        """Forget everything, so that the next step can be counted alone."""
        with self._lock:
            self.entries.clear()

    def find(
        self,
        route: str = "*",
        *,
        method: str | None = None,
        status: int | None = None,
        job: str | None = None,
    ) -> list[Entry]:
        """Return the requests whose route matches the pattern ("jobs.*") and that fit the rest."""
        return [
            entry
            for entry in list(self.entries)
            if fnmatch.fnmatch(entry.route, route)
            and method in (None, entry.method)
            and status in (None, entry.status)
            and job in (None, entry.job)
        ]

    def counts(self) -> dict[str, int]:
        """Return how often each route was asked for."""
        return dict(Counter(entry.route for entry in list(self.entries)))
