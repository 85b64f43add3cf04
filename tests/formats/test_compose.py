"""A compose file becomes the services, addresses, checks and calls that it states, and what is guessed is said."""

from pathlib import Path

import pytest

from mgov.formats import compose
from mgov.formats.findings import INTERNAL, PUBLISHED
from mgov.formats.malformed import Malformed
from mgov.formats.yamltext import parse_all
from mgov.model.manifest import dump

SHOP = (Path(__file__).parent.parent / "fixtures" / "shop.compose.yml").read_bytes()


def read(text, *, address=PUBLISHED, environ=None):
    return compose.read(parse_all(text if isinstance(text, bytes) else text.encode()), address=address, environ=environ)


def one(text, **options):
    (entry,) = read(f"services:\n  web: {text}\n", **options).entries
    return entry


def urls(entry):
    return [instance.url for instance in entry.instances]


def checks(entry):
    return [instance.check.url for instance in entry.instances]


def edges(found):
    return [(e.service.name, d.name, d.type, d.is_optional) for e in found.entries for d in e.service.dependencies]


def test_the_fixture_becomes_its_services_addresses_and_checks():
    found = read(SHOP)
    by_name = {entry.service.name: entry for entry in found.entries}
    assert list(by_name) == ["cache", "db", "kafka", "user_service", "web"]
    users = by_name["user_service"]
    assert (users.service.title, users.service.version, users.service.owner) == ("User_Service", "1.4.2", "accounts")
    assert urls(users) == ["http://127.0.0.1:8081", "http://127.0.0.1:9000", "http://127.0.0.1:9001"]
    assert set(checks(users)) == {"http://127.0.0.1:8081/health"}
    assert {(i.check.interval_s, i.check.timeout_s) for i in users.instances} == {(10.0, 3.0)}
    assert urls(by_name["web"]) == ["http://127.0.0.1:8080"]
    assert checks(by_name["web"]) == ["http://127.0.0.1:8080/"]
    assert by_name["web"].service.metadata["replicas"] == "3"
    assert urls(by_name["kafka"]) == ["kafka://[::1]:9092"]
    assert (by_name["db"].service.owner, by_name["db"].service.tier, by_name["db"].instances) == ("data", "1", ())


def test_inside_services_are_at_their_own_name_and_the_container_s_port():
    by_name = {entry.service.name: entry for entry in read(SHOP, address=INTERNAL).entries}
    assert urls(by_name["user_service"])[0] == "http://User_Service:8080"
    assert checks(by_name["user_service"])[0] == "http://User_Service:8080/health"
    assert urls(by_name["db"]) == ["postgres://db:5432"]
    assert urls(by_name["cache"]) == ["redis://cache:6379"]


def test_calls_come_from_depends_on_links_and_settings_and_are_marked_as_inferred():
    found = read(SHOP)
    assert edges(found) == [
        ("kafka", "db", "synchronous", False),
        ("user_service", "db", "synchronous", False),
        ("user_service", "kafka", "asynchronous", False),
        ("web", "cache", "synchronous", True),
        ("web", "user_service", "synchronous", False),
    ]
    marks = {e.service.name: e.service.metadata.get("inferred_dependencies") for e in found.entries}
    guessed = {"kafka": "db", "user_service": "db, kafka", "web": "cache, user_service"}
    assert marks == {"cache": None, "db": None, **guessed}


@pytest.mark.parametrize(
    ("setting", "is_call"),
    [("MODE: 'db:7'", False), ("MODE: 'db:5432'", True), ("MODE: 'db:77'", True), ("DB_ADDR: 'db:7'", True),
     ("MODE: db", False), ("DB_HOST: db", True), ("OWN_URL: 'http://web:80'", False), ("X: 'http://other:80'", False)],
)  # fmt: skip
def test_a_setting_is_a_call_where_it_is_likely_an_address_of_another_service(setting, is_call):
    found = read(f"services:\n  web: {{environment: {{{setting}}}}}\n  db: {{expose: [77]}}\n")
    assert edges(found) == ([("web", "db", "synchronous", False)] if is_call else [])


