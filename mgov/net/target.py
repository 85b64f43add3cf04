"""What is probed, how its TLS is to be, and what a probe has learnt so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import UsageError
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from mgov.model.health import Check
    from mgov.net.certificate import Certificate
    from mgov.net.http1 import Answer
    from mgov.net.reply import Reply


class Trust(NamedTuple):
    """Whom TLS trusts and what it shows: the fields of a Target that a context is built from.

    `alpn` names the protocols to agree on, best first (RFC 7301).
    """

    insecure: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    alpn: tuple[str, ...] = ()


class Target(NamedTuple):
    """What is probed, and how. `timeout_s` is one total: name, connect, TLS, headers and body together.

    `insecure` accepts any certificate; `ca_file` is a PEM file of the authorities trusted instead of the system's;
    `cert_file` and `key_file` hold the client certificate to show (PEM; the key may be in the same file).
    `keep_body`, `keep_headers` and `want_cert` say what a judgement needs beside the status.
    """

    url: str
    timeout_s: float = 5.0
    keep_body: bool = False
    insecure: bool = False
    ca_file: str = ""
    keep_headers: bool = False
    want_cert: bool = False
    cert_file: str = ""
    key_file: str = ""

    @property
    def trust(self) -> Trust:
        """Its TLS options."""
        return Trust(self.insecure, self.ca_file, self.cert_file, self.key_file)


def target_of(check: Check, *, timeout_s: float | None = None, trust: Trust | None = None) -> Target:
    """The target of `check`, with what its expectations need; `timeout_s` takes the place of the check's own.

    Expectations that are wrong need nothing: the judgement says so of their target. Raises EngineMissing (a
    UsageError) where this machine cannot judge at all.
    """
    insecure, ca_file, cert_file, key_file, _ = trust or Trust()
    body = headers = certificate = False
    if check.expect:
        from mgov.model.expectation import expectations_of, needs
        from mgov.model.pattern import EngineMissing

        try:
            body, headers, certificate = needs(expectations_of(check.kind, tuple(check.expect)))
        except EngineMissing:
            raise
        except UsageError:
            body = headers = certificate = False
    return Target(check.url, timeout_s or check.timeout_s, body, insecure, ca_file, headers, certificate, cert_file,
                  key_file)


class Place(NamedTuple):
    """A target's URL in parts."""

    scheme: str
    host: str
    port: int
    path: str


class Seen:
    """What a probe has learnt so far; it stays when the probe fails half-way."""

    __slots__ = ("answer", "certificate")

    def __init__(self) -> None:
        self.answer: Answer | Reply | None = None
        self.certificate: Certificate | None = None
