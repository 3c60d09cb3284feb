"""What the rest of bikeml asks of a store, and which class answers for which tracking.uri."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bikeml.config.fields import AZUREML
from bikeml.config.schema import Config
from bikeml.tracking.recorded import RecordedRun

BACKENDS: Mapping[str, str] = {AZUREML: "bikeml.azure.workspace.store:WorkspaceStore"}
"""The scheme of a tracking.uri, and "module:Class" of what answers for it: imported only when it is used."""
OTHERWISE = "bikeml.tracking.mlflow_store:MlflowStore"


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    number: str
    run_id: str | None
    """The run that it is the model of; None where it says nothing of one."""


@dataclass(frozen=True)
class Registration:
    """A version of a registered model, and what its alias means now."""

    name: str
    version: str
    alias: str | None
    previous: str | None
    """The version that the alias pointed to before; None where it was new."""
    is_new: bool
    """Whether the version was made just now."""


class Store(Protocol):
    """
    A place where runs are recorded and models are registered; the runs themselves are reached by MLflow's client.

    The methods raise ClusterError where a workspace refuses, TrackingError or one of STORE_ERRORS where another store
    does. A further store is a class like this that takes the config, and a line in BACKENDS.
    """

    @property
    def uri(self) -> str:
        """Its address for MLflow's client, absolute; raises TrackingError where it cannot be found out."""

    @property
    def can_order(self) -> bool:
        """Whether runs can be asked for in the order of a metric."""

    @property
    def takes_datasets(self) -> bool:
        """Whether a run can be given its dataset as an input."""

    @property
    def holds_jobs(self) -> bool:
        """Whether a cluster's jobs are runs in it from the start, so that a launcher of jobs finds them by itself."""

    @property
    def job_run_id(self) -> str | None:
        """The run that this process has already, since it is a job of a cluster; None where it is none."""

    @property
    def override(self) -> str:
        """What leads a further command to the store, such as " tracking=azureml"; empty for the default one."""

    def look(self, experiment_id: str, run_id: str) -> str:
        """Return where a person looks at a run: the address of its page, or the command that serves one."""

    def models(self) -> list[str]:
        """Return the names of all registered models, sorted."""

    def version(self, name: str, number: str) -> Version | None:
        """Return a version of a registered model, or None where there is none."""

    def aliased(self, alias: str, name: str | None = None) -> list[Version]:
        """Return the versions that have the alias, one at the most of each model, or of the one that is named."""

    def register(self, run: RecordedRun, folder: Path, name: str, alias: str | None) -> Registration:
        """
        Return the version of the registered model `name` that is the run's model, made where there is none, as `alias`.

        `folder` holds the model, checked. Raises ClusterError, and TrackingError where the store has no registry.
        """


def open_store(config: Config) -> Store:
    """Return the store that a config names; it is not asked for anything yet."""
    scheme = str(config.tracking.uri).partition(":")[0]
    module, _, name = BACKENDS.get(scheme, OTHERWISE).partition(":")
    backend: Callable[[Config], Store] = getattr(importlib.import_module(module), name)
    return backend(config)
