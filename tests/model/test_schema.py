"""A JSON Schema over a configuration: what breaks it, by key and rule, without showing a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.schema import Violation, check_schema, refuse_violations, violations

SCHEMA = {
    "type": "object",
    "required": ["db"],
    "properties": {
        "db": {
            "type": "object",
            "required": ["host", "port"],
            "properties": {
                "host": {"type": "string", "minLength": 2, "pattern": "^[a-z]"},
                "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                "password": {"type": "string", "maxLength": 8},
            },
        },
        "mode": {"enum": ["fast", "safe"]},
        "hosts": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "either": {"type": ["string", "integer"]},
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize(("values", "found"), [
    ({"db": {"host": "ab", "port": 1}}, []),
    ({}, [("db", "required", "is missing")]),
    ({"db": {}}, [("db.host", "required", "is missing"), ("db.port", "required", "is missing")]),
    ({"db": {"host": "ab", "port": 70000}}, [("db.port", "maximum", "must be at most 65535")]),
    ({"db": {"host": "9", "port": "x"}}, [
        ("db.host", "minLength", "must have at least 2 characters"), ("db.host", "pattern", "must match ^[a-z]"),
        ("db.port", "type", "must be integer")]),
    ({"db": {"host": "ab", "port": 1}, "mode": "slow"}, [("mode", "enum", 'must be one of "fast", "safe"')]),
    ({"db": {"host": "ab", "port": 1}, "hosts": ["a", 1, "c"]}, [
        ("hosts", "maxItems", "must have at most 2 items"), ("hosts.1", "type", "must be string")]),
    ({"db": {"host": "ab", "port": 1}, "either": 1.5}, [("either", "type", "must be string or integer")]),
])
def test_each_key_that_breaks_a_rule_is_named_with_it(values, found):
    assert violations(SCHEMA, values) == [Violation(*one) for one in found]


def test_a_rule_without_words_of_ours_is_told_in_those_of_the_library():
    (one,) = violations({"properties": {"hosts": {"uniqueItems": True}}}, {"hosts": [1, 1]})
    assert one == Violation("hosts", "uniqueItems", "is refused: [1, 1] has non-unique elements")


def test_a_key_that_the_schema_does_not_know_is_named_with_the_nearest_that_it_does():
    assert violations(SCHEMA, {"db": {"host": "ab", "port": 1}, "mod": 1, "x-y": 2}) == [
        Violation("mod", "additionalProperties", "is not a key of it: did you mean mode?"),
        Violation("x-y", "additionalProperties", "is not a key of it"),
    ]
    open_to_x = {**SCHEMA, "patternProperties": {"^x-": {}}}
    assert violations(open_to_x, {"db": {"host": "ab", "port": 1}, "x-y": 2}) == []


def test_a_secret_is_never_shown_and_a_reference_is_not_judged():
    values = {"db": {"host": "ab", "port": 1, "password": "hunter2hunter2"}}
    (one,) = violations(SCHEMA, values)
    assert one == Violation("db.password", "maxLength", "must have at most 8 characters")
    assert violations(SCHEMA, {"db": {"host": "ab", "port": "env:PORT"}}) == []
    hidden = {"properties": {"token": {"not": {"type": "string"}}}}
    assert violations(hidden, {"token": "s3cret"}) == [Violation("token", "not", "breaks not")]


def test_the_refusal_names_the_first_and_counts_the_rest():
    with pytest.raises(UsageError) as refused:
        refuse_violations(SCHEMA, {"db": {}}, "orders")
    assert refused.value.message == (
        "the schema of orders refuses it: db.host is missing (required); db.port is missing (required)"
    )
    with pytest.raises(UsageError, match=r"; and 2 more$"):
        refuse_violations(SCHEMA, {"db": {}, **dict.fromkeys("abcde", 1)}, "orders")
    refuse_violations(SCHEMA, {"db": {"host": "ab", "port": 1}}, "orders")


@pytest.mark.parametrize(("schema", "message"), [
    ({"type": "nonsense"}, "the schema is invalid at type"),
    ({"properties": {"a": {"minimum": "x"}}}, "the schema is invalid at properties.a.minimum"),
    ([], "schema must be a table"),
    ({"properties": {"a": {"$ref": "http://127.0.0.1:9/s"}}}, "the schema refers to 'http://127.0.0.1:9/s', which"),
    ({"items": {"$ref": "#/$defs/no"}}, "the schema refers to '/$defs/no', which is not in it"),
    ({"$dynamicRef": "#no"}, "the schema refers to '#no', which is not in it"),
    ({"$ref": "#/prefixItems/x", "prefixItems": [{}]}, "the schema refers to what cannot be read: invalid literal"),
    ({"$schema": "http://[x"}, "the schema refers to what cannot be read: Invalid IPv6 URL"),
])
def test_what_is_no_schema_is_refused_with_the_place(schema, message):
    with pytest.raises(UsageError) as refused:
        check_schema(schema)
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize("schema", [
    {"$defs": {"p": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/p"}, "b": {"$ref": "#"}}},
    {"$id": "http://x.test/s", "$defs": {"q": {"$id": "q", "$anchor": "Q"}}, "properties": {"a": {"$ref": "q#Q"}}},
    {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"x": {}}, "not": {"$ref": "#"}},
    {"$schema": "http://x.test/own", "properties": {"$ref": {"type": "string"}}, "enum": [{"$ref": "http://x.test/no"}]},
])
def test_what_a_schema_refers_to_within_itself_is_found(schema):
    assert check_schema(schema) == schema


def test_nothing_is_fetched_for_a_schema():
    with pytest.raises(UsageError, match=r"refers to 'http://127.0.0.1:9/s.json', which is not in it"):
        violations({"$ref": "http://127.0.0.1:9/s.json"}, {"a": 1})
    assert violations({"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}, {"a": "x"})


@given(st.dictionaries(st.sampled_from(["db", "mode", "hosts", "x"]),
                       st.recursive(st.sampled_from([None, True, 0, 1, 70000, 1.5, "", "a", "ab", "fast"]),
                                    lambda inner: st.lists(inner, max_size=2)
                                    | st.dictionaries(st.sampled_from(["host", "port"]), inner, max_size=2),
                                    max_leaves=4)))
def test_whatever_the_values_the_answer_is_that_of_the_library(values):
    from jsonschema import Draft202012Validator

    assert (violations(SCHEMA, values) == []) == Draft202012Validator(SCHEMA).is_valid(values)


def test_a_schema_that_refers_to_itself_without_end_is_named():
    schema = check_schema({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}})
    with pytest.raises(UsageError, match="the schema refers to itself without end"):
        violations(schema, {"a": 1})
