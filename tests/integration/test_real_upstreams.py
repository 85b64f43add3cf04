"""Calls to real nginx upstreams that are killed, stopped, overloaded, or reset their connections."""

import contextlib
import json
import time

import pytest
from loopback import wait_until_listening
from real_servers import Server, nginx

from mgov import Platform
from mgov.errors import RemoteError
from mgov.model.call import Terms
from mgov.model.registration import Registration

pytestmark = pytest.mark.slow


def upstream(name):
    """One nginx named `a`, `b` or `c`; `a` is the one that is busy and resets, the others answer with 200."""
    well = f'200 "{name}\\n"'
    busy, reset = ("503", "444") if name == "a" else (well, well)
    return nginx(f"""
    location = /items {{{{ return {well}; }}}}
    location = /busy {{{{ add_header Retry-After 1 always; return {busy}; }}}}
    location = /reset {{{{ return {reset}; }}}}""")


@pytest.fixture
def fleet(tmp_path, require):
    """Three nginxes behind orders, by name."""
    program = require("nginx")
    with contextlib.ExitStack() as stack:
        found = {}
        for name in "abc":
            found[name] = server = Server(upstream(name), program, tmp_path / name)
            stack.callback(server.kill)
            server.start()
            wait_until_listening(server.port)
        yield found


@pytest.fixture
def platform(fleet, tmp_path):
    """A platform on the real clock, whose first choice is `a`: the draw is always 0."""
    Platform.create(tmp_path / "store")
    with Platform.open(tmp_path / "store", draw=lambda: 0.0) as opened:
        for name, server in fleet.items():
            opened.registry.register("orders", server.url, fields=Registration(id=name))
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
    fleet["a"].stall()
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
            platform.registry.register("orders", server.url, fields=Registration(id=name))
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
