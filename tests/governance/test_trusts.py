"""Trust: nothing that a store asks for is carried out before its reader agreed, to exactly that."""

from __future__ import annotations

import json
import os
import stat

import pytest
from fakes import FakeClock

from mgov.cli import tree
from mgov.errors import InputError, Untrusted
from mgov.governance.platform import Platform
from mgov.governance.trusts import Trusts
from mgov.model.health import Check
from mgov.model.instance import Instance, instance_key, to_value
from mgov.model.trust import Act, acts_of, is_trusted
from mgov.store.base import Write
from mgov.store.trust import TrustFile


def instance(name: str, content: str = "") -> Instance:
    check = Check("command", f"command:{content}") if content else Check("none")
    return Instance("orders", name, "127.0.0.1", 80, check=check)


@pytest.fixture
def store(tmp_path):
    Platform.create(tmp_path / "store")
    with Platform.open(tmp_path / "store") as platform:
        yield platform.store


@pytest.fixture
def file(tmp_path):
    return TrustFile(str(tmp_path / "config" / "mgov" / "trust.json"))


def put(store, *instances: Instance) -> None:
    for one in instances:
        store.write(Write(instance_key(one.service, one.id), to_value(one)), operation="register")


def trusts(store, file, **environ: str) -> Trusts:
    return Trusts(store, FakeClock(), environ, file)


def test_a_command_is_not_trusted_until_its_reader_agrees_and_then_in_this_store_alone(store, file, tmp_path):
    put(store, instance("a", "check_a"), instance("b"))
    before = trusts(store, file)
    assert [(asked.act, asked.is_trusted) for asked in before.asked()] == [
        (Act("orders/a", "command", "check_a"), False)]
    with pytest.raises(Untrusted, match="orders/a asks to run 'check_a', and this store is not trusted to") as refused:
        before.require([instance("b"), instance("a", "check_a")], {})
    assert (refused.value.exit_status, refused.value.code) == (6, "untrusted")
    before.agree(asked.act for asked in before.asked())
    after = trusts(store, file)
    after.require([instance("a", "check_a")], {})
    assert after.untrusted_among([instance("a", "check_a")], {}) == set()
    Platform.create(tmp_path / "other")
    with Platform.open(tmp_path / "other") as other, pytest.raises(Untrusted):
        trusts(other.store, file).require([instance("a", "check_a")], {})


def test_a_changed_command_asks_again_and_the_same_one_elsewhere_does_not(store, file):
    known = trusts(store, file)
    known.agree(acts_of([instance("a", "check_a"), instance("b", "check_b")], {}))
    known.require([instance("c", "check_b")], {})
    changed = instance("a", "check_a --and-more")
    assert known.untrusted_among([changed, instance("b", "check_b")], {}) == {changed.key}


def test_trust_that_is_withdrawn_is_gone_and_other_stores_keep_theirs(store, file, tmp_path):
    Platform.create(tmp_path / "other")
    acts = acts_of([instance("a", "x")], {})
    with Platform.open(tmp_path / "other") as other:
        trusts(other.store, file).agree(acts)
        trusts(store, file).agree(acts)
        assert [trusts(store, file).withdraw(), trusts(store, file).withdraw()] == [True, False]
        assert set(file.grants()) == {other.store.id}


def test_the_variable_trusts_the_stores_that_it_names(store, file):
    wanted = [instance("a", "x")]
    trusts(store, file, MGOV_TRUST=f"other, {store.id}").require(wanted, {})
    for value in ("", "1", "*", store.id[:-1], f"{store.id} x"):
        with pytest.raises(Untrusted):
            trusts(store, file, MGOV_TRUST=value).require(wanted, {})
    assert not is_trusted({}, "", "digest", "")
    assert not os.path.exists(file.path)


def test_nothing_is_read_where_nothing_needs_trust(store):
    class Unreadable(TrustFile):
        def grants(self):
            raise AssertionError

    trusts(store, Unreadable("/nowhere")).require([instance("a"), instance("b")], {})


