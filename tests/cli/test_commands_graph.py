"""graph and its questions as a person types them: codes, whole stdout, whole stderr."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import networkx
import pytest

from mgov.errors import UsageError

FIXTURE = Path(__file__).parent.parent / "fixtures" / "train-ticket.toml"
CALLS = Path(__file__).parents[2].parent / "shared" / "data" / "train-ticket.calls.tsv"
SHOP = """\
[services.web]
version = "3.0"
owner = "front"
tier = "web"
dependencies = ["orders", { name = "mail", type = "asynchronous", optional = true }]

[services.orders]
title = "订单服务"
version = "1.2.0"
owner = "shop"
dependencies = ["users"]
instances = [{ url = "http://127.0.0.1:1", health = "none" }]

[services.users]
owner = "accounts"
tier = "data"
dependencies = [{ name = "orders", type = "asynchronous" }]

[services.report]
dependencies = [{ name = "users", optional = true }]
"""


@pytest.fixture
def store(run, tmp_path):
    """A store with the shop in it, which lacks `mail`."""
    path = str(tmp_path / "store")
    (tmp_path / "shop.toml").write_text(SHOP, encoding="utf-8")
    assert run("init", path).code == 0
    assert run("apply", "-f", str(tmp_path / "shop.toml"), "-S", path).code == 0
    return path


@pytest.fixture
def graph(run, store):
    """`graph("cycles")` in that store."""
    return lambda *words, **options: run("graph", *words, "-S", store, **options)


COUNTED = "5 services, 5 dependencies, 2 of them on cycles: mgov graph cycles\n"


def test_on_a_terminal_it_is_a_tree_with_the_longest_synchronous_chain_beside_it(graph):
    assert graph(tty=True, env={"NO_COLOR": "1"}) == (0, """\
report no instances
`-- users no instances (optional)
    `-- orders 1.2.0 0/1 healthy, declared (asynchronous)
        `-- users no instances (cycle)
web 3.0 no instances
|-- mail not registered (asynchronous, optional)
`-- orders (see above)
""", f"{COUNTED[:-1]}; the longest synchronous chain has 3: web -> orders -> users\n")


def test_a_tree_around_a_service_shows_who_needs_it_below(graph):
    assert graph("--around", "users", "--depth", "1", "-o", "tree", "-q").out == """\
users no instances
`-- orders 1.2.0 0/1 healthy, declared (asynchronous) (deeper: --depth)
needed by
|-- orders 1.2.0 0/1 healthy, declared (deeper: --depth)
`-- report no instances (optional)
"""
    assert "needed by" not in graph("--around", "web", "-o", "tree", "-q").out
    turned = graph("--around", "web", "--reverse", "-o", "tree", "-q").out
    assert turned.startswith("web 3.0 no instances\nneeds\n|-- mail")


def test_a_terminal_that_is_too_narrow_for_a_wave_or_a_path_gets_it_in_several_lines(graph, run, store, tmp_path):
    names = [f"service-number-{i:02}" for i in range(5)]
    (tmp_path / "many.toml").write_text("".join(f"[services.{name}]\ndependencies = ['users']\n" for name in names))
    assert run("apply", "-f", str(tmp_path / "many.toml"), "-S", store).code == 0
    shown = graph("order", "--only", ",".join(names), tty=True, env={"NO_COLOR": "1", "COLUMNS": "40"}).out
    assert shown == """\
SERVICES
service-number-00 service-number-01
  service-number-02 service-number-03
  service-number-04
"""
    shown = graph("impact", "users", tty=True, env={"NO_COLOR": "1", "COLUMNS": "66"}).out.splitlines()
    at = next(number for number, line in enumerate(shown) if line.startswith("service-number-00"))
    assert shown[at : at + 2] == [f"service-number-00  breaks{' ' * 10}-      service-number-00 ->", " " * 44 + "users"]
    shown = graph("impact", "users", tty=True, env={"NO_COLOR": "1", "COLUMNS": "50"}).out.splitlines()
    at = next(number for number, line in enumerate(shown) if "service-number-03" in line)
    assert shown[at : at + 2] == ["service…  breaks    -     service-number-03 ->", " " * 28 + "users"]


def test_a_terminal_with_colours_paints_statuses_and_cycles(graph):
    shown = graph(tty=True, env={"TERM": "xterm"}).out
    assert "mail \x1b[31mnot registered\x1b[0m" in shown
    assert "\x1b[31m(cycle)\x1b[0m" in shown


def test_piped_it_is_one_edge_a_line(graph):
    assert graph() == (0, """\
