"""Find the run of a sweep in which the run of a cell nests: the sweep's folder names it, maybe after the cell began."""

from contextlib import suppress
from pathlib import Path

from bikeml.errors import RecordError
from bikeml.records.run import StoreRecord
from bikeml.records.sweep import SweepRecord


def find_parent(folder: Path, uri: str) -> str | None:
    """
    Return the id of the run of the sweep that has this folder as a cell's, in the store at `uri`, without secrets.

    None if there is no such sweep, or if it is not in that store.
    """
    for place in folder.parents:
        with suppress(RecordError):  # whoever reads the sweep is told
            sweep, stored = SweepRecord.read(place), StoreRecord.read(place)
            if sweep is not None and any(place / cell.folder == folder for cell in sweep.cells):
                return stored.run_id if stored is not None and stored.uri == uri else None
    return None
