"""One probe function per protocol, found by name in PROBES. They measure; `mgov.model.judgement` judges.

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
from mgov.model.units import format_duration
from mgov.net.failure import ProbeFailed
from mgov.net.handshake import start_tls
from mgov.net.http1 import Answer, request_bytes
from mgov.net.target import Place, Seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mgov.net.link import Link
    from mgov.net.target import Target

    Probe = Callable[[Target, Place, Link, Seen], Awaitable[None]]


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
