"""The control plane's resources that are simply there or are made once: workspace, datastores, compute."""

from collections.abc import Callable

from tests.azureml.blobs import CONTAINERS, Blobs
from tests.azureml.cluster import CORES, Cluster
from tests.azureml.duration import to_seconds
from tests.azureml.lifecycle import Lifecycle
from tests.azureml.limits import check_compute
from tests.azureml.operations import Operations
from tests.azureml.secrets import Secrets
from tests.azureml.store import (
    GROUP,
    REGION,
    SCOPE,
    SCOPE_TEMPLATE,
    SUBSCRIPTION,
    TENANT,
    WORKSPACE,
    WORKSPACE_ID,
    Entity,
    Store,
    page,
)
from tests.azureml.wire import Call, Json, Refusal, Reply, Router

DATA_PLANE = f"{REGION}.api.azureml.ms"
TRACKING_URI = f"azureml://{DATA_PLANE}/mlflow/v2.0{SCOPE}"
WORKSPACE_VERSIONS = "2023-08-01-preview 2024-10-01-preview 2025-01-01-preview"
DATASTORE_VERSIONS = "2023-04-01-preview 2024-01-01-preview 2024-10-01-preview 2025-01-01-preview"
COMPUTE_VERSIONS = "2023-08-01-preview 2024-10-01-preview"
SERVERLESS_SIZE = "STANDARD_DS3_V2"  # which one the service takes where a job names none, nobody has written down


