"""
Measure what a user waits for against an earlier commit, in turns: ratios of today over then.

    git worktree add --detach /tmp/before 3345f79
    python scripts/bench_before.py --before /tmp/before [--only PART ...] [--repeat N]

run       `model=rf`, whole process
figures   the same until the table of figures is written
memory    the same: the most that its processes have resident together; what they share counts once
core      the same pinned to one core
empty     the first run in an empty folder against the second, both of today
serve     `serve` until it answers, and `predict` of five rows: of a folder today, of the latest run then
requests  requests a second of `serve` with two workers against one, both of today

Both use this environment's packages. Each begins with a run that is not counted, which compiles and makes the store.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from socket import create_server
from tempfile import TemporaryDirectory

import psutil
from harness import ROOT, Usage, alternate, compare, measure, parse, show, spread

RUN = ["-m", "bikeml", "model=rf", "hydra.run.dir=out"]
FIGURE = "test_mse"
"""What the first line of the table of figures says."""
LOOK_SECONDS = 0.02
BODY = (
    '{"dataframe_split": {"columns": ["season", "mnth", "holiday", "weekday", "workingday", "weathersit", "temp", '
    '"atemp", "hum", "windspeed"], "data": [[1, 1, 0, 6, 0, 2, 0.34, 0.36, 0.81, 0.16]]}}'
)
REQUESTS = 300


def environment(checkout: Path) -> dict[str, str]:
    """Return the variables with which Python imports a checkout's bikeml, and writes as soon as it can."""
    return {"PYTHONPATH": str(checkout), "PYTHONUNBUFFERED": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}


def run(checkout: Path, folder: Path) -> Usage:
    """Run one experiment."""
    return measure(RUN, folder, **environment(checkout))


@contextmanager
def started(arguments: Sequence[object], checkout: Path, folder: Path) -> "Iterator[subprocess.Popen[str]]":
    """Run Python beside the block, and end it."""
    command = [sys.executable, *map(str, arguments)]
    variables = os.environ | environment(checkout)
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.stdout.read()


def wait_for_figures(checkout: Path, folder: Path) -> Usage:
    """Return how long it takes until the figures are written; the run goes on to its end."""
    begin = time.perf_counter()
    with started(RUN, checkout, folder) as process:
        next(line for line in process.stdout if FIGURE in line)
        seconds = time.perf_counter() - begin
        process.stdout.read()
        process.wait()
    return Usage(seconds, 0)


def watch_memory(checkout: Path, folder: Path) -> Usage:
    """Return the largest sum of the resident memory of a run's processes."""
    most = 0
    with started(RUN, checkout, folder) as process:
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        while process.poll() is None:
            most = max(most, sum_memory(psutil.Process(process.pid)))
            time.sleep(LOOK_SECONDS)
        reader.join()
    return Usage(0, 0, most / 2**20)


def sum_memory(root: psutil.Process) -> int:
    """Return the resident bytes of a process and its descendants; a page of several counts as a part for each."""
    total = 0
    with suppress(psutil.Error):
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total


@contextmanager
def one_core() -> Iterator[None]:
    """Let what the block starts use one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [max(cores)])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def find_port() -> int:
    """Return a free port."""
    with create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def ask(port: int, body: str) -> bool:
    """Send one request; return whether it was answered well."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        return connection.getresponse().status == 200  # noqa: PLR2004
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def served(arguments: Sequence[str], checkout: Path, folder: Path) -> Iterator[tuple[int, float]]:
    """Serve beside the block; yield the port, and the seconds until a prediction was answered."""
    port = find_port()
    begin = time.perf_counter()
    with started([*arguments, "run=latest", f"port={port}"], checkout, folder) as process:
        while not ask(port, BODY):
            if process.poll() is not None:
                sys.exit(f"{arguments} ended with status {process.returncode}")
            time.sleep(LOOK_SECONDS)
        yield port, time.perf_counter() - begin


def wait_for_answer(arguments: Sequence[str], checkout: Path, folder: Path) -> Usage:
    """Return how long it takes until a model is served."""
    with served(arguments, checkout, folder) as (_, seconds):
        return Usage(seconds, 0)


