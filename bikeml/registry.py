"""Give the model of a recorded run a version in a model registry, and an alias."""

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from bikeml import task
from bikeml.config import Config
from bikeml.fields import AZUREML, ModelName, Name, Section
from bikeml.progress import progress
from bikeml.redaction import redact

if TYPE_CHECKING:
    from bikeml.tracking.models import Registration
    from bikeml.tracking.runs import RecordedRun

LOCAL = "sqlite:///mlflow.db"
"""The tracking.uri of conf/tracking/local.yaml."""
RESERVED = ("best", "latest")
"""What `run=` means otherwise."""


def _alias(alias: str) -> str:
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}", alias) or re.fullmatch(r"[vV][0-9]+", alias):
        raise ValueError("should be letters, digits, hyphens and underscores, begin with a letter, and be no v1")
    if alias.lower() in RESERVED:
        raise ValueError(f"should not be {' or '.join(RESERVED)}, which run= knows already")
    return alias


class RegisterOptions(Section):
    """The keys of conf/task/register.yaml."""

    run: Name
    registered_model: ModelName
    alias: Annotated[str, AfterValidator(_alias)] | None


def register(config: Config, options: RegisterOptions) -> None:
    """Register the model of a run and show which version it is; see :func:`register_run`."""
    from bikeml import display

    with progress() as announce:
        announce("looking for the run")
        from bikeml.tracking import runs

        run = runs.find(config, options.run)
        announce("checking and registering the model")
        done = register_run(config, run, options.registered_model, options.alias)
    facts = {"run": run.title, "model": done.name}
    facts["version"] = f"{done.version}{'' if done.is_new else ', as before'}"
    if done.alias:
        before = "which it had before" if done.previous == done.version else f"before: {done.previous or 'none'}"
        facts["alias"] = f"{done.alias} ({before})"
    version = f"{done.name}@{done.alias}" if done.alias else f"{done.name}/{done.version}"
    facts["next"] = f"python -m bikeml.predict{_store(config)} run={version} data.path=NEW.csv"
    display.show_facts(facts)


def _store(config: Config) -> str:
    """Return the override that leads a further command to the same store, where it is not the default one."""
    if config.tracking.uri == AZUREML:
        return " tracking=azureml"
    return "" if config.tracking.uri == LOCAL else f" tracking.uri={redact(str(config.tracking.uri))}"


def register_run(config: Config, run: "RecordedRun", name: str, alias: str | None) -> "Registration":
    """
    Return the version of the registered model `name` that is the run's model, made where there is none, with the alias.

    It is the registry of the store that the run is in: MLflow's, or the models of the workspace. Raises
    RunNotFoundError where the run has no model, ModelFileError where it is not fit to be handed on, TrackingError and
    ClusterError.
    """
    from bikeml.tracking import models

    with TemporaryDirectory(prefix="bikeml-") as folder:
        model, _ = models.fetch_checked(run, Path(folder))
        if config.tracking.uri != AZUREML:
            return models.register(run, name, alias)
        from bikeml.azure.models import register_in_workspace

        return register_in_workspace(config.azure, run, model, name, alias)


if __name__ == "__main__":
    sys.exit(task.main("register", RegisterOptions, register, program="python -m bikeml.registry"))
