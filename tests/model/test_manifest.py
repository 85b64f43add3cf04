"""The manifest: what is dumped is read back to the same fleet, and what cannot be is refused."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import instances, services

from mgov.errors import UsageError
from mgov.formats import strictjson, toml
from mgov.model.manifest import Entry, dump, instance_table, parse, parse_instance
from mgov.model.service import parse_service, to_table

entries = st.lists(
    st.builds(
        lambda service, own: Entry(
            service, tuple(sorted((i._replace(service=service.name) for i in own), key=lambda i: i.id))
        ),
        services(),
        st.lists(instances(), max_size=2, unique_by=lambda i: i.id),
    ),
    max_size=2,
    unique_by=lambda e: e.service.name,
).map(lambda found: tuple(sorted(found, key=lambda e: e.service.name)))


@settings(max_examples=40)
@given(entries)
def test_a_dumped_fleet_is_parsed_back_also_through_toml_and_json(fleet):
    document = dump(fleet)
    assert parse(document) == fleet
    assert parse(toml.parse(toml.dump(document).encode(), max_bytes=10**6)) == fleet
    assert parse(strictjson.parse(json.dumps(document, ensure_ascii=False).encode(), max_bytes=10**6)) == fleet


@settings(max_examples=40)
@given(services())
def test_a_service_is_parsed_back_from_its_table(service):
    assert parse_service(service.name, to_table(service)) == service


@settings(max_examples=40)
@given(instances())
def test_an_instance_is_parsed_back_from_its_table(instance):
    assert parse_instance("orders", instance_table(instance)) == instance


@settings(max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("services", "a", "instances", "url", "port", "host", "health", "tags", "metadata",
                             "dependencies", "schema", "api", "name", "type", "check", "interval", "ttl", "weight")),
            inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_document_is_parsed_or_refused_in_words(document):
    for candidate in (document, {"services": {"a": document}}, {"services": {"a": {"instances": [document]}}}):
        with suppress(UsageError):
            parse(candidate)


def test_keys_that_are_not_text_as_yaml_has_them_are_refused():
    for document in ({"services": {1: {}, "a": {"tags": 1}}}, {"services": {"a": {"metadata": {1: "x"}}}},
                     {"services": {"a": {"schema": {1: "x"}}}}, {"services": {"a": {1: 2}}}):
        with pytest.raises(UsageError):
            parse(document)


def test_a_check_with_its_own_url_is_read_also_without_an_address():
    table = {"id": "w", "ttl": "30s", "health": {"check": "http://h:1/x", "interval": "5s"}}
    instance = parse_instance("orders", table)
    assert (instance.check.url, instance.check.interval_s) == ("http://h:1/x", 5.0)
    assert instance_table(instance) == table
