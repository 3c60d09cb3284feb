"""
A warm process that calls one function after the other, and that can be killed while it does.

loky starts it: in contrast to multiprocessing's ways, it never imports the caller's main module, so that a script
without a guard and a notebook can use it, and it does not hang where OpenMP has run before.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Self, TypeVar

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import ShutdownExecutorError

from bikeml.system.processes import uninterrupted

T = TypeVar("T")
Call = tuple[Any, ...]
"""A function, and its arguments."""
DEAD = (BrokenProcessPool, ShutdownExecutorError)
"""What a future raises if its process has died, or was killed."""
WATCH_SECONDS = 0.5


class Worker:
    """
    One process; it starts with the first call, and again with the first one after it was killed or has died.

    `begin` is called in each process before anything else, such as with data that many calls need. Functions are those
    of modules, and they are sent by name; arguments and results are pickled. `variables` are added to the environment
    of the process. Ctrl-C does not reach it, and it ends with this process, however this one ends.
    """

    def __init__(self, *begin: Any, variables: Mapping[str, str] | None = None) -> None:  # noqa: ANN401  any arguments
        self._begin, self._variables = begin, dict(variables or {})
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, function: Callable[..., T], *args: Any) -> "Future[T]":  # noqa: ANN401  any arguments
        """
        Start a call, and return its future: its result is the function's, or the error that it raises, or one of DEAD.

        Several futures are waited for, to a deadline, with concurrent.futures.wait.
        """
        with uninterrupted():  # an ignored signal is ignored by a process that is started meanwhile, too
            try:
                future: Future[T] = self._open().submit(function, *args)
            except DEAD:  # it died before
                self._executor = None
                future = self._open().submit(function, *args)
        return future

    def _open(self) -> Any:  # noqa: ANN401  joblib has no types
        if self._executor is None:
            begin = os.getpid(), self._begin
            self._executor = ProcessPoolExecutor(1, env=self._variables, initializer=_begin, initargs=begin)
        return self._executor

    def kill(self) -> None:
        """End the process at once, with SIGKILL, and those that it has started; a call that runs is lost."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)

    def __enter__(self) -> Self:
        """Return the worker."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the process."""
        with uninterrupted():
            self.kill()


def _begin(parent: int, call: Call) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if call:
        function, *args = call
        function(*args)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended: a fit would go on for as long as it takes."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
