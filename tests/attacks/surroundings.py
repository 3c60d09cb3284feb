"""Run commands where the machine is unkind: a full disk, no reader, little memory, no home, and signals at any moment."""

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from tests.attacks.forked import Ending
from tests.attacks.session import Case, judge_ending
from tests.attacks.worlds import EARLIER
from tests.azureml.processes import processes_with
from tests.recorded import restore

SAID = "bikeml: interrupted\n"
WALL_SECONDS = 120
LATEST_SIGNAL = 4.0
"""Seconds from the moment at which the command heeds signals to the latest signal."""
MOST_LINES = 12
"""Of the standard error of a command that fails; a message of ours has a few."""
FAST = (
    "data=csv",
    "data.path=t.csv",
    "data.target=y",
    "evaluation.bootstrap_samples=100",
    "evaluation.importance_repeats=1",
    "split.folds=2",
)
STORE = "tracking.uri=sqlite:///mlflow.db"


@dataclass(frozen=True)
class Command:
    """A command line in the working folder that `lay_out` fills, and the files that it makes."""

    words: tuple[str, ...]
    makes: tuple[str, ...] = ()
    """Files that are whole wherever its words cannot be printed."""
    uses_store: bool = False
    ends: bool = True
    """Whether it ends by itself."""
    prints: bool = True
    """Whether it writes to the standard output."""


COMMANDS = {
    "run": Command(
        (*FAST, "model=linear", "tracking=none", "hydra.run.dir=out"), ("out/result.json", "out/report.html")
    ),
    "recorded run": Command(
        (*FAST, "model=linear", STORE, "hydra.run.dir=out"), ("out/result.json", "out/store.json"), uses_store=True
    ),
    "sweep": Command(
        ("-m", *FAST, "model=baseline,linear", "tracking=none", "hydra.sweep.dir=sweep"),
        ("sweep/leaderboard.csv", "sweep/report.html"),
    ),
    "predict": Command(("predict", "run=first", "data.path=t.csv", "output=p.csv"), ("p.csv",), prints=False),
    "predict to a pipe": Command(("predict", "run=first", "data.path=t.csv")),
    "explore": Command(
        ("explore", "data=csv", "data.path=t.csv", "data.target=y", "output=look"), ("look/explore.html",)
    ),
    "runs": Command(("runs", STORE), uses_store=True),
    "compare": Command(("compare", "first", "second", "output=c.html"), ("c.html",)),
    "report": Command(("report", "first"), ("first/report.html",)),
    "record": Command(("record", "first", "--uri", "sqlite:///later.db"), ("first/store.json",)),
    "register": Command(("register", "run=first", STORE, "registered_model=m"), uses_store=True),
    "init": Command(("init", "t.csv", "data.target=y"), ()),
    "--help": Command(("--help",)),
    "--cfg job": Command(("--cfg", "job")),
    "azure jobs": Command(("azure", "jobs", "--help")),
    "serve": Command(("serve", "run=first"), ends=False),
    "ui": Command(("ui", "run=first"), ends=False),
    "reproduce": Command(("reproduce", "run=first", STORE), ends=False),
}
QUICK = ("--help", "--cfg job", "azure jobs", "runs")


@dataclass
class Surrounding:
    """How a process is started, and how it may end."""

    statuses: tuple[int, ...] = (0,)
    variables: dict[str, str | None] = field(default_factory=dict)
    """Of the environment; None removes one."""
    limits: tuple[tuple[int, int], ...] = ()
    closed: tuple[int, ...] = ()
    """The numbers of the standard streams that are closed."""
    output: str | None = None
    """A device that the standard output goes to; "gone" is a pipe without a reader."""
    error: str | None = None
    prepare: Callable[[Path], Any] = lambda _: contextlib.nullcontext()
    """Change the working folder for the length of the case."""
    is_stores: bool = False
    """Whether only commands that use the store notice it."""
    loses_files: bool = False


