"""register, deregister, heartbeat, services, instances, show, stats, maintenance, prune, apply, diff, export."""

import json
from pathlib import Path

import pytest

URL = "http://127.0.0.1:8080"
ID = "127.0.0.1-8080"


def contents(path: Path):
    """Every file of a store with its bytes, but for lock files, which say who held them, and what may be deleted."""
    files = sorted(p for p in path.rglob("*") if p.is_file() and not {"lock", "cache"} & set(p.parts))
    return {p.relative_to(path): p.read_bytes() for p in files}


def error(result):
    """The one line that says why, without the hint."""
    lines = result.err.splitlines()
    assert result.out == ""
    assert lines[0].startswith("mgov: ")
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint: "))
    return lines[0].removeprefix("mgov: ")


def test_init_makes_a_store_once(run, tmp_path):
    path = str(tmp_path / "s")
    assert run("init", path) == (0, f"created\t{path}\n", "next: mgov register NAME URL\n")
    assert run("init", path) == (0, f"unchanged\t{path}\n", "")


def test_registering_says_what_became_of_service_and_instance(mgov):
    assert mgov("register", "orders", URL, "--tag", "edge") == (
        0, f"created\torders\t\t1\ncreated\torders\t{ID}\t2\n", "")
    assert mgov("register", "orders", URL, "--tag", "edge").out == (
        f"unchanged\torders\t\t1\nunchanged\torders\t{ID}\t2\n")
    again = json.loads(mgov("register", "orders", "--owner", "shop", "-o", "json").out)
    assert [(o["action"], o["service"], o["instance"]) for o in again] == [("changed", "orders", None)]


def test_an_empty_option_clears_and_a_missing_one_keeps(mgov):
    mgov("register", "orders", "--tag", "a", "--tag", "b", "--owner", "shop", "--meta", "k=v", "--depends-on", "users")
    mgov("register", "orders", "--tag", "", "--title", "订单")
    (orders,) = json.loads(mgov("services", "-o", "json").out)
    assert (orders["tags"], orders["owner"], orders["metadata"], orders["title"]) == ([], "shop", {"k": "v"}, "订单")
    mgov("register", "orders", "--owner", "", "--meta", "", "--depends-on", "")
    (orders,) = json.loads(mgov("services", "-o", "json").out)
    assert (orders["owner"], orders["metadata"], orders["dependencies"]) == ("", {}, [])


def test_create_only_and_an_old_revision_are_conflicts(mgov):
    mgov("register", "orders", URL)
    assert mgov("register", "orders", "--create-only").code == 4
    assert mgov("register", "orders", URL, "--create-only").code == 4
    assert mgov("register", "orders", "--owner", "x", "--expect-rev", "77").code == 4
    assert mgov("register", "orders", "--owner", "x", "--expect-rev", "1").code == 0
    assert mgov("register", "orders", URL, "--region", "eu", "--expect-rev", "1").code == 4


