"""The HTTP client on an event loop: what `mgov.net.client` does, awaited."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from mgov.model.measurement import CLOSED, LOCAL_ERROR, RESET
from mgov.net.client import KEPT_A_PLACE, KEPT_S, MIN_ATTEMPT_S, READ_BYTES, literal_address, resolved
from mgov.net.exchange import Exchange, OutOfTime, Request, Response
from mgov.net.failure import ProbeFailed, translate
from mgov.net.resolve import resolve_safely, system_resolve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ssl import SSLContext

    from mgov.net.exchange import Place
    from mgov.net.resolve import Address, Resolve
    from mgov.net.tls import Contexts

    Found = tuple[Sequence[str], ProbeFailed | None]
    Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AsyncClient:
    """Sends requests on the running event loop, as `Client` does; its connections live and die with that loop."""

    def __init__(self, *, resolve: Resolve = system_resolve) -> None:
        self._resolve = resolve
        self._contexts: Contexts = {}
        self._kept: dict[Place, list[tuple[Pair, str, float]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """As `Client.send`."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._kept = loop, {}
        exchange = Exchange(request, timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._send(exchange)
        except (ProbeFailed, OutOfTime, OSError) as error:      # TimeoutError is an OSError
            raise exchange.unanswered(error) from error

    async def close(self) -> None:
        """Close the idle connections."""
        while self._kept:
            for (_, writer), _, _ in self._kept.popitem()[1]:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _send(self, exchange: Exchange) -> Response:
        kept = self._take(exchange.place)
        if kept is not None:
            pair, exchange.address = kept
            try:
                return await self._exchange(exchange, pair)
            except ProbeFailed as failure:
                if failure.code not in (RESET, CLOSED) or not exchange.is_untouched:
                    raise
                exchange.start_again()
        return await self._exchange(exchange, await self._connect(exchange))

    async def _exchange(self, exchange: Exchange, pair: Pair) -> Response:
        exchange.phase = "answer"
        answer = exchange.answer
        is_whole = False
        try:
            broken = await _write(exchange, pair[1])
            while not answer.is_done:
                data = await _read(exchange, pair[0])
                if data:
                    answer.feed(data)
                elif broken is not None and not answer.has_received:
                    raise broken
                else:
                    answer.end()
            is_whole = broken is None and answer.keeps_connection
            return exchange.response()
        finally:
            idle = self._kept.setdefault(exchange.place, [])
            if is_whole and len(idle) < KEPT_A_PLACE:
                idle.append((pair, exchange.address, asyncio.get_running_loop().time()))
            else:
                pair[1].transport.abort()

    async def _connect(self, exchange: Exchange) -> Pair:
        scheme, host, port, _ = exchange.place
        exchange.phase = "dns"
        found = literal_address(host, port)
        addresses = (found,) if found is not None else resolved(*await self._looked_up(host), port)
        exchange.phase = "connect"
        sock = await _connect_any(exchange, addresses)
        if scheme != "https":
            return await asyncio.open_connection(sock=sock)
        return await self._start_tls(exchange, sock, host)

    async def _start_tls(self, exchange: Exchange, sock: socket.socket, host: str) -> Pair:
        from mgov.net.tls import context_for, failed_handshake

        exchange.phase = "tls"
        try:
            context: SSLContext = context_for(self._contexts, exchange.request.trust)
            return await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host)
        except BaseException as error:
            sock.close()
            if isinstance(error, TimeoutError) or not isinstance(error, OSError | ValueError):
                raise
            raise failed_handshake(error, host) from error

    async def _looked_up(self, host: str) -> Found:
        """The addresses of `host`, from a thread of its own: the loop's would be waited for at its end."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()

        def look() -> None:
            found = resolve_safely(self._resolve, host)
            try:
                loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(found))
            except RuntimeError:        # the loop has ended
                return

        try:
            threading.Thread(target=look, daemon=True).start()
        except RuntimeError as error:
            raise ProbeFailed(LOCAL_ERROR, f"no thread to look up {host[:80]}: {error}") from error
        return await future

    def _take(self, place: Place) -> tuple[Pair, str] | None:
        """An idle connection that the peer has neither closed nor spoken on."""
        idle = self._kept.get(place)
        while idle:
            pair, address, since = idle.pop()
            reader, writer = pair
            is_fresh = asyncio.get_running_loop().time() - since < KEPT_S
            if is_fresh and not writer.is_closing() and not reader.at_eof() and not _has_bytes(reader):
                return pair, address
            writer.close()
        return None


def _has_bytes(reader: asyncio.StreamReader) -> bool:
    """Whether bytes wait that nobody asked for, such as the 408 that a server says before it closes.

    The stream has no public word for it; one without a buffer counts as empty.
    """
    return bool(getattr(reader, "_buffer", b""))


async def _connect_any(exchange: Exchange, addresses: Sequence[Address]) -> socket.socket:
    """Try `addresses` in order; each gets an equal share of the time left, so that none starves the rest."""
    failure: Exception = OutOfTime()
    for tried, (family, address) in enumerate(addresses):
        share_s = exchange.left_s() / (len(addresses) - tried)
        exchange.address = f"[{address[0]}]:{address[1]}" if family == socket.AF_INET6 else f"{address[0]}:{address[1]}"
        try:
            async with asyncio.timeout(max(MIN_ATTEMPT_S, share_s)):
                return await _connect_one(family, address)
        except TimeoutError as error:
            failure = error
        except OSError as error:
            failure = translate(error)
            if isinstance(failure, ProbeFailed) and failure.code == LOCAL_ERROR:
                break
    raise failure


async def _connect_one(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


async def _write(exchange: Exchange, writer: asyncio.StreamWriter) -> Exception | None:
    """Send the request; the failure if the peer stopped reading, for it may have answered before (RFC 9112 9.5)."""
    exchange.was_sent = True
    writer.write(exchange.head() + exchange.request.body)
    try:
        await writer.drain()
    except TimeoutError:
        raise
    except OSError as error:
        return exchange.failed(error)
    return None


async def _read(exchange: Exchange, reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(READ_BYTES)
    except TimeoutError:
        raise
    except OSError as error:
        raise exchange.failed(error) from error
