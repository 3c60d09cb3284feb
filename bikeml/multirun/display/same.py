"""Say that an experiment, or the cells of a sweep, were run before, and whether they came out the same."""

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from bikeml.config.fields import SQLITE
from bikeml.config.schema import Config
from bikeml.destination.local_store import StoredRun, read_runs
from bikeml.evaluation.metrics import find_metric
from bikeml.multirun.display.advice import ID_SHOWN
from bikeml.records.run import RunRecord, StoreRecord
from bikeml.records.sweep import Sweep
from bikeml.records.tags import FINGERPRINT
from bikeml.system.spelling import some
from bikeml.terminal.numbers import show_count


def tell_same(config: Config, record: RunRecord, folder: Path) -> str:
    """
    Return which earlier run of the local store has the same fingerprint, and whether its figures are the same.

    Empty if there is none. Raises TrackingError.
    """
    stored = StoreRecord.read(folder)
    if stored is None or not str(config.tracking.uri).startswith(SQLITE):
        return ""
    from bikeml.tracking.lookup import find_same  # the run has just been recorded, so mlflow is imported

    found = find_same(config, record.fingerprint, stored.run_id)
    if found is None:
        return ""
    figures = {name: value for name, value in {**record.metrics, **record.ends}.items() if value is not None}
    different = [name for name, value in figures.items() if found.metrics.get(name) != value]
    run = f"run {found.run_id[:ID_SHOWN]}{_show_time(found.started)} has the same fingerprint"
    if not different:
        return f"{run}, and all metrics and intervals are identical"
    cause = "it ran on another kind of machine" if record.reproducible else "a random_state is null"
    verb = "differs" if len(different) == 1 else "differ"
    return f"{run}, but {some(different, show=str)} {verb}: {cause}"


def tell_same_cells(sweep: Sweep) -> str:
    """
    Return how many cells of a sweep had run before, by the runs of the local store; empty if there are none.

    Only the scores are compared: a sweep has many cells, and reuse=finished takes all of a run.
    """
    ran = [outcome.record for outcome in sweep.outcomes if outcome.record and not outcome.cell.reused]
    known = {outcome.run_id for outcome in sweep.outcomes}
    earlier = _find_earlier(sweep, {record.fingerprint for record in ran}, known)
    pairs = [(record, earlier[record.fingerprint]) for record in ran if record.fingerprint in earlier]
    if not pairs:
        return ""
    n_other = sum(run.metrics.get(find_metric(record.rank).mean) != record.score for record, run in pairs)
    newest = max((run for _, run in pairs), key=lambda run: run.started or 0)
    run = f"{newest.run_id[:ID_SHOWN]}{_show_time(newest.started)}"
    if len(pairs) == 1:
        which = "the only cell" if len(ran) == 1 else f"1 of {show_count(len(ran), 'cell')}"
        score = "with another score" if n_other else "with the same score"
        return f"{which} has the fingerprint of run {run}, {score}; reuse=finished takes its result from the store"
    which = "every cell has" if len(pairs) == len(ran) else f"{len(pairs)} of {show_count(len(ran), 'cell')} have"
    scores = f"{n_other} with another score" if n_other else "with the same score"
    told = f"{which} the fingerprint of an earlier run, {scores}; the last of these is {run}"
    return f"{told}; reuse=finished takes their results from the store"


def _find_earlier(sweep: Sweep, fingerprints: set[str], known: set[str | None]) -> Mapping[str, StoredRun]:
    """Return the newest finished run of each fingerprint in the local store that is none of the `known` ones."""
    place = sweep.record.destination
    file = Path(place.uri.removeprefix(SQLITE)) if place and place.uri and place.uri.startswith(SQLITE) else None
    if place is None or file is None or not file.is_file():
        return {}
    found: dict[str, StoredRun] = {}
    with suppress(sqlite3.Error):  # of another version of MLflow
        for run in read_runs(file, place):
            if run.run_id not in known and run.status == "FINISHED" and run.tags[FINGERPRINT] in fingerprints:
                found.setdefault(run.tags[FINGERPRINT], run)
    return found


def _show_time(started: float | None) -> str:
    if started is None:
        return ""
    when, now = datetime.fromtimestamp(started).astimezone(), datetime.now().astimezone()
    return f" of {when:%H:%M}" if when.date() == now.date() else f" of {when:%Y-%m-%d %H:%M}"