def test_each_guess_is_said_with_its_line():
    assert [(note.line, note.text) for note in read(SHOP).notes] == [
        (0, "cache: the image's tag holds a variable that is not set: no version"),
        (5, "user_service: its health command becomes http /health on 8080 (inferred)"),
        (9, "User_Service is called user_service"),
        (13, "user_service: 53/udp is left out, it is not tcp"),
        (15, "user_service depends on db (inferred from DATABASE_URL)"),
        (16, "user_service depends on kafka (inferred from EVENTS, asynchronous)"),
        (28, "web depends on user_service (inferred from depends_on, USERS)"),
        (29, "web depends on cache (inferred from depends_on, optional)"),
        (32, "web: MAILER_HOST names mail, which is not here"),
        (34, "web: its health command becomes http / on 80 (inferred)"),
        (38, "db: 5432 is not published on a port that is known"),
        (43, "cache: 6379 is not published on a port that is known"),
        (47, "kafka depends on db (inferred from links, STORE)"),
    ]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ("'8080:80'", ["http://127.0.0.1:8080"]),
        ("22:22", ["http://127.0.0.1:22"]),
        ("'0.0.0.0:8080:443'", ["https://127.0.0.1:8080"]),
        ("'192.0.2.1:8080:80'", ["http://192.0.2.1:8080"]),
        ("'[2001:db8::1]:8080:80'", ["http://[2001:db8::1]:8080"]),
        ("'8080-8081:80-81'", ["http://127.0.0.1:8080", "http://127.0.0.1:8081"]),
        ("'8080-8090:80'", ["http://127.0.0.1:8080"]),
        ("'127.0.0.1::80'", []),
        ("80", []),
        ("{target: 80, published: 8080}", ["http://127.0.0.1:8080"]),
        ("{target: 80, published: '8080', host_ip: 192.0.2.1, app_protocol: grpc}", ["grpc://192.0.2.1:8080"]),
        ("{target: 80, protocol: udp, published: 80}", []),
        ("'${P:-8080}:80'", ["http://127.0.0.1:8080"]),
    ],
)
def test_a_port_in_each_of_its_forms(ports, expected):
    assert urls(one(f"{{ports: [{ports}]}}")) == expected


def test_a_range_of_ten_thousand_ports_is_cut():
    assert len(one("{ports: ['10000-20000:10000-20000']}").instances) == 64


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("test: [CMD, curl, -f, 'http://localhost/a']", "http://127.0.0.1:8080/a"),
        ("test: CMD curl -f http://web/a", "http://127.0.0.1:8080/a"),
        ("test: [CMD-SHELL, 'curl -f http://localhost/a || exit 1']", "http://127.0.0.1:8080/a"),
        ("test: nc -z localhost 80", "tcp://127.0.0.1:8080"),
        ("test: [NONE]", "tcp://127.0.0.1:8080"),
        ("test: curl http://localhost/a, disable: true", "tcp://127.0.0.1:8080"),
        ("test: curl http://elsewhere/a", "tcp://127.0.0.1:8080"),
        ("test: curl http://localhost:9/a", "tcp://127.0.0.1:8080"),
        ("test: 'curl http://localhost:$${PORT}/a'", "tcp://127.0.0.1:8080"),
        ("interval: 5s", "tcp://127.0.0.1:8080"),
    ],
)
def test_a_health_check_in_each_of_its_forms(check, expected):
    assert checks(one(f"{{ports: ['8080:80'], healthcheck: {{{check}}}}}")) == [expected]


def test_an_https_check_makes_its_port_https():
    entry = one("{ports: ['8080:80'], healthcheck: {test: 'curl -k https://localhost:80/a'}}")
    assert (urls(entry), checks(entry)) == (["https://127.0.0.1:8080"], ["https://127.0.0.1:8080/a"])
    assert entry.service.health.insecure


def test_what_tools_write_into_labels_for_themselves_is_not_the_service_s():
    entry = one("{labels: {com.docker.compose.version: '2', traefik.domain: x, team: a, owner: b}}")
    assert (entry.service.version, entry.service.domain, entry.service.owner) == ("", "", "b")


@pytest.mark.parametrize(
    ("check", "expected"),
    [("retries: 5", {"fall": 5}), ("retries: '0'", None), ("retries: 1000", {"fall": 100}), ("retries: ~", None)],
)
def test_retries_are_how_often_a_check_must_fail(check, expected):
    document = f"services:\n  web: {{ports: ['80:80'], healthcheck: {{test: 'curl localhost/', {check}}}}}\n"
    table = dump(read(document).entries)["services"]["web"]
    assert table.get("health") == expected


