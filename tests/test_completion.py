"""Tab completion in the real shells, by the commands of the README."""

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bikeml.cli import start
from bikeml.cli.catalogue import complete

pty = pytest.importorskip("pty", reason="pseudo-terminals are a thing of Unix")

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
START = {"bash": ["bash", "--norc", "-i"], "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--no-config", "-i"]}
PATIENCE_SECONDS = 120


def setup_of(shell):
    """Return the line that the README gives for a shell."""
    (line,) = (line for line in README.splitlines() if line.endswith(f"  # {shell}"))
    return line.removesuffix(f"# {shell}").strip()


class Terminal:
    """A shell on a pseudo-terminal."""

    def __init__(self, shell):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "dumb", "HISTFILE": "/dev/null", "XDG_CONFIG_HOME": str(Path.cwd())}
            os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            os.execvp(START[shell][0], START[shell])

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, wanted):
        """Return what the terminal shows, as soon as it holds `wanted`."""
        shown, end = "", time.monotonic() + PATIENCE_SECONDS
        while wanted not in shown:
            assert time.monotonic() < end, f"{wanted!r} did not come: {shown!r}"
            if select.select([self.terminal], [], [], 1)[0]:
                shown += os.read(self.terminal, 4096).decode(errors="replace")
        return shown

    def close(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


@pytest.fixture(params=START)
def terminal(request):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed here")
    terminal = Terminal(request.param)
    terminal.type(setup_of(request.param) + "; echo REA''DY\n")
    terminal.read_until("READY")
    yield terminal
    terminal.close()


@pytest.mark.long
@pytest.mark.slow
def test_tab_completes_an_option_a_group_and_a_value(terminal):
    terminal.type("bikeml model=ri\t")
    terminal.read_until("dge")
    terminal.type(" preproc\t")
    terminal.read_until("essing")
    terminal.type("\x15bikeml search=grid model.estimator.fit_\t")
    terminal.read_until("intercept=")


@pytest.mark.slow
def test_tab_completes_a_task_its_options_and_a_task_of_a_group(terminal):
    terminal.type("bikeml regis\t")
    terminal.read_until("ter")
    terminal.type(" registered_\t")
    terminal.read_until("model=")
    terminal.type("\x15bikeml azure unde\t")
    terminal.read_until("ploy")


@pytest.mark.parametrize(
    ("line", "tasks", "for_hydra"),
    [
        ("bikeml re", ["record", "register", "report", "reproduce"], "bikeml re"),
        ("bikeml azure", ["azure"], "bikeml azure"),
        ("bikeml azure ", ["compute", "configure", "data", "deploy", "invoke", "jobs", "undeploy"], None),
        ("bikeml azure de", ["deploy"], None),
        ("bikeml predict ", [], "bikeml +task=predict "),
        ("bikeml predict run=best int", [], "bikeml +task=predict run=best int"),
        ("bikeml azure deploy tr", [], "bikeml +task=deploy tr"),
        ("bikeml record multi", [], None),
        ("bikeml azure jobs ", [], None),
        ("bikeml model=ri", [], "bikeml model=ri"),
        ("bikeml -m model=rf pre", [], "bikeml -m model=rf pre"),
    ],
)
def test_a_line_has_its_tasks_and_the_rest_is_hydras(line, tasks, for_hydra):
    assert complete(line) == (tasks, for_hydra)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("bikeml pre", {"predict", "preprocessing=", "preprocessing."}),
        ("bikeml predict in", {"interval="}),
        ("bikeml predict run=best data=", {"data=csv", "data=daily"}),
    ],
)
def test_tasks_and_options_stand_beside_the_config_groups(line, expected, monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", line)
    assert start(["-sc", "query=bash"]) == 0
    assert set(capsys.readouterr().out.split()) == expected
    assert os.environ["COMP_LINE"] == line


def test_a_tab_imports_no_heavy_library():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bikeml", "-sc", "query=bash"],
        env={**os.environ, "COMP_LINE": "bikeml model="},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"model=baseline", "model=tree"} <= set(done.stdout.split())
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert not {"sklearn", "mlflow", "pandas", "pydantic", "rich"} & imported