def test_the_file_is_the_users_alone_and_a_folder_for_it_is_made(store, file):
    trusts(store, file).agree(acts_of([instance("a", "x")], {}))
    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(file.path)).st_mode) == 0o700
    grant = file.grants()[store.id]
    assert (len(grant.digests), grant.at, grant.location) == (1, FakeClock().now(), store.location)


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_is_not_believed(store, file, mode):
    trusts(store, file).agree(acts_of([instance("a", "x")], {}))
    os.chmod(file.path, mode)
    with pytest.raises(InputError, match="can be written by others"):
        trusts(store, file).require([instance("a", "x")], {})


@pytest.mark.parametrize(("text", "words"), [
    ("", "trust.json"), ("{", r"trust\.json:1:2: "), ("[]", "was not written by this version"),
    ('{"format": 2, "stores": {}}', "was not written by this version"),
    ('{"format": 1, "stores": {"a": {"digests": "x", "at": 1, "location": ""}}}', "holds something that is no trust"),
    ('{"format": 1, "stores": []}', "holds something that is no trust"),
])
def test_a_damaged_file_trusts_nobody_and_says_where(store, file, text, words):
    os.makedirs(os.path.dirname(file.path))
    with open(file.path, "w") as out:
        out.write(text)
    os.chmod(file.path, 0o600)
    with pytest.raises(InputError, match=words):
        trusts(store, file).require([instance("a", "x")], {})


def test_the_digest_tells_kind_from_content():
    assert Act("", "command", "x").digest == Act("other", "command", "x").digest
    assert len({Act("", "command", "x").digest, Act("", "commandx", "").digest, Act("", "file", "x").digest}) == 3


# -- the command


@pytest.fixture
def in_tree(monkeypatch):
    row = ("trust", "mgov.cli.trust:trust", tree.STORE, "Let what a store holds run on this machine")
    monkeypatch.setattr(tree, "COMMANDS", (*(entry for entry in tree.COMMANDS if entry[0] != "trust"), row))


@pytest.fixture
def trust(run, store, tmp_path, in_tree):
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "MGOV_STORE": store.location}
    return lambda *argv, **options: run("trust", *argv, env={**env, **options.pop("env", {})}, **options)


ROW = "orders/a\tcommand\tcheck_a \\x1b[2J\t"


def test_trust_shows_what_would_run_and_asks(trust, store, file):
    put(store, instance("a", "check_a \x1b[2J"))
    assert trust() == (2, ROW + "no\n", f"mgov: Let {store.location} run 1 command on this machine, as you? nobody can "
                       "be asked here\nhint: add --yes, or look first with --dry-run\n")
    assert trust("--dry-run") == (0, ROW + "no\n", "1 would be trusted\n")
    code, out, err = trust(tty=True, input="n\n")
    assert (code, "check_a \\x1b[2J" in out, err.endswith("nothing was trusted\n")) == (1, True, True)
    assert file.grants() == {}
    assert trust("--yes") == (0, ROW + "no\n", "1 command trusted\n")
    assert trust() == (0, ROW + "yes\n", "unchanged: all of it is trusted\n")


def test_trust_is_listed_and_taken_back(trust, store):
    assert trust("--list") == (0, "", "you trust no store\n")
    assert trust() == (0, "", "this store asks for nothing that needs trust\n")
    put(store, instance("a", "check_a"))
    trust("--yes")
    code, out, _ = trust("--list", "-o", "json")
    listed = json.loads(out)
    assert (code, [(one["store"], one["location"], one["count"]) for one in listed]) == (
        0, [(store.id, store.location, 1)])
    assert trust("--off") == (0, "", "trusted no more\n")
    assert trust("--off") == (0, "", "unchanged: nothing of this store was trusted\n")
    assert trust("--list", "--off").code == 2
