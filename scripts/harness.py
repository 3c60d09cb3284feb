"""
What the benchmarks share: processes that are measured, runs in turns, and one form for what is printed.

A ratio is the median over the rounds, with the smallest and the largest in brackets: that is the machine's noise. The
processor's seconds are compared beside the clock's, because other work on the machine disturbs them less.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any

SCRIPTS = Path(__file__).resolve().parent
ROOT = SCRIPTS.parent
TABLE = ROOT / "bikeml" / "table" / "datasets" / "daily-bike-share.csv"
NUMERIC = ["temp", "atemp", "hum", "windspeed"]
CATEGORICAL = ["season", "mnth", "holiday", "weekday", "workingday", "weathersit"]
UNITS = {"clock": "s", "processor": "s", "memory": "MiB"}


@dataclass(frozen=True)
class Usage:
    """What a run took: seconds of the clock and of the processor, and the largest resident set in MiB."""

    clock: float
    processor: float
    memory: float = 0.0
    out: str = ""


Pairs = Sequence[tuple[Usage, Usage]]
"""Ours and theirs of each round."""


def parse(doc: str | None, parts: Iterable[str], repeat: int = 5, **options: Mapping[str, Any]) -> argparse.Namespace:
    """Read the command line: --only some of the parts, --repeat, and what else a benchmark has."""
    parts = list(parts)
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, metavar="PART", help=", ".join(parts))
    parser.add_argument("--repeat", type=int, default=repeat, help=f"how often each is measured: {repeat}")
    for name, settings in options.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **settings)
    return parser.parse_args()


def measure(arguments: Sequence[object], folder: Path, **variables: str) -> Usage:
    """Run Python in a process of its own in `folder`; where that fails, the benchmark ends with its words."""
    path = os.pathsep.join([str(SCRIPTS), str(ROOT)])  # not installed: the rivals, and tests.azureml
    env = os.environ | {"PYTHONPATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"} | variables
    command = [sys.executable, *map(str, arguments)]
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        started = time.perf_counter()
        with subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=err) as process:
            _, ended, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(ended)
        clock = time.perf_counter() - started
        out.seek(0)
        err.seek(0)
        if process.returncode:
            sys.exit(f"{command} ended with status {process.returncode}:\n{out.read()[-3000:]}{err.read()[-3000:]}")
        return Usage(clock, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read())


def call(function: Callable[[], object]) -> Usage:
    """Call a function in this process."""
    clock, processor = time.perf_counter(), time.process_time()
    function()
    return Usage(time.perf_counter() - clock, time.process_time() - processor)


def code(function: str, *arguments: object) -> list[str]:
    """Return the arguments of Python that call a function of scripts/, such as rivals.run, from compiled bytecode."""
    return ["-c", f"import {function.partition('.')[0]}; {function}()", *map(str, arguments)]


def alternate(ours: Callable[[], Usage], theirs: Callable[[], Usage], repeat: int, seconds: float = 0) -> Pairs:
    """Measure both in turns, `repeat` times and for at least `seconds`; each begins every other time."""
    pairs: list[tuple[Usage, Usage]] = []
    end = time.perf_counter() + seconds
    while len(pairs) < repeat or time.perf_counter() < end:
        if len(pairs) % 2:
            there = theirs()
            pairs.append((ours(), there))
        else:
            pairs.append((ours(), theirs()))
    return pairs


def spread(values: Iterable[float]) -> str:
    """Return the median of values, with the smallest and the largest in brackets."""
    values = list(values)
    return f"{median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


def show(name: str, *figures: str, wanted: str = "") -> None:
    """Print one line: a name, figures, and the bar that they are held to."""
    print(f"{name:<24} {', '.join(figures)}{f'; wanted {wanted}' if wanted else ''}", flush=True)


def compare(name: str, pairs: Pairs, *notes: str, kinds: Sequence[str] = ("clock", "processor"), **bar: float) -> None:
    """Print a line for each kind: ours over theirs where the bar is `at_most`, theirs over ours where `at_least`."""
    ((word, limit),) = bar.items()
    for kind in kinds:
        ours, theirs = ([getattr(usage, kind) for usage in side] for side in zip(*pairs, strict=True))
        upper, lower = (ours, theirs) if word == "at_most" else (theirs, ours)
        ratio = spread(above / below for above, below in zip(upper, lower, strict=True))
        sides = (f"{side} {median(values):.2f} {UNITS[kind]}" for side, values in (("ours", ours), ("theirs", theirs)))
        wanted = f"{word.replace('_', ' ')} {limit:g}"
        show(f"{name}, {kind}", *sides, f"ratio {ratio}", *notes, wanted=wanted)
