"""Make, read and delete deployments at a managed online endpoint. Each serves a model on machines of its own."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import yaml
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    OnlineRequestSettings,
    ProbeSettings,
)
from azure.core.exceptions import ResourceNotFoundError

from bikeml.azure.endpoint.endpoints import Endpoints, settle, wait
from bikeml.azure.endpoint.folder import SCRIPT, Served
from bikeml.azure.jobs.service import ServiceError
from bikeml.azure.workspace.client import Workspace
from bikeml.azure.workspace.refusals import service_errors
from bikeml.config import azure
from bikeml.config.azure import EndpointConfig, RequestSettings
from bikeml.records.tags import SERVED
from bikeml.system.redaction import redact
from bikeml.terminal.progress import Announce

ENVIRONMENT = "bikeml-serving"
"""The name of the environments that serve models; their versions are hashes."""
LOG_LINES = 30
_ARM_MODEL = re.compile(r"/models/([^/]+)/versions/([^/]+)$")


@dataclass(frozen=True)
class Deployment:
    """A deployment as the service has it."""

    name: str
    model: str
    """The registered model behind it, as NAME:VERSION."""
    machines: EndpointConfig
    served: str
    """The sha256 of the code and the environment around the model."""


class Deployments:
    """The deployments of a workspace's endpoints; every method raises ServiceError."""

    def __init__(self, workspace: Workspace, announce: Announce) -> None:
        self._client, self._announce = workspace.ml_client, announce
        self._endpoints = Endpoints(workspace, announce)

    def find(self, endpoint: str, name: str) -> tuple[Deployment, str] | None:
        """Wait until no operation runs, and return a deployment and its state; None if there is no such deployment."""
        found = settle("deployment", name, lambda: self._get(endpoint, name), _state, self._announce)
        return None if found is None else (_describe(found), _state(found))

    def _get(self, endpoint: str, name: str) -> Any:  # noqa: ANN401  a model of the REST interface
        # the public get of azure-ai-ml 1.35 loses the state
        client = self._client
        return client.online_deployments._online_deployment.get(  # noqa: SLF001
            str(client.resource_group_name), str(client.workspace_name), endpoint_name=endpoint, deployment_name=name
        )

    def deploy(self, endpoint: str, wanted: Deployment, served: Served, tags: Mapping[str, str]) -> bool:
        """
        Make or change the deployment as `wanted`; return False if it is so already. Its traffic stays unchanged.

        If it fails, ServiceError shows the last lines of its container. A failed deployment without traffic is deleted:
        then it costs nothing and its name is free. A deployment with traffic still answers while it is changed.
        """
        if self.find(endpoint, wanted.name) == (wanted, "Succeeded"):
            return False
        deployment = _build(endpoint, wanted, self._make_environment(served), served, tags)
        text = f"deploying {wanted.model} as {wanted.name}, which takes some minutes"
        try:
            with service_errors(f"deploy {wanted.model} as {wanted.name!r}"):
                wait(self._announce, text, self._client.online_deployments.begin_create_or_update, deployment)
        except ServiceError as error:
            if error.temporary:
                raise
            told = [str(error), *self._explain(endpoint, wanted.name)]
            raise ServiceError("\n".join(told), temporary=False) from error
        return True

    def _make_environment(self, served: Served) -> str:
        """Register the environment if it is missing, and return its name and version."""
        environment = Environment(
            name=ENVIRONMENT, version=served.version, image=served.image, conda_file=yaml.safe_load(served.conda)
        )
        with service_errors(f"make the environment {ENVIRONMENT!r}"):
            self._client.environments.create_or_update(environment)
        return f"{ENVIRONMENT}:{served.version}"

    def _explain(self, endpoint: str, name: str) -> Iterator[str]:
        """Yield the container's last lines and what was done with its deployment, or the error of either step."""
        try:
            yield from self._read_log(endpoint, name)
        except ServiceError as error:
            yield str(error)
        try:
            yield self._delete_failed(endpoint, name)
        except ServiceError as error:
            command = f"python -m bikeml azure undeploy endpoint={endpoint} deployment={name}"
            yield f"{error}; the deployment may exist and cost money; delete it with {command}"

    def _read_log(self, endpoint: str, name: str) -> list[str]:
        """Return the last lines of a deployment's container with a heading; empty if there is no deployment."""
        with service_errors(f"read the log of deployment {name!r}"):
            try:
                log = self._client.online_deployments.get_logs(name, endpoint, lines=LOG_LINES)
            except ResourceNotFoundError:
                return []
        lines = [] if log == "None" else redact(log.strip()).splitlines()  # the client returns "None" for no log
        return ["its container said last:", *lines[-LOG_LINES:]] if lines else ["its container said nothing"]

    def _delete_failed(self, endpoint: str, name: str) -> str:
        """Delete a failed deployment if it has no traffic, and return a sentence that says what was done."""
        found = self.find(endpoint, name)
        if found is None:
            return "nothing was deployed; the same command tries again"
        if found[1] == "Succeeded":
            return f"deployment {name!r} is as it was"
        if self._endpoints.get(endpoint).traffic.get(name):
            return f"deployment {name!r} has traffic and was left as it is; move the traffic to another (run=null)"
        self.delete(endpoint, name)
        return f"the failed deployment {name!r} was deleted; the same command tries again"

    def delete(self, endpoint: str, name: str) -> None:
        """Delete a deployment, which must have no traffic."""
        with service_errors(f"delete deployment {name!r}"):
            begin = self._client.online_deployments.begin_delete
            wait(self._announce, f"deleting deployment {name}", begin, name, endpoint)


