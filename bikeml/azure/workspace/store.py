"""A workspace as a store: its runs by MLflow, and its own registry of models, whose aliases are tags."""

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bikeml.config.fields import AZUREML
from bikeml.config.schema import Config
from bikeml.errors import ClusterError, TrackingError
from bikeml.recorded.run import RecordedRun
from bikeml.records.params import OF_AZURE_ML
from bikeml.tracking.backends import Registration, Store, Version

if TYPE_CHECKING:
    from bikeml.azure.workspace.models import Models

STUDIO = "https://ml.azure.com/runs"
WORKSPACE = "/subscriptions/{subscription_id}/resourcegroups/{resource_group}/workspaces/{workspace_name}"
_ADDRESS = re.compile(
    r".*/subscriptions/(?P<subscription_id>[^/]+)/resourceGroups/(?P<resource_group>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<workspace_name>[^/?]+).*",
    re.IGNORECASE,
)


class WorkspaceStore(Store):
    """
    The workspace that tracking.uri names.

    A whole azureml://... names one itself. Plain azureml means the workspace of a job in the job, elsewhere that of the
    azure section. A job has no azure-ai-ml, so it is imported only to ask the workspace itself.
    """

    can_order = False
    limits = OF_AZURE_ML
    takes_datasets = False  # it has data assets instead
    takes_models = False  # it answers 404 on /logged-models
    holds_jobs = True

    def __init__(self, config: Config) -> None:
        self._given, self._config = str(config.tracking.uri), config

    @cached_property
    def uri(self) -> str:
        if self._given != AZUREML:
            return self._given
        if self.job_run_id is not None:
            return os.environ["MLFLOW_TRACKING_URI"]
        from bikeml.azure.jobs.limits import check
        from bikeml.azure.workspace.connection import connect

        check(self._config)
        try:
            return connect(self._config.azure).tracking_uri
        except ClusterError as error:
            raise TrackingError(f"cannot reach the workspace's store: {error}; or choose tracking=local") from error

    @property
    def job_run_id(self) -> str | None:
        is_job = self._given == AZUREML and os.environ.get("MLFLOW_TRACKING_URI", "").startswith("azureml:")
        return os.environ.get("MLFLOW_RUN_ID") if is_job else None

    @property
    def override(self) -> str:
        return " tracking=azureml" if self._given == AZUREML else f" tracking.uri={self._given}"

    def look(self, experiment_id: str, run_id: str) -> str:  # noqa: ARG002  its pages know no experiment
        address = _ADDRESS.fullmatch(self.uri)  # a job may get another form; then the link lacks the workspace
        return f"{STUDIO}/{run_id}" + (f"?wsid={WORKSPACE.format(**address.groupdict())}" if address else "")

    def models(self) -> list[str]:
        return sorted(self._models.names())

    def version(self, name: str, number: str) -> Version | None:
        return self._models.find(name, number)

    def aliased(self, alias: str, name: str | None = None) -> list[Version]:
        found = (self._models.find_aliased(each, alias) for each in ([name] if name else self.models()))
        return [version for version in found if version is not None]

    def aliases(self) -> list[tuple[Version, str]]:
        return [found for name in self.models() for found in self._models.list_aliases(name)]

    def register(self, run: RecordedRun, folder: Path, name: str, alias: str | None) -> Registration:
        version, is_new = self._models.register(name, folder, run)
        previous = self._models.set_alias(name, alias, version) if alias else None
        return Registration(name, version, alias, previous, is_new)

    @cached_property
    def _models(self) -> "Models":
        named = {} if self._given == AZUREML else _read_names(self._given)
        from bikeml.azure.workspace.connection import connect
        from bikeml.azure.workspace.models import Models

        return Models(connect(self._config.azure.model_copy(update=named)))


def _read_names(uri: str) -> dict[str, str]:
    """Return the names of the workspace in the address of its store; raises TrackingError if there are none."""
    address = _ADDRESS.fullmatch(uri)
    if address is None:
        raise TrackingError(
            f"tracking.uri={uri!r} names no workspace; copy the one that az ml workspace show calls "
            "mlflow_tracking_uri, or choose tracking=azureml"
        )
    return address.groupdict()
