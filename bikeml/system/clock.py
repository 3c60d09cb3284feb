"""The moment at which a person began to wait for a command, and the one at which what runs is stopped."""

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_entered: ContextVar[float] = ContextVar("entered")
_until: ContextVar[float] = ContextVar("until", default=math.inf)


@contextmanager
def command_entered(seconds_ago: float = 0.0) -> Iterator[None]:
    """Note for the block that a command was entered so many seconds ago; what a program calls later is another one."""
    token = _entered.set(time.time() - seconds_ago)
    try:
        yield
    finally:
        _entered.reset(token)


def entered(otherwise: float) -> float:
    """Return the Unix time at which the command was entered, or `otherwise` if nothing has noted it."""
    return _entered.get(otherwise)


@contextmanager
def stopped_at(until: float) -> Iterator[None]:
    """Note for the block the Unix time at which it is stopped; infinite if nothing stops it."""
    token = _until.set(until)
    try:
        yield
    finally:
        _until.reset(token)


def seconds_left() -> float:
    """Return the seconds until what runs is stopped."""
    return _until.get() - time.time()


def process_age() -> float:
    """Return the seconds since this process began, Python's own start included; 0 if the system does not tell it."""
    if sys.platform == "linux":  # psutil adds the time of the boot, which Linux tells in whole seconds (psutil 7.2)
        try:
            ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        except OSError:
            return 0.0
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    import psutil

    return time.time() - float(psutil.Process().create_time())
