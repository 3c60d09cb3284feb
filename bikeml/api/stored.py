"""Load a run by what people call it."""

import os
from collections.abc import Sequence
from pathlib import Path

from bikeml.api.given import one_message
from bikeml.api.result import LocalFiles, Result, StoredFiles
from bikeml.config.composition import compose, resolve
from bikeml.config.schema import typed
from bikeml.errors import RecordError
from bikeml.records.run_folder import RESULT, RunFolder
from bikeml.records.sweep import SweepRecord


def load_run(which: str | os.PathLike[str], overrides: Sequence[str]) -> Result:
    """Return the run that `which` names; the errors are those of :func:`bikeml.load`."""
    with one_message():
        path = Path(which).expanduser()
        if path.is_dir() or isinstance(which, os.PathLike):
            if (path / SweepRecord.FILE).is_file() and not (path / RESULT).is_file():
                raise RecordError(f"{str(path)!r} is the folder of a sweep; give the folder of one of its cells")
            folder = RunFolder(path.absolute())
            folder.require()
            return Result(LocalFiles(folder))
        from bikeml.tracking import lookup
        from bikeml.tracking.backends import open_store

        config = typed(resolve(compose(overrides)))
        run = lookup.find(config, str(which))
        look = open_store(config).look(str(run.files.run.info.experiment_id), run.run_id)
        return Result(StoredFiles(run, look))
