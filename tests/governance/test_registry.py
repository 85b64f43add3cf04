"""The registry over a real store: what registering, leaving and looking do."""

import pytest

from mgov.errors import Conflict, InvalidName, NotFound, UsageError
from mgov.governance.registry import Registry
from mgov.model.registration import Registration
from mgov.model.service import Dependency
from mgov.store.base import Write

URL = "http://127.0.0.1:8080"
ID = "127.0.0.1-8080"


def actions(outcomes):
    return [outcome.action for outcome in outcomes]


def register(platform, name="orders", url=URL, **fields):
    known = ("replace", "create_only", "expect_revision", "dry_run")
    options = {key: fields.pop(key) for key in known if key in fields}
    return platform.registry.register(name, url, fields=Registration(**fields), **options)


def contents(path):
    """Every file of a store with its bytes, but for lock files, which say who held them, and what may be deleted."""
    files = sorted(p for p in path.rglob("*") if p.is_file() and not {"lock", "cache"} & set(p.parts))
    return {p.relative_to(path): p.read_bytes() for p in files}


EVERYTHING = {
    "title": "订单", "version": "1.2", "description": "d", "owner": "shop", "domain": "sales", "tier": "critical",
    "tags": ["edge", "b"], "metadata": {"k": "v"}, "datastores": ["pg"], "api": ["GET /x"],
    "schema": {"type": "object"}, "dependencies": [Dependency("users"), Dependency("mail", "asynchronous", True)],
    "region": "eu", "zone": "a", "weight": 3, "health": "/h", "interval_s": 10.0, "timeout_s": 1.5, "ttl_s": 30.0,
}  # fmt: skip


def test_the_same_registration_again_is_unchanged_with_every_field_given(platform, clock):
    assert actions(register(platform, **EVERYTHING)) == ["created", "created"]
    clock.advance(60)
    assert actions(register(platform, **EVERYTHING)) == ["unchanged", "unchanged"]


@pytest.mark.parametrize("field", [f for f in EVERYTHING if f not in ("ttl_s", "interval_s", "timeout_s")])
def test_giving_one_field_again_or_none_is_unchanged(platform, field):
    register(platform, **EVERYTHING)
    assert actions(register(platform, **{field: EVERYTHING[field]})) == ["unchanged", "unchanged"]
    assert actions(register(platform)) == ["unchanged", "unchanged"]


@pytest.mark.parametrize(
    "same",
    ["http://127.0.0.1:8080/", "HTTP://127.0.0.1:8080", URL],
)
def test_another_spelling_of_the_same_address_is_unchanged(platform, same):
    register(platform)
    assert actions(register(platform, url=same)) == ["unchanged", "unchanged"]


def test_a_check_named_as_it_would_be_by_default_is_unchanged(platform):
    register(platform)
    assert actions(register(platform, health="tcp", interval_s=30.0, timeout_s=5.0)) == ["unchanged", "unchanged"]


def test_what_is_not_given_keeps_its_value_and_what_is_given_changes(platform):
    register(platform, **EVERYTHING)
    assert actions(register(platform, owner="ops", region="us")) == ["changed", "changed"]
    details = platform.registry.show("orders")
    service, instance = details.service, details.members[0].instance
    assert (service.owner, service.title, service.tags) == ("ops", "订单", ("edge", "b"))
    assert (instance.region, instance.zone, instance.weight) == ("us", "a", 3)


def test_given_tags_replace_the_set_and_none_clears_it(platform):
    register(platform, url=None, tags=["a", "b"])
    register(platform, url=None, tags=["c"])
    assert platform.registry.show("orders").service.tags == ("c",)
    register(platform, url=None, tags=[])
    assert platform.registry.show("orders").service.tags == ()


def test_replace_forgets_what_is_not_given_but_not_who_keeps_it(platform):
    register(platform, **EVERYTHING)
    register(platform, replace=True, owner="ops")
    details = platform.registry.show("orders")
    assert details.service._asdict() == {**details.service._field_defaults, "name": "orders", "owner": "ops",
                                         "origin": "register"}
    assert (details.members[0].instance.region, details.members[0].instance.ttl_s) == ("", None)
    assert details.members[0].instance.check.kind == "tcp"