def _build(
    endpoint: str, wanted: Deployment, environment: str, served: Served, tags: Mapping[str, str]
) -> ManagedOnlineDeployment:
    machines = wanted.machines
    return ManagedOnlineDeployment(
        name=wanted.name,
        endpoint_name=endpoint,
        model=f"azureml:{wanted.model}",
        environment=f"azureml:{environment}",
        code_configuration=CodeConfiguration(code=str(served.code), scoring_script=SCRIPT),
        instance_type=machines.instance_type,
        instance_count=machines.instance_count,
        request_settings=OnlineRequestSettings(**machines.request_settings.model_dump()),
        liveness_probe=ProbeSettings(**machines.liveness_probe.model_dump()),
        tags={**tags, SERVED: wanted.served},
    )


def _state(found: Any) -> str:  # noqa: ANN401  a model of the REST interface
    return str(found.properties.provisioning_state.value)


def _describe(found: Any) -> Deployment:  # noqa: ANN401  a model of the REST interface
    match = _ARM_MODEL.search(str(found.properties.model))
    model = f"{match[1]}:{match[2]}" if match else str(found.properties.model)
    read = ManagedOnlineDeployment._from_rest_object(found)  # noqa: SLF001  as the public get does
    settings, probe = found.properties.request_settings, read.liveness_probe or ProbeSettings()
    # _from_rest_object cuts off fractions of a second (azure-ai-ml 1.35)
    timeout = pd.Timedelta(settings.request_timeout) // pd.Timedelta(milliseconds=1) if settings else 0
    fields = azure.ProbeSettings.model_fields
    machines = EndpointConfig.model_construct(  # unchecked: somebody may have set what conf/ does not allow
        instance_type=str(read.instance_type),
        instance_count=int(read.instance_count or 0),
        request_settings=RequestSettings.model_construct(request_timeout_ms=timeout),
        liveness_probe=azure.ProbeSettings.model_construct(**{name: getattr(probe, name) for name in fields}),
    )
    return Deployment(str(found.name), model, machines, (found.tags or {}).get(SERVED, ""))


def no_deployment(endpoint: ManagedOnlineEndpoint, name: str) -> ServiceError:
    """Return the error that there is no deployment `name`, or none with traffic; it lists the existing ones."""
    wanted = f"deployment {name!r} that works" if name else "deployment with traffic"
    known = ", ".join(sorted(endpoint.traffic)) or "none"
    return ServiceError(
        f"endpoint {endpoint.name!r} has no {wanted}; it has: {known}; set deployment=NAME",
        temporary=False,
    )
