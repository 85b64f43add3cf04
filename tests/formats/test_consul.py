"""What Consul's endpoints answer becomes the services, addresses and calls that they state."""

import pytest

from mgov.formats import consul
from mgov.formats.findings import INTERNAL, PUBLISHED
from mgov.formats.malformed import Malformed

AGENT = {
    "web-1": {
        "ID": "web-1", "Service": "web", "Tags": ["edge", "http", "a,b", ""], "Port": 8080, "Address": "10.0.0.1",
        "Meta": {"version": "2.1.0", "team": "shop"}, "Datacenter": "dc1", "Weights": {"Passing": 10, "Warning": 1},
        "TaggedAddresses": {"wan": {"Address": "203.0.113.1", "Port": 80}},
    },
    "web-2": {"ID": "web-2", "Service": "web", "Port": 8080, "Address": ""},
    "web-1-proxy": {
        "ID": "web-1-proxy", "Service": "web-sidecar-proxy", "Kind": "connect-proxy", "Port": 20000,
        "Proxy": {"DestinationServiceName": "web",
                  "Upstreams": [{"DestinationName": "db"}, {"DestinationName": "gone"}]},
    },
    "db": {"ID": "db", "Service": "db", "Port": 5432, "Address": "2001:db8::1"},
    "cron": {"ID": "cron", "Service": "cron", "Port": 0, "Tags": ["batch"]},
}  # fmt: skip


def read(document, *, address=INTERNAL):
    return consul.read([document], address=address)


def urls(found):
    return {f"{entry.service.name}/{i.id}": i.url for entry in found.entries for i in entry.instances}


def test_the_agent_s_services_become_instances_with_their_tags_weight_and_region():
    found = read(AGENT)
    assert urls(found) == {"db/db": "postgres://[2001:db8::1]:5432", "web/web-1": "http://10.0.0.1:8080"}
    web = next(entry for entry in found.entries if entry.service.name == "web")
    (instance,) = web.instances
    assert (web.service.owner, web.service.version) == ("shop", "2.1.0")
    assert (instance.tags, instance.weight, instance.region) == (("edge", "http"), 10, "dc1")
    assert [d.name for d in web.service.dependencies] == ["db"]
    assert next(entry.service.tags for entry in found.entries if entry.service.name == "cron") == ("batch",)


def test_what_is_inferred_or_left_out_is_said():
    assert [note.text for note in read(AGENT).notes] == [
        "web: web-2 has no address of its own; /v1/catalog/service has the node's",
        "web: an upstream of its proxy names gone, which is not here",
        "cron: no address and port are known: no instance",
        "web depends on db (inferred from the upstreams of its proxy)",
    ]


def test_published_addresses_and_ports_are_those_of_the_wan():
    assert urls(read(AGENT, address=PUBLISHED)) == {"web/web-1": "http://203.0.113.1:80"}
    entry = {"ID": "a", "Service": "a", "Port": 8080, "TaggedAddresses": {"wan": {"Address": "203.0.113.2"}}}
    assert urls(read({"a": entry}, address=PUBLISHED)) == {"a/a": "http://203.0.113.2:8080"}


def test_the_catalog_s_service_falls_back_to_the_node_s_address():
    entry = {"Node": "n1", "Address": "10.0.0.9", "Datacenter": "dc1", "ServiceID": "web-1", "ServiceName": "web",
             "ServiceAddress": "", "ServicePort": 80, "ServiceTags": ["grpc"], "ServiceMeta": {"owner": "shop"},
             "ServiceTaggedAddresses": {"lan_ipv4": {"Address": "10.0.0.8", "Port": 81}}}  # fmt: skip
    assert urls(read([entry])) == {"web/web-1": "grpc://10.0.0.8:81"}
    assert urls(read([{**entry, "ServiceTaggedAddresses": None}])) == {"web/web-1": "grpc://10.0.0.9:80"}


def test_an_id_that_several_nodes_use_gives_way_to_the_address():
    entries = [{"ServiceID": "web", "ServiceName": "web", "ServicePort": 80, "Address": f"10.0.0.{i}"} for i in (1, 2)]
    assert list(urls(read(entries))) == ["web/10.0.0.1-80", "web/10.0.0.2-80"]
    assert list(urls(read([entries[0], entries[0]]))) == ["web/10.0.0.1-80", "web/10.0.0.1-80-2"]


def test_the_catalog_s_list_gives_names_and_tags():
    found = read({"consul": [], "web": ["edge", "edge"], "User_Service": None})
    assert [(e.service.name, e.service.tags, e.instances) for e in found.entries] == [
        ("consul", (), ()), ("user_service", (), ()), ("web", ("edge",), ())
    ]  # fmt: skip


@pytest.mark.parametrize("services", [{"web-1": {"ID": "web-1", "Service": "web", "Port": 80}},
                                      [{"ID": "web-1", "Service": "web", "Port": 80}]])
def test_a_node_s_services_are_at_the_node(services):
    document = {"Node": {"Node": "n1", "Address": "10.0.0.9", "Datacenter": "dc2"}, "Services": services}
    found = read(document)
    assert urls(found) == {"web/web-1": "http://10.0.0.9:80"}
    assert found.entries[0].instances[0].region == "dc2"


def test_a_health_endpoint_brings_the_checks():
    check = {"Name": "web alive", "Definition": {"HTTP": "http://10.0.0.1:80/ok", "Interval": "10s", "Timeout": "1s"}}
    entry = {"Node": {"Address": "10.0.0.1"}, "Service": {"ID": "web-1", "Service": "web", "Port": 80},
             "Checks": [{"Name": "Serf", "Definition": {}}, check]}  # fmt: skip
    found = read([entry])
    (instance,) = found.entries[0].instances
    assert (instance.check.url, instance.check.interval_s) == ("http://10.0.0.1:80/ok", 10.0)
    assert [note.text for note in found.notes] == ["web: web-1 is checked as web alive (inferred)"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (3, "this is no answer of Consul's"),
        ([], "it holds no services"),
        ({}, "it holds no services"),
        ([{"Node": "n1", "Address": "10.0.0.1"}], "a registration has no Service, the name of what it is"),
        ([{"ServiceName": ""}], "a registration has no ServiceName"),
        ({"a": 3}, "a registration has no Service, the name of what it is"),
        ({"a": {"Service": "web", "Port": "x"}}, "Port must be a whole number, not 'x'"),
        ({"a": {"Service": "web", "Port": 80, "Address": "a b"}},
         "services.web.instances[0]: 'http://a b:80' has a space or a control character in the URL"),
        ({"a": {"Service": "User", "Port": 0}, "b": {"Service": "user"}},
         "the services 'User' and 'user' would both be called user"),
    ],
)  # fmt: skip
def test_what_is_no_answer_of_consul_is_refused(document, message):
    with pytest.raises(Malformed) as error:
        read(document)
    assert error.value.message == message
