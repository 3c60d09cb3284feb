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
from bikeml.system.redaction import redact

DONE, FAILED, BAD_INPUT, SUBMITTED, INTERRUPTED = 0, 1, 2, 3, 130
BAD_INPUTS = (ConfigError, DataError, RunNotFoundError, RecordError, FolderTakenError)


def report(error: BaseException) -> int:
    """Print one message for an interrupt or a user's mistake, or the traceback of our bug; return the exit status."""
    if began_as_interrupt(error):
        print("bikeml: interrupted", file=sys.stderr)
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        drop_output()
        return FAILED
    if os.environ.get(TRACEBACK_VARIABLE) or not isinstance(error, BikemlError):
        print(redact("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    if isinstance(error, BikemlError):
        lines = redact(tell(error)).splitlines()
        print("bikeml: " + "\n        ".join(lines), file=sys.stderr)
    if isinstance(error, DetachedError):
        return SUBMITTED
    if isinstance(error, PlannedError):
        return DONE
    return BAD_INPUT if isinstance(error, BAD_INPUTS) else FAILED


def tell(error: BikemlError) -> str:
    """Return the message of an error with the notes that were added to it, a line each."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def drop_output() -> None:
    """Drop further output, which nobody reads any more, such as behind `| head`; else Python complains at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def began_as_interrupt(error: BaseException | None) -> bool:
    """Tell whether an error is an interrupt, or one that a library raised from it, such as in a finally clause."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


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


def log_error(error: BaseException) -> None:
    """Write the traceback of an error, without secrets, to the log of the cell."""
    trace = redact("".join(traceback.format_exception(error)))
    logging.getLogger("bikeml").error("the cell failed:\n%s", trace)
