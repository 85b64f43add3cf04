"""What every driver of the Store protocol does. A new driver is one more entry in DRIVERS."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from storekit import make, open_files, put

from mgov.clock import SystemClock
from mgov.errors import Conflict, InvalidName, UsageError
from mgov.model.setting import checksum
from mgov.store.base import ABSENT, Write, revision_order, update, value_of


def _files(tmp_path: Path, clock: FakeClock) -> Callable[..., Any]:
    make(tmp_path / "contract")
    return lambda own_clock=clock: open_files(tmp_path / "contract", clock=own_clock)


DRIVERS = {"files": _files}
INTENT = "service/orders"
CONFIG = "config/orders/prod/000001"
STATE = "health/orders"


def version(number: int, **values: Any) -> dict[str, Any]:
    """A version of a configuration as it is stored."""
    head = {"number": number, "author": "tester", "at": "2027-01-15T08:00:00.000Z", "operation": "set"}
    return {"version": {**head, "checksum": checksum(values)}, "values": values}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=sorted(DRIVERS))
def handles(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Callable[..., Any]:
    """Opens a handle on one store, the same store each time."""
    return DRIVERS[request.param](tmp_path, clock)


@pytest.fixture
def store(handles: Callable[..., Any]) -> Any:
    return handles()


@pytest.mark.parametrize("key", [INTENT, "instance/orders/one", "maintenance/orders", "heartbeat/orders/one", STATE,
                                 "sweep", "pick/orders", "limit/orders", "limit-keys/orders/3ff"])
def test_a_written_value_is_read_back_by_everyone_under_its_revision(store: Any, handles: Any, key: str) -> None:
    value = {"name": "orders", "title": "订单 \r\n"} if key == INTENT else {"text": "订单 \r\n", "n": [1, 2.5, None]}
    revision = store.write(Write(key, value), operation="test")
    document = handles().read(key)
    assert document.value == value
    assert document.revision == revision
    assert document.key == key
    assert not document.is_held


@pytest.mark.parametrize("key", [INTENT, "instance/orders/one", STATE, "sweep", "heartbeat/orders/one"])
def test_a_key_that_was_never_written_is_absent(store: Any, key: str) -> None:
    assert store.read(key) is None
    assert value_of(store.read(key)) == {}


@pytest.mark.parametrize("key", [INTENT, "instance/orders/one", STATE])
def test_create_only_writes_once(store: Any, key: str) -> None:
    value = {"name": "orders"}
    first = store.write(Write(key, value, ABSENT), operation="test")
    with pytest.raises(Conflict, match="exists already"):
        store.write(Write(key, {**value, "title": "two"}, ABSENT), operation="test")
    assert store.read(key).revision == first


@pytest.mark.parametrize("key", [INTENT, "instance/orders/one", STATE])
def test_compare_and_set_lets_one_of_two_writers_through(store: Any, key: str) -> None:
    first = put(store, key, name="orders", title="one")
    second = store.write(Write(key, {"name": "orders", "title": "two"}, first), operation="test")
    with pytest.raises(Conflict, match="somebody changed it"):
        store.write(Write(key, {"name": "orders", "title": "three"}, first), operation="test")
    assert store.read(key).value["title"] == "two"
    assert revision_order(second) > revision_order(first)


@pytest.mark.parametrize("key", [INTENT, "instance/orders/one", STATE])
def test_a_deleted_key_is_absent_and_comes_back_with_a_higher_revision(store: Any, key: str) -> None:
    first = put(store, key, name="orders")
    assert store.write(Write(key, None, first), operation="test") == ""
    assert store.read(key) is None
    with pytest.raises(Conflict, match="is gone"):
        store.write(Write(key, {"name": "orders"}, first), operation="test")
    assert revision_order(put(store, key, name="orders")) > revision_order(first)


@pytest.mark.parametrize("key", [INTENT, "instance/orders/one"])
def test_the_same_value_again_keeps_the_revision_and_adds_no_change(store: Any, key: str) -> None:
    first = put(store, key, name="orders", tags=["edge"])
    seen = list(store.changes())
    assert put(store, key, name="orders", tags=["edge"]) == first
    assert list(store.changes()) == seen


def test_deleting_what_is_absent_changes_nothing(store: Any) -> None:
    assert store.write(Write(INTENT, None), operation="test") == ""
    assert list(store.changes()) == []


def test_a_batch_with_one_lost_race_changes_nothing(store: Any) -> None:
    put(store, "service/a", name="a")
    before = [*store.scan("service/"), *store.scan("instance/")], list(store.changes())
    with pytest.raises(Conflict):
        store.write_many(
            [Write("service/b", {"name": "b"}), Write("instance/b/one", {"host": "h"}), Write("service/a", None, "77")],
            operation="test",
        )
    assert ([*store.scan("service/"), *store.scan("instance/")], list(store.changes())) == before


def test_a_batch_returns_a_revision_for_each_write_in_their_order(store: Any) -> None:
    keys = ["instance/b/two", "service/a", "instance/b/one"]
    revisions = store.write_many([Write(key, {"x": 1} if "/b/" in key else {"name": "a"}) for key in keys],
                                 operation="test")
    assert revisions == [store.read(key).revision for key in keys]
    assert store.write_many([], operation="test") == []


def test_scan_yields_what_is_below_the_prefix_in_the_order_of_the_keys(store: Any) -> None:
    keys = sorted(["instance/a/x", "instance/a-b/x", "instance/a.b/y", "instance/a/y", "instance/ab/x"])
    for key in reversed(keys):
        put(store, key, host="h")
    put(store, "maintenance/a", since=1.0)
    assert [document.key for document in store.scan("instance/")] == keys
    assert [document.key for document in store.scan("instance/a/")] == ["instance/a/x", "instance/a/y"]
    assert [document.key for document in store.scan("maintenance/")] == ["maintenance/a"]
    assert list(store.scan("heartbeat/")) == []


def test_what_is_registered_comes_by_service_its_maintenance_first(store: Any) -> None:
    keys = ["instance/a-1/x", "instance/a/y", "instance/a/x", "maintenance/a", "instance/b/x", "maintenance/b-2"]
    for key in keys:
        put(store, key, host="h")
    assert [document.key for document in store.registered()] == [
        "instance/a-1/x", "maintenance/a", "instance/a/x", "instance/a/y", "maintenance/b-2", "instance/b/x"
    ]


def test_scan_of_services_and_state_is_in_the_order_of_the_keys(store: Any) -> None:
    for name in ("b", "a-1", "a"):
        put(store, f"service/{name}", name=name)
        put(store, f"health/{name}", status="healthy")
        put(store, f"heartbeat/{name}/one", at=1.0)
    for family in ("service", "health"):
        assert [document.key for document in store.scan(f"{family}/")] == [f"{family}/{n}" for n in ("a", "a-1", "b")]
    assert [d.key for d in store.scan("heartbeat/")] == sorted(f"heartbeat/{n}/one" for n in ("a", "a-1", "b"))


def test_the_feed_has_each_intent_change_once_in_order(store: Any, handles: Any) -> None:
    put(store, INTENT, name="orders")
    put(store, "instance/orders/one", host="h")
    put(store, STATE, status="healthy")
    handles().write(Write(INTENT, None), operation="deregister", message="gone for good")
    changes = list(store.changes())
    assert [(change.key, change.action) for change in changes] == [
        (INTENT, "create"), ("instance/orders/one", "create"), (INTENT, "delete")]
    assert changes[2].operation == "deregister"
    assert changes[2].message == "gone for good"
    assert changes[2].author == "tester"
    orders = [revision_order(change.revision) for change in changes]
    assert orders == sorted(set(orders))
    assert store.last_revision() == changes[-1].revision


def test_the_feed_goes_on_behind_any_revision(store: Any) -> None:
    for number in range(4):
        put(store, INTENT, name="orders", title=str(number))
    changes = list(store.changes())
    for place, change in enumerate(changes):
        assert list(store.changes(after=change.revision)) == changes[place + 1 :]
    assert list(store.changes(after=store.last_revision())) == []


def test_an_empty_feed_ends_where_everything_comes_after(store: Any) -> None:
    start = store.last_revision()
    put(store, INTENT, name="orders")
    assert len(list(store.changes(after=start))) == 1


def test_a_heartbeat_says_when_it_expires(store: Any, clock: FakeClock) -> None:
    store.write(Write("heartbeat/orders/one", {"at": clock.now()}, ttl_s=30), operation="heartbeat")
    assert store.read("heartbeat/orders/one").expires_at == clock.now() + 30
    clock.advance(20)
    store.write(Write("heartbeat/orders/one", {"at": clock.now()}, ttl_s=30), operation="heartbeat")
    assert store.read("heartbeat/orders/one").expires_at == clock.now() + 30


def test_an_expired_heartbeat_is_gone_or_says_so(store: Any, clock: FakeClock) -> None:
    store.write(Write("heartbeat/orders/one", {"at": 1.0}, ttl_s=5), operation="heartbeat")
    clock.advance(6)
    document = store.read("heartbeat/orders/one")
    assert document is None or document.expires_at < clock.now()


@pytest.mark.parametrize("seconds", [-86_400.0, 86_400.0, -1_800_000_000.0])
def test_revisions_rise_whatever_the_clock_does(store: Any, clock: FakeClock, seconds: float) -> None:
    """Row 34: the order of changes is that of revisions, not of timestamps."""
    for key in (INTENT, STATE):
        first = put(store, key, name="orders", title="before")
        clock.jump(seconds)
        assert revision_order(put(store, key, name="orders", title="after")) > revision_order(first)
    assert [change.action for change in store.changes()] == ["create", "update"]


def test_update_under_contention_loses_no_increment(store: Any, handles: Any) -> None:
    def count() -> None:
        mine = handles(SystemClock())
        for _ in range(5):
            update(mine, STATE, lambda value: {"n": (value or {"n": 0})["n"] + 1}, operation="count")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read(STATE).value == {"n": 20}


def test_update_deletes_when_told_and_leaves_an_absent_key_alone(store: Any) -> None:
    put(store, STATE, n=1)
    assert update(store, STATE, lambda value: None, operation="test") == (None, "")
    assert update(store, STATE, lambda value: None, operation="test") == (None, "")
    assert store.read(STATE) is None


def test_update_gives_up_with_a_conflict_after_many_lost_races(store: Any, handles: Any) -> None:
    rival = handles()

    def change(value: dict[str, Any] | None) -> dict[str, Any]:
        put(rival, "instance/orders/one", n=(value or {"n": 0})["n"] + 1)
        return {"n": -1}

    with pytest.raises(Conflict, match="changed 50 times"):
        update(store, "instance/orders/one", change, operation="test")


def test_an_update_that_changes_nothing_keeps_the_revision(store: Any) -> None:
    revision = put(store, STATE, n=1)
    assert update(store, STATE, lambda value: value, operation="test") == ({"n": 1}, revision)


def test_an_update_that_fails_changes_nothing_and_frees_the_key(store: Any) -> None:
    put(store, STATE, n=1)
    with pytest.raises(ZeroDivisionError):
        update(store, STATE, lambda value: {"n": 1 // 0}, operation="test")
    assert update(store, STATE, lambda value: {"n": 2}, operation="test")[0] == {"n": 2}


@pytest.mark.parametrize(
    "name", ["../../etc/x", "/etc/x", "a/b/c", "", ".", "..", "a..b", "a\0b", "a\nb", "x" * 256, "Orders", "ｏrders",
             "订单", "-rf", "a b"]
)
def test_a_key_outside_the_grammar_is_refused_before_anything_happens(store: Any, name: str) -> None:
    """Rows 49 and 50."""
    for key in (f"instance/orders/{name}", f"instance/{name}/one", f"heartbeat/orders/{name}"):
        with pytest.raises(InvalidName):
            store.read(key)
        with pytest.raises(InvalidName):
            store.write(Write(key, {"x": 1}), operation="test")
    assert list(store.changes()) == []


@pytest.mark.parametrize("bad", [{"x": float("nan")}, {"x": float("inf")}, {"x": b"bytes"}, {"x": "\ud800"}])
@pytest.mark.parametrize("key", ["instance/orders/one", STATE])
def test_a_value_that_is_not_json_is_refused_and_changes_nothing(store: Any, key: str, bad: dict[str, Any]) -> None:
    """Row 41, on the way in."""
    with pytest.raises(UsageError):
        store.write(Write(key, bad), operation="test")
    assert store.read(key) is None
    put(store, key, x=1)


def test_what_is_written_together_shares_its_commit(store: Any) -> None:
    keys = ("instance/orders/one", "instance/orders/two", "maintenance/orders")
    store.write_many([Write(key, {"n": 1}) for key in keys], operation="test")
    store.write(Write(keys[0], {"n": 2}), operation="test")
    feed = list(store.changes())
    assert [change.key for change in feed] == [*keys, keys[0]]
    assert len({change.commit for change in feed[:3]}) == 1
    assert feed[3].commit != feed[0].commit


def test_what_a_key_held_before_each_change_can_be_read(store: Any) -> None:
    one, two = "instance/orders/one", "instance/orders/two"
    store.write_many([Write(one, {"n": 1}), Write(two, {"n": 1})], operation="test")
    store.write_many([Write(one, {"n": 2}), Write(two, {"n": 2})], operation="test")
    store.write(Write(INTENT, {"name": "orders"}), operation="test")
    store.write(Write(INTENT, None), operation="test")
    store.write(Write(two, None), operation="test")
    store.write(Write(two, {"n": 3}), operation="test")
    earlier = store.earlier()
    held = [
        None if document is None else document.value
        for change in store.changes()
        if change.action != "create" or (change.key == two and int(change.revision) > 2)
        for document in [earlier.read(change.key, change.revision)]
    ]
    assert held == [{"n": 1}, {"n": 1}, {"name": "orders"}, {"n": 2}, None]


def test_a_version_of_a_configuration_is_read_back_and_is_logged(store: Any, handles: Any) -> None:
    value = version(1, db={"host": "h", "port": 5432, "on": True}, text="订单 \r\n", items=[1, 2.5, {"a": "b"}])
    revision = store.write(Write(CONFIG, value, ABSENT), operation="config set", message="why")
    document = handles().read(CONFIG)
    assert (document.key, document.value, document.revision, document.is_held) == (CONFIG, value, revision, False)
    assert [(c.key, c.action, c.operation, c.message) for c in store.changes()] == [
        (CONFIG, "create", "config set", "why")
    ]


def test_a_version_is_made_once_and_never_changed(store: Any, handles: Any) -> None:
    first = store.write(Write(CONFIG, version(1, a=1), ABSENT), operation="test")
    for expect in (ABSENT, None, first):
        with pytest.raises(Conflict, match="exists already"):
            handles().write(Write(CONFIG, version(1, a=2), expect), operation="test")
    assert store.write(Write(CONFIG, version(1, a=1)), operation="test") == first
    assert len(list(store.changes())) == 1


def test_a_version_can_be_removed_and_its_number_comes_back_with_a_higher_revision(store: Any) -> None:
    first = store.write(Write(CONFIG, version(1, a=1)), operation="test")
    assert store.write(Write(CONFIG, None, first), operation="test") == ""
    assert store.read(CONFIG) is None
    assert revision_order(store.write(Write(CONFIG, version(1, a=1)), operation="test")) > revision_order(first)


def test_the_newest_version_and_the_keys_are_those_of_the_environment(store: Any, handles: Any) -> None:
    assert store.newest("config/orders/prod/") is None
    keys = [f"config/{where}/{n:06d}" for where in ("a/prod", "orders/base", "orders/prod") for n in (1, 2, 10)]
    for key in reversed(keys):
        store.write(Write(key, version(int(key[-6:]), n=key)), operation="test")
    assert store.keys("config/") == keys
    assert store.keys("config/orders/") == keys[3:]
    assert store.keys("config/orders/prod/") == keys[6:]
    assert store.keys("config/nobody/") == []
    assert store.newest("config/orders/prod/").key == keys[-1]
    assert [document.key for document in store.scan("config/orders/")] == keys[3:]
    handles().write(Write(keys[-1], None), operation="test")
    assert store.newest("config/orders/prod/").key == keys[-2]
    put(store, INTENT, name="orders")
    assert store.keys("service/") == [INTENT]


@pytest.mark.parametrize("key", ["config/orders/prod/1", "config/orders/prod/000000", "config/orders/prod/00000x",
                                 "config/orders/prod/0000001", "config/orders/prod", "config/Orders/prod/000001",
                                 "config/orders/../000001", "config/orders/prod/000001/x"])
def test_a_key_that_names_no_version_is_refused(store: Any, key: str) -> None:
    with pytest.raises(InvalidName):
        store.read(key)
    with pytest.raises(InvalidName):
        store.write(Write(key, version(1)), operation="test")


@pytest.mark.parametrize(
    "value", [version(2), {"version": {}, "values": {}}, {"values": {}}, {}, {**version(1), "values": {"a": 1}},
              version(1, a=None), version(1, a=2**64)]
)  # fmt: skip
def test_what_is_no_version_is_refused_and_changes_nothing(store: Any, value: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        store.write(Write(CONFIG, value), operation="test")
    assert store.read(CONFIG) is None
    assert list(store.changes()) == []


def test_the_newest_changes_come_first_when_read_back(store: Any) -> None:
    assert list(store.changes_back()) == []
    store.write_many([Write("instance/orders/one", {"n": 1}), Write("instance/orders/two", {"n": 1})], operation="test")
    store.write(Write(INTENT, {"name": "orders"}), operation="test")
    store.write(Write(STATE, {"n": 1}), operation="test")
    feed = list(store.changes())
    assert list(store.changes_back()) == feed[::-1]
    assert next(store.changes_back()) == feed[-1]
