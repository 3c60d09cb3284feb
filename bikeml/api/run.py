"""Run one experiment for a caller in Python."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bikeml.api.given import command_words, one_message
from bikeml.api.result import Result
from bikeml.config.composition import compose, run_folder
from bikeml.errors import ConfigError
from bikeml.multirun.run import read_composed
from bikeml.multirun.run import run as run_config
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
        return Result.of(run_config(config, invocation, announce))


def _run_given(configs: "Sequence[str | DictConfig]", data: object, target: object) -> Result:
    """Run the config that another program of Hydra's has composed."""
    if data is not None or target is not None:
        raise ConfigError("bikeml.run was given a config and a table; the section data of the config names its table")
    from bikeml.multirun.cell import run_given

    with one_message():
        return Result.of(run_given(*configs))
