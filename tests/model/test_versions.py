"""Version ranges: what each form takes and refuses, and the laws of SemVer's order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.versions import MAX_CHARS, parse_range, parse_version

# semver.org section 11, in rising order
RISING = ["0.0.1", "0.9.9", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0--", "1.0.0-alpha", "1.0.0-alpha.1",
          "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1",
          "1.2.0", "1.10.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0"]

NUMBERS = st.integers(0, 3) | st.integers(0, 10**12)
IDENTIFIERS = st.integers(0, 12).map(str) | st.from_regex(r"[0-9]*[a-c-][a-c0-9-]*", fullmatch=True)
VERSIONS = st.builds(
    lambda core, pre: ".".join(map(str, core)) + ("-" + ".".join(pre) if pre else ""),
    st.tuples(NUMBERS, NUMBERS, NUMBERS),
    st.lists(IDENTIFIERS, max_size=3),
)
RELEASES = VERSIONS.map(lambda v: v.partition("-")[0])


def taken(range_text, versions):
    return [v for v in versions.split() if parse_range(range_text).matches(v)]


@pytest.mark.parametrize(
    ("range_text", "yes", "no"),
    [
        ("^2", "2.0.0 2.9.9 v2.1.0 2.1.0+build.5", "1.9.9 3.0.0 20.0.0 2.0.0-rc.1 2.5.0-rc.1 3.0.0-rc.1"),
        ("^1.4.2", "1.4.2 1.5.0 1.99.0", "1.4.1 2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0 1.0.0"),
        ("^0.0.3", "0.0.3", "0.0.2 0.0.4"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.9", "1.0.0"),
        ("^0.x", "0.0.0 0.9.9", "1.0.0"),
        ("~1.4", "1.4.0 1.4.9", "1.3.9 1.5.0"),
        ("~1", "1.0.0 1.9.9", "0.9.9 2.0.0"),
        ("~1.4.2", "1.4.2 1.4.10", "1.4.1 1.5.0"),
        ("2", "2.0.0 2.9.9", "1.9.9 3.0.0"),
        ("v2", "2.0.0 v2.9.9", "3.0.0"),
        ("2.x", "2.0.0 2.9.9", "1.9.9 3.0.0"),
        ("2.X.*", "2.0.0 2.9.9", "1.9.9 3.0.0"),
        ("2.1", "2.1.0 2.1.9", "2.0.9 2.2.0"),
        ("2.1.x", "2.1.0 2.1.9", "2.0.9 2.2.0"),
        ("1.2.3", "1.2.3 v1.2.3 1.2.3+b", "1.2.4 1.2.2 1.2.3-rc.1"),
        ("=1.2.3", "1.2.3", "1.2.4"),
        ("== v1.2.3+other", "1.2.3", "1.2.4"),
        (">=2,<3", "2.0.0 2.9.9", "1.9.9 3.0.0 3.0.0-rc.1"),
        (" >= 2 <3 ", "2.0.0 2.9.9", "1.9.9 3.0.0"),
        (">=2 , <3", "2.0.0", "3.0.0"),
        (">1.2", "1.3.0 2.0.0", "1.2.0 1.2.9"),
        (">1.2.3", "1.2.4", "1.2.3 1.2.3+b"),
        ("<1.2", "1.1.9 0.0.0", "1.2.0 1.2.0-rc.1"),
        ("<=1.2", "1.2.0 1.2.9", "1.3.0"),
        ("<=1.2.3", "1.2.3 1.2.2", "1.2.4"),
        ("!=1.3.0", "1.2.9 1.3.1", "1.3.0 1.3.0+b 1.4.0-rc.1"),
        ("!=1.3", "1.2.9 1.4.0", "1.3.0 1.3.9"),
        ("^1,!=1.3.0", "1.2.9 1.3.1", "1.3.0 2.0.0"),
        ("*", "0.0.0 99.0.0", "1.0.0-rc.1 main"),
        ("x", "0.0.0 99.0.0", "1.0.0-rc.1 main"),
    ],
)
def test_a_range_takes_these_and_refuses_those(range_text, yes, no):
    assert taken(range_text, yes) == yes.split()
    assert taken(range_text, no) == []


@pytest.mark.parametrize(
    ("range_text", "yes", "no"),
    [
        (">=2.0.0-rc.1", "2.0.0-rc.1 2.0.0-rc.2 2.0.0 2.4.0", "2.0.0-beta 2.4.0-beta 1.9.9"),
        ("^1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.10 1.2.3-rc 1.2.3 1.9.0", "1.2.3-beta.1 1.2.4-beta.2 2.0.0-rc.1"),
        ("~1.2.3-beta", "1.2.3-beta 1.2.3 1.2.4", "1.2.3-alpha 1.3.0"),
        ("1.0.0-rc.1", "1.0.0-rc.1 v1.0.0-rc.1+b", "1.0.0 1.0.0-rc.2 1.0.0-rc.1.0"),
        (">1.0.0-rc.1", "1.0.0-rc.1.0 1.0.0-rc.2 1.0.0", "1.0.0-rc.1"),
        ("<=1.0.0-rc.1", "1.0.0-rc.1 1.0.0-beta 0.9.0", "1.0.0-rc.2 1.0.0 0.9.0-rc.1"),
        ("^2,<3.0.0-rc.2", "2.1.0", "3.0.0-rc.1 3.0.0-rc.2"),
        (">=3.0.0-rc.1,<3", "", "3.0.0-rc.1 3.0.0"),
        (">1.2,<1.3.0-rc.5", "", "1.3.0-rc.1 1.3.0"),
        (">=1.0.0-rc.1,!=1.0.0-rc.2", "1.0.0-rc.1 1.0.0-rc.3 1.0.0", "1.0.0-rc.2"),
        ("!=1.0.0-rc.2", "1.0.0", "1.0.0-rc.1 1.0.0-rc.2"),
    ],
)
def test_a_pre_release_matches_only_where_a_bound_names_one_of_the_same_core(range_text, yes, no):
    assert taken(range_text, yes) == yes.split()
    assert taken(range_text, no) == []


@pytest.mark.parametrize(
    ("range_text", "yes", "no"),
    [
        ("main", "main", "Main dev 1.0.0 0.0.0"),
        ("2026-11-01", "2026-11-01", "2026-11-02 2026.11.1"),
        ("1.4", "1.4 1.4.0", "1.5 1.4.0.1"),
        ("=main", "main", "dev"),
        ("!=main", "dev 1.0.0", "main"),
        ("!=main !=dev", "1.0.0 next", "main dev 1.0.0-rc.1"),
        ("!=1.3.0", "main", "1.3.0"),
        (">=1", "1.0.0", "main 1.4 2026-11-01 1.02.3 1.2.3.4 1.2.3- 1.2.3+ 1.2.3-01 1.2.3-a..b 1.2.3+é ١.٢.٣"),
    ],
)
def test_a_version_that_is_not_semver_is_only_equal_or_not(range_text, yes, no):
    assert taken(range_text, yes) == yes.split()
    assert taken(range_text, no) == []


@pytest.mark.parametrize("range_text", ["*", "!=1.3.0", "!=main", "<9"])
def test_an_instance_without_a_version_is_in_no_range(range_text):
    assert not parse_range(range_text).matches("")


@pytest.mark.parametrize(
    ("range_text", "column", "why"),
    [
        ("", 1, "a version is missing"),
        ("  ", 3, "a version is missing"),
        ("^", 2, "a version is missing after ^"),
        (">=2,", 5, "a version is missing"),
        (">=2,,<3", 5, "a version is missing before the comma"),
        (",2", 1, "a version is missing before the comma"),
        (">= ,3", 4, "a version is missing after >="),
        (">=2<3", 4, "'<' cannot stand here"),
        ("^^2", 2, "'^' cannot stand here"),
        ("!2", 1, "'!' cannot stand here"),
        ("1 || 2", 3, "there is no 'or' in a range"),
        ("2.*.1", 3, "a wildcard takes the place of a whole number, at the end"),
        ("1.2*", 4, "a wildcard takes the place of a whole number, at the end"),
        (">=*", 3, ">= needs a number"),
        ("!=x", 3, "!= needs a number"),
        (">=1,^main", 6, "'main' is not a SemVer version, so nothing is ^ it"),
        (">=1.02", 3, "'1.02' is not a SemVer version, so nothing is >= it"),
        ("~1.2-rc", 2, "'1.2-rc' is not a SemVer version, so nothing is ~ it"),
        (">=1,main", 5, "this is not a SemVer version, so it can only stand alone or behind !="),
        ("1.2 - 2.3", 5, "this is not a SemVer version, so it can only stand alone or behind !="),
    ],
)
def test_a_broken_range_is_refused_with_the_column(range_text, column, why):
    with pytest.raises(UsageError) as caught:
        parse_range(range_text)
    assert caught.value.message == f"version range {range_text!r}, column {column}: {why}"
    assert caught.value.hint


def test_a_range_too_long_to_be_meant_is_refused_and_such_a_version_is_only_text():
    with pytest.raises(UsageError, match="at most 256 characters"):
        parse_range("9" * (MAX_CHARS + 1))
    assert parse_version("1.0." + "9" * 5000) is None


def test_versions_rise_as_semver_says():
    parsed = [parse_version(text) for text in RISING]
    assert None not in parsed
    assert sorted(set(parsed)) == parsed


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_total(a, b, c):
    x, y, z = map(parse_version, (a, b, c))
    assert (x < y) + (x == y) + (x > y) == 1
    assert (x == y) == (a == b)
    if x <= y <= z:
        assert x <= z


@given(VERSIONS, VERSIONS)
def test_the_operators_agree_with_each_other_where_pre_releases_are_named(a, version):
    def holds(operator):
        return parse_range(f"{operator}{a}").terms[0].holds(parse_version(version))

    assert holds("<") + holds("=") + holds(">") == 1
    assert holds(">=") == (holds(">") or holds("="))
    assert holds("<=") == (holds("<") or holds("="))
    assert holds("!=") != holds("=")


@given(VERSIONS, RELEASES)
def test_caret_holds_tilde_and_tilde_holds_the_version_itself(a, version):
    for text in (a, version):
        if parse_range(f"~{a}").matches(text) and not a.startswith("0."):
            assert parse_range(f"^{a}").matches(text)
    for operator in ("", "=", "~", "^", ">=", "<="):
        assert parse_range(operator + a).matches(a)
    for operator in ("!=", "<", ">"):
        assert not parse_range(operator + a).matches(a)


@given(VERSIONS, VERSIONS, RELEASES)
def test_terms_narrow_each_other_and_their_order_does_not_matter(a, b, version):
    both = parse_range(f">={a},<{b}").matches(version)
    assert both == (parse_range(f">={a}").matches(version) and parse_range(f"<{b}").matches(version))
    assert both == parse_range(f"<{b} >={a}").matches(version)


@given(st.text(max_size=20) | st.text("0123.x*^~<>=!, v-+|a", max_size=12), st.text(max_size=12) | VERSIONS)
def test_any_text_is_a_range_or_a_usage_error(range_text, version):
    try:
        parsed = parse_range(range_text)
    except UsageError:
        return
    assert parsed.text == range_text
    assert parsed.matches(version) in (True, False)


@given(st.from_regex(r"[a-wyz][a-z0-9_.-]{0,15}", fullmatch=True) | VERSIONS)
def test_a_version_as_it_stands_is_a_range_that_takes_it(text):
    assert parse_range(text).matches(text)