def test_create_only_refuses_an_existing_service_and_an_existing_instance(platform):
    register(platform, url=None, create_only=True)
    with pytest.raises(Conflict):
        register(platform, url=None, create_only=True)
    assert actions(register(platform, create_only=True)) == ["unchanged", "created"]
    with pytest.raises(Conflict):
        register(platform, create_only=True)


def test_an_expected_revision_lets_through_only_those_who_have_seen_the_newest(platform):
    revision = register(platform, url=None)[0].revision
    changed = register(platform, url=None, owner="a", expect_revision=revision)[0]
    with pytest.raises(Conflict) as refused:
        register(platform, url=None, owner="b", expect_revision=revision)
    assert refused.value.exit_status == 4
    assert platform.registry.show("orders").service.owner == "a"
    assert changed.revision != revision


def test_an_expected_revision_of_an_instance_is_held_too(platform):
    revision = register(platform)[1].revision
    register(platform, region="eu", expect_revision=revision)
    with pytest.raises(Conflict):
        register(platform, region="us", title="not written either", expect_revision=revision)
    details = platform.registry.show("orders")
    assert (details.service.title, details.members[0].instance.region) == ("", "eu")


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.register("orders", URL, fields=Registration(owner="x"), dry_run=True),
        lambda r: r.register("fresh", "http://127.0.0.1:1", dry_run=True),
        lambda r: r.deregister("orders", ID, dry_run=True),
        lambda r: r.deregister_all("orders", dry_run=True),
        lambda r: r.prune(older_than_s=0, force=True, dry_run=True),
    ],
    ids=["register", "register-new", "deregister", "deregister-all", "prune"],
)
def test_a_dry_run_changes_no_byte_of_the_store(platform, store_path, change, tmp_path, clock):
    register(platform, ttl_s=30.0)
    clock.advance(100)
    before = contents(tmp_path / "store")
    change(platform.registry)
    assert contents(tmp_path / "store") == before


def test_a_dry_run_says_what_would_happen_and_checks_expectations(platform):
    register(platform)
    assert actions(register(platform, owner="x", dry_run=True)) == ["changed", "unchanged"]
    with pytest.raises(Conflict):
        register(platform, create_only=True, dry_run=True)


def test_a_registration_that_meets_another_keeps_what_that_one_wrote(platform, clock):
    """Two callers at once change different fields; neither is lost."""
    register(platform, url=None)

    class Raced:
        """The store, with somebody else's change just before the first write."""

        def __init__(self, store):
            self.store, self.is_done = store, False

        def __getattr__(self, name):
            return getattr(self.store, name)

        def write_many(self, writes, **options):
            if not self.is_done:
                self.is_done = True
                Registry(self.store, clock).register("orders", fields=Registration(owner="other"))
            return self.store.write_many(writes, **options)

    Registry(Raced(platform.store), clock).register("orders", fields=Registration(title="mine"))
    service = platform.registry.show("orders").service
    assert (service.owner, service.title) == ("other", "mine")


def test_a_new_address_forgets_what_the_old_one_showed(platform, clock):
    register(platform, id="one")
    saw(platform, "one", "healthy", clock)
    clock.advance(1)
    register(platform, id="one", tags=["x"])
    assert platform.registry.instance("orders", "one").health.status == "healthy"
    register(platform, url="http://127.0.0.1:9090", id="one")
    assert platform.registry.instance("orders", "one").health.status == "starting"


def test_an_instance_that_comes_back_inherits_nothing(platform, clock):
    register(platform)
    saw(platform, ID, "unhealthy", clock)
    platform.registry.deregister("orders", ID)
    register(platform)
    assert platform.registry.instance("orders", ID).health.status == "starting"
    assert platform.store.read("health/orders") is None


def saw(platform, instance, status, clock):
    record = {"status": status, "since": clock.now(), "checked_at": clock.now(), "reason": "", "latency_ms": 1.0}
    value = {"written_at": clock.now(), "instances": {instance: record}}
    platform.store.write(Write("health/orders", value), operation="sweep")


