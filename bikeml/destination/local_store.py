"""
Read the runs of a local store, a file of SQLite, without mlflow.

MLflow's import takes seconds, and its search 20 more for 10,000 runs, since it reads every parameter, metric and tag.
Here only what a list needs is read. The tables are those of MLflow 2.0 to 3.15; of others, its client is asked.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bikeml.config.schema import TrackingConfig
from bikeml.records.run import Destination
from bikeml.records.tags import ESTIMATOR_PREFIX, FINGERPRINT, RANK

TAGS = (FINGERPRINT, RANK)
PARAMS = ("data", "model", f"{ESTIMATOR_PREFIX}_target_")
EARLIER_RANK = "r2"
"""The metric that ranks a run without a tag of it."""
SECONDS = "seconds_total"
LOCK_SECONDS = 20.0
RUNS = """
SELECT run_uuid, runs.name, status, start_time, end_time FROM runs JOIN experiments USING (experiment_id)
WHERE (experiment_id = :id OR :id IS NULL AND experiments.name = :name)
AND experiments.lifecycle_stage = 'active' AND runs.lifecycle_stage = 'active' ORDER BY start_time DESC
"""
TAGS_OF_RUNS = "SELECT run_uuid, key, value FROM tags WHERE key IN (SELECT value FROM json_each(?))"
PARAMS_OF_RUNS = "SELECT run_uuid, key, value FROM params WHERE key IN (SELECT value FROM json_each(?))"
METRICS_OF_RUNS = """
SELECT run_uuid, key, value FROM latest_metrics WHERE NOT is_nan AND key IN (SELECT value FROM json_each(?))
"""
TABLES = """
SELECT destination_id, datasets.name FROM inputs JOIN datasets ON source_id = dataset_uuid
WHERE source_type = 'DATASET' AND destination_type = 'RUN' ORDER BY inputs.rowid DESC
"""
"""The last of a run stays: its first dataset, which is that of the training rows."""
ALIASES = """
SELECT run_id, name, alias FROM registered_model_aliases JOIN model_versions USING (name, version) ORDER BY name, alias
"""


@dataclass(frozen=True)
class StoredRun:
    """What a store tells of a run in a list. The times are unix times."""

    run_id: str
    name: str
    status: str
    started: float | None
    ended: float | None
    table: str | None = None
    """The name of the first dataset; None if the store takes no datasets."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of TAGS, those that it has."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Of PARAMS, those that it has."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Of those of find_metrics, those that it has; NaN is left out."""
    aliases: tuple[str, ...] = ()
    """Of the registered models that come from it."""

    @property
    def rank(self) -> str:
        """Return the metric that ranks it."""
        return self.tags.get(RANK, EARLIER_RANK)


def name_metrics(rank: str) -> tuple[str, ...]:
    """Return the names of the metrics that a list shows of a run with this rank."""
    return (f"cv_{rank}_mean", f"test_{rank}", f"test_{rank}_low", f"test_{rank}_high", SECONDS)


def read_runs(file: Path, tracking: "TrackingConfig | Destination") -> list[StoredRun]:
    """
    Return the runs of experiments in the experiment of MLflow that `tracking` names, newest first.

    A sweep's own run and the candidates of a search are no such runs. Raises sqlite3.Error if the file has no such
    tables.
    """
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_SECONDS)) as database:
        return list(_read(database, tracking))


def _read(database: sqlite3.Connection, tracking: "TrackingConfig | Destination") -> Iterator[StoredRun]:
    named = {"name": tracking.experiment_name, "id": tracking.experiment_id}
    found = database.execute(RUNS, named).fetchall()
    tags = _read_pairs(database, TAGS_OF_RUNS, TAGS)
    ranks = {each.get(RANK, EARLIER_RANK) for each in tags.values()}
    params = _read_pairs(database, PARAMS_OF_RUNS, PARAMS)
    metrics = _read_pairs(database, METRICS_OF_RUNS, {name for rank in ranks for name in name_metrics(rank)})
    tables, aliases = dict(database.execute(TABLES)), _read_aliases(database)
    for run_id, name, status, started, ended in found:
        if FINGERPRINT in tags.get(run_id, {}):
            yield StoredRun(
                run_id,
                name or "",
                status,
                _as_seconds(started),
                _as_seconds(ended),
                tables.get(run_id),
                tags[run_id],
                params.get(run_id, {}),
                metrics.get(run_id, {}),
                aliases.get(run_id, ()),
            )


def _as_seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int) else None  # a file of SQLite may hold any value


def _read_pairs(database: sqlite3.Connection, query: str, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the values of some keys by run."""
    pairs: dict[str, dict[str, Any]] = {}
    for run_id, key, value in database.execute(query, [json.dumps([*keys])]):
        pairs.setdefault(run_id, {})[key] = value
    return pairs


def _read_aliases(database: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    aliases: dict[str, tuple[str, ...]] = {}
    for run_id, name, alias in database.execute(ALIASES):
        aliases[run_id] = (*aliases.get(run_id, ()), f"{name}@{alias}")
    return aliases
