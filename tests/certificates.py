"""Certificates made by openssl, and a TLS server on loopback that shows them."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from pathlib import Path


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

    def make_subject(self, name: str, subject: str) -> tuple[str, str]:
        """A certificate with just that subject, in the form of openssl's -subj."""
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-utf8",
             "-keyout", key, "-out", cert, "-subj", subject, "-days", "20000"],
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
    """Answers every TLS connection with one HTTP answer; `clients` is the authority that clients must show."""

    def __init__(self, cert: str, key: str, *, newest: ssl.TLSVersion | None = None, clients: str = "") -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, key)
        if clients:
            self._context.load_verify_locations(clients)
            self._context.verify_mode = ssl.CERT_REQUIRED
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
                    stream.sendall(b"HTTP/1.1 200 OK\r\nX-Env: prod\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40000)
            except OSError:
                conn.close()
