"""Records of one run: result.json, the result itself, and store.json, where the run is in a store."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, JsonValue, model_validator
from pydantic_core import from_json

from bikeml.errors import RecordError
from bikeml.records.judgement import CrossValidation, Importance, Search
from bikeml.records.record import MAX_BYTES, Count, Digest, Record, Seconds, Text, Value
from bikeml.system.documents import read_bounded

FINGERPRINT, PARENT_RUN_ID, CELL = "BIKEML_FINGERPRINT", "BIKEML_PARENT_RUN_ID", "BIKEML_CELL"
"""The environment variables of a job: the fingerprint that it must have, the sweep's run, and the cell's number."""


@dataclass(frozen=True)
class Invocation:
    """How an experiment was started. Nothing in it changes a figure."""

    folder: Path
    """The run folder, from hydra.run.dir or hydra.sweep.dir."""
    command: str
    """The command line or the Python call."""
    choices: Mapping[str, str]
    """The option chosen in each config group, such as {"model": "rf"}."""
    overrides: tuple[str, ...] = ()
    """The changes to the values of conf/, written as on the command line."""
    is_prepared: bool = False
    """Whether a sweep has already checked and cleared the folder."""
    fingerprint: str | None = field(default_factory=lambda: os.environ.get(FINGERPRINT) or None)
    """The fingerprint that the experiment must have, or else it does not run; None for any."""
    parent_run_id: str | None = field(default_factory=lambda: os.environ.get(PARENT_RUN_ID) or None)
    """The run in the store in which this one nests: the sweep's own, or the caller's."""
    run_id: str | None = None
    """The caller's run in the store, into which the experiment is recorded."""

    @property
    def name(self) -> str:
        """Return the chosen options joined, such as rf-standard-grid."""
        words = [self.choices.get(group) for group in ("model", "target", "preprocessing", "search")]
        return "-".join(word for word in words if word not in (None, "none", "identity")) or "run"


@dataclass(frozen=True)
class Failed:
    """An experiment that failed in the model's own code, and so would fail again."""

    invocation: Invocation
    fingerprint: str
    error: str
    started: float
    """Unix time."""


class Dataset(Value):
    """The table of a run, without its rows."""

    name: Text
    source: Text
    """Its path or URL, without secrets."""
    sha256: Digest
    target: Text | None
    """None in a record of form 1, which also has no types and roles of columns."""
    columns: Mapping[str, Text]
    """The type of each feature and of the target, by column."""
    roles: Mapping[str, Text]
    """target, numeric, categorical, date, text, group, weight or ignored, by column."""
    n_train: Count
    n_test: Count
    gaps: Mapping[str, Count]
    """How many cells are missing, by feature; features without gaps are left out."""
    notes: tuple[Text, ...] = ()
    """What was decided about the table by looking at it, for people; empty in an earlier record."""
    test_source: Text | None = None
    """The path or URL of the test file, without secrets; None if the held-out rows are of the table."""
    test_sha256: Digest | None = None


class Environment(Value):
    """Where a result came from: code, packages and machine."""

    git_commit: Text | None
    """None if bikeml did not run from a git checkout."""
    git_untracked: tuple[Text, ...]
    """Code files that git did not track. They are not in code.diff."""
    project_commit: Text | None = None  # of the git repository that the working folder is in
    python: Text
    platform: Text
    cpu: Text
    blas: tuple[Mapping[str, JsonValue], ...]
    packages: Mapping[str, Text]
    """Every installed distribution and its version."""


class Destination(Value):
    """The store that the run is recorded in."""

    uri: Text | None
    """Without secrets; absolute if it is a local file; None if the run is recorded nowhere."""
    experiment_name: Text
    experiment_id: Text | None = None
    """The experiment that counts, whatever the name; None if the name counts."""
    parent_run_id: Text | None
    """The run in that store in which this one nests: the sweep's own, or the caller's."""
    run_id: Text | None = None
    """The caller's run in that store, into which the experiment is recorded."""


