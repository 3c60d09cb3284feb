"""Find a run by whatever names it: its id, its alias, its folder, "best" or "latest"."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bikeml.config.fields import SQLITE
from bikeml.config.overrides import shell
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, RunNotFoundError
from bikeml.recorded.folder import find_folder, read_folder
from bikeml.recorded.run import RecordedRun
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep import SweepRecord
from bikeml.records.sweep_folder import SweepFolder
from bikeml.records.tags import PARENT
from bikeml.system.printable import program
from bikeml.tracking import store
from bikeml.tracking.backends import open_store
from bikeml.tracking.lookup.finder import Finder


def find(config: Config, which: str, *, in_store: bool = False) -> RecordedRun:
    """
    Return the finished run of an experiment that `which` names in the store of the config.

    `which` is one of:

    - the id of a run, or its first 7 or more characters;
    - "latest";
    - "best": the best of the runs on the folds of the latest run, with its table, target and test file, by the
      cross-validated metric that ranks it; runs that were tuned on these rows are compared with each other only. If
      others have a better score, stderr says how many, and why they are left out;
    - the alias of a registered model, NAME@ALIAS, or NAME/VERSION;
    - the folder of a run, which needs no store; with `in_store` it stands for the run that the store has of it.

    Raises RunNotFoundError if there is no such run or it did not finish, ConfigError if the config names no store,
    TrackingError if the store cannot be reached, and ClusterError if a workspace cannot.
    """
    folder = find_folder(which)
    if folder is not None and not in_store:
        return read_folder(folder, which)
    named = which if folder is None else _read_run_id(RunFolder(folder))
    with _searching(config, which) as finder:
        return finder.check(finder.find(named), named)


@dataclass(frozen=True)
class Place:
    """Where a run stands on the pages of its store."""

    run_id: str
    name: str
    experiment_id: str
    parent_run_id: str | None
    """The sweep's own run, or that of a search; None if it has none."""


def find_place(config: Config, which: str) -> Place:
    """
    Return where any run stands, finished or not, that `which` names as in :func:`find`, or the folder of a sweep.

    Raises what :func:`find` raises.
    """
    sweep = SweepFolder(Path(which))
    is_sweep = (sweep.path / SweepRecord.FILE).is_file()
    folder = sweep if is_sweep else RunFolder(found) if (found := find_folder(which)) else None
    with _searching(config, which) as finder:
        run = finder.find(which if folder is None else _read_run_id(folder))
    parent, info = run.data.tags.get(PARENT), run.info
    return Place(str(info.run_id), str(info.run_name), str(info.experiment_id), parent and str(parent))


@contextmanager
def _searching(config: Config, which: str) -> Iterator[Finder]:
    """Yield what searches the store of the config; raises the errors of :func:`find`."""
    if config.tracking.uri is None:
        raise ConfigError("tracking.uri=null names no store; choose the tracking option that the run was recorded with")
    place = open_store(config)
    uri = place.uri
    if _is_missing(uri):
        raise RunNotFoundError(f"there is no store at {uri!r}; record a run first ({program()}), or set tracking.uri")
    with store.store_errors(uri, f"look for run {which!r}", store.ADVICE):
        yield Finder(place, config.tracking)


def find_repeated(config: Config, fold_fits: str) -> RecordedRun | None:
    """Return the run with this tag FOLD_FITS that repeats its folds most often, if any; raises TrackingError."""
    with _finding(config, "look for recorded folds") as finder:
        run = finder.find_repeated(fold_fits) if finder else None
        return finder.check(run, run.info.run_id) if finder and run else None


def find_same(config: Config, fingerprint: str, run_id: str) -> RecordedRun | None:
    """Return the newest other finished run with this fingerprint, if any; raises TrackingError."""
    with _finding(config, "look for the same run") as finder:
        run = finder.find_same(fingerprint, run_id) if finder else None
        return finder.check(run, run.info.run_id) if finder and run else None


def find_fitting(config: Config, columns: Collection[str]) -> RecordedRun | None:
    """Return the newest of the last finished runs whose features are all among these columns, if any."""
    with _finding(config, "look for a run of this table") as finder:
        return finder.find_fitting(columns) if finder else None


@contextmanager
def _finding(config: Config, what: str) -> Iterator[Finder | None]:
    """Yield what searches the store of the config; None if there is none. Raises TrackingError for the block."""
    place = open_store(config) if config.tracking.uri is not None else None
    if place is None or _is_missing(place.uri):
        yield None
        return
    with store.store_errors(place.uri, what, store.ADVICE):
        yield Finder(place, config.tracking)


def _read_run_id(folder: RunFolder | SweepFolder) -> str:
    run_id = folder.read_run_id()
    if run_id is None:
        where = str(folder.path)
        raise RunNotFoundError(f"{where!r} is in no store; record it with: {program()} record {shell(where)}")
    return run_id


def _is_missing(uri: str) -> bool:
    return uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).is_file()
