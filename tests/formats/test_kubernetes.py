"""Kubernetes objects become the services, addresses, checks and calls that they state, and what is guessed is said."""

import json
from pathlib import Path

import pytest

from mgov.formats import kubernetes
from mgov.formats.findings import INTERNAL, PUBLISHED
from mgov.formats.malformed import Malformed
from mgov.formats.yamltext import parse_all
from mgov.model.manifest import dump

SHOP = (Path(__file__).parent.parent / "fixtures" / "shop.k8s.yaml").read_bytes()


def read(data, *, address=INTERNAL, **options):
    return kubernetes.read(parse_all(data if isinstance(data, bytes) else data.encode()), address=address, **options)


def urls(entry):
    return [instance.url for instance in entry.instances]


def pod(probe="", port=8080, name="web", service_port="{port: 80, targetPort: 8080}"):
    """A Pod with one container and the Service before it."""
    return (
        f"kind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\n"
        f"spec: {{containers: [{{name: c, ports: [{{containerPort: {port}}}]{probe}}}]}}\n---\n"
        f"kind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, ports: [{service_port}]}}\n"
    )


def only(text, **options):
    (entry,) = read(text, **options).entries
    return entry


def test_the_fixture_becomes_its_services_addresses_and_checks():
    by_name = {entry.service.name: entry for entry in read(SHOP).entries}
    assert list(by_name) == ["db", "mq", "web"]
    web = by_name["web"]
    assert (web.service.version, web.service.owner, web.service.domain) == ("1.2", "storefront", "shop")
    assert dict(web.service.metadata) == {"inferred_dependencies": "db, mq", "namespace": "shop", "replicas": "3"}
    assert urls(web) == ["http://web.shop.svc.cluster.local:80", "http://web.shop.svc.cluster.local:81"]
    assert {i.check.url for i in web.instances} == {"http://web.shop.svc.cluster.local:81/live"}
    assert {(i.check.interval_s, i.check.timeout_s) for i in web.instances} == {(20.0, 2.0)}
    assert [i.id for i in web.instances] == ["web-80", "web-81"]
    assert [(d.name, d.type) for d in web.service.dependencies] == [("db", "synchronous"), ("mq", "asynchronous")]
    assert urls(by_name["mq"]) == ["amqp://mq.example.com:5672"]
    assert urls(by_name["db"]) == ["postgres://db.data.svc.cluster.local:5432"]


def test_published_are_load_balancers_and_ingress_hosts():
    by_name = {entry.service.name: entry for entry in read(SHOP, address=PUBLISHED).entries}
    assert urls(by_name["web"]) == ["http://203.0.113.7:80", "http://203.0.113.7:81", "https://shop.example.com:443"]
    assert (by_name["db"].instances, by_name["mq"].instances) == ((), ())


def test_each_guess_is_said_with_its_line():
    assert [(note.line, note.text) for note in read(SHOP, address=PUBLISHED).notes] == [
        (0, "db, mq: no published address is known: no instance"),
        (18, "web: its livenessProbe becomes http /live (inferred)"),
        (21, "web depends on mq (inferred from Q_HOST, Q_URL, asynchronous)"),
        (29, "web is also Deployment web-v1, Deployment web-v2 (inferred from the selector)"),
        (33, "web: 53/udp is left out, it is not tcp"),
        (37, "web depends on db (inferred from DB_URL)"),
        (44, "db: its readinessProbe runs inside the container or names no port: tcp is checked instead"),
        (56, "web is published as https://shop.example.com (inferred from the Ingress)"),
        (57, "a rule of the Ingress edge is left out"),
        (59, "skipped 1 Pod kept by another object"),
        (61, "skipped 1 NetworkPolicy"),
    ]


def test_a_list_as_kubectl_prints_it_in_json_is_read_like_yaml():
    found = kubernetes.read([json.loads(json.dumps(parse_all(SHOP)[0]))])
    assert found.entries == read(SHOP).entries
    assert {note.line for note in found.notes} == {0}


