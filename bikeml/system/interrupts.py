"""
End a command that a signal interrupts: with one line, and with the status that a shell shows for the signal.

While a command starts, it has nothing to clean up, and a signal ends it at once: an exception in the middle of an
import can be lost, or become another one. Later a signal raises Interrupt, so that each block cleans up.

This is imported first of all, so it imports as little as it can.
"""

import os
import signal
import sys

TYPE_CHECKING = False  # as in bikeml/__init__.py
if TYPE_CHECKING:
    from types import FrameType

HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""The signal of a closed terminal or a dropped connection; Windows has none."""
INTERRUPTS: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, *([] if HANGUP is None else [HANGUP]))
SAID = "bikeml: interrupted"
AGAIN_SECONDS = 0.05
_SHELLS = 128
"""A shell shows this and the number of the signal."""


class Interrupt(KeyboardInterrupt):
    """A signal that asks the command to end. Python 3.11 may end without our status for a bare KeyboardInterrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_raised: Interrupt | None = None
_cleans_up = False


def heed() -> None:
    """Let each signal end the process with a line, but for those that its parent ignores, as nohup does."""
    global _raised, _cleans_up
    _raised, _cleans_up = None, False
    for number in INTERRUPTS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _take)
    sys.unraisablehook = _raise_again


def clean_up() -> None:
    """Let a signal raise Interrupt from now on, and those that follow not disturb the clean-up."""
    global _cleans_up  # noqa: PLW0603
    _cleans_up = True


def ignore() -> None:
    """Ignore the signals that this process has heeded: all is done."""
    for number in INTERRUPTS:
        if signal.getsignal(number) is _take:
            signal.signal(number, signal.SIG_IGN)


def find_interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the interrupt that an error is, or came from; also if a library lost it on the way."""
    return _find_in(error) or _raised


def _find_in(error: BaseException | None) -> KeyboardInterrupt | None:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def to_status(interrupt: KeyboardInterrupt) -> int:
    """Return the exit status: 130 for Ctrl-C, 143 for SIGTERM."""
    return _SHELLS + (interrupt.number if isinstance(interrupt, Interrupt) else signal.SIGINT)


def _take(number: int, _: "FrameType | None") -> None:
    global _raised  # noqa: PLW0603
    interrupt = Interrupt(number)
    if _cleans_up and _find_in(sys.exc_info()[1]) is not None:
        return  # the clean-up after the first one is not disturbed
    if _cleans_up:
        _raised = interrupt
        raise interrupt
    try:
        os.write(2, f"{SAID}\n".encode())
    finally:
        os._exit(to_status(interrupt))


def _raise_again(ignored: "sys.UnraisableHookArgs") -> None:
    """Send a signal once more that came where Python drops errors, such as in a callback of an import."""
    if isinstance(ignored.exc_value, Interrupt):
        import threading  # noqa: PLC0415  few need it

        number, main = ignored.exc_value.number, threading.main_thread().ident
        if hasattr(signal, "pthread_kill"):  # the main thread would sleep on if another one got the signal
            again = threading.Timer(AGAIN_SECONDS, signal.pthread_kill, [main, number])
        else:
            again = threading.Timer(AGAIN_SECONDS, signal.raise_signal, [number])
        again.start()
    elif _raised is None:  # afterwards it is a part of the interrupt
        sys.__unraisablehook__(ignored)
