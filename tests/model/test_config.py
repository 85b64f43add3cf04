"""Keys, values, secrets and differences of configurations: pure rules."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import NotFound, UsageError
from mgov.model.config import leaves, lookup, merge
from mgov.model.key import MAX_PARTS, format_key, parse_key, split_at_equals
from mgov.model.secret import MASK, Reference, is_secret, looks_secret, masked, plain_secrets, reference
from mgov.model.setting import (
    ADDED,
    CHANGED,
    MAX_VALUE_BYTES,
    REMOVED,
    bare_value,
    check_values,
    checksum,
    differences,
    is_same,
    key_hint,
    refuse_secrets,
    text_of,
    with_settings,
    without_settings,
)

parts = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
paths = st.lists(parts, min_size=1, max_size=4).map(tuple)
scalars = (
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
)  # fmt: skip
tables = st.recursive(
    st.dictionaries(parts, scalars | st.lists(scalars, max_size=3), max_size=3),
    lambda inner: st.dictionaries(parts, inner | scalars, max_size=3),
    max_leaves=8,
)


@given(paths)
def test_a_key_is_read_back_from_its_text(path):
    assert parse_key(format_key(path)) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [("log.level", ("log", "level")), ('hosts."a.example.com".port', ("hosts", "a.example.com", "port")),
     ("'a b'.c", ("a b", "c")), ('"say \\"hi\\""', ('say "hi"',)), ("a-b_9", ("a-b_9",))],
)  # fmt: skip
def test_a_part_with_other_characters_stands_in_quotes(text, path):
    assert parse_key(text) == path


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a b", "ü.b", '"open', '"a"b', "a\nb", '"\x1b"', "a/b",
                                  ".".join("a" * (MAX_PARTS + 1)), "x" * 300])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(UsageError):
        parse_key(text)


@pytest.mark.parametrize("text", ["a b", "hosts.a/b", "it's", "cost$"])
def test_the_hint_at_a_part_to_quote_is_what_a_shell_takes(text):
    with pytest.raises(UsageError) as refused:
        parse_key(text)
    [typed] = shlex.split(refused.value.hint.removeprefix("write it like "))
    assert parse_key(typed) == (text.rpartition(".")[2],)


def test_a_key_with_a_control_character_gets_no_hint_that_would_be_refused_too():
    with pytest.raises(UsageError, match="a character that is not text") as refused:
        parse_key("a\nb")
    assert refused.value.hint is None


@pytest.mark.parametrize(
    ("text", "split"),
    [("a=b", ("a", "=", "b")), ("a:=1", ("a", ":=", "1")), ("a=b=c", ("a", "=", "b=c")), ("a=", ("a", "=", "")),
     ('"x=y".z=1', ('"x=y".z', "=", "1")), ("plain", ("plain", "", "")), ("=x", ("", "=", "x"))],
)  # fmt: skip
def test_a_setting_is_split_at_its_first_equals_sign_outside_quotes(text, split):
    assert split_at_equals(text) == split


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ("5432", 5432), ("-7", -7), ("0", 0), ("1.5", 1.5), ("-0.25", -0.25)],
)
def test_bare_text_that_prints_back_identically_is_a_number_or_a_boolean(text, value):
    assert bare_value(text) == value
    assert type(bare_value(text)) is type(value)


@pytest.mark.parametrize("text", ["1.10", "007", "1e3", "+1", "True", "yes", "null", "nan", "inf", "-inf", "1_000",
                                  " 1", "１", "9223372036854775808", "", "0x10", "1.", ".5", "1" * 5000])
def test_bare_text_that_would_print_differently_stays_text(text):
    assert bare_value(text) == text


@given(st.text())
def test_a_bare_value_always_prints_back(text):
    assert text_of(bare_value(text)) == text


@pytest.mark.parametrize(
    ("values", "words"),
    [({"a": None}, "a is null"), ({"a": float("nan")}, "finite"), ({"a": [float("inf")]}, "finite"),
     ({"a": 2**63}, "64 bits"), ({"a": {"b": b"x"}}, "a.b is a bytes"), ({"a": "\0"}, "not text"),
     ({"a": "\ud800"}, "not text"), ({"": 1}, "empty part"), ({"a\nb": 1}, "not text"), ({1: 1}, "text in quotes"),
     ([], "table of keys"), ({"a": "x" * (MAX_VALUE_BYTES + 1)}, "at most 262144"),
     ({"a": ["x" * MAX_VALUE_BYTES, "y"]}, "at most 262144")],
)  # fmt: skip
def test_a_value_that_toml_and_json_cannot_both_hold_is_refused_by_its_key(values, words):
    with pytest.raises(UsageError, match=words):
        check_values(values)


def test_nesting_without_end_is_refused_and_not_followed():
    table, items = {}, []
    for _ in range(100_000):
        table, items = {"a": table}, [items]
    for deep in (table, {"a": items}):
        with pytest.raises(UsageError, match="too deeply"):
            check_values(deep)


def test_the_environment_lies_over_the_base_table_by_table():
    base = {"db": {"host": "h", "port": 1}, "list": [1, 2], "log": "info"}
    assert merge(base, {"db": {"port": 2}, "list": [3], "log": {"level": "x"}}) == {
        "db": {"host": "h", "port": 2}, "list": [3], "log": {"level": "x"},
    }  # fmt: skip
    assert base["db"]["port"] == 1


@given(tables, tables)
def test_merging_keeps_all_that_is_above_and_what_it_does_not_touch(below, above):
    merged = merge(below, above)
    for path, value in leaves(above):
        if value != {}:
            assert is_same(lookup(merged, path), value)
    assert is_same(merge(merged, above), merged)
    assert is_same(merge({}, above), above)


@given(tables, tables)
def test_differences_lead_from_one_to_the_other(before, after):
    found = differences(before, after)
    assert differences(after, before) == [
        d._replace(action={ADDED: REMOVED, REMOVED: ADDED, CHANGED: CHANGED}[d.action], before=d.after, after=d.before)
        for d in found
    ]
    assert bool(found) == (not is_same(dict(leaves(before)), dict(leaves(after))))


def test_one_one_point_zero_and_true_are_three_values():
    found = differences({"a": 1, "b": 1, "c": 0}, {"a": True, "b": 1.0, "c": 0})
    assert [d.action for d in found] == [CHANGED, CHANGED]


@given(tables)
def test_the_checksum_is_that_of_the_content_in_any_order(values):
    turned = json.loads(json.dumps(values), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert checksum(values) == checksum(turned)


def test_settings_make_the_tables_that_they_need_and_leave_none_empty():
    values = with_settings({"a": {"b": 1}}, {("a", "c"): 2, ("x", "y", "z"): 3})
    assert values == {"a": {"b": 1, "c": 2}, "x": {"y": {"z": 3}}}
    assert without_settings(values, [("x", "y", "z"), ("a", "b")]) == {"a": {"c": 2}}


@pytest.mark.parametrize(
    ("settings", "words"),
    [({("a", "b"): 1}, "a holds a value, so a.b"), ({("t",): 1}, "t is a table")],
)
def test_a_value_does_not_silently_take_the_place_of_a_table_or_the_other_way_round(settings, words):
    with pytest.raises(UsageError, match=words):
        with_settings({"a": 1, "t": {"u": 1}}, settings)


def test_a_key_that_is_near_is_named_as_a_shell_takes_it():
    assert key_hint({"hosts": {"a.example.com": 1}}, ("hosts", "a", "example", "com")) == (
        "did you mean 'hosts.\"a.example.com\"'?"
    )


def test_a_key_that_is_not_set_cannot_be_unset_and_the_nearest_is_named():
    with pytest.raises(NotFound, match=r"no key log\.levl") as caught:
        without_settings({"log": {"level": "x"}}, [("log", "levl")])
    assert caught.value.hint == "did you mean log.level?"


@pytest.mark.parametrize("key", ["password", "db.password", "DB_PASSWORD", "dbPassword", "db-passwd", "client.secret",
                                 "clientsecret", "api_key", "apiKey", "apikey", "auth.token", "accessToken",
                                 "secrets.db", "signing_key", "private-key", "credentials", "passwords.root",
                                 "db.pass", "DB_PASS", "api_key.prod", "password.db", "token.github"])
def test_keys_that_name_secrets_are_known(key):
    assert looks_secret(parse_key(key))


@pytest.mark.parametrize("key", ["token_url", "password_min_length", "secret_name", "tokenizer", "key", "keyboard",
                                 "monkey", "author", "cache.key", "primary_key", "tokens.ttl", "secret.path", "compass",
                                 "host", "pass_rate", "bypass", "api_key.ttl", "password_policy.alphabet",
                                 "pass.threshold"])
def test_keys_about_secrets_are_no_secrets(key):
    assert not looks_secret(parse_key(key))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [("db.password", "hunter2", True), ("db.password", "", False), ("db.password", 1234, True),
     ("db.password", True, False), ("api_key", 7.5, True), ("max_tokens", 4096, False), ("max_token", 4096, False),
     ("tokens.limit", 3, False), ("secrets.refresh", 30, False), ("db.passwords", [1, 2], False),
     ("cache.key", 1, False), ("tls.key", "-----BEGIN EC PRIVATE KEY-----\nx", True),
     ("tls.cert", "-----BEGIN CERTIFICATE-----\nx", False),
     ("db.password", "env:DB", False), ("db.password", "file:/run/db", False), ("passwords", ["a"], True),
     ("url", "postgres://u:pw@h/db", True), ("url", "postgres://u@h/db", False), ("url", "https://h/a:b@c", False),
     ("url", "postgres://u:${PW}@h/db", False), ("note", "mail: a:b@c", False)],
)  # fmt: skip
def test_a_plain_secret_stands_under_such_a_key_or_shows_what_it_is(key, value, expected):
    assert is_secret(parse_key(key), value) is expected


@pytest.mark.parametrize(
    ("text", "found"),
    [("env:DB_PW", Reference("env", "DB_PW")), ("file:/run/x", Reference("file", "/run/x")),
     ("cmd:pass show db", Reference("cmd", "pass show db")), ("env:a-b", None), ("env:", None), ("env:1A", None),
     ("file:x", None), ("file:///x", None), ("cmd: ", None), ("http://x", None), (5, None), ("cmd:a\nb", None)],
)  # fmt: skip
def test_references_are_recognised_and_look_alikes_are_not(text, found):
    assert reference(text) == found


def test_secrets_are_masked_wherever_they_stand_and_references_are_not():
    values = {"db": {"password": "x", "user": "u"}, "tokens": ["a", "env:B"], "all": [{"secret": "s"}]}
    assert masked(values, ()) == {
        "db": {"password": MASK, "user": "u"}, "tokens": [MASK, "env:B"], "all": [{"secret": MASK}],
    }  # fmt: skip
    assert plain_secrets(values) == [("db", "password"), ("tokens",), ("all",)]


def test_only_a_plain_secret_that_is_new_is_refused_and_a_mask_always():
    refuse_secrets({"password": "a"}, {"password": "a", "x": "y"}, is_plain=False)
    with pytest.raises(UsageError, match="password looks like a secret"):
        refuse_secrets({"password": "a"}, {"password": "b"}, is_plain=False)
    refuse_secrets({}, {"password": "b"}, is_plain=True)
    with pytest.raises(UsageError, match="masked"):
        refuse_secrets({}, {"password": MASK}, is_plain=True)
