"""Applying, comparing and exporting a fleet over a real store."""

import pytest

from mgov.errors import Conflict, InvalidName, NotFound
from mgov.governance.manifests import Manifests
from mgov.model.manifest import dump, parse
from mgov.model.registration import Registration

FLEET = {
    "services": {
        "orders": {
            "owner": "shop",
            "dependencies": ["users"],
            "instances": [{"url": "http://127.0.0.1:8080", "health": "/h"}, {"id": "w1", "ttl": "30s"}],
        },
        "users": {},
    }
}


def apply(platform, document, **options):
    return [(s.action, s.service, s.instance) for s in platform.manifests.apply(parse(document), **options)]


def only(*names, **changed):
    return {"services": {name: changed.get(name, {}) for name in names}}


def test_a_fleet_is_created_once_and_then_unchanged(platform, clock):
    first = [("created", "orders", ""), ("created", "orders", "127.0.0.1-8080"), ("created", "orders", "w1"),
             ("created", "users", "")]
    assert apply(platform, FLEET) == first
    clock.advance(100)
    assert apply(platform, FLEET) == [("unchanged", *rest) for _, *rest in first]


def test_an_export_applied_again_is_unchanged_whoever_registered_it(platform, clock):
    apply(platform, FLEET, scope="a")
    fields = Registration(interval_s=1.5, timeout_s=0.25, tags=["x"])
    platform.registry.register("extra", "http://[::1]:9", fields=fields)
    platform.registry.maintain("extra", "1-9", reason="kept")
    clock.advance(100)
    document = dump(platform.manifests.export())
    assert {action for action, *_ in apply(platform, document, scope="b", prune=True)} == {"unchanged"}
    assert platform.registry.show("orders").service.origin == "manifest:a"
    assert platform.registry.show("extra").service.origin == "register"


def test_pruning_one_scope_never_touches_another_or_what_a_person_registered(platform):
    apply(platform, only("a1", "a2"), scope="a")
    apply(platform, only("b1"), scope="b")
    platform.registry.register("mine", "http://127.0.0.1:1")
    assert apply(platform, only("a1"), scope="a", prune=True) == [("unchanged", "a1", ""), ("pruned", "a2", "")]
    assert [r.service.name for r in platform.registry.services()] == ["a1", "b1", "mine"]
    assert apply(platform, {"services": {}}, scope="b", prune=True) == [("pruned", "b1", "")]
    assert [r.service.name for r in platform.registry.services()] == ["a1", "mine"]


def test_without_prune_nothing_is_removed(platform):
    apply(platform, FLEET)
    assert apply(platform, only("users")) == [("unchanged", "users", "")]
    assert len(platform.registry.services()) == 2


def test_a_service_with_somebody_elses_instance_stays_when_its_scope_lets_go(platform):
    apply(platform, FLEET)
    platform.registry.register("orders", "http://127.0.0.1:9999")
    apply(platform, only("users"), prune=True)
    assert [m.instance.port for m in platform.registry.instances()] == [9999]
    assert [r.service.name for r in platform.registry.services()] == ["orders", "users"]


def test_what_is_pruned_leaves_nothing_to_a_namesake(platform):
    apply(platform, FLEET)
    platform.registry.heartbeat("orders", "w1")
    platform.registry.maintain("orders")
    apply(platform, only("users"), prune=True)
    for key in ("service/orders", "instance/orders/w1", "maintenance/orders", "heartbeat/orders/w1", "health/orders"):
        assert platform.store.read(key) is None


def test_a_step_names_the_fields_that_differ(platform):
    apply(platform, FLEET)
    changed = only("orders", "users", orders={**FLEET["services"]["orders"], "owner": "ops", "tier": "1"})
    step = platform.manifests.apply(parse(changed), dry_run=True)[0]
    assert (step.action, step.fields) == ("changed", ("owner", "tier"))


def test_a_dry_run_writes_nothing(platform):
    before = platform.store.last_revision()
    assert {a for a, *_ in apply(platform, FLEET, dry_run=True, prune=True)} == {"created"}
    assert platform.store.last_revision() == before
    assert platform.registry.services() == []


def test_a_change_by_somebody_else_during_an_apply_is_a_conflict_and_nothing_is_written(platform, clock):
    apply(platform, FLEET)

    class Raced:
        """The store, with somebody else's change between reading and writing."""

        def __getattr__(self, name):
            return getattr(platform.store, name)

        def write_many(self, writes, **options):
            platform.registry.register("orders", fields=Registration(owner="other"))
            return platform.store.write_many(writes, **options)

    changed = only("orders", "new", orders={"owner": "ops"})
    with pytest.raises(Conflict):
        Manifests(Raced(), clock).apply(parse(changed))
    assert [r.service.owner for r in platform.registry.services()] == ["other", ""]


def test_an_export_takes_names_and_patterns_and_refuses_an_unknown_name(platform):
    apply(platform, FLEET)
    names = lambda *patterns: [e.service.name for e in platform.manifests.export(patterns)]  # noqa: E731
    assert names("o*") == ["orders"]
    assert names("users", "or?ers") == ["orders", "users"]
    assert names("x*") == []
    with pytest.raises(NotFound):
        names("user")
    with pytest.raises(InvalidName):
        apply(platform, FLEET, scope="My Scope")
