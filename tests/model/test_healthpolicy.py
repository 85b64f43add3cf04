"""What a service says of the checks of all its instances."""

import pytest

from mgov.errors import UsageError
from mgov.model.health import Check
from mgov.model.healthpolicy import HealthPolicy, health_policy_table, parse_health_policy, reads_files, under_policy
from mgov.model.service import parse_service, to_table

WHOLE = {
    "expect": ["latency=200ms?", "status=200,204"], "retries": 2, "rise": 2, "fall": 3,
    "insecure": True, "cert": "/etc/c.pem", "key": "/etc/k.pem",
}  # fmt: skip


def test_a_whole_table_reads_back_to_itself_also_as_part_of_a_service():
    policy = parse_health_policy(WHOLE)
    assert policy == HealthPolicy(("latency=200ms?", "status=200,204"), 2, 2, 3, True, "", "/etc/c.pem", "/etc/k.pem")
    assert health_policy_table(policy) == WHOLE
    service = parse_service("orders", {"health": WHOLE})
    assert (service.health, to_table(service)["health"]) == (policy, WHOLE)
    assert parse_service("orders", {"health": {}}).health is None


@pytest.mark.parametrize(("table", "message"), [
    ("tcp", "health must be a table, not 'tcp'"),
    ({"retrys": 1}, "a service's health has no key 'retrys'"),
    ({"retries": 11}, "health.retries must be a whole number from 0 to 10, not 11"),
    ({"rise": 0}, "health.rise must be a whole number from 1 to 100, not 0"),
    ({"fall": True}, "health.fall must be a whole number from 1 to 100, not True"),
    ({"insecure": "yes"}, "health.insecure must be true or false, not 'yes'"),
    ({"cacert": "ca.pem"}, "health.cacert must be an absolute path, not 'ca.pem'"),
    ({"key": "/k.pem"}, "health.key goes with health.cert"),
    ({"insecure": True, "cacert": "/ca.pem"},
     "health: insecure accepts any certificate, so cacert has no meaning beside it"),
    ({"expect": "status=200"}, "health.expect must be a list of texts, not 'status=200'"),
])
def test_a_wrong_table_is_refused_by_key(table, message):
    with pytest.raises(UsageError) as refused:
        parse_service("orders", {"health": table})
    assert refused.value.message == message


def test_a_bad_expectation_is_refused_with_its_column():
    with pytest.raises(UsageError, match="column 8"):
        parse_health_policy({"expect": ["status=2yy"]})


def test_each_check_is_held_to_what_it_can_see_and_to_nothing_twice():
    policy = HealthPolicy(expect=("latency=200ms", "cert=14d", "status=200"))
    assert under_policy(Check("tcp"), policy).expect == ("latency=200ms",)
    assert under_policy(Check("https", expect=("status=200",)), policy).expect == (
        "status=200", "latency=200ms", "cert=14d")
    assert under_policy(Check("none"), policy) == Check("none")


def test_only_a_check_over_tls_reads_the_files():
    policy = HealthPolicy(ca_file="/ca.pem")
    assert [reads_files(Check(kind), policy) for kind in ("https", "tls", "grpcs", "http", "tcp")] == [
        True, True, True, False, False]
    assert not reads_files(Check("https"), HealthPolicy(insecure=True))
