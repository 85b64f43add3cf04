"""What one probe measured, and the observation that follows from it.

The net measures and never judges; this file judges and never connects. An http or https target is healthy when it
answers with 2xx, degraded with 429 (it lives, and asks for less), unhealthy otherwise; a tcp target is healthy when
it accepts a connection.
"""

from mgov.model.health import DEGRADED, HEALTHY, TCP, UNHEALTHY, Check, Observation
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DNS, REFUSED, UNREACHABLE, TIMEOUT, RESET = "dns", "refused", "unreachable", "timeout", "reset"
TLS, PROTOCOL, HEADERS_TOO_LARGE, CLOSED = "tls", "protocol", "headers-too-large", "closed"
LOCAL_ERROR, UNFORESEEN = "local-error", "unforeseen"
ERRORS = (DNS, REFUSED, UNREACHABLE, TIMEOUT, RESET, TLS, PROTOCOL, HEADERS_TOO_LARGE, CLOSED, LOCAL_ERROR, UNFORESEEN)

MAX_BODY_BYTES = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_PHASES = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms")


class Measurement(NamedTuple):
    """What one probe measured, without judgement.

    `error` is '' when the probe got all that a judgement needs, else one of ERRORS, and `detail` says it in words.
    Phases are milliseconds and None when not reached: `dns_ms`, `connect_ms` and `tls_ms` last as long as they say,
    `first_byte_ms` and `total_ms` count from the start. `address` is the `ip:port` that was connected to (or tried
    last). `reason_phrase`, `location` and `body` are foreign text; `body` is kept on request only and ends at 64 KiB.
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
    status, reason = _verdict(check, seen)
    return Observation(status, reason, None if seen.error else seen.total_ms, at, _evidence(seen))


def _verdict(check: Check, seen: Measurement) -> tuple[str, str]:
    if seen.error:
        return UNHEALTHY, seen.detail or seen.error
    if check.kind == TCP:
        return HEALTHY, "connected"
    code = seen.status_code
    if code is None:
        return UNHEALTHY, "no HTTP status"
    reason = f"HTTP {code} {seen.reason_phrase}".rstrip()
    if 200 <= code < 300:
        return HEALTHY, reason
    if code == 429:
        return DEGRADED, reason
    if code in _REDIRECTS and seen.location:
        return UNHEALTHY, f"redirects to {seen.location} (not followed)"
    return UNHEALTHY, reason


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
    return facts
