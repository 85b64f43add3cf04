"""gRPC health against grpcio's own server and health service, and against peers that are none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hpack
import pytest
from certificates import Certificates
from hostile import HostileServer, floods, repeats, says, stays_silent
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model import serving
from mgov.model.measurement import Measurement
from mgov.net import grpc
from mgov.net import probe as probe_module
from mgov.net.sweep import Target, sweep_now

SERVICES = ("=SERVING", "shop.Orders=NOT_SERVING", "shop.Mail=SERVING", "shop.New=UNKNOWN")


def start(*arguments: str) -> subprocess.Popen[str]:
    script = str(Path(__file__).with_name("grpc_server.py"))
    return subprocess.Popen([sys.executable, script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)


def serve(*arguments: str) -> Iterator[str]:
    with start(*arguments) as process:
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    yield from serve("serving", *SERVICES)


@pytest.fixture(scope="module")
def bare_server() -> Iterator[str]:
    yield from serve("bare")


@pytest.fixture(autouse=True)
def with_probe(monkeypatch):
    monkeypatch.setitem(probe_module.PROBES, "grpc", grpc.probe_grpc)


def look(place: str, timeout_s: float = 5.0) -> Measurement:
    return sweep_now([Target(f"grpc://{place}", timeout_s)])[0]


@pytest.mark.parametrize(("path", "verdict"), [
    ("", ("healthy", "SERVING")), ("/shop.Mail", ("healthy", "SERVING")),
    ("/shop.Orders", ("unhealthy", "NOT_SERVING")), ("/shop.New", ("unhealthy", "UNKNOWN")),
    ("/shop%2EMail", ("healthy", "SERVING")),
])
def test_a_real_server_says_how_it_and_its_services_are(server, path, verdict):
    seen = look(server + path)
    assert (seen.error, serving.verdict(seen.status_code)) == ("", verdict)
    assert seen.reason_phrase == verdict[1]
    assert seen.address == server
    assert 0 < seen.first_byte_ms <= seen.total_ms


def test_a_service_that_the_server_does_not_know_and_a_server_without_health_are_told_apart(server, bare_server):
    assert [(s.error, s.detail) for s in (look(f"{server}/shop.Gone"), look(bare_server))] == [
        ("protocol", "the server knows no service 'shop.Gone' (NOT_FOUND)"),
        ("protocol", "the server has no grpc.health.v1 service (UNIMPLEMENTED)"),
    ]


def test_thirty_at_once_are_all_answered(server):
    seen = sweep_now([Target(f"grpc://{server}")] * 30)
    assert [one.status_code for one in seen] == [serving.SERVING] * 30


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory) -> Iterator[tuple[str, str]]:
    cert, key = Certificates(tmp_path_factory.mktemp("grpcs")).make("grpcs", "IP:127.0.0.1")
    for place in serve("serving", "--tls", cert, key, "=SERVING"):
        yield place, cert


def test_over_tls_a_real_server_is_verified_and_asked(tls_server):
    place, authority = tls_server
    url = f"grpcs://{place}"
    trusting, careless, careful = sweep_now([
        Target(url, ca_file=authority, want_cert=True), Target(url, insecure=True), Target(url)])
    assert [(one.error, one.status_code) for one in (trusting, careless)] == [("", serving.SERVING)] * 2
    assert trusting.cert_subject == "CN=grpcs"
    assert (careful.error, careful.detail) == ("tls", "self-signed certificate")
    assert 0 < trusting.tls_ms < trusting.total_ms


def test_a_plain_server_is_no_peer_for_tls(server):
    (seen,) = sweep_now([Target(f"grpcs://{server}", 5.0)])
    assert seen.error in ("tls", "closed", "reset")


SETTINGS = b"\0\0\0\4\0\0\0\0\0"
PING = b"\0\0\x08\6\0\0\0\0\0" + bytes(8)
GOAWAY = b"\0\0\x08\7\0\0\0\0\0" + bytes(4) + b"\0\0\0\x0b"
RST = b"\0\0\4\3\0\0\0\0\1" + b"\0\0\0\7"


def answer(*headers: tuple[str, str], body: bytes = b"") -> bytes:
    """A whole HTTP/2 answer on stream 1; without a body it is gRPC's trailers-only form."""
    block = hpack.Encoder().encode(headers)
    data = len(body).to_bytes(3, "big") + b"\0\1\0\0\0\1" + body if body else b""
    flags = b"\4" if body else b"\5"
    return SETTINGS + len(block).to_bytes(3, "big") + b"\1" + flags + b"\0\0\0\1" + block + data


