"""What is remembered of one experiment: result.json, and what a store answered."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, JsonValue, model_validator
from pydantic_core import from_json

from bikeml.errors import RecordError
from bikeml.records.record import Count, Digest, Record, Seconds, Text, Value

FINGERPRINT, PARENT_RUN_ID = "BIKEML_FINGERPRINT", "BIKEML_PARENT_RUN_ID"
"""The environment variables by which a job is told what it must be, and a cell the run of its sweep."""
METRIC = "cv_r2_mean"
"""Cells and runs are ranked by cross-validation on the training rows: the held-out rows are too few to choose by."""


@dataclass(frozen=True)
class Invocation:
    """How an experiment was asked for: nothing in it changes a figure."""

    folder: Path
    """The run folder, as hydra.run.dir or hydra.sweep.dir say."""
    command: str
    """The command line or the Python call."""
    choices: Mapping[str, str]
    """The option chosen in each config group, such as {"model": "rf"}."""
    overrides: tuple[str, ...] = ()
    """What was changed against the files of conf/, as on the command line."""
    is_prepared: bool = False
    """Whether a sweep has looked at the folder already and cleared it."""
    fingerprint: str | None = field(default_factory=lambda: os.environ.get(FINGERPRINT) or None)
    """What the experiment must be, or it does not run; None for any."""
    parent_run_id: str | None = field(default_factory=lambda: os.environ.get(PARENT_RUN_ID) or None)
    """The sweep's own run in the store."""

    @property
    def name(self) -> str:
        """The chosen options in one word, such as rf-standard-grid."""
        words = [self.choices.get(group, "none") for group in ("model", "preprocessing", "search")]
        return "-".join(word for word in words if word != "none")


class Dataset(Value):
    """The table of a run, without its rows."""

    name: Text
    source: Text
    """Its path or URL, without secrets."""
    sha256: Digest
    target: Text | None
    """None in a record of form 1, as are the columns' types and roles."""
    columns: Mapping[str, Text]
    """The features and the target with their types."""
    roles: Mapping[str, Text]
    """numeric, categorical, date or target, by column."""
    n_train: Count
    n_test: Count
    gaps: Mapping[str, Count]
    """How many cells of each feature are missing, if any are."""


class CrossValidation(Value):
    """Scores of the same parameters on every fold; None where a score is undefined."""

    r2: tuple[float | None, ...]
    rmse: tuple[float | None, ...]
    """In the target's unit."""
    n_fit: tuple[Count, ...]
    """How many rows each fold was fitted on."""
    n_score: tuple[Count, ...]
    """How many rows each fold was scored on."""
    folds: Text
    """The sha256 of the folds' rows: scores of two configurations can be compared in pairs where it is the same."""
    tuned_on_these_rows: bool
    """Whether the folds scored parameters that a search chose on the same rows: the scores then flatter."""

    @model_validator(mode="after")
    def _has_every_score_of_every_fold(self) -> Self:
        if not len(self.r2) == len(self.rmse) == len(self.n_fit) == len(self.n_score) > 0:
            raise ValueError("should have a score of each kind for each fold")
        return self


class Importance(Value):
    """How much the test R2 falls when one column is shuffled, with its standard deviation over the shuffles."""

    columns: tuple[str, ...]
    mean: tuple[float | None, ...]
    std: tuple[float | None, ...]


class Candidate(Value):
    """One candidate of a search."""

    params: Mapping[str, JsonValue]
    """Arguments of the estimator, without the step's prefix; what JSON has no word for as its repr."""
    rank: Count
    scores: Mapping[str, float | None]
    """The columns of cv_results_ that begin with mean_ or std_."""


class Search(Value):
    """What a search found on the training rows."""

    scoring: Text | None
    best_params: Mapping[str, JsonValue]
    best_score: float | None
    candidates: tuple[Candidate, ...]
    """Empty in a record of form 1, which says their number only."""
    counts: Mapping[str, Count]
    """candidates; fits that were made, avoided by sharing, and found in the checkpoint."""


