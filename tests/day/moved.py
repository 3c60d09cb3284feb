"""One clock for two processes: it stands still until somebody sleeps."""

import contextlib
import threading
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from tests.azureml.clock import Clock


class ClockServer:
    """Lets other processes read and move a clock, over a socket in a folder."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self.address = str(folder / "clock")
        self._clock = clock
        self._listener = Listener(self.address, "AF_UNIX")
        threading.Thread(target=self._accept, name="clock", daemon=True).start()

    def move(self, until: float) -> float:
        """Move the clock to a moment, unless it is past it, and return the present."""
        with self._clock.lock:
            if (seconds := until - self._clock.now()) > 0:
                self._clock.advance(seconds)
            return self._clock.now()

    def close(self) -> None:
        """Take no more processes."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                connection = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), name="clock", daemon=True).start()

    def _serve(self, connection: "Connection[Any, Any]") -> None:
        with contextlib.suppress(OSError, EOFError):  # the process has ended
            while True:
                connection.send(self.move(connection.recv()))


class MovedClock:
    """The clock of a :class:`ClockServer` as another process sees it; it may be used from several threads."""

    def __init__(self, address: str) -> None:
        self._connection, self._lock = Client(address, "AF_UNIX"), threading.Lock()

    def time(self) -> float:
        """Return the moment, in seconds since the epoch."""
        return self._ask(0.0)

    monotonic = time

    def sleep(self, seconds: float) -> None:
        """Have the time pass; threads that sleep at once let it pass once."""
        self._ask(self.time() + seconds)

    def _ask(self, until: float) -> float:
        with self._lock:
            self._connection.send(until)
            return float(self._connection.recv())
