"""status: the fleet on one screen."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("clock")          # from the first command on

SCREEN = {"TERM": "dumb", "COLUMNS": "80"}


@pytest.fixture
def fleet(mgov, clock, server):
    """web needs orders, which needs users: the server fails, a breaker is open, a limit is used up."""
    mgov("register", "users", server.url, "--health", "/", "--id", "users-1")
    mgov("register", "orders", server.url, "--health", "/", "--id", "orders-1", "--depends-on", "users")
    mgov("register", "web", "--ttl", "1h", "--id", "web-1", "--depends-on", "orders")
    mgov("heartbeat", "web")
    server.status = 500
    mgov("health")
    clock.advance(60)
    mgov("breaker", "trip", "users", "--until", "10m", "--reason", "bad release")
    mgov("limit", "set", "orders", "1/1m")
    mgov("limit", "take", "orders")
    mgov("config", "set", "users", "pool=3", "-m", "smaller pool")
    clock.advance(15)


def test_a_person_sees_the_worst_first_with_its_root_and_what_to_type_next(mgov, fleet):
    shown = mgov("status", tty=True, env=SCREEN)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == (
        "fleet     3 services, 3 instances: 1 healthy, 2 unhealthy\n"
        "looked    1m ago, at 3 targets; no watcher is known\n"
        "failing   users   0/1 up  for 1m  HTTP 500 Internal Server Error; 1 in danger\n"
        "          orders  0/1 up  for 1m  because of users; HTTP 500 Internal Server Er…\n"
        "breakers  users  open (bad release), to be probed in 9m45s\n"
        "limits    orders  over 1/1m, one is free in 45s\n"
        "configs   users  default 1  set by tester, 15s ago: smaller pool\n"
        "next      mgov why users\n"
        "          mgov breaker show users\n"
        "          mgov limit show orders\n"
        "          mgov health --watch\n"
    )


def test_a_script_cuts_rows_by_their_section(mgov, fleet):
    rows = [line.split("\t") for line in mgov("status").out.splitlines()]
    assert {len(row) for row in rows} == {6}
    assert [row for row in rows if row[0] in ("service", "breaker", "limit", "config")] == [
        ["service", "users", "unhealthy", "2027-01-15T08:00:00.000Z", "HTTP 500 Internal Server Error", ""],
        ["service", "orders", "unhealthy", "2027-01-15T08:00:00.000Z", "HTTP 500 Internal Server Error", "users"],
        ["breaker", "users", "open", "2027-01-15T08:11:00.000Z", "bad release", ""],
        ["limit", "orders", "refuses", "", "1/1m", ""],
        ["config", "users default 1", "set", "2027-01-15T08:01:00.000Z", "smaller pool", "tester"],
    ]
    counts = {row[1]: row[2] for row in rows if row[0] == "fleet"}
    assert counts == {
        "services": "3", "instances": "3", "healthy": "1", "degraded": "0", "unhealthy": "2", "starting": "0",
        "maintenance": "0", "declared": "0", "stale": "0", "unseen": "0",
    }  # fmt: skip
    assert mgov("status", "-o", "name").out == "users\norders\n"


def test_the_json_has_what_scripts_rely_on(mgov, fleet):
    found = json.loads(mgov("status", "-o", "json").out)
    assert found["at"] == "2027-01-15T08:01:15.000Z"
    assert found["registry"] == {
        **json.loads(mgov("stats", "-o", "json").out),
        "statuses": {"starting": 0, "healthy": 1, "degraded": 0, "unhealthy": 2, "maintenance": 0, "declared": 0},
        "stale_count": 0, "unseen_count": 0,
    }  # fmt: skip
    assert [(b["name"], b["state"], b["retry_at"]) for b in found["breakers"]] == [
        ("users", "open", "2027-01-15T08:11:00.000Z")]  # fmt: skip
    assert found["limits"] == [
        {"name": "orders", "rate": "1/1m", "burst": 1, "key": "orders", "key_count": 1, "retry_after_s": 45.0}]
    assert found["tracing"] is None
    assert found["configs"] == [
        {"service": "users", "environment": "default", "version": 1, "author": "tester",
         "at": "2027-01-15T08:01:00.000Z", "message": "smaller pool", "operation": "set"}]  # fmt: skip
    assert found["has_more_changes"] is False
    assert found["change_count"] >= 1
    assert [(one["service"], one["roots"]) for one in found["worst"]] == [("users", []), ("orders", [["users"]])]


def test_the_exit_status_says_no_only_when_asked(mgov, fleet, server):
    assert mgov("status").code == 0
    assert mgov("status", "--exit-code").code == 1
    server.status = 200
    mgov("health")
    assert mgov("status", "--exit-code").code == 0


def test_an_empty_store_says_what_to_type_first(mgov):
    shown = mgov("status", tty=True, env=SCREEN)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == (
        "fleet     nobody is registered yet\n"
        "looked    no sweep over the fleet is known; no watcher is known\n"
        "next      mgov register NAME URL\n"
        "          mgov apply -f fleet.toml\n"
        "          mgov import compose FILE\n"
    )


def test_a_damaged_service_is_shown_as_such_beside_the_rest(mgov, fleet, store):
    path = store / "instances" / "orders.json"
    path.write_bytes(path.read_bytes()[:-9])
    shown = mgov("status", tty=True, env=SCREEN)
    assert shown.code == 8
    lines = shown.out.splitlines()
    assert lines[0] == "damaged   instances/orders.json  cannot be read and is left out"
    assert [line.split()[1] for line in lines if line.startswith("failing")] == ["users"]
    assert lines[-4] == "next      mgov store check"
    assert ["damaged", "instances/orders.json", "left out", "", "", ""] in [
        line.split("\t") for line in mgov("status").out.splitlines()]  # fmt: skip


def test_foreign_text_is_shown_as_text(mgov, store, clock):
    clock.advance(-1)
    mgov("register", "worker", "--ttl", "1h", "--id", "w-1", "--title", "[red]x")
    mgov("heartbeat", "worker", "--status", "unhealthy", "--note", "[/] \x1b[31mred :skull:")
    shown = mgov("status", tty=True, env=SCREEN)
    assert "failing   worker  0/1 up    [/] \\x1b[31mred :skull:\n" in shown.out
    assert "\x1b" not in shown.out


def test_times_that_lie_ahead_are_said(mgov, fleet, clock):
    clock.jump(-7200)
    out = mgov("status", tty=True, env={**SCREEN, "COLUMNS": "120"}).out
    assert "looked    1h ahead of this clock, at 3 targets" in out
    assert "users   0/1 up, stale  since 1h ahead" in out


def test_a_watch_in_a_pipe_prints_what_changed(mgov, fleet, server, clock, monkeypatch):
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        server.status = 200
        mgov("health", "users")

    monkeypatch.setattr(clock, "sleep", sleep)
    shown = mgov("status", "--watch", "--count", "2", "--interval", "5s", "--exit-code")
    assert (shown.code, looks) == (1, [5.0])                # orders still counts as failing: nobody looked at it again
    rows = [line.split("\t")[:3] for line in shown.out.splitlines()]
    first = [row[0] for row in rows].index("next") + 4
    assert rows[first:] == [
        ["service", "users", "over"],
        ["fleet", "healthy", "2"],
        ["fleet", "unhealthy", "1"],
        ["service", "orders", "unhealthy"],                 # a root of its own now
        ["next", "1", ""],
    ]


def test_a_watch_as_json_is_one_line_per_look(mgov, fleet):
    lines = mgov("status", "--watch", "--count", "3", "-o", "json").out.splitlines()
    assert len({json.loads(line)["at"] for line in lines}) == 3


def test_a_count_without_a_watch_is_refused(mgov):
    shown = mgov("status", "--count", "2")
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == "mgov: --count goes with --watch\n"


def test_where_more_fails_than_the_screen_holds_the_roots_come_first(mgov):
    for root in ("mail", "users"):
        mgov("register", root, "--ttl", "1h", "--id", "i")
        for number in range(9):
            mgov("register", f"{root}-{number}", "--ttl", "1h", "--id", "i", "--depends-on", root)
    shown = mgov("status", tty=True, env={**SCREEN, "COLUMNS": "120"})
    lines = shown.out.splitlines()
    assert len(lines) <= 24
    reason = "no heartbeat yet (ttl 1h)"
    assert lines[2:4] == [
        f"failing   mail    0/1 up    {reason}; 9 more fail because of it",
        f"          users   0/1 up    {reason}; 9 more fail because of it",
    ]
    assert "and 14 more: mgov status -o name" in shown.out
    assert len(mgov("status", "-o", "name").out.splitlines()) == 20
