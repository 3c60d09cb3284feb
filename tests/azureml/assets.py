"""Versioned assets: code, data, environments and models. A version is written once and never changes."""

import asyncio
import re
import uuid
from collections.abc import Callable

from tests.azureml.blobs import Blobs
from tests.azureml.limits import check_asset
from tests.azureml.store import GROUP, SCOPE_TEMPLATE, SUBSCRIPTION, WORKSPACE, Entity, Store, in_view, page
from tests.azureml.wire import Call, Json, Refusal, Reply, Router, not_found

VERSIONS = (
    "2022-05-01 2023-02-01-preview 2023-04-01 2023-04-01-preview 2023-06-01-preview 2023-08-01-preview "
    "2024-01-01-preview 2024-04-01-preview 2024-10-01-preview 2025-01-01-preview"
)
# What says what the asset is; the rest describes it and may change.
IDENTITY = {
    "codes": ("codeUri",),
    "data": ("dataUri", "dataType"),
    "environments": ("condaFile", "image", "build"),
    "models": ("modelUri", "modelType"),
}


def _resolve(asked: Json) -> Json:
    """Return what is asked for with its data's address in full, and a slash after a folder, as recorded."""
    found = re.fullmatch(r"azureml://(datastores/.+)", str(asked.get("dataUri")))
    if not found:
        return asked
    uri = f"azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/workspaces/{WORKSPACE}/{found[1]}"
    is_folder = asked.get("dataType") in ("uri_folder", "mltable")
    return asked | {"dataUri": uri.rstrip("/") + "/" * is_folder}


class Assets:
    """The four kinds of asset."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self.store, self.blobs = store, blobs

    def add_routes(self, router: Router) -> None:
        """Add the operations of each kind."""
        for kind in IDENTITY:
            self._add_kind(router, kind)
        upload = f"{SCOPE_TEMPLATE}/codes/{{name}}/versions/{{version}}/startPendingUpload"
        router.add("codes.upload", "POST", upload, self._begin_upload, VERSIONS)

    def _add_kind(self, router: Router, kind: str) -> None:
        def add(name: str, method: str, path: str, handler: Callable[[str, Call], Reply]) -> None:
            template = f"{SCOPE_TEMPLATE}/{kind}{path}"
            router.add(f"{kind}.{name}", method, template, lambda call: handler(kind, call), VERSIONS)

        add("list", "GET", "", self._list_containers)
        add("container", "GET", "/{name}", self._get_container)
        add("versions", "GET", "/{name}/versions", self._list_versions)
        add("get", "GET", "/{name}/versions/{version}", self._get)
        add("put", "PUT", "/{name}/versions/{version}", self._put)

    async def _begin_upload(self, call: Call) -> Reply:
        """Give the client a new container of its own to put the code into, as the service does."""
        container = str(uuid.uuid4())
        signed = await asyncio.to_thread(self.blobs.create_container, container)
        reference = {
            "blobUri": signed.partition("?")[0],
            "storageAccountArmId": None,
            "credential": {"credentialType": "SAS", "sasUri": signed},
        }
        return Reply(
            body={
                "blobReferenceForConsumption": reference,
                "pendingUploadId": call.names["name"],
                "pendingUploadType": "TemporaryBlobReference",
            }
        )

    def _put(self, kind: str, call: Call) -> Reply:
        asked = _resolve(call.body["properties"])
        path = f"{kind}/{call.names['name']}/versions/{call.names['version']}"
        old = self.store.find(path)
        if old:
            self._check_same(kind, old, asked)
        else:
            check_asset(kind, call.names["name"], call.names["version"])
        entity = self.store.put(path, self._properties(kind, asked))
        headers = {} if old else {"Location": f"{call.url}?{call.query_string}"}
        return Reply(200 if old else 201, self._body(kind, entity), headers)

    def _check_same(self, kind: str, old: Entity, asked: Json) -> None:
        changed = [key for key in IDENTITY[kind] if (asked.get(key) or None) != (old.properties.get(key) or None)]
        if changed:
            noun = kind.rstrip("s")
            message = (
                f"A {noun} version with this name and version already exists. If you are trying to create a new {noun} "
                f"version, use a different name or version. If you are trying to update an existing {noun} version, the "
                f"existing asset's {', '.join(changed)} cannot be changed. Only description, tags, and isArchived can be updated."
            )
            # The client takes 409 of a changed environment for the sign to make its next version.
            raise Refusal(409 if kind == "environments" else 400, "UserError", message)

    def _properties(self, kind: str, asked: Json) -> Json:
        properties: Json = {
            "description": None,
            "tags": {},
            "properties": {},
            "isArchived": False,
            "isAnonymous": False,
        }
        properties |= asked
        if kind == "models":
            # The client reads the key, though the service leaves it empty for most models.
            properties.setdefault("flavors", {})
            properties.setdefault("jobName", None)
        if kind == "environments":
            properties |= {"environmentType": "UserCreated"}
            properties.setdefault("osType", "Linux")
        return properties

    def _body(self, kind: str, entity: Entity) -> Json:
        body = entity.body(self.store.clock)
        if kind in {"codes", "environments"}:
            # As recorded: what was sent as anonymous comes back as not anonymous.
            body["properties"] = body["properties"] | {"isAnonymous": False}
        return body

    def _get(self, kind: str, call: Call) -> Reply:
        path = f"{kind}/{call.names['name']}/versions/{call.names['version']}"
        return Reply(body=self._body(kind, self.store.get(path)))

    def versions(self, kind: str, name: str) -> list[Entity]:
        """Return the versions of an asset, the latest first."""
        return self.store.under(f"{kind}/{name}/versions")[::-1]

    def _get_container(self, kind: str, call: Call) -> Reply:
        name = call.names["name"]
        if not self.versions(kind, name):
            raise not_found(f"{kind}/{name}")
        return Reply(body=self._container(kind, name))

    def _container(self, kind: str, name: str) -> Json:
        versions = self.versions(kind, name)
        numbers = [int(v.name) for v in versions if v.name.isdigit()]
        properties: Json = {
            "description": None,
            "tags": {},
            "properties": {},
            "isArchived": False,
            "latestVersion": versions[0].name,
            "nextVersion": str(max(numbers, default=0) + 1),
        }
        if kind == "data":
            properties["dataType"] = versions[0].properties["dataType"]
        return Entity(f"{kind}/{name}", properties, versions[-1].created).body(self.store.clock)

    def _list_containers(self, kind: str, call: Call) -> Reply:
        names = list(dict.fromkeys(e.path.split("/")[1] for e in self.store.every(kind)))
        return Reply(body=page(call, names, lambda name: self._container(kind, name)))

    def _list_versions(self, kind: str, call: Call) -> Reply:
        found = self.versions(kind, call.names["name"])
        digest = call.query("hash")
        if digest:
            # The client asks under a name that it has just made up: the service looks across the workspace.
            found = [e for e in self.store.every(kind) if e.properties["properties"].get("hash_sha256") == digest]
        found = in_view(call, found, lambda entity: bool(entity.properties["isArchived"]))
        return Reply(body=page(call, found, lambda entity: self._body(kind, entity)))
