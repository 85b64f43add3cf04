"""The change feed and undo over a real store."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mgov.errors import Conflict, NotFound, StoreDamaged
from mgov.governance.platform import Platform
from mgov.model.instance import Instance
from mgov.model.manifest import Entry
from mgov.model.registration import Registration
from mgov.model.service import Dependency, Service
from mgov.store.base import Write
from mgov.store.history import KEPT_COPIES

URL = "http://127.0.0.1:8080"
ID = "127.0.0.1-8080"


def state_of(platform: Platform) -> dict[str, Any]:
    """All that people and machines declared, by key."""
    prefixes = ("service/", "instance/", "maintenance/")
    state = {document.key: document.value for prefix in prefixes for document in platform.store.scan(prefix)}
    folders = {key.rpartition("/")[0] for key in platform.store.keys("config/")}
    heads = {folder: platform.store.newest(f"{folder}/").value["values"] for folder in folders}
    return state | {folder: values for folder, values in heads.items() if values}


def take_back(platform: Platform, **how: Any) -> list[tuple[str, str, str]]:
    """Undo, and what became of each key."""
    changes = platform.changes
    return [(o.action, o.service, o.instance) for o in changes.undo(changes.plan_undo(**how))]


def needing(*names: str) -> Registration:
    """The definition of a service that needs others."""
    return Registration(dependencies=[Dependency(name) for name in names])


@pytest.fixture
def other(store_path, clock):
    """The same store in somebody else's hands."""
    with Platform.open(store_path, clock=clock, actor="bob", warn=lambda text: None) as opened:
        yield opened


def test_what_was_created_goes_and_an_undo_can_be_undone(platform):
    platform.registry.register("orders", URL)
    before = state_of(platform)
    assert take_back(platform) == [("removed", "orders", ""), ("removed", "orders", ID)]
    assert state_of(platform) == {}
    assert take_back(platform) == [("created", "orders", ""), ("created", "orders", ID)]
    assert state_of(platform) == before
    feed = platform.changes.list()
    assert [(c.operation, c.message) for c in feed[2::2]] == [
        ("undo", "takes back 1 to 2 (register)"), ("undo", "takes back 3 to 4 (undo)")]


def test_what_was_changed_gets_its_earlier_value_and_what_was_removed_comes_back(platform):
    platform.registry.register("orders", URL, fields=Registration(weight=3))
    platform.registry.maintain("orders", reason="disk")
    before = state_of(platform)
    platform.registry.register("orders", URL, fields=Registration(weight=5))
    assert take_back(platform) == [("changed", "orders", ID)]
    assert state_of(platform) == before
    platform.registry.deregister_all("orders")
    assert sorted(take_back(platform)) == [("created", "orders", ""), ("created", "orders", ""),
                                           ("created", "orders", ID)]
    assert state_of(platform) == before


def test_what_somebody_else_changed_later_is_not_taken_back(platform, other):
    platform.registry.register("orders", fields=Registration(owner="shop"))
    other.registry.register("orders", fields=Registration(owner="bob"))
    before = state_of(platform)
    with pytest.raises(Conflict, match=r"service/orders was changed again: revision 2 \(register by bob\) came after"):
        platform.changes.plan_undo(mine=True)
    platform.registry.register("users")
    other.registry.register("mail")
    other.registry.register("mail", URL)
    assert take_back(platform, mine=True) == [("removed", "users", "")]
    assert set(state_of(platform)) == {*before, "service/mail", f"instance/mail/{ID}"}


def test_nothing_to_take_back_is_said(platform, other):
    with pytest.raises(NotFound, match="there is no change to take back"):
        platform.changes.plan_undo()
    other.registry.register("orders")
    with pytest.raises(NotFound, match="there is no change of tester to take back"):
        platform.changes.plan_undo(mine=True)
    with pytest.raises(NotFound, match="there is no change to take back"):
        platform.changes.plan_undo(after="1")


