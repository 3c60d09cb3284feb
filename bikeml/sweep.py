"""
What a sweep is on disk: its plan, written before the first cell, and what each cell leaves in its own folder.

    <hydra.sweep.dir>/sweep.json          the cells, in override order
    <hydra.sweep.dir>/<cell>/result.json  the cell is done
    <hydra.sweep.dir>/<cell>/failure.json the cell failed, and why
    <hydra.sweep.dir>/<cell>/job.json     how its job on a cluster stands

Nothing else says how a sweep stands: whatever is killed, and wherever the folder is taken, it can be told again.
"""

import json
import logging
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bikeml.errors import BikemlError, SweepStoppedError
from bikeml.files import write_text
from bikeml.redaction import redact

SWEEP_FILE, RESULT_FILE, FAILURE_FILE = "sweep.json", "result.json", "failure.json"
JOB_FILE, LOG_FILE = "job.json", "bikeml.log"
SEARCH_FILE = "cv_results.csv"
PAGE = "report.html"
KEPT_FILES = ("predictions.csv", SEARCH_FILE, "config.yaml", "environment.json", RESULT_FILE)
"""What a sweep keeps of a cell that ran elsewhere; result.json comes last, since it says that all is there."""
METRIC = "cv_r2_mean"
"""Cells and runs are ranked by cross-validation on the training rows: the held-out rows are too few to choose by."""
Status = Literal["finished", "reused", "failed", "interrupted", "submitted", "not run"]


@dataclass(frozen=True)
class Cell:
    """One combination of a sweep."""

    number: int
    """In override order, from 0."""
    overrides: tuple[str, ...]
    """As on the command line, without secrets."""
    folder: str
    """Below the sweep's."""
    varies: Mapping[str, str]
    """What tells the cell from the others: its overrides by key, without those that all cells have."""
    fingerprint: str | None = None
    reused: bool = False
    """Whether its outcome was taken from the store."""
    reason: str | None = None
    """Why nothing recorded could be reused, where reuse was asked for."""

    @property
    def name(self) -> str:
        """What tells the cell from the others, in one line."""
        return " ".join(f"{key}={value}" for key, value in self.varies.items()) or "defaults"


@dataclass(frozen=True)
class Sweep:
    """The plan of a sweep: what sweep.json holds."""

    folder: Path
    command: str
    started: float
    """Unix time."""
    cells: tuple[Cell, ...]
    dropped: tuple[str, ...] = ()
    """Combinations that are the same experiment as an earlier cell, with its number."""
    run_id: str | None = None
    """The sweep's own run in the store, which its cells are nested under."""

    def write(self) -> None:
        """Write sweep.json, whole or not at all."""
        content = {key: value for key, value in asdict(self).items() if key != "folder"}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / SWEEP_FILE, json.dumps(content, indent=2) + "\n")

    def has_failures(self) -> bool:
        """Whether any cell is without a result, or with one that could not be recorded."""
        outcomes = self.outcomes()
        return any(outcome.failure is not None or outcome.result is None for outcome in outcomes)

    def outcomes(self) -> list["Outcome"]:
        """Look at the folders of the cells, in override order."""
        return [read_outcome(self.folder, cell) for cell in self.cells]


@dataclass(frozen=True)
class Outcome:
    """What a cell has left in its folder so far."""

    cell: Cell
    result: Mapping[str, Any] | None
    """The content of result.json."""
    failure: Mapping[str, Any] | None
    """The content of failure.json: error, log, run_id."""
    begun: bool
    job: Mapping[str, Any] | None = None
    """The content of job.json: name, status, studio, and the Unix time at which it was first seen to stand so."""

    @property
    def status(self) -> Status:
        """Where the cell stands; a result that could not be recorded in the store is a result all the same."""
        if self.result is not None:
            return "reused" if self.cell.reused else "finished"
        if self.failure is not None:
            return "failed"
        if self.job is not None:
            return "submitted"
        return "interrupted" if self.begun else "not run"


def read_outcome(sweep_folder: Path, cell: Cell) -> Outcome:
    """Look at the folder of one cell."""
    folder = sweep_folder / cell.folder
    job = _read(folder / JOB_FILE)
    return Outcome(cell, _read(folder / RESULT_FILE), _read(folder / FAILURE_FILE), folder.is_dir(), job)


