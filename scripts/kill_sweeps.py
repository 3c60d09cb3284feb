"""
Kill the processes of sweeps at random moments, again and again, and look at what is left.

    python scripts/kill_sweeps.py [--kills 200] [--seed 0] [--sweep 6]

Each sweep has 12 cells, two at a time, in a folder of its own. Up to --sweep times a worker, the recorder or the
sweep's own process gets SIGKILL; a sweep that did not finish is started again with reuse=finished. In the end
every cell must have finished with the bytes of an undisturbed sweep and one finished run of its own in the store, no
run may be RUNNING, and no process may be left. Prints the counts, and exits with 1 at the first sweep that fails.
"""

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

CELLS = ("model=linear,ridge,lasso,tree", "preprocessing=none,standard,interactions")
N_CELLS = 12
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance=none", "split.folds=3", "hydra.sweep.dir=sweep")
KEPT = ("predictions.csv", "folds.csv")
END_SECONDS = 120.0
"""In which what was left alone must end: the server of the workers first finishes its imports."""
ROLES = ("worker", "recorder", "parent")


class Left(Exception):  # noqa: N818  what was found, not an error of the script
    """What a killed sweep has left, and must not."""


def start(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    """Start the sweep in `folder`."""
    command = [sys.executable, "-m", "bikeml", "-m", *CELLS, *FAST, "tracking=local", "reuse=finished", *words]
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)


def find_processes(pid: int) -> dict[str, list[psutil.Process]]:
    """Return the processes of a sweep by their roles; the last one has all, helpers of multiprocessing too."""
    found: dict[str, list[psutil.Process]] = {role: [] for role in (*ROLES, "all")}
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        below = parent.children(recursive=True)
        found["parent"], found["all"] = [parent], [parent, *below]
        for each in below:
            with suppress(psutil.Error):
                words = " ".join(each.cmdline())
                if "spawn_main" in words and each.ppid() == pid:
                    found["recorder"].append(each)
                elif "forkserver" in words and each.ppid() != pid:
                    found["worker"].append(each)
    return found


def kill_at_random(process: "subprocess.Popen[bytes]", n_kills: int, seconds: float, chance: random.Random) -> Counter:
    """
    Kill up to so many processes of a sweep until its own is killed, or ends; return how many of each role.

    The role is chosen first and awaited: workers come last, and a sweep that is killed before has none.
    """
    killed, seen = Counter(), set()
    while killed.total() < n_kills and process.poll() is None:
        role = chance.choice(ROLES)
        while process.poll() is None and not find_processes(process.pid)[role]:
            time.sleep(0.05)
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.0, seconds / 3))
        found = find_processes(process.pid)
        seen.update(found["all"])
        if process.poll() is None and found[role]:
            with suppress(psutil.Error):
                chance.choice(found[role]).kill()
                killed[role] += 1
        if killed["parent"]:
            process.wait()
    if killed["parent"]:
        wait_for_end(seen)
    return killed


def wait_for_end(processes: set[psutil.Process]) -> None:
    """Raise Left if a process of a sweep outlives it."""
    _, alive = psutil.wait_procs(list(processes), timeout=END_SECONDS)
    orphans = [each for each in alive if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    if orphans:
        raise Left(f"processes are left: {[' '.join(each.cmdline()) for each in orphans]}")


def check(folder: Path, expected: Mapping[tuple[int, str], bytes]) -> None:
    """Raise Left if the sweep in `folder` did not end as an undisturbed one."""
    if read_cells(folder) != expected:
        raise Left("the cells have other bytes, or not all have finished")
    with closing(sqlite3.connect(folder / "mlflow.db")) as store:
        statuses = Counter(status for (status,) in store.execute("SELECT status FROM runs"))
        named = store.execute(
            "SELECT value FROM tags JOIN runs USING (run_uuid) WHERE key = 'bikeml.fingerprint' AND status = 'FINISHED'"
        ).fetchall()
    if statuses["RUNNING"]:
        raise Left(f"runs are RUNNING: {statuses}")
    if len(named) != N_CELLS or len({*named}) != N_CELLS:
        raise Left(f"{len(named)} runs of {len({*named})} cells have finished: {statuses}")


def read_cells(folder: Path) -> dict[tuple[int, str], bytes]:
    """Return the computed files of the cells."""
    places = {(number, name): folder / "sweep" / str(number) / name for number in range(N_CELLS) for name in KEPT}
    return {key: place.read_bytes() for key, place in places.items() if place.is_file()}


def run_sweep(folder: Path, n_kills: int, seconds: float, chance: random.Random) -> tuple[Counter, int]:
    """Run a sweep to its end, with so many kills on the way; return them by role, and how often it was started."""
    killed, n_starts = Counter(), 0
    while True:
        process = start(folder, "hydra.launcher.n_jobs=2")
        n_starts += 1
        try:
            now = kill_at_random(process, n_kills - killed.total(), seconds, chance)
            killed += now
            if now["parent"]:
                continue
            status, seen = process.poll(), {*find_processes(process.pid)["all"]}
            status = process.wait() if status is None else status
            wait_for_end(seen - {psutil.Process(os.getpid())})
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait()
        if status != 0 and now.total() == 0:
            raise Left(f"the sweep has ended with status {status}")
        if status == 0:
            return killed, n_starts


def main(words: Sequence[str] | None = None) -> int:
    """Kill as often as the command line says, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sweep", type=int, default=6, help="kills of one sweep at most")
    options = parser.parse_args(words)
    chance, total, n_sweeps = random.Random(options.seed), Counter(), 0  # noqa: S311  no secret
    with TemporaryDirectory() as place:
        first = Path(place) / "undisturbed"
        first.mkdir()
        began = time.time()
        if start(first, "hydra.launcher.n_jobs=1").wait() != 0:
            print((first / "said.txt").read_text())
            return 1
        seconds, expected = time.time() - began, read_cells(first)
        while total.total() < options.kills:
            folder = Path(place) / str(n_sweeps)
            folder.mkdir()
            try:
                killed, n_starts = run_sweep(folder, min(options.sweep, options.kills - total.total()), seconds, chance)
                check(folder, expected)
            except Left as left:
                print(f"sweep {n_sweeps}: {left}\n{(folder / 'said.txt').read_text()[-3000:]}")
                return 1
            total, n_sweeps = total + killed, n_sweeps + 1
            said = ", ".join(f"{total[role]} of {role}" for role in ROLES)
            print(f"sweep {n_sweeps}: {n_starts} starts; kills so far: {total.total()} ({said})", flush=True)
    print(f"{n_sweeps} sweeps of {N_CELLS} cells, {total.total()} kills: every cell once, bit-identical, nothing left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
