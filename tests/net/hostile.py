"""A loopback server whose every path misbehaves in its own way; one thread per connection.

Behaviours that go on and on are paced by `stop.wait`, so that closing the server ends them at once.
"""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Callable

Behaviour = Callable[[socket.socket, threading.Event], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"


def says(data: bytes) -> Behaviour:
    """Answers with `data` and closes."""
    return lambda conn, stop: conn.sendall(data)


def repeats(head: bytes, piece: bytes, every_s: float) -> Behaviour:
    """Sends `head`, then `piece` again and again."""

    def behave(conn: socket.socket, stop: threading.Event) -> None:
        conn.sendall(head)
        while not stop.wait(every_s):
            conn.sendall(piece)

    return behave


def floods(head: bytes, piece: bytes) -> Behaviour:
    """Sends `head`, then `piece` without pause, until the peer has gone."""

    def behave(conn: socket.socket, stop: threading.Event) -> None:
        conn.sendall(head)
        while not stop.is_set():
            conn.sendall(piece)

    return behave


def stays_silent(conn: socket.socket, stop: threading.Event) -> None:
    """Reads the request and says nothing."""
    stop.wait()


def resets(conn: socket.socket, stop: threading.Event) -> None:
    """Closes with RST."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _head(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join((b"HTTP/1.1 " + status, *lines, b"", b""))


BOMB = gzip.compress(bytes(20_000_000))
BEHAVIOURS: dict[str, Behaviour] = {
    "/ok": says(OK),
    "/503": says(_head(b"Content-Length: 0", status=b"503 Service Unavailable")),
    "/429": says(_head(b"Content-Length: 0", status=b"429 Too Many Requests")),
    "/escape": says(_head(b"Content-Length: 0", status=b"500 \x1b[31mred")),
    "/drip-body": repeats(_head(b"Content-Length: 1000"), b"x", 0.05),
    "/drip-slowly": repeats(_head(b"Content-Length: 1000"), b"x", 0.2),
    "/drip-headers": repeats(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.05),
    "/endless-1xx": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
    "/flood-1xx": floods(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100),
    "/early-hints": says(_head(b"Link: </a>", status=b"103 Early Hints") + OK),
    "/endless-chunks": floods(_head(b"Transfer-Encoding: chunked"), b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "/tiny-chunks": floods(_head(b"Transfer-Encoding: chunked"), (b"1;" + b"e" * 200 + b"\r\nx\r\n") * 50),
    "/bomb": says(_head(b"Content-Encoding: gzip", b"Content-Length: %d" % len(BOMB)) + BOMB),
    "/big-headers": says(_head(*(b"X-%d: " % i + b"v" * 1000 for i in range(300)), b"Content-Length: 0")),
    "/endless-headers": floods(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100),
    "/70k-headers": says(_head(*(b"X-%d: " % i + b"v" * 1000 for i in range(70)), b"Content-Length: 0")),
    "/silence": stays_silent,
    "/reset": resets,
    "/garbage": says(b"\x16\x03\x01 what is this\r\n\r\n"),
    "/short-body": says(_head(b"Content-Length: 100") + b"only this"),
    "/two-lengths": says(_head(b"Content-Length: 3", b"Content-Length: 5") + b"hello"),
    "/bad-chunk": says(_head(b"Transfer-Encoding: chunked") + b"zz\r\n"),
    "/nothing": says(b""),
    "/half-head": says(b"HTTP/1.1 200 OK\r\nX-A: b\r\n"),
    "/until-close": says(b"HTTP/1.1 200 OK\r\n\r\nread me to the end"),
    "/no-content": says(_head(status=b"204 No Content")),
    "/to-itself": says(_head(b"Location: /to-itself", b"Content-Length: 0", status=b"302 Found")),
    "/to-file": says(_head(b"Location: file:///etc/passwd", b"Content-Length: 0", status=b"301 Moved Permanently")),
    "/to-metadata": says(_head(b"Location: http://169.254.169.254/", b"Content-Length: 0", status=b"307 Temporary")),
    "/switch": says(_head(b"Connection: upgrade", b"Upgrade: x", status=b"101 Switching Protocols")),
}


class HostileServer:
    """Serves BEHAVIOURS on loopback until closed; `requests` holds every request's head as it came."""

    def __init__(self, host: str = "127.0.0.1", *, default: Behaviour | None = None) -> None:
        self._default = default
        self._stop = threading.Event()
        self.requests: list[bytes] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family, backlog=512)
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The URL of one behaviour."""
        return f"http://{host}:{self.port}{path}"

    def close(self) -> None:
        """End every behaviour and wait for its thread."""
        self._stop.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                conn, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(conn,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, conn: socket.socket) -> None:
        with conn:
            conn.settimeout(10)
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    data = conn.recv(4096)
                    if not data:
                        return
                    head += data
                self.requests.append(head)
                path = head.split(b" ", 2)[1].decode()
                behaviour = self._default or BEHAVIOURS.get(path, says(_head(status=b"404 Not Found")))
                behaviour(conn, self._stop)
            except OSError:
                return
