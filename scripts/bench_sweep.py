"""
Measure a tracked sweep against the tutorial's style and against the bare work, and a sweep of many cells.

    python scripts/bench_sweep.py [--only PART ...] [--repeat N] [--cells N]

style        10 cells as whole processes, in turns: ours, and a plain @hydra.main script with autolog and log_model
cores        the same 10 cells on every core, and with the whole command on one core
tax          what a cell takes in its worker beyond its fits, predictions and importance, one cell at a time, in turns
leaderboard  the leaderboard of --cells recorded cells, after imports
workers      1,000 cells on more cores than there are here: what a cell costs, in the order in which cells run
memory       a sweep of --cells cells: growth of the resident memory and of the time per cell
"""

import json
import shutil
import subprocess
import sys
import time
from collections import deque
from functools import partial
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil
from harness import alternate, call, code, compare, measure, parse, show, spread

from bikeml.multirun.local.crew import BACKLOG

MODELS = ["linear", "lasso", "tree", "rf", "gbr"]
PREPROCESSINGS = ["none", "standard"]
AXES = [f"model={','.join(MODELS)}", f"preprocessing={','.join(PREPROCESSINGS)}"]
N_CELLS = len(MODELS) * len(PREPROCESSINGS)
SWEEP = ["-m", "bikeml", "-m"]
ALONE = ("hydra.launcher.n_jobs=1", "sweep.budget_seconds=3600")
"""One worker, and the recorder beside it: with a budget, cells are not run in the sweep's own process."""
WANTED_TAX = 0.20
MANY_CELLS = 1_000
ON_ONE_CORE = """
import os, runpy, sys

os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
runpy.run_module("bikeml", run_name="__main__", alter_sys=True)
"""


def compare_style(folder: Path, repeat: int) -> None:
    """Sweep in turns with the tutorial's style, after one sweep each that makes its store."""
    style = [
        *code("rivals.sweep", "-m"),
        *AXES,
        "hydra/sweeper=basic",
        "hydra/launcher=basic",
        "~hydra.callbacks.sweep",
    ]
    ours = partial(measure, [*SWEEP, *AXES, "hydra.sweep.dir=style"], folder)
    theirs = partial(measure, style, folder)
    alternate(ours, theirs, 1)
    compare(f"style, {N_CELLS} cells", alternate(ours, theirs, repeat), at_least=8)


def compare_cores(folder: Path, repeat: int) -> None:
    """Sweep in turns on every core and on one of them, after a sweep that makes the store."""
    every = partial(measure, [*SWEEP, *AXES, "hydra.sweep.dir=cores"], folder)
    one = partial(measure, ["-c", ON_ONE_CORE, "-m", *AXES, "hydra.sweep.dir=cores"], folder)
    every()
    compare(f"cores, {N_CELLS} cells", alternate(every, one, repeat), at_least=1.6)


def make_bare_cells() -> None:
    """Print, for each cell, the seconds of its composition, of its fits and predictions, and of its importance."""
    from hydra import initialize_config_dir

    from bikeml.config.composition import config_dir

    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        _make_bare_cell("baseline", "none")
        cells = [_make_bare_cell(model, preprocessing) for model in MODELS for preprocessing in PREPROCESSINGS]
    print(json.dumps(cells))


def _make_bare_cell(model: str, preprocessing: str) -> tuple[float, float, float]:
    from hydra import compose
    from sklearn.model_selection import cross_validate

    from bikeml.config.composition import resolve
    from bikeml.config.schema import typed
    from bikeml.evaluation.choice import decide_metrics
    from bikeml.evaluation.importance import compute_importance
    from bikeml.experiment.check import find_tolerance
    from bikeml.experiment.pipeline import build_pipeline
    from bikeml.table.data import read_table
    from bikeml.table.split import split_table

    started = time.perf_counter()
    composed = compose("config", [f"model={model}", f"preprocessing={preprocessing}"], return_hydra_config=True)
    composing = time.perf_counter() - started
    config = decide_metrics(typed(resolve(composed)))
    table = read_table(config, find_tolerance(config))
    split = split_table(table, config.split, None)
    X, y = table.X.iloc[split.train], table.y[split.train]
    X_test, y_test = table.X.iloc[split.test], table.y[split.test]
    started = time.perf_counter()
    pipeline = build_pipeline(config, X).fit(X, y)
    pipeline.predict(X_test)
    cross_validate(pipeline, X, y, cv=split.folds, scoring=("r2", "neg_root_mean_squared_error"))
    fitting = time.perf_counter() - started
    started = time.perf_counter()
    compute_importance(pipeline, X_test, y_test, config.evaluation)
    return composing, fitting, time.perf_counter() - started


def measure_tax(folder: Path, repeat: int) -> None:
    """Print what a cell takes, what its parts take alone, and the difference."""
    measure([*SWEEP, "hydra.sweep.dir=store"], folder)
    rounds = []
    for number in range(repeat):
        sweep = folder / f"tax{number}"
        measure([*SWEEP, *ALONE, "model=baseline", "hydra.sweep.dir=warm"], folder)
        measure([*SWEEP, *ALONE, f"model=baseline,{','.join(MODELS)}", AXES[1], f"hydra.sweep.dir={sweep}"], folder)
        written = [(sweep / str(cell) / "result.json").stat().st_mtime for cell in range(1, N_CELLS + 2)]
        bare = json.loads(measure(code("bench_sweep.make_bare_cells"), folder).out)
        parts = [sum(part) / N_CELLS for part in zip(*bare, strict=True)]
        rounds.append(((written[-1] - written[0]) / N_CELLS, *parts))
    names = ("a cell", "composing, while it is planned", "fits and predictions", "permutation importance")
    figures = [f"{name} {median(part):.2f} s" for name, part in zip(names, zip(*rounds, strict=True), strict=True)]
    tax = spread(whole - sum(parts) for whole, _, *parts in rounds)
    show("tax", *figures, f"tax {tax} s", wanted=f"at most {WANTED_TAX}")


