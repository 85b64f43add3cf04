"""FAULTS.md rows 57 to 62, 64: what hostile HTTP endpoints do to a probe."""

from __future__ import annotations

import resource

import pytest
from hostile import HostileServer

from mgov.model.measurement import MAX_BODY_BYTES, Measurement
from mgov.net.sweep import Target, sweep_now

DEADLINE_S = 0.25
SLACK_MS = 10_000               # for a busy machine; each of these peers goes on for much longer


def probe(server: HostileServer, path: str, *, timeout_s: float = 5.0, keep_body: bool = False) -> Measurement:
    [seen] = sweep_now([Target(server.url(path), timeout_s, keep_body)])
    return seen


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/drip-body", "body not complete within 250ms (HTTP 200, "),
        ("/drip-slowly", "body not complete within 250ms (HTTP 200, "),
        ("/drip-headers", "headers not complete within 250ms (first byte after "),
        ("/endless-1xx", "headers not complete within 250ms (first byte after "),
        ("/silence", "no answer within 250ms (connected in "),
    ],
)
def test_a_peer_that_keeps_a_probe_waiting_is_cut_at_its_total_deadline(hostile, path, detail):
    seen = probe(hostile, path, timeout_s=DEADLINE_S)
    assert seen.error == "timeout"
    assert seen.detail.startswith(detail)
    assert DEADLINE_S * 1000 <= seen.total_ms <= DEADLINE_S * 1000 + SLACK_MS


@pytest.mark.parametrize(
    ("path", "error", "detail"),
    [
        ("/reset", "reset", "connection reset by the peer"),
        ("/garbage", "protocol", "not a valid HTTP answer: "),
        ("/two-lengths", "protocol", "not a valid HTTP answer: "),
        ("/bad-chunk", "protocol", "not a valid HTTP body: "),
        ("/short-body", "closed", "closed by the peer after 9 of 100 bytes of body"),
        ("/nothing", "closed", "closed by the peer without an answer"),
        ("/half-head", "closed", "closed by the peer within the headers"),
        ("/big-headers", "headers-too-large", "more than 64 KiB of headers"),
        ("/70k-headers", "headers-too-large", "more than 64 KiB of headers"),
        ("/flood-1xx", "headers-too-large", "more than 64 KiB of headers"),
        ("/endless-headers", "headers-too-large", "more than 64 KiB of headers"),
    ],
)
def test_each_way_to_break_an_answer_has_its_own_code_and_words(hostile, path, error, detail):
    seen = probe(hostile, path)
    assert (seen.error, seen.detail[:len(detail)]) == (error, detail)


@pytest.mark.parametrize("path", ["/endless-chunks", "/tiny-chunks"])
def test_an_endless_body_is_cut_and_its_status_judged(hostile, path):
    seen = probe(hostile, path, keep_body=True)
    assert (seen.error, seen.status_code, seen.is_body_cut) == ("", 200, True)
    assert 0 < len(seen.body) <= MAX_BODY_BYTES


def test_a_gzip_bomb_is_counted_raw_and_never_decoded(hostile):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = probe(hostile, "/bomb", keep_body=True)
    assert (seen.error, seen.status_code) == ("", 200)
    assert seen.body.startswith(b"\x1f\x8b")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000      # KiB on Linux; bytes on macOS


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        ("/to-itself", 302, "/to-itself"),
        ("/to-file", 301, "file:///etc/passwd"),
        ("/to-metadata", 307, "http://169.254.169.254/"),
    ],
)
def test_a_redirect_is_reported_and_never_followed(hostile, path, status, location):
    before = len(hostile.requests)
    seen = probe(hostile, path)
    assert (seen.error, seen.status_code, seen.location) == ("", status, location)
    assert len(hostile.requests) == before + 1


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/ok", 200, b"ok\n"),
        ("/until-close", 200, b"read me to the end"),
        ("/no-content", 204, b""),
        ("/early-hints", 200, b"ok\n"),
        ("/switch", 101, b""),
        ("/503", 503, b""),
    ],
)
def test_every_well_formed_answer_gives_its_final_status_and_its_body_on_request(hostile, path, status, body):
    seen = probe(hostile, path, keep_body=True)
    assert (seen.error, seen.status_code, seen.body) == ("", status, body)
    assert probe(hostile, path).body == b""


def test_the_reason_phrase_is_handed_on_raw(hostile):
    assert probe(hostile, "/escape").reason_phrase == "\x1b[31mred"


def test_a_probe_asks_for_identity_and_close_and_names_itself(hostile):
    probe(hostile, "/ok")
    head = hostile.requests[-1].decode()
    assert head.startswith("GET /ok HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{hostile.port}\r\n" in head
    assert "\r\nConnection: close\r\n" in head
    assert "\r\nUser-Agent: mgov/" in head
    assert "accept-encoding" not in head.lower()


def test_the_phases_of_an_answer_are_in_order(hostile):
    seen = probe(hostile, "/ok")
    assert seen.dns_ms is None
    assert seen.tls_ms is None
    assert 0 < seen.connect_ms <= seen.first_byte_ms <= seen.total_ms
    assert seen.address == f"127.0.0.1:{hostile.port}"
