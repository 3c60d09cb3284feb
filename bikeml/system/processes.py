"""A child process that ends when the block that needs it does, with all that it started."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

GRACE_SECONDS = 10.0
HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""What a terminal that is closed and a connection that is dropped send; Windows has none."""
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, *([] if HANGUP is None else [HANGUP]))


@contextmanager
def child(
    command: Sequence[str], variables: Mapping[str, str], output: IO[bytes], folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """
    Run a command in a process group of its own while the block runs, and end the group whatever happens.

    A Ctrl-C of the terminal therefore reaches this process alone. `variables` stand beside the environment's.
    """
    process = subprocess.Popen(
        command,
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
        os.killpg(process.pid, signal.SIGKILL)  # also what it started and left behind
    process.wait()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no interrupt disturb the block, such as a second Ctrl-C the cleaning up after the first."""
    if threading.current_thread() is not threading.main_thread():  # no other one gets them
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
