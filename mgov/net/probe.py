"""One probe function per protocol, found by name in PROBES. They measure; `mgov.model.measurement` judges.

A new protocol is one function `async (target, place, link) -> Seen` and one line in PROBES. A probe speaks over its
Link, whose every step is under the target's one deadline, and need not handle failures: `measure` words them.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from mgov.errors import UsageError
from mgov.model.health import COMMAND
from mgov.model.measurement import LOCAL_ERROR, TIMEOUT, UNFORESEEN, Measurement
from mgov.model.names import split_url
from mgov.model.record import NamedTuple
from mgov.model.units import format_duration
from mgov.net.failure import CertificateRefused, ProbeFailed
from mgov.net.http1 import Answer, request_bytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mgov.model.health import Check
    from mgov.net.certificate import Certificate
    from mgov.net.link import Link
    from mgov.net.reply import Reply

    Probe = Callable[["Target", "Place", Link, "Seen"], Awaitable[None]]


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


async def probe_tcp(target: Target, place: Place, link: Link, seen: Seen) -> None:
    """Connect, no more."""
    await link.connect(place.host, place.port)


async def probe_http(target: Target, place: Place, link: Link, seen: Seen) -> None:
    """GET and read the whole answer, up to its bounds. Redirects are not followed, nothing is decoded."""
    await link.connect(place.host, place.port)
    await _exchange(target, place, link, seen)


async def probe_https(target: Target, place: Place, link: Link, seen: Seen) -> None:
    """As http, over TLS."""
    await link.connect(place.host, place.port)
    await start_tls(target, place, link, seen, want_cert=target.want_cert)
    await _exchange(target, place, link, seen)


async def probe_tls(target: Target, place: Place, link: Link, seen: Seen) -> None:
    """Connect, shake hands and read the certificate, no more."""
    await link.connect(place.host, place.port)
    await start_tls(target, place, link, seen, want_cert=True)


async def start_tls(
    target: Target, place: Place, link: Link, seen: Seen, *, want_cert: bool, alpn: tuple[str, ...] = ()
) -> None:
    """Shake hands, and keep the certificate if wanted, or if it is refused because of its dates."""
    trust = target.trust._replace(alpn=alpn)
    try:
        await link.start_tls(place.host, trust)
    except CertificateRefused as refusal:
        if want_cert or refusal.is_out_of_time:
            seen.certificate = _read(await link.refused_certificate(place.host, trust))
        raise
    if want_cert:
        seen.certificate = _read(link.certificate())


def _read(der: bytes) -> Certificate | None:
    from mgov.net.certificate import read_certificate

    return read_certificate(der)


async def _exchange(target: Target, place: Place, link: Link, seen: Seen) -> None:
    answer = seen.answer = Answer(keep_body=target.keep_body, keep_headers=target.keep_headers)
    await link.send(request_bytes(*place))
    while not answer.is_done:
        data = await link.receive()
        if data:
            answer.feed(data)
        else:
            answer.end()


def _place(url: str) -> Place:
    # A command check names no peer: what stands behind its scheme is a command line.
    return Place(COMMAND, "", 0, "") if url.startswith(f"{COMMAND}:") else Place(*split_url(url))


async def _probe_command(target: Target, place: Place, link: Link, seen: Seen) -> None:
    from mgov.net.command import probe_command

    await probe_command(target, place, link, seen)


async def _probe_grpc(target: Target, place: Place, link: Link, seen: Seen) -> None:
    from mgov.net.grpc import probe_grpc

    await probe_grpc(target, place, link, seen)


PROBES: dict[str, Probe] = {
    "http": probe_http,
    "https": probe_https,
    "tcp": probe_tcp,
    "tls": probe_tls,
    "grpc": _probe_grpc,
    "grpcs": _probe_grpc,
    "command": _probe_command,
}


async def measure(target: Target, link: Link) -> Measurement:
    """Probe `target` over `link` and close it; a failure is a measurement, whatever it is."""
    seen = Seen()
    try:
        place = _place(target.url)
        await PROBES[place.scheme](target, place, link, seen)
    except ProbeFailed as failure:
        measured = _measurement(link, seen, failure.code, failure.detail)
        return measured._replace(is_shortage=True) if failure.is_shortage else measured
    except TimeoutError:
        return _measurement(link, seen, TIMEOUT, _ran_out(target, link, seen))
    except MemoryError:
        return _measurement(link, seen, LOCAL_ERROR, "this machine has no memory left")._replace(is_shortage=True)
    except Exception as error:  # noqa: BLE001 - around one target of a sweep: the others go on
        words = error.message if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
        return _measurement(link, seen, UNFORESEEN, words[:500])
    else:
        return _measurement(link, seen, "", "")
    finally:
        link.close()


def unforeseen(error: BaseException) -> Measurement:
    """The measurement of a target whose probe could not even fail properly."""
    return Measurement(UNFORESEEN, f"{type(error).__name__}: {error}"[:500])


def _measurement(link: Link, seen: Seen, error: str, detail: str) -> Measurement:
    total_ms = (perf_counter() - link.started_at) * 1000
    answer = seen.answer
    if answer is None:
        measured = Measurement(error, detail, None, "", link.dns_ms, link.connect_ms, link.tls_ms, link.first_byte_ms,
                               total_ms, link.address)
    else:
        measured = Measurement(error, detail, answer.status_code, answer.reason.decode("latin-1"), link.dns_ms,
                               link.connect_ms, link.tls_ms, link.first_byte_ms, total_ms, link.address, answer.body,
                               answer.location.decode("latin-1"), answer.body_bytes, answer.is_cut)
        if answer.headers:
            measured = measured._replace(headers=tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.headers
            ))
    if seen.certificate is not None:
        expires_at, subject, issuer = seen.certificate
        measured = measured._replace(cert_expires_at=expires_at, cert_subject=subject, cert_issuer=issuer)
    return measured


def _ran_out(target: Target, link: Link, seen: Seen) -> str:
    within = f"within {format_duration(target.timeout_s)}"
    if link.phase == "dns":
        return f"name not resolved {within}"
    if link.phase == "connect":
        return f"no connection {within}"
    connected = f"connected in {link.connect_ms or 0:.1f} ms"
    if link.phase == "tls":
        return f"no TLS handshake {within} ({connected}, then silence)"
    answer = seen.answer
    if link.first_byte_ms is None or answer is None:
        return f"no answer {within} ({connected}, then silence)"
    if not answer.has_begun:
        return f"headers not complete {within} (first byte after {link.first_byte_ms:.1f} ms)"
    return f"body not complete {within} (HTTP {answer.status_code}, {answer.body_bytes} bytes of body came)"
