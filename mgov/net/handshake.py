"""The TLS handshake of a probe, and the certificate that it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.net.failure import CertificateRefused

if TYPE_CHECKING:
    from mgov.net.certificate import Certificate
    from mgov.net.link import Link
    from mgov.net.target import Place, Seen, Target


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