@pytest.mark.parametrize(
    ("probe", "url", "check"),
    [
        ("readinessProbe: {httpGet: {path: /ok, port: 8080}}", "http://", "http://web.default.svc.cluster.local:80/ok"),
        ("readinessProbe: {httpGet: {path: /ok, port: 8080, scheme: HTTPS}}", "https://",
         "https://web.default.svc.cluster.local:80/ok"),
        ("livenessProbe: {tcpSocket: {port: 8080}}", "http://", "tcp://web.default.svc.cluster.local:80"),
        ("startupProbe: {grpc: {port: 8080}}", "grpc://", "grpc://web.default.svc.cluster.local:80"),
        ("readinessProbe: {grpc: {port: 8080, service: cart}}", "grpc://", "grpc://web.default.svc.cluster.local:80/cart"),
        ("readinessProbe: {exec: {command: [sh, -c, 'curl -f localhost:8080/ok']}}", "http://",
         "http://web.default.svc.cluster.local:80/ok"),
        ("readinessProbe: {exec: {command: [cat, /tmp/ok]}}", "http://", "tcp://web.default.svc.cluster.local:80"),
        ("readinessProbe: {httpGet: {path: /ok, port: 9999}}", "http://", "tcp://web.default.svc.cluster.local:80"),
        ("readinessProbe: {httpGet: {path: '/a b', port: 8080}}", "http://", "tcp://web.default.svc.cluster.local:80"),
        ("readinessProbe: {httpGet: {path: /r, port: 8080}}, livenessProbe: {httpGet: {path: /l, port: 8080}}",
         "http://", "http://web.default.svc.cluster.local:80/r"),
    ],
)  # fmt: skip
def test_a_probe_in_each_of_its_forms_is_asked_through_the_service(probe, url, check):
    (instance,) = only(pod(f", {probe}")).instances
    assert (instance.url, instance.check.url) == (f"{url}web.default.svc.cluster.local:80", check)


def test_thresholds_hold_for_the_service_and_an_https_probe_takes_any_certificate():
    probe = ", livenessProbe: {httpGet: {port: 8080, scheme: HTTPS}, failureThreshold: 3, successThreshold: 1}"
    assert dump([only(pod(probe))])["services"]["web"]["health"] == {"fall": 3, "insecure": True}


def test_no_replicas_is_no_instance():
    service = "---\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n"
    found = read(f"kind: Deployment\nmetadata: {{name: a}}\nspec: {{replicas: 0}}\n{service}")
    assert (found.entries[0].instances, found.notes[0].text) == ((), "a: it has no replicas: no instance")


def test_the_items_of_a_typed_list_have_its_kind():
    entry = only("kind: ServiceList\nitems: [{metadata: {name: a}, spec: {ports: [{port: 80}]}}]\n")
    assert urls(entry) == ["http://a.default.svc.cluster.local:80"]


def test_a_probe_that_no_service_port_leads_to_is_said():
    notes = read(pod(", readinessProbe: {httpGet: {port: 9999}}")).notes
    assert [note.text for note in notes] == [
        "web: its readinessProbe asks port 9999, which no Service port leads to: tcp is checked instead"
    ]


@pytest.mark.parametrize(
    ("port", "protocol"),
    [("{port: 7}", "http"), ("{port: 7, name: grpc-api}", "grpc"), ("{port: 7, name: tcp-redis}", "redis"),
     ("{port: 7, appProtocol: https}", "https"), ("{port: 443}", "https"), ("{port: 5432, name: tcp}", "postgres")],
)  # fmt: skip
def test_a_port_speaks_what_its_app_protocol_its_name_or_its_number_says(port, protocol):
    assert only(pod(service_port=port)).instances[0].protocol == protocol


def test_a_service_and_a_workload_of_one_name_are_one_service_without_a_selector_too():
    service = "kind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n"
    assert urls(only(f"kind: Deployment\nmetadata: {{name: a}}\n---\n{service}")) == ["http://a.default.svc.cluster.local:80"]


def test_a_host_is_known_by_each_form_of_its_dns_name_and_in_its_own_namespace_only():
    caller = ("---\nkind: Pod\nmetadata: {name: caller, namespace: %s}\n"
              "spec: {containers: [{env: [{name: U, value: 'http://%s'}]}]}\n")  # fmt: skip
    for namespace, host, is_known in (
        ("default", "web", True), ("x", "web", False), ("x", "web.default", True), ("x", "web.default.svc", True),
        ("x", "WEB.default.svc.cluster.local.", True), ("x", "web.default.example.com", False),
    ):  # fmt: skip
        found = read(pod() + caller % (namespace, host))
        assert bool(found.entries[0].service.dependencies) == is_known, host


