"""Configuration-composed experiments for tabular regression."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from bikeml.multirun.run import Result

__all__ = ["run"]
__version__ = "0.1.0"


def run(*overrides: "str | DictConfig") -> "Result":
    """
    Run one experiment from Python, as ``python -m bikeml OVERRIDE ...`` does, and return everything about it.

    Inside a program of Hydra's own it also takes the config that the program was given, in place of all overrides, and
    writes to the program's output folder; under -m the config is a cell of the sweep.

    Raises the errors of :func:`bikeml.experiment.story.run`, and ConfigError for a wrong override.
    """
    from bikeml.config.composition import compose, run_folder

    words = [word for word in overrides if isinstance(word, str)]
    if len(words) < len(overrides):
        from bikeml.multirun.cell import run_given

        return run_given(*overrides)
    composed = compose(words)
    from bikeml.multirun.run import read_composed
    from bikeml.multirun.run import run as run_config

    command = f"bikeml.run({', '.join(map(repr, words))})"
    return run_config(*read_composed(composed, composed.hydra, run_folder(composed), command))
