"""audit as a person types it: codes, whole stdout, whole stderr."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

SHOP = """\
[services.web]
title = "<b>shop</b>"
owner = "front"
domain = "shop"
api = ["GET /"]
dependencies = ["orders"]
instances = [{ url = "http://127.0.0.1:1", health = "/health" }, { url = "http://127.0.0.1:2", health = "/health" }]

[services.orders]
owner = "shop\\u202e[red]"
domain = "shop"
api = ["GET /orders"]
instances = [{ url = "http://127.0.0.1:3", health = "none" }]
"""
POLICY = """\
[audit.weights]
configuration = 0

[[audit.waivers]]
rule = "redundancy"
service = "ord*"
reason = "runs once a night"
until = "{until}"
"""


@pytest.fixture
def store(run, tmp_path):
    path = str(tmp_path / "store")
    (tmp_path / "shop.toml").write_text(SHOP, encoding="utf-8")
    assert run("init", path).code == 0
    assert run("apply", "-f", str(tmp_path / "shop.toml"), "-S", path).code == 0
    return tmp_path / "store"


@pytest.fixture
def audit(run, store):
    return lambda *words, **options: run("audit", *words, "-S", str(store), **options)


MEND = "mgov register orders http://127.0.0.1:3 --id 127.0.0.1-3 --health /health"
ROWS = f"""\
health-check\torders\thigh\tnothing checks it: 1 of 1 instances (127.0.0.1-3)\t{MEND}
redundancy\torders\thigh\tit has one instance\tmgov register orders http://HOST:PORT
breaker\torders\tmedium\tweb calls it, and nothing says when its breaker opens\tmgov breaker set orders --slow-call 2s
configuration\torders\tlow\tit has no configuration\tmgov config set orders KEY=VALUE
configuration\tweb\tlow\tit has no configuration\tmgov config set web KEY=VALUE
"""
COUNTED = "2 services, 5 findings\n"


def test_in_a_pipe_it_is_one_finding_a_line_the_heaviest_first(audit):
    assert audit() == (0, ROWS, f"76 of 100, {COUNTED}")


def test_on_a_terminal_it_is_a_card_with_what_to_type_below_each_finding(audit):
    assert audit(tty=True, env={"NO_COLOR": "1"}) == (0, f"""\
score 76 of 100

health-check  broken by 1    Every instance has a check that asks the service
cycle         kept           No services call each other in a circle
dangling      kept           Every dependency is registered
redundancy    broken by 1    Every service has at least two instances
api           kept           What speaks HTTP declares its API
breaker       broken by 1    A breaker stands before what others wait for
datastore     kept           No two services share a datastore
domains       kept           No chain of calls passes too many domains
ownership     kept           Every service has an owner and a domain
configuration broken by 2    Every service is configured outside its code

orders  58
  health-check  nothing checks it: 1 of 1 instances (127.0.0.1-3)
                $ {MEND}
  redundancy    it has one instance
                $ mgov register orders http://HOST:PORT
  breaker       web calls it, and nothing says when its breaker opens
                $ mgov breaker set orders --slow-call 2s
  configuration it has no configuration
                $ mgov config set orders KEY=VALUE

web  95
  configuration it has no configuration
                $ mgov config set web KEY=VALUE
""", f"76 of 100, {COUNTED}")  # fmt: skip


def test_a_terminal_with_colours_paints_scores_and_severities(audit):
    shown = audit(tty=True, env={"TERM": "xterm"}).out
    assert "\x1b[33mscore 76 of 100\x1b[0m" in shown
    assert "  \x1b[31mredundancy    \x1b[0mit has one instance" in shown


def test_below_the_asked_minimum_it_ends_with_1(audit):
    assert audit("--min", "76").code == 0
    failed = audit("--min", "77", "-o", "name")
    assert failed == (1, "orders\nweb\n", "76 of 100, at least 77 is asked for, 2 services, 5 findings\n")
    assert audit("--min", "101").code == 2


def test_one_rule_over_one_service_is_asked_alone(audit):
    assert audit("ord*", "--rule", "redundancy", "--rule", "api") == (
        0, ROWS.splitlines(keepends=True)[1], "40 of 100, 1 service, 1 finding\n")  # fmt: skip
    assert audit("web", "--rule", "redundancy") == (0, "", "100 of 100, 1 service, 0 findings\n")


def test_what_is_mended_as_told_is_found_no_more(run, store, audit):
    for line in (MEND, "mgov register orders http://127.0.0.1:4 --health /health", "mgov config set web KEY=VALUE"):
        assert run(*line.split()[1:], "-S", str(store)).code == 0
    assert audit("--columns", "rule,service").out == "breaker\torders\nconfiguration\torders\n"


def test_waivers_count_until_their_last_day_and_an_ended_one_is_said(store, audit):
    (store / "policy.toml").write_text(POLICY.format(until="9999-12-31"))
    assert audit("--columns", "rule") == (0, "health-check\nbreaker\n", "86 of 100, 2 services, 2 findings, 1 waived\n")
    (store / "policy.toml").write_text(POLICY.format(until="2020-01-01"))
    assert audit("--columns", "rule") == (0, "health-check\nredundancy\nbreaker\n", """\
