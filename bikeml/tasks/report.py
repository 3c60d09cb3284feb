"""Make the page of a run or a sweep again from its folder, wherever it lies, with its figures or its leaderboard."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bikeml.errors import RecordError, RunFolderError
from bikeml.system.files import HYDRAS_RECORD
from bikeml.system.printable import program


def report(words: Sequence[str]) -> None:
    """
    Write report.html to the folder of a run or a sweep, with the pictures beside it, and print the paths.

    Raises RecordError if there is neither, and RunFolderError if the folder cannot be written.
    """
    parser = argparse.ArgumentParser(prog=f"{program()} report", description=__doc__)
    named = "the folder that hydra.run.dir or hydra.sweep.dir named, or a copy of it"
    parser.add_argument("folder", type=Path, help=named)
    folder = parser.parse_args(words).folder
    from bikeml.records.run_folder import RESULT  # pydantic's import takes longer than --help

    if not folder.is_dir():
        raise RecordError(
            f"there is no folder {str(folder)!r}; give the folder of a run or a sweep, as the command that made it has "
            "printed it"
        )
    try:
        for path in _report_run(folder) if (folder / RESULT).is_file() else _report_sweep(folder):
            print(path)
    except OSError as error:
        raise RunFolderError(
            f"cannot write to {str(folder)!r}: {error.strerror or error}; copy the folder elsewhere"
        ) from error


def _report_run(path: Path) -> Iterator[Path]:
    from bikeml.pages.run.report import save  # seconds of imports from here on
    from bikeml.records.run_folder import DRAWN, RunFolder

    folder = RunFolder(path)
    save(folder)
    yield from (path / name for name in DRAWN if folder.has(name))


def _report_sweep(path: Path) -> Iterator[Path]:
    from bikeml.pages.sweep.leaderboard import build_leaderboard
    from bikeml.pages.sweep.report import write_cell_pages, write_leaderboard, write_report
    from bikeml.records.sweep_folder import SweepFolder

    _refuse_runs(path)
    sweep = SweepFolder(path).look()
    leaderboard = build_leaderboard(sweep)
    for outcome in sweep.outcomes:
        if outcome.problem:
            print(f"bikeml: {outcome.cell.name}: {outcome.problem}", file=sys.stderr)
    yield from write_leaderboard(sweep, leaderboard)
    write_cell_pages(sweep, leaderboard)
    yield write_report(sweep, leaderboard)


def _refuse_runs(path: Path) -> None:
    """Raise RecordError if a folder holds runs that are no cells of a sweep, as outputs/ does."""
    from bikeml.records.run_folder import RESULT
    from bikeml.records.sweep import SweepRecord

    is_sweep = any((path / name).is_file() for name in (SweepRecord.FILE, HYDRAS_RECORD))
    runs = (
        []
        if is_sweep or next(path.rglob(SweepRecord.FILE), None)
        else [file.parent for file in path.rglob(RESULT) if file.is_file()]
    )
    if runs:
        raise RecordError(
            f"{str(path)!r} is no sweep, but holds {len(runs)} runs; give one, such as {str(max(runs))!r}, or compare "
            f"them with: {program()} compare"
        )
