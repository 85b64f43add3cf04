"""HTTP/1.1 as mgov speaks it: one request, one answer, head and body within bounds, nothing decoded."""

from __future__ import annotations

import sys

import httptools

from mgov.model.measurement import CLOSED, HEADERS_TOO_LARGE, MAX_BODY_BYTES, PROTOCOL
from mgov.model.names import DEFAULT_PORTS, authority
from mgov.net.failure import ProbeFailed

MAX_HEAD_BYTES = 64 * 1024
_VERSION: str = sys.modules["mgov"].__version__     # not `from mgov`: the package's face names the floors above
_TAIL = f"\r\nUser-Agent: mgov/{_VERSION}\r\nAccept: */*\r\nConnection: close\r\n\r\n"


def request_bytes(scheme: str, host: str, port: int, path: str) -> bytes:
    """The GET for `path`; no Accept-Encoding, so that an honest server sends the body as it is (RFC 9110, 12.5.3)."""
    place = authority(host, port) if port != DEFAULT_PORTS.get(scheme) else f"[{host}]" if ":" in host else host
    if not path.isascii():
        path = "".join(c if c.isascii() else "".join(f"%{byte:02X}" for byte in c.encode()) for c in path)
    return f"GET {path or '/'} HTTP/1.1\r\nHost: {place}{_TAIL}".encode()


class Answer:
    """One HTTP answer as it comes in: feed it bytes until `is_done`, or call `end` when the peer stops.

    Interim answers (1xx) are passed over; all heads and trailers together may have 64 KiB. The body is counted, kept
    only if `keep_body`, and cut at `max_body_bytes`, or where its framing alone takes as much again; `headers` holds
    the final head's as they came, only if `keep_headers`. `is_head` says that the request was a HEAD, whose answer has
    no body. `feed` and `end` raise ProbeFailed. llhttp refuses two Content-Lengths and other ambiguous framing (RFC
    9112, 6.3). `keeps_connection` is set once it is done: whether another request may follow on the same connection.
    """

    __slots__ = ("_declared", "_head_bytes", "_header_bytes", "_is_framed", "_is_head", "_is_head_done", "_keep_body",
                 "_keep_headers", "_kept", "_max_body_bytes", "_parser", "_received", "body_bytes", "headers", "is_cut",
                 "is_done", "keeps_connection", "location", "reason", "status_code")

    def __init__(
        self,
        *,
        keep_body: bool = False,
        keep_headers: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
        is_head: bool = False,
    ) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._keep_body = keep_body
        self._keep_headers = keep_headers
        self._max_body_bytes = max_body_bytes
        self._is_head = is_head
        self._kept: list[bytes] = []
        self._head_bytes = 0            # on the wire, up to and with the piece that ended the head
        self._header_bytes = 0
        self._received = 0
        self._declared = b""
        self._is_framed = False
        self._is_head_done = False
        self.status_code: int | None = None
        self.reason = b""
        self.location = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body_bytes = 0
        self.is_cut = False
        self.is_done = False
        self.keeps_connection = False

    @property
    def body(self) -> bytes:
        """The kept body, at most `max_body_bytes`."""
        return b"".join(self._kept)[: self._max_body_bytes]

    @property
    def has_received(self) -> bool:
        """Whether a byte has come."""
        return self._received > 0

    @property
    def has_begun(self) -> bool:
        """Whether the final status is known, so that the body is what is missing."""
        return self._is_head_done

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the peer."""
        self._received += len(data)
        if not self._is_head_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.status_code = self._parser.get_status_code()
            self._is_head_done = self.is_done = True
        except httptools.HttpParserError as error:
            if self.is_done:            # bytes behind the answer are nobody's business
                self.keeps_connection = False
                return
            raise ProbeFailed(PROTOCOL, _words(error, self._is_head_done)) from error
        if self._header_bytes > MAX_HEAD_BYTES or (not self._is_head_done and self._head_bytes > MAX_HEAD_BYTES):
            raise ProbeFailed(HEADERS_TOO_LARGE, "more than 64 KiB of headers")
        is_flood = self._received > self._head_bytes + 2 * self._max_body_bytes
        if self.body_bytes > self._max_body_bytes or (is_flood and not self.is_done):
            self.is_cut = self.is_done = True

    def end(self) -> None:
        """The peer closed: the end of a body without a length (RFC 9112, 6.3), of any other a failure."""
        if self.is_done:
            return
        if not self._received:
            raise ProbeFailed(CLOSED, "closed by the peer without an answer")
        if not self._is_head_done:
            raise ProbeFailed(CLOSED, "closed by the peer within the headers")
        if self._is_framed:
            declared = f" of {self._declared.decode('latin-1')[:20]}" if self._declared else ""
            raise ProbeFailed(CLOSED, f"closed by the peer after {self.body_bytes}{declared} bytes of body")
        self.is_done = True

    # What llhttp calls; an exception in one of these surfaces as HttpParserCallbackError, so none raises.

    def on_message_begin(self) -> None:
        if self.is_done:                # an answer that nobody asked for: whose it is, nobody could tell
            self.keeps_connection = False
            return
        self.reason = b""
        self.headers.clear()            # an interim answer's say nothing of the final one

    def on_status(self, part: bytes) -> None:
        if not self.is_done:
            self.reason += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_done:
            return
        size = len(name)
        self._header_bytes += size + len(value) + 4
        if self._is_head_done:          # a trailer counts, and says nothing
            return
        if size == 14 and name.lower() == b"content-length":
            self._is_framed, self._declared = True, value
        elif size == 17 and name.lower() == b"transfer-encoding":
            self._is_framed = True
        elif size == 8 and name.lower() == b"location":
            self.location = value
        if self._keep_headers:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.is_done:
            return
        code = self._parser.get_status_code()
        if code >= 200 or code == 101:
            self.status_code = code
            self._is_head_done = True
            if self._is_head:
                self.keeps_connection = self._parser.should_keep_alive()
                self.is_done = True

    def on_body(self, part: bytes) -> None:
        if self.is_done:
            self.keeps_connection = False
            return
        if self._keep_body and self.body_bytes < self._max_body_bytes:
            self._kept.append(part)
        self.body_bytes += len(part)

    def on_message_complete(self) -> None:
        if self._is_head_done and not self.is_done:
            self.keeps_connection = self._parser.should_keep_alive()
            self.is_done = True


def _words(error: Exception, is_head_done: bool) -> str:
    what = "body" if is_head_done else "answer"
    return f"not a valid HTTP {what}: {str(error)[:200] or type(error).__name__}"
