"""Report the error that ends a command: a message for a user's mistake, a traceback for our bug, an exit status."""

import logging
import os
import sys
import traceback

from bikeml.errors import (
    TRACEBACK_VARIABLE,
    BikemlError,
    ConfigError,
    DataError,
    DetachedError,
    FolderTakenError,
    PlannedError,
    RecordError,
    RunNotFoundError,
)
from bikeml.system.interrupts import SAID, find_interrupt, ignore, to_status
from bikeml.system.redaction import redact
from bikeml.terminal.clean import clean, clean_logs
from bikeml.terminal.machine import find_cause
from bikeml.terminal.streams import find_failure

DONE, FAILED, BAD_INPUT, SUBMITTED = 0, 1, 2, 3
BAD_INPUTS = (ConfigError, DataError, RunNotFoundError, RecordError, FolderTakenError)


def report(error: BaseException) -> int:
    """Print one message for an interrupt or a user's mistake, or the traceback of our bug; return the exit status."""
    interrupt = find_interrupt(error)
    if interrupt is not None:
        ignore()
        print(SAID, file=sys.stderr)
        return to_status(interrupt)
    error = find_cause(error) if isinstance(error, Exception) else error
    if os.environ.get(TRACEBACK_VARIABLE) or not isinstance(error, BikemlError):
        print(clean("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    if isinstance(error, BikemlError):
        lines = clean(tell(error)).split("\n")
        print("bikeml: " + "\n        ".join(lines), file=sys.stderr)
    if isinstance(error, DetachedError):
        return SUBMITTED
    if isinstance(error, PlannedError):
        return DONE
    return BAD_INPUT if isinstance(error, BAD_INPUTS) else FAILED


def tell(error: BikemlError) -> str:
    """Return the message of an error with the notes that were added to it, a line each."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def settle_output(status: int) -> int:
    """Return the exit status of a command that ends with `status`, and say what could not be printed."""
    failure = find_failure()
    if failure is None:
        return status
    said = "the standard output cannot be written"
    print(f"bikeml: {said}: {failure.strerror}; all files are whole; write it elsewhere", file=sys.stderr)
    return status or FAILED


def describe_error(error: BaseException) -> str:
    """Return the message of an error, without secrets; if the error is not ours, its type comes first."""
    return redact(str(error) if isinstance(error, BikemlError) else f"{type(error).__name__}: {error}")


def settle_logging(*, verbose: bool = False) -> None:
    """
    Let warnings of libraries go to the log alone, or to the terminal too if `verbose`, Hydra's hydra.verbose, is set.

    A full disk is told once, by what it keeps from being written.
    """
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False
    kinds = [type(handler) for handler in logging.getLogger().handlers]
    if verbose and logging.StreamHandler not in kinds:
        logging.getLogger().addHandler(logging.StreamHandler())
    clean_logs()


def log_error(error: BaseException) -> None:
    """Write the traceback of an error, without secrets, to the log of the cell."""
    logging.getLogger("bikeml").error("the cell failed:\n%s", clean("".join(traceback.format_exception(error))))
