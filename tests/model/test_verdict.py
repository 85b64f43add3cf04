"""Whether expectations hold of what was measured, and the status that follows."""

from __future__ import annotations

import json
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.model.expectation import expectations_of, parse_expectation
from mgov.model.health import Check
from mgov.model.judgement import observe
from mgov.model.measurement import ERRORS, LOCAL_ERROR, Measurement
from mgov.model.verdict import judge

NOW = 1_000_000.0
DAY_S = 86400.0
ANSWER = Measurement("", "", 200, "OK", total_ms=150.0)


def verdict(text: str, seen: Measurement) -> tuple[bool, str]:
    [found] = judge([parse_expectation(text)], seen, at=NOW)
    return found.is_met, found.observed


def observed(seen: Measurement, *expect: str, kind: str = "http") -> tuple[str, str]:
    found = observe(Check(kind, f"{kind}://127.0.0.1:80/", 30.0, 5.0, expect), seen, at=NOW)
    return found.status, found.reason


@pytest.mark.parametrize(
    ("text", "seen", "is_met", "words"),
    [
        ("status=2xx", ANSWER, True, "200 OK"),
        ("status!=2xx", ANSWER, False, "200 OK"),
        ("status=201,204", ANSWER, False, "200 OK"),
        ("status<300", Measurement("", "", 300, ""), False, "300"),
        ("status<=300", Measurement("", "", 300, ""), True, "300"),
        ("status>200", ANSWER, False, "200 OK"),
        ("status=2xx", Measurement("", "", 302, "Found", location="/x"), False,
         "302 Found, a redirect to /x (not followed)"),
        ("status=2xx", Measurement("refused", "connection refused"), False, "connection refused"),
        ("latency=150ms", ANSWER, True, "150.0 ms"),
        ("latency<150ms", ANSWER, False, "150.0 ms"),
        ("latency=150ms", ANSWER._replace(total_ms=150.04), False, "150.04 ms"),
        ("latency<150ms", ANSWER._replace(total_ms=149.9996), True, "149.999600 ms"),
        ("latency=150ms", ANSWER._replace(total_ms=149.96), True, "150.0 ms"),
        ("latency=1m", Measurement("timeout", "no answer within 5s", total_ms=5000.0), False, "no answer within 5s"),
        ("header:x-env=prod", ANSWER._replace(headers=(("x-env", "prod"),)), True, '"prod"'),
        ("header:X-Env=prod", ANSWER._replace(headers=(("x-env", "dev"), ("x-env", "prod"))), True, '"dev", "prod"'),
        ("header:X-Env!=dev", ANSWER._replace(headers=(("x-env", "dev"), ("x-env", "prod"))), False, '"dev", "prod"'),
        ("header:Content-Type~^text/", ANSWER, False, "no such header"),
        ("header:Content-Type!~^text/", ANSWER, True, "no such header"),
        ("cert>14d", ANSWER._replace(cert_expires_at=NOW + 14 * DAY_S), False, "expires in 14d"),
        ("cert=14d", ANSWER._replace(cert_expires_at=NOW + 14 * DAY_S), True, "expires in 14d"),
        ("cert>0s", ANSWER._replace(cert_expires_at=NOW - 3 * DAY_S), False, "expired 3d ago"),
        ("cert>0s", ANSWER, False, "no certificate that can be read"),
        ("cert>0s", Measurement("tls", "certificate has expired", cert_expires_at=NOW - 7200), False,
         "expired 2h ago"),
    ],
)
def test_a_verdict_says_whether_and_what_was_there(text, seen, is_met, words):
    assert verdict(text, seen) == (is_met, words)


