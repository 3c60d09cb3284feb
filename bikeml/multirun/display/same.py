"""Say that an experiment was run before, and whether its figures came out the same."""

from datetime import datetime
from pathlib import Path

from bikeml.config.fields import SQLITE
from bikeml.config.schema import Config
from bikeml.multirun.display.advice import ID_SHOWN
from bikeml.records.run import RunRecord, StoreRecord


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
    n_same = sum(found.metrics.get(name) == value for name, value in figures.items())
    run = f"run {found.run_id[:ID_SHOWN]}{_show_time(found.started)} has the same fingerprint"
    if n_same == len(figures):
        return f"{run}, and all {n_same} figures are identical"
    cause = "it ran on another kind of machine" if record.reproducible else "a random_state is null"
    return f"{run}, but {len(figures) - n_same} of {len(figures)} figures differ: {cause}"


def _show_time(started: float | None) -> str:
    if started is None:
        return ""
    when, now = datetime.fromtimestamp(started).astimezone(), datetime.now().astimezone()
    return f" of {when:%H:%M}" if when.date() == now.date() else f" of {when:%Y-%m-%d %H:%M}"
