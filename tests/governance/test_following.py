"""Following a configuration: each real change once, in order, none missed."""

import asyncio
import queue
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import Compacted, NotFound, StoreError, UsageError
from mgov.governance.platform import Platform
from mgov.governance.watching import STOP_WAIT_S
from mgov.model.quiesce import Quiesce


@pytest.fixture
def configs(platform):
    platform.registry.register("orders")
    return platform.configs


def said(changes):
    return [
        (change.configuration.version.number, [(d.action, ".".join(d.path)) for d in change.differences])
        for change in changes
    ]


def test_changes_come_once_in_order_from_now_on(configs):
    configs.set("orders", {"a": 1})
    follower = configs.follow("orders")
    assert follower.poll() == []
    configs.set("orders", {"a": 2})
    configs.set("orders", {"b.c": 1, "a": 3})
    assert said(follower.poll()) == [(2, [("changed", "a")]), (3, [("changed", "a"), ("added", "b.c")])]
    assert follower.poll() == []


def test_who_names_the_last_version_it_saw_misses_none(configs):
    for value in (1, 2, 3):
        configs.set("orders", {"a": value})
    assert said(configs.follow("orders", after=1).poll()) == [(2, [("changed", "a")]), (3, [("changed", "a")])]
    assert said(configs.follow("orders", after=0).poll())[0] == (1, [("added", "a")])
    assert configs.follow("orders", after=3).poll() == []


def test_a_key_is_told_of_its_own_changes_alone(configs):
    configs.set("orders", {"db.host": "h", "log": "info"})
    follower = configs.follow("orders", "db")
    configs.set("orders", {"log": "debug"})
    assert follower.poll() == []
    configs.set("orders", {"log": "warn", "db.port": 1})
    assert said(follower.poll()) == [(3, [("added", "db.port")])]
    configs.unset("orders", ["db"])
    configs.set("orders", {"db": "gone"})
    assert said(follower.poll()) == [
        (4, [("removed", "db.host"), ("removed", "db.port")]), (5, [("added", "db")])]


def test_a_version_that_reads_the_same_is_no_change(configs):
    configs.set("orders", {"a": 1})
    follower = configs.follow("orders")
    configs.set("orders", {"a": 1}, environment="base")
    configs.set("orders", {}, rebase=True)
    assert configs.versions("orders") == [1, 2]
    assert follower.poll() == []


def test_a_configuration_that_is_not_there_yet_is_waited_for(configs):
    follower = configs.follow("orders", environment="prod")
    assert follower.poll() == []
    configs.set("orders", {"a": 1}, environment="prod")
    assert said(follower.poll()) == [(1, [("added", "a")])]


def test_versions_that_are_gone_or_never_were_cannot_be_begun_behind(configs):
    for value in range(5):
        configs.set("orders", {"a": value})
    configs.gc("orders", keep=2)
    with pytest.raises(Compacted, match="the oldest that is kept is 4") as refused:
        configs.follow("orders", after=1)
    assert refused.value.hint == "--after 3 begins with that one"
    assert said(configs.follow("orders", after=3).poll())[0][0] == 4
    with pytest.raises(NotFound, match="no version 9"):
        configs.follow("orders", after=9)
    with pytest.raises(NotFound, match="no version 1 in prod"):
        configs.follow("orders", environment="prod", after=1)
    with pytest.raises(UsageError):
        configs.follow("orders", "a..b")


def test_a_burst_is_told_once_when_it_is_quiet_and_not_at_all_when_it_comes_to_nothing(configs, clock):
    configs.set("orders", {"a": 0})
    follower = configs.follow("orders", quiesce=Quiesce(1.0, 5.0))
    for value in (1, 2):
        configs.set("orders", {"a": value})
        assert follower.poll() == []
        clock.advance(0.6)
    clock.advance(0.5)
    assert said(follower.poll()) == [(3, [("changed", "a")])]
    configs.set("orders", {"a": 9})
    follower.poll()
    configs.set("orders", {"a": 2})
    follower.poll()
    clock.advance(1.1)
    assert follower.poll() == []


def test_changes_without_end_are_told_after_the_longest_wait(configs, clock):
    follower = configs.follow("orders", quiesce=Quiesce(1.0, 3.0))
    told = []
    for value in range(8):
        configs.set("orders", {"a": value})
        told += follower.poll()
        clock.advance(0.9)
    assert [change.configuration.version.number for change in told] == [5]


def test_a_damaged_version_is_said_once_and_passed_over(configs, platform, store_path):
    from pathlib import Path

    configs.set("orders", {"a": 1})
    warned = []
    follower = configs.follow("orders", warn=warned.append)
    configs.set("orders", {"a": 2})
    path = Path(store_path) / "configs" / "orders" / "default" / "000002.toml"
    path.write_text(path.read_text().replace("a = 2", "a = 7"))
    assert (follower.poll(), follower.poll(), len(warned)) == ([], [], 1)
    path.unlink()


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b.c", "b.d"]), st.integers(0, 2), min_size=1), max_size=8),
       st.data())
def test_however_often_one_looks_the_changes_are_the_same(tmp_path_factory, settings, data):
    path, _ = Platform.create(tmp_path_factory.mktemp("store") / "s")
    with Platform.open(path) as platform:
        configs = platform.configs
        eager, late = configs.follow("orders", after=0), configs.follow("orders", after=0)
        seen, values = [], {}
        for wanted in settings:
            configs.set("orders", wanted)
            if data.draw(st.booleans()):
                seen += eager.poll()
        seen += eager.poll()
        assert said(seen) == said(late.poll())
        for change in seen:
            assert change.configuration.values != values
            values = change.configuration.values
        assert values == (configs.get("orders") if settings else {})


