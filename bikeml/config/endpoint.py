"""The typed schema of azure.endpoint, the machines behind an online endpoint in the words of Azure ML; and its name."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from bikeml.config.fields import Name, Section

AtLeastOne = Annotated[int, Field(ge=1)]


def _azure_name(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]", name):
        raise ValueError(
            "should have 3 to 32 letters, digits and hyphens, begin with a letter and not end with a hyphen"
        )
    return name


AzureName = Annotated[str, AfterValidator(_azure_name)]


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
