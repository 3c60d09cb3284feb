"""The command line: compose, run, and say plainly what came of it."""

import logging
import math
import os
import sys
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from bikeml.config.composition import COMPOSITION_ERRORS, choices, config_dir, explain, refuse_unknown_options, resolve
from bikeml.errors import BikemlError, ConfigError, PlannedError, RunFolderError
from bikeml.system.files import remove_if_empty
from bikeml.terminal.status import DONE, FAILED, began_as_interrupt, report

SWEEPER, LAUNCHER = "hydra_plugins.bikeml.Sweeper", "hydra_plugins.bikeml.AzureMLLauncher"
"""Their names in conf/: Hydra 1.3 takes none that is not in hydra_plugins."""

_failures: list[Exception] = []
"""What the task function of this process raised. Hydra adds lines of its own to an exception that it sees."""
_sweeps: list[tuple[Path, bool]] = []
"""The folder of the sweep that this process runs, and whether the sweeper is ours."""


class NoteSweep(Callback):
    """Hydra's callback that tells of a sweep, whichever sweeper runs it."""

    def on_multirun_start(self, config: DictConfig, **_: object) -> None:
        """Note where it lies."""
        is_ours = config.hydra.sweeper._target_ == SWEEPER
        _sweeps.append((Path(str(config.hydra.sweep.dir)).absolute(), is_ours))


def main() -> None:
    """
    Run the command line and exit with its status.

    0 done, 1 failed, 2 bad config or data, 3 left while jobs go on, 130 interrupted.
    """
    # Hydra would print its own message, and exit with 1 whatever it was; this makes it raise instead.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    _failures.clear()
    _sweeps.clear()
    sys.argv[1:] = sorted(sys.argv[1:], key=_is_override)  # argparse takes them at one place only
    status = _compose_and_run()
    for folder, is_ours in _sweeps:
        if not is_ours or status == DONE:
            status = max(status, _finish_sweep(folder, is_ours=is_ours))
    sys.exit(status)


def _is_override(word: str) -> bool:
    return not word.startswith("-") and ("=" in word or word.startswith("~"))


def _compose_and_run() -> int:
    try:
        refuse_unknown_options(get_args_parser().parse_known_args()[1])
        Plugins.instance()  # scans Hydra's own plugins, which the sweeper is made of
        from bikeml.azure.launch import launcher
        from bikeml.multirun.sweeper import register

        register(SWEEPER)
        launcher.register(LAUNCHER)
        if "hydra/launcher=azureml" in sys.argv and not {"-m", "--multirun"} & {*sys.argv}:
            sys.argv.append("hydra.mode=MULTIRUN")  # Hydra would run it here (hydra 851)
        hydra.main(config_path=str(config_dir()), config_name="config", version_base="1.3")(run_composed)()
    except KeyboardInterrupt as interrupt:
        return report(interrupt)
    except Exception as error:  # noqa: BLE001  an error of no known kind is printed whole
        if not _failures:
            _failures.append(_explain_start(error))
    if any(isinstance(failure, PlannedError) for failure in _failures):
        _sweeps.clear()  # none has begun
    return report(_failures[0]) if _failures else DONE


def _finish_sweep(folder: Path, *, is_ours: bool) -> int:
    """Return the status of a sweep from what its cells left; a foreign sweeper's gets its leaderboard here."""
    from bikeml.multirun.story import conclude_foreign
    from bikeml.records.sweep_folder import SweepFolder

    try:
        sweep = SweepFolder(folder).look() if is_ours else conclude_foreign(folder)
    except BikemlError as error:
        return report(error)
    return FAILED if sweep.has_failures else DONE


def _explain_start(error: Exception) -> Exception:
    """Say what stopped Hydra before the task function began; an error of no known kind is our own bug."""
    if isinstance(error, BikemlError) or began_as_interrupt(error):
        return error
    if isinstance(error, COMPOSITION_ERRORS):
        return explain(error)
    if isinstance(error, OSError) and error.errno is None:  # OmegaConf's for a file that is one number, say
        return ConfigError(f"a config file holds no mapping: {error}; write lines such as key: value")
    if isinstance(error, OSError):
        return RunFolderError(f"cannot write the run folder: {error}; choose another with hydra.run.dir=FOLDER")
    return error


def run_composed(composed: DictConfig) -> float:
    """Run one experiment, or one cell of a sweep; a sweeper that optimises gets the mean R2 over the folds."""
    hydra_config = HydraConfig.get()
    if hydra_config.mode == RunMode.MULTIRUN:
        from bikeml.multirun.cell import run_cell

        return run_cell(composed)
    folder = Path(hydra_config.runtime.output_dir)
    try:
        return _run(composed, folder, choices(hydra_config.runtime.choices))
    except Exception as error:  # noqa: BLE001  main reports it
        _failures.append(error)
        return math.nan
    finally:
        remove_if_empty(folder)


def _run(composed: DictConfig, folder: Path, options: dict[str, str]) -> float:
    from bikeml.config.schema import typed

    config = typed(resolve(composed))
    if config.reuse not in (None, "none"):
        raise ConfigError(f"reuse={config.reuse} is a sweep's; add -m, or leave reuse=null")
    logging.captureWarnings(capture=True)  # what libraries warn of goes to the run's log
    logging.raiseExceptions = False  # a full disk is told once, by what it keeps from being written
    import bikeml.experiment.lean_skops  # noqa: F401  before skops
    from bikeml.multirun import display
    from bikeml.multirun.run import run
    from bikeml.records.provenance import command_line
    from bikeml.records.run import METRIC, Invocation
    from bikeml.terminal.progress import progress

    with progress() as announce:
        result = run(config, Invocation(folder, command_line(), options), announce)
    display.show(result)
    score = result.metrics[METRIC]
    return math.nan if score is None else score
