"""A finding: one thing that is not as a rule wants it."""

from __future__ import annotations

from mgov.model.record import NamedTuple


class Finding(NamedTuple):
    """`rule` is the word of what was broken, `subject` names what breaks it, `message` says how; `services` are those
    that it is about."""

    rule: str
    subject: str
    message: str
    services: tuple[str, ...] = ()