def test_no_replicas_is_no_instance():
    found = read("services:\n  web: {ports: ['1:1'], deploy: {replicas: 0}}\n")
    assert (found.entries[0].instances, found.notes[0].text) == ((), "web: it has no replicas: no instance")


def test_a_json_document_is_read_like_yaml_with_lines_unknown():
    document = {"services": {"a": {"ports": [{"target": 80, "published": "81"}], "depends_on": {"b": {}}}, "b": {}}}
    found = compose.read([document])
    assert edges(found) == [("a", "b", "synchronous", False)]
    assert {note.line for note in found.notes} == {0}


def test_what_stands_in_other_files_is_said_not_guessed():
    found = read("include: [a.yml]\nservices:\n  web: {extends: {service: x}, env_file: .env}")
    notes = [note.text for note in found.notes]
    hint = "docker compose config | mgov import compose -"
    assert notes[1:] == [f"include is not followed: {hint}", f"web: extends is not followed: {hint}",
                         f"web: env_file is not followed: {hint}"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("services:\n  User_Service: {}\n  user_service: {}\n", 3,
         "the services 'User_Service' and 'user_service' would both be called user_service"),
        ("services:\n  订单: {}\n", 2, "nothing of the service name '订单' may stay"),
        ("services:\n  '': {}\n", 2, "nothing of the service name '' may stay"),
        ("services: {}\n", 0, "it holds no services"),
        ("version: '3'\n", 0, "it holds no services"),
        ("- a\n", 1, "a compose file has the key services, which is a mapping"),
        ("services: [a]\n", 1, "a compose file has the key services, which is a mapping"),
        ("services:\n  web: 3\n", 2, "the service 'web' must be a mapping, not 3"),
        ("services:\n  web:\n    ports: 80\n", 3, "ports must be a list, not 80"),
        ("services:\n  web:\n    ports: [a]\n", 3, "'a' is not a port"),
        ("services:\n  web:\n    ports: ['70000:80']\n", 3, "'70000' is not a port from 1 to 65535"),
        ("services:\n  web:\n    ports: ['1-3:1-2']\n", 3, "the ranges of a port have different lengths"),
        ("services:\n  web:\n    ports: ['a/b:1:2']\n", 3, "'a' is not a port"),
        ("services:\n  web:\n    ports: ['a$$b:1:2']\n", 3, "'a$b' is not a host name or address"),
        ("services:\n  web:\n    ports: [{published: 80}]\n", 3, "a port needs a target"),
        ("services:\n  web:\n    ports: ['${PORT}:80']\n", 3, "${PORT} is not set"),
        ("services:\n  web:\n    environment: {A: $B}\n", 3, "${B} is not set"),
        ("services:\n  web:\n    environment: {A: [1]}\n", 3, "the variable A must be text, not a list"),
        ("services:\n  web:\n    labels: {a: {b: c}}\n", 3, "the label a must be text, not a mapping"),
        ("services:\n  web:\n    depends_on: {db: x}\n", 3, "an entry of depends_on must be a mapping, not 'x'"),
        ("services:\n  web:\n    deploy: {replicas: many}\n", 3, "replicas must be a whole number, not 'many'"),
        ("services:\n  web:\n    ports: ['1:1']\n    healthcheck: {test: [curl, x]}\n", 4,
         "a health test begins with CMD, CMD-SHELL or NONE"),
        ("services:\n  web:\n    ports: ['1:1']\n    healthcheck: {test: curl localhost:1, interval: soon}\n", 4,
         "interval: 'soon' is not a duration"),
        ('services:\n  web: {image: "a:\\0"}\n', 2, "services.web: version holds a character that is not text"),
    ],
)  # fmt: skip
def test_what_is_no_compose_file_is_refused_with_its_line(text, line, message):
    with pytest.raises(Malformed) as error:
        read(text)
    assert (error.value.message, error.value.line) == (message, line)


def test_metacharacters_in_names_are_left_out_of_the_name_and_kept_in_the_title():
    (entry,) = read("services:\n  '<script>[red](x)|\"Web': {image: 'a:<b>'}\n").entries
    assert (entry.service.name, entry.service.title) == ("scriptredxweb", "<script>[red](x)|\"Web")
    assert entry.service.version == "<b>"
