"""Whatever stands where in a document of another tool, an importer finds a fleet or refuses it: it never breaks."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgov.formats import compose, consul, kubernetes
from mgov.formats.findings import ADDRESSES
from mgov.formats.malformed import Malformed
from mgov.formats.yamltext import parse_all
from mgov.model.manifest import dump, parse

FIXTURES = Path(__file__).parent.parent / "fixtures"
TEXT = st.one_of(
    st.sampled_from(["web", "db", "User_Service", "80", "8080:80", "1-3", "${A}", "$A", "$$", "10s", "http://web:80/a",
                     "amqp://db", "curl -f http://localhost/a", "CMD", "a=b", "x/y", "[::1]:80:80", "", "true", "tcp",
                     "$(A)", "9" * 30, "²", "\0", "\ud800", "a b"]),
    st.text(max_size=6),
)  # fmt: skip
SCALAR = st.none() | st.booleans() | st.integers(-1, 70_000) | st.floats(allow_nan=False) | TEXT


def shaped(keys):
    """Documents with the keys that an importer looks for, and anything at all below them."""
    return st.recursive(
        SCALAR,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys) | TEXT, inner, max_size=4),
        max_leaves=25,
    )


COMPOSE = shaped(["image", "ports", "expose", "environment", "healthcheck", "test", "interval", "depends_on", "links",
                  "labels", "deploy", "replicas", "scale", "networks", "aliases", "target", "published", "owner",
                  "container_name", "disable", "required", "condition"])  # fmt: skip
KUBERNETES = shaped(["metadata", "name", "namespace", "labels", "annotations", "ownerReferences", "spec", "template",
                     "containers", "initContainers", "env", "envFrom", "value", "valueFrom", "configMapRef", "ports",
                     "port", "targetPort", "containerPort", "selector", "readinessProbe", "httpGet", "grpc", "exec",
                     "command", "path", "status", "loadBalancer", "ingress", "ip", "rules", "http", "paths", "backend",
                     "service", "data", "type", "externalName", "image", "replicas"])  # fmt: skip


def holds(read):
    """The entries of `read()` survive the manifest; Malformed is the only error."""
    try:
        found = read()
    except Malformed:
        return
    assert parse(dump(found.entries)) == found.entries
    assert all(isinstance(note.text, str) and note.line >= 0 for note in found.notes)


SHOPS = {
    compose.read: parse_all((FIXTURES / "shop.compose.yml").read_bytes())[0],
    kubernetes.read: parse_all((FIXTURES / "shop.k8s.yaml").read_bytes())[0],
    consul.read: {
        "web-1": {"ID": "web-1", "Service": "web", "Tags": ["edge"], "Port": 80, "Address": "10.0.0.1",
                  "Meta": {"version": "2"}, "Weights": {"Passing": 10}, "Datacenter": "dc1",
                  "TaggedAddresses": {"wan": {"Address": "203.0.113.1", "Port": 80}}},
        "proxy": {"ID": "p", "Service": "p", "Kind": "connect-proxy", "Port": 1,
                  "Proxy": {"DestinationServiceName": "web", "Upstreams": [{"DestinationName": "web"}]}},
    },
}  # fmt: skip


def places(value, path=()):
    """The path of every value below `value`."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value, path, new):
    """A copy of `value` with `new` at `path`."""
    if not path:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = changed(copied[path[0]], path[1:], new)
    return copied


@pytest.mark.parametrize("read", SHOPS, ids=["compose", "kubernetes", "consul"])
@settings(max_examples=150)
@given(data=st.data(), address=st.sampled_from(ADDRESSES))
def test_a_real_document_with_one_or_two_values_replaced_by_anything_never_breaks(read, data, address):
    document = SHOPS[read]
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(list(places(document))))
        document = changed(document, path, data.draw(SCALAR | COMPOSE | KUBERNETES))
    holds(lambda: read([document], address=address))
