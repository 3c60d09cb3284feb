"""What is remembered of a sweep: its plan, and of each cell without a result how it stands or why it failed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator

from bikeml.records.record import Count, Digest, Record, Seconds, Text, Value
from bikeml.records.run import RunRecord

COMPLETED = "Completed"
"""Azure ML's word for a job that has succeeded."""
Status = Literal["finished", "reused", "failed", "broken", "interrupted", "submitted", "not fetched", "not run"]


class WrongFolderError(ValueError):
    """The folder of a cell is not below the sweep's."""


def check_subfolder(folder: str) -> str:
    """Return `folder` if it is a path below another folder, and never beside or above it; raises WrongFolderError."""
    posix, windows = PurePosixPath(folder), PureWindowsPath(folder)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts or not posix.parts:
        raise WrongFolderError(f"={folder!r} should be a folder below the sweep's; put ${{hydra.job.num}} in it")
    return folder


class Cell(Value):
    """One combination of a sweep, as its plan has it."""

    number: Count
    """In override order, from 0."""
    overrides: tuple[Text, ...]
    """As on the command line, without secrets."""
    folder: Annotated[str, AfterValidator(check_subfolder)]
    """Below the sweep's."""
    varies: Mapping[str, Text]
    """What tells the cell from the others: its overrides by key, without those that all cells have."""
    fingerprint: Digest | None = None
    """None if its table does not fit."""
    reused: bool = False
    """Whether its outcome was taken from the store."""
    reason: Text | None = None
    """Why nothing recorded could be reused, if reuse was asked for."""

    @property
    def name(self) -> str:
        """What tells the cell from the others, in one line."""
        return " ".join(f"{key}={value}" for key, value in self.varies.items()) or "defaults"


class SweepRecord(Record):
    """The plan of a sweep, written before its first cell runs."""

    FILE: ClassVar[str] = "sweep.json"

    command: Text
    started: Seconds
    """Unix time."""
    cells: tuple[Cell, ...]
    dropped: tuple[Text, ...] = ()
    """Combinations that are the same experiment as an earlier cell, with its number."""

    @property
    def id(self) -> str:
        """What tells this very sweep from every other, so that a store holds it once."""
        told = [self.command, self.started, [cell.fingerprint for cell in self.cells]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    @classmethod
    def upgrade(cls, earlier: dict[str, Any]) -> dict[str, Any]:
        """Return the content of form 1 in this form: its run in the store has a file of its own now."""
        return {key: value for key, value in earlier.items() if key != "run_id"}


class FailureRecord(Record):
    """Why a cell has no result."""

    FILE: ClassVar[str] = "failure.json"

    error: Text
    overrides: tuple[Text, ...]
    log: Text | None = None
    """The name of its log beside this file."""
    command: Text | None = None
    """What runs the cell alone."""
    run_id: Text | None = None
    """The run that recorded the failure."""


class JobRecord(Record):
    """How the job of a cell on a cluster stands."""

    FILE: ClassVar[str] = "job.json"

    name: Text
    status: Text
    """In the service's own word."""
    studio: Text
    """Its page."""
    seen: Seconds
    """Unix time at which it was first seen to stand so."""
    reason: Text | None = None
    """Why its result is not here although nothing is lost: what it waits for, or what kept it from being fetched."""


@dataclass(frozen=True)
class Outcome:
    """What a cell has left in its folder so far."""

    cell: Cell
    record: RunRecord | None = None
    failure: FailureRecord | None = None
    job: JobRecord | None = None
    run_id: str | None = None
    """The run in the store that has the result or the failure."""
    problem: str | None = None
    """Why what lies there is not taken for the cell's."""
    has_begun: bool = False

    @property
    def status(self) -> Status:
        """Where the cell stands; a result that could not be recorded in the store is a result all the same."""
        if self.record is not None:
            return "reused" if self.cell.reused else "finished"
        if self.failure is not None:
            return "failed"
        if self.problem is not None:
            return "broken"
        if self.job is not None:
            return "not fetched" if self.job.status == COMPLETED else "submitted"
        return "interrupted" if self.has_begun else "not run"

    @property
    def has_failed(self) -> bool:
        """Whether the cell is without a result, or with one that could not be recorded."""
        return self.record is None or self.failure is not None


@dataclass(frozen=True)
class Sweep:
    """A sweep as it stands."""

    folder: Path
    record: SweepRecord
    outcomes: tuple[Outcome, ...]
    """Of its cells, in override order."""
    run_id: str | None = None
    """The sweep's own run in the store, which its cells are nested under."""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells, in override order."""
        return self.record.cells

    @property
    def has_failures(self) -> bool:
        """Whether any cell is without a result, or with one that could not be recorded."""
        return any(outcome.has_failed for outcome in self.outcomes)


def find_varying(overrides: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Return for each cell the overrides, by key, that not all of them have."""
    common = set(overrides[0]).intersection(*overrides[1:]) if len(overrides) > 1 else set()
    split = [[word.partition("=") for word in each if word not in common] for each in overrides]
    return [{key: value for key, _, value in each} for each in split]
