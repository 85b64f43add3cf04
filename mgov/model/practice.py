"""Best practices: what an audit looks at, and what it finds. The rules themselves are in `mgov.model.practices`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.auditpolicy import MAX_DOMAINS
from mgov.model.graph import Graph
from mgov.model.names import authority
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mgov.model.instance import Instance
    from mgov.model.service import Service

MAX_NAMED = 5                                   # names in one line of evidence


class Guard(NamedTuple):
    """What is known of the breaker of a service itself: whether a call ever went through it, and how it is forced
    ('' for not)."""

    is_used: bool = False
    forced: str = ""


class Facts(NamedTuple):
    """What an audit looks at. A service in `damaged` is registered but cannot be read, one in `blind` has instances
    that cannot; neither is blamed for what is not known. `configured` are those with a configuration anywhere."""

    services: Mapping[str, Service]
    instances: Mapping[str, Sequence[Instance]] = {}
    graph: Graph = Graph(())
    configured: Collection[str] = frozenset()
    guards: Mapping[str, Guard] = {}
    damaged: Collection[str] = frozenset()
    blind: Collection[str] = frozenset()
    max_domains: int = MAX_DOMAINS

    def is_known(self, name: str) -> bool:
        """Whether somebody registered it, readable or not."""
        return name in self.services or name in self.damaged


class Breach(NamedTuple):
    """A rule that `service` breaks, the others in `services` with it: the `evidence`, and the command that mends it.

    Words in capitals in `mend` are for a person to fill in.
    """

    rule: str
    service: str
    evidence: str
    mend: str
    services: tuple[str, ...] = ()

    @property
    def blamed(self) -> tuple[str, ...]:
        """Every service that it counts against."""
        return self.services or (self.service,)


def listed(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """`a, b and c`; of many the first, and how many more."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def quoted(text: str) -> str:
    """`text` as one word of a shell's command line."""
    if text and all(c.isascii() and (c.isalnum() or c in "._-/:@%+=,") for c in text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def register_with(service: Service, target: str) -> str:
    """The command that makes the dependency of `service` on `target` asynchronous and keeps the others."""
    from mgov.model.service import ASYNCHRONOUS

    words = []
    for dependency in service.dependencies:
        is_async = dependency.type == ASYNCHRONOUS or dependency.name == target
        kind = f"{':async' if is_async else ''}{':optional' if dependency.is_optional else ''}"
        words.append(f"--depends-on {dependency.name}{kind}")
    return " ".join(("mgov register", service.name, *words))


def check_again(instance: Instance) -> str:
    """The command that gives an instance a check over HTTP."""
    scheme = instance.protocol if instance.protocol in ("http", "https") else "http"
    address = f"{scheme}://{authority(instance.host, instance.port)}"
    return f"mgov register {instance.service} {quoted(address)} --id {instance.id} --health /health"
