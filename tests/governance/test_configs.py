"""Configs: versions made, read, compared, brought back, carried over and removed; references resolved under trust."""

import os
import threading

import pytest

from mgov import Platform
from mgov.errors import Conflict, InputError, InvalidName, NotFound, RemoteError, StoreDamaged, Untrusted, UsageError
from mgov.model.setting import ADDED, CHANGED, REMOVED


@pytest.fixture
def configs(platform):
    return platform.configs


def changed(done):
    return [(d.action, ".".join(d.path), d.before, d.after) for d in done.differences]


def test_what_is_set_is_read_with_its_types(configs):
    done = configs.set("orders", {"db.host": "h", "db.port": 5432, "on": True, "list": [1, "a"], "v": "1.10"})
    assert (done.before, done.after, done.is_unchanged) == (0, 1, False)
    assert configs.get("orders") == {
        "db": {"host": "h", "port": 5432}, "on": True, "list": [1, "a"], "v": "1.10",
    }  # fmt: skip
    assert configs.get("orders", "db.port") == 5432
    assert configs.get("orders", "db") == {"host": "h", "port": 5432}


def test_no_change_makes_no_version_and_another_type_is_a_change(configs):
    configs.set("orders", {"a": 1})
    assert configs.set("orders", {"a": 1}).is_unchanged
    assert changed(configs.set("orders", {"a": True})) == [(CHANGED, "a", 1, True)]
    assert configs.versions("orders") == [1, 2]


def test_a_version_says_who_made_it_when_how_and_why(configs, clock):
    configs.set("orders", {"a": 1}, message="to begin with")
    clock.advance(60)
    configs.unset("orders", ["a"])
    newest, first = configs.history("orders")
    assert newest[:5] == (2, "tester", "2027-01-15T08:01:00.000Z", "", "unset")
    assert first[:5] == (1, "tester", "2027-01-15T08:00:00.000Z", "to begin with", "set")
    assert newest.checksum != first.checksum
    assert [version.number for version in configs.history("orders", limit=1)] == [2]


def test_the_change_feed_tells_of_each_version(configs, platform):
    configs.set("orders", {"a": 1}, environment="prod", message="why")
    change = list(platform.store.changes())[-1]
    assert (change.key, change.action, change.operation, change.message) == (
        "config/orders/prod/000001", "create", "config set", "why",
    )  # fmt: skip


def test_compare_and_set_speaks_of_the_newest_version(configs):
    configs.set("orders", {"a": 1}, create_only=True)
    configs.set("orders", {"a": 2}, expect_version=1)
    with pytest.raises(Conflict, match="orders is at version 2 in default, not 1: somebody changed it"):
        configs.set("orders", {"a": 3}, expect_version=1)
    with pytest.raises(Conflict, match="already, version 2"):
        configs.set("orders", {"a": 3}, create_only=True)
    with pytest.raises(Conflict, match="no version in prod yet"):
        configs.set("orders", {"a": 3}, environment="prod", expect_version=1)
    assert configs.get("orders", "a") == 2


def test_a_dry_run_says_what_would_be_and_makes_nothing(configs):
    configs.set("orders", {"a": 1})
    done = configs.set("orders", {"a": 2, "b": 3}, dry_run=True)
    assert (done.before, done.after) == (1, 2)
    assert changed(done) == [(CHANGED, "a", 1, 2), (ADDED, "b", None, 3)]
    assert configs.versions("orders") == [1]


def test_environments_lie_over_the_base_that_they_saw(configs):
    configs.set("orders", {"log": "info", "db.port": 1}, environment="base")
    configs.set("orders", {"db.port": 2}, environment="prod")
    assert configs.get("orders", environment="prod") == {"log": "info", "db": {"port": 2}}
    configs.set("orders", {"log": "debug"}, environment="base")
    assert configs.get("orders", "log", environment="prod") == "info"
    unchanged = configs.set("orders", {"db.port": 2}, environment="prod")
    assert (unchanged.is_unchanged, unchanged.newer_base) == (True, 2)
    rebased = configs.set("orders", {}, environment="prod", rebase=True)
    assert changed(rebased) == [(CHANGED, "log", "info", "debug")]
    assert configs.get("orders", "log", environment="prod", version=1) == "info"
    assert configs.set("orders", {}, environment="prod", rebase=True).is_unchanged


