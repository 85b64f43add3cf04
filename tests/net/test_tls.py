"""FAULTS.md rows 67 and 69: TLS endpoints that are wrong in every common way. Certificates are made by openssl."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator

import pytest
from certificates import Certificates, TlsServer
from hostile import HostileServer, stays_silent
from hypothesis import given
from hypothesis import strategies as st

from mgov.model.measurement import Measurement
from mgov.net.certificate import read_certificate
from mgov.net.sweep import Target, sweep_now
from mgov.net.tls import failed_handshake

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def valid(certificates: Certificates) -> tuple[str, str]:
    return certificates.make("valid", "IP:127.0.0.1,DNS:valid.test")


@pytest.fixture(scope="module")
def server(valid: tuple[str, str]) -> Iterator[TlsServer]:
    server = TlsServer(*valid)
    yield server
    server.close()


def probe(server: TlsServer | HostileServer, host: str = "127.0.0.1", **options) -> Measurement:
    target = Target(f"https://{host}:{server.port}/", **{"timeout_s": 5.0, **options})
    [seen] = sweep_now([target], resolve=lambda name: ["127.0.0.1"])
    return seen


def test_a_trusted_certificate_is_answered_over_tls_with_each_phase_timed(server, valid, sweep_on):
    target = Target(f"https://127.0.0.1:{server.port}/", keep_body=True, ca_file=valid[0])
    [seen] = sweep_on([target])
    assert (seen.error, seen.status_code, len(seen.body)) == ("", 200, 40000)
    assert seen.connect_ms > 0
    assert 0 < seen.tls_ms <= seen.first_byte_ms <= seen.total_ms


def test_a_self_signed_certificate_is_refused_and_insecure_accepts_it(server):
    seen = probe(server)
    assert (seen.error, seen.detail) == ("tls", "self-signed certificate")
    assert probe(server, insecure=True).status_code == 200


def test_a_certificate_for_another_name_is_refused(server, valid):
    seen = probe(server, "other.test", ca_file=valid[0])
    assert seen.error == "tls"
    assert "certificate is not valid for 'other.test'" in seen.detail
    assert probe(server, "valid.test", ca_file=valid[0]).status_code == 200


def test_an_expired_certificate_is_refused(certificates):
    cert, key = certificates.make_expired("expired")
    server = TlsServer(cert, key)
    try:
        seen = probe(server, ca_file=cert)
    finally:
        server.close()
    assert (seen.error, seen.detail) == ("tls", "certificate has expired")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_peer_that_speaks_only_old_tls_is_refused(valid):
    server = TlsServer(*valid, newest=ssl.TLSVersion.TLSv1_1)
    try:
        seen = probe(server, ca_file=valid[0])
    finally:
        server.close()
    assert seen.error == "tls"
    assert seen.detail in ("the peer refuses TLS 1.2 and newer", "the peer speaks only a TLS version before 1.2")


def test_a_peer_that_speaks_no_tls_is_named_as_such():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def answer() -> None:
            conn, _ = listening.accept()
            with conn, contextlib.suppress(ConnectionError):
                conn.recv(1)
                conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                while conn.recv(4096):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        [seen] = sweep_now([Target(f"https://127.0.0.1:{listening.getsockname()[1]}/")])
        thread.join(timeout=10)
    assert (seen.error, seen.detail) == ("tls", "the peer does not speak TLS")


def test_a_stalled_handshake_is_a_timeout_that_names_its_phase():
    server = HostileServer(default=stays_silent)
    try:
        seen = probe(server, timeout_s=0.25)
    finally:
        server.close()
    assert seen.error == "timeout"
    assert seen.detail.startswith("no TLS handshake within 250ms (connected in ")
    assert 250 <= seen.total_ms <= 500


def test_an_authority_file_that_cannot_be_read_is_not_the_targets_fault(server, tmp_path):
    assert probe(server, ca_file=str(tmp_path / "missing.pem")).is_local


def test_the_environment_does_not_decide_whom_to_trust_or_whom_to_ask(server, valid, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", valid[0])
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    seen = probe(server)
    assert (seen.error, seen.detail) == ("tls", "self-signed certificate")
    assert probe(server, ca_file=valid[0]).status_code == 200


def test_a_certificate_is_read_only_when_it_is_wanted(server, valid):
    seen = probe(server, ca_file=valid[0], want_cert=True)
    assert seen.status_code == 200
    assert (seen.cert_subject, seen.cert_issuer) == ("CN=valid", "CN=valid")
    assert seen.cert_expires_at == expiry_of(valid[0])
    assert probe(server, ca_file=valid[0]).cert_expires_at is None


def test_an_insecure_probe_reads_the_certificate_that_it_does_not_verify(server, valid):
    assert probe(server, insecure=True, want_cert=True).cert_expires_at == expiry_of(valid[0])


def test_a_certificate_that_was_refused_is_read_all_the_same(server, valid):
    seen = probe(server, want_cert=True)
    assert (seen.error, seen.detail, seen.tls_ms) == ("tls", "self-signed certificate", None)
    assert (seen.cert_subject, seen.cert_expires_at) == ("CN=valid", expiry_of(valid[0]))
    assert probe(server).cert_expires_at is None


def test_when_a_certificate_expired_is_told_even_when_nobody_asked(certificates):
    cert, key = certificates.make_expired("expired-unasked")
    server = TlsServer(cert, key)
    try:
        seen = probe(server, ca_file=cert)
    finally:
        server.close()
    assert seen.detail == "certificate has expired"
    assert seen.cert_expires_at == 1609459200.0         # 2021-01-01T00:00:00Z


@pytest.mark.parametrize(("reason", "words"), [
    ("tlsv1 alert no application protocol", "the peer does not speak HTTP/2 over TLS"),
    ("tlsv1 alert unknown psk identity", "TLS failed: tlsv1 alert unknown psk identity"),
])
def test_an_alert_that_python_has_no_name_for_is_told_without_its_own_source_line(reason, words):
    error = ssl.SSLError(1, f"[SSL] {reason} (_ssl.c:1006)")
    error.reason = None
    assert failed_handshake(error, "").detail == words


def test_a_tls_target_is_a_handshake_and_a_certificate(server, valid, sweep_on):
    [seen] = sweep_on([Target(f"tls://127.0.0.1:{server.port}", ca_file=valid[0])])
    assert (seen.error, seen.status_code, seen.first_byte_ms) == ("", None, None)
    assert seen.tls_ms > 0
    assert seen.cert_expires_at == expiry_of(valid[0])


def test_headers_are_kept_on_request_with_lower_case_names(server):
    seen = probe(server, insecure=True, keep_headers=True)
    assert seen.headers == (("x-env", "prod"), ("content-length", "40000"))
    assert probe(server, insecure=True).headers == ()


def test_a_client_certificate_is_shown_to_a_server_that_asks(certificates, valid):
    cert, key = certificates.make("client", "DNS:client.test")
    server = TlsServer(*valid, clients=cert)
    try:
        shown = probe(server, ca_file=valid[0], cert_file=cert, key_file=key)
        withheld = probe(server, ca_file=valid[0])
    finally:
        server.close()
    assert (shown.error, shown.status_code) == ("", 200)
    # The server closes without reading our request: where its reset overtakes its alert, that is all there is to see.
    assert (withheld.error, withheld.detail) == ("tls", "the peer requires a client certificate") \
        or withheld.error == "reset"
    assert withheld.status_code is None


def test_a_client_certificate_that_cannot_be_used_is_not_the_targets_fault(server, valid, certificates, tmp_path):
    cert, key = certificates.make("other", "DNS:other.test")
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:secret", "-out", locked], check=True)
    for options, words in (
        ({"cert_file": str(tmp_path / "none.pem")}, "no such file or directory"),
        ({"cert_file": valid[0], "key_file": key}, "key values mismatch"),
        ({"cert_file": valid[0]}, "no PEM file of that kind"),
        ({"cert_file": cert, "key_file": str(locked)}, "the key is encrypted"),
    ):
        seen = probe(server, **options)
        assert seen.is_local
        assert seen.detail.endswith(words), seen.detail


@pytest.mark.parametrize("subject", [
    "/C=DE/O=Example AG/CN=db.internal", "/CN=订单服务", "/DC=org/DC=example/CN=x", "/", "/CN=a/emailAddress=a@b.c",
    "/CN=x/businessCategory=private",
])
def test_a_certificate_says_what_openssl_says(certificates, subject):
    cert, _ = certificates.make_subject("subject", subject)
    found = read_certificate(der_of(cert))
    said = subprocess.run(
        ["openssl", "x509", "-in", cert, "-noout", "-subject", "-nameopt", "utf8,sep_comma_plus_space,sname"],
        check=True, capture_output=True, text=True,
    ).stdout.strip().removeprefix("subject=")
    assert found.subject.replace("2.5.4.15=", "businessCategory=") == said.strip()
    assert found.expires_at == expiry_of(cert)
    assert found.expires_at > 2**31                     # the year 2080: GeneralizedTime


@given(cut=st.integers(0, 10_000), at=st.integers(0, 10_000), octet=st.integers(0, 255), junk=st.binary())
def test_any_bytes_are_a_certificate_or_none(certificate_der, cut, at, octet, junk):
    der = bytearray(certificate_der)
    der[at % len(der)] = octet
    for data in (junk, bytes(der), bytes(der[: cut % len(der)])):
        found = read_certificate(data)
        assert found is None or isinstance(found.expires_at, float)
    assert read_certificate(certificate_der[: cut % len(der)]) is None


@pytest.fixture(scope="module")
def certificate_der(valid: tuple[str, str]) -> bytes:
    return der_of(valid[0])


def der_of(cert: str) -> bytes:
    with open(cert) as pem:
        return ssl.PEM_cert_to_DER_cert(pem.read())


def expiry_of(cert: str) -> float:
    """What openssl says, in seconds since the epoch."""
    said = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-enddate"], check=True, capture_output=True,
                          text=True).stdout
    return float(ssl.cert_time_to_seconds(said.strip().removeprefix("notAfter=")))
