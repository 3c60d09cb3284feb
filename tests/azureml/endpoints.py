"""Managed online endpoints: their resources, their keys and where their traffic goes."""

import random
import secrets
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.azureml.blobs import Blobs
from tests.azureml.environments import EnvironmentMismatch
from tests.azureml.limits import LONGEST_REQUEST, check_endpoint
from tests.azureml.operations import Operations
from tests.azureml.processes import ChildError
from tests.azureml.serving import ModelServers, Order
from tests.azureml.store import REGION, SCOPE_TEMPLATE, Entity, Store, page
from tests.azureml.wire import Call, Json, Refusal, Reply, Router

INFERENCE = f".{REGION}.inference.ml.azure.com"
ENDPOINT_VERSIONS = "2022-02-01-preview 2023-04-01-preview"
SHORTEST_PROBE = timedelta(seconds=1)  # "Managed online deployment YAML schema", ProbeSettings
DEFAULTS: Json = {
    "scaleSettings": {"scaleType": "Default"},
    "requestSettings": {"requestTimeout": "PT5S", "maxConcurrentRequestsPerInstance": 1, "maxQueueWait": "PT0.5S"},
    "livenessProbe": {
        **dict.fromkeys(("initialDelay", "period"), "PT10S"),
        "timeout": "PT2S",
        "successThreshold": 1,
        "failureThreshold": 30,
    },
}
"""What the service fills in: the same schema."""


def read_times(asked: Json) -> tuple[float, float]:
    """Return how many seconds a request may take, and a container until it answers; refuses what is not allowed."""
    import isodate  # comes with Azure's client, without which some tests run

    request = isodate.parse_duration(
        (DEFAULTS["requestSettings"] | (asked.get("requestSettings") or {}))["requestTimeout"]
    )
    if not timedelta(0) < request <= LONGEST_REQUEST:
        raise Refusal(400, "UserError", f"requestTimeout {request} is not within 0 and {LONGEST_REQUEST}")
    probe = DEFAULTS["livenessProbe"] | (asked.get("livenessProbe") or {})
    times = {name: isodate.parse_duration(probe[name]) for name in ("initialDelay", "period", "timeout")}
    if min(times.values()) < SHORTEST_PROBE or min(probe["successThreshold"], probe["failureThreshold"]) < 1:
        raise Refusal(400, "UserError", f"livenessProbe has a value below 1: {probe}")
    patience = times["initialDelay"] + times["period"] * probe["failureThreshold"]
    return request.total_seconds(), patience.total_seconds()