def test_all_since_a_revision_or_a_time_goes_at_once(platform, clock):
    platform.registry.register("orders", fields=Registration(owner="shop"))
    before = state_of(platform)
    clock.advance(60)
    platform.registry.register("orders", fields=Registration(owner="other"))
    platform.registry.register("orders", URL)
    platform.registry.register("users", URL)
    platform.registry.deregister_all("users")
    platform.registry.maintain("orders", reason="x")
    plan = platform.changes.plan_undo(after="1")
    assert platform.changes.plan_undo(since=clock.now() - 30).reversals == plan.reversals
    platform.changes.undo(plan)
    assert state_of(platform) == before
    assert len({change.commit for change in platform.changes.list(after=plan.taken[-1].revision)}) == 1


def test_a_plan_that_changes_nothing_writes_nothing(platform):
    platform.registry.register("orders")
    platform.registry.register("users")
    platform.registry.deregister_all("users")
    plan = platform.changes.plan_undo(after="1")
    assert plan.effects == []
    assert platform.changes.undo(plan) == []
    assert platform.store.last_revision() == "3"


def test_somebody_who_writes_between_plan_and_write_wins_and_nothing_is_changed(platform, other):
    platform.registry.register("orders", URL)
    platform.registry.register("users")
    plan = platform.changes.plan_undo(after="0")
    other.registry.register("orders", URL, fields=Registration(weight=7))
    before = state_of(platform)
    with pytest.raises(Conflict, match=f"instance/orders/{ID} is at revision 4, not 2"):
        platform.changes.undo(plan)
    assert state_of(platform) == before


def test_a_service_that_goes_between_plan_and_write_takes_no_instance_back(platform, other):
    platform.registry.register("orders", URL)
    platform.registry.deregister("orders", ID)
    plan = platform.changes.plan_undo()
    other.registry.deregister_all("orders")
    with pytest.raises(Conflict, match="service/orders is gone"):
        platform.changes.undo(plan)
    assert state_of(platform) == {}


def test_an_instance_does_not_come_back_to_a_service_that_is_gone(platform, other):
    platform.registry.register("orders", URL)
    platform.registry.deregister("orders", ID)
    other.registry.deregister_all("orders")
    with pytest.raises(Conflict, match=f"instance/orders/{ID} cannot come back: the service orders is gone"):
        platform.changes.plan_undo(mine=True, after="2")


def test_a_service_does_not_go_from_under_what_others_registered(platform, other):
    platform.registry.register("orders")
    other.registry.register("orders", URL)
    with pytest.raises(Conflict, match=f"the service orders cannot go: instance/orders/{ID} came later"):
        platform.changes.plan_undo(mine=True)


def test_a_service_does_not_go_while_somebody_keeps_it_out_of_service(platform, other):
    platform.registry.register("orders")
    other.registry.maintain("orders", reason="x")
    with pytest.raises(Conflict, match="the service orders cannot go: maintenance/orders came later"):
        platform.changes.plan_undo(mine=True)


def test_a_service_does_not_go_once_somebody_elses_has_come_to_depend_on_it(platform, other):
    platform.registry.register("users")
    other.registry.register("orders", fields=needing("users"))
    with pytest.raises(Conflict, match=r"users cannot go: orders depends on it since revision 2 \(register by bob\)"):
        platform.changes.plan_undo(mine=True)
    assert take_back(platform, after="0") == [("removed", "users", ""), ("removed", "orders", "")]


def test_a_service_goes_that_was_needed_before_it_was_there_or_is_needed_no_more(platform, other):
    other.registry.register("orders", fields=needing("users"))
    other.registry.register("mail", fields=needing("users"))
    platform.registry.register("users")
    other.registry.register("orders", fields=needing("users", "mail"))
    other.registry.register("mail", fields=Registration(dependencies=[]))
    assert take_back(platform, mine=True) == [("removed", "users", "")]


