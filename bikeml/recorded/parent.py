"""Find the run of a sweep in which the run of a cell nests: the sweep's folder names it, maybe after the cell began."""

from contextlib import suppress
from pathlib import Path

from bikeml.errors import RecordError
from bikeml.records.run import RunRecord, StoreRecord
from bikeml.records.sweep import SweepRecord


def find_parent(folder: Path, record: RunRecord, uri: str | None) -> str | None:
    """
    Return the id of the run of the sweep that has this record in this folder, in the store at `uri`, without secrets.

    None if there is no such sweep, or if it is not in that store. Another sweeper may have run in the folder of one.
    """
    here = folder.resolve()
    for place in here.parents:
        with suppress(RecordError):  # whoever reads the sweep is told
            sweep = SweepRecord.read(place)
            for cell in sweep.cells if sweep is not None else ():
                if here.relative_to(place) == Path(cell.folder):
                    is_its_own = cell.fingerprint is None or record.answers(cell.fingerprint)
                    return read_parent(place, uri) if is_its_own else None
    return None


def read_parent(sweep: Path, uri: str | None) -> str | None:
    """Return the id of the run of the sweep in this folder, None if it is not in the store at `uri`."""
    stored = StoreRecord.read(sweep)
    return stored.run_id if stored is not None and stored.uri == uri else None
