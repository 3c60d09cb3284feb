"""Make the cluster that jobs run on, and ask it why it has no more nodes."""

from typing import Any

from azure.ai.ml import MLClient
from azure.ai.ml.entities import AmlCompute, IdentityConfiguration
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from bikeml.azure.jobs.service import ServiceError
from bikeml.azure.workspace.refusals import is_quota, reason, service_errors
from bikeml.config.azure import AzureConfig
from bikeml.system.redaction import redact


class Cluster:
    """The cluster of a config; with serverless nodes no call does anything. Every call raises ServiceError."""

    def __init__(self, client: MLClient, config: AzureConfig) -> None:
        self._client, self._config = client, config

    def make(self) -> None:
        """Make the cluster if there is none of its name."""
        compute = self._config.compute
        if compute.name is None:
            return
        with service_errors(f"make the cluster {compute.name!r}"):
            try:
                self._client.compute.get(compute.name)
            except ResourceNotFoundError:
                identity = IdentityConfiguration(type="system_assigned") if self._config.identity == "managed" else None
                self._create(AmlCompute(**compute.model_dump(), identity=identity))

    def _create(self, cluster: AmlCompute) -> None:
        try:
            self._client.compute.begin_create_or_update(cluster).result()
        except HttpResponseError as error:
            if str(cluster.size).lower() not in str(error.message).lower() or is_quota(error):
                raise
            names = f"-g {self._client.resource_group_name} -w {self._client.workspace_name}"
            raise ServiceError(
                f"cannot make the cluster {cluster.name!r}: {reason(error)}; choose another azure.compute.size, which "
                f"az ml compute list-sizes {names} lists for the workspace's region",
                temporary=False,
            ) from error

    def explain_queue(self) -> str | None:
        """Return, in the cluster's own words, why it has no more nodes; None if it does not say."""
        name, client = self._config.compute.name, self._client
        if name is None:
            return None
        with service_errors(f"ask what cluster {name!r} waits for"):
            computes: Any = client.compute._operation  # noqa: SLF001  azure-ai-ml 1.35 leaves the errors out of AmlCompute
            found = computes.get(client.resource_group_name, client.workspace_name, name)
        errors = [each.error for each in found.properties.properties.errors or [] if each.error]
        told = redact("; ".join(f"{error.code}: {error.message}" for error in errors))
        return f"cluster {name}: {told}" if told else None