def test_a_service_does_not_go_from_under_a_newer_configuration(platform, other):
    platform.registry.register("users")
    other.configs.set("users", {"pool": 1})
    with pytest.raises(Conflict, match="users cannot go: config/users/default depends on it since revision 2") as no:
        platform.changes.plan_undo(mine=True)
    assert no.value.hint == "mgov config history users"
    assert take_back(platform, after="0") == [("removed", "users", ""), ("changed", "users", "")]


def test_what_is_no_longer_kept_is_said_and_nothing_is_changed(platform):
    for number in range(KEPT_COPIES + 5):
        platform.registry.register("orders", fields=Registration(owner=str(number)))
    before = state_of(platform)
    with pytest.raises(NotFound, match="what service/orders was before revision 2 is no longer kept: a file has 20"):
        platform.changes.plan_undo(after="1")
    assert take_back(platform, after="6") == [("changed", "orders", "")]
    assert state_of(platform)["service/orders"]["owner"] == "5"
    assert take_back(platform) == [("changed", "orders", "")]
    assert state_of(platform) == before


@pytest.mark.slow
def test_a_whole_apply_is_one_step(platform):
    platform.registry.register("s1", "http://10.0.0.1:1")
    before = state_of(platform)
    entries = [
        Entry(Service(f"s{n}", owner="shop"),
              tuple(Instance(f"s{n}", f"i{i}", host="10.0.0.1", port=1000 + i) for i in range(40)))
        for n in range(25)
    ]  # fmt: skip
    platform.manifests.apply(entries, message="the whole shop")
    after = state_of(platform)
    assert len(after) == 1026
    assert len(take_back(platform)) == 1025
    assert state_of(platform) == before
    assert len(take_back(platform)) == 1025
    assert state_of(platform) == after


def test_an_apply_of_one_key_that_changed_again_stays_whole(platform, other):
    entries = [Entry(Service(name, owner="shop"), ()) for name in ("a", "b", "c")]
    platform.manifests.apply(entries)
    other.registry.register("b", fields=Registration(owner="bob"))
    with pytest.raises(Conflict, match="service/b was changed again"):
        platform.changes.plan_undo(mine=True)
    assert len(state_of(platform)) == 3


def test_a_configuration_reads_as_before_by_a_version_of_its_own(platform):
    configs = platform.configs
    configs.set("orders", {"log": "info"}, environment="base")
    configs.set("orders", {"a": 1}, environment="prod")
    configs.set("orders", {"a": 2, "b": 1}, environment="prod")
    assert take_back(platform) == [("changed", "orders", "")]
    now = configs.read("orders", environment="prod")
    assert (now.version.number, now.version.operation, now.version.author) == (3, "undo", "tester")
    assert (now.version.message, now.values) == ("takes back 3 (config set)", {"log": "info", "a": 1})
    take_back(platform)
    assert configs.get("orders", environment="prod") == {"log": "info", "a": 2, "b": 1}
    take_back(platform, after="1")
    assert (configs.versions("orders", environment="prod"), configs.get("orders", environment="prod")) == (
        [1, 2, 3, 4, 5], {})
    assert configs.get("orders", environment="base") == {"log": "info"}


def test_a_newer_version_of_somebody_else_stays(platform, other):
    platform.configs.set("orders", {"a": 1})
    plan = platform.changes.plan_undo()
    other.configs.set("orders", {"a": 2})
    with pytest.raises(Conflict, match=r"config/orders/default/000002 exists already"):
        platform.changes.undo(plan)
    with pytest.raises(Conflict, match=r"config/orders/default was changed again: revision 2 \(config set by bob\)"):
        platform.changes.plan_undo(mine=True)
    assert platform.configs.get("orders") == {"a": 2}


def test_a_version_that_was_cleared_away_is_no_longer_there_to_go_back_to(platform):
    for number in range(4):
        platform.configs.set("orders", {"a": number})
    for number in (1, 2):
        platform.store.write(Write(f"config/orders/default/{number:06d}", None), operation="config gc")
    with pytest.raises(NotFound, match="a version of a configuration that was removed does not come back"):
        platform.changes.plan_undo()
    with pytest.raises(NotFound, match="orders has no version 2 in default"):
        platform.changes.plan_undo(after="2")
    take_back(platform, after="3")
    assert platform.configs.get("orders") == {"a": 2}