def count_requests(workers: int, folder: Path) -> Usage:
    """Return how long it takes to answer one request, with four at once."""
    with (
        served(["-m", "bikeml", "serve", f"workers={workers}"], ROOT, folder) as (port, _),
        ThreadPoolExecutor(4) as pool,
    ):
        time.sleep(2)  # until each worker is ready
        begin = time.perf_counter()
        answers = list(pool.map(ask, [port] * REQUESTS, [BODY] * REQUESTS))
        seconds = time.perf_counter() - begin
    if not all(answers):
        sys.exit(f"{answers.count(False)} of {REQUESTS} requests were not answered")
    return Usage(seconds / REQUESTS, 0)


def main() -> None:
    parts = ["run", "figures", "memory", "core", "empty", "serve", "requests"]
    arguments = parse(
        __doc__, parts, before={"type": Path, "required": True, "help": "a checkout of the earlier commit"}
    )
    with TemporaryDirectory() as name:
        for part in arguments.only:
            PARTS[part](arguments.before.resolve(), Path(name), arguments.repeat)


def in_turns(work: Callable[[Path, Path], Usage], before: Path, folder: Path, repeat: int) -> list[tuple[Usage, Usage]]:
    """Do the same with both checkouts, each in a folder of its own."""
    sides = []
    for side, checkout in (("now", ROOT), ("then", before)):
        (folder / side).mkdir(exist_ok=True)
        run(checkout, folder / side)
        sides.append(partial(work, checkout, folder / side))
    return alternate(*sides, repeat)


def compare_run(before: Path, folder: Path, repeat: int) -> None:
    """Compare the whole run."""
    pairs = in_turns(run, before, folder, repeat)
    compare("run", pairs, kinds=["clock"], at_most=0.78)
    compare("run", pairs, kinds=["processor"], at_most=1.15)


def compare_figures(before: Path, folder: Path, repeat: int) -> None:
    """Compare the time until the figures are known."""
    compare("figures", in_turns(wait_for_figures, before, folder, repeat), kinds=["clock"], at_most=0.68)


def compare_memory(before: Path, folder: Path, repeat: int) -> None:
    """Compare the memory of all processes."""
    compare("memory", in_turns(watch_memory, before, folder, repeat), kinds=["memory"], at_most=1.5)


def compare_core(before: Path, folder: Path, repeat: int) -> None:
    """Compare the run where there is one core."""
    with one_core():
        compare("one core", in_turns(run, before, folder, repeat), at_most=1.02)


def compare_empty(_: Path, folder: Path, repeat: int) -> None:
    """Print what the first run in a folder takes beyond the second."""
    beyond = []
    for number in range(repeat + 1):
        (empty := folder / f"empty{number}").mkdir()
        first, second = (run(ROOT, empty).clock for _ in range(2))
        beyond.append(first - second)
    show("empty folder", f"{spread(beyond[1:])} s more", wanted="at most 0.3")


def compare_serve(before: Path, folder: Path, repeat: int) -> None:
    """Compare how long a served model and the predictions of five rows take."""
    now, then = folder / "now", folder / "then"
    in_turns(run, before, folder, 0)
    columns = "season,mnth,holiday,weekday,workingday,weathersit,temp,atemp,hum,windspeed"
    for side in (now, then):
        (side / "rows.csv").write_text("\n".join([columns, *["1,1,0,6,0,2,0.34,0.36,0.81,0.16"] * 5]) + "\n")
    words = ["data.path=rows.csv", "output=predicted.csv"]
    ours = partial(measure, ["-m", "bikeml", "predict", "run=out", *words], now, **environment(ROOT))
    theirs = partial(measure, ["-m", "bikeml.predict", "run=latest", *words], then, **environment(before))
    alternate(ours, theirs, 1)
    compare("predict", alternate(ours, theirs, repeat), at_most=0.65)
    ours = partial(wait_for_answer, ["-m", "bikeml", "serve"], ROOT, now)
    theirs = partial(wait_for_answer, ["-m", "bikeml.serve"], before, then)
    compare("serve", alternate(ours, theirs, repeat), kinds=["clock"], at_most=0.4)


def compare_requests(before: Path, folder: Path, repeat: int) -> None:
    """Compare the requests a second of two workers with those of one."""
    in_turns(run, before, folder, 0)
    pairs = alternate(partial(count_requests, 2, folder / "now"), partial(count_requests, 1, folder / "now"), repeat)
    compare("requests", pairs, kinds=["clock"], at_least=1.6)


PARTS = {
    "run": compare_run,
    "figures": compare_figures,
    "memory": compare_memory,
    "core": compare_core,
    "empty": compare_empty,
    "serve": compare_serve,
    "requests": compare_requests,
}


if __name__ == "__main__":
    sys.exit(main())
