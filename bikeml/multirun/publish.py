"""Draw the figures of a run or a sweep and its page from its folder, and record it in a tracking store."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bikeml.config.composition import compose, resolve
from bikeml.config.overrides import shell
from bikeml.config.schema import Config, typed
from bikeml.config.sections import complete, names_not_in_result
from bikeml.destination.caller import describe_destination
from bikeml.destination.system_metrics import Sample
from bikeml.errors import ConfigError, RecordError, RunFolderError, TrackingError
from bikeml.recorded.parent import find_parent
from bikeml.records.run import Destination, Failed, StoreRecord
from bikeml.records.run_folder import FIGURES, PAGE, RESULT, RunFolder, folder_errors
from bikeml.records.sweep import Sweep, SweepRecord
from bikeml.records.sweep_folder import SweepFolder
from bikeml.system.printable import program
from bikeml.system.redaction import MASK
from bikeml.terminal.progress import Announce, silent
from bikeml.terminal.status import log_error

if TYPE_CHECKING:
    import pandas as pd

    from bikeml.multirun.launcher import StoreOfSweep


Publish = Callable[[RunFolder, Config, Announce, Sequence[Sample]], None]
"""What :func:`publish` is."""
PublishFailure = Callable[[Config, Failed], None]
"""What :func:`publish_failure` is."""
DrawSweep = Callable[[Sweep, "pd.DataFrame", float], None]
"""What :func:`draw_sweep` is."""


def publish(
    folder: RunFolder,
    config: Config,
    announce: Announce = silent,
    samples: Sequence[Sample] = (),
    *,
    parent_run_id: str | None = None,
) -> None:
    """
    Draw the figures of a run from its folder, write its page, and record it in the store of `config` if there is one.

    The `samples` of the machine's use are in the store only. `parent_run_id` is that of the sweep's run if its record
    does not know it.
    Raises RunFolderError, and TrackingError, which names the command that records the run later.
    """
    announce("drawing")
    from bikeml.pages.run.report import save  # matplotlib's import takes seconds

    with folder_errors(folder.path):
        save(folder)
    if config.tracking.uri is None:
        return
    announce("recording")
    from bikeml.tracking import record  # mlflow's too; the result is safe by now

    with kept_safe(folder.path), folder_errors(folder.path):
        destination = folder.require().destination
        if destination is not None and parent_run_id is not None:
            destination = destination.model_copy(update={"parent_run_id": parent_run_id})
        record.record(folder, config, destination, samples)


def publish_failure(config: Config, failed: Failed) -> None:
    """Record a cell that failed in the store of `config`. If it cannot be recorded, the log says so."""
    from bikeml.tracking import record  # mlflow's import takes seconds

    try:
        record.record_failure(config, failed)
    except TrackingError as unrecorded:
        log_error(unrecorded)


@contextmanager
def kept_safe(folder: Path) -> Iterator[None]:
    """Say in a TrackingError of the block that the result is in its folder, and how to record it later."""
    try:
        yield
    except TrackingError as error:
        raise TrackingError(
            f"{error}; nothing is lost, the result is in {str(folder)!r}: record it later with "
            f"{program()} record {shell(str(folder))}"
        ) from error


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raise a RunFolderError if the folder of a sweep cannot be written."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"cannot write to {str(folder)!r}: {error.strerror or error}; set hydra.sweep.dir to another folder"
        ) from error


def draw_sweep(sweep: Sweep, leaderboard: "pd.DataFrame", until: float = math.inf) -> None:
    """
    Write the leaderboard of a sweep and its page, and until that Unix time the pages that its cells lack.

    Raises RunFolderError.
    """
    from bikeml.pages.sweep.report import write_cell_pages, write_leaderboard, write_report  # matplotlib takes seconds

    with writing(sweep.folder):
        write_leaderboard(sweep, leaderboard)
        write_cell_pages(sweep, leaderboard, until)
        write_report(sweep, leaderboard)


def end_sweep(store: "StoreOfSweep", sweep: Sweep, leaderboard: "pd.DataFrame", status: str) -> None:
    """Record the files of a sweep with its own run, and end the run; raises TrackingError."""
    from bikeml.pages.sweep.leaderboard import count_cells

    with kept_safe(sweep.folder):
        files = SweepFolder(sweep.folder).list_files()
        store.end(str(sweep.run_id), files, count_cells(sweep, leaderboard), status)


def record_folder(
    path: Path, uri: str | None = None, experiment_name: str | None = None
) -> Iterator[tuple[Path, StoreRecord]]:
    """
    Record the run or the sweep in the folder `path`, and yield each of its runs. A run is recorded only once.

    The store is the one at `uri`, or else the one that the run was to be recorded in, or else that of tracking=auto.
    Raises RecordError if there is neither run nor sweep, ConfigError if no store can be used, and TrackingError.
    """
    if (path / RESULT).is_file():
        folder = RunFolder(path)
        config = find_config(folder, uri, experiment_name)
        yield path, _record_run(folder, config, _find_destination(folder, config))
    elif (path / SweepRecord.FILE).is_file():
        yield from _record_sweep(SweepFolder(path), uri, experiment_name)
    else:
        names = f"neither {RESULT} nor {SweepRecord.FILE}"
        raise RecordError(f"{str(path)!r} has {names}; name the folder of a run or a sweep")


def _record_run(folder: RunFolder, config: Config, destination: Destination | None) -> StoreRecord:
    from bikeml.tracking import record

    with folder_errors(folder.path), folder.claim(is_prepared=True):  # what was changed is found out below
        if not all(folder.has(name) for name in (*FIGURES[:3], PAGE)):
            from bikeml.pages.run.report import save

            save(folder)
        return record.record(folder, config, destination)


def _record_sweep(
    folder: SweepFolder, uri: str | None, experiment_name: str | None
) -> Iterator[tuple[Path, StoreRecord]]:
    from bikeml.pages.sweep.leaderboard import build_leaderboard, count_cells
    from bikeml.tracking.sweeps import SweepStore

    with folder.claim():
        sweep = folder.look()
        done = [folder.folder_of(outcome.cell) for outcome in sweep.outcomes if outcome.record is not None]
        if not done:
            raise RecordError(f"no cell of the sweep in {str(folder.path)!r} has a result; there is nothing to record")
        configs = [find_config(each, uri, experiment_name) for each in done]
        store = SweepStore(*configs)
        stored = store.begin(sweep.record, folder.path)
        for each, config in zip(done, configs, strict=True):
            below = describe_destination(config.tracking, parent_run_id=stored.run_id)
            yield each.path, _record_run(each, config, below)
        status = "FAILED" if sweep.has_failures else "FINISHED"
        store.end(stored.run_id, folder.list_files(), count_cells(sweep, build_leaderboard(sweep)), status)
        yield folder.path, stored


def find_config(
    folder: RunFolder,
    uri: str | None = None,
    experiment_name: str | None = None,
    present: Mapping[str, object] | None = None,
) -> Config:
    """
    Return the config of a run, with the store that it is to be recorded in.

    `present` are the sections of the default config, for who has composed them already.
    """
    recorded, present = complete(folder.read_config()), present or resolve(compose([]))
    destination = folder.require().destination
    wanted = uri or (destination and destination.uri) or _read_uri(recorded)
    if wanted and MASK in wanted:
        raise ConfigError(
            f"{str(folder.path)!r} names its store, {wanted!r}, without a secret; name the store with --uri"
        )
    name = experiment_name or (destination and destination.experiment_name)
    number = destination.experiment_id if destination and not (uri or experiment_name) else None
    told = {key: value for key, value in _section(recorded, "tracking").items() if key in ("description", "tags")}
    chosen = {**told, **{key: value for key, value in {"uri": wanted, "experiment_name": name}.items() if value}}
    chosen["experiment_id"] = number
    elsewhere: dict[str, Any] = {key: present[key] for key in names_not_in_result() & present.keys()}
    azure = {**_section(present, "azure"), **_section(recorded, "azure")}
    tracking = {**_section(present, "tracking"), **chosen}
    return typed(recorded | elsewhere | {"azure": azure, "tracking": tracking})


def _find_destination(folder: RunFolder, config: Config) -> Destination:
    """
    Return where a run is recorded in the store of `config`, as its record says if that is the same one.

    The ids of a record mean nothing in another store. A cell nests in the run of its sweep.
    """
    record, place = folder.require(), describe_destination(config.tracking)
    if record.destination is not None and record.destination.uri == place.uri:
        place = record.destination
    if place.parent_run_id is None and place.run_id is None:
        place = place.model_copy(update={"parent_run_id": find_parent(folder.path, record, place.uri)})
    return place


def _read_uri(sections: Mapping[str, Any]) -> str | None:
    """Return the store that a config of form 1 names, whose record does not say it."""
    uri = _section(sections, "tracking").get("uri")
    return uri if isinstance(uri, str) else None


def _section(sections: Mapping[str, object], name: str) -> Mapping[str, Any]:
    """Return a section of a config; empty if it is missing."""
    section = sections.get(name)
    return section if isinstance(section, Mapping) else {}
