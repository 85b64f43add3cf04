"""The observation that follows from what a probe measured.

The net measures and never judges; this file judges and never connects. An http or https target is healthy when it
answers with 2xx, degraded with 429 (it lives, and asks for less), unhealthy otherwise; a tcp target is healthy when
it accepts a connection, a tls target when its certificate is valid; a command and a gRPC server say it themselves.
Where the check has expectations, all of them must hold (`model.expectation`).
"""

from mgov.errors import UsageError
from mgov.model.health import COMMAND, DEGRADED, GRPC, GRPCS, HEALTHY, TCP, TLS, UNHEALTHY, Check, Observation
from mgov.model.measurement import LOCAL_ERROR, Measurement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mgov.model.verdict import Verdict

_OWN_WORD = (COMMAND, GRPC, GRPCS)              # kinds whose target says itself how it is
_REDIRECTS = (301, 302, 303, 307, 308)
_PHASES = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms")


def observe(check: Check, seen: Measurement, *, at: float) -> Observation:
    """The observation that `seen` makes of `check`'s target at `at` (seconds since the epoch).

    `latency_ms` is the whole probe when the target answered, else None. Raises ValueError for a local error: that is
    never the target's fault, so there is no status to give.
    """
    if seen.error == LOCAL_ERROR:
        raise ValueError(f"a local error says nothing about the target: {seen.detail}")
    evidence = _evidence(seen)
    if check.expect or check.kind == TLS:
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
    if check.kind == TLS:
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
