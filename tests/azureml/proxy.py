"""
The CONNECT proxy: the only way out for the clients, and it leads to loopback only.

It maps host names to ports of 127.0.0.1 and refuses and records every other host, so that a test can assert that
nothing else was asked for. It sees TLS bytes only, and passes them on.
"""

import asyncio
import contextlib
import fnmatch
import socket
from collections.abc import Awaitable, Callable, Mapping

Target = Callable[[], Awaitable[int]]


class Proxy:
    """
    A CONNECT proxy on a free port.

    Parameters
    ----------
    routes : mapping
        Host pattern ("*.api.azureml.ms") to a coroutine function that returns the port, when it is ready.

    """

    def __init__(self, routes: Mapping[str, Target]) -> None:
        self.routes = routes
        self.refused: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close every connection."""
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _target(self, host: str) -> Target | None:
        return next((target for pattern, target in self.routes.items() if fnmatch.fnmatch(host, pattern)), None)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client or we went away: there is nobody to tell
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, authority = head.split(" ", 2)[:2]
        target = self._target(authority.rpartition(":")[0]) if method == "CONNECT" else None
        if target is None:
            self.refused.append(f"{method} {authority}")
            writer.write(b"HTTP/1.1 403 Not a host of the loopback service\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", await target())
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            near, far = (w.get_extra_info("socket") for w in (writer, upstream))
            await asyncio.gather(_pump(reader, upstream, near), _pump(upstream_reader, writer, far))
        finally:
            upstream.close()


def _acknowledge(sock: socket.socket) -> None:
    # urllib3 leaves Nagle's algorithm on behind a proxy: a request sent in two parts would wait 40 ms for the
    # acknowledgement of the first. The option lasts for one read only, and only Linux has it.
    if sock is not None and hasattr(socket, "TCP_QUICKACK"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: socket.socket) -> None:
    with contextlib.suppress(OSError):
        _acknowledge(source)
        while data := await reader.read(65536):
            _acknowledge(source)
            writer.write(data)
            await writer.drain()
    # An abort here must reach the far side: half a tunnel would leave the other end waiting.
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()
