"""Configuration-composed experiments for tabular regression."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bikeml.multirun.run import Result

__all__ = ["run"]
__version__ = "0.1.0"


def run(*overrides: str) -> "Result":
    """
    Run one experiment from Python, as ``python -m bikeml OVERRIDE ...`` does, and return everything about it.

    Raises the errors of :func:`bikeml.experiment.story.run`, and ConfigError for a wrong override.
    """
    from bikeml.config.composition import compose, run_folder

    composed = compose(overrides)
    from bikeml.multirun.run import read_composed
    from bikeml.multirun.run import run as run_config

    command = f"bikeml.run({', '.join(map(repr, overrides))})"
    return run_config(*read_composed(composed, composed.hydra, run_folder(composed), command))
