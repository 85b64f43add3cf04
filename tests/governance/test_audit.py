"""An audit takes its facts from the store: breakers, configurations, policy."""

import pytest

from mgov.model.registration import Registration
from mgov.model.service import Dependency


@pytest.fixture
def called(platform):
    """`users`, which `orders` calls synchronously."""
    platform.registry.register("users", "http://127.0.0.1:1", fields=Registration(id="u1"))
    platform.registry.register("orders", fields=Registration(dependencies=(Dependency("users"),)))
    return platform


def evidence(platform, rule):
    return [breach.evidence for breach in platform.audit.score(rules=[rule]).breaches]


def test_a_breaker_of_an_instance_says_nothing_of_the_services_own(called):
    called.breakers.force("users", "off", "u1")
    assert evidence(called, "breaker") == ["orders calls it, and nothing says when its breaker opens"]
    called.breakers.force("users", "off")
    assert evidence(called, "breaker") == ["orders calls it, and its breaker is switched off"]


def test_calls_through_a_breaker_keep_the_rule(called):
    called.breakers.record("users", None, "success")
    assert evidence(called, "breaker") == []


def test_a_configuration_in_any_environment_keeps_the_rule(called):
    called.configs.set("users", {"a": 1}, environment="prod")
    assert [breach.service for breach in called.audit.score(rules=["configuration"]).breaches] == ["orders"]
