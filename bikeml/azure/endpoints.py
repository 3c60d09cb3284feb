"""Managed online endpoints of a workspace, as Azure ML has them: made, filled, asked and deleted."""

import contextlib
import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint
from azure.core import PipelineClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.policies import AzureKeyCredentialPolicy, RetryPolicy
from azure.core.polling import LROPoller
from azure.core.rest import HttpRequest, HttpResponse

from bikeml.azure.client import Workspace
from bikeml.azure.jobs import ServiceError
from bikeml.azure.refusals import service_errors
from bikeml.progress import Announce
from bikeml.records.tags import OURS
from bikeml.redaction import redact

SETTLED = frozenset({"Succeeded", "Failed", "Canceled"})
LOOK_SECONDS = 5.0
LOG_LINES = 30
_RETRIES = 3
_ARM_MODEL = re.compile(r"/models/([^/]+)/versions/([^/]+)$")


@dataclass(frozen=True)
class Deployment:
    """A deployment as the service has it."""

    name: str
    model: str
    """The registered model behind it, as NAME:VERSION."""
    instance_type: str
    instance_count: int


class Endpoints:
    """The online endpoints of a workspace; every method raises ServiceError."""

    def __init__(self, workspace: Workspace, announce: Announce) -> None:
        self._client, self._announce = workspace.ml_client, announce

    def default_name(self) -> str:
        """Return a name of this workspace's own: names are unique in a whole region."""
        client = self._client
        names = f"{client.subscription_id}/{client.resource_group_name}/{client.workspace_name}".lower()
        return f"bikeml-{hashlib.sha256(names.encode()).hexdigest()[:8]}"

    def find(self, name: str) -> ManagedOnlineEndpoint | None:
        """
        Return the endpoint once nothing is under way there, or None where there is none.

        Its traffic has each of its deployments, also those that get no requests.
        """
        while True:
            with service_errors(f"look at endpoint {name!r}"):
                try:
                    found: ManagedOnlineEndpoint = self._client.online_endpoints.get(name)
                except ResourceNotFoundError:
                    return None
            state = _state(found)
            if state in SETTLED:
                break
            self._announce(f"endpoint {name} is {state}")
            time.sleep(LOOK_SECONDS)
        if OURS not in (found.tags or {}):
            raise ServiceError(
                f"endpoint {name!r} of the workspace was not made by bikeml, which leaves it alone; choose another "
                "with endpoint=NAME",
                temporary=False,
            )
        return found

    def get(self, name: str) -> ManagedOnlineEndpoint:
        """Return the endpoint; that there is none is an error that tells what there is."""
        found = self.find(name)
        if found is None:
            with service_errors("list the endpoints"):
                known = sorted(
                    str(each.name) for each in self._client.online_endpoints.list() if OURS in (each.tags or {})
                )
            raise ServiceError(
                f"the workspace has no endpoint {name!r}; of bikeml's it has: {', '.join(known) or 'none'}; make one "
                "with python -m bikeml.azure deploy, or set endpoint=NAME",
                temporary=False,
            )
        return found

    def make(self, name: str) -> ManagedOnlineEndpoint:
        """Return the endpoint, made where there is none, and again where that failed."""
        found = self.find(name)
        if found is not None and _state(found) == "Succeeded":
            return found
        endpoint = found or ManagedOnlineEndpoint(name=name, auth_mode="key", tags={OURS: "true"})
        try:
            with service_errors(f"make the endpoint {name!r}"):
                self._wait(f"making endpoint {name}", self._client.online_endpoints.begin_create_or_update, endpoint)
        except ServiceError as error:
            if error.temporary:
                raise
            raise ServiceError(
                f"{error}; a name is unique in a whole region: if it is taken, choose another with endpoint=NAME",
                temporary=False,
            ) from error
        return self.get(name)

    def deployment(self, endpoint: str, name: str) -> tuple[Deployment, str] | None:
        """Return a deployment and its state, once nothing is under way there; None where there is none."""
        while True:
            with service_errors(f"look at deployment {name!r}"):
                try:
                    found = self._get_deployment(endpoint, name)
                except ResourceNotFoundError:
                    return None
            state = str(found.properties.provisioning_state.value)
            if state in SETTLED:
                return _describe(found), state
            self._announce(f"deployment {name} is {state}")
            time.sleep(LOOK_SECONDS)

    def _get_deployment(self, endpoint: str, name: str) -> Any:  # noqa: ANN401  a model of the REST interface
        # the public get of azure-ai-ml 1.35 loses the state
        client = self._client
        return client.online_deployments._online_deployment.get(  # noqa: SLF001
            str(client.resource_group_name), str(client.workspace_name), endpoint_name=endpoint, deployment_name=name
        )

    def deploy(self, endpoint: str, wanted: Deployment, tags: Mapping[str, str]) -> bool:
        """
        Let the deployment be as wanted, and return False where it is so already; its traffic stays as it is.

        A deployment that fails raises ServiceError with the last lines of its container; where it takes no requests it
        is deleted, so that it costs nothing and the name is free. One with traffic answers while it is changed.
        """
        before = self.deployment(endpoint, wanted.name)
        if before == (wanted, "Succeeded"):
            return False
        deployment = ManagedOnlineDeployment(
            name=wanted.name,
            endpoint_name=endpoint,
            model=f"azureml:{wanted.model}",
            instance_type=wanted.instance_type,
            instance_count=wanted.instance_count,
            tags=dict(tags),
        )
        text = f"deploying {wanted.model} as {wanted.name}, which takes some minutes"
        try:
            with service_errors(f"deploy {wanted.model} as {wanted.name!r}"):
                self._wait(text, self._client.online_deployments.begin_create_or_update, deployment)
        except ServiceError as error:
            if error.temporary:
                raise
            told = [str(error), *self._explain(endpoint, wanted.name)]
            raise ServiceError("\n".join(told), temporary=False) from error
        return True

    def _explain(self, endpoint: str, name: str) -> Iterator[str]:
        """Yield what the container of a failed deployment said and what became of it, or why that cannot be told."""
        try:
            yield from self._read_log(endpoint, name)
        except ServiceError as error:
            yield str(error)
        try:
            yield self._take_away(endpoint, name)
        except ServiceError as error:
            command = f"python -m bikeml.azure undeploy endpoint={endpoint} deployment={name}"
            yield f"{error}; the deployment may be there and cost: take it away with {command}"

    def _read_log(self, endpoint: str, name: str) -> list[str]:
        """Return the last lines of a deployment's container with a heading, nothing where there is no deployment."""
        with service_errors(f"read the log of deployment {name!r}"):
            try:
                log = self._client.online_deployments.get_logs(name, endpoint, lines=LOG_LINES)
            except ResourceNotFoundError:
                return []
        lines = [] if log == "None" else redact(log.strip()).splitlines()  # so the client writes that there is no log
        return ["its container said last:", *lines[-LOG_LINES:]] if lines else ["its container said nothing"]

    def _take_away(self, endpoint: str, name: str) -> str:
        """Delete a failed deployment where nobody uses it, and return what became of it."""
        found = self.deployment(endpoint, name)
        if found is None:
            return "nothing was deployed; the same command tries again"
        if found[1] == "Succeeded":
            return f"deployment {name!r} is as it was"
        if self.get(endpoint).traffic.get(name):
            return f"deployment {name!r} has traffic and was left as it is; move the traffic to another (run=null)"
        self.delete_deployment(endpoint, name)
        return f"the failed deployment {name!r} was deleted; the same command tries again"

    def move_traffic(self, endpoint: ManagedOnlineEndpoint, traffic: Mapping[str, int]) -> None:
        """Share the requests among deployments, in per cent."""
        endpoint.traffic = dict(traffic)
        shares = ", ".join(f"{name} {share} %" for name, share in traffic.items())
        with service_errors(f"move the traffic of endpoint {endpoint.name!r}"):
            begin = self._client.online_endpoints.begin_create_or_update
            self._wait(f"moving the traffic to {shares}", begin, endpoint)

    def ask(self, endpoint: ManagedOnlineEndpoint, rows: Mapping[str, Any], deployment: str | None) -> Any:  # noqa: ANN401
        """Return the answer, any JSON value, to rows as {"columns": [...], "data": [[...]]}; None: traffic decides."""
        headers = {"azureml-model-deployment": deployment} if deployment else {}
        with service_errors(f"ask endpoint {endpoint.name!r}"):
            # azure-ai-ml's own invoke leaves the key in a dict of its module
            key = AzureKeyCredential(str(self._client.online_endpoints.get_keys(endpoint.name).primary_key))
            policies = [
                RetryPolicy(retry_total=_RETRIES),
                AzureKeyCredentialPolicy(key, "Authorization", prefix="Bearer"),
            ]
            request = HttpRequest("POST", str(endpoint.scoring_uri), json={"input_data": dict(rows)}, headers=headers)
            with PipelineClient[HttpRequest, HttpResponse](str(endpoint.scoring_uri), policies=policies) as client:
                response = client.send_request(request)
                if response.status_code != HTTPStatus.OK:
                    raise HttpResponseError(message=_said(response.text(), response.reason), response=response)
                return json.loads(response.text())

    def delete(self, name: str) -> None:
        """Delete an endpoint with all its deployments."""
        with service_errors(f"delete endpoint {name!r}"):
            self._wait(f"deleting endpoint {name}", self._client.online_endpoints.begin_delete, name)

    def delete_deployment(self, endpoint: str, name: str) -> None:
        """Delete a deployment, which must have no traffic."""
        with service_errors(f"delete deployment {name!r}"):
            self._wait(f"deleting deployment {name}", self._client.online_deployments.begin_delete, name, endpoint)

    def _wait(self, text: str, begin: Callable[..., LROPoller[Any]], *arguments: object) -> None:
        """Begin what takes a while, and wait for its end."""
        self._announce(text)
        with contextlib.redirect_stdout(io.StringIO()):  # the client prints a dot for each look, from the first one on
            begin(*arguments).result()


def _state(endpoint: ManagedOnlineEndpoint) -> str:
    return str(getattr(endpoint.provisioning_state, "value", endpoint.provisioning_state))  # an enumeration's member


def _describe(found: Any) -> Deployment:  # noqa: ANN401  a model of the REST interface
    match = _ARM_MODEL.search(str(found.properties.model))
    model = f"{match[1]}:{match[2]}" if match else str(found.properties.model)
    return Deployment(str(found.name), model, str(found.properties.instance_type), int(found.sku.capacity))


def _said(text: str, reason: str | None) -> str:
    """Return the message of an error's body, as Azure writes it or as the model server does."""
    try:
        body = json.loads(text)
        error = body.get("error", body)
        return str(error.get("message", text) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        return text.strip() or str(reason)
