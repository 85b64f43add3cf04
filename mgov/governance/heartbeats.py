"""Heartbeats: an instance with a TTL says that it is alive. On the path of a hot verb."""

from mgov.errors import NotFound, UsageError
from mgov.model.health import DEGRADED, HEALTHY, UNHEALTHY
from mgov.model.instance import from_value
from mgov.model.names import check_name
from mgov.store.base import Write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mgov.clock import Clock
    from mgov.model.instance import Instance
    from mgov.store.base import Store

WORDS = (HEALTHY, DEGRADED, UNHEALTHY)


def beat(
    store: "Store", clock: "Clock", name: str, instance_id: "str | None", *, status: str = HEALTHY, note: str = ""
) -> str:
    """Record a beat and return the instance's id; without an id, the only instance of `name` with a TTL is meant.

    It holds for the TTL. NotFound for an unknown one, UsageError where no TTL was registered or several could be meant.
    """
    if status not in WORDS:
        raise UsageError(f"a heartbeat says {', '.join(WORDS[:-1])} or {WORDS[-1]}, not {status[:40]!r}")
    target = target_of(store, name, instance_id)
    value: dict[str, Any] = {"at": clock.now(), "status": status}
    if note:
        value["note"] = note
    store.write(Write(f"heartbeat/{name}/{target.id}", value, None, target.ttl_s), operation="heartbeat")
    return target.id


def target_of(store: "Store", name: str, instance_id: "str | None") -> "Instance":
    """The instance that a beat is meant for; raises as `beat`."""
    check_name(name)
    found = [from_value(name, d.key.rpartition("/")[2], d.value) for d in store.scan(f"instance/{name}/")]
    if instance_id is None:
        found = [candidate for candidate in found if candidate.ttl_s is not None]
        if len(found) > 1:
            example = f"mgov heartbeat {name} {found[0].id}"
            raise UsageError(f"{name} has {len(found)} instances with a TTL: say which", hint=example)
    else:
        check_name(instance_id, "instance")
        found = [candidate for candidate in found if candidate.id == instance_id]
    if not found:
        what = f"instance {instance_id} of {name}" if instance_id else f"instance of {name} with a TTL"
        raise NotFound(f"no {what}", hint=f"mgov register {name} --id {instance_id or name + '-1'} --ttl 30s")
    if found[0].ttl_s is None:
        raise UsageError(f"{found[0].id} has no TTL", hint=f"mgov register {name} --id {found[0].id} --ttl 30s")
    return found[0]
