"""What the workspace knows: entities by path, names that are never free again, and pages."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

from tests.azureml.clock import Clock
from tests.azureml.wire import Call, Json, not_found

T = TypeVar("T")
REGION = "eastus"
TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"
SUBSCRIPTION = "00000000-0000-4000-8000-00000000ab1e"
GROUP = "bikeml-rg"
WORKSPACE = "bikeml-ws"
WORKSPACE_ID = "5a3c1b9e-7d42-4f0e-9c5b-1f2e3d4c5b6a"
PROVIDER = "Microsoft.MachineLearningServices"
SCOPE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{PROVIDER}/workspaces/{WORKSPACE}"
SCOPE_TEMPLATE = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + PROVIDER + "/workspaces/{workspace}"
)
PAGE_SIZE = 10  # not documented; small enough that a list which does not follow its links is found out


@dataclass
class Entity:
    """One resource under the workspace; `path` is relative to it ("data/daily/versions/1")."""

    path: str
    properties: Json
    created: float
    extra: Json = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last segment."""
        return self.path.rpartition("/")[2]

    def body(self, clock: Clock) -> Json:
        """Return the resource as Resource Manager writes it."""
        stamp = clock.stamp(self.created)
        return {
            "id": f"{SCOPE}/{self.path}",
            "name": self.name,
            "type": f"{PROVIDER}/workspaces/" + "/".join(self.path.split("/")[::2]),
            "properties": self.properties,
            "systemData": {
                "createdAt": stamp,
                "createdBy": "loopback",
                "createdByType": "Application",
                "lastModifiedAt": stamp,
                "lastModifiedBy": "loopback",
                "lastModifiedByType": "Application",
            },
            **self.extra,
        }


class Store:
    """Everything in the workspace but the jobs."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._entities: dict[str, Entity] = {}

    def put(self, path: str, properties: Json, extra: Json | None = None) -> Entity:
        """Add or replace a resource."""
        old = self.find(path)
        created = old.created if old else self.clock.now()
        entity = self._entities[path.lower()] = Entity(path, properties, created, extra or {})
        return entity

    def find(self, path: str) -> Entity | None:
        """Return a resource by its path or by its full ARM id."""
        prefix = SCOPE.lower() + "/"
        return self._entities.get(path.lower().removeprefix(prefix))

    def get(self, path: str) -> Entity:
        """Return a resource, or refuse with 404."""
        entity = self.find(path)
        if entity is None:
            raise not_found(path)
        return entity

    def remove(self, path: str) -> None:
        """Remove a resource and what lies under it."""
        key = path.lower()
        for other in [name for name in self._entities if name == key or name.startswith(key + "/")]:
            del self._entities[other]

    def under(self, path: str) -> list[Entity]:
        """Return the direct children of a collection ("data/daily/versions"), oldest first."""
        prefix = path.lower() + "/"
        return [e for key, e in self._entities.items() if key.startswith(prefix) and "/" not in key[len(prefix) :]]

    def every(self, kind: str) -> list[Entity]:
        """Return every version of a kind of asset, oldest first."""
        return [e for key, e in self._entities.items() if key.startswith(kind + "/")]


def page(call: Call, items: Sequence[T], describe: Callable[[T], Json], size: int | None = None) -> Json:
    """Return one page of a list, with the link to the next; only what is on the page is described."""
    top = int(call.query("$top") or size or PAGE_SIZE)
    start = int(call.query("$skip") or 0)
    body: Json = {"value": [describe(item) for item in items[start : start + top]]}
    if start + top < len(items) and call.query("$top") is None:
        kept = {name: value for name in ("api-version", "tag", "listViewType") if (value := call.query(name))}
        body["nextLink"] = f"{call.url}?{urlencode(kept | {'$skip': start + top})}"
    return body


def in_view(call: Call, items: Iterable[T], is_archived: Callable[[T], bool]) -> list[T]:
    """Return those that a list shows: the active ones, unless the call asks for the archived ones or for all."""
    view = call.query("listViewType") or "ActiveOnly"
    return [item for item in items if view == "All" or is_archived(item) == (view == "ArchivedOnly")]


def locate(scope_path: str, get: Callable[[str], str | None]) -> None:
    """Refuse a request that speaks of another subscription, resource group or workspace."""
    expected = {"subscription": SUBSCRIPTION, "group": GROUP, "workspace": WORKSPACE}
    for name, value in expected.items():
        asked = get(name)
        if asked is not None and asked.lower() != value.lower():
            raise not_found(f"{name} '{asked}' in {scope_path}")