def test_a_rollback_appends_a_version_that_reads_as_the_old_one_did_and_leaves_the_base_alone(configs):
    configs.set("orders", {"log": "info"}, environment="base")
    configs.set("orders", {"a": 1}, environment="prod")
    configs.set("orders", {"log": "debug"}, environment="base")
    configs.set("orders", {"a": 2}, environment="prod")
    done = configs.rollback("orders", environment="prod")
    assert changed(done) == [(CHANGED, "a", 2, 1), (CHANGED, "log", "debug", "info")]
    assert configs.get("orders", environment="prod") == {"log": "info", "a": 1}
    assert configs.versions("orders", environment="prod") == [1, 2, 3]
    assert configs.get("orders", environment="base") == {"log": "debug"}
    assert configs.history("orders", environment="prod")[0].message == "to version 1"
    assert configs.rollback("orders", 1, environment="prod").is_unchanged


def test_the_first_version_cannot_be_rolled_back_and_stays(configs):
    configs.set("orders", {"a": 1})
    with pytest.raises(NotFound, match="no version 1 before the newest"):
        configs.rollback("orders")
    with pytest.raises(UsageError, match="0 is no version"):
        configs.rollback("orders", 0)
    assert configs.get("orders", "a") == 1


def test_promoting_makes_the_target_read_as_the_source(configs):
    configs.set("orders", {"log": "info"}, environment="base")
    configs.set("orders", {"a": 1, "db.host": "s"}, environment="staging")
    configs.set("orders", {"log": "debug"}, environment="base")
    configs.set("orders", {"b": 2, "db.host": "p"}, environment="prod")
    done = configs.promote("orders", source="staging", target="prod")
    assert configs.get("orders", environment="prod") == configs.get("orders", environment="staging")
    assert (REMOVED, "b", 2, None) in changed(done)
    assert configs.history("orders", environment="prod")[0].message == "from staging 1"
    assert configs.promote("orders", source="staging", target="prod").is_unchanged


def test_promoting_some_keys_or_all_but_some_leaves_the_others(configs):
    configs.set("orders", {"a": 1, "db.host": "s", "c": 3}, environment="staging")
    configs.set("orders", {"a": 0, "b": 2, "db.host": "p", "d": 4}, environment="prod")
    configs.promote("orders", source="staging", target="prod", only=["a", "b"])
    assert configs.get("orders", environment="prod") == {"a": 1, "db": {"host": "p"}, "d": 4}
    configs.promote("orders", source="staging", target="prod", keep=["db", "d"])
    assert configs.get("orders", environment="prod") == {"a": 1, "c": 3, "db": {"host": "p"}, "d": 4}
    for argument in ("only", "keep"):
        with pytest.raises(NotFound, match="no key zzz on either side"):
            configs.promote("orders", source="staging", target="prod", **{argument: ["zzz"]})
    with pytest.raises(UsageError, match="both where it comes from"):
        configs.promote("orders", source="prod", target="prod")


@pytest.fixture
def over_two_bases(configs):
    """staging lies over a base that said more and something else than the one that prod lies over."""
    configs.set("orders", {"z": 1, "pool.size": 5, "old": True}, environment="base")
    configs.set("orders", {"pool.wait": 1, "a": 1}, environment="staging")
    configs.unset("orders", ["old"], environment="base")
    configs.set("orders", {"z": 2, "pool.size": 9}, environment="base")
    configs.set("orders", {"p": 1}, environment="prod")
    return configs


def test_promoting_some_keys_takes_what_the_source_reads_of_its_base_too(over_two_bases):
    over_two_bases.promote("orders", source="staging", target="prod", only=["z", "pool", "old"])
    assert over_two_bases.get("orders", environment="prod") == {
        "z": 1, "pool": {"size": 5, "wait": 1}, "old": True, "p": 1,
    }  # fmt: skip
    assert over_two_bases.promote("orders", source="staging", target="prod", only=["z"]).is_unchanged


def test_what_is_kept_reads_as_before_over_the_other_base_too(over_two_bases):
    over_two_bases.promote("orders", source="staging", target="prod", keep=["z", "pool.size"])
    prod = over_two_bases.read("orders", environment="prod")
    assert prod.values == {"z": 2, "pool": {"size": 9, "wait": 1}, "a": 1, "old": True}
    assert (prod.version.values, prod.version.base) == ({"pool": {"wait": 1, "size": 9}, "a": 1, "z": 2}, 1)


def test_a_base_that_is_promoted_to_reads_as_the_environment_does(over_two_bases):
    over_two_bases.promote("orders", source="staging", target="base")
    assert over_two_bases.get("orders", environment="base") == over_two_bases.get("orders", environment="staging")
    over_two_bases.promote("orders", source="base", target="prod")
    assert over_two_bases.get("orders", environment="prod") == over_two_bases.get("orders", environment="staging")


