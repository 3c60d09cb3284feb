"""The command line: compose, run, and say plainly what came of it."""

import os
import sys
import traceback
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from bikeml.composition import COMPOSITION_ERRORS, choices, config_dir, explain, resolve
from bikeml.errors import BikemlError, ConfigError, DataError
from bikeml.redaction import redact

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
TRACEBACK_VARIABLE = "BIKEML_TRACEBACK"


def main() -> None:
    """Run the command line and exit with its status: 0 done, 1 failed, 2 bad config or data, 130 interrupted."""
    # Hydra would print its own message, and exit with 1 whatever it was; this makes it raise instead.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        _compose_and_run()
    except BikemlError as error:
        sys.exit(_report(error))
    except COMPOSITION_ERRORS as error:
        sys.exit(_report(explain(error)))
    except KeyboardInterrupt:
        print("bikeml: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


@hydra.main(config_path=str(config_dir()), config_name="config", version_base="1.3")
def _compose_and_run(composed: DictConfig) -> float:
    """Run one experiment, or one cell of a sweep; a sweeper that optimises gets the mean R2 over the folds."""
    runtime = HydraConfig.get().runtime
    folder = Path(runtime.output_dir)
    try:
        return _run(composed, folder, choices(runtime.choices))
    except (ConfigError, DataError):
        _remove_if_empty(folder)
        raise


def _run(composed: DictConfig, folder: Path, options: dict[str, str]) -> float:
    from bikeml.config import typed

    config = typed(resolve(composed))
    from bikeml import display, experiment
    from bikeml.provenance import command_line
    from bikeml.result import Invocation

    with display.progress() as announce:
        result = experiment.run(config, Invocation(folder, command_line(), options), announce)
    display.show(result)
    return result.metrics["cv_r2_mean"]


def _report(error: BikemlError) -> int:
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(error)
    lines = redact(str(error)).splitlines()
    print("bikeml: " + "\n        ".join(lines), file=sys.stderr)
    return BAD_INPUT if isinstance(error, (ConfigError, DataError)) else FAILED


def _remove_if_empty(folder: Path) -> None:
    """Leave nothing behind where nothing was done."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
