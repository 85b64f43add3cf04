"""FAULTS.md rows 67 and 69: TLS endpoints that are wrong in every common way. Certificates are made by openssl."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import HostileServer, stays_silent

from mgov.model.measurement import Measurement
from mgov.net.sweep import Target, sweep_now

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")


class Certificates:
    """Self-signed certificates in a folder; each is its own authority."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, name: str, subject_alt_name: str, *options: str) -> tuple[str, str]:
        """(certificate file, key file)."""
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", key, "-out", cert, "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject_alt_name}",
             *(options or ("-days", "2"))],
            check=True, capture_output=True, timeout=30,
        )
        return str(cert), str(key)

    def make_expired(self, name: str) -> tuple[str, str]:
        """A certificate that ended in 2021, signed by its own key."""
        cert, key = self.make(name, "IP:127.0.0.1")
        request = self._folder / f"{name}.csr"
        extensions = self._folder / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:TRUE\n")
        for command in (
            ["req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request],
            ["ca", "-batch", "-selfsign", "-in", request, "-keyfile", key, "-out", cert, "-notext",
             "-startdate", "20200101000000Z", "-enddate", "20210101000000Z", "-extfile", extensions,
             "-config", self._ca_config(name)],
        ):
            subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=30)
        return cert, key

    def _ca_config(self, name: str) -> Path:
        database = self._folder / f"{name}.index"
        database.touch()
        serial = self._folder / f"{name}.serial"
        serial.write_text("01\n")
        config = self._folder / f"{name}.cnf"
        config.write_text(
            f"[ca]\ndefault_ca=here\n[here]\ndatabase={database}\nserial={serial}\nnew_certs_dir={self._folder}\n"
            "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
        )
        return config


class TlsServer:
    """Answers every TLS connection with one HTTP answer."""

    def __init__(self, cert: str, key: str, *, newest: ssl.TLSVersion | None = None) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, key)
        if newest is not None:
            self._context.set_ciphers("ALL:@SECLEVEL=0")
            self._context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            self._context.maximum_version = newest
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=10)

    def _accept(self) -> None:
        while True:
            try:
                conn, _ = self._socket.accept()
            except OSError:
                return
            conn.settimeout(5)
            try:
                with self._context.wrap_socket(conn, server_side=True) as stream:
                    stream.recv(4096)
                    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40000)
            except OSError:
                conn.close()


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
