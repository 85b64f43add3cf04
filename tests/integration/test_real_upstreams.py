"""Calls to real nginx upstreams that are killed, stopped, overloaded, or reset their connections."""

import contextlib
import json
import signal
import socket
import subprocess
import time

import pytest
from real_servers import free_port

from mgov import Platform
from mgov.errors import RemoteError
from mgov.model.call import Terms
from mgov.model.registration import Registration

pytestmark = pytest.mark.slow

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
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
    location = /items {{ return 200 "{name}\\n"; }}
    location = /busy {{ add_header Retry-After 1 always; return {busy}; }}
    location = /reset {{ return {reset}; }}
  }}
}}
"""


class Nginx:
    """One nginx named `a`, `b` or `c`; `a` is the one that is busy and resets, the others answer with 200."""

    def __init__(self, program, folder, name):
        self.name, self.port, self._program, self._folder = name, free_port(), program, folder / name
        self._folder.mkdir()
        is_bad = name == "a"
        (self._folder / "nginx.conf").write_text(CONFIG.format(
            folder=self._folder, port=self.port, name=name,
            busy="503" if is_bad else f'200 "{name}\\n"', reset="444" if is_bad else f'200 "{name}\\n"',
        ))  # fmt: skip
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [self._program, "-e", f"{self._folder}/error.log", "-c", f"{self._folder}/nginx.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < end, "nginx did not start"
                time.sleep(0.02)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def fleet(tmp_path, require):
    """Three nginxes behind orders, by name."""
    program = require("nginx")
    with contextlib.ExitStack() as stack:
        found = {}
        for name in "abc":
            found[name] = server = Nginx(program, tmp_path, name)
            stack.callback(server.kill)
            server.start()
        yield found


@pytest.fixture
def platform(fleet, tmp_path):
    """A platform on the real clock, whose first choice is `a`: the draw is always 0."""
    Platform.create(tmp_path / "store")
    with Platform.open(tmp_path / "store", draw=lambda: 0.0) as opened:
        for name, server in fleet.items():
            url = f"http://127.0.0.1:{server.port}"
            opened.registry.register("orders", url, fields=Registration(id=name))
        yield opened


def tried(called):
    return [(attempt.instance, attempt.status_code or attempt.error) for attempt in called.attempts]


def test_one_that_was_killed_is_left_for_another(platform, fleet):
    assert tried(platform.calls.get("orders", "/items")) == [("a", 200)]
    fleet["a"].kill()
    called = platform.calls.get("orders", "/items")
    assert (tried(called), called.body) == ([("a", "refused"), ("b", 200)], b"b\n")


def test_one_that_is_stopped_costs_its_timeout_and_no_more(platform, fleet):
    platform.calls.get("orders", "/items")
    fleet["a"].process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    called = platform.calls.get("orders", "/items", terms=Terms(timeout_s=0.3))
    assert tried(called) == [("a", "timeout"), ("b", 200)]
    assert 0.3 <= time.monotonic() - began < 2.0


def test_busy_and_resetting_ones_are_left_for_others_without_waiting_for_them(platform):
    began = time.monotonic()
    assert tried(platform.calls.get("orders", "/busy")) == [("a", 503), ("b", 200)]
    [first, second] = tried(platform.calls.get("orders", "/reset"))
    assert (first[0], first[1] in ("reset", "closed"), second) == ("a", True, ("b", 200))
    assert time.monotonic() - began < 0.9


def test_the_only_one_left_is_waited_for_as_long_as_it_says(platform, fleet):
    platform.registry.maintain("orders", "b")
    platform.registry.maintain("orders", "c")
    began = time.monotonic()
    called = platform.calls.get("orders", "/busy", terms=Terms(retry_count=1))
    assert tried(called) == [("a", 503), ("a", 503)]
    assert 1.0 <= time.monotonic() - began < 3.0


@pytest.mark.parametrize("path", ["/busy", "/reset"])
def test_of_a_thousand_calls_to_a_fleet_with_a_failing_one_none_fails_and_it_is_ejected(fleet, tmp_path, path):
    Platform.create(tmp_path / "store")
    with Platform.open(tmp_path / "store") as platform:
        for name, server in fleet.items():
            platform.registry.register("orders", f"http://127.0.0.1:{server.port}", fields=Registration(id=name))
        platform.clock.sleep = lambda seconds: None             # the pauses are another test's
        served = [platform.calls.get("orders", path) for _ in range(1000)]
        assert {called.status_code for called in served} == {200}
        assert {called.instance for called in served} == {"b", "c"}
        failing = [attempt for called in served for attempt in called.attempts if attempt.instance == "a"]
        assert len(failing) == 5                                # until its breaker opened
        assert platform.breakers.guard_instances("orders", "abc") == {"a"}
    with Platform.open(tmp_path / "store") as other:            # and everybody on the store knows
        assert other.breakers.guard_instances("orders", "abc") == {"a"}
        assert other.calls.get("orders", path).instance in "bc"


def test_when_all_are_gone_the_reason_is_given_and_the_store_remembers(platform, fleet, mgov_process, tmp_path):
    for server in fleet.values():
        server.kill()
    with pytest.raises(RemoteError, match=r"orders could not be called \(\w: connection refused, the last of 4"):
        platform.calls.get("orders", "/items")
    process = mgov_process("call", "orders/items", "--retry", "1", "-o", "json", "-S", str(tmp_path / "store"))
    out, err = process.communicate()
    assert (process.returncode, out, json.loads(err)["error"]["code"]) == (7, "", "remote")
