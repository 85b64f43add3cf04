"""Rules about what people say of a service: who owns it, what it offers, what it keeps, how it is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.model.auditpolicy import API, CONFIGURATION, DATASTORE, OWNERSHIP
from mgov.model.practice import Breach, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgov.model.practice import Facts
    from mgov.model.service import Service


def ownership(facts: Facts) -> Iterator[Breach]:
    """Somebody answers for the service, and it belongs to a part of the business."""
    for service in facts.services.values():
        lacking = [word for word in ("owner", "domain") if not getattr(service, word)]
        if lacking:
            flags = {"owner": "--owner TEAM", "domain": "--domain DOMAIN"}
            mend = " ".join(("mgov register", service.name, *(flags[word] for word in lacking)))
            yield Breach(OWNERSHIP, service.name, f"it has no {' and no '.join(lacking)}", mend)


def api(facts: Facts) -> Iterator[Breach]:
    """What speaks HTTP declares its endpoints. A service whose instances all speak something else, or have no address,
    has none to declare."""
    for service in facts.services.values():
        spoken = {instance.protocol if instance.host else "" for instance in facts.instances.get(service.name, ())}
        if not service.api and (not spoken or spoken & {"http", "https"}):
            yield Breach(API, service.name, "it declares no API", f"mgov register {service.name} --api openapi.yaml")


def datastore(facts: Facts) -> Iterator[Breach]:
    """Who keeps data keeps it alone: a datastore that two services name couples them behind their APIs."""
    users: dict[str, list[Service]] = {}
    for service in facts.services.values():
        for name in service.datastores:
            users.setdefault(name, []).append(service)
    for name, services in sorted(users.items()):
        if len(services) > 1:
            names = tuple(sorted(service.name for service in services))
            last = max(services, key=lambda service: service.name)
            own = [quoted(f"{last.name}-{one}" if one == name else one) for one in last.datastores]
            mend = " ".join(("mgov register", last.name, *(f"--datastore {one}" for one in own)))
            yield Breach(DATASTORE, names[0], f"the datastore {name} is shared by {listed(names)}", mend, names)


def configuration(facts: Facts) -> Iterator[Breach]:
    """The service has a configuration in some environment, so that its settings are not in its code."""
    for name in facts.services:
        if name not in facts.configured:
            yield Breach(CONFIGURATION, name, "it has no configuration", f"mgov config set {name} KEY=VALUE")
