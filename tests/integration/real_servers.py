"""Servers as Debian packages them, each started by a test on a free port with its data in the test's folder."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from loopback import free_port

NGINX = """
daemon off;
master_process {has_workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 256; }}
http {{
  access_log off;
  reset_timedout_connection on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    {server}
  }}
}}
"""


class Kind(NamedTuple):
    """One sort of server: its program, how an instance's URL begins, its real check, and its command line."""

    program: str
    protocol: str
    check: str
    reason: str
    arguments: Callable[[Path, int], list[str]]


def nginx_arguments(folder: Path, port: int, *, server: str, has_workers: bool = False) -> list[str]:
    """How an nginx is started that does what `server` says; {folder} there is its own. With workers it can reload."""
    config, inner = folder / "nginx.conf", server.format(folder=folder)
    workers = "on" if has_workers else "off"
    config.write_text(NGINX.format(folder=folder, port=port, server=inner, has_workers=workers))
    return ["-e", f"{folder}/error.log", "-c", str(config)]


def nginx(server: str) -> Kind:
    """An nginx that does what `server` says, in one process."""
    return Kind("nginx", "http", "/health", "HTTP 200 OK", partial(nginx_arguments, server=server))


def _etcd(folder: Path, port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    return [
        f"--data-dir={folder}/data", f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
    ]  # fmt: skip


HAPROXY = """
global
  maxconn 64
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend edge
  bind 127.0.0.1:{port}
  monitor-uri /up
  {condition}
  stats enable
  stats uri /stats
  default_backend web
backend web
  option httpchk GET /health
  default-server inter 100ms fall 1 rise 1
"""


def _haproxy(folder: Path, port: int, *, behind: dict[str, int]) -> list[str]:
    config = folder / "haproxy.cfg"
    condition = "monitor fail if { nbsrv(web) lt 1 }" if behind else ""
    servers = "".join(f"  server {name} 127.0.0.1:{place} check\n" for name, place in behind.items())
    config.write_text(HAPROXY.format(port=port, condition=condition) + servers)
    return ["-db", "-f", str(config)]


def haproxy(behind: dict[str, int]) -> Kind:
    """An HAProxy before the servers `behind` (name: port); /up says 503 when none of them is up, and /stats each."""
    return Kind("haproxy", "http", "/up", "HTTP 200 OK", partial(_haproxy, behind=behind))


SCRAPE = """
scrape_configs:
- job_name: mgov
  scrape_interval: 200ms
  scrape_timeout: 200ms
  metrics_path: {path}
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def _prometheus(folder: Path, port: int, *, scrape: tuple[int, str] | None = None) -> list[str]:
    config = folder / "prometheus.yml"
    config.write_text(SCRAPE.format(port=scrape[0], path=scrape[1]) if scrape else "scrape_configs: []\n")
    return [
        f"--config.file={config}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip


def _redis(folder: Path, port: int) -> list[str]:
    return ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", "--appendonly", "no"]


def prometheus(*, scrape: tuple[int, str] | None = None) -> Kind:
    """A Prometheus, which scrapes the given port and path of 127.0.0.1 five times a second."""
    return Kind("prometheus", "http", "/-/healthy", "HTTP 200 OK", partial(_prometheus, scrape=scrape))


KINDS = {
    "nginx": nginx('location = /health {{ return 200 "ok\\n"; }}'),
    "etcd": Kind("etcd", "http", "/health", "HTTP 200 OK", _etcd),
    "haproxy": haproxy({}),
    "prometheus": prometheus(),
    "redis": Kind("redis-server", "redis", "tcp", "connected", _redis),
}


class Server:
    """One real server that may be killed and started again where it was."""

    def __init__(self, kind: Kind, program: str, folder: Path) -> None:
        self._kind = kind
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        folder.mkdir()

    @property
    def url(self) -> str:
        """Where it is, as an instance is registered."""
        return f"{self._kind.protocol}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; whoever uses it waits until it answers."""
        with open(os.path.join(self._folder, "server.log"), "ab") as log:
            self._process = subprocess.Popen(
                [self._program, *self._kind.arguments(self._folder, self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
            )  # fmt: skip

    def stall(self) -> None:
        """Stop it where it stands: connections are still taken, and nobody answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it as a crash does; when this returns nobody listens on its port."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
