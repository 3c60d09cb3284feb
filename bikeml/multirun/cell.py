"""Run one cell of a sweep, in the process of any launcher; write its result or its failure to its folder."""

import os
import time
from contextlib import chdir
from pathlib import Path
from typing import Any, cast

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write

import bikeml.experiment.trusted.lean_skops  # noqa: F401  before skops
from bikeml.config.composition import compose, run_folder
from bikeml.config.overrides import as_typed
from bikeml.config.schema import Config
from bikeml.errors import BikemlError, ConfigError, FitError, LateError, SweepStoppedError
from bikeml.multirun.publish import Publish, PublishFailure, publish, publish_failure
from bikeml.multirun.run import FinishedRun, read_composed, run
from bikeml.multirun.sources import describe_sources
from bikeml.records.provenance import command_line
from bikeml.records.run import CELL, FINGERPRINT, PARENT_RUN_ID, Failed, Invocation
from bikeml.records.sweep import LeftOutRecord, SweepRecord
from bikeml.records.sweep_folder import SweepFolder, write_failure
from bikeml.system.interrupts import find_interrupt
from bikeml.terminal.machine import find_cause
from bikeml.terminal.status import describe_error, log_error, settle_logging


def run_given(*configs: object) -> FinishedRun:
    """
    Run the experiment of the one config that another program of Hydra's has composed, and return it.

    Its folder is the program's output folder, or else that of an experiment of our own. Raises ConfigError if there is
    anything else than one config.
    """
    (composed, *more) = configs
    if more or not isinstance(composed, DictConfig):
        raise ConfigError(
            f"bikeml.run was given {configs!r:.200}; it takes overrides, such as 'model=rf', or one config that Hydra "
            "has composed"
        )
    if "hydra" in composed:
        return run(*read_composed(composed, composed.hydra, run_folder(composed), "bikeml.run(DictConfig)"))
    if not HydraConfig.initialized():
        default = compose([]).hydra
        default.runtime.choices = {}
        return run(*read_composed(composed, default, Path(str(default.run.dir)).absolute(), "bikeml.run(DictConfig)"))
    hydra = HydraConfig.get()
    with chdir(hydra.runtime.cwd):
        if hydra.mode == RunMode.MULTIRUN:
            return run_cell(composed)
        overrides, command = _read_overrides(hydra)
        folder = Path(hydra.runtime.output_dir)
        return run(*read_composed(composed, hydra, folder, command, overrides=overrides))


def run_cell(composed: DictConfig, then: Publish = publish, if_failed: PublishFailure = publish_failure) -> FinishedRun:
    """
    Run a cell and return its result, which `then` draws and records; `if_failed` records an error of the model's code.

    A failure is written to the cell's folder before it is raised, as an error that can be pickled.
    """
    started, hydra = time.time(), _set_number(HydraConfig.get())
    _refuse_minimizing(hydra.sweeper)
    folder, sweep_folder = Path(hydra.runtime.output_dir), Path(hydra.sweep.dir).absolute()
    overrides, command = _read_overrides(hydra)
    is_prepared = bool(os.environ.get(CELL))  # False under a sweeper that is not bikeml's
    settle_logging(verbose=bool(hydra.verbose))
    asked = None
    try:
        asked = read_composed(
            composed, hydra, folder, command, overrides=overrides, is_prepared=is_prepared, is_cell=True
        )
        # They are not for what the task function of another program runs besides. Hydra deletes them after the cell.
        os.environ.update(dict.fromkeys(os.environ.keys() & {FINGERPRINT, PARENT_RUN_ID, CELL}, ""))
        _stop_after(asked[0].sweep.max_failures, sweep_folder)
        return run(*asked, then=then)
    except SweepStoppedError:
        folder.rmdir()  # Hydra has made it, and nothing has run in it
        raise
    except LateError as late:
        LeftOutRecord(reason=str(late)).write(folder)
        raise
    except Exception as raised:
        if interrupt := find_interrupt(raised):  # a library has made another error of it
            raise interrupt from None
        log_error(raised)
        error = find_cause(raised)
        write_failure(folder, describe_error(error), overrides, command=command)
        # A store, a disk or a table that is out of reach may be back next time; the same code will fail again.
        if asked is not None and (isinstance(error, FitError) or not isinstance(error, BikemlError)):
            _record(*asked, describe_error(error), started, if_failed)
        if isinstance(raised, BikemlError):
            raise
        raise (error if isinstance(error, BikemlError) else FitError(describe_error(error))) from None


def _refuse_minimizing(sweeper: Any) -> None:  # noqa: ANN401  a DictConfig of any sweeper's keys
    """Raise ConfigError if a sweeper looks for the lowest score, as Optuna's own does unless it is told."""
    if str(sweeper.get("direction")).rpartition(".")[2] == "minimize":
        raise ConfigError(
            "hydra.sweeper.direction=minimize would find the worst cell, since greater scores are better; set it to "
            "maximize, or choose hydra/sweeper=bikeml_optuna"
        )


def _set_number(hydra: Any) -> HydraConf:  # noqa: ANN401  a DictConfig, which Hydra types as HydraConf
    """Give Hydra's section the number of the cell in its plan, which a launcher does not know."""
    number = os.environ.get(CELL)
    if number:  # not under a sweeper that is not bikeml's
        with read_write(hydra.job):
            hydra.job.num, hydra.job.id = int(number), number
    return cast(HydraConf, hydra)


def _read_overrides(hydra: HydraConf) -> tuple[tuple[str, ...], str]:
    """Return the overrides of this cell, and the command that would run it alone."""
    given: Any = OmegaConf.to_container(hydra.overrides.task, resolve=False)  # or the text \\${ would become ${
    overrides = tuple(as_typed(str(word)) for word in given)
    return overrides, command_line([*describe_sources(hydra), *overrides])


def _stop_after(max_failures: int | None, folder: Path) -> None:
    """Raise SweepStoppedError if more cells of the sweep have failed than may fail; this works with any launcher."""
    if max_failures is None or not (folder / SweepRecord.FILE).is_file():
        return
    failed = sum(outcome.status == "failed" for outcome in SweepFolder(folder).look().outcomes)
    if failed > max_failures:
        raise SweepStoppedError(f"{failed} cells have failed, and sweep.max_failures={max_failures} allows no more")


def _record(config: Config, invocation: Invocation, error: str, started: float, if_failed: PublishFailure) -> None:
    """Record the failure of a cell that the plan of its sweep identifies, so that reuse=all does not repeat it."""
    if config.tracking.uri is None or not invocation.is_prepared:
        return
    sweep, here = Path(HydraConfig.get().sweep.dir).resolve(), invocation.folder.resolve()
    for cell in SweepFolder(sweep).read().cells:
        if sweep / cell.folder == here and cell.fingerprint is not None:
            if_failed(config, Failed(invocation, cell.fingerprint, error, started))