warning: the waiver of redundancy for ord* ended on 2020-01-01: runs once a night
80 of 100, 2 services, 3 findings
""")
    (store / "policy.toml").write_text(POLICY.format(until="9999-12-31").replace("ord*", "oders"))
    assert audit("--columns", "rule").err.splitlines()[0] == (
        "warning: the waiver of redundancy for oders lets nothing pass: no service has such a name")
    assert audit("web", "--columns", "rule").err == "100 of 100, 1 service, 0 findings\n", "nobody asked of the rest"
    (store / "policy.toml").write_text("[audit]\nmin = 3\n")
    assert audit() == (8, "", "mgov: policy.toml: audit has no key 'min'\nhint: mend policy.toml\n")


def test_json_has_the_scores_the_findings_and_what_was_waived(store, audit):
    (store / "policy.toml").write_text(POLICY.format(until="9999-12-31"))
    card = json.loads(audit("-o", "json").out)
    assert card.pop("at")
    assert card.pop("rules")[0] == {"name": "health-check", "weight": 20, "broken_by": 1}
    waiver = {"rule": "redundancy", "service": "ord*", "reason": "runs once a night", "until": "9999-12-31"}
    redundancy = {"rule": "redundancy", "severity": "high", "weight": 15, "service": "orders", "services": ["orders"],
                  "evidence": "it has one instance", "mend": "mgov register orders http://HOST:PORT"}  # fmt: skip
    assert card.pop("findings")[0] == {
        "rule": "health-check", "severity": "high", "weight": 20, "service": "orders", "services": ["orders"],
        "evidence": "nothing checks it: 1 of 1 instances (127.0.0.1-3)", "mend": MEND,
    }  # fmt: skip
    assert card == {
        "score": 86, "service_count": 2, "finding_count": 2, "damaged": [],
        "services": [{"name": "orders", "score": 73, "broken": ["health-check", "breaker"]},
                     {"name": "web", "score": 100, "broken": []}],
        "waived": [{**redundancy, "reason": "runs once a night", "until": "9999-12-31"}],
        "waivers": [{**waiver, "is_over": False, "finding_count": 1, "service_count": 1}],
    }  # fmt: skip


def test_the_findings_reach_a_ci_server_as_junit_and_annotations(tmp_path, audit):
    file = tmp_path / "audit.xml"
    done = audit("--rule", "redundancy", "--rule", "cycle", "--junit", str(file), "--github", "-o", "name")
    assert done == (0, "orders\n", """\
::error title=redundancy%3A orders::it has one instance; mend: mgov register orders http://HOST:PORT
75 of 100, 2 services, 1 finding
""")
    suite = ElementTree.parse(file).getroot()
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("2", "1")
    assert audit("--junit", str(tmp_path / "no" / "audit.xml")).code == 74


def test_an_empty_store_and_an_unknown_name_are_nothing_to_audit(run, tmp_path, audit):
    empty = str(tmp_path / "empty")
    run("init", empty)
    assert run("audit", "-S", empty, "--min", "1") == (
        3, "", "mgov: there is no service to audit\nhint: mgov register NAME URL\n")  # fmt: skip
    assert audit("oders") == (3, "", "mgov: no service oders\nhint: did you mean orders?\n")
    assert audit("--rule", "redundacy").code == 2
    assert audit("--rule", "").code == 2


def test_a_damaged_service_is_shown_as_such_and_the_rest_is_complete(store, audit):
    (store / "services" / "orders.toml").write_bytes(b"\x00broken")
    for copy in (store / "history" / "services" / "orders").iterdir():
        copy.unlink()
    done = audit("-o", "card")
    assert done.code == 8
    assert done.out.endswith("\n\norders  damaged: mgov store check\n")
    assert "dangling      kept" in done.out
    assert done.err.splitlines()[-1] == "95 of 100, 1 service, 1 finding, 1 damaged: mgov store check"
    (store / "services" / "orders.toml").unlink()


def test_a_damaged_file_of_instances_blames_nobody_for_having_none(store, audit):
    (store / "instances" / "orders.json").write_bytes(b"\x00broken")
    done = audit("--rule", "redundancy", "--rule", "health-check")
    assert (done.code, done.out) == (8, "")
