"""One target after a look, as reports and root causes need it: plain values, nothing of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Result(NamedTuple):
    """One target. `service` and `instance` are '' for a bare URL; `status` is one of `model.health.STATUSES`,
    or `missing` where nothing of that name is registered.

    `latency_ms` is None when nothing answered, `checked_at` (seconds since the epoch) when nobody ever looked.
    `evidence` holds phases in milliseconds and what was read. `is_local` says that this machine could not probe it:
    then `status` is what was known before.
    """

    service: str
    instance: str
    url: str
    status: str
    reason: str = ""
    latency_ms: float | None = None
    checked_at: float | None = None
    evidence: Mapping[str, Any] = {}
    is_local: bool = False

    @property
    def name(self) -> str:
        """What a person calls it: `service/instance`, the service where it has none, or the URL."""
        return name_of(self.service, self.instance, self.url)


def name_of(service: str, instance: str, url: str) -> str:
    """What a person calls a target: `service/instance`, the service where it has none, or the URL."""
    return f"{service}/{instance}" if instance else service or url
