"""Make the leaderboard and the page of a sweep again from its folder, wherever it lies."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bikeml.errors import RunFolderError


def report(words: Sequence[str]) -> None:
    """
    Write leaderboard.csv, leaderboard.png and report.html to the folder of a sweep, and print their paths.

    Raises RecordError if there is no sweep, and RunFolderError if its folder cannot be written.
    """
    parser = argparse.ArgumentParser(prog="python -m bikeml report", description=__doc__)
    parser.add_argument("sweep", type=Path, help="the folder that hydra.sweep.dir named, or a copy of it")
    folder = parser.parse_args(words).sweep
    from bikeml.pages.sweep.leaderboard import build_leaderboard, write_leaderboard  # seconds of imports from here on
    from bikeml.pages.sweep.report import write_report
    from bikeml.records.sweep_folder import SweepFolder

    sweep = SweepFolder(folder).look()
    leaderboard = build_leaderboard(sweep)
    for outcome in sweep.outcomes:
        if outcome.problem:
            print(f"bikeml: {outcome.cell.name}: {outcome.problem}", file=sys.stderr)
    try:
        for path in (*write_leaderboard(sweep, leaderboard), write_report(sweep, leaderboard)):
            print(path)
    except OSError as error:
        raise RunFolderError(
            f"cannot write to {str(folder)!r}: {error.strerror or error}; copy the sweep elsewhere"
        ) from error
