"""Changes of one branch made anew on top of another."""

from hypothesis import given
from hypothesis import strategies as st

from mgov.model.rebase import rebased
from mgov.model.setting import differences

KEYS = st.sampled_from(["a", "b", "c"])
PLAIN = st.sampled_from([1, 2, True, "x"])
VALUES = st.recursive(PLAIN, lambda inner: st.dictionaries(KEYS, inner, max_size=2), max_leaves=5)
TABLES = st.dictionaries(KEYS, VALUES, max_size=3)


@given(TABLES, TABLES)
def test_on_top_of_what_it_began_from_a_branch_is_itself(before, after):
    assert differences(rebased(before, after, before).values, after) == []


@given(TABLES, TABLES)
def test_a_branch_without_changes_changes_nothing(before, onto):
    assert rebased(before, before, onto) == (onto, [])


@given(TABLES, TABLES, TABLES)
def test_what_a_branch_sets_is_there_afterwards(before, after, onto):
    values = rebased(before, after, onto).values
    for change in differences(before, after):
        if change.action != "removed" and change.after != {}:
            found = values
            for part in change.path:
                found = found[part]
            assert found == change.after


@given(TABLES, TABLES)
def test_where_the_other_branch_changed_nothing_there_are_no_clashes(before, after):
    assert rebased(before, after, before).clashes == []
    assert rebased(before, after, after).clashes == []


def test_keys_of_both_branches_stay_and_a_key_that_both_changed_is_named():
    before = {"log": "info", "db": {"host": "a", "port": 1}, "old": 1}
    ours = {"log": "warn", "db": {"host": "a", "port": 2, "pool": 5}}
    theirs = {"log": "debug", "db": {"host": "b", "port": 1}, "old": 1}
    values, clashes = rebased(before, ours, theirs)
    assert values == {"log": "warn", "db": {"host": "b", "port": 2, "pool": 5}}
    assert clashes == [("log",)]


def test_a_value_where_the_other_branch_made_a_table_takes_its_place_and_is_named():
    assert rebased({}, {"db": "x"}, {"db": {"host": 1}}) == ({"db": "x"}, [("db",)])
    assert rebased({"db": {}}, {"db": "x"}, {"db": {"host": 1}}) == ({"db": "x"}, [("db",)])
    assert rebased({}, {"db": {"host": 1}}, {"db": "x"}) == ({"db": {"host": 1}}, [("db", "host")])


def test_an_empty_table_takes_nothing_away_from_the_other_branch():
    assert rebased({}, {"db": {}}, {"db": {"host": 1}}) == ({"db": {"host": 1}}, [])
    assert rebased({"db": {}}, {}, {"db": {"host": 1}}) == ({"db": {"host": 1}}, [])