OK = (":status", "200")


@pytest.mark.parametrize(("behaviour", "error", "words"), [
    (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "protocol", "the peer speaks HTTP/1, not HTTP/2"),
    (says(b"\0\0\5\4\0\0\0\0\0hello"), "protocol", "not valid HTTP/2"),
    (says(b""), "closed", "closed by the peer without an answer"),
    (says(SETTINGS + GOAWAY), "closed", "the peer takes no calls (HTTP/2 error 11)"),
    (says(SETTINGS + RST), "closed", "the call was reset by the peer (HTTP/2 error 7)"),
    (floods(SETTINGS, PING * 100), "protocol", "more than 64 KiB"),
    (says(answer((":status", "502"))), "protocol", "HTTP 502, which is not gRPC's"),
    (says(answer(OK)), "protocol", "not gRPC: the answer has no grpc-status"),
    (says(answer(OK, ("grpc-status", "16"), ("grpc-message", "no%20token"))), "protocol",
     "gRPC UNAUTHENTICATED: no token"),
    (says(answer(OK, ("grpc-status", "99"))), "protocol", "gRPC status 99"),
    (says(answer(OK, ("grpc-status", "0"))), "protocol", "not a gRPC message"),
    (says(answer(OK, ("grpc-status", "0"), body=b"\1\0\0\0\2\x08\1")), "protocol", "not a gRPC message"),
    (says(answer(OK, ("grpc-status", "0"), body=b"\0\0\0\0\1\x08")), "protocol", "not an answer of grpc.health.v1"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_each_wrong_answer_has_its_own_reason(behaviour, error, words):
    hostile = HostileServer(default=behaviour)
    try:
        seen = look(f"127.0.0.1:{hostile.port}")
    finally:
        hostile.close()
    assert (seen.error, words in seen.detail) == (error, True), seen


def test_silence_and_a_trickle_end_at_the_deadline():
    hostile = [HostileServer(default=stays_silent), HostileServer(default=repeats(SETTINGS, PING, 0.02))]
    try:
        seen = [look(f"127.0.0.1:{server.port}", 0.2) for server in hostile]
    finally:
        for server in hostile:
            server.close()
    assert [(one.error, one.total_ms < 400) for one in seen] == [("timeout", True)] * 2
    assert seen[0].detail.startswith("no answer within 200ms (connected in")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "h2.connection", None)
    with pytest.raises(UsageError, match="gRPC health needs the package h2") as raised:
        grpc.check_available()
    assert raised.value.hint == "pip install 'mgov[grpc]'"


@given(st.text(max_size=300).filter(lambda text: text.isprintable()), st.integers(0, 3))
def test_the_messages_are_those_of_the_proto_file(service, status):
    from grpc_health.v1 import health_pb2

    assert health_pb2.HealthCheckRequest.FromString(serving.request(service)).service == service
    assert serving.response(health_pb2.HealthCheckResponse(status=status).SerializeToString()) == status


@given(st.binary(max_size=40))
def test_any_bytes_are_a_status_or_a_value_error(data):
    try:
        status = serving.response(data)
    except ValueError:
        return
    assert serving.verdict(status)[0] in ("healthy", "unhealthy")
