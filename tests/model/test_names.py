"""Names, globs and URLs."""

import re
from fnmatch import translate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mgov.errors import InvalidName, UsageError
from mgov.model.names import check_name, is_name, matches, slug, split_url, suggest


@given(st.text("abc*?", max_size=8), st.text("abc", max_size=8))
@example("*a*a*a*a*a*b", "a" * 60)
def test_a_glob_matches_as_fnmatch_does(pattern, name):
    assert matches(pattern, name) == bool(re.match(translate(pattern), name))


def test_a_glob_of_many_stars_is_answered_at_once():
    assert not matches("*a" * 500 + "b", "a" * 5000)


@given(st.text(max_size=80))
def test_a_slug_is_a_name_or_nothing(text):
    assert slug(text) == "" or is_name(slug(text))


@given(st.text(max_size=70))
def test_a_text_is_a_name_exactly_when_the_grammar_says_so(text):
    grammar = re.fullmatch(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", text) and ".." not in text
    assert is_name(text) == bool(grammar)


@given(st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", fullmatch=True).filter(lambda t: ".." not in t))
def test_a_name_is_its_own_slug(name):
    assert check_name(name) == slug(name) == name


def test_a_name_of_another_script_points_to_the_title():
    with pytest.raises(InvalidName) as refused:
        check_name("订单")
    assert refused.value.hint == "use lower-case letters, digits, '-', '.' and '_'; --title holds any text"


@given(st.text(max_size=60))
def test_any_text_is_split_as_a_url_or_refused(text):
    try:
        scheme, host, port, path = split_url(text)
    except UsageError:
        return
    assert scheme
    assert host
    assert 1 <= port <= 65535
    assert path == "" or path.startswith("/")


@pytest.mark.parametrize(
    ("url", "parts"),
    [("http://h", ("http", "h", 80, "")), ("HTTPS://h/x", ("https", "h", 443, "/x")),
     ("tcp://[::1]:5432", ("tcp", "::1", 5432, "")), ("http://h?x", ("http", "h", 80, "/?x")),
     ("http://h/größe", ("http", "h", 80, "/größe"))],
)  # fmt: skip
def test_a_url_is_split(url, parts):
    assert split_url(url) == parts


def test_a_word_that_is_nearly_known_is_suggested_and_another_is_not():
    assert suggest("ordrs", ["users", "orders"]) == "orders"
    assert suggest("zzz", ["users", "orders"]) is None


def test_an_instance_that_is_named_as_reports_name_it_is_told_how_commands_take_it():
    with pytest.raises(InvalidName) as refused:
        check_name("orders/orders-1")
    assert refused.value.hint == "use orders-orders-1, or two words for an instance: orders orders-1; " \
                                 "--title holds any text"
