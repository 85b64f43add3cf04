"""What a change did to one thing of the fleet."""

from __future__ import annotations

from mgov.model.record import NamedTuple

CREATED, CHANGED, UNCHANGED, REMOVED = "created", "changed", "unchanged", "removed"


class Outcome(NamedTuple):
    """`action` is created, changed, unchanged or removed; `instance` is '' for the service."""

    action: str
    service: str
    instance: str = ""
    revision: str = ""
