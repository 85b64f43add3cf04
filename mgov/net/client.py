"""The HTTP client: requests that carry a person's payload, each under one total deadline, on kept connections.

It speaks HTTP/1.1 through the sweep's own parser. httpx would do, but its import alone takes longer than a whole
command may, and its timeouts are per read, so that a peer which trickles holds a caller as long as it likes. Proxies,
.netrc and certificate variables of the environment are not looked at; redirects are answers; bodies stay as they came.
TLS is loaded for https alone. A client may be used by several threads at once, and by both sides of a fork.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING

from mgov.model.measurement import CLOSED, DNS, LOCAL_ERROR, RESET
from mgov.net.exchange import Exchange, OutOfTime, Request, Response
from mgov.net.failure import ProbeFailed, translate
from mgov.net.resolve import literal, resolve_safely, system_resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.net.exchange import Place
    from mgov.net.resolve import Address, Resolve
    from mgov.net.tls import Contexts

READ_BYTES = 64 * 1024
KEPT_A_PLACE = 8                                # idle connections to one place
KEPT_S = 30.0                                   # an idle connection is not trusted for longer
MIN_ATTEMPT_S = 0.05


class Client:
    """Sends requests, blocking. `resolve` turns a name into addresses."""

    def __init__(self, *, resolve: Resolve = system_resolve) -> None:
        self._resolve = resolve
        self._contexts: Contexts = {}
        self._kept: dict[Place, list[tuple[socket.socket, str, float]]] = {}
        self._pid = os.getpid()

    def send(self, request: Request, *, timeout_s: float) -> Response:
        """The answer to `request`, whatever its status, within `timeout_s` in all.

        Raises Unanswered when there is none: no connection, reset, timeout, TLS, or not HTTP.
        """
        exchange = Exchange(request, timeout_s)
        try:
            return self._send(exchange)
        except (ProbeFailed, OutOfTime, OSError) as error:
            raise exchange.unanswered(error) from error

    def close(self) -> None:
        """Close the idle connections."""
        while self._kept:
            for sock, _, _ in self._kept.popitem()[1]:
                sock.close()

    def _send(self, exchange: Exchange) -> Response:
        kept = self._take(exchange.place)
        if kept is not None:
            sock, exchange.address = kept
            try:
                return self._exchange(exchange, sock)
            except ProbeFailed as failure:
                if failure.code not in (RESET, CLOSED) or not exchange.is_untouched:
                    raise
                exchange.start_again()
        return self._exchange(exchange, self._connect(exchange))

    def _exchange(self, exchange: Exchange, sock: socket.socket) -> Response:
        exchange.phase = "answer"
        answer = exchange.answer
        is_whole = False
        try:
            broken = _write(exchange, sock)
            while not answer.is_done:
                data = _read(exchange, sock)
                if data:
                    answer.feed(data)
                elif broken is not None and not answer.has_received:
                    raise broken
                else:
                    answer.end()
            is_whole = broken is None and answer.keeps_connection
            return exchange.response()
        finally:
            if is_whole:
                self._keep(exchange, sock)
            else:
                sock.close()

    def _connect(self, exchange: Exchange) -> socket.socket:
        scheme, host, port, _ = exchange.place
        exchange.phase = "dns"
        addresses = self._addresses(exchange, host, port)
        exchange.phase = "connect"
        sock = _connect_any(exchange, addresses)
        if scheme != "https":
            return sock
        from mgov.net.tls import context_for, failed_handshake

        exchange.phase = "tls"
        try:
            sock.settimeout(exchange.left_s())
            return context_for(self._contexts, exchange.request.trust).wrap_socket(sock, server_hostname=host)
        except (OSError, ValueError) as error:
            raise failed_handshake(error, host) from error
        finally:
            sock.close()                # wrapping took the descriptor from it; if one is left, nothing came of it

    def _addresses(self, exchange: Exchange, host: str, port: int) -> Sequence[Address]:
        found = literal_address(host, port)
        if found is not None:
            return (found,)
        done: list[tuple[Sequence[str], ProbeFailed | None]] = []
        thread = threading.Thread(target=lambda: done.append(resolve_safely(self._resolve, host)), daemon=True)
        try:
            thread.start()              # getaddrinfo knows no deadline: one that is stuck is left behind
        except RuntimeError as error:
            raise ProbeFailed(LOCAL_ERROR, f"no thread to look up {host[:80]}: {error}") from error
        thread.join(exchange.left_s())
        if not done:
            raise OutOfTime
        return resolved(*done[0], port)

    # -- idle connections

    def _take(self, place: Place) -> tuple[socket.socket, str] | None:
        """An idle connection that the peer has neither closed nor spoken on."""
        if self._pid != os.getpid():    # after a fork they are the parent's: on a shared one answers would be swapped
            self._pid = os.getpid()
            self.close()
        idle = self._kept.get(place)
        while idle:
            try:
                sock, address, since = idle.pop()
            except IndexError:          # another thread was faster
                return None
            if perf_counter() - since < KEPT_S and not _has_news(sock):
                return sock, address
            sock.close()
        return None

    def _keep(self, exchange: Exchange, sock: socket.socket) -> None:
        idle = self._kept.setdefault(exchange.place, [])
        if len(idle) < KEPT_A_PLACE:
            idle.append((sock, exchange.address, perf_counter()))
        else:
            sock.close()


def literal_address(host: str, port: int) -> Address | None:
    """The address that `host` is, or None when it is a name; raise ProbeFailed when it cannot be used."""
    try:
        return literal(host, port)
    except socket.gaierror as error:
        raise ProbeFailed(DNS, f"{host[:80]} is not an address: {str(error.strerror).lower()}") from error


def resolved(texts: Sequence[str], failure: ProbeFailed | None, port: int) -> list[Address]:
    """The socket addresses of what a name was resolved to; raise its failure."""
    if failure is not None:
        raise failure
    return [address for text in texts if (address := literal_address(text, port)) is not None]


def _connect_any(exchange: Exchange, addresses: Sequence[Address]) -> socket.socket:
    """Try `addresses` in order; each gets an equal share of the time left, so that none starves the rest."""
    failure: Exception = OutOfTime()
    for tried, (family, address) in enumerate(addresses):
        share_s = exchange.left_s() / (len(addresses) - tried)
        exchange.address = f"[{address[0]}]:{address[1]}" if family == socket.AF_INET6 else f"{address[0]}:{address[1]}"
        try:
            return _connect_one(family, address, max(MIN_ATTEMPT_S, share_s))
        except TimeoutError as error:
            failure = error
        except OSError as error:
            failure = translate(error)
            if isinstance(failure, ProbeFailed) and failure.code == LOCAL_ERROR:
                break
    raise failure


def _connect_one(family: int, address: tuple[object, ...], timeout_s: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def _write(exchange: Exchange, sock: socket.socket) -> Exception | None:
    """Send the request; the failure if the peer stopped reading, for it may have answered before (RFC 9112 9.5)."""
    exchange.was_sent = True
    try:
        sock.settimeout(exchange.left_s())
        sock.sendall(exchange.head() + exchange.request.body)
    except TimeoutError:
        raise
    except OSError as error:
        return exchange.failed(error)
    return None


def _read(exchange: Exchange, sock: socket.socket) -> bytes:
    sock.settimeout(exchange.left_s())
    try:
        return sock.recv(READ_BYTES)
    except TimeoutError:
        raise
    except OSError as error:
        raise exchange.failed(error) from error


def _has_news(sock: socket.socket) -> bool:
    """Whether there is something to read: the peer's end, or bytes that nobody asked for."""
    poll = select.poll()
    with suppress(OSError):
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    return True