def read_sweep(folder: Path) -> Sweep:
    """
    Return the sweep in `folder`: its plan, or, of another sweeper's, the cells that are there.

    Raises BikemlError where there is none, or where its plan is not one that a sweep wrote.
    """
    plan = _read(folder / SWEEP_FILE)
    if plan is None:
        return _gather(folder)
    try:
        cells = tuple(Cell(**{**cell, "overrides": tuple(cell["overrides"])}) for cell in plan["cells"])
        return Sweep(folder, **{**plan, "cells": cells, "dropped": tuple(plan["dropped"])})
    except (KeyError, TypeError) as error:
        raise BikemlError(
            f"{str(folder / SWEEP_FILE)!r} is not the plan of a sweep: {type(error).__name__}: {error}; restore the "
            "file, or delete it to read the cells' own folders"
        ) from error


def adopt(folder: Path, command: str) -> Sweep:
    """
    Return what the cells of another sweeper left in `folder` as a sweep, and write its plan.

    Raises BikemlError where there is nothing, and OSError where the folder cannot be written.
    """
    sweep = replace(_gather(folder), command=command)
    sweep.write()
    return sweep


def _gather(folder: Path) -> Sweep:
    files = [file for name in (RESULT_FILE, FAILURE_FILE) for file in folder.rglob(name)]
    folders = sorted({file.parent for file in files}, key=lambda path: (len(path.name), path.as_posix()))
    if not folders:
        raise BikemlError(f"there is no sweep in {str(folder)!r}; give the folder that hydra.sweep.dir named")
    left = [_read(path / RESULT_FILE) or _read(path / FAILURE_FILE) or {} for path in folders]
    overrides = [tuple(map(str, each.get("overrides", ()))) for each in left]
    varies = find_varying(overrides)
    cells = tuple(
        Cell(number, overrides[number], path.relative_to(folder).as_posix(), varies[number])
        for number, path in enumerate(folders)
    )
    return Sweep(folder, command="", started=min(path.stat().st_ctime for path in folders), cells=cells)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def find_varying(overrides: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Return for each cell the overrides, by key, that not all of them have."""
    common = set(overrides[0]).intersection(*overrides[1:]) if len(overrides) > 1 else set()
    split = [[word.partition("=") for word in each if word not in common] for each in overrides]
    return [{key: value for key, _, value in each} for each in split]


def is_collected(folder: Path, fingerprint: str | None) -> bool:
    """Whether the folder holds the result of that experiment's job, which its service called Completed for good."""
    job, result = _read(folder / JOB_FILE), _read(folder / RESULT_FILE)
    if job is None or result is None or fingerprint is None:
        return False
    return job.get("status") == "Completed" and result.get("fingerprint") == fingerprint


def clear_outcomes(folders: Iterable[Path]) -> None:
    """Take away what the cells of an earlier sweep left in these folders: nothing of two sweeps is ever mixed."""
    for folder in folders:
        for name in (RESULT_FILE, FAILURE_FILE, JOB_FILE, LOG_FILE):
            (folder / name).unlink(missing_ok=True)


def write_failure(
    folder: Path, error: str, overrides: Sequence[str], *, command: str | None = None, run_id: str | None = None
) -> None:
    """Write why a cell failed, the command that runs it alone, and the run that recorded it, where there are such."""
    log = LOG_FILE if (folder / LOG_FILE).is_file() else None
    content: dict[str, object] = {"error": error, "overrides": [*map(redact, overrides)], "log": log}
    content |= {"command": command and redact(command), "run_id": run_id}
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / FAILURE_FILE, json.dumps(content, indent=2) + "\n")


def write_job(folder: Path, name: str, status: str, studio: str) -> None:
    """Write how the job of a cell on a cluster stands now: its name, the service's word for its state, its page."""
    content = {"name": name, "status": status, "studio": studio, "seen": time.time()}
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / JOB_FILE, json.dumps(content, indent=2) + "\n")


def describe_error(error: BaseException) -> str:
    """Return the message of an error, without secrets; of one that is not ours with its type."""
    return redact(str(error) if isinstance(error, BikemlError) else f"{type(error).__name__}: {error}")


def log_error(error: BaseException) -> None:
    """Write the traceback of an error, without secrets, to the cell's log."""
    trace = redact("".join(traceback.format_exception(error)))
    logging.getLogger("bikeml").error("the cell failed:\n%s", trace)


def stop_after(max_failures: int | None, sweep_folder: Path) -> None:
    """Raise SweepStoppedError where more cells of the sweep have failed than may fail; any launcher obeys it so."""
    if max_failures is None or not (sweep_folder / SWEEP_FILE).is_file():
        return
    failed = sum(outcome.status == "failed" for outcome in read_sweep(sweep_folder).outcomes())
    if failed > max_failures:
        raise SweepStoppedError(f"{failed} cells have failed, and sweep.max_failures={max_failures} allows no more")
