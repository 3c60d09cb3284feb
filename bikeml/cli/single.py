"""Run one experiment, show its figures as soon as they are known, and then where everything is."""

from contextlib import ExitStack
from pathlib import Path

from hydra.conf import HydraConf
from omegaconf import DictConfig

import bikeml.experiment.trusted.lean_skops  # noqa: F401  before skops
from bikeml.errors import ConfigError
from bikeml.multirun.display.run import show_figures, show_places
from bikeml.multirun.local.beside import Publishes
from bikeml.multirun.run import computed, read_composed
from bikeml.multirun.sources import refuse_hidden
from bikeml.records.provenance import command_line
from bikeml.records.run_folder import PAGE, RunFolder
from bikeml.terminal.browser import open_page
from bikeml.terminal.progress import progress


def run_single(composed: DictConfig, hydra_config: HydraConf, publish: Publishes) -> float:
    """Run the experiment of a command, which `publish` draws and records, and return what a sweeper gets of it."""
    refuse_hidden(hydra_config)
    config, invocation = read_composed(composed, hydra_config, Path(hydra_config.runtime.output_dir), command_line())
    if config.reuse not in (None, "none"):
        raise ConfigError(f"reuse={config.reuse} is a sweep's; add -m, or leave reuse=null")
    with ExitStack() as folder:
        with progress() as announce:
            found = folder.enter_context(computed(config, invocation, announce))
        show_figures(found.computed.record)
        with progress() as announce:
            done = found.write(announce)
            same = publish(RunFolder(done.folder), config, announce, done.samples)
    if config.open:
        open_page(done.folder / PAGE)
    show_places(done.record, done.folder, same)
    return done.score
