"""List, follow or cancel the jobs of a sweep, or follow the log of one."""

import argparse
from collections.abc import Sequence
from pathlib import Path

LOOK_SECONDS = 5.0


def show_jobs(words: Sequence[str]) -> None:
    """Print a line for each job of a sweep, or a job's log; raises BikemlError if there is no such sweep or cell."""
    chosen = _parse(words)
    from bikeml.azure import sweep_jobs  # azure's import takes seconds

    if chosen.logs is not None:
        for line in sweep_jobs.follow_log(chosen.sweep, chosen.logs, LOOK_SECONDS, chosen.overrides):
            print(line, flush=True)
        return
    if chosen.follow:
        jobs = sweep_jobs.follow_jobs(chosen.sweep, LOOK_SECONDS, chosen.overrides)
    elif chosen.cancel:
        jobs = sweep_jobs.cancel_jobs(chosen.sweep, chosen.overrides)
    else:
        jobs = iter(sweep_jobs.read_jobs(chosen.sweep, chosen.overrides))
    for job in jobs:
        print(f"{job.name}  {job.status:<12}  {job.studio}", flush=True)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bikeml azure jobs", description=__doc__)
    parser.add_argument("sweep", type=Path, help="the folder that hydra.sweep.dir named")
    parser.add_argument("overrides", nargs="*", help="of the config, such as azure.workspace_name=w")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--follow", action="store_true", help="tell of every change until all have ended")
    what.add_argument("--logs", metavar="CELL", help="follow the log of a cell, by its number or the name of its job")
    what.add_argument("--cancel", action="store_true", help="ask for the end of those that have not ended")
    return parser.parse_intermixed_args(words)
