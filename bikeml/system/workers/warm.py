"""
Worker processes that have imported the libraries before they begin, since they are forked from one that has.

A worker of spawn or loky imports for seconds what a cell needs; a fork of multiprocessing's server has it in a tenth of
one. The server never computes, so that no thread of OpenMP is lost in the fork. Where nothing can be forked safely,
each worker is spawned.
"""

import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from bikeml.system.interrupts import INTERRUPTS, Interrupt, clean_up, heed
from bikeml.system.processes import uninterrupted

NAME = "bikeml worker"
"""Of its process, for multiprocessing."""
OF_THE_TERMINAL = tuple(number for number in INTERRUPTS if number != signal.SIGTERM)
"""The signals that a terminal sends to all of its processes. The caller alone heeds them, and ends its workers."""
QUIET = "bikeml.system.workers.quiet"
FILES_OF_A_START = 8
"""The pipes and sockets that multiprocessing opens to start a process, and two more."""
CAN_FORK = sys.platform == "linux"
"""macOS's libraries do not bear a fork, and Windows has none."""


class Answer(NamedTuple):
    """What a call has left."""

    value: Any
    """What it returned; None if it raised."""
    error: str | None
    """What it raised, as one line."""
    said: str
    """What it wrote to the standard error."""


class DeadWorkerError(Exception):
    """The process ended before it had answered; its argument is the exit code, negative for a signal."""

    def __str__(self) -> str:
        (code,) = self.args
        return f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"


class WarmServer:
    """Starts workers; the server begins at once to import `modules`, which need not exist."""

    def __init__(self, modules: Sequence[str], method: str | None = None) -> None:
        self._context: Any = get_context(method or ("forkserver" if CAN_FORK else "spawn"))
        self._importing: int | None = None
        if self._context.get_start_method() == "forkserver":
            before = _find_forkserver()
            self._context.set_forkserver_preload([QUIET, *modules])
            with uninterrupted(OF_THE_TERMINAL):  # what this process ignores is ignored by one that it starts, too
                _ensure_running()
            self._importing = None if _find_forkserver() == before else _find_forkserver()

    def start(self) -> "WarmWorker":
        """Return a worker; it needs no main module of the caller's, which may be a script without a guard."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs,), name=NAME)
        with _without_main():
            if self._context.get_start_method() == "forkserver":
                with _held_back():
                    _ensure_running()
                _check_files()
                process.start()  # waits until the server has imported all; a Ctrl-C may end it
                self._importing = None
            else:
                with _held_back():
                    process.start()
        theirs.close()
        return WarmWorker(process, ours)

    def end(self) -> None:
        """End a server that may still import; it would notice only then, seconds later, that this process has ended."""
        if self._importing is not None:
            with suppress(ProcessLookupError):
                os.kill(self._importing, signal.SIGKILL)
                os.waitid(os.P_PID, self._importing, os.WEXITED | os.WNOWAIT)  # the next one begins if it has ended
            self._importing = None


def _ensure_running() -> None:
    """Start the server, if it does not run; raises OSError."""
    from multiprocessing import forkserver  # noqa: PLC0415  Windows has none

    try:
        forkserver.ensure_running()
    except ChildProcessError:  # it is that of the process from which this one was forked (Python 3.11)
        theirs: Any = forkserver._forkserver  # noqa: SLF001
        os.close(theirs._forkserver_alive_fd)  # noqa: SLF001
        theirs._forkserver_address = theirs._forkserver_alive_fd = theirs._forkserver_pid = None  # noqa: SLF001
        forkserver.ensure_running()


def _check_files() -> None:
    """Raise OSError if too many files are open to start a process: the server would end with a traceback."""
    with ExitStack() as files:
        for _ in range(FILES_OF_A_START):
            files.enter_context(Path(os.devnull).open("rb"))


def _find_forkserver() -> int | None:
    """Return the pid of the server that all of this process share; None if it was not started."""
    from multiprocessing import forkserver  # noqa: PLC0415

    server: Any = forkserver._forkserver  # noqa: SLF001
    pid: int | None = server._forkserver_pid  # noqa: SLF001  nothing else tells it (Python 3.14)
    return pid


@contextmanager
def _held_back() -> Iterator[None]:
    """Let the terminal's signals wait until the block ends; a process that it starts gets none before _serve."""
    if not hasattr(signal, "pthread_sigmask"):
        with uninterrupted(OF_THE_TERMINAL):
            yield
        return
    from multiprocessing import resource_tracker  # noqa: PLC0415  Windows has none

    resource_tracker.ensure_running()  # when it begins, it lets SIGINT through again (Python 3.11)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, OF_THE_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main() -> Iterator[None]:
    """Let multiprocessing find no main module that a new process would have to run once more."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class WarmWorker:
    """A process that calls one function after the other; `connection` can be waited for."""

    def __init__(self, process: Any, link: "connection.Connection[Any, Any]") -> None:  # noqa: ANN401  of any context
        self._process, self.connection = process, link

    @property
    def pid(self) -> int:
        """The id of its process, and of the group of all that it starts."""
        return int(self._process.pid)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Begin a call; the function is sent by its name, and what it returns is pickled."""
        with suppress(OSError):  # it has died, and read says so
            self.connection.send((function, args))

    def read(self) -> Answer:
        """Wait for what the call has left, and return it; raises DeadWorkerError."""
        try:
            return Answer(*self.connection.recv())
        except (EOFError, OSError) as error:
            self._process.join(5)
            raise DeadWorkerError(self._process.exitcode) from error

    def terminate(self) -> None:
        """Ask it to end: the call is interrupted, and cleans up."""
        self._process.terminate()

    def join(self, seconds: float) -> None:
        """Wait until it has ended, at most so long."""
        self._process.join(seconds)

    def kill(self) -> None:
        """End it at once, with all processes that it has started."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):  # it has no group before it begins
                os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve(link: "connection.Connection[Any, Any]") -> None:
    """Call what comes through `link` until its other end is closed."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # a Ctrl-C in the terminal reaches the caller, who asks this process to end
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for number in OF_THE_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_THE_TERMINAL)
    heed()
    gc.freeze()
    gc.enable()
    with suppress(EOFError, OSError, Interrupt):
        while True:
            function, args = link.recv()
            clean_up()
            link.send(_answer(function, args))
    os._exit(0)


def _answer(function: Callable[..., object], args: Sequence[object]) -> Answer:
    said = io.StringIO()
    with redirect_stderr(said):
        try:
            return Answer(function(*args), None, said.getvalue())
        except Exception as error:  # noqa: BLE001  the caller tells it
            return Answer(None, f"{type(error).__name__}: {error}", said.getvalue())


def _end_with_parent() -> None:
    """End this process, and those that it has started, when its parent has ended: a fit would go on."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
