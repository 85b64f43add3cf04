"""A real HTTP server on loopback that answers as a test tells it, and remembers what it was asked."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


class Upstream:
    """Answers with `plan(n)` for its n-th request (from 1); None is a reset. `requests` are (method, path, headers,
    body) in their order."""

    def __init__(self, plan: Callable[[int], Answer | None] | None = None) -> None:
        self.plan = plan or (lambda n: (200, {}, b"ok\n"))
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((self.command, self.path, dict(self.headers), body))
                planned = outer.plan(len(outer.requests))
                if planned is None:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()
                    return
                status, headers, data = planned
                self.send_response_only(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer  # noqa: N815 - the names are the library's

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away, or a reset that the plan asked for."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def says(status: int, body: bytes = b"", **headers: str) -> Callable[[int], Answer]:
    """The same answer each time; `Retry_After="1"` is a header."""
    return lambda n: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def stalls(let_go: threading.Event) -> Callable[[int], Answer]:
    """No answer until the test lets go, and 200 then; at most ten seconds."""

    def plan(n: int) -> Answer:
        let_go.wait(10)
        return 200, {}, b""

    return plan