def test_gc_never_removes_the_newest_nor_a_base_that_is_still_seen(configs):
    for value in range(4):
        configs.set("orders", {"b": value}, environment="base")
        if value in (0, 2):
            configs.set("orders", {"a": value}, environment="prod")
    assert configs.gc("orders", environment="base", keep=1, dry_run=True) == [2]
    assert configs.gc("orders", environment="base", keep=1) == [2]
    assert configs.get("orders", environment="prod", version=1) == {"a": 0, "b": 0}
    assert configs.gc("orders", environment="prod", keep=1) == [1]
    assert configs.gc("orders", environment="prod", keep=1) == []
    assert configs.gc("orders", environment="base", keep=1) == [1]
    assert configs.get("orders", environment="prod") == {"a": 2, "b": 2}
    with pytest.raises(UsageError):
        configs.gc("orders", keep=0)


def test_the_numbers_go_on_over_a_gap(configs, store_path):
    for value in range(3):
        configs.set("orders", {"a": value})
    os.unlink(f"{store_path}/configs/orders/default/000002.toml")
    assert configs.set("orders", {"a": 9}).after == 4
    assert configs.versions("orders") == [1, 3, 4]
    configs.rollback("orders", -2)
    assert configs.get("orders", "a") == 0
    with pytest.raises(NotFound, match="no version 2 in default"):
        configs.read("orders", version=2)