class Environment(Value):
    """Where a result came from: code, packages and machine."""

    git_commit: Text | None
    """None where bikeml did not run from a git checkout."""
    git_untracked: tuple[Text, ...]
    """Code files that git did not know, which code.diff therefore lacks."""
    python: Text
    platform: Text
    cpu: Text
    blas: tuple[Mapping[str, JsonValue], ...]
    packages: Mapping[str, Text]
    """Every installed distribution and its version."""


class Destination(Value):
    """Where the run is to be recorded."""

    uri: Text | None
    """Without secrets, a local file's absolute; None records it nowhere."""
    experiment_name: Text
    parent_run_id: Text | None
    """The sweep's own run in that store."""


class RunRecord(Record):
    """A finished experiment: everything that a figure, a page, a store and `reproduce` are made from."""

    FILE: ClassVar[str] = "result.json"

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None
    """Of this very run, so that a store holds it once; None in form 1."""
    run_name: Text
    choices: Mapping[str, Text]
    overrides: tuple[Text, ...]
    command: Text
    started: Seconds | None
    """Unix time."""
    seconds: Mapping[str, Seconds]
    """fit, judge and total."""
    fingerprint: Digest
    identity: Mapping[str, JsonValue] | None
    """What determines the result; the fingerprint is its hash."""
    reproducible: bool
    metrics: Mapping[str, float | None]
    confidence: Annotated[float, Field(gt=0, lt=1)] | None
    intervals: Mapping[str, tuple[float | None, float | None]]
    """Of the test metrics, at `confidence`."""
    cv: CrossValidation
    search: Search | None
    importance: Importance | None
    dataset: Dataset
    environment: Environment | None
    destination: Destination | None
    files: Mapping[str, Digest]
    """The files that were computed, by their path in the folder. Figures and pages can be made again from them."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if METRIC not in self.metrics:
            raise ValueError(f"metrics should have {METRIC}")
        if self.identity is not None and hash_identity(self.identity) != self.fingerprint:
            raise ValueError("fingerprint is not the hash of identity")
        return self

    @classmethod
    def upgrade(cls, earlier: dict[str, Any]) -> dict[str, Any]:
        """Return the content of form 1 in this form, with None for what it did not say."""
        kept = {key: earlier[key] for key in cls.model_fields if key in earlier}
        counts, best = earlier["search"], earlier["best_params"]
        search = {"scoring": None, "best_params": best, "best_score": None, "candidates": (), "counts": counts}
        unknown = ("id", "started", "identity", "confidence", "importance", "environment", "destination")
        dataset = {"target": None, "columns": {}, "roles": {}} | earlier["dataset"]
        return dict.fromkeys(unknown) | {"files": {}} | kept | {"search": counts and search, "dataset": dataset}


def hash_identity(identity: Mapping[str, Any]) -> str:
    """Return the sha256, in hex, of what determines a result."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def record_id(record: RunRecord) -> str:
    """Return what tells this very run from every other; of form 1, which has no id, a hash of what it says."""
    return record.id or hashlib.sha256(record.to_json().encode()).hexdigest()[:32]


def check_fingerprint(record: RunRecord, expected: str) -> None:
    """Raise RecordError if a record is of another experiment than the one of the `expected` fingerprint."""
    if record.fingerprint != expected:
        found = f"its fingerprint is {record.fingerprint[:16]}, not {expected[:16]}"
        raise RecordError(f"{RunRecord.FILE} is of another experiment: {found}")


class StoreRecord(Record):
    """What a tracking store answered: where a run or a sweep is in it."""

    FILE: ClassVar[str] = "store.json"

    uri: Text
    """The store's address, without secrets."""
    experiment_name: Text
    run_id: Text
    look: Text
    """What shows it to a person: a command, or a page's address."""


def read_run_id(folder: Path, record_file: str) -> str | None:
    """
    Return the id that the run or sweep in `folder` has in a store, or None if it is in none; raises RecordError.

    In form 1 the `record_file` itself holds it.
    """
    store = StoreRecord.read(folder)
    if store is not None:
        return store.run_id
    try:
        earlier = from_json((folder / record_file).read_bytes())
    except (OSError, ValueError):  # who reads the record will tell
        return None
    run_id = earlier.get("run_id") if isinstance(earlier, dict) else None
    return run_id if isinstance(run_id, str) else None
