"""Make, call and delete the managed online endpoints of a workspace."""

import contextlib
import hashlib
import io
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import pandas as pd
from azure.ai.ml.entities import ManagedOnlineEndpoint
from azure.core import PipelineClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.policies import AzureKeyCredentialPolicy, RetryPolicy
from azure.core.polling import LROPoller
from azure.core.rest import HttpRequest, HttpResponse

from bikeml.azure.jobs.service import ServiceError
from bikeml.azure.workspace.client import Workspace
from bikeml.azure.workspace.refusals import TEMPORARY, service_errors
from bikeml.records.tags import OURS
from bikeml.system.documents import parse_json
from bikeml.system.redaction import learn_value, redact
from bikeml.terminal.progress import Announce

SETTLED = frozenset({"Succeeded", "Failed", "Canceled"})
LOOK_SECONDS = 5.0
_RETRIES = 3
ADVICE: Mapping[int, str] = {
    HTTPStatus.REQUEST_TIMEOUT: "; deploy again with a longer azure.endpoint.request_settings.request_timeout_ms"
}
"""Advice by HTTP status. Source: "Troubleshoot online endpoints" of Azure ML's documentation."""
Found = TypeVar("Found")


class Endpoints:
    """The online endpoints of a workspace; every method raises ServiceError."""

    def __init__(self, workspace: Workspace, announce: Announce) -> None:
        self._client, self._announce = workspace.ml_client, announce

    def default_name(self) -> str:
        """Return a name that only this workspace uses, since a name must be unique in its region."""
        client = self._client
        names = f"{client.subscription_id}/{client.resource_group_name}/{client.workspace_name}".lower()
        return f"bikeml-{hashlib.sha256(names.encode()).hexdigest()[:8]}"

    def find(self, name: str) -> ManagedOnlineEndpoint | None:
        """
        Wait until no operation runs, and return the endpoint; None if there is no such endpoint.

        Its traffic lists every deployment, also those without requests.
        """
        look = self._client.online_endpoints.get
        found: ManagedOnlineEndpoint | None = settle("endpoint", name, lambda: look(name), _state, self._announce)
        if found is None:
            return None
        if OURS not in (found.tags or {}):
            raise ServiceError(
                f"endpoint {name!r} of the workspace was not made by bikeml, which leaves it alone; choose another "
                "with endpoint=NAME",
                temporary=False,
            )
        return found

    def get(self, name: str) -> ManagedOnlineEndpoint:
        """Return the endpoint; raises ServiceError with the names of the existing ones if it is missing."""
        found = self.find(name)
        if found is None:
            with service_errors("list the endpoints"):
                known = sorted(
                    str(each.name) for each in self._client.online_endpoints.list() if OURS in (each.tags or {})
                )
            raise ServiceError(
                f"the workspace has no endpoint {name!r}; bikeml's endpoints in it: {', '.join(known) or 'none'}; make "
                "one with python -m bikeml azure deploy, or set endpoint=NAME",
                temporary=False,
            )
        return found

    def make(self, name: str) -> ManagedOnlineEndpoint:
        """Return the endpoint. Create it if it is missing, and create it again if its creation failed."""
        found = self.find(name)
        if found is not None and _state(found) == "Succeeded":
            return found
        endpoint = found or ManagedOnlineEndpoint(name=name, auth_mode="key", tags={OURS: "true"})
        try:
            with service_errors(f"make the endpoint {name!r}"):
                wait(
                    self._announce,
                    f"making endpoint {name}",
                    self._client.online_endpoints.begin_create_or_update,
                    endpoint,
                )
        except ServiceError as error:
            if error.temporary:
                raise
            raise ServiceError(
                f"{error}; a name is unique in a whole region: if it is taken, choose another with endpoint=NAME",
                temporary=False,
            ) from error
        return self.get(name)

    def move_traffic(self, endpoint: ManagedOnlineEndpoint, traffic: Mapping[str, int]) -> None:
        """Share the requests among deployments, in per cent."""
        endpoint.traffic = dict(traffic)
        shares = ", ".join(f"{name} {share} %" for name, share in traffic.items())
        with service_errors(f"move the traffic of endpoint {endpoint.name!r}"):
            begin = self._client.online_endpoints.begin_create_or_update
            wait(self._announce, f"moving the traffic to {shares}", begin, endpoint)

    def ask(self, endpoint: ManagedOnlineEndpoint, rows: Mapping[str, Any], deployment: str | None) -> Any:  # noqa: ANN401
        """
        Return the answer, any JSON value, to rows as {"columns": [...], "data": [[...]]}.

        If `deployment` is None, the endpoint chooses one by its traffic.
        """
        headers = {"azureml-model-deployment": deployment} if deployment else {}
        with service_errors(f"ask endpoint {endpoint.name!r}"):
            # azure-ai-ml's own invoke leaves the key in a dict of its module
            secret = str(self._client.online_endpoints.get_keys(endpoint.name).primary_key)
            learn_value(secret)
            key = AzureKeyCredential(secret)
            policies = [
                RetryPolicy(retry_total=_RETRIES),
                AzureKeyCredentialPolicy(key, "Authorization", prefix="Bearer"),
            ]
            request = HttpRequest("POST", str(endpoint.scoring_uri), json={"input_data": dict(rows)}, headers=headers)
            with PipelineClient[HttpRequest, HttpResponse](str(endpoint.scoring_uri), policies=policies) as client:
                response = client.send_request(request)
                if response.status_code != HTTPStatus.OK:
                    raise _refusal(str(endpoint.name), response)
                return _parse(str(endpoint.name), response.text())

    def delete(self, name: str) -> None:
        """Delete an endpoint with all its deployments."""
        with service_errors(f"delete endpoint {name!r}"):
            wait(self._announce, f"deleting endpoint {name}", self._client.online_endpoints.begin_delete, name)


