"""Draw and record results in a process of its own, which imports what it needs while an experiment computes."""

import gc
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import compress
from typing import Any

from bikeml.errors import BikemlError
from bikeml.multirun.local.publication import Publication, logging_to, publish_cell, publish_here
from bikeml.system.processes import GRACE_SECONDS, uninterrupted
from bikeml.system.redaction import recall, take_over
from bikeml.system.workers.warm import Answer, DeadWorkerError, WarmServer
from bikeml.terminal.progress import silent

OBJECTS_BEFORE_COLLECTION = 10_000
"""As in a command."""
METHOD = "spawn"
"""It begins at once, in every system; a fork of a server could open no store before it is needed."""


@dataclass(frozen=True)
class Ended:
    """What became of a publication."""

    publication: Publication
    same: str
    """The earlier run that is the same, as tell_same says; of a cell nothing is asked."""
    error: BikemlError | None
    said: str
    """What it wrote to the standard error."""


@dataclass(frozen=True)
class Question:
    """A function that is to be called in the process; it is sent by its name."""

    function: Callable[..., object]
    args: Sequence[object]


class Recorder:
    """A process that draws and records what is added, one after the other; `connection` can be waited for."""

    def __init__(self, uri: str | None) -> None:
        """Begin to import what is needed, and to open the store at `uri`."""
        self._worker = WarmServer((), METHOD).start()
        self.connection = self._worker.connection
        self._waiting: deque[Publication | Question] = deque()
        self._current: Publication | Question | None = None
        self._worker.call(_prepare, uri)
        self.is_busy = True
        """Whether it is going to answer."""
        self.is_dead = False

    @property
    def is_asked(self) -> bool:
        """Whether something is left to do of :meth:`ask_later`."""
        return any(isinstance(each, Question) for each in (self._current, *self._waiting))

    def add(self, publication: Publication) -> None:
        """Draw and record a folder when those before it are done."""
        with self._dead_if_broken_off():
            self._waiting.append(publication)
            self._begin_next()

    def ask_later(self, function: Callable[..., object], *args: object) -> None:
        """Let a function be called as :meth:`ask` does; :meth:`take` raises what it raises, and drops the rest."""
        with self._dead_if_broken_off():
            self._waiting.append(Question(function, args))
            self._begin_next()

    def take(self) -> Ended | None:
        """
        Wait for an answer, and return what has ended; None if it was no publication.

        Raises the BikemlError of a question, and DeadWorkerError if the process has died, or has failed as it never
        should; then it is dead.
        """
        with self._dead_if_broken_off():
            answer = self._read()
            done, self._current, self.is_busy = self._current, None, False
            if isinstance(done, Question):
                self._heed(answer)
            self._begin_next()
        if not isinstance(done, Publication):
            return None
        same, error = answer.value
        return Ended(done, same, error, answer.said)

    def finish(self) -> None:
        """Wait until nothing is left to do; raises as :meth:`take` does."""
        while self.is_busy:
            self.take()

    def ask(self, function: Callable[..., object], *args: object) -> Any:  # noqa: ANN401  whatever the function returns
        """
        Return what a function returns in the process, when all that was added is done; it is sent by its name.

        Raises the BikemlError that it raises, and DeadWorkerError as :meth:`take` does.
        """
        self.finish()
        with self._dead_if_broken_off():
            self.ask_later(function, *args)
            answer = self._read()
            self._current, self.is_busy = None, False
            return self._heed(answer)

    def _read(self) -> Answer:
        answer = self._worker.read()
        if answer.error is not None:
            raise DeadWorkerError(0)
        return answer

    def _heed(self, answer: Answer) -> object:
        """Return the value of an answer to a question; if it is an error, drop what waits, and raise it."""
        sys.stderr.write(answer.said)
        value, error = answer.value
        if error is not None:
            self._waiting.clear()
            raise error
        return value

    @contextmanager
    def _dead_if_broken_off(self) -> Iterator[None]:
        """Kill the process if the block does not end: its answer would be taken for that to the next question."""
        try:
            yield
        except BikemlError:
            raise
        except BaseException:
            self.kill(gently=True)
            raise

    def _begin_next(self) -> None:
        if self._waiting and not self.is_busy:
            self._current, self.is_busy = self._waiting.popleft(), True
            if isinstance(self._current, Question):
                self._worker.call(_answer, self._current, dict(os.environ), recall())
            else:
                self._worker.call(_publish, self._current, dict(os.environ), recall())

    def drop(self) -> None:
        """
        Record no more results, and end what is recorded just now, so that its run has an end.

        Unless it was a result, what was asked, and failures, which nothing records later, may take some seconds.
        """
        if self.is_dead:
            return
        is_quick = [isinstance(each, Question) or each.failed is not None for each in self._waiting]
        self._waiting = deque(compress(self._waiting, is_quick))
        until = time.monotonic() + GRACE_SECONDS
        is_result = isinstance(self._current, Publication) and self._current.failed is None
        with suppress(BikemlError, DeadWorkerError):
            while self.is_busy and not is_result and self.connection.poll(max(0.0, until - time.monotonic())):
                self.take()
        if self.is_busy:
            self.kill(gently=True)

    def kill(self, *, gently: bool = False) -> None:
        """End the process at once, or `gently`, so that the run that it records has an end."""
        with uninterrupted():
            if gently and isinstance(self._current, Publication):
                self._worker.terminate()
                self._worker.join(GRACE_SECONDS)
            self._worker.kill()
        self.is_dead = True


def _prepare(uri: str | None) -> None:
    """Import what draws and records, and open the store; what is wrong with it is told when it is needed."""
    gc.disable()
    from bikeml.pages.run import report

    if uri is not None:
        from bikeml.tracking import record, store  # noqa: F401

        store.get_ready(uri)
    from bikeml.multirun.display import same  # noqa: F401

    report.get_ready()
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    gc.enable()


def _publish(
    publication: Publication, variables: Mapping[str, str], known: tuple[Sequence[str], str]
) -> tuple[str, BikemlError | None]:
    """Draw and record a folder as the process with these variables, and what it knows of secrets, would do."""
    _be_like(variables, known)
    if publication.sweep is not None:
        return "", publish_cell(publication)
    with logging_to(publication.folder):
        try:
            return publish_here(publication.folder, publication.config, silent, publication.samples), None
        except BikemlError as error:
            return "", error


def _answer(
    question: Question, variables: Mapping[str, str], known: tuple[Sequence[str], str]
) -> tuple[object, BikemlError | None]:
    _be_like(variables, known)
    try:
        return question.function(*question.args), None
    except BikemlError as error:
        return None, error


def _be_like(variables: Mapping[str, str], known: tuple[Sequence[str], str]) -> None:
    os.environ.clear()
    os.environ.update(variables)
    take_over(*known)