@pytest.mark.parametrize(
    "argv",
    [
        ("register", "orders", "--owner", "x", "--dry-run"),
        ("register", "new", "http://h:1", "--dry-run"),
        ("deregister", "orders", ID, "--dry-run"),
        ("deregister", "orders", "--all", "--dry-run"),
        ("deregister", "orders", ID, "--drain", "10s", "--dry-run"),
        ("apply", "-f", "-", "--dry-run", "--prune"),
        ("diff", "-f", "-"),
        ("prune", "--older-than", "0s", "--dry-run"),
        ("services",), ("instances",), ("show", "orders"), ("stats",), ("export",), ("maintenance",),
    ],
)  # fmt: skip
def test_looking_and_dry_runs_change_no_byte_of_the_store(mgov, tmp_path, argv):
    mgov("register", "orders", URL)
    mgov("register", "orders", "--id", "w1", "--ttl", "1s")
    before = contents(tmp_path)
    assert mgov(*argv, input='[services.orders]\nowner = "y"\n').code in (0, 1)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (("register", "Orders"), 2, "'Orders' is not a valid service name"),
        (("register", "orders", "http://h:99999"), 2, "port must be a number from 1 to 65535, not 99999"),
        (("register", "orders", "http://h/\r\nX: y"), 2, "has a space or a control character in the URL"),
        (("register", "orders", "http://u:secret@h"), 2, "a URL with user information would store a secret"),
        (("register", "orders", "h:80"), 2, "'h:80' is not an absolute URL"),
        (("register", "http://h:80", "orders"), 2, "'http://h:80' is a URL: the name comes first"),
        (("register", "orders", "http://h/x"), 2, "an instance's URL ends after the port, not with '/x'"),
        (("register", "orders", "--region", "eu"), 2, "--region belongs to an instance"),
        (("register", "orders", "--id", "x"), 2, "instance x has neither an address nor a TTL"),
        (("register", "orders", "--ttl", "30s"), 2, "an instance without a URL needs a name"),
        (("register", "orders", URL, "--ttl", "30"), 2, "'30' is not a duration"),
        (("register", "orders", URL, "--check-interval", "0s"), 2, "a check needs an interval of at least 100ms"),
        (("register", "orders", URL, "--meta", "novalue"), 2, "--meta takes K=V, not 'novalue'"),
        (("register", "orders", "--depends-on", "a:soon"), 2, "'soon' in 'a:soon' is no kind of dependency"),
        (("register", "orders", "--api", "/does/not/exist"), 2, "cannot read /does/not/exist"),
        (("register", "orders", "--title", "\udcff"), 2, "title holds a character that is not text"),
        (("deregister", "orders"), 2, "name an instance of orders, or say --all"),
        (("deregister", "orders", "x", "--all"), 2, "name an instance of orders, or say --all"),
        (("deregister", "orders", "--all"), 2, "Remove orders and all its instances?"),
        (("deregister", "orders", "x"), 3, "no instance x of orders"),
        (("heartbeat", "orders"), 3, "no instance of orders with a TTL"),
        (("heartbeat", "orders", "--status", "fine"), 2, "a heartbeat says"),
        (("show", "orders"), 3, "no service orders"),
        (("show", "orders", "x"), 3, "no instance x of orders"),
        (("instances", "--status", "fine"), 2, "there is no status 'fine'"),
        (("maintenance", "orders"), 3, "no service orders"),
        (("maintenance", "--off"), 2, "name the service that is meant"),
        (("maintenance", "orders", "--until", "soon"), 2, "'soon' is neither a duration nor an RFC 3339 time"),
        (("maintenance", "orders", "--until", "2001-01-01T00:00:00Z"), 2, "has passed already"),
        (("maintenance", "orders", "--until", "9999-12-31T23:59:59-23:59"), 2, "is outside the years 1 to 9999"),
        (("export", "nobody"), 3, "no service nobody"),
        (("apply", "-f", "/does/not/exist"), 2, "cannot read /does/not/exist"),
        (("apply", "-f", "-", "--scope", "My Scope"), 2, "'My Scope' is not a valid scope name"),
        (("discover", "orders"), 3, "no service orders"),
        (("discover", "orders", "--all", "--pick", "p2c"), 2, "--all goes with neither --pick nor --wait"),
        (("discover", "orders", "--watch", "--interval", "0s"), 2, "an interval is at least 100ms"),
        (("health",), 3, "nothing to check: no instance is registered"),
        (("health", "localhost:8080"), 2, "'localhost:8080' is neither a service nor a URL"),
        (("health", "--count", "3"), 2, "--count goes with --watch"),
        (("health", "ftp://h:21"), 2, "'ftp://h:21' cannot be checked"),
        (("health", "ftp://h"), 2, "'ftp://h' cannot be checked"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else None,
)
def test_a_refusal_is_one_line_with_its_status_and_writes_nothing(mgov, tmp_path, argv, status, message):
    before = contents(tmp_path)
    result = mgov(*argv, input="[services]\n")
    assert message in error(result)
    assert result.code == status
    assert contents(tmp_path) == before


