"""Real signals to real processes, at each step of a run: one line, its status, nothing half-written, no run RUNNING."""

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.conftest import assert_nothing_left_behind

pty = pytest.importorskip("pty", reason="pseudo-terminals and these signals are a thing of Unix")
pytestmark = pytest.mark.long  # each run is a process that imports everything

RUN = ("-m", "bikeml", "hydra.run.dir=out")
FOREST = ("model=rf", "model.estimator.n_estimators=2000")
IMPORTS = ("omegaconf", "pydantic", "pandas", "sklearn", "matplotlib", "mlflow")
STEPS = {
    "reading the table": ("data=csv", "data.path=pipe"),  # a pipe into which nobody writes
    "fitting": FOREST,
    "searching": (*FOREST, "search=grid"),
    "cross-validating": ("model=rf", "model.estimator.n_estimators=400"),
    "writing the run folder": ("model=rf", "model.estimator.n_estimators=400"),
    "recording": (),
}


SIGNALS = [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
"""Python handles both alike; the second at every moment is for the long run."""


def interrupt(arguments, is_reached, *numbers):
    """Run Python until what its terminal has shown `is_reached`, send the signals, return the status and all of it."""
    ours, terminal = pty.openpty()
    shown = ""
    with subprocess.Popen([sys.executable, *arguments], stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        while not is_reached(shown):
            text = read(ours)
            assert text, shown
            shown += text
        for number in numbers:
            process.send_signal(number)
        while text := read(ours):
            shown += text
    os.close(ours)
    return process.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def read(terminal):
    """Return what the terminal shows next, and nothing at its end."""
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:  # Linux's way to say that the other side is closed
        return ""


def assert_interrupted(status, number, lines, workdir):
    assert status == 128 + number
    assert lines[-1] == "bikeml: interrupted"
    assert not any("Traceback" in line for line in lines)
    assert_nothing_left_behind(workdir)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("step", STEPS)
def test_an_interrupt_at_any_step_is_one_line_and_leaves_nothing_half_done(step, number, workdir, tmp_path_factory):
    pipe = tmp_path_factory.mktemp("pipe") / "pipe"
    os.mkfifo(pipe)
    arguments = [word.replace("=pipe", f"={pipe}") for word in STEPS[step]]
    status, shown = interrupt([*RUN, *arguments], lambda shown: step in shown, number)
    assert_interrupted(status, number, [line.strip() for line in shown.strip().splitlines()], workdir)
    assert (workdir / "out" / "result.json").exists() == (step == "recording")
    if step == "recording":
        again = subprocess.run([sys.executable, *RUN], capture_output=True, text=True, check=False)
        assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("module", IMPORTS)
def test_an_interrupt_among_the_imports_is_one_line_and_leaves_nothing(module, number, workdir):
    imported = re.compile(rf"\| +{module}\.\w").search
    status, shown = interrupt(["-X", "importtime", *RUN], imported, number)
    lines = [line.strip() for line in shown.strip().splitlines() if not line.startswith("import time:")]
    assert_interrupted(status, number, lines, workdir)


@pytest.mark.parametrize("step", ["fitting", "recording"])
def test_more_interrupts_while_the_first_is_handled_are_no_traceback_either(step, workdir):
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGINT]
    status, shown = interrupt([*RUN, *STEPS[step]], lambda shown: step in shown, *signals)
    assert status in (130, 143)
    assert "Traceback" not in shown
    assert_nothing_left_behind(workdir)