def edit(platform: Platform, name: str, text: str) -> None:
    Path(platform.store.location, "services", f"{name}.toml").write_text(text)


def test_a_hand_edit_that_no_write_has_seen_stands_in_the_way(platform):
    platform.registry.register("orders", fields=Registration(owner="shop"))
    edit(platform, "orders", 'owner = "hand"\n')
    with pytest.raises(Conflict, match="service/orders was changed after revision 1, by hand or just now"):
        platform.changes.plan_undo()
    Path(platform.store.location, "services", "orders.toml").unlink()
    with pytest.raises(Conflict, match="service/orders was removed by hand after revision 1"):
        platform.changes.plan_undo()


def test_a_file_made_by_hand_where_a_service_was_removed_stands_in_the_way(platform):
    platform.registry.register("orders")
    platform.registry.deregister_all("orders")
    edit(platform, "orders", 'owner = "hand"\n')
    with pytest.raises(Conflict, match="service/orders was made by hand after revision 2"):
        platform.changes.plan_undo()


def test_an_invalid_file_is_not_written_over(store_path, clock):
    told = []
    with Platform.open(store_path, clock=clock, warn=told.append) as platform:
        platform.registry.register("orders")
        edit(platform, "orders", "owner = \n")
        with pytest.raises(StoreDamaged, match="service/orders is invalid"):
            platform.changes.plan_undo()
    assert len(told) == 1


def test_a_hand_edit_that_was_taken_in_is_a_change_of_its_own(platform):
    platform.registry.register("orders", fields=Registration(owner="shop"))
    edit(platform, "orders", '# mine\nowner = "hand"\n')
    platform.registry.register("orders", fields=Registration(title="Orders"))
    assert take_back(platform) == [("changed", "orders", "")]
    assert state_of(platform)["service/orders"] == {"name": "orders", "owner": "hand"}
    assert Path(platform.store.location, "services", "orders.toml").read_text().startswith("# mine\n")
    take_back(platform, after="1")
    assert state_of(platform)["service/orders"]["owner"] == "shop"


def test_a_definition_that_a_person_shaped_comes_back_with_its_comments(platform):
    edit(platform, "orders", '# mine, and none of yours\nowner = "hand" # always\n')
    platform.registry.register("orders", fields=Registration(title="Orders"))
    file = Path(platform.store.location, "services", "orders.toml")
    before = file.read_text().splitlines()[:-1]
    platform.registry.deregister_all("orders")
    take_back(platform)
    assert file.read_text().splitlines()[:-1] == before
    assert before[:2] == ["# mine, and none of yours", 'owner = "hand" # always']
    platform.registry.deregister_all("orders")
    platform.registry.register("orders", fields=Registration(owner="new"))
    assert "mine" not in file.read_text()


def test_a_hand_edit_is_nobodys_own(platform):
    platform.registry.register("orders", fields=Registration(owner="shop"))
    edit(platform, "orders", 'owner = "hand"\n')
    platform.registry.register("orders", fields=Registration(title="Orders"))
    assert take_back(platform, mine=True) == [("changed", "orders", "")]
    with pytest.raises(Conflict, match=r"revision 2 \(hand edit by tester\) came after revision 1"):
        platform.changes.plan_undo(mine=True, after="0")


def test_what_a_repair_put_back_can_be_taken_further_back(platform):
    platform.registry.register("orders", URL, fields=Registration(weight=1))
    platform.registry.register("orders", URL, fields=Registration(weight=2))
    Path(platform.store.location, "instances", "orders.json").write_bytes(b"")
    platform.repair()
    assert platform.changes.plan_undo().effects == []
    assert take_back(platform, after="2") == [("changed", "orders", ID)]


