"""The probe of gRPC health: one unary call of grpc.health.v1.Health/Check over HTTP/2.

`async probe_grpc(target, place, link, seen)` as all probes; the URL is `grpc://HOST:PORT` or
`grpc://HOST:PORT/SERVICE`, and `grpcs://` over TLS with h2 agreed on. The protocol itself is h2's, which does no I/O:
connection, deadline and phases are the Link's, as for every other probe. The framing is that of
grpc/doc/PROTOCOL-HTTP2.md: a message is a byte that says whether it is compressed, four bytes of length and that many
bytes; the outcome is `grpc-status` in the trailers.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.health import GRPCS
from mgov.model.measurement import CLOSED, PROTOCOL
from mgov.model.names import authority
from mgov.model.serving import name_of, request, response
from mgov.net.failure import ProbeFailed
from mgov.net.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.net.link import Link
    from mgov.net.target import Place, Seen, Target

    Headers = Sequence[tuple[bytes, bytes]]

METHOD = "/grpc.health.v1.Health/Check"
MAX_BYTES = 64 * 1024
MAX_MESSAGE_CHARS = 200
CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
_OK, _NOT_FOUND, _UNIMPLEMENTED = 0, 5, 12
_VERSION: str = sys.modules["mgov"].__version__


async def probe_grpc(target: Target, place: Place, link: Link, seen: Seen) -> None:
    """Ask for the health of the service in the URL's path, or of the server as a whole."""
    await link.connect(place.host, place.port)
    if place.scheme == GRPCS:
        from mgov.net.handshake import start_tls

        await start_tls(target, place, link, seen, want_cert=target.want_cert, alpn=("h2",))
    status = await _check(place, link)
    reply = Reply(status, name_of(status).encode())
    seen.answer = reply


def check_available() -> None:
    """Raise UsageError when the library that speaks HTTP/2 is not installed."""
    try:
        import h2.connection  # noqa: F401 - only whether it is there
    except ImportError:
        raise UsageError("gRPC health needs the package h2", hint="pip install 'mgov[grpc]'") from None


async def _check(place: Place, link: Link) -> int:
    call = _Call(place, max(1, int((link.task.deadline - perf_counter()) * 1000)))
    while not call.is_done:
        await link.send(call.to_send())
        data = await link.receive()
        if not data:
            raise ProbeFailed(CLOSED, "closed by the peer within the call" if call.has_begun
                              else "closed by the peer without an answer")
        call.feed(data)
    return call.status()


class _Call:
    """One unary call as it goes: bytes in, bytes out."""

    def __init__(self, place: Place, timeout_ms: int) -> None:
        check_available()
        import h2.config
        import h2.connection
        import h2.exceptions

        self._failure = h2.exceptions.H2Error
        self._service = _unquoted(place.path.lstrip("/"))
        self._headers: dict[bytes, bytes] = {}
        self._message = bytearray()
        self._received = 0
        self.is_done = False
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self._connection = h2.connection.H2Connection(config)
        self._connection.initiate_connection()
        self._connection.send_headers(1, _request_headers(place, timeout_ms))
        message = request(self._service)
        self._connection.send_data(1, b"\0" + len(message).to_bytes(4, "big") + message, end_stream=True)

    @property
    def has_begun(self) -> bool:
        return bool(self._headers)

    def to_send(self) -> bytes:
        data: bytes = self._connection.data_to_send()
        return data

    def feed(self, data: bytes) -> None:
        """Take the peer's next bytes; raise ProbeFailed when they are not the answer to this call."""
        if not self._received and data.startswith(b"HTTP/1"):
            raise ProbeFailed(PROTOCOL, "the peer speaks HTTP/1, not HTTP/2")
        self._received += len(data)
        if self._received > MAX_BYTES:
            raise ProbeFailed(PROTOCOL, "more than 64 KiB in answer to a health check")
        try:
            events = self._connection.receive_data(data)
        except self._failure as error:
            raise ProbeFailed(PROTOCOL, f"not valid HTTP/2: {str(error)[:200] or type(error).__name__}") from error
        for event in events:
            self._take(event)

    def _take(self, event: Any) -> None:
        from h2 import events

        match event:
            case events.ResponseReceived() | events.TrailersReceived():
                self._headers.update(event.headers)
            case events.DataReceived():
                self._message += event.data
                self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case events.StreamEnded():
                self.is_done = True
            case events.StreamReset():
                if b"grpc-status" not in self._headers:
                    raise ProbeFailed(CLOSED, f"the call was reset by the peer (HTTP/2 error {event.error_code})")
                self.is_done = True
            case events.ConnectionTerminated():
                if not self.is_done and not event.last_stream_id:
                    raise ProbeFailed(CLOSED, f"the peer takes no calls (HTTP/2 error {event.error_code})")

    def status(self) -> int:
        """The serving status that came; raise ProbeFailed with what came in its place."""
        http = self._headers.get(b":status", b"")
        if http != b"200":
            raise ProbeFailed(PROTOCOL, f"HTTP {http.decode('latin-1')}, which is not gRPC's")
        code = self._headers.get(b"grpc-status", b"").decode("latin-1")
        if not (code.isascii() and code.isdigit()):
            raise ProbeFailed(PROTOCOL, "not gRPC: the answer has no grpc-status")
        if int(code[:4]) != _OK:
            raise ProbeFailed(PROTOCOL, self._refusal(int(code[:4])))
        message = bytes(self._message)
        if len(message) < 5 or message[0] or int.from_bytes(message[1:5], "big") != len(message) - 5:
            raise ProbeFailed(PROTOCOL, "not a gRPC message")
        try:
            return response(message[5:])
        except ValueError as error:
            raise ProbeFailed(PROTOCOL, f"not an answer of grpc.health.v1: {error}") from error

    def _refusal(self, code: int) -> str:
        if code == _UNIMPLEMENTED:
            return "the server has no grpc.health.v1 service (UNIMPLEMENTED)"
        if code == _NOT_FOUND:
            return f"the server knows no service {self._service[:80]!r} (NOT_FOUND)"
        said = _unquoted(self._headers.get(b"grpc-message", b"").decode("latin-1"))[:MAX_MESSAGE_CHARS]
        name = CODES[code] if code < len(CODES) else f"status {code}"
        return f"gRPC {name}: {said}" if said else f"gRPC {name}"


def _unquoted(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)


def _request_headers(place: Place, timeout_ms: int) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "https" if place.scheme == GRPCS else "http"),
        (":path", METHOD),
        (":authority", authority(place.host, place.port)),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-timeout", f"{min(timeout_ms, 99_999_999)}m"),         # at most eight digits
        ("grpc-accept-encoding", "identity"),
        ("user-agent", f"mgov/{_VERSION}"),
    ]