def test_deregistering_what_is_not_there_is_not_found_with_a_suggestion(platform):
    register(platform)
    with pytest.raises(NotFound) as missing:
        platform.registry.deregister("orders", "127.0.0.1-8081")
    assert missing.value.hint == f"did you mean {ID}?"
    with pytest.raises(NotFound) as unknown:
        platform.registry.deregister("ordrs", ID)
    assert unknown.value.hint == "did you mean orders?"
    assert actions(platform.registry.deregister("orders", "gone", missing_ok=True)) == ["unchanged"]
    assert actions(platform.registry.deregister_all("gone", missing_ok=True)) == ["unchanged"]
    with pytest.raises(NotFound):
        platform.registry.deregister_all("gone")


def test_deregistering_a_service_leaves_nothing_to_a_namesake(platform, clock):
    register(platform, ttl_s=30.0)
    platform.registry.heartbeat("orders")
    platform.registry.maintain("orders", reason="swap")
    saw(platform, ID, "unhealthy", clock)
    assert actions(platform.registry.deregister_all("orders")) == ["removed", "removed"]
    for key in ("service/orders", f"instance/orders/{ID}", "maintenance/orders", f"heartbeat/orders/{ID}",
                "health/orders"):
        assert platform.store.read(key) is None


def test_a_ttl_expires_when_no_beat_comes_and_a_beat_brings_it_back(platform, clock):
    register(platform, url=None, id="w1", ttl_s=30.0)
    one = platform.registry.instance
    assert (one("orders", "w1").health.status, one("orders", "w1").health.reason) == (
        "unhealthy", "no heartbeat yet (ttl 30s)")
    assert platform.registry.heartbeat("orders") == "w1"
    clock.advance(29.9)
    assert one("orders", "w1").health.status == "healthy"
    clock.advance(0.1)
    assert one("orders", "w1").health.status == "unhealthy"
    assert one("orders", "w1").health.reason == "no heartbeat for 30s (ttl 30s)"
    platform.registry.heartbeat("orders", "w1", status="degraded", note="slow")
    assert (one("orders", "w1").health.status, one("orders", "w1").health.reason) == ("degraded", "slow")


def test_a_beat_for_nobody_or_for_one_of_several_is_refused(platform):
    with pytest.raises(NotFound):
        platform.registry.heartbeat("orders")
    register(platform, url=None, id="w1", ttl_s=30.0)
    register(platform, url=None, id="w2", ttl_s=30.0)
    with pytest.raises(UsageError):
        platform.registry.heartbeat("orders")
    register(platform)
    with pytest.raises(UsageError):
        platform.registry.heartbeat("orders", ID)
    with pytest.raises(UsageError):
        platform.registry.heartbeat("orders", "w1", status="fine")


def fleet_of_workers(platform, clock, count, dead):
    for number in range(count):
        register(platform, url=None, id=f"w{number:02}", ttl_s=30.0)
        platform.registry.heartbeat("orders", f"w{number:02}")
    clock.advance(7200)
    for number in range(dead, count):
        platform.registry.heartbeat("orders", f"w{number:02}")


@pytest.mark.parametrize(("count", "dead", "removed"), [(9, 9, 9), (10, 1, 1), (10, 2, 0), (20, 3, 3), (20, 4, 0)])
def test_prune_holds_back_more_than_15_percent_of_ten_or_more(platform, clock, count, dead, removed):
    fleet_of_workers(platform, clock, count, dead)
    done = platform.registry.prune(older_than_s=3600)
    assert len(done.members) == removed
    assert done.held == ({} if removed else {"orders": dead})
    assert len(platform.registry.instances()) == count - removed


def test_prune_takes_all_that_is_dead_when_forced_and_its_beats_too(platform, clock):
    fleet_of_workers(platform, clock, 10, 10)
    assert len(platform.registry.prune(older_than_s=3600, force=True).members) == 10
    assert platform.registry.instances() == []
    assert list(platform.store.scan("heartbeat/")) == []


