"""Records of a sweep: its plan, the failure of a cell, and the state of a cell's job on a cluster."""

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from bikeml.records.record import Count, Digest, Record, Seconds, Text, Value
from bikeml.records.run import Destination, RunRecord
from bikeml.system.printable import printable

COMPLETED = "Completed"
"""The status of a job that has succeeded, as Azure ML spells it."""
Status = Literal[
    "finished", "reused", "failed", "broken", "interrupted", "submitted", "not fetched", "left out", "not run"
]


NAME_BYTES = 255
"""The longest name of a folder that common file systems take."""
OF_PLACES = re.compile(r"\+*(data|hydra|tracking)[=./]")
SHOWN = 60  # characters of a name that is longer


class WrongFolderError(ValueError):
    """The folder of a cell is not below the sweep's."""


def check_subfolder(folder: str) -> str:
    """Return `folder` if it is a relative path that stays below the sweep's folder; raises WrongFolderError."""
    posix, windows = PurePosixPath(folder), PureWindowsPath(folder)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts or not posix.parts:
        raise WrongFolderError(f"={folder!r} should be a folder below the sweep's folder; put ${{hydra.job.num}} in it")
    if "${" in folder:
        raise WrongFolderError(f"={folder!r} has ${{ in it, which Hydra would resolve; use ${{hydra.job.num}}")
    if any(len(os.fsencode(part)) > NAME_BYTES for part in posix.parts):
        shown = f"{folder[:SHOWN]}..."
        raise WrongFolderError(
            f"={shown!r} has a name of more than {NAME_BYTES} bytes, which no folder can have; use ${{hydra.job.num}}"
        )
    return folder


class Cell(Value):
    """One combination of overrides in the plan of a sweep."""

    number: Count
    """In override order, from 0."""
    overrides: tuple[Text, ...]
    """As on the command line, without secrets."""
    folder: Annotated[str, AfterValidator(check_subfolder)]
    """Relative to the sweep's folder."""
    varies: Mapping[str, Text]
    """Its overrides by key, without those that all cells share."""
    fingerprint: Digest | None = None
    """None if the table does not fit the config."""
    reused: bool = False
    """Whether its outcome was taken from the store."""
    reason: Text | None = None
    """Why no recorded run could be reused, if the sweep was to reuse runs."""
    is_blend: bool = False
    """Whether it is made of the other cells, and so has no overrides."""

    @property
    def name(self) -> str:
        """Return the overrides that distinguish the cell, in one line."""
        if self.is_blend:
            return "blend"
        return printable(" ".join(f"{key}={value}" for key, value in self.varies.items())) or "defaults"

    def list_values(self, keys: Sequence[str]) -> list[str]:
        """Return its values of the `keys` that vary, for a row of a table; a blend has its name at the first."""
        if self.is_blend:
            return [self.name, *[""] * len(keys)][: len(keys)]
        return [self.varies.get(key, "") for key in keys]