def test_a_callback_is_called_for_each_change_until_it_is_stopped_and_a_failing_one_stops_no_other(store_path):
    warned, got, enough, failed = [], [], threading.Event(), threading.Event()

    def warn(text):
        warned.append(text)
        failed.set()

    def fail(change):
        raise ValueError("no")

    def take(change):
        got.append(change.configuration.version.number)
        if len(got) == 2:
            enough.set()

    with Platform.open(store_path, warn=warn) as platform:
        stops = [platform.configs.watch("orders", callback) for callback in (fail, take)]
        platform.configs.set("orders", {"a": 1})
        platform.configs.set("orders", {"a": 2})
        assert enough.wait(20)
        assert failed.wait(20)
        for stop in stops:
            stop()
        platform.configs.set("orders", {"a": 3})
    assert got == [1, 2]
    assert "a watch of orders default 1 failed: ValueError: no" in warned
    assert not [thread for thread in threading.enumerate() if thread.name == "mgov-config-watch"]


def test_a_platform_that_is_closed_watches_no_more(store_path):
    got: queue.Queue[int] = queue.Queue()

    async def follow() -> None:
        async with Platform.open(store_path) as platform:
            await platform.configs.watch("orders", lambda change: got.put(change.configuration.version.number))
            await platform.configs.set("orders", {"a": 2})
            await asyncio.to_thread(got.get, timeout=20)

    with Platform.open(store_path) as platform:
        platform.configs.watch("orders", lambda change: got.put(change.configuration.version.number))
        platform.configs.set("orders", {"a": 1})
        assert got.get(timeout=20) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "mgov-config-watch"]
    asyncio.run(follow())
    assert not [thread for thread in threading.enumerate() if thread.name == "mgov-config-watch"]


def test_in_an_event_loop_the_callback_is_called_in_the_loop(store_path):
    async def follow() -> list[int]:
        got: asyncio.Queue[int] = asyncio.Queue()
        async with Platform.open(store_path) as platform:
            stop = await platform.configs.watch(
                "orders", lambda change: got.put_nowait(change.configuration.version.number))
            await platform.configs.set("orders", {"a": 1})
            number = await asyncio.wait_for(got.get(), 20)
            await stop()
            return [number]

    assert asyncio.run(follow()) == [1]


def test_a_coroutine_is_a_callback_too_and_one_that_fails_is_a_warning(store_path):
    heard: queue.Queue[str] = queue.Queue()

    async def follow():
        got: asyncio.Queue[int] = asyncio.Queue()

        async def take(change) -> None:
            await asyncio.sleep(0)
            got.put_nowait(change.configuration.version.number)

        async def fail(change) -> None:
            raise ValueError("no")

        async with Platform.open(store_path, warn=heard.put) as platform:
            stops = [await platform.configs.watch("orders", callback) for callback in (fail, take)]
            for value in (1, 2):
                await platform.configs.set("orders", {"a": value})
            numbers = [await asyncio.wait_for(got.get(), 20) for _ in range(2)]
            told = await asyncio.to_thread(heard.get, timeout=20)
            for stop in stops:
                await stop()
            return [told, *numbers]

    assert asyncio.run(follow()) == ["a watch of orders default 1 failed: ValueError: no", 1, 2]


def test_a_coroutine_may_stop_its_own_watch_and_waits_for_nothing(store_path):
    async def follow() -> list[int]:
        got: list[int] = []
        stopped = asyncio.Event()

        async def once(change) -> None:
            got.append(change.configuration.version.number)
            await stop()
            stopped.set()

        async with Platform.open(store_path) as platform:
            stop = await platform.configs.watch("orders", once, after=0)
            for value in (1, 2):
                await platform.configs.set("orders", {"a": value})
            await asyncio.wait_for(stopped.wait(), STOP_WAIT_S / 2)
            await stop()
            return got

    assert asyncio.run(follow()) == [1]


def test_another_version_under_the_same_number_and_one_that_goes_away_are_changes(configs, store_path):
    folder = Path(store_path) / "configs" / "orders" / "default"
    configs.set("orders", {"a": 1})
    configs.set("orders", {"a": 2})
    follower = configs.follow("orders")
    ours = (folder / "000002.toml").read_bytes()
    (folder / "000002.toml").unlink()           # as a change of branch does
    assert said(follower.poll()) == [(1, [("changed", "a")])]
    configs.set("orders", {"a": 3})
    assert said(follower.poll()) == [(2, [("changed", "a")])]
    (folder / "000002.toml").write_bytes(ours)
    assert said(follower.poll()) == [(2, [("changed", "a")])]
    assert follower.poll() == []


def test_what_was_read_before_the_store_failed_is_told_and_the_rest_afterwards(configs, monkeypatch):
    heard = []
    configs.set("orders", {"a": 1})
    follower = configs.follow("orders", warn=heard.append)
    for value in (2, 3):
        configs.set("orders", {"a": value})
    read = configs.read

    def failing(*args, version=0, **options):
        if version == 3:
            raise StoreError("too many open files")
        return read(*args, version=version, **options)

    with monkeypatch.context() as broken:
        broken.setattr(configs, "read", failing)
        assert said(follower.poll()) == [(2, [("changed", "a")])]
    assert said(follower.poll()) == [(3, [("changed", "a")])]
    assert heard == ["too many open files"]