def test_deregistering_without_saying_what_lists_the_dependents(mgov):
    mgov("register", "users")
    mgov("register", "orders", "--depends-on", "users")
    assert error(mgov("deregister", "users")) == "name an instance of users, or say --all (needed by orders)"
    asked = mgov("deregister", "users", "--all")
    assert (asked.code, error(asked)) == (
        2, "Remove users and all its instances? It is needed by orders. nobody can be asked here")
    assert mgov("deregister", "users", "--all", "--yes") == (0, "removed\tusers\t\t\n", "")
    assert mgov("deregister", "users", "--all", "--yes", "--missing-ok").out == "unchanged\tusers\t\t\n"


def test_draining_takes_an_instance_out_of_discovery_before_it_goes(mgov):
    mgov("register", "orders", URL, "--health", "none")
    result = mgov("deregister", "orders", ID, "--drain", "1ms")
    assert result == (0, f"removed\torders\t{ID}\t\n", "draining orders for 0.001s\n")
    assert mgov("deregister", "orders", ID, "--drain", "1ms", "--missing-ok").code == 0


def test_a_heartbeat_is_silent_and_shows_in_instances(mgov):
    mgov("register", "worker", "--id", "w1", "--ttl", "30s")
    assert mgov("heartbeat", "worker", "--status", "degraded", "--note", "slow") == (0, "", "")
    (worker,) = json.loads(mgov("instances", "-o", "json").out)
    assert (worker["status"], worker["reason"], worker["url"]) == ("degraded", "slow", "")
    assert worker["last_heartbeat_at"] == worker["checked_at"]


def test_stats_keep_their_json_names(mgov):
    mgov("register", "orders", URL)
    assert json.loads(mgov("stats", "-o", "json").out) == {
        "total_services": 1, "total_instances": 1, "healthy_instances": 0,
        "services": {"orders": {"total": 1, "healthy": 0, "unhealthy": 0}},
    }  # fmt: skip
    assert mgov("stats") == (0, "orders\t1\t0\t0\n", "1 service, 1 instance, 0 healthy\n")


def test_lists_are_arrays_even_when_empty(mgov):
    for verb in ("services", "instances", "maintenance"):
        assert mgov(verb, "-o", "json").out == "[]\n"
        assert mgov(verb).out == ""


def test_show_tells_everything_of_a_service_and_of_an_instance(mgov, tmp_path):
    api = tmp_path / "api.json"
    api.write_text('{"openapi": "3.1.0", "paths": {"/orders/{id}": {"get": {}, "summary": "x"}}}')
    schema = tmp_path / "schema.json"
    schema.write_text('{"properties": {"id": {"type": "string"}}}')
    mgov("register", "users")
    mgov("register", "orders", URL, "--api", str(api), "--schema", str(schema), "--depends-on", "users:async:optional",
         "--owner", "shop", "--health", "/h", "--region", "eu")
    shown = dict(line.split("\t", 1) for line in mgov("show", "orders").out.splitlines())
    assert (shown["depends on"], shown["endpoint"], shown["schema"]) == (
        "users:async:optional", "GET /orders/{id}", "id")
    assert dict(line.split("\t", 1) for line in mgov("show", "users").out.splitlines())["needed by"] == "orders"
    document = json.loads(mgov("show", "orders", "-o", "json").out)
    assert document["dependencies"] == [{"name": "users", "type": "asynchronous", "optional": True}]
    assert (document["api"], document["maintenance"]) == (["GET /orders/{id}"], None)
    one = json.loads(mgov("show", "orders", ID, "-o", "json").out)
    assert (one["check"]["url"], one["region"], one["status"]) == (f"{URL}/h", "eu", "starting")