orders\tusers\tsynchronous\tfalse
report\tusers\tsynchronous\ttrue
users\torders\tasynchronous\tfalse
web\tmail\tasynchronous\ttrue
web\torders\tsynchronous\tfalse
""", COUNTED)


def test_json_holds_nodes_with_their_health_and_edges_with_their_kind(graph):
    document = json.loads(graph("-o", "json").out)
    assert [node["id"] for node in document["nodes"]] == ["mail", "orders", "report", "users", "web"]
    assert document["nodes"][1] == {
        "id": "orders", "name": "orders", "title": "订单服务", "version": "1.2.0", "owner": "shop", "domain": "",
        "tier": "", "tags": [], "instance_count": 1, "healthy_count": 0, "status": "declared", "stale": False,
    }  # fmt: skip
    assert document["nodes"][0]["status"] == "missing"
    assert document["edges"][3] == {"from": "web", "to": "mail", "type": "asynchronous", "optional": True}


def test_around_and_depth_choose_a_part_and_reverse_turns_it_round(graph):
    assert graph("--around", "mail", "-o", "name", "-q").out == "mail\nweb\n"
    assert graph("--around", "mail", "--reverse", "-q").out == "mail\tweb\tasynchronous\ttrue\n"
    assert graph("--around", "users", "--depth", "1", "-o", "name", "-q").out == "orders\nreport\nusers\n"
    assert graph("--around", "orders", "--reverse", "--depth", "1", "-o", "tree", "-q").out == """\
orders 1.2.0 0/1 healthy, declared
|-- users no instances (asynchronous) (deeper: --depth)
`-- web 3.0 no instances
needs
`-- users no instances (deeper: --depth)
"""
    assert graph("--depth", "1", "-o", "name", "-q").out == "mail\norders\nreport\nusers\nweb\n"


def test_a_mistyped_option_is_named_and_not_the_value_behind_it(graph):
    assert graph("--dept", "2") == (2, "", "mgov: no such option: --dept\nhint: did you mean --depth?\n")
    assert graph("--depth", "2", "ordre") == (
        2, "", "mgov: no such command: graph ordre\nhint: did you mean: mgov graph order\n"
    )


def test_an_unknown_name_is_3_with_the_one_meant_and_an_unknown_word_2(graph):
    assert graph("--around", "ordres") == (3, "", "mgov: no service ordres\nhint: did you mean orders?\n")
    assert graph("--by", "ownr") == (
        2, "", "mgov: unknown --by 'ownr'\nhint: did you mean owner? one of owner, domain, tier\n"
    )
    assert graph("--direction", "x") == (
        2, "", "mgov: unknown --direction 'x'\nhint: one of down, up, right, left\n"
    )
    assert graph("cycels") == (2, "", "mgov: no such command: graph cycels\nhint: did you mean: mgov graph cycles\n")


def test_a_global_option_may_stand_before_the_question(run, store):
    assert run("graph", "-S", store, "-o", "json", "cycles").out == '[\n  [\n    "orders",\n    "users"\n  ]\n]\n'


def test_cycles_are_1_and_none_is_0(graph):
    assert graph("cycles") == (1, "2\torders -> users -> orders\n", "")
    assert graph("cycles", "-o", "json").out == '[\n  [\n    "orders",\n    "users"\n  ]\n]\n'
    assert graph("cycles", "--sync") == (0, "", "no cycles\n")
    assert graph("cycles", "--sync", "-o", "json").out == "[]\n"


def test_the_order_is_one_wave_a_line_of_what_is_registered(graph):
    assert graph("order", "--sync") == (
        0, "users\norders report\nweb\n", "not registered, so in no wave: mail\n"
    )
    assert graph("order", "--sync", "--reverse", "-q").out == "web\norders report\nusers\n"
    assert json.loads(graph("order", "--sync", "-o", "json").out) == [["users"], ["orders", "report"], ["web"]]
    assert graph("order", "--sync", "-o", "name", "-q").out == "users\norders\nreport\nweb\n"


def test_the_order_of_some_keeps_what_lies_between_them(graph):
    assert graph("order", "--only", "web,users", "--sync") == (0, "users\nweb\n", "")
    assert graph("order", "--only", "web\nusers", "--sync").out == "users\nweb\n"
    for empty in ("", " , "):
        assert graph("order", "--only", empty) == (
            2, "", "mgov: --only names no service\nhint: leave it out for all of them: mgov graph order\n"
        )
    assert graph("order", "--only", "web,user") == (3, "", "mgov: no service user\nhint: did you mean users?\n")


def test_a_cycle_stands_in_one_wave_and_the_status_is_1(graph):
    assert graph("order", "-q") == (
        1, "orders users\nreport web\n",
        "warning: no order satisfies a cycle: orders -> users -> orders\nhint: mgov graph cycles\n",
    )
    assert graph("order", "--only", "web,users").code == 0


def test_impact_names_who_breaks_first_and_through_which_path(graph):
    assert graph("impact", "users") == (0, """\