def test_what_was_observed_of_an_instance_goes_where_it_speaks_of_it_no_more(platform, server):
    platform.registry.register("orders", server.url, fields=Registration(id="one"))
    platform.registry.register("orders", URL, fields=Registration(id="one"))
    platform.monitor.sweep(["orders"])
    assert platform.store.read("health/orders") is not None
    platform.registry.register("orders", fields=Registration(id="one", weight=4))
    take_back(platform)
    assert platform.store.read("health/orders") is not None
    take_back(platform, after="2")
    assert platform.store.read("health/orders") is None
    assert platform.registry.instance("orders", "one").health.status == "starting"


def test_a_key_is_named_in_the_shortest_way(platform):
    platform.registry.register("orders", URL)
    platform.registry.register("users")
    platform.registry.maintain("orders", reason="x")

    def revisions(key):
        return [change.revision for change in platform.changes.of(key)]

    assert revisions("orders") == ["1", "2", "4"]
    assert revisions(f"orders/{ID}") == revisions("instance/orders") == revisions(f"instance/orders/{ID}") == ["2"]
    assert revisions("service/orders") == ["1"]
    assert revisions("maintenance/orders") == ["4"]
    assert [c.revision for c in platform.changes.of("orders", after="1")] == ["2", "4"]
    assert list(platform.changes.of("orders", author="nobody")) == []
    assert list(platform.changes.of("orders", after="4")) == []
    for unknown in ("order", "orders/one", "service/order"):
        with pytest.raises(NotFound, match=f"no change of {unknown} is kept") as caught:
            platform.changes.of(unknown)
        assert "orders" in caught.value.hint or unknown == "orders/one"


def test_the_feed_is_filtered_by_author_service_and_time(platform, other, clock):
    platform.registry.register("orders", URL)
    clock.advance(100)
    other.registry.register("orders", fields=Registration(owner="bob"))
    other.registry.register("users")
    feed = platform.changes
    assert [c.revision for c in feed.list(author="bob")] == ["3", "4"]
    assert [c.revision for c in feed.list(service="orders")] == ["1", "2", "3"]
    assert [c.revision for c in feed.list(since=clock.now() - 50)] == ["3", "4"]
    assert [c.revision for c in feed.list(after="3")] == ["4"]
    assert [c.revision for c in feed.list(newest=2)] == ["3", "4"]
    assert [c.revision for c in feed.list(service="orders", newest=2)] == ["2", "3"]
    assert [c.revision for c in feed.list(after="0", newest=1)] == ["4"]
    assert [c.revision for c in feed.of("orders", author="tester", newest=1)] == ["2"]
    assert feed.of("orders", author="nobody", newest=1) == ()


def test_what_each_change_did_comes_from_the_kept_copies(platform):
    for number in range(KEPT_COPIES + 2):
        platform.registry.register("orders", fields=Registration(owner=str(number)))
    platform.registry.register("orders", URL)
    platform.registry.deregister_all("orders")
    found = platform.changes.compare(platform.changes.of("service/orders"))
    assert [d.is_kept for d in found] == [False] * 4 + [True] * 19
    assert (found[-2].before["owner"], found[-2].after["owner"]) == ("20", "21")
    assert (found[-1].before["owner"], found[-1].after) == ("21", None)
    (made, left) = platform.changes.compare(platform.changes.of(f"orders/{ID}"))
    assert (made.before, made.after) == (None, left.before)
    assert platform.changes.compare([]) == []


def test_the_same_verbs_wait_in_an_event_loop(store_path):
    async def ask() -> list[str]:
        async with Platform.open(store_path, actor="ann") as platform:
            await platform.registry.register("orders")
            done = await platform.changes.undo(await platform.changes.plan_undo(mine=True))
            return [outcome.action for outcome in done] + [c.operation for c in await platform.changes.list()]

    assert asyncio.run(ask()) == ["removed", "register", "undo"]


NAMES = st.sampled_from(["a", "b"])
IDS = st.sampled_from(["one", "two"])
OWNERS = st.sampled_from(["x", "y"])


