"""import: what other tools know of a fleet becomes a manifest that apply takes, and each guess is said."""

import json
import sys
import tomllib
from pathlib import Path

import pytest

from mgov.formats.yamltext import MAX_YAML_BYTES

FIXTURES = Path(__file__).parent.parent / "fixtures"
DATA = Path(__file__).parents[2].parent / "shared" / "data"
# By hand, from the environment of each container; shoppingassistantservice is named, but is not in the file.
BOUTIQUE_CALLS = {
    "frontend": {"productcatalogservice", "currencyservice", "cartservice", "recommendationservice", "shippingservice",
                 "checkoutservice", "adservice"},
    "checkoutservice": {"productcatalogservice", "shippingservice", "paymentservice", "emailservice", "currencyservice",
                        "cartservice"},
    "recommendationservice": {"productcatalogservice"},
    "cartservice": {"redis-cart"},
    "loadgenerator": {"frontend"},
}  # fmt: skip


def real(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not in ../shared/data")
    return str(path)


def applied(run, tmp_path, manifest):
    """What apply --dry-run answers to `manifest` on an empty store."""
    store = str(tmp_path / "store")
    assert run("init", store).code == 0
    result = run("apply", "-f", "-", "--dry-run", "-S", store, input=manifest)
    assert result.code == 0, result.err
    return result.out.splitlines()


def test_online_boutique_has_the_edges_that_its_file_states_all_of_them_and_none_invented(run, tmp_path):
    result = run("import", "kubernetes", real("online-boutique.k8s.yaml"))
    assert result.code == 0
    services = tomllib.loads(result.out)["services"]
    calls = {name: set(table["dependencies"]) for name, table in services.items() if "dependencies" in table}
    assert calls == BOUTIQUE_CALLS
    assert len(services) == 12
    assert services["frontend"]["instances"][0] == {
        "id": "frontend-80", "url": "http://frontend.default.svc.cluster.local:80", "health": "/_healthz",
    }  # fmt: skip
    assert result.err.endswith("12 services, 12 instances, 16 inferred dependencies\n")
    missing = ":90: frontend: SHOPPING_ASSISTANT_SERVICE_ADDR names shoppingassistantservice, which is not here\n"
    assert missing in result.err
    assert len(applied(run, tmp_path, result.out)) == 24


def test_train_ticket_s_compose_file_becomes_68_services_that_apply_takes(run, tmp_path):
    path = real("train-ticket.compose.yml")
    result = run("import", "compose", path)
    assert result.code == 0
    services = tomllib.loads(result.out)["services"]
    assert len(services) == 68
    assert services["ts-order-service"]["instances"] == [
        {"id": "127.0.0.1-12031", "url": "http://127.0.0.1:12031"}
    ]
    assert services["ts-voucher-service"]["dependencies"] == ["ts-voucher-mysql"]
    said = [line.removeprefix(f"{path}:") for line in result.err.splitlines()]
    assert said[2:] == [
        "408: ts-voucher-mysql: 3306 is not published on a port that is known",
        "421: ts-voucher-service depends on ts-voucher-mysql (inferred from depends_on)",
        "68 services, 43 instances, 1 inferred dependency",
    ]
    assert len(applied(run, tmp_path, result.out)) == 68 + 43


def test_train_ticket_s_tags_are_its_versions_where_the_variables_are_set(run):
    result = run("import", "compose", real("train-ticket.compose.yml"), env={"NAMESPACE": "ts", "TAG": "0.2.1"})
    assert tomllib.loads(result.out)["services"]["ts-order-service"]["version"] == "0.2.1"


@pytest.mark.parametrize(("source", "file"), [("compose", "shop.compose.yml"), ("kubernetes", "shop.k8s.yaml")])
@pytest.mark.parametrize("address", ["published", "internal"])
@pytest.mark.parametrize("output", ["toml", "json"])
def test_each_fixture_is_taken_by_apply_in_either_form(run, tmp_path, source, file, address, output):
    result = run("import", source, str(FIXTURES / file), "--address", address, "-o", output)
    assert result.code == 0
    services = (json.loads if output == "json" else tomllib.loads)(result.out)["services"]
    count = len(services) + sum(len(table.get("instances", ())) for table in services.values())
    assert len(applied(run, tmp_path, result.out)) == count


def test_standard_input_may_be_yaml_or_json(run):
    for text in ('{"services": {"web": {"ports": ["8080:80"]}}}', "services:\n  web:\n    ports: ['8080:80']\n"):
        result = run("import", "compose", "-", input=text)
        assert (result.code, result.out, result.err) == (
            0,
            '[services.web]\ninstances = [\n  { id = "127.0.0.1-8080", url = "http://127.0.0.1:8080" },\n]\n',
            "1 service, 1 instance, 0 inferred dependencies\n",
        )


def test_consul_s_answer_is_read_from_standard_input(run, tmp_path):
    answer = {"web-1": {"ID": "web-1", "Service": "web", "Port": 8080, "Address": "10.0.0.1", "Tags": ["edge"]}}
    result = run("import", "consul", "-", input=json.dumps(answer))
    assert (result.code, result.err) == (0, "1 service, 1 instance, 0 inferred dependencies\n")
    assert applied(run, tmp_path, result.out) == ["created\tweb\t\t", "created\tweb\tweb-1\t"]


def test_quiet_says_nothing_of_what_was_inferred(run):
    assert run("import", "compose", str(FIXTURES / "shop.compose.yml"), "-q").err == ""


def test_control_characters_and_markup_in_names_are_shown_and_never_sent(run):
    result = run("import", "compose", "-", input='services: {"[red]\\e[31mWeb<b>": {ports: ["1:1"]}}\n')
    assert result.out.startswith('[services.red31mwebb]\ntitle = "[red]\\u001b[31mWeb<b>"\n')
    assert result.err.splitlines()[0] == "standard input:1: [red]\\x1b[31mWeb<b> is called red31mwebb"


def test_values_of_settings_are_never_said(run):
    text = "services:\n  web: {environment: {DB_URL: 'postgres://u:hunter2@gone/x', PW_HOST: hunter3}}\n"
    result = run("import", "compose", "-", input=text)
    assert "hunter2" not in result.out + result.err
    assert "hunter3" not in result.out


BAD = [
    ("empty.yml", b"", "{}: it is empty", None),
    ("comment.yml", b"# nothing\n---\n", "{}: it is empty", None),
    ("none.yml", b"services: {}\n", "{}: it holds no services", None),
    ("empty.json", b"", "{}:1:1: expecting value", None),
    ("doubled.json", b'{"services": {}, "services": {}}', "{}: the key 'services' stands twice in one object", None),
    ("nan.json", b'{"services": NaN}', "{}: NaN is not JSON", None),
    ("bomb.yml", b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 10)) for c in range(98, 110)
    ), "{}:6:29: written out it is more than 1000000 values", None),
    ("self.yml", b"services: &a\n  web: *a\n", "{}:2:8: *a stands inside what it names", None),
    ("deep.yml", b"services: " + b"[" * 500, "{}:1:210: it is nested too deeply", None),
    ("tag.yml", b"services: !!python/object:os.system ls\n", "{}:1:11: the tag !!python/object:os.system is not read",
     None),
    ("twice.yml", b"services:\n  a: {}\n  a: {}\n", "{}:3:3: the key 'a' stands twice, first in line 2", None),
    ("bom.yml", b"\xef\xbb\xbfservices: {}",
     "{}:1:1: it begins with a byte order mark: save it as UTF-8 without BOM", None),
    ("latin.yml", b"services: {web: \xff}", "{}:1:17: it is not valid UTF-8", None),
    ("unset.yml", b"services:\n  web:\n    ports: ['${PORT}:80']\n", "{}:3: ${{PORT}} is not set",
     "docker compose config | mgov import compose -"),
    ("same.yml", b"services:\n  User_Service: {}\n  user_service: {}\n",
     "{}:3: the services 'User_Service' and 'user_service' would both be called user_service", "rename one of them"),
    ("nameless.yml", b"services:\n  '': {}\n", "{}:2: nothing of the service name '' may stay",
     "a name has lower-case letters, digits, '-', '.' and '_': rename it"),
    ("large.yml", b" " * (MAX_YAML_BYTES + 1),
     f"{{}}: it has {MAX_YAML_BYTES + 1} bytes, at most {MAX_YAML_BYTES} are read as YAML", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "message", "hint"), BAD, ids=[bad[0] for bad in BAD])