orders\tbreaks\tshop\torders -> users
web\tbreaks\tfront\tweb -> orders -> users
report\tcan do without\t\treport -> users
""", "2 break, 1 can do without\n")
    assert json.loads(graph("impact", "orders", "-o", "json").out)[1] == {
        "service": "users", "path": ["users", "orders"], "optional": False, "type": "asynchronous", "owner": "accounts"
    }
    assert graph("impact", "report") == (0, "", "nobody depends on report\n")
    assert graph("impact", "mail").out == "web\tcan do without\tfront\tweb -> mail\n"
    assert graph("impact", "none") == (3, "", "mgov: no service none\nhint: mgov services\n")


def test_a_path_is_its_edges_and_none_is_1(graph):
    assert graph("path", "web", "users") == (
        0, "web\torders\tsynchronous\tfalse\norders\tusers\tsynchronous\tfalse\n", "web -> orders -> users\n"
    )
    assert graph("path", "users", "web") == (1, "", "users does not need web; the other way round it does\n")
    assert graph("path", "mail", "report") == (1, "", "mail does not need report\n")
    assert graph("path", "web", "users", "-o", "name", "-q").out == "web\norders\nusers\n"


def test_check_finds_each_kind_and_the_policys(graph, store):
    Path(store, "policy.toml").write_text('[[graph.forbidden]]\nfrom = "web"\nto = "orders"\nreason = "ask the BFF"\n')
    assert graph("check") == (1, """\
cycle\torders -> users -> orders\tthey need each other
dangling\tmail\tnobody registered it; needed by web
forbidden\tweb -> orders\tweb -> orders is forbidden: ask the BFF
""", "1 cycle, 1 dangling, 1 forbidden\n")
    assert json.loads(graph("check", "--sync", "-o", "json").out)[0] == {
        "rule": "dangling", "subject": "mail", "message": "nobody registered it; needed by web", "services": ["mail"]
    }
    Path(store, "policy.toml").write_text("[graph]\nforbid = []\n")
    assert graph("check") == (
        8, "", "mgov: policy.toml: graph has no key 'forbid'\nhint: did you mean forbidden?\n"
    )


def test_check_passes_a_sound_graph(run, tmp_path):
    path = str(tmp_path / "sound")
    run("init", path)
    assert run("graph", "check", "-S", path) == (0, "", "nothing found\n")


def test_check_reports_to_junit_and_github(graph, tmp_path):
    report = tmp_path / "graph.xml"
    found = graph("check", "--junit", str(report), "--github")
    assert found.err.splitlines()[:2] == [
        "::error title=cycle%3A orders -> users -> orders::they need each other",
        "::error title=dangling%3A mail::nobody registered it; needed by web",
    ]
    suite = ElementTree.parse(report).getroot()[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "4", "failures": "2", "errors": "0"
    }
    assert [(case.get("name"), [child.tag for child in case]) for case in suite] == [
        ("cycle: orders -> users -> orders", ["failure"]), ("self", []), ("dangling: mail", ["failure"]),
        ("forbidden", []),
    ]  # fmt: skip


def test_diff_is_1_where_a_manifest_changes_edges_and_warns_of_the_cycle_it_closes(graph, tmp_path):
    assert graph("diff", str(tmp_path / "shop.toml")) == (0, "", "no difference\n")
    manifest = tmp_path / "next.toml"
    manifest.write_text('[services.mail]\ndependencies = ["web"]\n\n[services.report]\n')
    assert graph("diff", str(manifest)) == (1, """\