@pytest.mark.parametrize("text", ['{"properties": 5}', '{"properties": ["a"]}', '{"type": "object"}'])
def test_show_survives_any_schema(mgov, tmp_path, text):
    (tmp_path / "s.json").write_text(text)
    mgov("register", "orders", "--schema", str(tmp_path / "s.json"))
    assert mgov("show", "orders").code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"a": null}', "schema.a is null"), ('{"a": 1e999}', "too large a number"), ("[]", "a JSON Schema is an object"),
     ('{"a": 1, "a": 2}', "the key 'a' stands twice"), ('{"a": NaN}', "NaN is not JSON"),
     ("[" * 100_000, "nested too deeply"), ('{"a":' * 600 + "1" + "}" * 600, "nested too deeply"),
     ('{"a": "\\ud800"}', "half of a surrogate pair"), ("{", "line"), ('{"a": ' + "9" * 5000 + "}", "too many digits")],
    ids=range(10),
)  # fmt: skip
def test_a_schema_that_cannot_be_kept_is_refused_by_its_file(mgov, tmp_path, text, message):
    file = tmp_path / "s.json"
    file.write_text(text)
    result = mgov("register", "orders", "--schema", str(file))
    assert result.code == 2
    assert error(result).startswith(str(file))
    assert message == "line" or message in error(result)


def test_maintenance_is_listed_until_it_is_ended(mgov):
    mgov("register", "orders", URL)
    assert mgov("maintenance", "orders", ID, "--until", "2h", "--reason", "disk").code == 0
    (held,) = json.loads(mgov("maintenance", "-o", "json").out)
    assert (held["service"], held["instance"], held["reason"]) == ("orders", ID, "disk")
    assert json.loads(mgov("instances", "-o", "json").out)[0]["status"] == "maintenance"
    assert mgov("maintenance", "orders", ID, "--off").out.startswith("changed\t")
    assert mgov("maintenance", "orders", ID, "--off").out.startswith("unchanged\t")


def test_prune_asks_where_something_would_go_and_says_what_went(mgov):
    assert mgov("prune") == (0, "", "nothing to prune\n")
    mgov("register", "worker", "--id", "w1", "--ttl", "1s")
    assert mgov("prune", "--older-than", "0s").code == 2
    gone = mgov("prune", "--older-than", "0s", "--yes", "-o", "name")
    assert gone == (0, "worker/w1\n", "1 removed\n")
    assert mgov("instances").out == ""


def test_prune_warns_of_what_is_held_back(mgov):
    for number in range(10):
        mgov("register", "worker", "--id", f"w{number}", "--ttl", "1s")
    held = mgov("prune", "--older-than", "0s", "--yes")
    assert (held.code, held.out) == (0, "")
    assert "10 instances of worker died at once and are held back" in held.err
    assert len(mgov("prune", "--older-than", "0s", "--yes", "--force").out.splitlines()) == 10


FLEET = """\
[services.orders]
owner = "shop"
dependencies = ["users", { name = "mail", type = "asynchronous", optional = true }]

[[services.orders.instances]]
id = "orders-1"
url = "http://127.0.0.1:8080"
health = { check = "/health", interval = "10s" }
weight = 10
"""


