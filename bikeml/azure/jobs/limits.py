"""
The limits of Azure ML for names and values, as documented. This module imports nothing heavy.

Sources: "Service limits in Azure Machine Learning" for experiments, runs, tags and metrics; the patterns of names in
its REST interface; Azure/azureml-assets 295 for versions of data; azure-sdk-for-python 35685 for parameters.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bikeml.config.schema import Config
from bikeml.errors import ConfigError

NAME = 256
"""Characters of an experiment's and of a job's name to show."""
DATA_VERSION = 30
SHOWN = 60
"""Characters of a value in a message."""


@dataclass(frozen=True)
class Rule:
    """What the value of a key must be like."""

    most: int
    """Characters."""
    least: int = 1
    pattern: str = r"(?s).*"
    allowed: str = ""
    """The pattern in words."""


ENVIRONMENT = "azure.environment"
_ASSET = Rule(255, 1, r"[a-zA-Z0-9][\w-]*", "letters, digits, - and _, and begin with one of the first two")
RULES = {
    "tracking.experiment_name": Rule(NAME),
    "tracking.run_name": Rule(NAME),
    "azure.data": _ASSET,
    ENVIRONMENT: _ASSET,
    "azure.compute.name": Rule(24, 3, r"[a-zA-Z][a-zA-Z0-9-]*", "letters, digits and -, and begin with a letter"),
}
"""By the key that a user sets."""


def find_excess(config: Config) -> list[str]:
    """Return a line for each value of the config that Azure ML would refuse."""
    rules = {key: rule for key, rule in RULES.items() if key != ENVIRONMENT or config.azure.makes_environment}
    return [problem for key, rule in rules.items() for problem in _judge(key, rule, _get(config, key))]


def check(config: Config) -> None:
    """Raise ConfigError with every value of the config that Azure ML would refuse."""
    if problems := find_excess(config):
        raise ConfigError("\n".join(problems))


def _get(config: Config, key: str) -> str | None:
    value: object = config
    for name in key.split("."):
        value = getattr(value, name)
    return None if value is None else str(value)


def _judge(key: str, rule: Rule, value: str | None) -> Iterator[str]:
    if value is None:
        return
    if not rule.least <= len(value) <= rule.most:
        span = f"{rule.least} to {rule.most}" if rule.least > 1 else f"at most {rule.most}"
        yield f"{key}={_show(value)} has {len(value)} characters, and Azure ML takes {span}; choose another name"
    elif not re.fullmatch(rule.pattern, value, re.ASCII):
        yield f"{key}={_show(value)} should have only {rule.allowed}, for Azure ML; choose another name"


def _show(value: str) -> str:
    return repr(value if len(value) <= SHOWN else f"{value[:SHOWN]}…")
