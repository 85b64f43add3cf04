"""One probe's connection: name, connect, TLS, bytes; each step timed, all of it under the task's deadline."""

from __future__ import annotations

import errno
import socket
from time import perf_counter
from typing import TYPE_CHECKING

from mgov.model.measurement import DNS, LOCAL_ERROR
from mgov.net.failure import ProbeFailed, connect_failure, translate
from mgov.net.resolve import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.net.reactor import Task
    from mgov.net.resolve import Address, Resolver
    from mgov.net.target import Trust
    from mgov.net.tls import Contexts, TlsStream

READ_BYTES = 16 * 1024
MIN_ATTEMPT_S = 0.25            # for one of several addresses: RFC 8305 section 5, Connection Attempt Delay
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR)


class Link:
    """A connection to be; `phase` names the step it is in, the `_ms` fields hold what was reached.

    Every method raises ProbeFailed, or TimeoutError at the task's deadline. `close` may be called at any time.
    """

    __slots__ = ("_contexts", "_peer", "_resolver", "_sock", "_tls", "address", "connect_ms", "dns_ms", "first_byte_ms",
                 "phase", "started_at", "task", "tls_ms")

    def __init__(self, task: Task, resolver: Resolver, contexts: Contexts) -> None:
        self.task = task
        self._resolver = resolver
        self._contexts = contexts
        self._sock: socket.socket | None = None
        self._tls: TlsStream | None = None
        self._peer: Address | None = None
        self.phase = "dns"
        self.address = ""
        self.dns_ms: float | None = None
        self.connect_ms: float | None = None
        self.tls_ms: float | None = None
        self.first_byte_ms: float | None = None
        self.started_at = task.started_at

    async def connect(self, host: str, port: int) -> None:
        """Resolve `host` unless it is an address, and connect to the first of its addresses that answers."""
        addresses = await self._addresses(host, port)
        self.phase = "connect"
        began = perf_counter()
        if len(addresses) == 1:
            await self._attempt(addresses[0])
        else:
            await self._connect_any(addresses)
        self.connect_ms = (perf_counter() - began) * 1000
        self.phase = "answer"

    async def start_tls(self, host: str, trust: Trust) -> None:
        """Shake hands as `host`; the certificate must be valid for it unless `trust` is insecure."""
        from mgov.net.tls import TlsStream, context_for

        assert self._sock is not None
        self.phase = "tls"
        began = perf_counter()
        context = context_for(self._contexts, trust)
        self._tls = TlsStream(self.task, self._sock, context, host)
        self._sock = self._tls.sock
        await self._tls.handshake()
        self.tls_ms = (perf_counter() - began) * 1000
        self.phase = "answer"

    def certificate(self) -> bytes:
        """The certificate that the peer showed, in DER; b'' without TLS."""
        return self._tls.certificate() if self._tls is not None else b""

    async def refused_certificate(self, host: str, trust: Trust) -> bytes:
        """The certificate that was refused, or b'' where it cannot be had: OpenSSL does not hand it out.

        It is read on a second connection to the same address, which trusts anybody, sends nothing, and leaves no
        trace in the phases.
        """
        assert self._peer is not None
        try:
            self.close()
            await self._attempt(self._peer)
            await self.start_tls(host, trust._replace(insecure=True))
            return self.certificate()
        except (ProbeFailed, TimeoutError):
            return b""
        finally:
            self.tls_ms = None

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        if self._tls is not None:
            await self._tls.send(data)
            return
        sock = self._sock
        assert sock is not None
        while data:
            try:
                data = data[sock.send(data):]
            except BlockingIOError:
                await self.task.writable(sock)
            except OSError as error:
                raise translate(error) from error

    async def receive(self) -> bytes:
        """The next bytes of the peer, at most READ_BYTES; b'' at its end."""
        data = await (self._tls.receive() if self._tls is not None else self._receive_plain())
        if self.first_byte_ms is None and data:
            self.first_byte_ms = (perf_counter() - self.started_at) * 1000
        return data

    def close(self) -> None:
        """Close at once; what is still on its way is dropped."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self.task.forget_socket()
            sock.close()

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        try:
            found = literal(host, port)
            if found is not None:
                return (found,)
            texts = await self._resolver.addresses(self.task, host)
            self.dns_ms = (perf_counter() - self.started_at) * 1000
            return [address for text in texts if (address := literal(text, port)) is not None]
        except socket.gaierror as error:
            raise ProbeFailed(DNS, f"{host[:80]} is not an address: {str(error.strerror).lower()}") from error

    async def _connect_any(self, addresses: Sequence[Address]) -> None:
        """Try `addresses` in order; each gets an equal share of the time left, so that none starves the rest."""
        task = self.task
        failure: Exception = ProbeFailed(DNS, "no address")
        for tried, address in enumerate(addresses):
            now = perf_counter()
            task.expire_at(now + max(MIN_ATTEMPT_S, (task.deadline - now) / (len(addresses) - tried)))
            try:
                await self._attempt(address)
            except ProbeFailed as error:
                if error.code == LOCAL_ERROR:
                    raise
                failure = error
            except TimeoutError as error:
                if perf_counter() >= task.deadline:
                    raise
                failure = error
            else:
                task.expire_at(task.deadline)
                return
            self.close()
        if isinstance(failure, ProbeFailed):
            raise ProbeFailed(failure.code, f"{failure.detail} (the last of {len(addresses)} addresses)")
        raise failure

    async def _attempt(self, address: Address) -> None:
        self._peer = address
        family, place = address
        host, port = place[0], place[1]
        self.address = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
        try:
            sock = self._sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise translate(error) from error
        sock.setblocking(False)
        number = sock.connect_ex(place)
        if number not in _UNDER_WAY:
            raise connect_failure(number)
        if _is_connected(sock):         # on loopback it already is; asking saves a turn of the selector
            return
        await self.task.writable(sock)
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise connect_failure(number)

    async def _receive_plain(self) -> bytes:
        sock = self._sock
        assert sock is not None
        while True:
            await self.task.readable(sock)
            try:
                return sock.recv(READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise translate(error) from error


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
