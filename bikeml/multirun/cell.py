"""One cell of a sweep, in whatever process a launcher runs it: a result in its folder, or why there is none."""

import logging
import math
import time
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

import bikeml.experiment.lean_skops  # noqa: F401  before skops
from bikeml.config.composition import choices, resolve
from bikeml.config.schema import Config, typed
from bikeml.errors import BikemlError, FitError, SweepStoppedError, TrackingError
from bikeml.multirun.run import run
from bikeml.records.provenance import command_line
from bikeml.records.run import METRIC, Invocation
from bikeml.records.sweep import SweepRecord
from bikeml.records.sweep_folder import SweepFolder, write_failure
from bikeml.terminal.status import describe_error, log_error


def run_cell(composed: DictConfig) -> float:
    """
    Run a cell and return the mean R2 over its folds.

    What goes wrong is in the cell's folder before it is raised, as an error that can be carried between processes.
    """
    started, sweep_folder = time.time(), Path(HydraConfig.get().sweep.dir).absolute()
    invocation = _invocation(HydraConfig.get())
    logging.captureWarnings(capture=True)  # what libraries warn of goes to the cell's log
    logging.raiseExceptions = False  # a full disk is told once, by what it keeps from being written
    config = None
    try:
        config = typed(resolve(composed))
        _stop_after(config.sweep.max_failures, sweep_folder)
        score = run(config, invocation).metrics[METRIC]
    except SweepStoppedError:
        invocation.folder.rmdir()  # Hydra has made it, and nothing has run in it
        raise
    except Exception as error:
        log_error(error)
        write_failure(invocation.folder, describe_error(error), invocation.overrides, command=invocation.command)
        # A store, a disk or a table out of reach may be there again next time; the same code will fail again.
        if config is not None and (isinstance(error, FitError) or not isinstance(error, BikemlError)):
            _record(config, invocation, sweep_folder, describe_error(error), started)
        if isinstance(error, BikemlError):
            raise
        raise FitError(describe_error(error)) from None
    return math.nan if score is None else score


def _invocation(hydra_config: HydraConf) -> Invocation:
    """Return how this cell alone would be asked for."""
    overrides = tuple(hydra_config.overrides.task)
    sources = hydra_config.runtime.config_sources
    folders = [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
    folder = Path(hydra_config.runtime.output_dir)
    command = command_line([*folders, *overrides])
    is_prepared = (Path(hydra_config.sweep.dir) / SweepRecord.FILE).is_file()  # not by a sweeper that is not ours
    return Invocation(folder, command, choices(hydra_config.runtime.choices), overrides, is_prepared)


def _stop_after(max_failures: int | None, folder: Path) -> None:
    """Raise SweepStoppedError if more cells of the sweep have failed than may fail; any launcher obeys it so."""
    if max_failures is None or not (folder / SweepRecord.FILE).is_file():
        return
    failed = sum(outcome.status == "failed" for outcome in SweepFolder(folder).look().outcomes)
    if failed > max_failures:
        raise SweepStoppedError(f"{failed} cells have failed, and sweep.max_failures={max_failures} allows no more")


def _record(config: Config, invocation: Invocation, sweep_folder: Path, error: str, started: float) -> None:
    """Record the failure, so that reuse=all need not run into it again; that it could not be is a line in the log."""
    if config.tracking.uri is None:
        return
    cells = {sweep_folder / cell.folder: cell for cell in SweepFolder(sweep_folder).read().cells}
    cell = cells.get(invocation.folder)
    if cell is None or cell.fingerprint is None:
        return
    from bikeml.tracking.sweeps import record_failure  # mlflow's import takes seconds

    try:
        record_failure(config, invocation, cell.fingerprint, error, started)
    except TrackingError as unrecorded:
        log_error(unrecorded)
