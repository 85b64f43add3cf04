"""The documents of the breakers in a store: read, changed, and given up where they make no sense."""

from mgov.errors import BreakerOpen, NotFound
from mgov.model.breaker import settle
from mgov.model.breaker_document import BreakerSet, from_value, to_value
from mgov.model.names import check_name, matches
from mgov.model.record import NamedTuple
from mgov.store.base import update

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

    from mgov.clock import Clock
    from mgov.model.breaker import Answer, Breaker
    from mgov.store.base import Store


class Shown(NamedTuple):
    """One breaker, settled at the time of asking; `instance` is '' for the service's own."""

    service: str
    instance: str
    breaker: "Breaker"


def require(store: "Store", service: str) -> None:
    """Raise NotFound for a service that nobody registered, neither itself nor an instance of it."""
    check_name(service)
    if any(store.scan(f"instance/{service}/")) or store.read(f"service/{service}") is not None:
        return
    from mgov.governance.fleet import suggest_service

    raise NotFound(f"no service {service}", hint=suggest_service(store, service))


def require_instance(store: "Store", service: str, instance: str) -> None:
    """Raise NotFound for an instance of a service that nobody registered."""
    check_name(instance, "instance")
    if store.read(f"instance/{service}/{instance}") is None:
        from mgov.governance.fleet import instance_hint

        raise NotFound(f"no instance {instance} of {service}", hint=instance_hint(store, service, instance))


def candidates(store: "Store", service: str) -> "list[str]":
    """The ids of the service's registered instances."""
    return [document.key.rpartition("/")[2] for document in store.scan(f"instance/{service}/")]


def change_document(
    store: "Store", clock: "Clock", service: str, change: "Callable[[BreakerSet, float], BreakerSet]"
) -> BreakerSet:
    """Put what `change` makes of a service's breakers in their place; the time it is given is that of the write."""
    made: list[BreakerSet] = []

    def apply(value: "dict[str, Any] | None") -> "dict[str, Any]":
        known = load(store, service, value) if value is not None else BreakerSet()
        made[:] = [change(known, clock.now())]
        return to_value(made[0])

    update(store, f"breaker/{service}", apply, operation="breaker")
    return made[0]


def load(store: "Store", service: str, value: "Mapping[str, Any]") -> BreakerSet:
    """The breakers in a document; one that makes no sense counts as closed, with a warning."""
    try:
        return from_value(value)
    except (ValueError, TypeError, AttributeError, KeyError):
        warn = getattr(store, "warn", None)
        if warn is not None:
            warn(f"the state of the breakers of {service} makes no sense; they count as closed")
        return BreakerSet()


def kept(store: "Store", now: float, pattern: str = "*") -> "Iterator[Shown]":
    """The breakers that the store keeps of the services that match, settled at `now`, by service and instance.

    One that nobody used yet is not among them.
    """
    for document in store.scan("breaker/"):
        name = document.key.partition("/")[2]
        if matches(pattern, name):
            known = load(store, name, document.value)
            for instance, breaker in sorted(known.breakers.items()):
                yield Shown(name, instance, settle(breaker, now))


def refusal(service: str, instance: str, answer: "Answer") -> BreakerOpen:
    """The error for a call that may not go out."""
    what = f"{service}/{instance}" if instance else service
    after_s = answer.retry_after_s
    when = "" if after_s is None else f"; try again in {_shown(after_s)}"
    return BreakerOpen(
        f"the breaker of {what} is {answer.why}{when}", hint=f"mgov breaker show {service}", retry_after_s=after_s
    )


def _shown(seconds: float) -> str:
    from mgov.model.units import format_duration

    return format_duration(-(-seconds // 1) if seconds >= 1 else max(seconds, 0.001))


def forget(store: "Store", service: str, instances: "Collection[str]") -> None:
    """Drop what is known of the breakers of instances that are no longer registered."""

    def without(value: "dict[str, Any] | None") -> "dict[str, Any] | None":
        known = load(store, service, value or {})
        left = {key: breaker for key, breaker in known.breakers.items() if key not in instances}
        return value if len(left) == len(known.breakers) else to_value(known._replace(breakers=left))

    update(store, f"breaker/{service}", without, operation="deregister")
