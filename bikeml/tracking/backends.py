"""Define what bikeml needs from a store, and choose the class for a tracking.uri."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bikeml.config.fields import AZUREML
from bikeml.config.schema import Config
from bikeml.recorded.run import RecordedRun
from bikeml.records.params import Limits

BACKENDS: Mapping[str, str] = {AZUREML: "bikeml.azure.workspace.store:WorkspaceStore"}
"""The "module:Class" of a store, by the scheme of its tracking.uri. It is imported only when it is used."""
OTHERWISE = "bikeml.tracking.mlflow_store:MlflowStore"


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    number: str
    run_id: str | None
    """The run that the model comes from; None if the version does not say."""


@dataclass(frozen=True)
class Registration:
    """The result of registering a model: its version and its alias."""

    name: str
    version: str
    alias: str | None
    previous: str | None
    """The version that the alias pointed to before; None if the alias is new."""
    is_new: bool
    """Whether this registration created the version."""


class Store(Protocol):
    """
    A place where runs are recorded and models are registered. The runs themselves are read by MLflow's client.

    The methods raise ClusterError if a workspace refuses, and TrackingError or one of STORE_ERRORS if another store
    does. To add a store, write a class with these methods that takes the config, and add a line to BACKENDS.
    """

    @property
    def uri(self) -> str:
        """Return its absolute address for MLflow's client; raises TrackingError if the address is unknown."""

    @property
    def can_order(self) -> bool:
        """Return whether the store can sort runs by a metric."""

    @property
    def limits(self) -> Limits:
        """Return what it takes of the parameters and tags of a run."""

    @property
    def takes_datasets(self) -> bool:
        """Return whether a run can have its dataset as an input."""

    @property
    def takes_models(self) -> bool:
        """Return whether it may have MLflow 3's logged models."""

    @property
    def holds_jobs(self) -> bool:
        """Return whether a cluster's jobs are runs in this store from the start, so that a launcher finds them."""

    @property
    def job_run_id(self) -> str | None:
        """Return the run of the job that this process runs in; None if it is not a job of a cluster."""

    @property
    def override(self) -> str:
        """Return the override that makes a command use this store, such as " tracking=azureml"; empty by default."""

    def look(self, experiment_id: str, run_id: str) -> str:
        """Return how a person opens a run: the address of its page, or the command that serves one."""

    def models(self) -> list[str]:
        """Return the names of all registered models, sorted."""

    def version(self, name: str, number: str) -> Version | None:
        """Return a version of a registered model, or None if it does not exist."""

    def aliased(self, alias: str, name: str | None = None) -> list[Version]:
        """Return the versions with the alias: at most one for each model, or only that of the model `name`."""

    def aliases(self) -> list[tuple[Version, str]]:
        """Return every alias of every registered model, with its version."""

    def register(self, run: RecordedRun, folder: Path, name: str, alias: str | None) -> Registration:
        """
        Register the run's model as a version of `name`, unless it is one already, and point `alias` to it.

        `folder` holds the checked model. Raises ClusterError, and TrackingError if the store has no registry.
        """


def open_store(config: Config) -> Store:
    """Return the store that a config names, without connecting to it."""
    scheme = str(config.tracking.uri).partition(":")[0]
    module, _, name = BACKENDS.get(scheme, OTHERWISE).partition(":")
    backend: Callable[[Config], Store] = getattr(importlib.import_module(module), name)
    return backend(config)
