"""Blend the finished cells of a sweep that has ended, and rank the blend beside them."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bikeml.config.composition import compose, resolve
from bikeml.config.fields import Name, Section
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, DataError, FitError
from bikeml.multirun.blend import blend_sweep
from bikeml.multirun.publish import find_config, writing
from bikeml.multirun.story import conclude
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep import SweepRecord
from bikeml.records.sweep_folder import SweepFolder
from bikeml.system.printable import program
from bikeml.table.reading.source import read_bytes
from bikeml.terminal.progress import progress

if TYPE_CHECKING:
    from bikeml.tracking.sweeps import SweepStore


class Options(Section):
    """The keys of conf/task/blend.yaml."""

    folder: Name | None


def blend(config: Config, options: Options) -> None:
    """
    Blend the finished cells of a sweep; write and show its leaderboard again.

    The table is the one that the cells name, or that of `config`. Raises RecordError if there is no sweep, BlendError
    if its cells cannot be blended, DataError if their table is not there, FitError, and the errors of a run.
    """
    if options.folder is None:
        raise ConfigError(f"blend takes the folder of a sweep, as the sweep has printed it: {program()} blend FOLDER")
    folder = SweepFolder(Path(options.folder).expanduser().absolute())
    record = folder.read()
    with writing(folder.path), folder.claim():
        present = resolve(compose([]))
        with progress() as announce:
            record = blend_sweep(folder, record, lambda cell: _read(folder.folder_of(cell), config, present), announce)
        conclude(folder, record, _open_store(folder, record))
    failure = folder.read_outcome(record.cells[-1]).failure
    if failure is not None:
        raise FitError(f"the blend failed: {failure.error}")


def _open_store(folder: SweepFolder, record: SweepRecord) -> "SweepStore | None":
    """Return the store that holds the sweep's own run, whose files and metrics change; None if none does."""
    if folder.read_run_id() is None:
        return None
    from bikeml.tracking.sweeps import SweepStore  # mlflow's import takes seconds

    done = next(each for each in folder.look(record).outcomes if each.record is not None)
    return SweepStore(find_config(folder.folder_of(done.cell)))


def _read(folder: RunFolder, config: Config, present: Mapping[str, object]) -> Config:
    """Return the config of a cell with the place of its table here; what was recorded nowhere stays so."""
    found, record = find_config(folder, present=present), folder.require()
    digests = {"path": record.dataset.sha256, "test_path": record.dataset.test_sha256}
    paths = {
        key: _find_table(expected, getattr(found.data, key), getattr(config.data, key))
        for key, expected in digests.items()
        if expected is not None
    }
    is_recorded = record.destination is not None and record.destination.uri is not None
    tracking = found.tracking if is_recorded else found.tracking.model_copy(update={"uri": None})
    return found.model_copy(update={"data": found.data.model_copy(update=paths), "tracking": tracking})


@lru_cache(maxsize=2)  # the cells have one table, and a test file
def _find_table(expected: str, recorded: str, present: str | None) -> str:
    """Return the first path with the `expected` sha256; the recorded one if there is none."""
    for path in filter(None, (recorded, present)):
        try:
            if hashlib.sha256(read_bytes(path)).hexdigest() == expected:
                return path
        except DataError:  # the blend says what is missing
            continue
    return recorded
