"""Find the run of a sweep in which the run of a cell nests: the sweep's folder names it, maybe after the cell began."""

from contextlib import suppress
from pathlib import Path

from bikeml.errors import RecordError
from bikeml.records.run import RunRecord, StoreRecord
from bikeml.records.sweep import SweepRecord


def find_parent(folder: Path, uri: str | None, record: RunRecord | None = None) -> str | None:
    """
    Return the id of the run of the sweep that has this folder as a cell's, in the store at `uri`, without secrets.

    None if there is no such sweep, if it is not in that store, or if a `record` is none of its cell: another sweeper
    may have run in the same folder.
    """
    here = folder.resolve()
    for place in here.parents:
        with suppress(RecordError):  # whoever reads the sweep is told
            sweep, stored = SweepRecord.read(place), StoreRecord.read(place)
            for cell in sweep.cells if sweep is not None else ():
                if here.relative_to(place) == Path(cell.folder):
                    is_its_own = record is None or cell.fingerprint is None or record.answers(cell.fingerprint)
                    return stored.run_id if stored is not None and stored.uri == uri and is_its_own else None
    return None
