"""
Measure how long a sweep takes to be submitted to Azure ML, beside the tutorial's loop, and what asking again costs.

    python scripts/bench_azure.py [--only PART ...] [--jobs N] [--loop-jobs N] [--cells N]

sweep   a sweep of --jobs cells, and the tutorial's loop, which submits command() with local code one by one; the loop
        is measured over --loop-jobs and given per job, since each costs the same
again   the same sweep again, in its folder and in another one
memory  a sweep of --cells cells

Against the loopback service of tests/azureml, which answers a job's submission after 0.6 s and everything else of the
control plane after 0.15 s, but for `memory`. Times go from the first request to the last submission; requests to the
blob store and looks at running jobs are counted apart. The jobs are simulated and end at once.
"""

import json
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from harness import ROOT, Usage, code, measure, parse, show

sys.path.insert(0, str(ROOT))  # the tests are no package that is installed
from tests.azureml import Behaviour, LoopbackAzureML
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE

PUT_SECONDS, OTHER_SECONDS = 0.6, 0.15
POLLS = ("jobs.list", "jobs.get")
DELAYED = ("jobs.*", "codes.*", "data.*", "environments.*", "datastores.*", "computes.*", "workspaces.*")
NAMES = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
RECORD = ["-m", "bikeml", "model=tree", "tracking=none", "hydra.run.dir=recorded"]
SWEEP = ["-m", "bikeml", "-m", "hydra/launcher=azureml", "model=tree", "tracking=none", "hydra.sweep.dir=sweep"]
LIMITS = ["hydra.launcher.max_jobs=100000", "hydra.launcher.max_node_hours=1000000"]


class Submission(NamedTuple):
    """Seconds from the first request to the last submission, and requests by kind."""

    seconds: float
    puts: int
    others: int
    polls: int

    def count(self) -> str:
        return f"{self.puts} job PUTs, {self.others} other requests, {self.polls} polls"


class Bench:
    """A working folder, and the service that its programs talk to."""

    def __init__(self, service: LoopbackAzureML, folder: Path) -> None:
        self.service, self.folder = service, folder
        (folder / "config.json").write_text(json.dumps(NAMES))
        self.run(RECORD)
        self.recorded = json.loads((folder / "recorded" / "result.json").read_text())

    def run(self, arguments: list[str]) -> Usage:
        """Run Python to its end; the log of requests is then of this run alone."""
        self.service.log.clear()
        return measure(arguments, self.folder, **self.service.variables())

    def sweep(self, n_cells: int, *words: str) -> Usage:
        """Run a sweep whose jobs end at once with the result that their commands speak of."""
        self.service.lifecycle.behave = self._behave
        return self.run([*SWEEP, *LIMITS, f"seed=range(0,{n_cells})", *words])

    def _behave(self, job: Any) -> Behaviour:
        words = dict(word.partition("=")[::2] for word in shlex.split(job.spec["command"]))
        fingerprint = words.get("BIKEML_FINGERPRINT")
        record = self.recorded | {"fingerprint": fingerprint, "identity": None}
        return Behaviour(seconds=0, files={"default": {"result.json": json.dumps(record).encode()}})

    def delay(self) -> None:
        """Answer as late as the service does."""
        self.service.faults.slow(PUT_SECONDS, "jobs.put", times=None)
        for route in DELAYED:
            self.service.faults.slow(OTHER_SECONDS, route, times=None)

    def read_log(self) -> Submission:
        """Return what the last run asked of the control plane."""
        entries = [entry for entry in self.service.log.entries if entry.host == "management.azure.com"]
        puts = [entry for entry in entries if entry.route == "jobs.put"]
        n_polls = sum(entry.route in POLLS for entry in entries)
        ends = [entry.time + entry.milliseconds / 1000 for entry in puts]
        seconds = max(ends) - min(entry.time for entry in entries) if puts else 0.0
        return Submission(seconds, len(puts), len(entries) - len(puts) - n_polls, n_polls)


def compare_with_loop(bench: Bench, n_jobs: int, n_loop: int) -> None:
    """Submit a sweep, and jobs in the tutorial's loop."""
    whole = bench.sweep(n_jobs)
    ours = bench.read_log()
    show(f"sweep of {n_jobs}", f"{ours.seconds:.1f} s", ours.count(), f"{whole.clock:.1f} s in all")
    bench.run(code("rivals.submit", str(n_loop)))
    loop = bench.read_log()
    show(f"loop of {n_loop}", f"{loop.seconds:.1f} s", loop.count())
    ratio = loop.seconds / n_loop * n_jobs / ours.seconds
    show("loop over sweep", f"ratio {ratio:.1f} at {n_jobs} jobs", wanted="at least 10")


def measure_again(bench: Bench, n_jobs: int) -> None:
    """Run the sweep again, beside composing and planning it alone."""
    bench.sweep(n_jobs)
    plan = bench.sweep(n_jobs, "hydra.launcher.plan=true")
    for name, words in (("again", []), ("elsewhere", ["hydra.sweep.dir=elsewhere"])):
        again = bench.sweep(n_jobs, *words)
        beyond = f"{again.clock - plan.clock:.1f} s beyond composing and planning"
        show(name, f"{again.clock:.1f} s in all", beyond, bench.read_log().count(), wanted="0 job PUTs")


def measure_memory(bench: Bench, n_cells: int) -> None:
    """Run a sweep of many cells without delays."""
    bench.service.reset()
    found = bench.sweep(n_cells)
    show(f"sweep of {n_cells}", f"{found.clock:.0f} s", f"{found.memory:.0f} MiB", wanted="under 600 MiB")


def main() -> None:
    numbers = {"jobs": 200, "loop_jobs": 20, "cells": 1000}
    options = {name: {"type": int, "default": number} for name, number in numbers.items()}
    arguments = parse(__doc__, ["sweep", "again", "memory"], **options)
    with TemporaryDirectory() as folder, LoopbackAzureML() as service:
        bench = Bench(service, Path(folder))
        bench.delay()
        if "sweep" in arguments.only:
            compare_with_loop(bench, arguments.jobs, arguments.loop_jobs)
        if "again" in arguments.only:
            measure_again(bench, arguments.jobs)
        if "memory" in arguments.only:
            measure_memory(bench, arguments.cells)


if __name__ == "__main__":
    sys.exit(main())
