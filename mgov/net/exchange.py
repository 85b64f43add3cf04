"""One HTTP/1.1 request and its answer as values, and what the blocking and the asynchronous client share.

Nothing here waits: bytes go in and come out. A client adds a connection to it, and one deadline over everything.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from mgov.model.measurement import HEADERS_TOO_LARGE, MAX_BODY_BYTES, TIMEOUT, UNFORESEEN
from mgov.model.names import DEFAULT_PORTS, authority
from mgov.model.record import NamedTuple
from mgov.model.retry import IDEMPOTENT
from mgov.model.units import format_duration
from mgov.net.failure import ProbeFailed, translate
from mgov.net.http1 import MAX_HEAD_BYTES, Answer
from mgov.net.target import Trust

if TYPE_CHECKING:
    Headers = tuple[tuple[bytes, bytes], ...]
    Place = tuple[str, str, int, Trust]

NO_TRUST = Trust()
METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})      # they say so when it is empty (RFC 9110 section 8.6)
_OWN = (b"host", b"content-length", b"connection", b"transfer-encoding")


class Request(NamedTuple):
    """What is sent. `target` is the path with its query, ASCII; `headers` are sent as they are, in their order.

    Host (unless given) and Content-Length are added; nothing is decoded, followed or taken from the environment.
    `max_body_bytes` is where the answer's body is cut, `trust` holds the TLS options.
    """

    method: str
    scheme: str
    host: str
    port: int
    target: str
    headers: Headers = ()
    body: bytes = b""
    max_body_bytes: int = MAX_BODY_BYTES
    trust: Trust = NO_TRUST


class Response(NamedTuple):
    """What came back: headers and body raw, in their order. `is_cut` when the body was longer than allowed.

    `latency_ms` is the whole exchange, with connecting where that was needed.
    """

    status_code: int
    reason: bytes
    headers: Headers
    body: bytes
    is_cut: bool
    latency_ms: float
    address: str


class Unanswered(Exception):
    """A request that got no whole answer: `code` is one of `mgov.model.measurement.ERRORS`, `detail` says it in words.

    `was_sent` is False when surely nothing of it reached the peer.
    """

    def __init__(self, code: str, detail: str, *, was_sent: bool, latency_ms: float) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.was_sent = was_sent
        self.latency_ms = latency_ms


class OutOfTime(Exception):
    """The deadline passed."""


class Exchange:
    """One request on its way. A client tells it how far it has come, and asks it what that means."""

    def __init__(self, request: Request, timeout_s: float) -> None:
        self.request = request
        self.timeout_s = timeout_s
        self.started_at = perf_counter()
        self.deadline = self.started_at + timeout_s
        self.phase = "dns"
        self.address = ""
        self.was_sent = False
        self.answer = self._new_answer()

    @property
    def place(self) -> Place:
        """Whose connections may carry it, and on whose authority."""
        request = self.request
        return request.scheme, request.host, request.port, request.trust

    @property
    def is_untouched(self) -> bool:
        """Whether it may go out again at once, on a new connection, after a kept one broke without a word.

        The peer closed it while it was idle, as it may at any time (RFC 9112 section 9.5). Only an idempotent request
        goes out twice (RFC 9110 section 9.2.2).
        """
        return self.answer.has_received is False and self.request.method in IDEMPOTENT

    def left_s(self) -> float:
        """Seconds left; raise OutOfTime when there are none."""
        left = self.deadline - perf_counter()
        if left <= 0:
            raise OutOfTime
        return left

    def head(self) -> bytes:
        """The request's bytes up to its body."""
        request = self.request
        lines = [f"{request.method} {request.target} HTTP/1.1".encode()]
        given = {name.lower() for name, _ in request.headers}
        if b"host" not in given:
            lines.append(b"Host: " + _host(request).encode())
        lines += [name + b": " + value for name, value in request.headers if name.lower() not in _OWN[1:]]
        if request.body or request.method in METHODS_WITH_BODY:
            lines.append(b"Content-Length: %d" % len(request.body))
        return b"\r\n".join((*lines, b"", b""))

    def start_again(self) -> None:
        """Forget the broken connection."""
        self.answer = self._new_answer()
        self.was_sent = False

    def response(self) -> Response:
        """The whole answer."""
        answer = self.answer
        if answer.status_code is None:
            raise ProbeFailed(HEADERS_TOO_LARGE, f"no answer within {MAX_HEAD_BYTES // 1024} KiB")
        return Response(answer.status_code, answer.reason, tuple(answer.headers), answer.body, answer.is_cut,
                        self._elapsed_ms(), self.address)

    def failed(self, error: OSError) -> Exception:
        """What an error of the connection means."""
        if self.request.scheme == "https":
            from mgov.net.tls import failed_read

            return failed_read(error)
        return translate(error)

    def unanswered(self, error: Exception) -> Unanswered:
        """What `error`, which ended the exchange, means for its sender."""
        if isinstance(error, OutOfTime | TimeoutError):
            code, detail = TIMEOUT, self._ran_out()
        elif isinstance(error, ProbeFailed):
            code, detail = error.code, error.detail
        else:
            code, detail = UNFORESEEN, f"{type(error).__name__}: {error}"[:500]
        return Unanswered(code, detail, was_sent=self.was_sent, latency_ms=self._elapsed_ms())

    def _new_answer(self) -> Answer:
        request = self.request
        return Answer(keep_body=True, keep_headers=True, max_body_bytes=request.max_body_bytes,
                      is_head=request.method == "HEAD")

    def _elapsed_ms(self) -> float:
        return (perf_counter() - self.started_at) * 1000

    def _ran_out(self) -> str:
        within = f"within {format_duration(max(0.001, self.timeout_s))}"
        if self.phase == "dns":
            return f"name not resolved {within}"
        if self.phase == "connect":
            return f"no connection {within}"
        if self.phase == "tls":
            return f"no TLS handshake {within}"
        answer = self.answer
        if not answer.has_received:
            return f"no answer {within}"
        if not answer.has_begun:
            return f"headers not complete {within}"
        return f"body not complete {within} (HTTP {answer.status_code}, {answer.body_bytes} bytes of body came)"


def _host(request: Request) -> str:
    if request.port != DEFAULT_PORTS.get(request.scheme):
        return authority(request.host, request.port)
    return f"[{request.host}]" if ":" in request.host else request.host
