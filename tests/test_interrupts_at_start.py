"""A signal before there is anything to clean up: one line, and the status of the signal, wherever it comes."""

import contextlib
import signal
import subprocess
import sys

import pytest

from bikeml.system import interrupts
from bikeml.terminal.status import report
from tests.attacks.forked import call
from tests.conftest import signals_as_before

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_at_the_start_ends_the_process_at_once(number, tmp_path):
    def start():
        interrupts.heed()
        try:
            signal.raise_signal(number)
        except BaseException:  # noqa: BLE001  as an import may do
            return 0
        return 0

    ending = call(start, tmp_path)
    assert (ending.status, ending.err) == (128 + number, "bikeml: interrupted\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_later_is_an_exception_and_its_status(number, capsys):
    with signals_as_before():
        interrupts.heed()
        interrupts.clean_up()
        with pytest.raises(KeyboardInterrupt) as raised:
            signal.raise_signal(number)
        assert report(raised.value) == 128 + number
    assert capsys.readouterr().err == "bikeml: interrupted\n"


def interrupt_and_clean_up(done):
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.raise_signal(signal.SIGINT)
        done.append("cleaned up")


def test_more_signals_do_not_disturb_the_clean_up(capsys):
    with signals_as_before():
        interrupts.heed()
        interrupts.clean_up()
        with pytest.raises(KeyboardInterrupt) as raised:
            interrupt_and_clean_up(done := [])
        assert report(raised.value) == 143
        signal.raise_signal(signal.SIGINT)
    assert (done, capsys.readouterr().err) == (["cleaned up"], "bikeml: interrupted\n")


def test_a_signal_after_one_that_was_handled_is_heeded():
    with signals_as_before():
        interrupts.heed()
        interrupts.clean_up()
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_an_interrupt_that_a_library_turns_into_another_error_is_still_one(tmp_path):
    def lose():
        interrupts.heed()
        interrupts.clean_up()
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        error = ImportError("initialization failed")
        assert error.__context__ is None
        return report(error)

    ending = call(lose, tmp_path)
    assert (ending.status, ending.err) == (143, "bikeml: interrupted\n")


LOST = """
import gc, signal, sys, time
from bikeml.system import interrupts
class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
interrupts.heed()
interrupts.clean_up()
try:
    Dying()
    time.sleep(600)
except KeyboardInterrupt as error:
    sys.exit(interrupts.to_status(error))
"""


def test_an_interrupt_where_python_drops_errors_comes_once_more():
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (143, "")


def test_what_the_parent_ignores_stays_ignored(tmp_path):
    def start():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        interrupts.heed()
        signal.raise_signal(signal.SIGINT)
        return 7

    assert call(start, tmp_path).status == 7


def test_an_interrupt_in_text_that_is_executed_does_not_decide_how_python_ends():
    """Python 3.11 kills itself by SIGINT after a bare KeyboardInterrupt in exec(), whoever catches it."""
    code = (
        "import os, signal, sys; from bikeml.system import interrupts; interrupts.heed(); interrupts.clean_up()\n"
        "try: exec('signal.raise_signal(signal.SIGINT)')\n"
        "except KeyboardInterrupt as error: sys.exit(interrupts.to_status(error))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 130


def test_heeding_signals_is_the_first_that_the_command_line_does():
    code = "import sys, bikeml.__main__; print(sorted(name for name in sys.modules if name.startswith('bikeml')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(
        ["bikeml", "bikeml.__main__", "bikeml.errors", "bikeml.system", "bikeml.system.interrupts"]
    )
