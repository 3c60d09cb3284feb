"""Load a run by what people call it."""

import os
from collections.abc import Sequence
from pathlib import Path

from bikeml.api.given import check_words, one_message
from bikeml.api.result import LocalFiles, Result, StoredFiles
from bikeml.config.composition import compose, resolve
from bikeml.config.schema import typed
from bikeml.records.run_folder import RESULT, RunFolder


def load_run(which: str | os.PathLike[str], overrides: Sequence[str]) -> Result:
    """Return the run that `which` names; the errors are those of :func:`bikeml.load`."""
    check_words(overrides)
    with one_message():
        folder = RunFolder(Path(which).expanduser().absolute())
        if folder.has(RESULT):  # this needs no store, and so no import of mlflow
            folder.require()
            return Result(LocalFiles(folder))
        from bikeml.tracking import lookup
        from bikeml.tracking.lookup.folder import find_folder

        find_folder(os.fspath(which))  # says what is wrong with a path
        if isinstance(which, os.PathLike):
            folder.require()
        config = typed(resolve(compose(overrides)))
        return Result(StoredFiles(config, lookup.find(config, str(which))))
