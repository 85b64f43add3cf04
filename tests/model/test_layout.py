"""The layered drawing: no box overlaps another, no edge runs through a box, arrows lead one way, few edges cross."""

from __future__ import annotations

import random
import tomllib
from itertools import combinations, pairwise
from pathlib import Path

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.crossing import count_crossings, order_layers
from mgov.model.layering import Layered, layered
from mgov.model.layout import Layout, lay_out
from mgov.model.picture import DIRECTIONS, DOWN, LEFT, RIGHT, UP

FIXTURE = Path(__file__).parent.parent / "fixtures" / "train-ticket.toml"
names = st.sampled_from([f"s{n:02}" for n in range(14)])
pairs = st.lists(st.tuples(names, names), max_size=40, unique=True)
lengths = st.floats(10, 300)


def boxes_of(layout: Layout) -> list[tuple[float, float, float, float]]:
    return [
        (box.x - box.width / 2, box.y - box.height / 2, box.x + box.width / 2, box.y + box.height / 2)
        for box in layout.boxes.values()
    ]


def points_on(curve: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    found = []
    for i in range(0, len(curve) - 1, 3):
        for step in range(1, 12):
            t = step / 12
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            four = curve[i : i + 4]
            found.append(tuple(sum(w * p[axis] for w, p in zip(weights, four, strict=True)) for axis in (0, 1)))
    return found


def check(layout: Layout) -> None:
    """Nothing overlaps, and everything lies within the drawing."""
    boxes = boxes_of(layout)
    for one, other in combinations(boxes, 2):
        apart = (one[2] <= other[0], other[2] <= one[0], one[3] <= other[1], other[3] <= one[1])
        assert any(apart)
    for left, top, right, bottom in boxes:
        assert left >= -0.01
        assert top >= -0.01
        assert right <= layout.width + 0.01
        assert bottom <= layout.height + 0.01
    for route in layout.routes:
        for x, y in points_on(route.points):
            inside = (x1 + 0.01 < x < x2 - 0.01 and y1 + 0.01 < y < y2 - 0.01 for x1, y1, x2, y2 in boxes)
            assert not any(inside)


sizes_of_all = st.dictionaries(names, st.tuples(lengths, lengths), min_size=14, max_size=14)


@given(pairs, sizes_of_all, st.sampled_from(DIRECTIONS))
def test_boxes_never_overlap_and_no_edge_runs_through_one(given_pairs, sizes, direction):
    layout = lay_out(sizes, given_pairs, direction)
    check(layout)
    assert set(layout.boxes) == set(sizes)
    assert {name: (box.width, box.height) for name, box in layout.boxes.items()} == sizes
    assert sorted(route[:2] for route in layout.routes) == sorted((a, b) for a, b in given_pairs if a != b)


@given(pairs)
def test_each_edge_begins_and_ends_at_its_boxes(given_pairs):
    layout = lay_out(dict.fromkeys([f"s{n:02}" for n in range(14)], (100.0, 40.0)), given_pairs)
    for source, target, points in layout.routes:
        for name, (x, y) in ((source, points[0]), (target, points[-1])):
            box = layout.boxes[name]
            assert abs(x - box.x) <= 50
            assert abs(abs(y - box.y) - 20) < 0.11


@pytest.mark.parametrize(
    ("direction", "axis", "sign"), [(DOWN, 1, 1), (UP, 1, -1), (RIGHT, 0, 1), (LEFT, 0, -1)]
)
def test_without_cycles_all_edges_lead_one_way(direction, axis, sign):
    sizes = dict.fromkeys("abcde", (90.0, 40.0))
    layout = lay_out(sizes, [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")], direction)
    for route in layout.routes:
        assert sign * (layout.boxes[route.target][axis] - layout.boxes[route.source][axis]) > 0
        assert sign * (route.points[-1][axis] - route.points[0][axis]) > 0


@given(pairs, st.integers(1, 5))
def test_each_edge_leads_down_once_few_are_turned_round_and_no_layer_is_too_wide(given_pairs, widest):
    edges = [(int(a[1:]), int(b[1:])) for a, b in given_pairs if a != b]
    graph = layered(14, edges, widest)
    layer_of = {node: number for number, layer in enumerate(graph.layers) for node in layer}
    assert sorted(node for node in layer_of if node < 14) == list(range(14))
    for chain, (source, target), is_turned in zip(graph.chains, edges, graph.is_turned, strict=True):
        assert (chain[0], chain[-1]) == ((target, source) if is_turned else (source, target))
        assert all(layer_of[below] == layer_of[above] + 1 for above, below in pairwise(chain))
    for layer in graph.layers:
        assert sum(node < 14 for node in layer) <= widest
    knots = networkx.strongly_connected_components(networkx.DiGraph(edges))
    home = {node: number for number, knot in enumerate(knots) for node in knot}
    assert not any(turned and home[a] != home[b] for turned, (a, b) in zip(graph.is_turned, edges, strict=True))
    assert sum(graph.is_turned) <= sum(home[a] == home[b] for a, b in edges) / 2


def crossings_by_hand(layers: list[list[int]], graph: Layered) -> int:
    found = 0
    for upper, lower in pairwise(layers):
        ends = [(upper.index(a), lower.index(b)) for a in upper for b in graph.down[a]]
        found += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(ends, 2))
    return found


@given(pairs)
def test_crossings_are_counted_right_and_ordering_never_adds_any(given_pairs):
    graph = layered(14, [(int(a[1:]), int(b[1:])) for a, b in given_pairs if a != b])
    assert count_crossings(graph.layers, graph.down) == crossings_by_hand(graph.layers, graph)
    ordered = order_layers(graph)
    assert [sorted(layer) for layer in ordered] == [sorted(layer) for layer in graph.layers]


def test_a_tree_is_drawn_without_a_crossing_and_a_pair_of_crossed_edges_is_uncrossed():
    tree = layered(31, [(n // 2, n) for n in range(2, 31)] + [(0, 1)])
    assert count_crossings(order_layers(tree), tree.down) == 0
    crossed = layered(4, [(0, 3), (1, 2)])
    assert count_crossings([[0, 1], [2, 3]], crossed.down) == 1
    assert count_crossings(order_layers(crossed), crossed.down) == 0


def test_fleets_of_forty_have_few_crossings_whichever_way_a_walk_through_them_begins():
    crossings = []
    for seed in range(6):
        chance = random.Random(seed)
        graph = layered(40, sorted({tuple(sorted(chance.sample(range(40), 2))) for _ in range(60)}), 11)
        crossings.append(count_crossings(order_layers(graph), graph.down))
    assert sum(crossings) < 345                     # from one start and without sifting they are 366


def test_the_real_fleet_has_few_crossings_and_a_readable_shape():
    services = tomllib.loads(FIXTURE.read_text())["services"]
    number = {name: i for i, name in enumerate(sorted(services))}
    calls = [(a, b) for a in sorted(services) for b in services[a].get("dependencies", ())]
    graph = layered(len(number), [(number[a], number[b]) for a, b in calls], 11)
    at_first, in_the_end = (count_crossings(layers, graph.down) for layers in (graph.layers, order_layers(graph)))
    assert in_the_end < at_first / 3
    assert in_the_end < 275
    layout = lay_out(dict.fromkeys(services, (190.0, 50.0)), calls)
    check(layout)
    assert layout.width < 3_000
    assert layout.height < 1_000


def test_the_same_graph_is_drawn_the_same_in_whatever_order_it_is_given():
    sizes = dict.fromkeys("abcd", (90.0, 40.0))
    edges = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"), ("a", "d")]
    assert lay_out(sizes, edges) == lay_out(sizes, edges)


def test_a_chain_of_a_thousand_and_a_thousand_alone_are_drawn():
    sizes = {f"s{n:04}": (120.0, 40.0) for n in range(1000)}
    chain = lay_out(sizes, list(pairwise(sizes)))
    assert len({box.x for box in chain.boxes.values()}) == 1
    alone = lay_out(sizes, [])
    assert alone.routes == ()
    assert 0.5 < alone.width / alone.height < 4


def test_nothing_is_drawn_as_nothing():
    assert lay_out({}, []) == Layout({}, (), 0.0, 0.0)


def test_a_graph_whose_edges_bend_too_often_is_refused_with_what_to_type():
    sizes = {f"s{n:04}": (120.0, 40.0) for n in range(400)}
    chain = list(sizes)
    with pytest.raises(UsageError) as caught:
        lay_out(sizes, [*pairwise(chain), *zip(chain, chain[300:], strict=False)])
    assert caught.value.message == "too much to draw: the dependencies would bend 29900 times"
    assert caught.value.hint.startswith("draw a part: --around NAME")
