"""
Measure how long bikeml takes beside programs that do the same without it.

    python scripts/bench_start.py [--only PART ...] [--repeat N]

help      `--help` against a bare @hydra.main program over the same conf/
cfg       `--cfg job` against the same program
run       `model=rf` against a script that makes the same fits with scikit-learn, and logs the same content to MLflow
tutorial  `model=rf` against the tutorial's script, with autologging and inferred requirements
cell      what a second and later run in one process takes beyond its fits, its predictions and Hydra's composition

Each program is a process of its own, over a warm store and compiled bytecode.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import alternate, code, compare, measure, parse, show, spread

BIKEML = ["-m", "bikeml"]
RF = [*BIKEML, "model=rf", "hydra.run.dir=out"]
CASES = {
    "help": ([*BIKEML, "--help"], code("rivals.compose", "--help"), {"at_most": 1.1}),
    "cfg": ([*BIKEML, "--cfg", "job"], code("rivals.compose", "--cfg", "job"), {"at_most": 1.1}),
    "run": (RF, code("rivals.run"), {"at_most": 1.15}),
    "tutorial": (RF, code("rivals.tutorial"), {"at_least": 2.5}),
}
CELL_MODELS = ("linear", "tree", "rf", "gbr")
WANTED_TAX = 0.35


def compare_case(name: str, repeat: int, folder: Path) -> None:
    """Run the two programs of a case in turns, after one run each that is not counted."""
    *programs, bar = CASES[name]
    ours, theirs = (partial(measure, program, folder) for program in programs)
    alternate(ours, theirs, 1)
    compare(name, alternate(ours, theirs, repeat), **bar)


@contextmanager
def split_time(parts: dict[str, tuple[object, str]]) -> Iterator[Counter]:
    """Add up the processor's seconds of the outermost calls of each method, by label."""
    seconds: Counter = Counter()
    running: list[str] = []

    def timed(label: str, method: Callable) -> Callable:
        @wraps(method)  # scikit-learn looks at its name
        def call(*arguments: object, **keywords: object) -> object:
            if running:
                return method(*arguments, **keywords)
            running.append(label)
            started = time.process_time()
            try:
                return method(*arguments, **keywords)
            finally:
                seconds[label] += time.process_time() - started
                running.clear()

        return call

    for label, (owner, name) in parts.items():
        setattr(owner, name, timed(label, getattr(owner, name)))
    yield seconds


def measure_cells(repeat: int) -> None:
    """Print what each model's run takes in a process that has made one, and how much of it is ours."""
    from sklearn.pipeline import Pipeline

    import bikeml
    from bikeml.config import composition

    def run(model: str) -> None:
        bikeml.run(f"model={model}", f"hydra.run.dir=out/{model}")

    for model in CELL_MODELS:
        run(model)
    parts = {"compose": (composition, "compose"), "fit": (Pipeline, "fit"), "predict": (Pipeline, "predict")}
    with split_time(parts) as seconds:
        for model in CELL_MODELS:
            taxes = []
            for _ in range(repeat):
                seconds.clear()
                started = time.process_time()
                run(model)
                taxes.append(time.process_time() - started - seconds.total())
            beside = [f"{label} {value:.2f} s" for label, value in seconds.items()]
            show(f"cell {model}", f"tax {spread(taxes)} s", *beside, wanted=f"at most {WANTED_TAX}")


def main() -> None:
    arguments = parse(__doc__, [*CASES, "cell"])
    with TemporaryDirectory() as folder:
        for name in arguments.only:
            if name in CASES:
                compare_case(name, arguments.repeat, Path(folder))
        if "cell" in arguments.only:
            os.chdir(folder)
            measure_cells(arguments.repeat)


if __name__ == "__main__":
    sys.exit(main())
