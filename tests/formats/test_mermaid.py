"""Mermaid and DOT text: what stands in it, that nothing foreign is syntax, and that graphviz reads it."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.formats.dot import dot
from mgov.formats.mermaid import mermaid
from mgov.model.graph import Edge, Graph
from mgov.model.picture import DIRECTIONS, Node, Picture, picture_of
from mgov.model.service import ASYNCHRONOUS, Service

NODES = {
    "mail": Node(Service("mail"), "missing"),
    "orders": Node(Service("orders", title="订单服务", version="1.2.0", owner="shop"), "degraded", 3, 2),
    "users": Node(Service("users", owner="accounts"), "healthy", 1, 1),
}
GRAPH = Graph([Edge("orders", "mail", ASYNCHRONOUS, True), Edge("orders", "users"), Edge("users", "orders")])
HOSTILE = (
    '"]; click n0 "javascript:alert(1)" <script>`x`</script> #quot; %%{init: {}}%% -->|x| end \\" \\N &lt; \x1b[31m'
)


def one(title: str, owner: str = "") -> Picture:
    return picture_of(Graph([], ["a"]), {"a": Node(Service("a", title=title, owner=owner), "healthy", 1, 1)}, "owner")


def test_a_flowchart_shows_title_version_health_and_the_kind_of_each_edge():
    assert mermaid(picture_of(GRAPH, NODES)) == """\
flowchart TD
  n0["mail<br/>not registered"]:::missing
  n1["orders<br/>订单服务<br/>1.2.0<br/>2/3 healthy, degraded"]:::degraded
  n2["users<br/>1/1 healthy"]:::healthy
  n1 -.->|optional| n0
  n1 --> n2
  n2 --> n1
  classDef degraded fill:#fef3d6,stroke:#b26a00,color:#5a3600
  classDef healthy fill:#e6f4ea,stroke:#1e8e3e,color:#0b3d1c
  classDef missing fill:#ffffff,stroke:#c5221f,color:#6b1210,stroke-dasharray:4 3
"""


def test_groups_are_subgraphs_the_nameless_last():
    assert mermaid(picture_of(GRAPH, NODES, "owner"), "right").splitlines()[:10] == [
        "flowchart LR",
        '  subgraph g0["accounts"]',
        '    n2["users<br/>1/1 healthy"]:::healthy',
        "  end",
        '  subgraph g1["shop"]',
        '    n1["orders<br/>订单服务<br/>1.2.0<br/>2/3 healthy, degraded"]:::degraded',
        "  end",
        '  subgraph g2["no owner"]',
        '    n0["mail<br/>not registered"]:::missing',
        "  end",
    ]


def test_a_digraph_shows_the_same_with_cycles_in_red():
    assert dot(picture_of(GRAPH, NODES), "up") == """\
digraph mgov {
  rankdir=BT;
  node [shape=box, fontname="Helvetica,Arial,sans-serif", fontsize=11];
  edge [color="#5f6368", arrowsize=0.7];
  "mail" [label="mail\\nnot registered", style="rounded,filled,dashed", fillcolor="#ffffff", color="#c5221f", \
tooltip="mail, missing"];
  "orders" [label="orders\\n订单服务\\n1.2.0\\n2/3 healthy, degraded", style="rounded,filled", fillcolor="#fef3d6", \
color="#b26a00", tooltip="orders, degraded, shop"];
  "users" [label="users\\n1/1 healthy", style="rounded,filled", fillcolor="#e6f4ea", color="#1e8e3e", \
tooltip="users, healthy, accounts"];
  "orders" -> "mail" [tooltip="orders -> mail (asynchronous, optional)", style=dashed, arrowhead=empty];
  "orders" -> "users" [tooltip="orders -> users", color="#c5221f"];
  "users" -> "orders" [tooltip="users -> orders", color="#c5221f"];
}
"""


def test_an_empty_fleet_is_an_empty_picture():
    assert mermaid(Picture((), ())) == "flowchart TD\n"
    assert dot(Picture((), ())).splitlines()[-2:] == ['  edge [color="#5f6368", arrowsize=0.7];', "}"]


@given(st.text(max_size=40))
def test_whatever_a_title_holds_a_flowchart_has_no_character_of_it_that_means_something(text):
    for title in (text, HOSTILE):
        lines = mermaid(one(title, title)).splitlines()
        assert len(lines) == 5
        for line in lines[1:3]:
            inner = line.split('["', 1)[1].rsplit('"]', 1)[0].replace("<br/>", "")
            assert re.fullmatch(r"(?:[^\x00-\x7f]|[A-Za-z0-9 _.,/-]|#\d+;)*", inner), inner


@given(st.text(max_size=40))
def test_whatever_a_title_holds_a_digraphs_strings_end_where_they_should(text):
    for title in (text, HOSTILE):
        written = dot(one(title, title))
        assert len(written.splitlines()) == 9
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", written)
        assert re.fullmatch(r"[a-zA-Z0-9_=.;,\[\]{}\s-]*", outside)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_graphviz_reads_it_and_shows_the_same_labels(require, direction):
    hostile = picture_of(
        Graph([*GRAPH.edges, Edge("users", "a")]),
        {**NODES, "a": Node(Service("a", title=HOSTILE + "\\", owner="]}"), "healthy", 1, 1)}, "owner",
    )
    done = subprocess.run(
        [require("dot"), "-Tplain"], input=dot(hostile, direction), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    drawn = [line.split(" ")[1] for line in done.stdout.splitlines() if line.startswith("node ")]
    assert sorted(drawn) == ["a", "mail", "orders", "users"]
    assert sum(line.startswith("edge ") for line in done.stdout.splitlines()) == 4
    assert "订单服务" in done.stdout
