"""What goes over the wire, without its transport: a call, a reply, a refusal, and the table of routes."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One request, with the names that the route found in its path."""

    method: str
    host: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    content: bytes
    body: Json
    names: Mapping[str, str] = field(default_factory=dict)

    def query(self, name: str) -> str | None:
        """Return the first value of a query argument."""
        return parse_qs(self.query_string).get(name, [None])[0]

    @property
    def url(self) -> str:
        """The address without its query."""
        return f"https://{self.host}{self.path}"


@dataclass
class Reply:
    """One response; `body` is sent as JSON where `content` is None."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None


class Refusal(Exception):  # noqa: N818 - the service's answer, not a failure of ours
    """An error reply in the service's envelope."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.reply = Reply(status, error_body(code, message), headers or {})


def error_body(code: str, message: str) -> Json:
    """Return the envelope in which Resource Manager and Azure ML write an error."""
    return {"error": {"code": code, "message": message, "details": [], "additionalInfo": []}}


def not_found(what: str) -> Refusal:
    """Return the refusal for something that is not there."""
    return Refusal(404, "UserError", f"Not found: {what}")


Handler = Callable[[Call], Reply | Awaitable[Reply]]


@dataclass(frozen=True)
class Route:
    """One operation: its name in the request log, and the api-versions under which it is known."""

    name: str
    method: str
    pattern: re.Pattern[str]
    handler: Handler
    versions: frozenset[str]
    anonymous: bool = False


class Router:
    """The operations of one host; a template's {name} matches one segment, {name:path} the rest."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def add(
        self,
        name: str,
        method: str,
        template: str,
        handler: Handler,
        versions: str = "",
        *,
        anonymous: bool = False,
    ) -> None:
        """Add an operation; `versions` are separated by spaces, none means that no api-version is asked for."""
        pattern = re.sub(r"\{(\w+):path\}", r"(?P<\1>.+)", template)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        # Resource Manager's paths are not case-sensitive, and clients do vary them.
        compiled = re.compile(f"{pattern}/?", re.IGNORECASE)
        self.routes.append(Route(name, method, compiled, handler, frozenset(versions.split()), anonymous))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the operation and the names in the path, or refuse with 404 or 405."""
        known = False
        for route in self.routes:
            if found := route.pattern.fullmatch(path):
                if route.method == method:
                    return route, found.groupdict()
                known = True
        if known:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", f"{method} is not known for {path}")
        raise Refusal(404, "ResourceNotFound", f"no operation has the path {path}")


def check_version(route: Route, call: Call) -> None:
    """Refuse an api-version under which the operation was never published."""
    if not route.versions:
        return
    asked = call.query("api-version")
    if asked is None:
        raise Refusal(400, "MissingApiVersionParameter", "The api-version query parameter is required")
    if asked not in route.versions:
        allowed = ", ".join(sorted(route.versions))
        raise Refusal(400, "InvalidApiVersionParameter", f"The api-version '{asked}' is invalid; supported: {allowed}")
