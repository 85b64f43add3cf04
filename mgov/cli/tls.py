"""The TLS options that probe and health share: whom to trust, and what to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mgov.errors import InputError, UsageError

if TYPE_CHECKING:
    from mgov.net.target import Trust

Insecure = Annotated[bool, typer.Option("--insecure", help="Accept any certificate")]
CaCert = Annotated[str, typer.Option(metavar="FILE", help="Trust the authorities in this PEM file only")]
Cert = Annotated[str, typer.Option(metavar="FILE", help="Show this client certificate (PEM)")]
Key = Annotated[str, typer.Option(metavar="FILE", help="The client certificate's key [in its file]")]


def trust_of(cacert: str, cert: str, key: str, *, insecure: bool) -> Trust | None:
    """What the options say, None for nothing; InputError for a file that does not serve: no target has a part in it."""
    if key and not cert:
        raise UsageError("--key goes with --cert")
    if insecure and cacert:
        raise UsageError("--insecure accepts any certificate, so --cacert has no meaning beside it")
    if not (insecure or cacert or cert):
        return None
    from mgov.net.failure import ProbeFailed
    from mgov.net.target import Trust
    from mgov.net.tls import context_for

    trust = Trust(insecure, cacert, cert, key)
    try:
        context_for({}, trust)
    except ProbeFailed as failure:
        raise InputError(failure.detail) from failure
    return trust
