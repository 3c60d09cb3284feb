"""The child processes of the loopback service: each ends when this process does, however it does."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

KEEPER = Path(__file__).with_name("keeper.py")


class Kept:
    """
    A command that lives no longer than this process.

    Parameters
    ----------
    command : sequence of str
        What to run, in a process group of its own.
    log : Path
        Receives standard output and error, one after the other as they come.
    env : mapping, optional
        The whole environment; this process's own where None.
    cwd : Path, optional
        The working folder.
    remove : Path, optional
        A folder that goes when this process has gone, even if it was killed.

    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        remove: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", str(KEEPER), str(remove or "-"), *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(os.environ if env is None else env),
                cwd=cwd,
            )
        self._ending = threading.Lock()

    @property
    def pid(self) -> int:
        """The keeper's process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, or None while the command runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the command and return its exit code."""
        code = self._process.wait(timeout)
        self._release()
        return code

    def stop(self, timeout: float = 10.0) -> None:
        """End the command and everything that it started; harmless when it has ended."""
        with self._ending:
            self._release()
            self._process.wait(timeout)

    def _release(self) -> None:
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # the keeper reads the end of file and ends the group

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of its log, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ChildError(RuntimeError):
    """A part of the loopback service did not start."""


def processes_with(text: str) -> list[int]:
    """Return the processes whose command line or environment has `text`, our own left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in words and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found