class BackToAnyRevision(RuleBasedStateMachine):
    """Whatever was done, by whom and in which order: back to a revision is the state at that revision."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        path, _ = Platform.create(self.folder / "store")
        self.platform = Platform.open(path, clock=FakeClock(), actor="ann", warn=lambda text: None)
        self.states: list[tuple[str, dict[str, Any]]] = [("0", {})]

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def keep(self) -> None:
        self.states.append((self.platform.store.last_revision(), state_of(self.platform)))

    @rule(name=NAMES, owner=OWNERS)
    def register(self, name: str, owner: str) -> None:
        self.platform.registry.register(name, fields=Registration(owner=owner))
        self.keep()

    @rule(name=NAMES, id=IDS, weight=st.integers(1, 3))
    def register_instance(self, name: str, id: str, weight: int) -> None:
        self.platform.registry.register(name, URL, fields=Registration(id=id, weight=weight))
        self.keep()

    @rule(name=NAMES, id=IDS)
    def deregister(self, name: str, id: str) -> None:
        self.platform.registry.deregister(name, id, missing_ok=True)
        self.keep()

    @rule(name=NAMES)
    def deregister_all(self, name: str) -> None:
        self.platform.registry.deregister_all(name, missing_ok=True)
        self.keep()

    @rule(names=st.sets(NAMES), ids=st.sets(IDS), owner=OWNERS, prune=st.booleans())
    def apply(self, names: set[str], ids: set[str], owner: str, prune: bool) -> None:
        entries = [
            Entry(Service(n, owner=owner), tuple(Instance(n, i, host="10.0.0.1", port=1) for i in sorted(ids)))
            for n in sorted(names)
        ]
        self.platform.manifests.apply(entries, prune=prune)
        self.keep()

    @rule(name=NAMES, on=st.booleans())
    def maintain(self, name: str, on: bool) -> None:
        if self.platform.store.read(f"service/{name}") is not None:
            registry = self.platform.registry
            _ = registry.maintain(name, reason="x") if on else registry.end_maintenance(name)
            self.keep()

    @rule(name=NAMES, owner=OWNERS)
    def edit_by_hand(self, name: str, owner: str) -> None:
        """As a person does, and a write soon after comes upon it."""
        if (document := self.platform.store.read(f"service/{name}")) is not None:
            edit(self.platform, name, f'# by hand\nname = "{name}"\nowner = "{owner}"\ntier = "1"\n')
            edited = self.platform.store.read(f"service/{name}")
            assert edited is not None
            if edited.revision != document.revision:        # also where the same values stand in other bytes
                self.platform.store.write(Write(edited.key, edited.value), operation="adopt")
            self.keep()

    @rule(name=NAMES, environment=st.sampled_from(["base", "prod"]), value=st.integers(1, 3))
    def configure(self, name: str, environment: str, value: int) -> None:
        self.platform.configs.set(name, {"a": value}, environment=environment)
        self.keep()

    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        revision, state = data.draw(st.sampled_from(self.states))
        try:
            plan = self.platform.changes.plan_undo(after=revision)
        except NotFound as error:
            kept = int(self.platform.store.last_revision()) == int(revision)
            assert kept or "no longer kept" in error.message  # noqa: PT017  either outcome is right
            return
        self.platform.changes.undo(plan)
        assert state_of(self.platform) == state
        self.keep()

    @rule()
    def take_the_newest_back_and_again(self) -> None:
        before = state_of(self.platform)
        try:
            first = self.platform.changes.plan_undo()
        except NotFound:
            return
        self.platform.changes.undo(first)
        if first.effects:
            self.platform.changes.undo(self.platform.changes.plan_undo())
            assert state_of(self.platform) == before
        self.keep()

    @invariant()
    def no_instance_is_without_its_service(self) -> None:
        state = state_of(self.platform) if hasattr(self, "platform") else {}
        assert all(f"service/{key.split('/')[1]}" in state for key in state if not key.startswith("config/"))


BackToAnyRevision.TestCase.settings = settings(max_examples=15, stateful_step_count=25)
TestBackToAnyRevision = pytest.mark.slow(BackToAnyRevision.TestCase)