def test_a_pod_of_a_stateful_set_is_known_by_its_own_name_before_that_of_its_service():
    queue = (
        "kind: StatefulSet\nmetadata: {name: broker}\nspec: {template: {metadata: {labels: {app: mq}}}}\n---\n"
        "kind: Service\nmetadata: {name: mq}\nspec: {selector: {app: mq}, ports: [{port: 9092}]}\n---\n"
    )
    caller = "kind: Pod\nmetadata: {name: caller}\nspec: {containers: [{env: [{name: BROKERS, value: '%s'}]}]}\n"
    for host, is_known in (
        ("broker-0.mq:9092,broker-1.mq:9092", True), ("broker-0.mq.default.svc.cluster.local:9092", True),
        ("broker-x.mq:9092", False), ("other-0.mq:9092", False), ("broker-0.mq.default.example.com:9092", False),
    ):  # fmt: skip
        by_name = {entry.service.name: entry.service for entry in read(queue + caller % host).entries}
        assert [d.name for d in by_name["caller"].dependencies] == (["mq"] if is_known else []), host


def test_a_config_map_that_is_read_and_not_here_is_said_once():
    caller = ("kind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - envFrom:\n    - configMapRef: {name: urls}\n"
              "    - configMapRef: {name: may-be, optional: true}\n    - secretRef: {name: s}\n    env:\n"
              "    - {name: A, valueFrom: {configMapKeyRef: {name: urls, key: a}}}\n")  # fmt: skip
    said = "web: it reads the ConfigMap urls, which is not here"
    assert [note.text for note in read(caller).notes if "ConfigMap" in note.text] == [said]
    found = read(f"{caller}---\nkind: ConfigMap\nmetadata: {{name: urls}}\n")
    assert not any("ConfigMap" in note.text for note in found.notes)


def test_variables_that_name_each_other_without_end_stay_small():
    env = "{name: A0, value: 'http://web:80 http://web:80'}" + "".join(
        f", {{name: A{i}, value: $(A{i - 1})$(A{i - 1})}}" for i in range(1, 60)
    )
    text = f"{pod()}---\nkind: Pod\nmetadata: {{name: c}}\nspec: {{containers: [{{env: [{env}]}}]}}\n"
    assert [d.name for d in read(text).entries[0].service.dependencies] == ["web"]


def test_an_initial_container_s_settings_count_too():
    caller = "kind: Pod\nmetadata: {name: c}\nspec: {initContainers: [{env: [{name: U, value: 'http://web'}]}]}\n"
    assert [d.name for d in read(f"{pod()}---\n{caller}").entries[0].service.dependencies] == ["web"]


def test_the_namespace_of_objects_that_do_not_say_theirs_can_be_given():
    entry = only(pod(), namespace="blue")
    assert urls(entry) == ["http://web.blue.svc.cluster.local:80"]
    assert entry.service.metadata["namespace"] == "blue"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("kind: Deployment\nmetadata: {}\n", 1, "this Deployment has no name"),
        ("metadata: {name: a}\n", 1, "an object has no kind"),
        ("- a\n", 1, "a Kubernetes object is a mapping"),
        ("kind: Frob\nmetadata: {name: a}\n", 0, "it holds no services, only Frob"),
        ("kind: List\nitems: []\n", 0, "it holds no services, only empty documents"),
        ("kind: List\nitems: [3]\n", 2, "items holds 3, not a mapping"),
        ("kind: Pod\nmetadata: {name: a}\n---\nkind: Pod\nmetadata: {name: a}\n", 5, "the Pod a stands twice"),
        ("kind: Pod\nmetadata: {name: a, namespace: x}\n---\nkind: Pod\nmetadata: {name: a, namespace: y}\n", 5,
         "a stands in the namespaces x and y"),
        ("kind: Service\nmetadata: {name: a}\nspec: {ports: [{port: x}]}\n", 3, "port must be a whole number, not 'x'"),
        ("kind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 0}]}\n", 3,
         "a port of the Service a is not a number from 1 to 65535"),
        ("kind: Service\nmetadata: {name: a}\nspec: {ports: [80]}\n", 3, "ports holds 80, not a mapping"),
        ("kind: Deployment\nmetadata: {name: a}\nspec: {replicas: []}\n", 3,
         "replicas must be a whole number, not a list"),
        ("kind: Pod\nmetadata: {name: a, labels: {x: [1]}}\n", 2, "the label x must be text, not a list"),
        ("kind: Service\nmetadata: {name: a}\nspec: {type: ExternalName, externalName: 'a b', ports: [{port: 1}]}\n", 2,
         "services.a.instances[0]: 'http://a b:1' has a space or a control character in the URL"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused_with_its_line(text, line, message):
    with pytest.raises(Malformed) as error:
        read(text)
    assert (error.value.message, error.value.line) == (message, line)
