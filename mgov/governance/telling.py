"""What became of an attempt, told to the breaker that let it out, in a breaker's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.breaker_policy import ERROR
from mgov.model.measurement import (
    CLOSED,
    DNS,
    HEADERS_TOO_LARGE,
    LOCAL_ERROR,
    PROTOCOL,
    REFUSED,
    RESET,
    TIMEOUT,
    TLS,
    UNREACHABLE,
)

if TYPE_CHECKING:
    from typing import Protocol

    from mgov.model.retry import Attempt

    class Permit(Protocol):
        """Leave to send, to be reported on once."""

        def success(self, latency_s: float | None = None) -> None: ...
        def failure(self, kind: str = "", latency_s: float | None = None) -> None: ...
        def ignore(self) -> None: ...
        def cancel(self) -> None: ...


_KINDS = {                                      # what a breaker calls the errors that have another name there
    DNS: REFUSED, REFUSED: REFUSED, UNREACHABLE: REFUSED, TIMEOUT: TIMEOUT, RESET: RESET, CLOSED: RESET, TLS: TLS,
    PROTOCOL: PROTOCOL, HEADERS_TOO_LARGE: PROTOCOL,
}  # fmt: skip


def tell(permit: Permit | None, attempt: Attempt | None) -> None:
    """Tell the breaker what came of it; None: nothing is known."""
    if permit is None:
        return
    if attempt is None:
        permit.cancel()
        return
    if attempt.error == LOCAL_ERROR:
        permit.ignore()                         # this machine failed: that says nothing of the peer
        return
    latency_s = attempt.latency_ms / 1000
    if attempt.error:
        permit.failure(_KINDS.get(attempt.error, ERROR), latency_s=latency_s)
    elif attempt.status_code is not None and attempt.status_code >= 400:
        permit.failure(str(attempt.status_code), latency_s=latency_s)
    else:
        permit.success(latency_s=latency_s)
