"""Run one experiment for a caller in Python, or load one that has run."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bikeml.api.files import LocalFiles, StoredFiles
from bikeml.api.frame import index_of
from bikeml.api.given import check_words, command_words, one_message
from bikeml.api.result import Result
from bikeml.config.composition import compose, resolve, run_folder
from bikeml.config.schema import typed
from bikeml.errors import ConfigError
from bikeml.multirun.display.run import tell_run
from bikeml.multirun.display.same import tell_same
from bikeml.multirun.run import read_composed
from bikeml.multirun.run import run as run_config
from bikeml.records.run_folder import RESULT, RunFolder
from bikeml.system.spelling import shorten
from bikeml.terminal.progress import progress

if TYPE_CHECKING:
    from omegaconf import DictConfig

FOLDER = "hydra.run.dir="


def run_overrides(overrides: "Sequence[str | DictConfig]", data: object, target: object) -> Result:
    """Run the experiment that the overrides and the table describe; the errors are those of :func:`bikeml.run`."""
    if any(not isinstance(each, str) for each in overrides):
        return _run_given(overrides, data, target)
    given = [str(each) for each in overrides]
    with command_words(given, data, target, "run") as words, progress() as announce:
        composed = compose(words)
        again = [word for word in words if word in given or not word.startswith(FOLDER)]
        command = f"bikeml.run({', '.join(map(repr, again))})"
        config, invocation = read_composed(composed, composed.hydra, run_folder(composed), command)
        finished = run_config(config, invocation, announce)
    tell_run(finished.record, finished.folder, tell_same(config, finished.record, finished.folder))
    return Result.of(finished, index_of(data))


def _run_given(configs: "Sequence[str | DictConfig]", data: object, target: object) -> Result:
    """Run the config that another program of Hydra's has composed."""
    if not all(isinstance(each, str | Mapping) for each in configs):
        check_words(configs)
    if data is not None or target is not None:
        raise ConfigError("bikeml.run was given a config and a table; the section data of the config names its table")
    from bikeml.multirun.cell import run_given

    with one_message():
        finished = run_given(*configs)
    return Result.of(finished)


def load_run(which: object, overrides: Sequence[str]) -> Result:
    """Return the run that `which` names; the errors are those of :func:`bikeml.load`."""
    check_words(overrides)
    if isinstance(which, Result):
        return which
    if not isinstance(which, str | os.PathLike) or not os.fspath(which):
        raise ConfigError(
            f"load was given {shorten(repr(which))}; it takes a run's id, best, latest, an alias, or a run's folder"
        )
    with one_message():
        folder = RunFolder(Path(which).expanduser().absolute())
        if folder.has(RESULT):  # this needs no store, and so no import of mlflow
            folder.require()
            return Result(LocalFiles(folder))
        from bikeml.recorded.folder import find_folder
        from bikeml.tracking import lookup

        find_folder(os.fspath(which))  # says what is wrong with a path
        if isinstance(which, os.PathLike):
            folder.require()
        config = typed(resolve(compose(overrides)))
        found = lookup.find(config, str(which))
        own = found.find_own_folder()
        return Result(StoredFiles(config, found) if own is None else LocalFiles(own))