added\tmail\t\t\t
added\tmail\tweb\tsynchronous\tfalse
removed\treport\tusers\tsynchronous\ttrue
""", "warning: the manifest closes a cycle: mail -> web -> mail\n")
    assert json.loads(graph("diff", str(manifest), "-o", "json").out) == {
        "services": ["mail"],
        "edges": [
            {"action": "added", "from": "mail", "to": "web", "type": "synchronous", "optional": False},
            {"action": "removed", "from": "report", "to": "users", "type": "synchronous", "optional": True},
        ],
        "cycles": [["mail", "web"]],
    }
    assert graph("diff", str(tmp_path / "gone.toml")).code == UsageError.exit_status


def test_pictures_are_whole_texts(graph):
    assert graph("-o", "mermaid", "--direction", "right", "-q").out.startswith("flowchart LR\n  n0[")
    assert graph("-o", "dot", "--by", "owner", "-q").out.count("subgraph cluster_") == 4
    drawn = graph("-o", "svg", "--by", "tier", "--direction", "left", "-q")
    assert (drawn.code, drawn.err) == (0, "")
    assert ElementTree.fromstring(drawn.out).get("aria-label") == "5 services · 5 dependencies · 2 on cycles"


def test_a_fleet_that_is_too_large_to_draw_is_2_and_nothing_is_printed(run, tmp_path):
    path = str(tmp_path / "large")
    (tmp_path / "large.json").write_text(json.dumps({"services": {f"s{n:04}": {} for n in range(1_501)}}))
    run("init", path)
    run("apply", "-f", str(tmp_path / "large.json"), "-S", path)
    assert run("graph", "-o", "svg", "-S", path) == (
        2, "", "mgov: too much to draw: 1501 services\n"
        "hint: draw a part: --around NAME --depth 2; or leave it to another program: -o dot\n",
    )


def test_an_empty_fleet_and_one_service_are_no_special_case(run, tmp_path):
    path = str(tmp_path / "new")
    run("init", path)
    assert run("graph", "-S", path, tty=True) == (0, "", "no services: mgov register NAME URL\n")
    assert run("graph", "-S", path, "-o", "json").out == '{\n  "nodes": [],\n  "edges": []\n}\n'
    assert run("graph", "order", "-S", path) == (0, "", "")
    assert run("graph", "cycles", "-S", path) == (0, "", "no cycles\n")
    run("register", "alone", "-S", path)
    shown = run("graph", "-S", path, tty=True, env={"NO_COLOR": "1"})
    assert shown == (0, "alone no instances\n", "1 service, 0 dependencies\n")
    assert run("graph", "order", "-S", path).out == "alone\n"


def test_many_mermaid_edges_are_drawn_with_a_warning(run, tmp_path):
    path, names = str(tmp_path / "wide"), [f"s{n:02}" for n in range(33)]
    services = {name: {"dependencies": [other for other in names if other > name]} for name in names}
    (tmp_path / "wide.json").write_text(json.dumps({"services": services}))
    run("init", path)
    run("apply", "-f", str(tmp_path / "wide.json"), "-S", path)
    drawn = run("graph", "-S", path, "-o", "mermaid", "-q")
    assert (drawn.code, drawn.out.count("-->")) == (0, 528)
    assert drawn.err.startswith("warning: most pages draw at most 500 edges of Mermaid, this has 528\nhint: ")


def test_a_chain_of_a_thousand_passes_through_every_question(run, tmp_path):
    path = str(tmp_path / "long")
    services = {f"s{n:04}": {"dependencies": [f"s{n + 1:04}"] if n < 999 else []} for n in range(1000)}
    (tmp_path / "long.json").write_text(json.dumps({"services": services}))
    run("init", path)
    run("apply", "-f", str(tmp_path / "long.json"), "-S", path)
    assert len(run("graph", "order", "-S", path).out.splitlines()) == 1000
    assert len(run("graph", "impact", "s0999", "-S", path).out.splitlines()) == 999
    assert len(run("graph", "path", "s0000", "s0999", "-S", path).out.splitlines()) == 999
    shown = run("graph", "-S", path, tty=True, env={"NO_COLOR": "1"})
    assert shown.out.endswith(" s0060 no instances (deeper: --depth)\n")
    assert "; the longest synchronous chain has 1000: s0000 -> s0001 -> " in shown.err


def test_the_real_fleets_cycles_and_order_are_networkxs(run, tmp_path):
    if not CALLS.exists():
        pytest.skip(f"{CALLS.name} is not in ../shared/data")
    calls = [line.split("\t") for line in CALLS.read_text().splitlines() if line.strip()]
    expected = networkx.DiGraph(calls)
    path = str(tmp_path / "trains")
    run("init", path)
    run("apply", "-f", str(FIXTURE), "-S", path)
    found = run("graph", "cycles", "-S", path, "-o", "json")
    knots = [sorted(c) for c in networkx.strongly_connected_components(expected) if len(c) > 1]
    assert (found.code, json.loads(found.out)) == (1, sorted(knots))
    condensed = networkx.condensation(expected)
    generations = networkx.topological_generations(condensed.reverse())
    waves = [sorted(n for c in generation for n in condensed.nodes[c]["members"]) for generation in generations]
    assert json.loads(run("graph", "order", "-S", path, "-o", "json").out) == waves
    for name in expected:
        told = json.loads(run("graph", "impact", name, "-S", path, "-o", "json").out)
        assert {entry["service"] for entry in told} == networkx.ancestors(expected, name) - {name}
