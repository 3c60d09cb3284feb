"""Record runs and sweeps in a store, after the time in which it was not there."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bikeml.system.printable import program


def record(words: Sequence[str]) -> None:
    """Record the runs and sweeps of folders, and print where each is; raises the errors of record_folder."""
    parser = argparse.ArgumentParser(prog=f"{program()} record", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of a run or of a sweep")
    parser.add_argument("--uri", help="the store, as tracking.uri; the run's own, or else that of tracking=auto")
    parser.add_argument("--experiment-name", help="as tracking.experiment_name; the run's own")
    chosen = parser.parse_args(words)
    from bikeml.multirun.publish import record_folder  # seconds of imports

    for path in chosen.folders:
        for folder, stored in record_folder(path, chosen.uri, chosen.experiment_name):
            print(f"{folder}  {stored.run_id} in {stored.uri}, experiment {stored.experiment_name}")
