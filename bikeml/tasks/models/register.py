"""Give the model of a recorded run a version in a model registry, and an alias."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from bikeml.config.fields import ModelName, Name, Section
from bikeml.config.schema import Config
from bikeml.system.printable import program
from bikeml.terminal.progress import progress

if TYPE_CHECKING:
    from bikeml.recorded.run import RecordedRun
    from bikeml.tracking.backends import Registration, Store

RESERVED = ("best", "latest")
"""The values of `run=` with a meaning of their own."""


def _alias(alias: str) -> str:
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}", alias) or re.fullmatch(r"[vV][0-9]+", alias):
        raise ValueError("should be letters, digits, hyphens and underscores, begin with a letter, and be no v1")
    if alias.lower() in RESERVED:
        raise ValueError(f"should not be {' or '.join(RESERVED)}, which run= knows already")
    return alias


class Options(Section):
    """The keys of conf/task/register.yaml."""

    run: Name
    registered_model: ModelName
    alias: Annotated[str, AfterValidator(_alias)] | None


def register(config: Config, options: Options) -> None:
    """Register the model of a run and print its version; see :func:`register_run`."""
    from bikeml.terminal import tables

    with progress() as announce:
        announce("looking for the run")
        from bikeml.tracking import lookup
        from bikeml.tracking.backends import open_store

        run, store = lookup.find(config, options.run, in_store=True), open_store(config)
        announce("checking and registering the model")
        with run.named_in_errors():
            done = register_run(store, run, options.registered_model, options.alias)
    facts = {"run": run.title, "model": done.name}
    facts["version"] = f"{done.version}{'' if done.is_new else ', as before'}"
    if done.alias:
        before = "which it had before" if done.previous == done.version else f"before: {done.previous or 'none'}"
        facts["alias"] = f"{done.alias} ({before})"
    version = f"{done.name}@{done.alias}" if done.alias else f"{done.name}/{done.version}"
    facts["next"] = f"{program()} predict{store.override} run={version} data.path=NEW.csv"
    tables.show_facts(facts)


def register_run(store: "Store", run: "RecordedRun", name: str, alias: str | None) -> "Registration":
    """
    Register the run's model as a version of `name`, unless it is one already, and set the alias.

    The registry belongs to the run's store: MLflow's registry, or the models of the workspace. Raises RunNotFoundError
    if the run has no model, ModelFileError if the model cannot be trusted, TrackingError and ClusterError.
    """
    from bikeml.recorded.model import fetch_checked

    with TemporaryDirectory(prefix="bikeml-") as folder:
        model, _ = fetch_checked(run, Path(folder))
        return store.register(run, model, name, alias)