@pytest.mark.parametrize(
    ("text", "body", "is_met", "words"),
    [
        ("body~^o", b"ok\n", True, '"ok"'),
        ("body~nothing", b"ok\n", False, '"ok"'),
        ("body!~error", b"ok", True, '"ok"'),
        ("body=ok", b" ok \n", True, '"ok"'),
        ("body!=ok", b"ok", False, '"ok"'),
        ("body=ok", b"", False, "an empty body"),
        ("body~订单", "订单服务".encode(), True, '"订单服务"'),
        ("body~x", b"\xff\xfe", False, '"\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"'),
        ("body~^z", b"a" * 200, False, '"' + "a" * 80 + '…"'),
        ("json:.a.b==up", b'{"a": {"b": "up"}}', True, '"up"'),
        ("json:.a.b==up", b'{"a": {"b": "down"}}', False, '"down"'),
        ("json:.a.b!=up", b'{"a": 1}', False, "nothing at that path"),
        ("json:.a[0]==1", b'{"a": {"0": 1}}', False, "nothing at that path"),
        ("json:.a==1", b"[1]", False, "nothing at that path"),
        ("json:[1]==1", b"[1]", False, "nothing at that path"),
        ("json:.items[1].n>=3", b'{"items": [{}, {"n": 3.0}]}', True, "3.0"),
        ("json:.n>=3", b'{"n": "3"}', False, '"3"'),
        ("json:.n>=3", b'{"n": true}', False, "true"),
        ("json:.n==1", b'{"n": true}', False, "true"),
        ("json:.n==1", b'{"n": 1.0}', True, "1.0"),
        ("json:.n!=1", b'{"n": "1"}', True, '"1"'),
        ("json:.n==null", b'{"n": null}', True, "null"),
        ("json:.n~^4", b'{"n": 42}', False, "42"),
        ("json:.n!~^4", b'{"n": "24"}', True, '"24"'),
        ("json:.==3", b"3", True, "3"),
        ("json:.a==x", b'{"a": [1, 2]}', False, "a list of 2"),
        ("json:.==x", b'{"a": [1, 2]}', False, "an object of 1 keys"),
        ("json:.a==1", b"", False, "an empty body"),
        ("json:.a==1", b"<html>", False, 'no JSON: "<html>"'),
        ("json:.a==1", b'{"a": NaN}', False, 'no JSON: "{"a": NaN}"'),
        ("json:.a==1", b'{"a": 1' + b"0" * 5000 + b"}", False, 'no JSON: "{"a": 1' + "0" * 73 + '…"'),
        ("json:.a==1", b"[" * 30000, False, "JSON that is nested too deeply"),
        ("json:.a==1", '{"a": 1}'.encode("utf-16"), False, None),
        ("json:.a~x", b'{"a": "\\ud800"}', False, '"?"'),
    ],
)
def test_a_body_is_judged_as_text_or_as_json(text, body, is_met, words):
    found = verdict(text, ANSWER._replace(body=body))
    assert found[0] is is_met
    assert words is None or found[1] == words


def test_of_a_body_that_was_cut_only_patterns_speak():
    seen = ANSWER._replace(body=b'{"a": 1}', is_body_cut=True)
    assert verdict("json:.a==1", seen) == (False, "more than 64 KiB of body")
    assert verdict('body="{\\"a\\": 1}"', seen) == (False, "more than 64 KiB of body")
    assert verdict("body~a", seen) == (True, '"{"a": 1}"')


def test_no_pattern_takes_more_than_a_moment_over_the_longest_body():
    seen = ANSWER._replace(body=b"ab" * 32768)
    began = perf_counter()
    for pattern in ("(a+)+$", "(a|a)*c", "(.*)(.*)(.*)(.*)(.*)x", "([ab]+[ab]+)+y", "[ab]*a[ab]{900}c"):
        assert verdict(f"body~{pattern}", seen)[0] is False
    assert perf_counter() - began < 5


@pytest.mark.parametrize(
    ("code", "expect", "status", "reason"),
    [
        (200, ("latency=1s",), "healthy", "HTTP 200 OK"),
        (503, ("latency=1s",), "unhealthy", "expected status=2xx, observed 503 OK"),
        (429, ("latency=1s",), "degraded", "expected status=2xx, observed 429 OK"),
        (429, ("latency=1ms",), "unhealthy", "expected latency=1ms, observed 150.0 ms"),
        (429, ("status=2xx",), "unhealthy", "expected status=2xx, observed 429 OK"),
        (429, ("status=200,429",), "healthy", "HTTP 429 OK"),
        (503, ("status=2xx?",), "degraded", "expected status=2xx?, observed 503 OK"),
        (200, ("soft:latency=1ms", "latency=1s"), "degraded", "expected soft:latency=1ms, observed 150.0 ms"),
        (503, ("latency=1ms?", "status=200"), "unhealthy", "expected status=200, observed 503 OK"),
    ],
)
def test_all_must_hold_and_a_soft_one_only_degrades(code, expect, status, reason):
    assert observed(ANSWER._replace(status_code=code), *expect) == (status, reason)