def test_bad_input_is_one_line_with_2(run, tmp_path, name, data, message, hint):
    path = tmp_path / name
    path.write_bytes(data)
    result = run("import", "compose", str(path))
    told = f"mgov: {message.format(path)}\n" + (f"hint: {hint}\n" if hint else "")
    assert (result.code, result.out, result.err) == (2, "", told)


@pytest.mark.parametrize("name", ["large.yml", "large.json"])
def test_a_file_of_100_mb_is_refused_without_reading_it_all(run, tmp_path, name):
    path = tmp_path / name
    with open(path, "wb") as file:
        file.truncate(100 * 1024 * 1024)
    result = run("import", "kubernetes", str(path))
    assert (result.code, result.out, result.err) == (2, "", f"mgov: {path} is larger than 64 MiB\n")


def test_a_missing_file_and_an_unknown_address_are_refused(run, tmp_path):
    path = tmp_path / "gone.yml"
    assert run("import", "compose", str(path)).err == f"mgov: cannot read {path}: no such file or directory\n"
    result = run("import", "compose", "-", "--address", "public", input="services: {a: {}}")
    assert (result.code, result.err) == (2, "mgov: unknown --address public\nhint: one of published, internal\n")


def test_services_without_ports_are_services_without_instances(run):
    result = run("import", "compose", "-", input="services: {web: {}}\n")
    assert (result.code, result.out) == (0, "[services.web]\n")
    assert result.err == (
        "standard input: web: no port is published: no instance\n1 service, 0 instances, 0 inferred dependencies\n"
    )


