"""Rules about the running copies of a service: that they are looked at, and that one alone is not all there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.auditpolicy import HEALTH_CHECK, REDUNDANCY
from mgov.model.health import NONE, TCP
from mgov.model.practice import Breach, check_again, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgov.model.instance import Instance
    from mgov.model.practice import Facts

LEAST = 2


def health_check(facts: Facts) -> Iterator[Breach]:
    """Each instance is checked by something that can tell a service that works from one that hangs. A heartbeat does,
    for it is the service's own word; `none` does not, nor does a port that accepts where HTTP is spoken."""
    for name in facts.services:
        members = facts.instances.get(name, ())
        weak = [instance for instance in members if _weakness(instance)]
        if weak:
            reasons = " or ".join(sorted({_weakness(instance) for instance in weak}))
            ids = listed([instance.id for instance in weak])
            evidence = f"{reasons}: {len(weak)} of {len(members)} instances ({ids})"
            yield Breach(HEALTH_CHECK, name, evidence, check_again(weak[0]))


def redundancy(facts: Facts) -> Iterator[Breach]:
    """One instance may stop without the service going with it."""
    for name in facts.services:
        members = facts.instances.get(name, ())
        if len(members) < LEAST and name not in facts.blind:
            protocol = members[0].protocol if members else "http"
            evidence = "it has one instance" if members else "it has no instances"
            yield Breach(REDUNDANCY, name, evidence, f"mgov register {name} {protocol}://HOST:PORT")


def _weakness(instance: Instance) -> str:
    """Why the check of an instance says too little, '' where it says enough."""
    if instance.check.kind == NONE:
        return "" if instance.ttl_s is not None else "nothing checks it"
    if instance.check.kind == TCP and instance.protocol in ("http", "https"):
        return "only its port is tried, although it speaks HTTP"
    return ""
