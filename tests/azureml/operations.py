"""Long-running operations: the 201 or 202 with an address to ask at, and what is answered there."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from tests.azureml.clock import Clock
from tests.azureml.store import PROVIDER, REGION, SCOPE_TEMPLATE, SUBSCRIPTION
from tests.azureml.wire import Call, Json, Reply, Router, not_found

MANAGEMENT = "https://management.azure.com"
# The service sends none and the client then asks every 30 s; 0 is ignored, so 1 is the quickest there is.
RETRY_AFTER = {"Retry-After": "1"}
ASK_VERSIONS = "2022-02-01-preview 2023-04-01-preview 2023-08-01-preview 2024-10-01-preview 2025-01-01-preview"


@dataclass
class Operation:
    """One operation under way; `progress` answers "Succeeded", "Failed" or something else, and what went wrong."""

    name: str
    began: str
    progress: Callable[[], tuple[str, str | None]]


class Operations:
    """Every long-running operation of the service."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._operations: dict[str, Operation] = {}

    def add_routes(self, router: Router) -> None:
        """Add the addresses to ask at."""
        locations = "/subscriptions/{subscription}/providers/" + PROVIDER + "/locations/{location}"
        status = locations + "/{kind}/{operation}"
        router.add("operations.status", "GET", status, self._status, ASK_VERSIONS)
        router.add("operations.result", "GET", f"{SCOPE_TEMPLATE}/results/{{operation}}", self._result, ASK_VERSIONS)

    def begin(self, kind: str, progress: Callable[[], tuple[str, str | None]], call: Call) -> dict[str, str]:
        """Return the headers that send the client to the operation's status."""
        name = str(uuid.uuid4())
        self._operations[name] = Operation(name, self.clock.stamp(), progress)
        path = f"/subscriptions/{SUBSCRIPTION}/providers/{PROVIDER}/locations/{REGION}/{kind}/{name}"
        url = f"{MANAGEMENT}{path}?api-version={call.query('api-version')}"
        return {"Azure-AsyncOperation": url, "Location": call.url + f"?{call.query_string}"} | RETRY_AFTER

    def begin_at_location(
        self, progress: Callable[[], tuple[str, str | None]], call: Call, scope: str
    ) -> dict[str, str]:
        """Return the headers of an operation whose address answers 202 until it is done, then 200."""
        name = str(uuid.uuid4())
        self._operations[name] = Operation(name, self.clock.stamp(), progress)
        url = f"{MANAGEMENT}{scope}/results/{name}?api-version={call.query('api-version')}"
        return {"Location": url} | RETRY_AFTER

    def _find(self, call: Call) -> Operation:
        operation = self._operations.get(call.names["operation"])
        if operation is None:
            raise not_found(f"operation {call.names['operation']}")
        return operation

    def _status(self, call: Call) -> Reply:
        operation = self._find(call)
        status, error = operation.progress()
        body: Json = {
            "id": call.path,
            "name": operation.name,
            "startTime": operation.began,
            "percentComplete": 100.0 if status == "Succeeded" else 0.0,
            "status": status,
        }
        if error:
            body["error"] = {"code": "UserError", "message": error}
        return Reply(body=body, headers={} if status in {"Succeeded", "Failed"} else dict(RETRY_AFTER))

    def _result(self, call: Call) -> Reply:
        status, _ = self._find(call).progress()
        if status == "Succeeded":
            return Reply(200, {})
        return Reply(202, None, {"Location": f"{call.url}?{call.query_string}"} | RETRY_AFTER)
