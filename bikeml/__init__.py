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
    from bikeml.config.composition import choices, compose, resolve, run_folder
    from bikeml.config.schema import typed

    composed = compose(overrides)
    config = typed(resolve(composed))
    from bikeml.multirun import run as experiment
    from bikeml.records.run import Invocation

    command = f"bikeml.run({', '.join(map(repr, overrides))})"
    return experiment.run(config, Invocation(run_folder(composed), command, choices(composed.hydra.runtime.choices)))