def measure_leaderboard(folder: Path, n_cells: int) -> None:
    """Make the leaderboard of a sweep whose cells are copies of one."""
    from bikeml.pages.sweep.leaderboard import build_leaderboard
    from bikeml.pages.sweep.report import write_leaderboard
    from bikeml.records.sweep_folder import SweepFolder

    measure([*SWEEP, "tracking=none", "model=linear", "hydra.sweep.dir=one"], folder)
    for number in range(n_cells):
        shutil.copytree(folder / "one" / "0", folder / "copies" / str(number))
    SweepFolder(folder / "copies").adopt("")

    def make() -> None:
        sweep = SweepFolder(folder / "copies").look()
        write_leaderboard(sweep, build_leaderboard(sweep))

    show(f"leaderboard, {n_cells} cells", f"{call(make).clock:.2f} s", wanted="under 3 s for 500, under 8 s for 2,000")


def measure_memory(folder: Path, n_cells: int) -> None:
    """Look at a sweep as it goes on, and compare its beginning, its middle and its end."""
    command = [sys.executable, *SWEEP, ALONE[0], "model=linear", f"seed=range({n_cells})", "hydra.sweep.dir=many"]
    process = psutil.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    samples: list[tuple[int, float, float]] = []
    while process.poll() is None:
        n_done = len(list((folder / "many").glob("*/result.json")))
        samples.append((n_done, process.memory_info().rss / 2**20, time.perf_counter()))
        time.sleep(0.5)
    if process.returncode or not samples:
        sys.exit(f"the sweep of {n_cells} cells ended with status {process.returncode}")
    marks = [min(samples, key=lambda sample, at=at: abs(sample[0] - at * n_cells)) for at in (0.1, 0.5, 1)]
    (n0, rss0, t0), (n1, _, t1), (n2, rss2, t2) = marks
    growth = f"{(rss2 - rss0) / (n2 - n0):.3f} MiB more a cell"
    times = f"{(t1 - t0) / (n1 - n0):.2f} s a cell in the first half, {(t2 - t1) / (n2 - n1):.2f} s in the second"
    show(f"memory, {n_cells} cells", growth, times, wanted="at most 0.25 MiB")


def simulate_workers(folder: Path) -> None:
    """Measure what a small cell and its record take, and print what many would take by the number of workers."""
    sweep = folder / "workers"
    command = [*SWEEP, *ALONE, "model=linear", "seed=range(8)", f"hydra.sweep.dir={sweep}"]
    measure(command, folder)
    measure([*command, "reuse=none"], folder)
    written, recorded = (
        sorted((sweep / str(cell) / name).stat().st_mtime for cell in range(8))
        for name in ("result.json", "store.json")
    )
    cell, record = (median(after - before for before, after in pairwise(times)) for times in (written, recorded))
    imports = measure(["-c", "import bikeml.pages.run.report, bikeml.tracking.record"], folder).clock
    show("a small cell", f"{cell:.2f} s", f"its record {record:.2f} s", f"the imports of recording {imports:.2f} s")
    for n_workers in (1, 2, 4, 8, 16):
        seconds = schedule(n_workers, MANY_CELLS, cell, record, imports)
        rate = MANY_CELLS / seconds
        show(f"{MANY_CELLS:,} cells, {n_workers} workers", f"{seconds:.0f} s", f"{rate:.1f} cells a second (simulated)")


def schedule(n_workers: int, n_cells: int, cell: float, record: float, imports: float) -> float:
    """
    Return when the last of `n_cells` is recorded, as the crew of the launcher hands out the work, in seconds.

    A worker whose result finds too many before the recorder records one itself before it takes the next cell.
    """
    free = [(0.0, number) for number in range(n_workers)]
    at_recorder: deque[float] = deque()  # when each is recorded
    left, has_imported, end = n_cells, set(), 0.0
    while left:
        now, worker = heappop(free)
        left, now = left - 1, now + cell
        while at_recorder and at_recorder[0] <= now:
            at_recorder.popleft()
        if len(at_recorder) < BACKLOG:
            at_recorder.append(max([now, *at_recorder]) + record)
        else:
            now += record + (0 if worker in has_imported else imports)
            has_imported.add(worker)
        end = max(end, now, *at_recorder)
        heappush(free, (now, worker))
    return end


def main() -> None:
    cells = {"type": int, "default": 500, "help": "of the sweeps for leaderboard and memory"}
    arguments = parse(__doc__, ["style", "cores", "tax", "workers", "leaderboard", "memory"], repeat=3, cells=cells)
    with TemporaryDirectory() as name:
        for part, bench in {
            "style": partial(compare_style, repeat=arguments.repeat),
            "cores": partial(compare_cores, repeat=arguments.repeat),
            "tax": partial(measure_tax, repeat=arguments.repeat),
            "workers": simulate_workers,
            "leaderboard": partial(measure_leaderboard, n_cells=arguments.cells),
            "memory": partial(measure_memory, n_cells=arguments.cells),
        }.items():
            if part in arguments.only:
                bench(Path(name))


if __name__ == "__main__":
    sys.exit(main())
