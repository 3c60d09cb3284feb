"""The command line: compose, run, and say plainly what came of it."""

import logging
import math
import os
import signal
import sys
import traceback
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from bikeml.composition import COMPOSITION_ERRORS, choices, config_dir, explain, resolve
from bikeml.errors import BikemlError, ConfigError, DataError, RunFolderError
from bikeml.redaction import redact

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
TRACEBACK_VARIABLE = "BIKEML_TRACEBACK"


_failures: list[Exception] = []
"""What the task function of this process raised. Hydra adds lines of its own to an exception that it sees."""


def main() -> None:
    """Run the command line and exit with its status: 0 done, 1 failed, 2 bad config or data, 130 interrupted."""
    # Hydra would print its own message, and exit with 1 whatever it was; this makes it raise instead.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    _failures.clear()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop cleans up as Ctrl-C does
    try:
        _compose_and_run()
    except KeyboardInterrupt:
        print("bikeml: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001  an error of no known kind is printed whole
        if not _failures:
            _failures.append(_explain_start(error))
    if _failures:
        sys.exit(_report(_failures[0]))


def _explain_start(error: Exception) -> Exception:
    """Say what stopped Hydra before the task function began; an error of no known kind is our own bug."""
    if isinstance(error, COMPOSITION_ERRORS):
        return explain(error)
    if isinstance(error, OSError):
        return RunFolderError(f"cannot write the run folder: {error}; choose another with hydra.run.dir=FOLDER")
    return error


@hydra.main(config_path=str(config_dir()), config_name="config", version_base="1.3")
def _compose_and_run(composed: DictConfig) -> float:
    """Run one experiment, or one cell of a sweep; a sweeper that optimises gets the mean R2 over the folds."""
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    if hydra_config.mode == RunMode.MULTIRUN:
        _redact_file(Path(hydra_config.sweep.dir) / "multirun.yaml")  # Hydra writes every override into it
    try:
        return _run(composed, folder, choices(hydra_config.runtime.choices))
    except Exception as error:
        _failures.append(error)
        if hydra_config.mode == RunMode.MULTIRUN:
            raise  # the sweeper must know
        return math.nan
    finally:
        _remove_if_empty(folder)


def _redact_file(file: Path) -> None:
    if file.is_file():
        file.write_text(redact(file.read_text(encoding="utf-8")), encoding="utf-8")


def _run(composed: DictConfig, folder: Path, options: dict[str, str]) -> float:
    from bikeml.config import typed

    config = typed(resolve(composed))
    logging.captureWarnings(capture=True)  # what libraries warn of goes to the run's log
    from bikeml import display, experiment
    from bikeml.provenance import command_line
    from bikeml.result import Invocation

    with display.progress() as announce:
        result = experiment.run(config, Invocation(folder, command_line(), options), announce)
    display.show(result)
    return result.metrics["cv_r2_mean"]


def _report(error: Exception) -> int:
    """Print one message for a user's mistake, or the traceback of a bug of ours; return the exit status."""
    if os.environ.get(TRACEBACK_VARIABLE) or not isinstance(error, BikemlError):
        print(redact("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    if isinstance(error, BikemlError):
        lines = redact(str(error)).splitlines()
        print("bikeml: " + "\n        ".join(lines), file=sys.stderr)
    return BAD_INPUT if isinstance(error, (ConfigError, DataError)) else FAILED


def _remove_if_empty(folder: Path) -> None:
    """Leave nothing behind where nothing was done, nor the day's folder above it."""
    for empty in (folder, folder.parent):
        if empty.is_dir() and empty != Path.cwd() and not any(empty.iterdir()):
            empty.rmdir()
