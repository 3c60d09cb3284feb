"""Run a child process for the length of a block, and tell whether a process of earlier still runs."""

import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from bikeml.system.documents import parse_json
from bikeml.system.interrupts import INTERRUPTS

GRACE_SECONDS = 10.0
_TETHERED = """
import os, runpy, signal, sys, threading, time

def watch(parent):
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)

parent = int(sys.argv[1])
del sys.argv[:2]
if hasattr(os, "killpg"):
    threading.Thread(target=watch, args=(parent,), daemon=True).start()
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@contextmanager
def child(
    words: Sequence[str], variables: Mapping[str, str], output: IO[bytes], folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """
    Run a Python module, `words`, in its own process group while the block runs, and always end the group afterwards.

    So a Ctrl-C in the terminal reaches only this process. The group ends also if this process is killed. `variables`
    are added to those of the environment.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _TETHERED, str(os.getpid()), *words],
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with uninterrupted():
            _end_group(process)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # also processes that it started and left running
    process.wait()


@contextmanager
def uninterrupted(numbers: Sequence[int] = INTERRUPTS) -> Iterator[None]:
    """Ignore interrupts while the block runs, such as a second Ctrl-C during the clean-up after the first."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread gets interrupts
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def owner() -> str:
    """Return what identifies this process, as JSON: its host, its pid and its start time."""
    process = psutil.Process()
    return json.dumps({"host": socket.gethostname(), "pid": process.pid, "started": process.create_time()})


def user() -> str:
    """Return the name of this process's user, or "unknown": in a container, a user may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def is_gone(owner_tag: str) -> bool:
    """Return whether the process of the tag ran on this machine and has ended; False for other machines."""
    try:
        tag = parse_json(owner_tag)
        host, pid, started = tag["host"], int(tag["pid"]), float(tag["started"])
    except (ValueError, KeyError, TypeError):
        return False
    if host != socket.gethostname():
        return False
    try:
        return bool(psutil.Process(pid).create_time() != started)
    except psutil.NoSuchProcess:
        return True
