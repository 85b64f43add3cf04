"""policy.toml: people write it; what is wrong with it is named with its place, and reading it changes nothing.

Every write takes an edit of it into the log, and what is in the log can be taken back, to the letter.
"""

import pytest

from mgov.errors import Conflict, NotFound, StoreDamaged
from mgov.governance.platform import Platform
from mgov.model.finding import Finding
from mgov.model.registration import Registration
from mgov.model.service import Dependency

OWNERSHIP = "# who answers at night\n[audit.weights]\nownership = 30\n"
RULE = '[[graph.forbidden]]\nfrom = "web"\nto = "data"\n'


@pytest.fixture
def opened(tmp_path):
    path, _ = Platform.create(tmp_path / "store")
    with Platform.open(path, actor="tester") as platform:
        yield platform, tmp_path / "store" / "policy.toml"


def test_a_store_without_a_policy_forbids_nothing(opened):
    platform, _ = opened
    assert platform.store.read("policy") is None
    assert platform.graphs.check() == []


def test_what_the_policy_forbids_is_found(opened):
    platform, file = opened
    file.write_text(RULE)
    platform.registry.register("users-db", fields=Registration(tier="data"))
    fields = Registration(tier="web", dependencies=(Dependency("users-db"),))
    platform.registry.register("shop", fields=fields)
    assert platform.graphs.check() == [
        Finding("forbidden", "shop -> users-db", "web -> data is forbidden", ("shop", "users-db"))
    ]
    assert platform.check() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"graph = [", "policy.toml:1: invalid value, at the end"),
        (b"\xef\xbb\xbf", "policy.toml:1:1: it begins with a byte order mark: save it as UTF-8 without BOM"),
        (b"[graph]\nforbiden = []\n", "policy.toml: graph has no key 'forbiden'"),
        (b"[[graph.forbidden]]\nfrom = 1\n", "policy.toml: graph.forbidden[0]: from must be text in quotes, not 1"),
    ],
)
def test_a_policy_that_cannot_be_read_is_named_with_its_place_and_never_ignored(opened, text, message):
    platform, file = opened
    file.write_bytes(text)
    with pytest.raises(StoreDamaged) as caught:
        platform.graphs.check()
    assert caught.value.message == message
    (finding,) = platform.check()
    assert (finding.path, finding.problem) == ("policy.toml", message)
    assert finding.remedy == "mend it: no good copy is kept"
    assert platform.repair() == []
    assert file.read_bytes() == text


def logged(platform):
    return [(c.revision, c.action, c.operation) for c in platform.changes.of("policy")]


def test_any_write_takes_an_edit_into_the_log_and_each_is_taken_back_with_its_comments(opened):
    platform, file = opened
    platform.registry.register("shop")
    file.write_text(OWNERSHIP)
    platform.registry.register("shop")          # unchanged itself
    file.write_text(RULE)
    platform.registry.register("shop")
    file.unlink()
    platform.registry.register("shop")
    assert logged(platform) == [
        ("2", "create", "hand edit"), ("3", "adopt", "hand edit"), ("4", "delete", "hand edit")]
    for text in (RULE, OWNERSHIP):
        platform.changes.undo(platform.changes.plan_undo(after="3" if text == RULE else "2"))
        assert file.read_text() == text
    platform.changes.undo(platform.changes.plan_undo(after="1"))
    assert not file.exists()
    platform.changes.undo(platform.changes.plan_undo())
    assert file.read_text() == OWNERSHIP
    assert platform.check() == []


def test_what_the_log_knows_already_is_not_taken_in_again(opened):
    platform, file = opened
    platform.registry.register("shop")
    file.write_text(RULE)
    for title in ("one", "two"):
        platform.registry.register("shop", fields=Registration(title=title))
    assert len(logged(platform)) == 1
    file.write_text("graph = [")
    platform.registry.register("shop", fields=Registration(title="three"))
    assert len(logged(platform)) == 1, "text that is no policy is nobody's change"


def test_nobody_knows_who_made_an_edit_and_what_was_before_the_first_commit_is_not_known(opened):
    platform, file = opened
    file.write_text(RULE)                       # as git brought it, with the store
    platform.registry.register("shop")
    assert logged(platform) == [("1", "adopt", "hand edit")]
    assert [c.key for c in platform.changes.plan_undo(after="0", mine=True).taken] == ["service/shop"]
    with pytest.raises(NotFound, match="what policy was before revision 1 is no longer kept"):
        platform.changes.plan_undo(after="0")
    assert file.read_text() == RULE


def test_a_policy_that_an_earlier_mgov_took_no_notice_of_is_not_removed_by_undo(opened):
    platform, file = opened
    platform.registry.register("shop")
    (file.parent / "lock" / "intent").unlink()  # what such a mgov leaves says nothing of the policy
    file.write_text(RULE)
    platform.registry.register("shop", fields=Registration(title="one"))
    assert logged(platform) == [("2", "adopt", "hand edit")]
    with pytest.raises(NotFound, match="what policy was before revision 2 is no longer kept"):
        platform.changes.plan_undo(after="1")


def test_a_policy_that_cannot_be_read_stops_no_write(opened):
    platform, file = opened
    file.mkdir()
    platform.registry.register("shop")
    file.rmdir()
    platform.registry.register("shop", fields=Registration(title="one"))
    file.write_text(RULE)
    platform.registry.register("shop", fields=Registration(title="two"))
    assert logged(platform) == [("3", "create", "hand edit")]


@pytest.mark.parametrize("text", [OWNERSHIP, None])
def test_an_edit_that_no_write_has_seen_is_never_undone_over(opened, text):
    platform, file = opened
    platform.registry.register("shop")
    file.write_text(RULE)
    platform.registry.register("shop")
    plan = platform.changes.plan_undo()
    file.write_text(text) if text else file.unlink()
    with pytest.raises(Conflict):
        platform.changes.plan_undo()
    with pytest.raises(Conflict):
        platform.changes.undo(plan)
    assert (file.read_text() if file.exists() else None) == text


def test_a_policy_that_was_spoilt_after_a_copy_was_kept_is_brought_back_by_repair(opened):
    platform, file = opened
    platform.registry.register("shop")
    file.write_text(RULE)
    platform.registry.register("shop")
    file.write_text("graph = [")
    (finding,) = platform.check()
    assert finding.remedy == "mgov store repair"
    (action,) = platform.repair()
    assert action.path == "policy.toml"
    assert file.read_text() == RULE
    assert logged(platform)[-1] == ("3", "update", "repair")
    assert platform.check() == []


def test_a_copy_of_the_policy_that_is_not_whole_is_found(opened):
    platform, file = opened
    platform.registry.register("shop")
    file.write_text(RULE)
    platform.registry.register("shop")
    (copy,) = (file.parent / "history" / "policy").iterdir()
    copy.write_text("[graph")
    (finding,) = platform.check()
    assert finding.path == f"history/policy/{copy.name}"
