"""What one probe measured, and the observation that follows from it.

The net measures and never judges; this file judges and never connects. An http or https target is healthy when it
answers with 2xx, degraded with 429 (it lives, and asks for less), unhealthy otherwise; a tcp target is healthy when
it accepts a connection, a tls target when its certificate is valid; a command and a gRPC server say it themselves.
Where the check has expectations, all of them must hold (`model.expectation`).
"""

from mgov.errors import UsageError
from mgov.model.health import COMMAND, DEGRADED, GRPC, GRPCS, HEALTHY, TCP, UNHEALTHY, Check, Observation
from mgov.model.health import TLS as TLS_KIND
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mgov.model.verdict import Verdict

DNS, REFUSED, UNREACHABLE, TIMEOUT, RESET = "dns", "refused", "unreachable", "timeout", "reset"
TLS, PROTOCOL, HEADERS_TOO_LARGE, CLOSED = "tls", "protocol", "headers-too-large", "closed"
LOCAL_ERROR, UNFORESEEN, UNTRUSTED = "local-error", "unforeseen", "untrusted"
ERRORS = (DNS, REFUSED, UNREACHABLE, TIMEOUT, RESET, TLS, PROTOCOL, HEADERS_TOO_LARGE, CLOSED, LOCAL_ERROR, UNFORESEEN)

MAX_BODY_BYTES = 64 * 1024
_OWN_WORD = (COMMAND, GRPC, GRPCS)              # kinds whose target says itself how it is
_REDIRECTS = (301, 302, 303, 307, 308)
_PHASES = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms")


class Measurement(NamedTuple):
    """What one probe measured, without judgement.

    `error` is '' when the probe got all that a judgement needs, else one of ERRORS, and `detail` says it in words.
    Phases are milliseconds and None when not reached: `dns_ms`, `connect_ms` and `tls_ms` last as long as they say,
    `first_byte_ms` and `total_ms` count from the start. `address` is the `ip:port` that was connected to (or tried
    last). `reason_phrase`, `location`, `body`, `headers` and the certificate's names are foreign text. `body` (up to
    64 KiB) and `headers` (lower-cased names) are kept on request only; so is the peer's certificate, and that of a
    peer which is refused because it has expired. `cert_expires_at` is in seconds since the epoch. `is_shortage` says of
    a local error that it may pass when fewer probes run at once.
    """

    error: str
    detail: str = ""
    status_code: "int | None" = None
    reason_phrase: str = ""
    dns_ms: "float | None" = None
    connect_ms: "float | None" = None
    tls_ms: "float | None" = None
    first_byte_ms: "float | None" = None
    total_ms: "float | None" = None
    address: str = ""
    body: bytes = b""
    location: str = ""
    body_bytes: int = 0
    is_body_cut: bool = False
    headers: "tuple[tuple[str, str], ...]" = ()
    cert_expires_at: "float | None" = None
    cert_subject: str = ""
    cert_issuer: str = ""
    is_shortage: bool = False

    @property
    def is_local(self) -> bool:
        """Whether this machine failed (file limit, no free port): nothing was learnt about the target.

        Callers store nothing for such a measurement and say so.
        """
        return self.error == LOCAL_ERROR


def observe(check: Check, seen: Measurement, *, at: float) -> Observation:
    """The observation that `seen` makes of `check`'s target at `at` (seconds since the epoch).

    `latency_ms` is the whole probe when the target answered, else None. Raises ValueError for a local error: that is
    never the target's fault, so there is no status to give.
    """
    if seen.error == LOCAL_ERROR:
        raise ValueError(f"a local error says nothing about the target: {seen.detail}")
    evidence = _evidence(seen)
    if check.expect or check.kind == TLS_KIND:
        status, reason = _held_to_expectations(check, seen, at, evidence)
    else:
        status, reason = _plain_verdict(check, seen)
    return Observation(status, reason, None if seen.error else seen.total_ms, at, evidence)


def _held_to_expectations(check: Check, seen: Measurement, at: float, evidence: "dict[str, Any]") -> tuple[str, str]:
    """The status and its reason; the verdicts go into `evidence` when expectations were given."""
    from mgov.model.expectation import expectations_of
    from mgov.model.verdict import certificate_age, judge

    try:
        verdicts = judge(expectations_of(check.kind, tuple(check.expect)), seen, at=at)
    except UsageError as error:         # an older mgov or a hand wrote it: the other targets of a sweep go on
        return UNHEALTHY, error.message
    if check.expect:
        evidence["expectations"] = [
            {"expect": v.text, "observed": v.observed, "is_met": v.is_met, "is_soft": v.is_soft} for v in verdicts
        ]
    if seen.error:
        return UNHEALTHY, seen.detail or seen.error
    unmet = _first_unmet(verdicts)
    own = _own_word(check, seen) if check.kind in _OWN_WORD else None
    if own is not None and (own[0] == UNHEALTHY or unmet is None):
        return own
    if unmet is not None:
        return DEGRADED if unmet.is_soft else UNHEALTHY, f"expected {unmet.text}, observed {unmet.observed}"
    if check.kind == TLS_KIND:
        return HEALTHY, f"certificate {certificate_age((seen.cert_expires_at or at) - at)}"
    return HEALTHY, "connected" if check.kind == TCP else _http_words(seen)


def _first_unmet(verdicts: "Sequence[Verdict]") -> "Verdict | None":
    """The one that decides the status: the first unmet that is not soft, else the first unmet."""
    unmet = [verdict for verdict in verdicts if not verdict.is_met]
    return next((verdict for verdict in unmet if not verdict.is_soft), unmet[0] if unmet else None)


def _http_words(seen: Measurement) -> str:
    return f"HTTP {seen.status_code} {seen.reason_phrase}".rstrip()


def _plain_verdict(check: Check, seen: Measurement) -> tuple[str, str]:
    if seen.error:
        return UNHEALTHY, seen.detail or seen.error
    if check.kind == TCP:
        return HEALTHY, "connected"
    if check.kind in _OWN_WORD:
        return _own_word(check, seen)
    code = seen.status_code
    if code is None:
        return UNHEALTHY, "no HTTP status"
    reason = _http_words(seen)
    if 200 <= code < 300:
        return HEALTHY, reason
    if code == 429:
        return DEGRADED, reason
    if code in _REDIRECTS and seen.location:
        return UNHEALTHY, f"redirects to {seen.location} (not followed)"
    return UNHEALTHY, reason


def _own_word(check: Check, seen: Measurement) -> tuple[str, str]:
    """What a command's exit status or a gRPC server says of itself."""
    from mgov.model import command, serving

    code = seen.status_code if seen.status_code is not None else -1
    return command.verdict(code, command.first_line(seen.body)) if check.kind == COMMAND else serving.verdict(code)


def _evidence(seen: Measurement) -> "dict[str, Any]":
    facts: dict[str, Any] = {}
    for phase in _PHASES:
        value = getattr(seen, phase)
        if value is not None:
            facts[phase] = round(value, 3)
    if seen.error:
        facts["error"] = seen.error
    if seen.address:
        facts["address"] = seen.address
    if seen.status_code is not None:
        facts["status_code"] = seen.status_code
    if seen.location:
        facts["location"] = seen.location
    if seen.body_bytes:
        facts["body_bytes"] = seen.body_bytes
    if seen.is_body_cut:
        facts["is_body_cut"] = True
    if seen.cert_expires_at is not None:
        facts["cert_expires_at"] = seen.cert_expires_at
        facts["cert_subject"] = seen.cert_subject
        facts["cert_issuer"] = seen.cert_issuer
    return facts