def test_prune_spares_the_newly_dead_the_maintained_and_the_unknown(platform, clock):
    register(platform, url=None, id="w1", ttl_s=30.0)
    register(platform, url=None, id="w2", ttl_s=30.0)
    register(platform)
    platform.registry.maintain("orders", "w2")
    clock.advance(3600)
    assert platform.registry.prune(older_than_s=3600).members == ()
    clock.advance(1)
    assert [m.instance.id for m in platform.registry.prune(older_than_s=3600).members] == ["w1"]


def test_prune_takes_an_instance_that_every_look_found_unhealthy(platform, clock):
    register(platform)
    saw(platform, ID, "unhealthy", clock)
    clock.advance(80)
    assert [m.instance.id for m in platform.registry.prune(older_than_s=60).members] == [ID]
    assert platform.store.read("health/orders") is None


def test_prune_spares_what_nobody_looked_at_lately(platform, clock):
    register(platform)
    saw(platform, ID, "unhealthy", clock)
    clock.advance(86400)
    assert platform.registry.prune(older_than_s=60).members == ()


def test_maintenance_ends_by_itself_at_its_time(platform, clock):
    register(platform)
    platform.registry.maintain("orders", until=clock.now() + 60, reason="disk")
    health = platform.registry.instance("orders", ID).health
    assert (health.status, health.reason) == ("maintenance", "disk")
    assert [(s, i, m.reason) for s, i, m in platform.registry.maintenances()] == [("orders", "", "disk")]
    clock.advance(60)
    assert platform.registry.instance("orders", ID).health.status == "starting"
    assert platform.registry.maintenances() == []


def test_maintenance_of_one_instance_leaves_the_others_and_survives_a_registration(platform):
    register(platform)
    register(platform, url="http://127.0.0.1:8081")
    assert platform.registry.maintain("orders", ID).action == "changed"
    assert platform.registry.maintain("orders", ID).action == "unchanged"
    register(platform, tags=["new"])
    assert [m.health.status for m in platform.registry.instances()] == ["maintenance", "starting"]
    assert platform.registry.end_maintenance("orders", ID).action == "changed"
    assert platform.registry.end_maintenance("orders", ID).action == "unchanged"
    assert platform.registry.end_maintenance("orders").action == "unchanged"
    assert [m.health.status for m in platform.registry.instances()] == ["starting", "starting"]


def test_maintenance_of_what_is_not_there_is_not_found(platform):
    with pytest.raises(NotFound):
        platform.registry.maintain("orders")
    register(platform)
    with pytest.raises(NotFound):
        platform.registry.maintain("orders", "gone")


def test_services_are_filtered_by_name_tag_owner_and_text(platform):
    register(platform, "orders", None, tags=["edge", "a"], owner="shop")
    register(platform, "users", None, tags=["edge"], description="Who ORDERS things")
    names = lambda **where: [r.service.name for r in platform.registry.services(**where)]  # noqa: E731
    assert names() == ["orders", "users"]
    assert names(pattern="o*") == ["orders"]
    assert names(tags=["edge", "a"]) == ["orders"]
    assert names(owner="shop") == ["orders"]
    assert names(search="orders") == ["orders", "users"]
    assert names(search="nothing") == []


def test_instances_are_filtered_and_an_unknown_status_is_refused(platform):
    register(platform, tags=["a"], region="eu")
    register(platform, url="http://127.0.0.1:8081", health="none")
    assert [m.instance.id for m in platform.registry.instances(tags=["a"])] == [ID]
    assert [m.instance.id for m in platform.registry.instances(region="eu")] == [ID]
    assert [m.instance.port for m in platform.registry.instances(status="declared")] == [8081]
    with pytest.raises(UsageError):
        platform.registry.instances(status="fine")


