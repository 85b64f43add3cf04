"""A chain of real servers of which the last is broken, each time in another way: `why` names it, with what was seen."""

import contextlib
import json

import pytest
from real_servers import Server, nginx

from mgov.errors import NO, OK

pytestmark = pytest.mark.slow

CHAIN = ("web", "orders", "payments", "users")              # each needs the one behind it
BREAKABLE = nginx("""location = /health {{
      if (-f {folder}/fails) {{ return 500; }}
      if (-f {folder}/wrong) {{ return 200 "maintenance\\n"; }}
      return 200 "ok\\n";
    }}""")


@pytest.fixture
def mgov(mgov_process, tmp_path):
    """`mgov("why", "web")`: a whole process over the test's own store; (status, stdout)."""

    def call(*argv):
        process = mgov_process(*argv, "--store", str(tmp_path / "store"), "--deadline", "60s")
        out, _ = process.communicate()
        return process.returncode, out

    assert call("init", str(tmp_path / "store"))[0] == OK
    return call


@pytest.fixture
def servers(tmp_path, require, mgov):
    """The chain, registered and seen well."""
    with contextlib.ExitStack() as stack:
        found = {}
        for name in CHAIN:
            found[name] = Server(BREAKABLE, require("nginx"), tmp_path / name)
            stack.callback(found[name].kill)
            found[name].start()
        for name, need in zip(CHAIN, (*CHAIN[1:], ""), strict=True):
            depends = ("--depends-on", need) if need else ()
            mgov("register", name, found[name].url, "--health", "/health", "--check-expect", "body=ok",
                 "--check-timeout", "500ms", *depends)  # fmt: skip
        assert mgov("health", "--wait", "30s")[0] == OK
        yield found


BREAKS = {
    "killed": (lambda server, folder: server.kill(), "connection refused", set()),
    "stalled": (lambda server, folder: server.stall(), "no answer within 500ms", {"connect_ms"}),
    "500": (lambda server, folder: (folder / "fails").touch(), "observed", {"connect_ms", "first_byte_ms"}),
    "wrong body": (lambda server, folder: (folder / "wrong").touch(), 'expected body=ok, observed "maintenance"',
                   {"connect_ms", "first_byte_ms"}),
}  # fmt: skip


@pytest.mark.parametrize("how", BREAKS)
def test_why_of_a_dependent_names_the_true_root_with_its_evidence(how, servers, mgov, tmp_path):
    do, reason, phases = BREAKS[how]
    assert "roots" not in mgov("why", "web")[1]
    do(servers["users"], tmp_path / "users")
    (tmp_path / "orders" / "fails").touch()                 # one on the way falls with it, one still answers
    assert mgov("health")[0] == NO

    status, out = mgov("why", "web", "-o", "json")
    found = json.loads(out)
    assert (status, found["status"]) == (OK, "healthy")
    (root,) = found["roots"]
    assert (root["service"], root["path"]) == ("users", list(CHAIN))
    (instance,) = root["instances"]
    assert reason in instance["reason"]
    assert phases <= instance["evidence"].keys()
    if how == "stalled":
        assert "first_byte_ms" not in instance["evidence"]
    told = mgov("why", "users", "-o", "table")[1]
    assert "now       users fails" in told
    assert reason in told
    rows = [line.split("\t") for line in mgov("status")[1].splitlines()]
    assert [(row[1], row[5]) for row in rows if row[0] == "service"] == [("users", ""), ("orders", "users")]
    assert mgov("status", "--exit-code")[0] == NO


def test_a_fleet_that_was_mended_is_well_when_it_is_looked_at_again(servers, mgov, tmp_path):
    (tmp_path / "users" / "fails").touch()
    mgov("health")
    (tmp_path / "users" / "fails").unlink()
    status, out = mgov("why", "web", "--now", "-o", "json")
    assert (status, json.loads(out)["roots"]) == (OK, [])
