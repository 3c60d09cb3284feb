"""Run one call in a forked child, with all that this process has imported, and say how it ended."""

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

CPU_SECONDS = 10
WALL_SECONDS = 30
"""Of the clock, but for those in which the child waits for a core that others have."""
MEMORY_BYTES = 6 * 1024**3
LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Ending:
    """How a call ended."""

    status: int | None
    """None where a signal ended it."""
    killed_by: int | None
    seconds: float
    """Of the processor."""
    out: str
    err: str


def call(action: Callable[[], int | None], cwd: Path) -> Ending:
    """Call `action` in a child whose working folder is `cwd`; it is killed when it takes longer than CPU_SECONDS."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _be_the_child(action, cwd, out, err)
        status, usage = _wait(pid)
        return Ending(
            status=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            killed_by=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            seconds=usage.ru_utime + usage.ru_stime,
            out=out.read_text(encoding="utf-8", errors="replace"),
            err=err.read_text(encoding="utf-8", errors="replace"),
        )


def _be_the_child(action: Callable[[], int | None], cwd: Path, out: Path, err: Path) -> None:
    """Do what `action` does as a process of its own would, and never return."""
    status = 1
    try:
        os.setsid()
        os.chdir(cwd)
        for file, number in ((out, 1), (err, 2)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        status = _call(action)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _call(action: Callable[[], int | None]) -> int:
    """Return the status with which Python would end after `action`."""
    try:
        return action() or 0
    except SystemExit as stop:
        if isinstance(stop.code, int | None):
            return stop.code or 0
        sys.stderr.write(f"{stop.code}\n")
    except BaseException:  # noqa: BLE001  the end of the process
        traceback.print_exc()
    return 1


def _wait(pid: int) -> tuple[int, resource.struct_rusage]:
    started = time.monotonic()
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return status, usage
        seconds = time.monotonic() - started
        if seconds > WALL_SECONDS and seconds - _read_queued_seconds(pid) > WALL_SECONDS:
            os.kill(pid, signal.SIGXCPU)
        time.sleep(LOOK_SECONDS)


def _read_queued_seconds(pid: int) -> float:
    """Return how long a process was ready to run and had no core, as Linux tells it; elsewhere 0."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


@dataclass(frozen=True)
class Opened:
    """What a call did with the files of its working folder."""

    read: tuple[Path, ...]
    """As they were before, or tried to, itself or in a copy that it made."""
    replaced: tuple[Path, ...]
    """Written over, taken away, or only copied."""


def watch(action: Callable[[], int | None], cwd: Path) -> tuple[Ending, Opened]:
    """Call `action` as :func:`call` does, and return also which files below `cwd` it opened."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "opened"
        ending = call(lambda: _call_watched(action, log), cwd)
        read, replaced = json.loads(log.read_text(encoding="utf-8"))
    return ending, Opened(_below(cwd, read), _below(cwd, replaced))


def _below(cwd: Path, paths: list[str]) -> tuple[Path, ...]:
    return tuple(sorted({path for path in map(Path, paths) if cwd in path.parents}))


def _call_watched(action: Callable[[], int | None], log: Path) -> int:
    watcher = _Watcher()
    sys.addaudithook(watcher.note)
    status = _call(action)
    replaced = watcher.written | {*watcher.copies.values()} - watcher.read
    log.write_text(json.dumps([sorted(watcher.read), sorted(replaced)]), encoding="utf-8")
    return status


class _Watcher:
    """Notes what the audit events of Python tell of files."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.copies: dict[str, str] = {}
        """The file that each copy was made of."""
        self._copied: str | None = None
        """The file that is opened next only to be copied."""

    def note(self, event: str, details: tuple[object, ...]) -> None:
        """Take one event."""
        if event == "shutil.copyfile":
            self._copied, copy = map(_absolute, details[:2])
            self.copies[copy] = self.copies.get(self._copied, self._copied)
        elif event in ("os.remove", "os.rename"):
            self._move(*map(_absolute, details[: 1 + (event == "os.rename")]))
        elif event == "sqlite3.connect":
            self.read.add(_absolute(details[0]))
        elif event == "open" and isinstance(details[0], str | bytes | os.PathLike):
            self._open(_absolute(details[0]), is_to_write=_writes(details[1], details[2]))

    def _move(self, old: str, new: str | None = None) -> None:
        self.written.add(new or old)
        if new and old in self.copies:
            self.copies[new] = self.copies.pop(old)

    def _open(self, path: str, *, is_to_write: bool) -> None:
        """Take a file that is opened: what the call itself has written before is not read as it was found."""
        if is_to_write:
            self.written.add(path)
        elif path == self._copied:
            self._copied = None
        elif path in self.copies:
            self.read.add(self.copies[path])
        elif not self.written & {path, *map(str, Path(path).parents)}:
            self.read.add(path)


def _absolute(path: object) -> str:
    return os.path.abspath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else ""  # noqa: PTH100


def _writes(mode: object, flags: object) -> bool:
    if isinstance(mode, str):
        return bool(set("wax") & set(mode))
    return isinstance(flags, int) and flags & os.O_ACCMODE != os.O_RDONLY
