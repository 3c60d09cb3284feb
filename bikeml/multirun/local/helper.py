"""A worker that does for the process of a sweep what needs the libraries that only workers import."""

from collections.abc import Callable
from typing import TypeVar, cast

from bikeml.multirun.local.job import answer_in_worker
from bikeml.system.redaction import recall
from bikeml.system.workers.warm import DeadWorkerError, WarmServer, WarmWorker

T = TypeVar("T")


class Helper:
    """A worker of `server` that answers one question after the other; `packed` are the surroundings of a job."""

    def __init__(self, server: WarmServer, packed: bytes) -> None:
        self._server, self._packed = server, packed
        self._worker: WarmWorker | None = None

    def ask(self, function: Callable[..., T], *args: object) -> T:
        """
        Return what a function of a module returns in the worker, or raise the BikemlError that it raises.

        If the worker dies, or the function fails as it never should, it is called in this process.
        """
        self._worker = self._worker or self._server.start()
        try:
            self._worker.call(answer_in_worker, self._packed, recall(), function, args)
            answer = self._worker.read()
        except DeadWorkerError:
            self.kill()
            return function(*args)
        except BaseException:  # an interrupt too: the answer would be taken for that to the next question
            self.kill()
            raise
        if answer.error is not None:
            return function(*args)
        value, error = answer.value
        if error is not None:
            raise error
        return cast(T, value)

    def hand_over(self) -> list[WarmWorker]:
        """Return the worker, if there is one, to its next master; a further question starts another one."""
        worker, self._worker = self._worker, None
        return [] if worker is None else [worker]

    def kill(self) -> None:
        """End the worker."""
        for worker in self.hand_over():
            worker.kill()
