"""Say in one line what the machine refuses: memory, files, room on a disk, or the working folder."""

import errno
import os
import sys
from collections.abc import Iterator, Mapping

from bikeml.errors import BikemlError, MachineError

LEAST_BYTES, BYTES_OF_A_THREAD, MOST_THREADS = 1_020_000_000, 90_000_000, 64
"""The address space that the imports of a run and its record take, and each thread of OpenBLAS, in numpy and scipy."""
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""The variables that OpenBLAS heeds; the first counts."""
MEMORY, FILES, HOME = "there is too little memory", "too many files are open", "this user has no home folder"
REFUSALS: Mapping[int, tuple[str, str]] = {
    errno.ENOMEM: (MEMORY, ""),
    errno.EMFILE: (FILES, "raise the limit: ulimit -n 1024"),
    errno.ENFILE: (FILES, "end other programs"),
    errno.ENOSPC: ("there is no space left on the disk", "delete files, or choose a folder on another disk"),
    errno.EDQUOT: ("your share of the disk is full", "delete files, or choose a folder on another disk"),
    errno.EFBIG: ("a file would be larger than it may be", "raise the limit: ulimit -f unlimited"),
    errno.EROFS: ("the disk is read-only", "choose a folder on another disk"),
    errno.EACCES: ("permission is denied", "choose a folder of your own"),
    errno.EPERM: ("the operation is not permitted", "choose a folder of your own"),
    errno.EIO: ("the disk reports an error", "choose a folder on another disk"),
    errno.EAGAIN: ("no further thread or process can be started", "raise the limit (ulimit -u), or use fewer n_jobs"),
}
"""What the system says by a number: the cause, and what to do. How much memory there may be is asked."""
_WORDS: Mapping[str, tuple[str, str]] = {
    "failed to map segment": REFUSALS[errno.ENOMEM],
    "cannot allocate memory": REFUSALS[errno.ENOMEM],
    "too many open files": REFUSALS[errno.EMFILE],
    "can't start new thread": REFUSALS[errno.EAGAIN],
    "no usable temporary directory": (
        "there is no folder for temporary files",
        "set TMPDIR to one",
    ),
    "could not determine home": (HOME, "set HOME, or write paths without ~"),
}
"""How Python, and the loader of libraries, say such things without a number."""


def find_cause(error: Exception) -> Exception:
    """Return what the machine refused if an unknown error, or the lack of memory, came from that; else the error."""
    is_ours = isinstance(error, BikemlError)
    if is_ours and not any(isinstance(each, MemoryError) for each in _list_causes(error)):
        return error
    return _explain(error) or error


def _explain(error: BaseException) -> MachineError | None:
    for each in _list_causes(error):
        found = REFUSALS[errno.ENOMEM] if isinstance(each, MemoryError) else _look_up(each)
        if found is not None:
            what, advice = found
            refusal = MachineError(f"{what}{_show(each)}; {advice or _advise_memory()}")
            refusal.__cause__ = error  # BIKEML_TRACEBACK shows it
            return refusal
    return _find_lost_folder()


def _list_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _look_up(error: BaseException) -> tuple[str, str] | None:
    if isinstance(error, OSError) and error.errno is not None and error.errno in REFUSALS:
        return REFUSALS[error.errno]
    if not isinstance(error, ImportError | RuntimeError | OSError):
        return None
    said = str(error).lower()
    return next((refusal for words, refusal in _WORDS.items() if words in said), None)


def _show(error: BaseException) -> str:
    """Return the file that was refused, or how much memory."""
    named = error.filename if isinstance(error, OSError) else str(error) if isinstance(error, MemoryError) else ""
    return f": {named}" if named else ""


def _advise_memory() -> str:
    limit = _read_limit()
    raised = f"raise the limit of {limit / 1e9:.1f} GB (ulimit -v); or " if limit is not None else ""
    return f"{raised}take fewer rows, or fewer n_jobs at a time"


def check_memory() -> None:
    """
    Raise MachineError if this process may not have the memory that the imports of a run take.

    OpenBLAS 0.3 does not say so: it asks again for ever.
    """
    limit = _read_limit()
    if limit is None:
        return
    named = next((os.environ[name] for name in THREADS if os.environ.get(name, "").isdigit()), None)
    least = LEAST_BYTES + BYTES_OF_A_THREAD * min(int(named or os.cpu_count() or 1), MOST_THREADS)
    if limit < least:
        raise MachineError(
            f"this process may have {limit / 1e9:.2f} GB of memory, and the libraries alone take {least / 1e9:.2f}; "
            f"raise the limit (ulimit -v unlimited){'' if named else f', or set {THREADS[0]}=1'}"
        )


def _read_limit() -> int | None:
    """Return the bytes of address space that this process may have; None if there is no limit."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  a thing of Unix

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def check_folder() -> None:
    """Raise MachineError if the working folder is gone."""
    lost = _find_lost_folder()
    if lost is not None:
        raise lost


def _find_lost_folder() -> MachineError | None:
    try:
        os.getcwd()  # noqa: PTH109  it is all that is asked
    except OSError as error:
        return MachineError(f"the working folder is gone ({error.strerror}); change to one that exists: cd")
    return None
