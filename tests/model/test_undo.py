"""Which changes are taken back together, and what stands in the way; without any store."""

from __future__ import annotations

import pytest

from mgov.errors import Conflict, NotFound
from mgov.model.undo import Reversal, check_complete, check_owned, differing, message_of, select, spans
from mgov.store.base import Change

ORDERS, ONE, TWO = "service/orders", "instance/orders/one", "instance/orders/two"


def change(number: int, key: str = ORDERS, *, by: str = "ann", action: str = "update", commit: int = 0,
           operation: str = "register") -> Change:
    """One line of the feed."""
    return Change(str(number), key, action, operation, by, 0.0, "", str(commit or number))


def numbers(changes: list[Change]) -> list[int]:
    return [int(c.revision) for c in changes]


def test_the_newest_commit_is_taken_whole_and_alone() -> None:
    feed = [change(1), change(2, ONE, commit=2), change(3, TWO, commit=2)]
    assert numbers(select(feed, is_newest_only=True)) == [2, 3]
    assert numbers(select(feed, is_newest_only=False)) == [1, 2, 3]
    assert select([], is_newest_only=True) == []


def test_ones_own_changes_are_those_of_the_author_and_no_hand_edit_that_a_write_came_upon() -> None:
    feed = [
        change(1, by="ann"), change(2, by="bob"),
        change(3, by="ann", action="adopt", operation="hand edit"),
        change(4, by="ann", action="adopt", operation="accept"),
    ]  # fmt: skip
    assert numbers(select(feed, author="ann", is_newest_only=False)) == [1, 4]
    assert numbers(select(feed[:3], author="ann", is_newest_only=True)) == [1]
    assert numbers(select(feed, author="bob", is_newest_only=True)) == [2]
    assert select(feed, author="eve", is_newest_only=False) == []


def test_the_changes_of_one_key_are_one_span() -> None:
    feed = [change(1), change(2, ONE), change(3), change(4, TWO)]
    found = spans(feed, [feed[0], feed[1], feed[2]])
    assert [(s.key, s.first.revision, s.last.revision) for s in found] == [(ORDERS, "1", "3"), (ONE, "2", "2")]


def test_a_newer_change_of_the_same_key_that_stays_is_named() -> None:
    feed = [change(1), change(2, ONE), change(3, by="bob", operation="apply")]
    with pytest.raises(Conflict, match=r"service/orders was changed again: revision 3 \(apply by bob\) came after"):
        spans(feed, [feed[0]])
    assert [s.key for s in spans(feed, [feed[1]])] == [ONE]


def test_what_undo_does_not_know_is_left_alone() -> None:
    feed = [change(1, "route/orders", action="create")]
    with pytest.raises(Conflict, match="route/orders is not taken back by undo"):
        spans(feed, feed)


def test_the_versions_of_a_configuration_are_one_subject_and_old_ones_may_go() -> None:
    prod, test = "config/orders/prod", "config/orders/test"
    feed = [
        change(1, f"{prod}/000001", action="create"), change(2, f"{prod}/000002", action="create"),
        change(3, f"{test}/000001", action="create"), change(4, f"{prod}/000001", action="delete", by="bob"),
    ]  # fmt: skip
    found = spans(feed, feed)
    assert [(s.key, s.first.revision, s.last.revision) for s in found] == [(prod, "1", "2"), (test, "3", "3")]
    assert [s.key for s in spans(feed[1:], feed[1:2])] == [prod]
    with pytest.raises(Conflict, match="config/orders/prod was changed again: revision 2"):
        spans(feed, feed[:1])
    with pytest.raises(NotFound, match="a version of a configuration that was removed does not come back"):
        spans(feed[3:], feed[3:])


def test_a_commit_is_not_cut() -> None:
    feed = [change(10, commit=10), change(11, action="adopt", commit=11), change(12, ONE, commit=10)]
    check_complete(feed, 9)
    check_complete([], 12)
    for after in (10, 11):
        with pytest.raises(Conflict, match=f"revision {after} is in the middle of what was written together, 10 to 12"):
            check_complete(feed[after - 9 :], after)


def gone(key: str) -> Reversal:
    return Reversal(key, {}, None, "1", change(1, key))


def back(key: str) -> Reversal:
    return Reversal(key, None, {}, "", change(1, key))


def test_an_instance_comes_back_to_its_service_or_not_at_all() -> None:
    check_owned([back(ONE)], [ORDERS])
    check_owned([back(ONE), back(ORDERS)], [])
    with pytest.raises(Conflict, match="instance/orders/one cannot come back: the service orders is gone"):
        check_owned([back(ONE)], ["service/users"])
    with pytest.raises(Conflict, match="instance/orders/one cannot come back"):
        check_owned([back(ONE), gone(ORDERS)], [ORDERS])


def test_a_service_does_not_go_from_under_an_instance() -> None:
    check_owned([gone(ORDERS), gone(ONE)], [ORDERS, ONE])
    check_owned([gone(ONE)], [ONE, TWO])
    with pytest.raises(Conflict, match="the service orders cannot go: instance/orders/two came later"):
        check_owned([gone(ORDERS), gone(ONE)], [ORDERS, ONE, TWO])
    with pytest.raises(Conflict, match="maintenance/orders came later"):
        check_owned([gone(ORDERS)], [ORDERS, "maintenance/orders"])


def test_what_differs_is_told_field_by_field() -> None:
    assert differing({"a": 1, "b": 2}, {"b": 3, "c": []}) == {"a": (1, None), "b": (2, 3), "c": (None, [])}
    assert differing(None, {"a": 1}) == {"a": (None, 1)}
    assert differing({"a": None}, None) == {}
    assert Reversal(ORDERS, {"a": 1}, {"a": 2}, "1", change(1)).fields == ("a",)
    assert Reversal("maintenance/orders", {"since": 1}, None, "1", change(1)).fields == ("maintenance",)


def test_the_message_names_what_was_taken_back() -> None:
    assert message_of([change(4)]) == "takes back 4 (register)"
    assert message_of([change(4), change(9, operation="apply"), change(11)]) == "takes back 4 to 11 (register, apply)"
