"""From what was measured to what it means."""

from __future__ import annotations

import json

import pytest

from mgov.model.health import Check
from mgov.model.judgement import observe
from mgov.model.measurement import Measurement

HTTP = Check("http", "http://127.0.0.1:80/")
TCP = Check("tcp", "tcp://127.0.0.1:80")


@pytest.mark.parametrize(
    ("check", "seen", "status", "reason"),
    [
        (HTTP, Measurement("", "", 200, "OK"), "healthy", "HTTP 200 OK"),
        (HTTP, Measurement("", "", 204, ""), "healthy", "HTTP 204"),
        (HTTP, Measurement("", "", 429, "Too Many Requests"), "degraded", "HTTP 429 Too Many Requests"),
        (HTTP, Measurement("", "", 503, "Service Unavailable"), "unhealthy", "HTTP 503 Service Unavailable"),
        (HTTP, Measurement("", "", 302, "Found", location="http://b/"), "unhealthy",
         "redirects to http://b/ (not followed)"),
        (HTTP, Measurement("", "", 302, "Found"), "unhealthy", "HTTP 302 Found"),
        (HTTP, Measurement("", "", 101, ""), "unhealthy", "HTTP 101"),
        (HTTP, Measurement("closed", "closed early", 200, "OK"), "unhealthy", "closed early"),
        (HTTP, Measurement("timeout"), "unhealthy", "timeout"),
        (TCP, Measurement(""), "healthy", "connected"),
        (TCP, Measurement("refused", "connection refused"), "unhealthy", "connection refused"),
    ],
)
def test_a_measurement_has_one_status_and_one_reason(check, seen, status, reason):
    observation = observe(check, seen, at=12.0)
    assert (observation.status, observation.reason, observation.checked_at) == (status, reason, 12.0)


def test_only_an_answer_has_a_latency():
    assert observe(HTTP, Measurement("", "", 503, "", total_ms=3.5), at=0.0).latency_ms == 3.5
    assert observe(HTTP, Measurement("timeout", "", total_ms=5000.0), at=0.0).latency_ms is None


def test_a_local_error_is_never_the_targets_status():
    seen = Measurement("local-error", "no file descriptor left")
    assert seen.is_local
    with pytest.raises(ValueError, match="no file descriptor left"):
        observe(HTTP, seen, at=0.0)


def test_the_evidence_is_json_and_leaves_out_what_was_not_reached():
    seen = Measurement("", "", 200, "OK", None, 0.25, None, 1.2345, 1.5, "127.0.0.1:80", b"raw", "", 3)
    evidence = json.loads(json.dumps(observe(HTTP, seen, at=0.0).evidence))
    assert evidence == {
        "connect_ms": 0.25, "first_byte_ms": 1.234, "total_ms": 1.5, "address": "127.0.0.1:80", "status_code": 200,
        "body_bytes": 3,
    } or evidence["first_byte_ms"] == 1.235


@pytest.mark.parametrize(("kind", "code", "expect", "status"), [
    ("command", 0, ("latency=5ms",), "unhealthy"), ("command", 0, ("latency=5ms?",), "degraded"),
    ("command", 1, ("latency=50ms",), "degraded"), ("command", 2, ("latency=5ms?",), "unhealthy"),
    ("grpc", 1, ("latency=50ms",), "healthy"), ("grpc", 1, ("latency=5ms",), "unhealthy"),
    ("grpc", 2, ("latency=5ms?",), "unhealthy"), ("grpcs", 1, ("latency=5ms?",), "degraded"),
])
def test_who_says_itself_how_it_is_is_held_to_its_latency_too(kind, code, expect, status):
    seen = Measurement("", status_code=code, total_ms=20.0)
    assert observe(Check(kind, f"{kind}:x", expect=expect), seen, at=0.0).status == status