def test_no_answer_is_unhealthy_with_its_own_reason_however_soft_the_expectation():
    seen = Measurement("refused", "connection refused")
    assert observed(seen, "latency=1s?") == ("unhealthy", "connection refused")


def test_a_tls_check_holds_its_certificate_to_its_time():
    seen = Measurement("", total_ms=3.0, cert_expires_at=NOW + 40 * DAY_S, cert_subject="CN=a", cert_issuer="CN=b")
    assert observed(seen, kind="tls") == ("healthy", "certificate expires in 40d")
    assert observed(seen, "cert>41d", kind="tls") == ("unhealthy", "expected cert>41d, observed expires in 40d")
    assert observed(seen, "soft:cert>41d", kind="tls")[0] == "degraded"
    gone = seen._replace(cert_expires_at=NOW - DAY_S * 2)
    assert observed(gone, kind="tls") == ("unhealthy", "expected cert>0s, observed expired 2d ago")


def test_a_tcp_check_may_expect_a_latency():
    assert observed(Measurement("", total_ms=3.0), "latency=5ms", kind="tcp") == ("healthy", "connected")
    assert observed(Measurement("", total_ms=9.0), "latency=5ms", kind="tcp")[0] == "unhealthy"


def test_the_verdicts_are_evidence_only_where_something_was_expected():
    check = Check("http", "http://a:1/", 30.0, 5.0, ("latency=1ms?",))
    evidence = json.loads(json.dumps(observe(check, ANSWER, at=NOW).evidence))
    assert evidence["expectations"] == [
        {"expect": "status=2xx", "observed": "200 OK", "is_met": True, "is_soft": False},
        {"expect": "latency=1ms?", "observed": "150.0 ms", "is_met": False, "is_soft": True},
    ]
    assert "expectations" not in observe(check._replace(expect=()), ANSWER, at=NOW).evidence


def test_the_certificate_is_evidence_once_it_was_read():
    seen = ANSWER._replace(cert_expires_at=NOW, cert_subject="CN=a", cert_issuer="CN=b")
    evidence = observe(Check("https", "https://a:1/"), seen, at=NOW).evidence
    assert (evidence["cert_expires_at"], evidence["cert_subject"], evidence["cert_issuer"]) == (NOW, "CN=a", "CN=b")


def test_a_stored_expectation_that_cannot_be_read_fails_its_target_and_not_the_sweep():
    status, reason = observed(ANSWER, "nonsense")
    assert (status, reason) == (
        "unhealthy", "expectation 'nonsense', column 1: 'nonsense' is nothing that can be expected"
    )


EXPECTATIONS = [
    "status=2xx", "status<300?", "latency=1ms", "body~a+", "body=x", "json:.a.b[0]==up", "json:.a>=1", "json:.!~x",
    "header:X-A~b", "header:X-A!=b", "cert>1d",
]
MEASUREMENTS = st.builds(
    Measurement,
    error=st.sampled_from(["", *(e for e in ERRORS if e != LOCAL_ERROR)]),
    detail=st.text(),
    status_code=st.none() | st.integers(100, 999),
    reason_phrase=st.text(),
    total_ms=st.none() | st.floats(0, 1e9),
    body=st.binary() | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "b"]), inner),
    ).map(lambda value: json.dumps(value).encode()),
    location=st.text(),
    is_body_cut=st.booleans(),
    headers=st.lists(st.tuples(st.just("x-a"), st.text())).map(tuple),
    cert_expires_at=st.none() | st.floats(-1e12, 1e12),
)


@given(seen=MEASUREMENTS)
def test_whatever_was_measured_has_a_verdict_that_can_be_written_down(seen):
    found = judge(expectations_of("https", tuple(EXPECTATIONS)), seen, at=NOW)
    assert len(found) == len(EXPECTATIONS)
    assert all(isinstance(one.is_met, bool) and one.observed for one in found)
    observe(Check("https", "https://a:1/", 30.0, 5.0, tuple(EXPECTATIONS)), seen, at=NOW)