def test_diff_is_1_until_the_fleet_is_as_the_manifest_says(mgov, tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(FLEET)
    differs = mgov("diff", "-f", str(file))
    assert (differs.code, differs.out) == (1, "created\torders\t\t\ncreated\torders\torders-1\t\n")
    assert mgov("apply", "-f", str(file)).code == 0
    assert mgov("diff", "-f", str(file)) == (0, "", "2 unchanged\n")
    file.write_text(FLEET.replace("weight = 10", "weight = 11"))
    (step,) = json.loads(mgov("diff", "-f", str(file), "-o", "json").out)
    assert step == {"action": "changed", "service": "orders", "instance": "orders-1",
                    "fields": {"weight": {"from": 10, "to": 11}}}


@pytest.mark.parametrize("output", ["toml", "json"])
def test_an_export_piped_into_apply_is_unchanged(mgov, tmp_path, output):
    mgov("apply", "-f", "-", input=FLEET)
    mgov("register", "worker", "--id", "w1", "--ttl", "1m30s", "--check-interval", "1.5s", "--health", "http://h:1/x")
    mgov("register", "odd", "grpc://[::1]:50051", "--health", "tcp", "--check-timeout", "300ms", "--meta", "a.b=ü\n")
    exported = mgov("export", "-o", output)
    again = mgov("apply", "-f", "-", "--scope", "other", input=exported.out)
    assert {line.split("\t")[0] for line in again.out.splitlines()} == {"unchanged"}
    assert again.err == "6 unchanged\n"


def test_pruning_needs_a_yes_and_keeps_to_its_scope(mgov):
    mgov("apply", "-f", "-", "--scope", "a", input=FLEET)
    mgov("apply", "-f", "-", "--scope", "b", input="[services.b]\n")
    assert mgov("apply", "-f", "-", "--scope", "a", "--prune", input="[services]\n").code == 2
    done = mgov("apply", "-f", "-", "--scope", "a", "--prune", "--yes", input="[services]\n")
    assert done.out == "pruned\torders\t\t\npruned\torders\torders-1\t\n"
    assert mgov("services", "-o", "name").out == "b\n"


def test_an_empty_file_prunes_nothing(mgov):
    mgov("apply", "-f", "-", input=FLEET)
    refused = mgov("apply", "-f", "-", "--prune", "--yes", input="")
    assert (refused.code, error(refused)) == (2, "standard input: a manifest has the key 'services'")
    assert mgov("services", "-o", "name").out == "orders\n"


def test_a_folder_of_manifests_is_one_fleet_and_a_fault_names_its_file(mgov, tmp_path):
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "a.toml").write_text("[services.a]\n")
    (folder / "b.json").write_text('{"services": {"b": {}}}')
    (folder / ".hidden.toml").write_text("nonsense")
    (folder / "notes.txt").write_text("nonsense")
    assert mgov("apply", "-f", str(folder)).out == "created\ta\t\t\ncreated\tb\t\t\n"
    (folder / "c.toml").write_text("[services.a]\n")
    assert error(mgov("apply", "-f", str(folder))) == (
        f"{folder}/c.toml: services.a stands in {folder}/a.toml too")
    (folder / "c.toml").write_text('[services.c]\nonwer = "x"\n')
    result = mgov("apply", "-f", str(folder))
    assert result.err == f"mgov: {folder}/c.toml: services.c: a service has no key 'onwer'\nhint: did you mean owner?\n"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert error(mgov("apply", "-f", str(empty))) == f"{empty} holds no .toml or .json file"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "a manifest has no key 'x'"),
        ("services = 1", "services must be a table of services by name"),
        ("[services]\na = 1", "services.a: a service is a table"),
        ("[services.A]", "services.A: 'A' is not a valid service name"),
        ("[services.a]\ntitle = nan", "services.a: title must be text in quotes, not nan"),
        ("[services.a]\ntitle = 2020-01-01", "services.a: title must be text in quotes"),
        ("[services.a]\ntags = 'x'", "services.a: tags must be a list of texts"),
        ("[services.a]\norigin = 'x'", "services.a: a service has no key 'origin' in a manifest"),
        ("[services.a]\nmetadata = { k = 1 }", "services.a: metadata.k must be text in quotes, not 1"),
        ("[services.a]\ndependencies = [1]", "services.a: dependencies[0]: 1 is neither a name nor a table"),
        ("[services.a]\ndependencies = [{ name = 1 }]", "services.a: dependencies[0]: name must be text"),
        ("[services.a]\ndependencies = ['a']", "services.a: dependencies[0]: a cannot depend on itself"),
        ("[services.a]\nschema = { x = 99999999999999999999 }", "services.a: schema.x does not fit 64 bits"),
        ("[services.a]\nschema = { x = 2020-01-01 }", "services.a: schema.x is a date"),
        ("[services.a]\nschema = { x = inf }", "services.a: schema.x is not a finite number"),
        ("[services.a]\ninstances = 1", "services.a: instances must be a list of tables"),
        *(
            (f"[[services.a.instances]]\nhost = 'h'\nport = {port}",
             "services.a.instances[0]: port must be a number from 1 to 65535")
            for port in ("true", '"80"', "0", "65536", "-1", "1.0", "nan")
        ),
        ("[[services.a.instances]]\nhost = 'h'", "services.a.instances[0]: port must be a number"),
        ("[[services.a.instances]]\nurl = 'http://h:99999'", "services.a.instances[0]: port must be a number"),
        ("[[services.a.instances]]\nurl = 'http://h\\u000d'", "services.a.instances[0]:"),
        ("[[services.a.instances]]\nurl = 'http://h'\nport = 1", "services.a.instances[0]: give either url, or host"),
        ("[[services.a.instances]]\nid = 'x'", "services.a.instances[0]: instance x has neither an address nor a TTL"),
        ("[[services.a.instances]]\nurl = 'http://h'\nweight = 1.5", "services.a.instances[0]: weight must be"),
        ("[[services.a.instances]]\nurl = 'http://h'\nregoin = 'x'", "services.a.instances[0]: an instance has no key"),
        ("[[services.a.instances]]\nurl = 'http://h'\nhealth = 3", "services.a.instances[0]: health must be text or"),
        ("[[services.a.instances]]\nid='x'\nttl='9s'\nhealth='/h'", "services.a.instances[0]: a check of an instance"),
        ("[[services.a.instances]]\nurl='http://h'\n[[services.a.instances]]\nurl='http://h:80'",
         "services.a.instances[1]: the id h-80 stands twice"),
        ("[services.a", ":1: "),
        ("[services.a]\n[services.a]", ":2:"),
        ("\ufeff[services.a]", ":1:1: it begins with a byte order mark"),
        ("a." * 16_000 + "a = 1", "a key has more than 64 dotted parts"),
        ("x = " + "[" * 5000, "nested too deeply"),
        ("x = " + "9" * 5000, "too many digits"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_a_faulty_manifest_is_refused_by_file_place_and_key(mgov, tmp_path, text, message):
    file = tmp_path / "fleet.toml"
    file.write_text(text, encoding="utf-8")
    before = contents(tmp_path / "store")
    result = mgov("apply", "-f", str(file))
    assert result.code == 2
    assert error(result).startswith(str(file))
    assert message in error(result)
    assert contents(tmp_path / "store") == before


def test_a_list_without_rows_says_so_and_names_what_was_meant(run, tmp_path):
    place = str(tmp_path / "store")
    run("init", place)
    assert run("services", "-S", place) == (0, "", "nothing is registered; next: mgov register NAME URL\n")
    run("register", "orders", "http://127.0.0.1:1", "-S", place)
    assert run("services", "order", "-S", place) == (0, "", "no service matches; did you mean orders?\n")
    assert run("instances", "order", "-S", place) == (0, "", "no instance matches; did you mean orders?\n")
    assert run("services", "--owner", "ann", "-S", place) == (0, "", "no service matches\n")
    assert run("instances", "x*", "-o", "json", "-S", place) == (0, "[]\n", "no instance matches\n")
    assert run("limit", "list", "-o", "table", "-S", place) == (0, "", "nothing to list\n")
    assert run("limit", "list", "-S", place) == run("limit", "list", "-q", "-o", "table", "-S", place) == (0, "", "")


def test_an_address_that_is_typed_without_http_or_before_its_name_is_given_back_as_it_should_be(mgov):
    assert mgov("register", "orders", "h:80/x").err.endswith("hint: write it like http://h:80\n")
    assert mgov("register", "orders", "h").err.endswith("hint: write it like http://127.0.0.1:8080\n")
    assert mgov("register", "http://h:80", "orders").err.endswith("hint: mgov register orders http://h:80\n")
    assert mgov("register", "http://h:80").err.endswith("hint: mgov register NAME http://h:80\n")