def test_statistics_count_services_instances_and_their_health(platform, clock):
    register(platform, "idle", None)
    register(platform)
    register(platform, url="http://127.0.0.1:8081")
    saw(platform, ID, "healthy", clock)
    assert platform.registry.statistics() == {
        "total_services": 2,
        "total_instances": 2,
        "healthy_instances": 1,
        "services": {"idle": {"total": 0, "healthy": 0, "unhealthy": 0},
                     "orders": {"total": 2, "healthy": 1, "unhealthy": 0}},
    }


def test_show_knows_dependencies_both_ways(platform):
    register(platform, "users", None)
    register(platform, "orders", None, dependencies=[Dependency("users")])
    assert platform.registry.show("users").dependents == ("orders",)
    assert platform.registry.show("orders").service.dependencies == (Dependency("users"),)
    with pytest.raises(NotFound) as missing:
        platform.registry.show("user")
    assert missing.value.hint == "did you mean users?"


@pytest.mark.parametrize(
    "bad",
    ["../../etc/x", "/etc/x", "a/b", "", ".", "..", "a..b", "a\0b", "a\nb", "a" * 256,
     "Orders", "ｏrders", "订单", "-rf"],
)  # fmt: skip
def test_a_name_outside_the_grammar_is_refused_everywhere_and_touches_no_file(platform, tmp_path, bad):
    before = contents(tmp_path)
    registry = platform.registry
    for call in (
        lambda: registry.register(bad, URL),
        lambda: registry.register("ok", URL, fields=Registration(id=bad)),
        lambda: registry.register("ok", fields=Registration(dependencies=[Dependency(bad)])),
        lambda: registry.deregister(bad, "x"),
        lambda: registry.deregister("ok", bad),
        lambda: registry.deregister_all(bad),
        lambda: registry.heartbeat(bad),
        lambda: registry.maintain(bad),
        lambda: registry.show(bad),
        lambda: registry.instance("ok", bad),
        lambda: platform.discovery.find(bad),
        lambda: platform.monitor.sweep([bad]),
        lambda: platform.manifests.export([bad]),
    ):
        with pytest.raises((InvalidName, UsageError)) as refused:
            call()
        assert refused.value.exit_status == 2
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("bad", "slug"), [("Orders", "orders"), ("ｏrders", "orders"), ("my shop", "my-shop")])
def test_a_refused_name_comes_with_the_slug_to_use(platform, bad, slug):
    with pytest.raises(InvalidName) as refused:
        platform.registry.register(bad)
    assert refused.value.hint == f"use {slug}; --title holds any text"


@pytest.mark.parametrize(
    "url",
    ["http://h:99999", "http://h:0", "http://h:-1", "http://h:1.0", "http://h:٣", "http://h\r\nX: y", "http://h\0",
     "http://h/\x9b", "http://u:p@h", "h:80", "//h", "http://", "http://[::1", "http://h/path", "http://h#f",
     "postgres://db", "http://h:80\udcff"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(platform, tmp_path, url):
    before = contents(tmp_path)
    with pytest.raises(UsageError):
        platform.registry.register("orders", url)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0", "[::ffff:127.0.0.1]"])
def test_odd_spellings_of_loopback_are_addresses_like_any_other(platform, host):
    assert actions(platform.registry.register("orders", f"http://{host}:8080")) == ["created", "created"]


@pytest.mark.parametrize(
    "fields",
    [{"weight": -1}, {"weight": 65536}, {"weight": True}, {"health": "nonsense"}, {"health": "/a\nb"},
     {"health": "ftp://h"}, {"interval_s": 0.0}, {"timeout_s": 0.0}, {"ttl_s": 0.5}, {"title": "\udcff"},
     {"title": "\0"}, {"tags": ["a,b"]}, {"metadata": {"k": "\0"}}, {"schema": {"a": float("nan")}},
     {"schema": {"a": 10**20}}, {"schema": {"a": None}}, {"api": ["FETCH /x"]},
     {"dependencies": [Dependency("orders")]}, {"dependencies": [Dependency("a"), Dependency("a")]}],
    ids=str,
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_and_nothing_is_written(platform, tmp_path, fields):
    before = contents(tmp_path)
    with pytest.raises(UsageError):
        register(platform, **fields)
    assert contents(tmp_path) == before
