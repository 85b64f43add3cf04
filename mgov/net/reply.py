"""What came back from a peer that does not speak HTTP/1, in the fields that `measure` reads of an Answer."""

from __future__ import annotations

from mgov.model.record import NamedTuple


class Reply(NamedTuple):
    """A whole reply. `status_code` is the protocol's own (an exit status, a serving status), `reason` its words."""

    status_code: int
    reason: bytes = b""
    body: bytes = b""
    body_bytes: int = 0
    is_cut: bool = False
    location: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    has_begun: bool = True