@contextlib.contextmanager
def _lock_the_store(folder: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db", isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield


@contextlib.contextmanager
def _spoil_the_store(folder: Path) -> Iterator[None]:
    (folder / "mlflow.db").write_bytes(b"no database" * 500)
    yield


@contextlib.contextmanager
def _make_a_folder_of_the_store(folder: Path) -> Iterator[None]:
    (folder / "mlflow.db").unlink()
    (folder / "mlflow.db").mkdir()
    yield


@contextlib.contextmanager
def _delete(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder)
    yield


FAILS = (1, 2)
SURROUNDINGS = {
    "as usual": Surrounding(),
    "no reader": Surrounding(output="gone"),
    "a full disk for the words": Surrounding((1,), output="/dev/full"),
    "a full disk for the messages": Surrounding(error="/dev/full"),
    "a closed output": Surrounding(closed=(1,)),
    "all streams closed": Surrounding(closed=(0, 1, 2)),
    "ascii": Surrounding(variables={"PYTHONIOENCODING": "ascii"}),
    "the C locale": Surrounding(variables={"LC_ALL": "C", "LANG": "C"}),
    "POSIX without UTF-8": Surrounding(variables={"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "20 columns": Surrounding(variables={"COLUMNS": "20"}),
    "no home": Surrounding(variables={"HOME": None, "USER": None, "LOGNAME": None}),
    "64 files": Surrounding(limits=((resource.RLIMIT_NOFILE, 64),)),
    "16 files": Surrounding((0, 1, 2), limits=((resource.RLIMIT_NOFILE, 16),), loses_files=True),
    "files of 16 kB": Surrounding((0, 1, 2), limits=((resource.RLIMIT_FSIZE, 16_384),), loses_files=True),
    "0.6 GB": Surrounding((0, 1), limits=((resource.RLIMIT_AS, 600_000_000),), loses_files=True),
    "1.1 GB": Surrounding((0, 1), limits=((resource.RLIMIT_AS, 1_100_000_000),), loses_files=True),
    "1.5 GB": Surrounding((0, 1), limits=((resource.RLIMIT_AS, 1_536_000_000),), loses_files=True),
    "a deleted folder": Surrounding((1,), prepare=_delete, loses_files=True),
    "no database": Surrounding(FAILS, prepare=_spoil_the_store, is_stores=True, loses_files=True),
    "a folder as the store": Surrounding(FAILS, prepare=_make_a_folder_of_the_store, is_stores=True, loses_files=True),
    "a locked store": Surrounding(FAILS, prepare=_lock_the_store, is_stores=True, loses_files=True),
}
SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM}
MOST_SECONDS_LEFT = 1.0
MOMENTS = 6
"""Parts of the time until LATEST_SIGNAL."""


def plan(session: Path, *, is_short: bool) -> list[Case]:
    """
    Lay out a folder with two runs, and return each command in each surrounding, and at each moment of a signal.

    The short form has what an earlier commit left, and the commands that take a second.
    """
    world = session / "surroundings"
    if is_short:
        restore(EARLIER, world)
    else:
        lay_out(world)
    cases = []
    for name, command in COMMANDS.items():
        for where, surrounding in SURROUNDINGS.items():
            if command.ends and (command.uses_store or not surrounding.is_stores):
                cases.append(Case(where, name, "surrounding", partial(_run, world, command, surrounding)))
        for sent, number in SIGNALS.items():
            for moment in range(MOMENTS):
                act = partial(_interrupt, world, command, number, moment)
                cases.append(Case(sent, name, f"moment {moment}", act))
    return [each for each in cases if not is_short or each.command in QUICK]


def lay_out(folder: Path) -> None:
    """Fill a working folder with a table, two recorded runs and their store."""
    folder.mkdir(parents=True)
    random = Random(0)
    rows = [(random.random(), random.choice("ab"), n) for n in range(40)]
    text = "".join(f"{a:.3f},{b},{a * 3 + n / 100:.3f}\n" for a, b, n in rows)
    (folder / "t.csv").write_text(f"größe,kind,y\n{text}", encoding="utf-8")
    for name, model in (("first", "linear"), ("second", "baseline")):
        words = [*FAST, f"model={model}", STORE, f"hydra.run.dir={name}"]
        done = subprocess.run([sys.executable, "-m", "bikeml", *words], cwd=folder, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode())


@contextlib.contextmanager
def started(world: Path, command: Command, surrounding: Surrounding) -> Iterator[tuple[subprocess.Popen, Path, Path]]:
    """Start a command in a copy of the folder; yield the process, the copy, and the folder of what it says."""
    with TemporaryDirectory(prefix="surrounding-") as place:
        folder, said = Path(place) / "work", Path(place)
        shutil.copytree(world, folder)
        variables = {**os.environ, "BIKEML_TEST_MARK": str(said), **surrounding.variables}
        variables = {name: value for name, value in variables.items() if value is not None}
        with surrounding.prepare(folder) as _:
            here = os.open(folder, os.O_RDONLY) if folder.is_dir() else None
            process = _start(command, surrounding, variables, folder, said)
            try:
                yield process, folder, said
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if here is not None:
                    os.close(here)


def _start(command: Command, surrounding: Surrounding, variables: dict[str, str], folder: Path, said: Path):
    """Return the process; a folder that is gone becomes its working folder before it is deleted."""
    is_gone = not folder.is_dir()
    folder.mkdir(exist_ok=True)

    def prepare() -> None:
        for kind, limit in surrounding.limits:
            resource.setrlimit(kind, (limit, limit))
        if is_gone:
            folder.rmdir()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for number in surrounding.closed:
            os.close(number)

    with contextlib.ExitStack() as stack:
        out = _open_output(surrounding.output, said / "out", stack)
        err = _open_output(surrounding.error, said / "err", stack)
        return subprocess.Popen(
            [sys.executable, "-m", "bikeml", *command.words],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509  there are no other threads
        )


def _open_output(where: str | None, file: Path, stack: contextlib.ExitStack) -> int:
    file.touch()
    if where == "gone":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(where or file, os.O_WRONLY)
    stack.callback(os.close, writing)
    return writing


def wait(process: subprocess.Popen, said: Path) -> Ending:
    """Wait for a process, and return how it ended; one that takes too long is killed, as a hang."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        status = process.wait(WALL_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        status = -signal.SIGXCPU
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Ending(
        status=status if status >= 0 else None,
        killed_by=-status if status < 0 else None,
        seconds=after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime,
        out=(said / "out").read_text(encoding="utf-8", errors="replace"),
        err=(said / "err").read_text(encoding="utf-8", errors="replace"),
    )


def _run(world: Path, command: Command, surrounding: Surrounding, _: Random) -> tuple[str, Ending, str | None]:
    with started(world, command, surrounding) as (process, folder, said):
        ending = wait(process, said)
        complaint = judge(ending, command, surrounding) or _find_missing(folder, command, surrounding)
    return "", ending, complaint


def judge(ending: Ending, command: Command, surrounding: Surrounding) -> str | None:
    """Say what is wrong with how a command ended, or return None."""
    is_silent = surrounding.output == "/dev/full" and not command.prints
    statuses = (0,) if is_silent else surrounding.statuses
    if ending.killed_by is None and ending.status not in statuses:
        return f"status {ending.status}: {ending.err[-300:]}"
    is_heard = 2 not in surrounding.closed and surrounding.error is None
    complaint = judge_ending(ending)
    if complaint and (is_heard or not complaint.startswith("silence")):
        return complaint
    if ending.status and len(ending.err.splitlines()) > MOST_LINES:
        return f"flood: {len(ending.err.splitlines())} lines"
    words = [word for word in ("autoflush", "sqlalche.me", "Exception ignored") if word in ending.err]
    return f"words of a library: {words}" if words else None


def _find_missing(folder: Path, command: Command, surrounding: Surrounding) -> str | None:
    left = [str(path.name) for path in folder.rglob(".*") if ".unfinished" in path.name] if folder.is_dir() else []
    if left:
        return f"left behind: {left}"
    missing = [name for name in command.makes if not (folder / name).is_file()]
    return f"missing: {missing}" if missing and not surrounding.loses_files else None


def _interrupt(
    world: Path, command: Command, number: int, moment: int, random: Random
) -> tuple[str, Ending, str | None]:
    """Send a signal at a moment, beginning with the first at which the command heeds signals."""
    delay = LATEST_SIGNAL * (moment + random.random()) / MOMENTS if moment else 0.0
    with started(world, command, Surrounding()) as (process, folder, said):
        wait_until_heeded(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        ending = wait(process, said)
        complaint = judge_interrupted(ending, number) or _find_missing(folder, command, Surrounding(loses_files=True))
        others = _find_left(str(said))
        complaint = complaint or (f"left running: {others}" if others else None)
    return f"after {delay:.2f} s", ending, complaint


def _find_left(mark: str) -> list[int]:
    """Return the processes that a command has left behind, and that do not end within a second by themselves."""
    until = time.monotonic() + MOST_SECONDS_LEFT
    while (others := processes_with(mark)) and time.monotonic() < until:
        time.sleep(0.05)
    return others


def wait_until_heeded(process: subprocess.Popen) -> None:
    """Wait until a process has a handler of SIGTERM, as Linux tells it; Python itself has none."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
        if int(caught, 16) & 1 << signal.SIGTERM - 1:
            return
        time.sleep(0.001)


def judge_interrupted(ending: Ending, number: int) -> str | None:
    """Say what is wrong with how a command ended that got a signal, unless it had ended before; or return None."""
    if ending.status == 128 + number:
        lines = [line for line in ending.err.splitlines(keepends=True) if line.startswith("bikeml: ")]
        others = [line for line in ending.err.splitlines() if "Traceback" in line or "Error" in line]
        if lines != [SAID] or others:
            return f"not one line: {ending.err[-500:]}"
        return None
    return f"status {ending.status}, signal {ending.killed_by}" if ending.status != 0 else None
