"""discover, over real servers on loopback."""

import json


def test_discover_probes_what_nobody_looked_at_and_answers_in_every_form(mgov, server):
    mgov("register", "orders", server.url, "--health", "/h", "--tag", "edge", "--region", "eu")
    assert mgov("discover", "orders", "-o", "url") == (0, f"{server.url}\n", "")
    assert server.seen == 1
    assert mgov("discover", "orders", "-o", "hostport").out == f"127.0.0.1:{server.port}\n"
    assert mgov("discover", "orders", "-o", "name").out == f"{server.id}\n"
    assert f"ORDERS_URL={server.url}\n" in mgov("discover", "orders", "-o", "env").out
    (found,) = json.loads(mgov("discover", "orders", "-o", "json").out)
    expected = {"service": "orders", "id": server.id, "host": "127.0.0.1", "port": server.port, "protocol": "http",
                "url": server.url, "status": "healthy", "region": "eu", "zone": "", "version": "", "weight": 1,
                "tags": ["edge"], "metadata": {}}  # fmt: skip
    assert {key: found[key] for key in expected} == expected
    assert found["checked_at"].endswith("Z")
    assert server.seen == 1


def test_discover_filters_picks_and_limits(mgov, server):
    mgov("register", "orders", server.url, "--tag", "a", "--version", "1.2.0", "--meta", "rack=r7")
    mgov("register", "orders", "http://127.0.0.1:1", "--health", "none", "--tag", "b", "--version", "2.0.0")
    names = lambda *argv: mgov("discover", "orders", "-o", "name", *argv).out.split()  # noqa: E731
    assert names() == ["127.0.0.1-1", server.id]
    assert names("--tag", "a") == names("--version", "^1") == names("--meta", "rack=r7") == [server.id]
    assert names("--limit", "1") == ["127.0.0.1-1"]
    assert sorted(names("--pick", "round-robin") + names("--pick", "round-robin")) == ["127.0.0.1-1", server.id]
    assert names("--pick", "hash", "--key", "u1") == names("--pick", "hash", "--key", "u1")
    refused = mgov("discover", "orders", "--zone", "z")
    assert (refused.code, refused.err.splitlines()[0]) == (
        6, "mgov: orders has 2 instances, none matches the filter")


def test_discover_without_a_healthy_instance_is_refused_with_each_reason(mgov, gone):
    mgov("register", "orders", gone.url)
    refused = mgov("discover", "orders", "-o", "json")
    error = json.loads(refused.err)["error"]
    assert (refused.code, refused.out, error["code"]) == (6, "", "none-healthy")
    assert error["message"] == f"no instance of orders may be used: {gone.id} unhealthy (connection refused)"
    (shown,) = json.loads(mgov("discover", "orders", "--all", "-o", "json").out)
    assert shown["status"] == "unhealthy"


def test_discover_without_check_answers_from_the_store(mgov, server):
    mgov("register", "orders", server.url, "--health", "/")
    refused = mgov("discover", "orders", "--no-check")
    assert (refused.code, server.seen) == (6, 0)
    assert "starting (not checked yet)" in refused.err
    mgov("health", "orders")
    assert mgov("discover", "orders", "--no-check", "-o", "name").out == f"{server.id}\n"
    assert server.seen == 1
    mgov("discover", "orders", "--max-age", "0s")
    assert server.seen == 2


def test_waiting_for_a_service_that_never_comes_is_a_timeout(mgov):
    late = mgov("discover", "orders", "--wait", "1ms")
    assert (late.code, late.err.splitlines()[0]) == (5, "mgov: after 1ms: no service orders")


def test_a_watch_in_json_is_one_line_for_each_answer(mgov, monkeypatch, server):
    from mgov.clock import SystemClock

    def stop(self, seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(SystemClock, "sleep", stop)
    mgov("register", "orders", server.url)
    watched = mgov("discover", "orders", "--watch", "-o", "json")
    assert watched.code == 130
    (line,) = watched.out.splitlines()
    assert [m["id"] for m in json.loads(line)] == [server.id]


def test_a_pick_prefers_the_callers_zone_by_option_or_variable(mgov):
    for zone in ("a", "b"):
        mgov("register", "orders", f"http://127.0.0.1:{80 + ord(zone)}", "--health", "none", "--zone", zone)
    pick = ("discover", "orders", "--pick", "random", "-o", "hostport")
    assert {mgov(*pick, "--prefer-zone", "b").out for _ in range(8)} == {"127.0.0.1:178\n"}
    assert {mgov(*pick, env={"MGOV_ZONE": "a"}).out for _ in range(8)} == {"127.0.0.1:177\n"}
    assert mgov(*pick, "--prefer-zone", "b", env={"MGOV_ZONE": "a"}).out == "127.0.0.1:178\n"
    assert mgov(*pick, "--prefer-zone", "nowhere", "--limit", "5").out.count("\n") == 2
    assert mgov("discover", "orders", "--prefer-zone", "a") == (
        2, "", "mgov: --prefer-zone goes with --pick\nhint: --zone shows the instances of one zone only\n")


def test_picking_among_instances_without_weight_answers(mgov):
    mgov("register", "orders", "http://127.0.0.1:177", "--health", "none", "--weight", "0")
    assert mgov("discover", "orders", "--pick", "random", "-o", "hostport") == (0, "127.0.0.1:177\n", "")
