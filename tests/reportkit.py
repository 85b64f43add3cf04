"""Results as a look leaves them, and foreign text at its worst, for the tests of reports."""

from __future__ import annotations

from hypothesis import strategies as st

from mgov.model.health import STATUSES
from mgov.model.result import Result

AT = 1_800_000_000.25
WORST = "\x00\x1b\x85\ud800\udfff\ufffe\uffff\u202e\n\r\t]]>&<\"'`|:,%\\#🦀"
foreign = st.text(max_size=40) | st.text(st.sampled_from(WORST))
results = st.builds(
    Result,
    service=st.sampled_from(["", "orders", "mail"]) | foreign,
    instance=foreign,
    url=foreign,
    status=st.sampled_from(STATUSES),
    reason=foreign,
    latency_ms=st.none() | st.floats(0, 1e6),
    checked_at=st.none() | st.floats(0, 4e9),
    evidence=st.dictionaries(st.sampled_from(["error", "connect_ms", "location"]), foreign | st.floats(), max_size=2),
    is_local=st.booleans(),
)


def result(status: str = "healthy", reason: str = "HTTP 200 OK", **fields: object) -> Result:
    """A result of orders/a with a latency of 12.5 ms."""
    base = Result("orders", "a", "http://127.0.0.1:1/", status, reason, 12.5, AT, {"total_ms": 12.5})
    return base._replace(**fields)  # type: ignore[arg-type]
