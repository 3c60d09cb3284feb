"""
The HTTPS server behind every host name but the blob store's: routing, identity, faults and the request log.

One aiohttp application in a thread of its own. What the operations do is elsewhere; here is what they have in common.
"""

import asyncio
import inspect
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from tests.azureml import identity as entra
from tests.azureml.clock import Clock
from tests.azureml.faults import Fault, Faults
from tests.azureml.identity import Identity
from tests.azureml.requestlog import Entry, RequestLog
from tests.azureml.store import locate
from tests.azureml.wire import Call, Refusal, Reply, Router, check_version, error_body

T = TypeVar("T")
TICK_SECONDS = 0.02
QUIET_HOSTS = (entra.HOST,)  # tokens are no part of what a job costs


class LoopThread:
    """An asyncio loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="loopback-azureml", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 60.0) -> T:
        """Run a coroutine there and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def stop(self) -> None:
        """End the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@dataclass(frozen=True)
class Plane:
    """The operations of one kind of host, and whose tokens they take (none for an empty tuple)."""

    host: str
    router: Router
    audiences: tuple[str, ...]


class Server:
    """Answers for the planes, each known by the end of its host name."""

    def __init__(self, clock: Clock, identity: Identity, faults: Faults, log: RequestLog) -> None:
        self.clock, self.identity, self.faults, self.log = clock, identity, faults, log
        self.planes: list[Plane] = []
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._ticker: asyncio.Task[None] | None = None

    async def start(self, context: ssl.SSLContext) -> None:
        """Listen on a free port of 127.0.0.1, and let the time run."""
        application = web.Application(client_max_size=256 * 2**20)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Close every connection."""
        if self._ticker:
            self._ticker.cancel()
        if self._runner:
            await self._runner.cleanup()

    async def _tick(self) -> None:
        while True:
            self.clock.catch_up()
            await asyncio.sleep(TICK_SECONDS)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        call = await _read(request)
        self.clock.catch_up()
        entry = Entry(call.method, call.host, call.path, api_version=call.query("api-version"), time=self.clock.now())
        if call.host not in QUIET_HOSTS:
            self.log.add(entry)
        try:
            reply = await self._answer(call, entry, request)
        except Refusal as refusal:
            reply = refusal.reply
        entry.status = reply.status if entry.status >= 0 else 0
        entry.milliseconds = (time.perf_counter() - began) * 1000
        if entry.fault and entry.fault.startswith("truncate"):
            return await _send_half(request, reply)
        return _response(reply)

    async def _answer(self, call: Call, entry: Entry, request: web.Request) -> Reply:
        plane = next((p for p in self.planes if call.host.endswith(p.host)), None)
        if plane is None:
            raise Refusal(404, "HostNotFound", f"no service answers for {call.host}")
        route, names = plane.router.find(call.method, call.path)
        call = replace(call, names=names)
        entry.route, entry.job = ".".join(filter(None, (route.name, names.get("rest")))), names.get("job")
        fault = self.faults.pick(call.method, entry.route, entry.job)
        entry.fault = str(fault) if fault else None
        if fault and fault.when == "before" and (early := await self._strike(fault, entry, request)):
            return early
        self._admit(plane, call, anonymous=route.anonymous)
        check_version(route, call)
        locate(call.path, names.get)
        reply = await self._work(route.handler, call)
        if fault and fault.when == "after" and (late := await self._strike(fault, entry, request)):
            return late
        return reply

    def _admit(self, plane: Plane, call: Call, *, anonymous: bool) -> None:
        if plane.audiences and not anonymous:
            self.identity.check(call.headers, plane.audiences)
        if call.host == "management.azure.com" and (wait := self.faults.seconds_to_wait(call.method)):
            headers = {"Retry-After": str(max(1, round(wait)))}
            raise Refusal(429, "TooManyRequests", "The request is being throttled by the subscription limits.", headers)

    async def _work(self, handler: Any, call: Call) -> Reply:
        # Handlers that wait for something do their own locking; the others see the world stand still.
        if inspect.iscoroutinefunction(handler):
            reply: Reply = await handler(call)
            return reply
        with self.clock.lock:
            done: Reply = handler(call)
            return done

    async def _strike(self, fault: Fault, entry: Entry, request: web.Request) -> Reply | None:
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return None
        if fault.kind == "reset":
            entry.status = -1  # nothing is sent
            _reset(request)
            return Reply(500)
        if fault.kind == "answer":
            return Reply(fault.status, error_body(fault.code, f"a test asked for {fault}"), dict(fault.headers))
        return None


async def _read(request: web.Request) -> Call:
    content = await request.read()
    body: Any = {}
    if content and request.content_type == "application/x-www-form-urlencoded":
        body = dict(parse_qsl(content.decode()))
    elif content and "json" in request.content_type:
        body = json.loads(content)
    path = unquote(request.rel_url.raw_path)
    host = request.host.partition(":")[0]
    return Call(request.method, host, path, request.rel_url.raw_query_string, request.headers, content, body)


def _response(reply: Reply) -> web.Response:
    if reply.content is not None:
        return web.Response(status=reply.status, body=reply.content, headers=reply.headers)
    if reply.body is None:
        return web.Response(status=reply.status, headers=reply.headers)
    return web.json_response(reply.body, status=reply.status, headers=reply.headers)


async def _send_half(request: web.Request, reply: Reply) -> web.StreamResponse:
    content = reply.content if reply.content is not None else json.dumps(reply.body or {}).encode()
    headers = reply.headers | {"Content-Length": str(len(content)), "Content-Type": "application/json"}
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    if request.transport:
        request.transport.close()
    return response


def _reset(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    # Lingering for no time turns the close into a reset, which is what a broken network looks like.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