class Workspace:
    """One workspace with its two datastores and its clusters."""

    def __init__(self, store: Store, blobs: Blobs, operations: Operations, lifecycle: Lifecycle) -> None:
        self.store, self.blobs, self.operations, self.lifecycle = store, blobs, operations, lifecycle
        self.quota_cores = 20
        self.secrets = Secrets(store.clock, blobs)
        self.clusters: dict[str, Cluster] = {}
        for name, container in CONTAINERS.items():
            store.put(f"datastores/{name}", self._datastore_properties(name, container))

    def add_routes(self, router: Router) -> None:
        """Add the operations."""

        def add(name: str, method: str, path: str, handler: Callable[[Call], Reply], versions: str) -> None:
            router.add(name, method, f"{SCOPE_TEMPLATE}{path}", handler, versions)

        add("workspaces.get", "GET", "", self._get_workspace, WORKSPACE_VERSIONS)
        add("datastores.list", "GET", "/datastores", self._list_datastores, DATASTORE_VERSIONS)
        add("datastores.get", "GET", "/datastores/{name}", self._get_datastore, DATASTORE_VERSIONS)
        add("datastores.secrets", "POST", "/datastores/{name}/listSecrets", self._secrets, DATASTORE_VERSIONS)
        add("computes.list", "GET", "/computes", self._list_computes, COMPUTE_VERSIONS)
        add("computes.get", "GET", "/computes/{name}", self._get_compute, COMPUTE_VERSIONS)
        add("computes.put", "PUT", "/computes/{name}", self._put_compute, COMPUTE_VERSIONS)
        add("computes.delete", "DELETE", "/computes/{name}", self._delete_compute, COMPUTE_VERSIONS)

    def _get_workspace(self, _call: Call) -> Reply:
        return Reply(
            body={
                "id": SCOPE,
                "name": WORKSPACE,
                "type": "Microsoft.MachineLearningServices/workspaces",
                "location": REGION,
                "kind": "Default",
                "tags": {},
                "etag": None,
                "properties": self._workspace_properties(),
                "identity": {"type": "SystemAssigned", "principalId": WORKSPACE_ID, "tenantId": TENANT},
                "sku": {"name": "Basic", "tier": "Basic"},
                "systemData": {"createdAt": self.store.clock.stamp(0), "createdByType": "User"},
            }
        )

    def _workspace_properties(self) -> Json:
        providers = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers"
        return {
            "friendlyName": WORKSPACE,
            "description": "",
            "storageAccount": f"{providers}/Microsoft.Storage/storageAccounts/{self.blobs.account}",
            "keyVault": f"{providers}/Microsoft.Keyvault/vaults/loopback",
            "applicationInsights": f"{providers}/Microsoft.insights/components/loopback",
            "hbiWorkspace": False,
            "tenantId": TENANT,
            "imageBuildCompute": None,
            "provisioningState": "Succeeded",
            "v1LegacyMode": False,
            "softDeleteEnabled": False,
            "containerRegistry": None,
            "notebookInfo": None,
            "storageHnsEnabled": False,
            "linkedModelInventoryArmId": None,
            "privateLinkCount": 0,
            "sasGetterUri": "",
            "workspaceId": WORKSPACE_ID,
            "publicNetworkAccess": "Enabled",
            "discoveryUrl": f"https://{DATA_PLANE}/discovery",
            "mlFlowTrackingUri": TRACKING_URI,
        }

    def _datastore_properties(self, name: str, container: str) -> Json:
        return {
            "description": None,
            "tags": None,
            "properties": None,
            "isDefault": name == "workspaceblobstore",
            "credentials": {"credentialsType": "AccountKey"},
            "datastoreType": "AzureBlob",
            "accountName": self.blobs.account,
            "containerName": container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "WorkspaceSystemAssignedIdentity",
            "subscriptionId": SUBSCRIPTION,
            "resourceGroup": GROUP,
        }

    def _list_datastores(self, call: Call) -> Reply:
        return Reply(body=page(call, self.store.under("datastores"), lambda entity: entity.body(self.store.clock)))

    def _get_datastore(self, call: Call) -> Reply:
        return Reply(body=self.store.get(f"datastores/{call.names['name']}").body(self.store.clock))

    def _secrets(self, call: Call) -> Reply:
        self.store.get(f"datastores/{call.names['name']}")
        return Reply(body=self.secrets.issue(CONTAINERS[call.names["name"]]))

    def _list_computes(self, call: Call) -> Reply:
        return Reply(body=page(call, self.store.under("computes"), self._compute_body))

    def _get_compute(self, call: Call) -> Reply:
        name = call.names["name"]
        entity = self.store.find(f"computes/{name}")
        if entity is None:
            message = f"Compute {name} was not found in workspace {WORKSPACE}"
            raise Refusal(404, "ResourceNotFound", message)
        return Reply(body=self._compute_body(entity))

    def _put_compute(self, call: Call) -> Reply:
        name, asked = call.names["name"], dict(call.body["properties"])
        if asked.get("computeType") != "AmlCompute":
            raise Refusal(400, "UserError", f"computeType {asked.get('computeType')!r} is not modelled: AmlCompute is")
        check_compute(name)
        wanted = asked["properties"]
        self._check_quota(name, wanted)
        known = name.lower() in self.clusters
        self._set_cluster(name, wanted)
        properties = asked | {
            "provisioningState": "Succeeded",
            "computeLocation": REGION,
            "provisioningErrors": None,
        }
        identity = call.body.get("identity")
        self.clusters[name.lower()].has_identity = bool(identity)
        shown = {"location": REGION, "tags": {}, "identity": identity}
        entity = self.store.put(f"computes/{name}", properties, shown)
        headers = self.operations.begin("computeOperationsStatus", lambda: ("Succeeded", None), call)
        return Reply(200 if known else 201, self._compute_body(entity), headers)

    def _check_quota(self, name: str, wanted: Json) -> None:
        size = str(wanted.get("vmSize")).upper()
        if size not in CORES:
            raise Refusal(
                400,
                "InvalidPropertyValue",
                f"The VM size {wanted.get('vmSize')!r} is not supported in {REGION}",
            )
        others = 0
        for entity in self.store.under("computes"):
            held = entity.properties["properties"]
            if entity.name.lower() != name.lower():
                others += CORES[held["vmSize"].upper()] * held["scaleSettings"]["maxNodeCount"]
        cores = CORES[size] * int(wanted["scaleSettings"]["maxNodeCount"])
        if others + cores > self.quota_cores:
            message = (
                f"The specified subscription has a cores quota of {self.quota_cores} in {REGION} and {others} are "
                f"taken, so {cores} cores for cluster {name} cannot be had."
            )
            raise Refusal(400, "ClusterCoreQuotaReached", message)

    def serverless(self, resources: Json, queue: Json) -> Cluster:
        """Return the nodes of a size and tier that the service keeps for jobs without a cluster, as the quota allows."""
        size = str(resources.get("instanceType") or SERVERLESS_SIZE).upper()
        tier = str(queue.get("jobTier") or "Standard")
        if size not in CORES:
            raise Refusal(400, "UserError", f"The instance type {resources.get('instanceType')!r} is not supported")
        if tier.lower() not in ("spot", "basic", "standard", "premium"):
            raise Refusal(400, "UserError", f"The job tier {tier!r} is not known")
        name = f"serverless {size} {tier}".lower()
        if name not in self.clusters:
            most = self.quota_cores // CORES[size]
            self.clusters[name] = Cluster(self.store.clock, 0, most, 0, self.lifecycle.timings.scale_up)
        return self.clusters[name]

    def _set_cluster(self, name: str, wanted: Json) -> None:
        scale = wanted["scaleSettings"]
        idle = to_seconds(scale.get("nodeIdleTimeBeforeScaleDown") or "PT2M")
        cluster = self.clusters.get(name.lower())
        if cluster is None:
            cluster = Cluster(self.store.clock, 0, 0, 0, self.lifecycle.timings.scale_up)
            self.clusters[name.lower()] = cluster
        cluster.minimum, cluster.maximum = int(scale.get("minNodeCount") or 0), int(scale["maxNodeCount"])
        cluster.idle_seconds, cluster.scale_up_seconds = idle, self.lifecycle.timings.scale_up
        cluster.pump()

    def _delete_compute(self, call: Call) -> Reply:
        name = call.names["name"]
        self.store.get(f"computes/{name}")
        self.store.remove(f"computes/{name}")
        self.clusters.pop(name.lower(), None)
        return Reply(202, None, self.operations.begin("computeOperationsStatus", lambda: ("Succeeded", None), call))

    def _compute_body(self, entity: Entity) -> Json:
        cluster = self.clusters[entity.name.lower()]
        body = entity.body(self.store.clock)
        inner = entity.properties["properties"] | {
            "allocationState": "Steady" if all(node.ready for node in cluster.nodes) else "Resizing",
            "errors": [{"error": {"code": code, "message": text, "details": []}} for code, text in cluster.errors]
            or None,
            "currentNodeCount": cluster.count(),
            "targetNodeCount": cluster.count(),
            "nodeStateCounts": {
                "idleNodeCount": sum(1 for n in cluster.nodes if n.ready and n.job is None),
                "runningNodeCount": cluster.count(busy=True),
                "preparingNodeCount": sum(1 for n in cluster.nodes if not n.ready),
                "unusableNodeCount": 0,
                "leavingNodeCount": 0,
                "preemptedNodeCount": 0,
            },
        }
        return body | {"properties": entity.properties | {"properties": inner}}