class RunRecord(Record):
    """A finished experiment. Figures, pages, stores and `reproduce` read everything from it."""

    FILE: ClassVar[str] = "result.json"

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None
    """A random id of this run, so that a store holds it only once; None in form 1."""
    run_name: Text
    choices: Mapping[str, Text]
    overrides: tuple[Text, ...]
    command: Text
    started: Seconds | None
    """Unix time."""
    seconds: Mapping[str, Seconds]
    """By phase: fit, judge and total."""
    fingerprint: Digest
    asked: Digest | None = None
    """The fingerprint before a search, if its budget has changed it."""
    identity: Mapping[str, JsonValue] | None
    """What determines the result; the fingerprint is its hash."""
    reproducible: bool
    metrics: Mapping[str, float | None]
    """On the held-out rows (test_), and over the folds: mean, std with ddof=0, and pooled, on their rows together."""
    confidence: Annotated[float, Field(gt=0, lt=1)] | None
    intervals: Mapping[str, tuple[float | None, float | None]]
    """The low and high end of a metric's interval, at `confidence`: on the held-out rows, and on the pooled folds."""
    interval_method: Text = "percentile bootstrap over rows"
    """How the intervals were made; the default is that of an earlier record."""
    rank: Text = "r2"
    """The metric that the run is ranked by; an earlier record has R2."""
    undefined: Mapping[str, Text] = {}
    """Why metrics are None."""
    no_interval: Mapping[str, Text] = {}
    """Why metrics that are not None have no interval; empty in an earlier record."""
    cv: CrossValidation
    search: Search | None
    importance: Importance | None
    hints: tuple[Text, ...] = ()
    """What makes the score doubtful, each with what to do; earlier records have none."""
    dataset: Dataset
    environment: Environment | None
    destination: Destination | None
    files: Mapping[str, Digest]
    """The sha256 of each computed file, by its path in the folder. Figures and pages can be made again from them."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        mean, std = f"cv_{self.rank}_mean", f"cv_{self.rank}_std"
        if not {mean, std} <= self.metrics.keys():
            raise ValueError(f"metrics should have {mean} and {std}")
        if self.rank not in self.cv.scores:
            raise ValueError(f"cv should have {self.rank}, which is its rank")
        lost = self.intervals.keys() - self.metrics.keys()
        if lost:
            raise ValueError(f"metrics should have {', '.join(sorted(lost))}, which has an interval")
        if self.identity is not None and hash_identity(self.identity) != self.fingerprint:
            raise ValueError("fingerprint is not the hash of identity")
        return self

    def answers(self, fingerprint: str | None) -> bool:
        """Return whether it is the run of this fingerprint; that of a search with a budget changes at its end."""
        return fingerprint is not None and fingerprint in (self.fingerprint, self.asked)

    @property
    def score(self) -> float | None:
        """Return the mean of the metric over the folds that the run is ranked by; None if it is undefined."""
        return self.metrics[f"cv_{self.rank}_mean"]

    @property
    def ends(self) -> Mapping[str, float | None]:
        """Return the ends of the intervals, such as test_r2_low and test_r2_high."""
        pairs = self.intervals.items()
        return {f"{name}_{end}": pair[end == "high"] for name, pair in pairs for end in ("low", "high")}

    @classmethod
    def upgrade(cls, earlier: dict[str, Any]) -> dict[str, Any]:
        """Return the content of form 1 converted to this form, with None for what it lacks."""
        kept = {key: earlier[key] for key in cls.model_fields if key in earlier}
        counts, best = earlier["search"], earlier["best_params"]
        search = {"scoring": None, "best_params": best, "best_score": None, "candidates": (), "counts": counts}
        unknown = ("id", "started", "identity", "confidence", "importance", "environment", "destination")
        dataset = {"target": None, "columns": {}, "roles": {}} | earlier["dataset"]
        return dict.fromkeys(unknown) | {"files": {}} | kept | {"search": counts and search, "dataset": dataset}


def hash_identity(identity: Mapping[str, Any]) -> str:
    """Return the sha256, in hex, of an identity: what determines a result."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def record_id(record: RunRecord) -> str:
    """Return the unique id of a run. A record of form 1 has no id, so the hash of its content is used."""
    return record.id or hashlib.sha256(record.to_json().encode()).hexdigest()[:32]


def check_judged(record: RunRecord, names: Iterable[str]) -> None:
    """Raise RecordError if a run was not judged by all metrics of these `names`, which no fingerprint tells."""
    missing = [name for name in names if name not in record.cv.scores]
    if missing:
        raise RecordError(f"it was not judged by {', '.join(missing)}")


class StoreRecord(Record):
    """Where a run or a sweep is in a tracking store."""

    FILE: ClassVar[str] = "store.json"

    uri: Text
    """The store's address, without secrets."""
    experiment_name: Text
    run_id: Text
    look: Text
    """How a person opens it: a command, or the address of a page."""


def read_run_id(folder: Path, record_file: str) -> str | None:
    """
    Return the id of the run or sweep in `folder` in its store, or None if it is not in one; raises RecordError.

    In form 1 the id is in `record_file` itself.
    """
    store = StoreRecord.read(folder)
    if store is not None:
        return store.run_id
    try:
        earlier = from_json(read_bounded(folder / record_file, MAX_BYTES))
    except (OSError, ValueError):  # reading the record reports it
        return None
    run_id = earlier.get("run_id") if isinstance(earlier, dict) else None
    return run_id if isinstance(run_id, str) else None