class Endpoints:
    """Online endpoints with their deployments."""

    def __init__(self, folder: Path, store: Store, blobs: Blobs, operations: Operations) -> None:
        self.store, self.operations = store, operations
        self.servers = ModelServers(folder / "deployments", blobs)
        self._keys: dict[str, tuple[str, str]] = {}
        self._random = random.Random(0)
        self.taken: set[str] = set()
        """Names of other workspaces' endpoints in the region."""

    def add_routes(self, router: Router) -> None:
        """Add the control plane's operations."""

        def add(name: str, method: str, path: str, handler: Callable[[Call], Reply]) -> None:
            router.add(name, method, f"{SCOPE_TEMPLATE}/onlineEndpoints{path}", handler, ENDPOINT_VERSIONS)

        add("endpoints.list", "GET", "", self._list)
        add("endpoints.get", "GET", "/{endpoint}", self._get)
        add("endpoints.put", "PUT", "/{endpoint}", self._put)
        add("endpoints.delete", "DELETE", "/{endpoint}", self._delete)
        add("endpoints.keys", "POST", "/{endpoint}/listKeys", self._list_keys)
        add("deployments.list", "GET", "/{endpoint}/deployments", self._list_deployments)
        add("deployments.get", "GET", "/{endpoint}/deployments/{name}", self._get_deployment)
        add("deployments.logs", "POST", "/{endpoint}/deployments/{name}/getLogs", self._get_logs)
        add("deployments.put", "PUT", "/{endpoint}/deployments/{name}", self._put_deployment)
        add("deployments.delete", "DELETE", "/{endpoint}/deployments/{name}", self._delete_deployment)

    def add_scoring_routes(self, router: Router) -> None:
        """Add the operation of the endpoints' own hosts."""
        router.add("score", "POST", "/score", self._score)

    def _body(self, entity: Entity) -> Json:
        return entity.body(self.store.clock)

    def _list(self, call: Call) -> Reply:
        return Reply(body=page(call, self.store.under("onlineEndpoints"), self._body))

    def _get(self, call: Call) -> Reply:
        return Reply(body=self._body(self.store.get(f"onlineEndpoints/{call.names['endpoint']}")))

    def _put(self, call: Call) -> Reply:
        name = call.names["endpoint"]
        path = f"onlineEndpoints/{name}"
        known = self.store.find(path)
        if name.lower() in self.taken:
            raise Refusal(400, "UserError", f"There already exists an endpoint with this name: {name}")
        check_endpoint("endpoint", name)
        self._check_settled(known)
        traffic = call.body["properties"].get("traffic") or {}
        self._check_traffic(path, traffic)
        properties: Json = {
            "description": None,
            "properties": {},
            "authMode": "Key",
            "mirrorTraffic": {},
            "compute": None,
        }
        properties |= call.body["properties"] | {
            "traffic": traffic,
            "scoringUri": f"https://{name}{INFERENCE}/score",
            "swaggerUri": f"https://{name}{INFERENCE}/swagger.json",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
        }
        extra = {"location": REGION, "kind": "Managed", "tags": call.body.get("tags") or {}}
        extra["identity"] = call.body.get("identity")
        entity = self.store.put(path, properties, extra)
        self._keys.setdefault(name.lower(), (secrets.token_urlsafe(24), secrets.token_urlsafe(24)))
        headers = self.operations.begin("mfeOperationsStatus", lambda: ("Succeeded", None), call)
        body = self._body(entity)
        if not known:
            # As recorded: there is no address yet in the reply that says that it is being made.
            unmade = {"provisioningState": "Creating", "scoringUri": None, "swaggerUri": None}
            body["properties"] = body["properties"] | unmade
        return Reply(200 if known else 201, body, headers)

    def _check_traffic(self, path: str, traffic: dict[str, int]) -> None:
        unknown = [name for name in traffic if not self.store.find(f"{path}/deployments/{name}")]
        if unknown:
            raise Refusal(400, "UserError", f"traffic names deployments that do not exist: {unknown}")
        if sum(traffic.values()) not in (0, 100):
            raise Refusal(400, "UserError", f"traffic must add up to 100 or 0, not {traffic}")

    def _delete(self, call: Call) -> Reply:
        path = f"onlineEndpoints/{call.names['endpoint']}"
        self.store.get(path)
        for deployment in self.store.under(f"{path}/deployments"):
            self.servers.stop(deployment.path.lower())
        self.store.remove(path)
        return Reply(202, None, self.operations.begin("mfeOperationsStatus", lambda: ("Succeeded", None), call))

    def _list_keys(self, call: Call) -> Reply:
        self.store.get(f"onlineEndpoints/{call.names['endpoint']}")
        primary, secondary = self._keys[call.names["endpoint"].lower()]
        return Reply(body={"primaryKey": primary, "secondaryKey": secondary})

    def _list_deployments(self, call: Call) -> Reply:
        path = f"onlineEndpoints/{call.names['endpoint']}"
        self.store.get(path)
        return Reply(body=page(call, self.store.under(f"{path}/deployments"), self._body))

    @staticmethod
    def _check_settled(entity: Entity | None) -> None:
        if entity and entity.properties["provisioningState"] not in ("Succeeded", "Failed"):
            raise Refusal(409, "Conflict", f"Another operation is in progress on {entity.path}")

    def _deployment_path(self, call: Call) -> str:
        return f"onlineEndpoints/{call.names['endpoint']}/deployments/{call.names['name']}"

    def _get_deployment(self, call: Call) -> Reply:
        return Reply(body=self._body(self.store.get(self._deployment_path(call))))

    def _get_logs(self, call: Call) -> Reply:
        path = self._deployment_path(call)
        self.store.get(path)
        return Reply(body={"content": self.servers.log(path.lower(), int(call.body.get("tail") or 100))})

    def _put_deployment(self, call: Call) -> Reply:
        self._check_settled(self.store.get(f"onlineEndpoints/{call.names['endpoint']}"))
        check_endpoint("deployment", call.names["name"])
        asked, path = call.body["properties"], self._deployment_path(call)
        order = self._read_order(asked)
        properties = DEFAULTS | asked | {"provisioningState": "Creating"}
        self._check_settled(self.store.find(path))
        sku = call.body.get("sku") or {"name": "Default", "capacity": 1}
        entity = self.store.put(path, properties, {"location": REGION, "sku": sku, "tags": call.body.get("tags") or {}})
        threading.Thread(target=self._deploy, args=(entity, order), name=f"deploy {path}", daemon=True).start()

        def progress() -> tuple[str, str | None]:
            state = entity.properties["provisioningState"]
            return ("InProgress" if state == "Creating" else state), entity.properties.get("error")

        headers = self.operations.begin("mfeOperationsStatus", progress, call)
        return Reply(201, self._body(entity), headers)

    def _read_order(self, asked: Json) -> Order:
        """Return what is to run; refuses what lacks a part, or asks for a time that is not allowed."""
        model, code = self._find("model", asked.get("model")), asked.get("codeConfiguration")
        limits = read_times(asked)
        if code is None and not asked.get("environmentId"):
            if model.properties.get("modelType") != "mlflow_model":
                raise Refusal(400, "UserError", "A deployment of a model that is not an MLflow model needs code")
            return Order(model.properties["modelUri"], None, "", "", *limits)
        if code is None or not code.get("scoringScript"):
            raise Refusal(400, "UserError", "A deployment with an environment needs a scoring script")
        if not asked.get("environmentId"):  # azure-sdk-for-python #30741
            raise Refusal(400, "UserError", "'Environment Id' must not be empty.")
        environment = self._find("environment", asked["environmentId"]).properties
        if not environment.get("condaFile") or not environment.get("image"):
            raise Refusal(400, "UserError", "The environment has no image, or no conda file with the inference server")
        folder = self._find("code", code["codeId"]).properties["codeUri"]
        return Order(model.properties["modelUri"], folder, code["scoringScript"], environment["condaFile"], *limits)

    def _find(self, kind: str, name: object) -> Entity:
        found = self.store.find(str(name or ""))
        if found is None:
            raise Refusal(400, "UserError", f"The {kind} {name!r} does not exist")
        return found

    def _deploy(self, entity: Entity, order: Order) -> None:
        try:
            self.servers.start(entity.path.lower(), order)
            entity.properties["provisioningState"] = "Succeeded"
        except (ChildError, EnvironmentMismatch, OSError) as error:
            entity.properties["error"] = str(error)
            entity.properties["provisioningState"] = "Failed"

    def _delete_deployment(self, call: Call) -> Reply:
        path = self._deployment_path(call)
        self._check_settled(self.store.get(path))
        endpoint = self.store.get(f"onlineEndpoints/{call.names['endpoint']}")
        if endpoint.properties["traffic"].get(call.names["name"]):
            raise Refusal(400, "UserError", f"Deployment {call.names['name']} has traffic: set it to 0 first")
        self.servers.stop(path.lower())
        self.store.remove(path)
        return Reply(202, None, self.operations.begin("mfeOperationsStatus", lambda: ("Succeeded", None), call))

    async def _score(self, call: Call) -> Reply:
        name = call.host.removesuffix(INFERENCE)
        endpoint = self.store.get(f"onlineEndpoints/{name}")
        if call.headers.get("Authorization", "").removeprefix("Bearer ") not in self._keys[name.lower()]:
            raise Refusal(401, "Unauthorized", "The key is not one of this endpoint's")
        traffic = endpoint.properties["traffic"]
        deployment = call.headers.get("azureml-model-deployment") or self._choose(traffic)
        reply = await self.servers.ask(f"{endpoint.path}/deployments/{deployment}".lower(), call.body)
        if reply is None:
            raise Refusal(404, "NotFound", f"no deployment of {name} takes this request: traffic is {traffic}")
        return reply

    def _choose(self, traffic: dict[str, int]) -> str:
        names = [name for name, share in traffic.items() if share]
        return self._random.choices(names, [traffic[name] for name in names])[0] if names else "none"