def to_rows(table: pd.DataFrame) -> dict[str, list[object]]:
    """Return the rows of a table, shape (n_rows, n_columns), as an MLflow model behind an endpoint takes them."""
    cells = table.astype(object).to_numpy().tolist()
    return {
        "columns": list(table.columns),
        "data": [[None if pd.isna(cell) else cell for cell in row] for row in cells],
    }


def settle(
    kind: str, name: str, look: Callable[[], Found], state: Callable[[Found], str], announce: Announce
) -> Found | None:
    """Call `look` until no operation runs there, and return what it finds; None if it finds nothing."""
    while True:
        with service_errors(f"look at {kind} {name!r}"):
            try:
                found = look()
            except ResourceNotFoundError:
                return None
        if state(found) in SETTLED:
            return found
        announce(f"{kind} {name} is {state(found)}")
        time.sleep(LOOK_SECONDS)


def wait(announce: Announce, text: str, begin: Callable[..., LROPoller[Any]], *arguments: object) -> None:
    """Begin a long operation of the service, announce it, and wait for its end."""
    announce(text)
    # the client prints a dot each time it polls, and colours when it uploads
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        begin(*arguments).result()


def _state(endpoint: ManagedOnlineEndpoint) -> str:
    return str(getattr(endpoint.provisioning_state, "value", endpoint.provisioning_state))  # an enumeration's member


def _refusal(name: str, response: HttpResponse) -> ServiceError:
    status = response.status_code
    lines = redact(_said(response.text(), response.reason)).splitlines() or [str(response.reason)]
    told = f"cannot ask endpoint {name!r}: {lines[0]}{ADVICE.get(status, '')}"
    return ServiceError(told, temporary=status in TEMPORARY)


def _parse(name: str, text: str) -> Any:  # noqa: ANN401  any JSON value
    try:
        return parse_json(text)
    except ValueError as error:
        raise ServiceError(
            f"endpoint {name!r} does not answer with JSON: {error}; see its log", temporary=False
        ) from error


def _said(text: str, reason: str | None) -> str:
    """Return the message in an error's body, which comes from Azure or from the model server."""
    try:
        body = parse_json(text)
        error = body.get("error", body)
        return str(error.get("message", text) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        return text.strip() or str(reason)