class SweepRecord(Record):
    """The plan of a sweep, written before its first cell runs."""

    FILE: ClassVar[str] = "sweep.json"

    command: Text
    started: Seconds
    """Unix time."""
    cells: tuple[Cell, ...]
    dropped: tuple[Text, ...] = ()
    """Combinations left out as the same experiment as an earlier cell, each with the number of that cell."""
    n_trials: Count | None = None
    """How many cells a sweeper proposes one after another; None if all were planned at once."""
    rank: Text = "r2"
    """The metric that the cells are ranked by; an earlier sweep has R2."""
    rope: Annotated[float, Field(ge=0)] = 0.01
    """Which difference does not matter in practice, as sweep.rope says; an earlier sweep has its default."""
    budget_seconds: Annotated[float, Field(gt=0)] | None = None
    """How long the whole command may take; None: any time, and an earlier sweep does not tell."""
    destination: Destination | None = None
    """The store of the sweep's own run, and the caller's run in which that one nests."""

    @property
    def id(self) -> str:
        """Return the unique id of this sweep, so that a store holds it only once."""
        cells = [cell for cell in self.cells if not cell.is_blend] if self.n_trials is None else ()
        told = [self.command, self.started, [cell.fingerprint for cell in cells]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    @classmethod
    def upgrade(cls, earlier: dict[str, Any]) -> dict[str, Any]:
        """Return the content of form 1 converted to this form, without run_id, which is in store.json now."""
        return {key: value for key, value in earlier.items() if key != "run_id"}


class FailureRecord(Record):
    """Why a cell has no result."""

    FILE: ClassVar[str] = "failure.json"

    error: Text
    overrides: tuple[Text, ...]
    log: Text | None = None
    """The name of the cell's log, in the same folder."""
    command: Text | None = None
    """The command that runs the cell alone."""
    run_id: Text | None = None
    """The run in the store that holds the failure."""


class LeftOutRecord(Record):
    """Why a cell was not begun or not ended, although nothing is wrong with it: the sweep had no time left."""

    FILE: ClassVar[str] = "left_out.json"

    reason: Text


class JobRecord(Record):
    """The state of a cell's job on a cluster."""

    FILE: ClassVar[str] = "job.json"

    name: Text
    status: Text
    """As the service spells it."""
    studio: Text
    """The address of its page."""
    seen: Seconds
    """Unix time at which this status was first seen."""
    reason: Text | None = None
    """Why the result is not here yet: what the job waits for, or why the result could not be fetched."""


def write_job(folder: Path, name: str, status: str, studio: str, reason: str | None = None) -> None:
    """
    Write job.json: the name of a cell's job on a cluster, its status as the service spells it, and its page.

    `reason` says why the result is not here yet, although nothing is lost.
    """
    JobRecord(name=name, status=status, studio=studio, seen=time.time(), reason=reason).write(folder)


@dataclass(frozen=True)
class Outcome:
    """What the folder of a cell holds so far."""

    cell: Cell
    record: RunRecord | None = None
    failure: FailureRecord | None = None
    job: JobRecord | None = None
    left_out: LeftOutRecord | None = None
    run_id: str | None = None
    """The run in the store that holds the result or the failure."""
    problem: str | None = None
    """Why a file in the folder is not accepted: it is broken, or is of another experiment."""
    has_begun: bool = False

    @property
    def status(self) -> Status:
        """Return the status of the cell. A result that could not be recorded in the store still counts as a result."""
        if self.record is not None:
            return "reused" if self.cell.reused else "finished"
        if self.failure is not None:
            return "failed"
        if self.problem is not None:
            return "broken"
        if self.left_out is not None:
            return "left out"
        if self.job is not None:
            return "not fetched" if self.job.status == COMPLETED else "submitted"
        return "interrupted" if self.has_begun else "not run"

    @property
    def has_failed(self) -> bool:
        """Return whether the cell has no result and was not left out, or one that could not be recorded."""
        return (self.record is None and self.status != "left out") or self.failure is not None


@dataclass(frozen=True)
class Sweep:
    """A sweep with what each cell holds so far."""

    folder: Path
    record: SweepRecord
    outcomes: tuple[Outcome, ...]
    """One per cell, in override order."""
    run_id: str | None = None
    """The sweep's own run in the store, the parent of the cells' runs."""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Return the cells, in override order."""
        return self.record.cells

    @property
    def own_ranks(self) -> list[str]:
        """Return the metrics that rank cells alone, but not the sweep: those of different quantiles, say."""
        return sorted({outcome.record.rank for outcome in self.outcomes if outcome.record} - {self.record.rank})

    @property
    def has_failures(self) -> bool:
        """Return whether any cell has no result, or one that could not be recorded."""
        return any(outcome.has_failed for outcome in self.outcomes)


def find_varying(overrides: Sequence[Sequence[str]], common: frozenset[str] | None = None) -> list[dict[str, str]]:
    """
    Return the overrides of each cell, by key, without those that all cells share, which may be known: `common`.

    A single cell shares none; those that say where its table, its files and its store lie are left out.
    """
    if common is None and len(overrides) == 1:
        common = frozenset(word for word in overrides[0] if OF_PLACES.match(word))
    elif common is None:
        common = frozenset.intersection(*map(frozenset, overrides)) if overrides else frozenset()
    split = [[word.partition("=") for word in each if word not in common] for each in overrides]
    return [{key: value for key, _, value in each} for each in split]
