"""Instances: their ids, their stored form."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import instances

from mgov.model.instance import Maintenance, default_id, from_value, to_value
from mgov.model.names import is_name


@settings(max_examples=40)
@given(
    instances(origin="register"),
    st.none() | st.builds(Maintenance, st.floats(0, 1e9), st.none() | st.floats(0, 1e9)),
)
def test_an_instance_is_read_back_from_its_stored_value(instance, maintenance):
    instance = instance._replace(maintenance=maintenance)
    value = json.loads(json.dumps(to_value(instance)))
    assert from_value(instance.service, instance.id, value) == instance


def test_what_a_later_mgov_keeps_is_kept():
    value = {"check": {"kind": "none"}, "origin": "run", "registered_at": 1.0, "later": {"a": 1}}
    assert to_value(from_value("orders", "x", value)) == value


@given(st.sampled_from(("127.0.0.1", "::1", "h.example", "a" * 63, "x." * 100 + "y")), st.integers(1, 65535))
def test_a_default_id_is_a_name_that_ends_with_the_port(host, port):
    found = default_id(host, port)
    assert is_name(found)
    assert found.endswith(f"-{port}")


def test_two_long_hosts_with_one_beginning_have_two_ids():
    assert default_id("a" * 70 + ".x", 80) != default_id("a" * 70 + ".y", 80)
    assert default_id("a" * 70, 80) != default_id("a" * 70, 81)
