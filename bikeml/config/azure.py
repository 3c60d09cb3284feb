"""The typed schema of the azure section, in the words of Azure ML: a workspace, its cluster and its endpoints."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bikeml.config.fields import AZUREML, Name, Section

REGISTERED_ENVIRONMENT = (
    r"azureml:([\w.-]+:[\w.-]+|//registries/[\w.-]+/environments/[\w.-]+/(versions/[\w.-]+|labels/[\w.-]+))"
)
AtLeastOne = Annotated[int, Field(ge=1)]


def _azure_name(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]", name):
        raise ValueError(
            "should have 3 to 32 letters, digits and hyphens, begin with a letter and not end with a hyphen"
        )
    return name


def _environment(name: str) -> str:
    if name.startswith(f"{AZUREML}:") and not re.fullmatch(REGISTERED_ENVIRONMENT, name, re.ASCII):
        raise ValueError(
            "is not the address of an environment; write azureml://registries/REGISTRY/environments/NAME/versions/"
            "VERSION or .../labels/latest, azureml:NAME:VERSION for one of the workspace, or a name for one that "
            "bikeml makes"
        )
    return name


AzureName = Annotated[str, AfterValidator(_azure_name)]
EnvironmentName = Annotated[Name, AfterValidator(_environment)]


class RequestSettings(Section):
    """How long a request may take."""

    request_timeout_ms: Annotated[int, Field(ge=1, le=180_000)]
    """The maximum is that of managed endpoints: "Manage resources and quotas" of Azure ML's documentation."""


class ProbeSettings(Section):
    """How the service finds out whether a container is alive; times are in seconds."""

    initial_delay: AtLeastOne
    period: AtLeastOne
    timeout: AtLeastOne
    success_threshold: AtLeastOne
    failure_threshold: AtLeastOne


class EndpointConfig(Section):
    """What every deployment at an endpoint runs on."""

    instance_type: Name
    instance_count: AtLeastOne
    request_settings: RequestSettings
    liveness_probe: ProbeSettings


class ComputeConfig(Section):
    """A cluster of a workspace; it is made as described if there is none of that name."""

    name: Name | None
    size: Name
    min_instances: Annotated[int, Field(ge=0)]
    max_instances: Annotated[int, Field(ge=1)]
    idle_time_before_scale_down: Annotated[int, Field(ge=1)]
    tier: Literal["low_priority", "dedicated"]

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.min_instances > self.max_instances:
            raise ValueError(f"min_instances={self.min_instances} is above max_instances={self.max_instances}")
        return self


class AzureConfig(Section):
    """An Azure ML workspace, and what its jobs need."""

    subscription_id: Name | None
    resource_group: Name | None
    workspace_name: Name | None
    compute: ComputeConfig
    price_per_node_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    identity: Literal["user", "managed", "none"]
    environment: EnvironmentName
    image: Name
    data: Name
    endpoint: EndpointConfig

    @property
    def makes_environment(self) -> bool:
        """Whether jobs run in an environment of this machine's versions, and not in an existing one."""
        return not self.environment.startswith(f"{AZUREML}:")

    @model_validator(mode="after")
    def _names_a_workspace_or_none(self) -> Self:
        names = (self.subscription_id, self.resource_group, self.workspace_name)
        if any(names) and not all(names):
            raise ValueError(
                "subscription_id, resource_group and workspace_name go together; set all three, or none to take "
                "those of config.json"
            )
        return self
