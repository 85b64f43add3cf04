"""The breaker commands, as a shell sees them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mgov import Platform, Registration

CHILD = (sys.executable, "-c")


@pytest.fixture
def store(tmp_path):
    path, _ = Platform.create(tmp_path / "store")
    with Platform.open(path) as platform:
        for port, name in ((8080, "one"), (8081, "two")):
            fields = Registration(id=name, health="none")
            platform.registry.register("payments", f"http://127.0.0.1:{port}", fields=fields)
    return path


@pytest.fixture
def mgov(run, store):
    def breaker(*argv, env=None, **options):
        return run("breaker", *argv, env={"MGOV_STORE": store, **(env or {})}, **options)

    return breaker


def stays(mgov, *argv):
    result = mgov(*argv)
    assert (result.code, result.err) == (0, "")
    return result.out


def trip_until_due(mgov):
    """Open it for a millisecond, and let that pass."""
    assert mgov("trip", "payments", "--until", "1ms") == (0, "changed\tpayments\t\t\n", "")
    while "to be probed now" not in stays(mgov, "show", "payments"):
        pass


def test_the_whole_life_of_a_breaker_is_told_in_shell_commands(mgov):
    assert mgov("set", "payments", "--threshold", "2", "--open-for", "1h") == (0, "changed\tpayments\t\t4\n", "")
    assert mgov("check", "payments") == (0, "", "")
    assert mgov("record", "payments", "failure", "--kind", "timeout") == (0, "", "")
    assert mgov("record", "payments", "failure", "--kind", "5xx", "--latency", "20ms") == (
        0, "", "the breaker of payments is open now: 2 failures in a row, the last: 5xx\n")  # fmt: skip
    refused = mgov("check", "payments")
    assert (refused.code, refused.out) == (6, "")
    assert refused.err.startswith(
        "mgov: the breaker of payments is open (2 failures in a row, the last: 5xx); try again in 5"
    )
    assert refused.err.endswith("\nhint: mgov breaker show payments\n")
    trip_until_due(mgov)
    assert mgov("check", "payments") == (
        0, "3-1\n", "a probe: record what becomes of it within 30s, with this token\n")  # fmt: skip
    assert mgov("check", "payments") == (
        6, "",
        "mgov: the breaker of payments is half-open (tripped by hand), with 1 probe under way; try again in 30s\n"
        "hint: mgov breaker show payments\n",
    )  # fmt: skip


def test_a_probe_is_recorded_with_its_token(mgov):
    trip_until_due(mgov)
    token = mgov("check", "payments").out.strip()
    assert token == "2-1"
    told = "the breaker of payments stays half-open: without the token that check printed, a report closes nothing\n"
    assert mgov("record", "payments", "success") == (0, "", told)
    assert mgov("record", "payments", "success", "1-7") == (
        0, "", "the breaker of payments stays half-open: this token is over, a report closes nothing\n")  # fmt: skip
    assert mgov("record", "payments", "success", token) == (
        0, "", "the breaker of payments is closed now: 1 probe passed\n")  # fmt: skip
    assert mgov("record", "payments", "success", "") == (0, "", "")


def test_a_command_runs_through_the_breaker(mgov):
    stays(mgov, "set", "payments", "--threshold", "2")
    assert mgov("run", "payments", "--", *CHILD, "raise SystemExit(3)") == (3, "", "child exited 3\n")
    for status in (126, 127):
        assert mgov("run", "payments", "--", *CHILD, f"raise SystemExit({status})").code == status
    for status in (130, 143):
        assert mgov("run", "payments", "--", *CHILD, f"raise SystemExit({status})").code == status
    assert mgov("run", "payments", "--", "no-such-program") == (127, "", "mgov: no-such-program: no such program\n")
    assert mgov("run", "payments", "--", *CHILD, "raise SystemExit(4)") == (
        4, "",
        "the breaker of payments is open now: 2 failures in a row, the last: error\nchild exited 4\n",
    )  # fmt: skip
    refused = mgov("run", "payments", "--", *CHILD, "open('ran', 'w')")
    assert (refused.code, refused.out) == (6, "")
    assert not Path("ran").exists()
    document = json.loads(stays(mgov, "show", "payments", "-o", "json"))
    assert document["statistics"] == {"total": 6, "successful": 0, "failed": 2, "rejected": 1, "slow": 0}


def test_a_command_that_the_deadline_ends_is_a_failure(mgov):
    stays(mgov, "set", "payments", "--threshold", "1")
    assert mgov("run", "payments", "--deadline", "300ms", "--", *CHILD, "import time; time.sleep(20)") == (
        5, "",
        "the breaker of payments is open now: 1 failure: timeout\nmgov: the deadline of 300ms is over\n",
    )  # fmt: skip


def test_show_says_how_many_probes_are_under_way(mgov):
    trip_until_due(mgov)
    token = mgov("check", "payments").out.strip()
    line = "state\thalf-open (tripped by hand), 1 probe under way, a place free in 30s\n"
    assert line in stays(mgov, "show", "payments")
    mgov("record", "payments", "cancelled", token)
    assert "state\thalf-open (tripped by hand), the next call is a probe\n" in stays(mgov, "show", "payments")


def test_a_command_that_succeeds_closes_what_is_due(mgov):
    trip_until_due(mgov)
    assert mgov("run", "payments", "--", *CHILD, "") == (
        0, "", "the breaker of payments is closed now: 1 probe passed\nchild exited 0\n")  # fmt: skip


def test_show_tells_scripts_everything(mgov):
    stays(mgov, "set", "payments", "--threshold", "1", "--ignore", "404,503")
    stays(mgov, "record", "payments", "success", "--instance", "one")
    mgov("record", "payments", "failure")
    document = json.loads(stays(mgov, "show", "payments", "-o", "json"))
    assert {key: document[key] for key in ("name", "state", "failures", "reason", "statistics", "forced")} == {
        "name": "payments", "state": "open", "failures": 1, "reason": "1 failure", "forced": None,
        "statistics": {"total": 1, "successful": 0, "failed": 1, "rejected": 0, "slow": 0},
    }  # fmt: skip
    assert document["opened_at"] == document["last_failure_at"] < document["retry_at"]
    assert document["last_success_at"] is None
    assert document["policy"]["ignore"] == ["404", "503"]
    assert document["policy"]["open_cap_s"] == 600.0
    assert [one["instance"] for one in document["instances"]] == ["one"]
    assert [(t["sequence"], t["before"], t["after"]) for t in document["transitions"]] == [(1, "closed", "open")]
    one = json.loads(stays(mgov, "show", "payments", "one", "-o", "json"))
    assert (one["instance"], one["statistics"]["successful"], one["instances"]) == ("one", 1, [])
    assert mgov("show", "payments", "two") == (
        3, "", "mgov: the breaker of payments/two was not used yet\nhint: one of one\n")  # fmt: skip


def test_show_tells_a_person_everything(mgov):
    stays(mgov, "set", "payments", "--slow-call", "2s", "--failure-rate", "0", "--ignore", "503", "--half-open", "2")
    stays(mgov, "trip", "payments", "one", "--until", "2h", "--reason", "bad disk")
    assert mgov("show", "payments") == (
        0,
        "name\tpayments\n"
        "state\tclosed\n"
        "calls\t0 total\n"
        "opens at\t5 failures in a row or 50% slower than 2s of at least 20 calls within 10s\n"
        "rests\t1m, growing to 10m\n"
        "probes\t2 at once, 1 must pass\n"
        "counts\trefused, timeout, reset, tls, protocol, 5xx, error\n"
        "ignores\t503\n"
        "instance\tone  open (bad disk), to be probed in 2h\n"
        "changed\tone  0s ago, closed to open (bad disk)\n",
        "",
    )


def test_all_breakers_are_listed(mgov, run, store):
    run("register", "users", "-S", store)
    stays(mgov, "trip", "payments", "one", "--until", "2h", "--reason", "bad disk")
    stays(mgov, "set", "users", "--force", "off")
    rows = [line.split("\t") for line in stays(mgov, "list").splitlines()]
    assert [row[:4] for row in rows] == [
        ["payments", "", "closed", "0"], ["payments", "one", "open", "0"], ["users", "", "off", "0"]]  # fmt: skip
    assert stays(mgov, "list", "-o", "name") == "payments\npayments/one\nusers\n"
    assert stays(mgov, "list", "nothing*", "-o", "json") == "[]\n"
    table = mgov("list", "pay*", tty=True, env={"TERM": "dumb", "COLUMNS": "110"})
    assert table.out.splitlines()[2].split() == [
        "payments", "one", "open", "0", "in", "2h", "0", "0", "0", "bad", "disk"]  # fmt: skip


def test_the_same_again_is_unchanged(mgov):
    for argv in (
        ("trip", "payments", "--reason", "bad"),
        ("reset", "payments"),
        ("set", "payments", "--threshold", "3"),
        ("set", "payments", "--force", "closed"),
        ("set", "payments", "--force", "none"),
        ("set", "payments", "--replace"),
    ):
        assert stays(mgov, *argv).startswith("changed\tpayments"), argv
        assert stays(mgov, *argv).startswith("unchanged\tpayments"), argv


def test_what_is_forced_open_says_so(mgov):
    stays(mgov, "set", "payments", "--force", "open", "--until", "2h", "--reason", "bad release")
    assert mgov("check", "payments") == (
        6, "",
        "mgov: the breaker of payments is forced open (bad release); try again in 2h\n"
        "hint: mgov breaker show payments\n",
    )  # fmt: skip
    assert "state\tforced open (bad release), for 2h more\n" in stays(mgov, "show", "payments")
    document = json.loads(stays(mgov, "show", "payments", "-o", "json"))
    assert (document["forced"]["state"], document["forced"]["until"]) == ("open", document["retry_at"])


@pytest.mark.parametrize(
    ("argv", "code", "err"),
    [
        (("check", "paymnts"), 3, "mgov: no service paymnts\nhint: did you mean payments?\n"),
        (("trip", "payments", "onee"), 3, "mgov: no instance onee of payments\nhint: did you mean one?\n"),
        (("check", "payments", "onee"), 3, "mgov: no instance onee of payments\nhint: did you mean one?\n"),
        (("trip", "paymnts"), 3, "mgov: no service paymnts\nhint: did you mean payments?\n"),
        (("run", "paymnts", "--", "true"), 3, "mgov: no service paymnts\nhint: did you mean payments?\n"),
        (("set", "paymnts", "--threshold", "1"), 3, "mgov: no service paymnts\nhint: did you mean payments?\n"),
        (("check", "../x"), 2, "mgov: '../x' is not a valid service name\nhint: use x; --title holds any text\n"),
        (("trip", "payments", "../x"), 2, "mgov: '../x' is not a valid instance name\nhint: use x\n"),
        (("run", "payments"), 2, "mgov: there is no command behind --\nhint: mgov breaker run payments -- COMMAND\n"),
        (("run", "payments", "--hold", "0s", "--", "true"), 2, "mgov: a timeout is at least 1ms, not 0s\n"),
        (("trip", "payments", "--until", "soon"), 2,
         "mgov: 'soon' is neither a duration nor an RFC 3339 time\n"
         "hint: write it like 2h or 2026-01-02T03:04:05Z\n"),
        (("record", "payments", "sucess"), 2,
         "mgov: 'sucess' is no outcome of a call\n"
         "hint: did you mean success? one of success, failure, ignored, cancelled\n"),
        (("record", "payments", "success", "--kind", "5xx"), 2,
         "mgov: --kind belongs to a failure\nhint: mgov breaker record payments failure --kind 5xx\n"),
        (("record", "payments"), 2,
         "mgov: missing argument success|failure|ignored|cancelled\n"
         "hint: mgov breaker record [OPTIONS] NAME success|failure|ignored|cancelled [TOKEN]\n"),
        (("record", "payments", "failure", "--kind", "tiemout"), 2,
         "mgov: 'tiemout' is no kind of failure\nhint: did you mean timeout? one of refused, timeout, reset, tls, "
         "protocol, 4xx, 5xx, error, or a status such as 503\n"),
        (("record", "payments", "success", "soon"), 2,
         "mgov: 'soon' is not a token\nhint: give what mgov breaker check printed\n"),
        (("record", "payments", "success", "--latency", "5"), 2, "mgov: '5' is not a duration\nhint: 5s\n"),
        (("set", "payments"), 2,
         "mgov: nothing to set was given\nhint: mgov breaker show payments, or: mgov breaker set --help\n"),
        (("set", "payments", "--threshold", "1", "--instance", "one"), 2,
         "mgov: all instances of a service have its policy: --instance goes with --force\n"),
        (("set", "payments", "--until", "2h"), 2,
         "mgov: nothing to set was given\nhint: mgov breaker show payments, or: mgov breaker set --help\n"),
        (("set", "payments", "--threshold", "1", "--until", "2h"), 2,
         "mgov: --until and --reason go with --force\nhint: mgov breaker trip payments\n"),
        (("set", "payments", "--force", "opn"), 2,
         "mgov: a breaker cannot be forced 'opn'\nhint: did you mean open? one of open, closed, off, none\n"),
        (("set", "payments", "--failure-rate", "nan"), 2,
         "mgov: 'nan' is not a share\nhint: write it like 50% or 0.5\n"),
        (("set", "payments", "--count", "timout"), 2,
         "mgov: breaker.count: 'timout' is no kind of failure\nhint: did you mean timeout? one of refused, timeout, "
         "reset, tls, protocol, 4xx, 5xx, error, or a status such as 503\n"),
        (("trip", "payments", "--until", "2000-01-01T00:00:00Z"), 2,
         "mgov: 2000-01-01T00:00:00Z has passed already\n"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_line(mgov, argv, code, err):
    assert mgov(*argv) == (code, "", err)


def test_a_damaged_file_counts_as_closed_with_a_warning(mgov, store):
    stays(mgov, "trip", "payments")
    file = Path(store, "state", "breaker", "payments.json")
    file.write_bytes(file.read_bytes()[:-9])
    result = mgov("check", "payments")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("warning: state/breaker/payments.json is damaged: ")


def test_a_policy_in_a_manifest_is_applied_shown_and_refused_by_name(run, mgov, store, tmp_path):
    manifest = tmp_path / "fleet.toml"
    manifest.write_text('[services.payments.breaker]\nthreshold = 7\nopen_for = "5s"\n')
    assert run("apply", "-f", str(manifest), "-S", store).out == "changed\tpayments\t\tbreaker\n"
    assert "opens at\t7 failures" in stays(mgov, "show", "payments")
    assert "[services.payments.breaker]\nthreshold = 7\nopen_for = \"5s\"\n" in run("export", "-S", store).out
    manifest.write_text("[services.payments.breaker]\ntreshold = 7\n")
    assert run("apply", "-f", str(manifest), "-S", store) == (
        2, "", f"mgov: {manifest}: services.payments: a breaker has no key 'treshold'\nhint: did you mean threshold?\n"
    )  # fmt: skip


def test_how_long_is_left_is_told_to_the_minute_where_that_is_long_and_survives_a_narrow_terminal(mgov):
    mgov("trip", "payments", "--until", "6670s", "--reason", "being repaired by the accounts team")
    row = next(line for line in mgov("list", tty=True, env={"COLUMNS": "60", "NO_COLOR": "1"}).out.splitlines()
               if line.startswith("payments") and " open " in line)
    assert "  in 1h52m  " in row