def test_what_is_not_there_is_not_found_with_the_nearest_name(configs):
    configs.set("orders", {"log.level": "x"}, environment="prod")
    for call, words, hint in (
        (lambda: configs.get("ordrs"), "ordrs has no configuration in default", "did you mean orders?"),
        (lambda: configs.get("orders"), "orders has no configuration in default", "it has one in prod: -e prod"),
        (lambda: configs.get("orders", "log.levl", environment="prod"), "no key log.levl", "did you mean log.level?"),
        (lambda: configs.get("orders", version=7, environment="prod"), "no version 7", "mgov config history"),
        (lambda: configs.unset("orders", ["x"], environment="prod"), "no key x", None),
        (lambda: configs.history("nobody"), "nobody has no configuration", None),
        (lambda: configs.gc("nobody", keep=1), "nobody has no configuration", None),
    ):
        with pytest.raises(NotFound, match=words) as caught:
            call()
        assert hint is None or (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize("name", ["", "..", "a/b", "Orders", "../x", "x" * 64])
def test_a_name_outside_the_grammar_touches_nothing(configs, store_path, name):
    for call in (
        lambda: configs.set(name, {"a": 1}),
        lambda: configs.set("orders", {"a": 1}, environment=name),
        lambda: configs.get(name),
        lambda: configs.get("orders", environment=name),
    ):
        with pytest.raises(InvalidName):
            call()
    assert not os.path.exists(f"{store_path}/configs")


def test_a_plain_secret_is_refused_unless_its_writer_insists(configs):
    with pytest.raises(UsageError, match=r"db\.password looks like a secret") as caught:
        configs.set("orders", {"db.password": "hunter2"})
    assert "hunter2" not in str(caught.value)
    configs.set("orders", {"db.password": "hunter2"}, plain=True)
    configs.set("orders", {"a": 1})
    with pytest.raises(UsageError, match="looks like a secret"):
        configs.promote("orders", source="default", target="prod")
    configs.promote("orders", source="default", target="prod", plain=True)
    assert configs.rollback("orders").after == 3


def test_references_are_kept_as_they_are_and_resolved_only_under_trust(configs, platform, tmp_path, monkeypatch):
    secret = tmp_path / "pw"
    secret.write_text("from file\n")
    monkeypatch.setenv("DB_PW", "from env")
    values = {"a.password": "env:DB_PW", "b.password": f"file:{secret}", "c": ["cmd:echo 'from command'", 5], "d": "x"}
    configs.set("orders", values)
    read = configs.read("orders")
    assert configs.get("orders", "a.password") == "env:DB_PW"
    with pytest.raises(Untrusted, match="orders/default asks to"):
        configs.resolve(read)
    assert configs.resolve(read, "d") == "x"
    platform.trusts.agree(one.act for one in platform.trusts.asked())
    assert configs.resolve(read) == {
        "a": {"password": "from env"}, "b": {"password": "from file"}, "c": ["from command", 5], "d": "x",
    }  # fmt: skip
    configs.set("orders", {"a.password": "env:OTHER"})
    with pytest.raises(Untrusted, match="read the variable 'OTHER'"):
        configs.resolve(configs.read("orders"), "a.password")
    platform.trusts.withdraw()


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [("env:NOT_SET_HERE", NotFound, "x is kept in the variable NOT_SET_HERE, which is not set"),
     ("file:/nowhere/x", NotFound, "x is kept in /nowhere/x, which is not there"),
     ("file:/", InputError, "x is kept in /: is a directory"),
     ("file:/dev/zero", InputError, "larger than"),
     ("cmd:false", RemoteError, "the command of x ended with 1"),
     ("cmd:/nowhere/x", RemoteError, "the command of x cannot be run"),
     ("cmd:printf '\\377'", RemoteError, "something that is not text"),
     ("cmd:'", UsageError, "not a command line")],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_names_its_key(configs, platform, monkeypatch, value, error, words):
    monkeypatch.setattr("os.environ", {**os.environ, "MGOV_TRUST": platform.store.id})
    configs = platform.configs
    configs.set("orders", {"x": value})
    with pytest.raises(error, match=words):
        configs.resolve(configs.read("orders"))


def test_many_writers_at_once_lose_nothing(store_path):
    def write(name):
        with Platform.open(store_path, actor=name) as platform:
            for number in range(10):
                platform.configs.set("orders", {f"{name}.n{number}": number})

    threads = [threading.Thread(target=write, args=(f"w{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Platform.open(store_path) as platform:
        assert platform.configs.versions("orders") == list(range(1, 41))
        assert platform.configs.get("orders") == {f"w{i}": {f"n{n}": n for n in range(10)} for i in range(4)}


def test_a_version_that_was_edited_by_hand_is_refused_and_the_history_says_so(configs, store_path):
    for value in (1, 2):
        configs.set("orders", {"a": value})
    file = f"{store_path}/configs/orders/default/000002.toml"
    with open(file) as opened:
        text = opened.read()
    with open(file, "w") as opened:
        opened.write(text.replace("a = 2", "a = 3"))
    with pytest.raises(StoreDamaged, match="was changed after it was written"):
        configs.get("orders")
    with pytest.raises(StoreDamaged):
        configs.set("orders", {"a": 4})
    assert [(v.number, v.operation) for v in configs.history("orders")] == [(2, "damaged"), (1, "set")]
    assert configs.get("orders", "a", version=1) == 1


def test_deregistering_a_service_keeps_its_configuration(configs, platform):
    platform.registry.register("orders")
    configs.set("orders", {"a": 1})
    platform.registry.deregister_all("orders")
    assert configs.get("orders", "a") == 1


def test_ten_thousand_keys_and_many_environments_are_no_trouble(configs):
    values = {f"t{n // 100}.k{n}": n for n in range(10_000)}
    configs.set("orders", values)
    assert configs.get("orders", "t99.k9999") == 9999
    assert configs.environments("orders") == ["default"]
    assert configs.newest("orders") == {"default": 1}
    assert configs.newest("nobody") == {}
    with pytest.raises(UsageError, match="at most 1048576 are kept"):
        configs.set("orders", {f"big{n}": "x" * 200_000 for n in range(6)})


def test_what_was_read_last_answers_when_the_store_cannot_be_read_unless_refused(configs, store_path, monkeypatch):
    configs.set("orders", {"a": 1})
    read = configs.read("orders")
    assert read.saved_at is None
    os.chmod(f"{store_path}/configs", 0)
    os.rename(f"{store_path}/configs", f"{store_path}/away")
    os.symlink("/nowhere", f"{store_path}/configs")
    kept = configs.read("orders")
    assert kept.saved_at == 1_800_000_000.0
    assert kept._replace(saved_at=None, store_id="") == read
    from mgov.errors import StoreDenied

    with pytest.raises(StoreDenied):
        configs.read("orders", use_snapshot=False)
    with pytest.raises(StoreDenied):
        configs.read("others")


def test_the_history_of_changes_tells_what_a_version_changed(configs, platform):
    configs.set("orders", {"a": 1, "password": "x"}, environment="prod", plain=True)
    configs.set("orders", {"a": 2}, environment="prod")
    changes = platform.changes
    first, second = changes.compare(changes.of("config/orders/prod"))
    assert (first.before, first.after) == (None, {"a": 1, "password": "***"})
    assert (second.before["a"], second.after["a"]) == (1, 2)
    assert len(changes.of("orders")) == 2