def test_without_the_extra_yaml_is_refused_by_its_name_and_json_is_read(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    result = run("import", "compose", "-", input="services: {web: {}}\n")
    assert (result.code, result.out) == (2, "")
    assert result.err == "mgov: standard input is YAML, which needs an extra\nhint: pip install 'mgov[yaml]'\n"
    assert run("import", "compose", "-", input='{"services": {"web": {}}}').code == 0


def test_a_file_of_the_other_kind_is_named_with_the_verb_for_it(run, tmp_path):
    compose, manifest = tmp_path / "compose.yml", tmp_path / "deploy.yml"
    compose.write_text("services:\n  orders:\n    image: orders:1\n")
    manifest.write_text("apiVersion: v1\nkind: Service\nmetadata:\n  name: orders\n")
    assert run("import", "kubernetes", str(compose)) == (
        2, "", f"mgov: {compose}:1: this is a compose file\nhint: mgov import compose FILE\n")
    assert run("import", "compose", str(manifest)) == (
        2, "", f"mgov: {manifest}:1: this is a Kubernetes manifest\nhint: mgov import kubernetes FILE\n")
    assert run("import", "consul", str(compose)) == (
        2, "", f"mgov: {compose}:1: this is a compose file\nhint: mgov import compose FILE\n")
    assert run("import", "consul", str(manifest)) == (
        2, "", f"mgov: {manifest}:1: this is a Kubernetes manifest\nhint: mgov import kubernetes FILE\n")
    own = '{"services": {"ID": "services", "Service": "services"}, "kind": {"ID": "kind", "Service": "kind"}}'
    assert run("import", "consul", "-", "-q", input=own).out == "[services.kind]\n\n[services.services]\n"


def test_what_another_tool_reads_is_no_manifest_and_the_verb_that_makes_one_is_named(run, tmp_path):
    compose, manifest, list_file = (tmp_path / name for name in ("compose.yml", "deploy.yaml", "list.json"))
    compose.write_text("services:\n  orders:\n    image: orders:1\n")
    manifest.write_text("kind: Service\nmetadata: {name: a}\n---\nkind: Service\nmetadata: {name: b}\n")
    list_file.write_text('{"kind": "List", "items": []}')
    store = str(tmp_path / "store")
    assert run("init", store).code == 0
    for words in (("apply", "-f"), ("diff", "-f"), ("graph", "diff")):
        for file, told, source in (
            (compose, "services.orders: a service has no key 'image'", "compose"),
            (manifest, "it holds 2 documents, not one", "kubernetes"),
            (list_file, "a manifest has no key 'kind'", "kubernetes"),
        ):
            result = run(*words, str(file), "-S", store)
            assert result == (2, "", f"mgov: {file}: {told}\nhint: mgov import {source} {file}\n")
