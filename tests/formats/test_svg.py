"""The SVG: well-formed whatever a title holds, self-contained, and with everything a person looks for."""

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.formats.svg import svg
from mgov.formats.svgstyle import SIGNS
from mgov.formats.textwidth import shortened, text_width
from mgov.model.graph import Edge, Graph
from mgov.model.picture import DIRECTIONS, STATUSES, Node, Picture, picture_of
from mgov.model.service import ASYNCHRONOUS, Service

SVG = "{http://www.w3.org/2000/svg}"
NODES = {
    "mail": Node(Service("mail"), "missing"),
    "orders": Node(
        Service("orders", title="订单服务", version="1.2.0", owner="shop", tags=("edge",)), "degraded", 3, 2, True
    ),
    "users": Node(Service("users", owner="accounts"), "healthy", 1, 1),
}
GRAPH = Graph([Edge("orders", "mail", ASYNCHRONOUS, True), Edge("orders", "users"), Edge("users", "orders")])


def drawn(picture: Picture, direction: str = "down") -> ElementTree.Element:
    return ElementTree.fromstring(svg(picture, direction).encode("utf-8"))


def by_class(root: ElementTree.Element, tag: str, word: str) -> list[ElementTree.Element]:
    return [element for element in root.iter(SVG + tag) if word in element.get("class", "").split()]


def test_a_box_shows_name_title_version_and_health_and_its_tooltip_tells_the_rest():
    group = by_class(drawn(picture_of(GRAPH, NODES)), "g", "n")[1]
    assert [text.text for text in group.iter(SVG + "text")] == ["orders", "订单服务", "1.2.0 · 2/3 healthy · stale"]
    assert group.get("class").split()[:2] == ["n", "degraded"]
    assert group.find(SVG + "title").text.splitlines() == [
        "orders", "订单服务", "version 1.2.0", "degraded: 2/3 healthy, not looked at lately", "owner shop", "tags edge",
        "needs 2, needed by 1",
    ]  # fmt: skip


def test_each_edge_tells_its_kind_in_its_line_its_head_and_its_tooltip():
    edges = [e for e in by_class(drawn(picture_of(GRAPH, NODES)), "path", "e") if e.find(SVG + "title") is not None]
    assert [(e.get("class"), e.get("marker-end"), e.find(SVG + "title").text) for e in edges] == [
        ("e as op m1 m0", "url(#ao)", "orders → mail (asynchronous, optional)"),
        ("e k m1 m2", "url(#c)", "orders → users, on a cycle"),
        ("e k m2 m1", "url(#c)", "users → orders, on a cycle"),
    ]


def test_every_status_has_a_shape_of_its_own_and_a_place_in_the_legend():
    assert sorted(SIGNS) == sorted(STATUSES)
    assert len({sign.replace(" d", "") for sign in SIGNS.values()}) == len(STATUSES)
    nodes = {f"s-{status}": Node(Service(f"s-{status}"), status) for status in STATUSES}
    root = drawn(picture_of(Graph([], nodes), nodes))
    said = [text.text for text in by_class(root, "text", "lg")]
    assert said == [
        "healthy", "degraded", "unhealthy", "starting", "maintenance", "declared", "no instances", "not registered"
    ]


def test_groups_have_stripes_stand_in_the_legend_and_are_said_in_each_box():
    root = drawn(picture_of(GRAPH, NODES, "owner"))
    said = [text.text for text in by_class(root, "text", "mt")]
    assert said == ["not registered", "1.2.0 · 2/3 healthy · stale · shop", "1/1 healthy · accounts"]
    assert [text.text for text in by_class(root, "text", "lg")][-2:] == ["accounts", "shop"]
    assert (len(by_class(root, "rect", "g0")), len(by_class(root, "rect", "g1"))) == (2, 2)


def test_it_follows_the_readers_colour_scheme_loads_nothing_and_runs_nothing():
    text = svg(picture_of(GRAPH, NODES))
    assert "@media (prefers-color-scheme:dark)" in text
    root = ElementTree.fromstring(text)
    assert {element.tag for element in root.iter()} == {
        SVG + tag for tag in ("svg", "style", "defs", "marker", "path", "rect", "text", "g", "title", "circle")
    }
    for element in root.iter():
        assert not any(name.startswith("on") or "href" in name for name in element.keys())  # noqa: SIM118
    assert text.count("http") == text.count("http://www.w3.org/2000/svg") == 1


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_service_that_needs_itself_an_empty_fleet_and_one_service_are_drawn(direction):
    loop = Graph([Edge("users", "users")])
    assert len(by_class(drawn(picture_of(loop, NODES), direction), "g", "n")) == 1
    assert [text.text for text in drawn(Picture((), ()), direction).iter(SVG + "text")] == ["no services"]
    alone = drawn(picture_of(Graph([], ["users"]), NODES), direction)
    assert [text.text for text in by_class(alone, "text", "hd")] == ["1 service · 0 dependencies"]


HOSTILE = '</title></style><script>alert(1)</script>" onload="x &lt; ]]> <!-- \x00 \x1b[31m \u202e \ufffe \ud800 {}'


@given(st.text(max_size=60))
def test_whatever_a_text_holds_it_stays_text(text):
    for hostile in (text, HOSTILE, HOSTILE * 20):
        service = Service(
            "a", title=hostile, version=hostile, description=hostile, owner=hostile, domain=hostile, tags=(hostile,)
        )
        root = drawn(picture_of(Graph([], ["a"]), {"a": Node(service, "healthy", 1, 1)}, "owner"))
        assert not list(root.iter(SVG + "script"))
        assert len(list(root.iter(SVG + "style"))) == 1
        assert len(by_class(root, "g", "n")) == 1
        box = next(iter(by_class(root, "rect", "b")))
        assert float(box.get("width")) <= 260


def test_wide_characters_are_counted_as_wide_and_combining_ones_not():
    assert text_width("订单服务", 12) == 48
    assert text_width("e\u0301", 10) == text_width("e", 10)
    assert text_width("illi", 10) < text_width("mmmm", 10) / 2
    assert shortened("订单服务订单服务", 10, 50) == "订单服务…"
    assert shortened("orders", 10, 50) == "orders"


def test_more_services_than_anybody_can_read_are_refused_with_what_to_type():
    nodes = {f"s{n:04}": Node(Service(f"s{n:04}"), "empty") for n in range(1_501)}
    with pytest.raises(UsageError) as caught:
        svg(picture_of(Graph([], nodes), nodes))
    assert caught.value.message == "too much to draw: 1501 services"
