"""why: what a service fails because of."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("clock")          # from the first command on

SCREEN = {"TERM": "dumb", "COLUMNS": "80"}


@pytest.fixture
def fleet(mgov, clock, server):
    """web needs orders, which needs users: the server; mail needs users too and can do without."""
    mgov("register", "users", server.url, "--health", "/", "--id", "users-1", "--check-expect", "status=200")
    mgov("register", "orders", "--ttl", "1h", "--id", "orders-1", "--depends-on", "users")
    mgov("register", "web", "--ttl", "1h", "--id", "web-1", "--depends-on", "orders")
    mgov("register", "mail", "--depends-on", "users:async:optional")
    mgov("heartbeat", "orders")
    mgov("heartbeat", "web")
    clock.advance(1800)
    mgov("health")
    clock.advance(300)
    mgov("config", "set", "users", "pool=3", "-m", "smaller pool")
    clock.advance(60)
    server.status = 500
    mgov("health")
    clock.advance(30)


def without_phases(text):
    """The lines without what a probe measured, which is different each time."""
    return "".join(line for line in text.splitlines(keepends=True) if "first byte" not in line)


def test_a_person_reads_root_evidence_changes_and_what_to_type_next(mgov, server, fleet):
    shown = mgov("why", "web", tty=True, env=SCREEN)
    assert (shown.code, shown.err) == (0, "")
    assert without_phases(shown.out) == (
        "now       web is well, but it needs users, which fails\n"
        "          as last seen 30s ago\n"
        "root      users fails for 30s, 0 of 1 healthy\n"
        "          web -> orders -> users\n"
        f"evidence  users-1  {server.url}/\n"
        "            expected status=200, observed 500 Internal Server Error\n"
        "before    1m before  users  configuration default 1, set: smaller pool, by\n"
        "                              tester\n"
        "next      mgov why users\n"
        "          mgov probe users\n"
        "          mgov config history users\n"
    )


def test_of_the_root_itself_it_says_who_suffers(mgov, server, fleet):
    out = mgov("why", "users", tty=True, env=SCREEN).out
    assert out.startswith("now       users fails for 30s\n")
    assert (
        "suffers   orders  required                 healthy\n"
        "          web     required through orders  healthy\n"
        "          mail    optional, asynchronous   empty\n"
    ) in out


def test_a_script_cuts_rows_by_their_section(mgov, server, fleet):
    rows = [line.split("\t") for line in mgov("why", "web").out.splitlines()]
    assert {len(row) for row in rows} == {5}
    assert [row for row in rows if row[0] in ("root", "change")] == [
        ["root", "users", "unhealthy", "2027-01-15T08:36:00.000Z", "web orders users"],
        ["change", "users", "config", "2027-01-15T08:35:00.000Z",
         "configuration default 1, set: smaller pool, by tester"],
    ]
    assert mgov("why", "web", "-o", "name").out == "users\n"


def test_the_json_holds_everything(mgov, server, fleet):
    found = json.loads(mgov("why", "web", "-o", "json").out)
    (root,) = found["roots"]
    assert (root["service"], root["path"], root["since"]) == (
        "users", ["web", "orders", "users"], "2027-01-15T08:36:00.000Z")  # fmt: skip
    (instance,) = root["instances"]
    assert instance["evidence"]["expectations"] == [
        {"expect": "status=200", "observed": "500 Internal Server Error", "is_met": False, "is_soft": False}]
    assert instance["evidence"]["total_ms"] > 0
    assert found["changes"] == [{
        "at": "2027-01-15T08:35:00.000Z", "service": "users", "kind": "config",
        "text": "configuration default 1, set: smaller pool", "by": "tester", "subject": "default",
    }]  # fmt: skip
    assert found["window"] == {"from": "2027-01-15T08:15:00.000Z", "to": "2027-01-15T08:36:00.000Z"}
    assert found["next"][0] == "mgov why users"


def test_a_service_that_is_well_says_since_when(mgov, server, fleet, clock):
    server.status = 200
    clock.advance(30)
    shown = mgov("why", "users", "--now", tty=True, env=SCREEN)
    assert shown.out.splitlines()[:2] == ["now       users is well for 0s", "          as last seen 0s ago"]


def test_what_is_too_old_is_said_and_looked_at_again_on_demand(mgov, server, fleet, clock):
    clock.advance(3600)
    lines = mgov("why", "users", tty=True, env=SCREEN).out.splitlines()
    assert lines[1] == "          as last seen 1h ago, which is too old to trust"
    assert "next      mgov why users --now" in lines


def test_an_unknown_service_is_not_found_with_a_suggestion(mgov, server, fleet):
    for words in (("why", "user"), ("why", "user", "--now")):
        shown = mgov(*words)
        assert (shown.code, shown.out) == (3, "")
        assert shown.err == "mgov: no service user\nhint: did you mean users?\n"


def test_a_damaged_need_is_told_and_the_status_is_eight(mgov, server, fleet, store):
    path = store / "instances" / "orders.json"
    path.write_bytes(path.read_bytes()[:-9])
    shown = mgov("why", "web", tty=True, env=SCREEN)
    assert shown.code == 8
    assert "damaged   orders: its files cannot be read\n" in shown.out
    assert "root      users fails for 30s" in shown.out


def test_text_that_others_wrote_is_shown_as_text_and_wraps(mgov, server, clock):
    mgov("register", "worker", "--ttl", "1h", "--id", "w-1")
    mgov("heartbeat", "worker", "--status", "unhealthy", "--note", "[red]\x1b[31m " + "so long " * 12)
    out = mgov("why", "worker", tty=True, env=SCREEN).out
    assert "\x1b" not in out
    assert "            [red]\\x1b[31m so long" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_on_a_narrow_screen_what_happened_stands_below_its_time(mgov, fleet):
    out = mgov("why", "web", tty=True, env={**SCREEN, "COLUMNS": "40"}).out
    assert "before    1m before  users\n            configuration default 1," in out
    assert all(len(line) <= 40 for line in out.splitlines())


def test_of_a_root_that_lives_by_heartbeats_no_probe_is_offered(mgov):
    mgov("register", "worker", "--ttl", "1h", "--id", "w-1")
    mgov("heartbeat", "worker", "--status", "unhealthy")
    assert "next      mgov show worker\n" in mgov("why", "worker", tty=True, env=SCREEN).out


def test_several_roots_are_named_in_one_sentence(mgov, server):
    for name in ("users", "stock"):
        mgov("register", name, server.url, "--health", "/", "--check-expect", "status=200")
    mgov("register", "web", "--depends-on", "users", "--depends-on", "stock")
    server.status = 500
    mgov("health")
    first = mgov("why", "web", tty=True, env=SCREEN).out.splitlines()[0]
    assert first == "now       web has no instances, but it needs stock and users, which fail"


def test_of_instances_that_fail_for_one_reason_the_first_is_shown(mgov, server):
    mgov("register", "web")
    assert mgov("why", "web", tty=True, env=SCREEN).out.splitlines()[2:] == [
        "next      mgov register web URL", "          mgov graph impact web"]
    for number in range(3):
        mgov("register", "web", server.url, "--id", f"web-{number}", "--health", "/", "--check-expect", "status=200")
    server.status = 500
    mgov("health")
    lines = without_phases(mgov("why", "web", tty=True, env=SCREEN).out).splitlines()
    assert lines[1:5] == [
        "          as last seen 0s ago",
        f"evidence  web-0  {server.url}/",
        "            expected status=200, observed 500 Internal Server Error",
        "          and 2 more like it: mgov health web",
    ]
