"""A report's page: whole HTML of its own, nothing foreign in its markup, and small whatever the fleet holds."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.formats.html import page
from mgov.formats.html.markup import Head, Raw, element, joined, table, text
from mgov.formats.html.words import meter, score_kind, sign
from mgov.model.auditpolicy import WEIGHTS, Waiver
from mgov.model.breaker import Breaker
from mgov.model.fleetreport import BreakerLine, LimitLine, Report, Running
from mgov.model.graph import Edge, Graph
from mgov.model.health import Health
from mgov.model.instance import Instance
from mgov.model.limit import LimitPolicy
from mgov.model.picture import Node, picture_of
from mgov.model.practice import Breach
from mgov.model.scorecard import Waived, score_fleet
from mgov.model.service import Service

AT = 1_800_000_000.0
HOSTILE = "<script>alert(1)</script>\"'&amp;--><!-- </style>\x1b[31m\u202eabc\x00]]>"
VOID = {"meta", "link", "input", "br"}
OPTIONAL = {"td", "tr"}                         # whose end tags HTML lets one leave out


class Reader(HTMLParser):
    """Reads a page: its elements, its text, what its attributes load; fails on a tag that is not closed."""

    def __init__(self, content):
        super().__init__()
        self.tags, self.stack, self.words, self.attributes = [], [], [], []
        self.feed(content)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag in ("tr", "td"):
            while self.stack[-1] in ("td", "tr")[: 2 if tag == "tr" else 1]:
                self.stack.pop()
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        while self.stack[-1] in OPTIONAL and self.stack[-1] != tag:
            self.stack.pop()
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] not in ("script", "style"):
            self.words.append(data)


def report(*, names=("web", "orders"), foreign="", instances_each=2, status="unhealthy", **more):
    """A report over these services, each needing the next; `foreign` stands wherever others write text."""
    nodes = {
        name: Node(Service(name, title=foreign, owner=foreign, domain=foreign, version=foreign), status, 2, 0)
        for name in names
    }
    edges = [Edge(*ends) for ends in pairwise(names)]
    running = tuple(
        Running(
            Instance(name, f"{name}-{n}", "h", 80 + n, region=foreign),
            Health(status, False, foreign, AT - 5, 12.34, None),
        )
        for name in names
        for n in range(instances_each)
    )
    breaches = [Breach("redundancy", name, foreign or "it has one", foreign or "mgov x") for name in names]
    waiver = Waiver("redundancy", "*", foreign or "r", "2020-01-01")
    card = score_fleet(frozenset(names), breaches, WEIGHTS, [waiver], today="2026-01-01")
    card = card._replace(waived=(Waived(Breach("api", "web", foreign, foreign), waiver),))
    return Report(
        AT, foreign or "/srv/.mgov", picture_of(Graph(edges, names), nodes), running, card,
        (BreakerLine("web", "", Breaker("open", reason=foreign, total=3, failed=2)),),
        (LimitLine("web", LimitPolicy(100, 60_000, 20), 0, 12.0),),
        AT - 60, (f"services/{foreign}.toml",), foreign, **more,
    )  # fmt: skip


def styles_and_scripts(content):
    return re.findall(r"<style>(.*?)</style>", content, re.S), re.findall(r"<script>(.*?)</script>", content, re.S)


def test_the_page_tells_what_fails_with_the_command_to_type_and_has_each_part():
    read = Reader(page(report()))
    words = " ".join("".join(read.words).split())
    for told in (
        "Fleet report", "2services, 2 failing", "0of 4 instances healthy", "orders is unhealthy fails with it: web",
        "mgov why orders", "The breaker of web is open", "The limit web refuses now", "services/.toml is damaged",
        "The waiver of redundancy for * ended on 2020-01-01", "4 unhealthy", "last sweep 1m ago", "12.3 ms",
    ):  # fmt: skip
        assert told in words, told
    assert read.tags.count("section") == 7
    assert read.tags.count("svg") > 2


def test_the_policy_of_the_page_lets_in_its_own_styles_and_script_and_nothing_else():
    content = page(report())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', content)[1]
    assert content.index(policy) < content.index("<style>")
    styles, scripts = styles_and_scripts(content)
    hashed = [f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in (*styles, *scripts)]
    assert (len(styles), len(scripts)) == (2, 1)
    assert policy == (
        f"default-src 'none'; style-src {hashed[0]} {hashed[1]}; script-src {hashed[2]}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_in_the_page_is_loaded_or_styled_from_an_attribute():
    for name, value in Reader(page(report())).attributes:
        assert name not in ("src", "style", "srcset", "action"), (name, value)
        assert not name.startswith("on"), (name, value)
        assert name != "href" or value.startswith(("#", "data:")), value


def test_foreign_text_is_shown_and_never_markup():
    plain, hostile = Reader(page(report(foreign="x"))), Reader(page(report(foreign=HOSTILE)))
    assert hostile.tags == plain.tags
    shown = "".join(hostile.words)
    assert "<script>alert(1)</script>" in shown
    assert "\\x1b[31m\\u202eabc\\x00" in shown
    assert not {"\x1b", "\u202e", "\x00"} & set(shown)


@given(st.text(max_size=40))
def test_any_text_is_read_back_as_it_was_or_with_escapes(foreign):
    read = Reader(f"<p>{text(foreign)}</p>")
    assert read.tags == ["p"]
    if foreign.isprintable():
        assert "".join(read.words) == foreign
    assert Reader(f'<p title="{text(foreign)}"></p>').tags == ["p"]


def test_an_empty_fleet_is_told_what_to_type():
    empty = Report(AT, "s", picture_of(Graph(()), {}))
    read = Reader(page(empty))
    assert "No service is registered yet." in "".join(read.words)
    assert (read.tags.count("section"), read.tags.count("table")) == (1, 0)


def test_what_was_never_looked_at_is_not_called_well():
    words = "".join(Reader(page(report(status="starting")._replace(looked_at=None))).words)
    assert "4 instances not looked at yet" in words
    assert "never swept" in words
    assert "Nothing fails" not in words


def test_a_fleet_that_is_well_is_told_so():
    well = report(status="healthy")._replace(breakers=(), limits=(), damaged=(), card=None)
    assert "Nothing fails." in "".join(Reader(page(well)).words)


def test_where_everything_fails_the_one_who_looked_is_suspected_and_few_roots_are_named():
    words = "".join(Reader(page(report(names=("a", "b", "c", "d"))._replace(picture=report(
        names=("a", "b", "c", "d")).picture._replace(edges=())))).words)  # fmt: skip
    assert "Not one service is well. Is it what they share, or the machine that looked?" in words
    assert "1 more fail for reasons of their own" in words


@pytest.mark.slow
def test_a_page_stays_below_3_mb_whatever_a_fleet_holds():
    names = tuple(f"service-{n:05}" for n in range(1_000))
    content = page(report(names=names, foreign="<&>" * 200, instances_each=10))
    assert len(content.encode()) < 3_000_000
    assert "more: <code>mgov instances</code>" in content
    Reader(content)


def test_a_table_ends_where_it_has_used_its_room_and_says_how_much_is_left():
    heads = (Head("A"), Head("B", is_number=True, is_wide=True), Head("C", is_minor=True))
    rows = [(f"a{n}", str(n), "<i>") for n in range(50)]
    shown = table("T", heads, rows, most_bytes=100, rest="mgov x")
    assert shown.count("<tr>") == 1 + 4
    assert '<table class="rows num2 wide2 minor3">' in shown
    assert "<tr><td>a0<td>0<td>&lt;i&gt;" in shown
    assert '<p class="more">and 46 more: <code>mgov x</code></p>' in shown
    assert "more" not in table("T", heads, rows[:4], most_bytes=100, rest="mgov x")


def test_only_what_this_package_made_is_taken_as_markup():
    assert joined(("<a>", Raw("<b>")), "|") == "&lt;a&gt;|<b>"
    assert element("p", 'a"<', kind='x"') == '<p class="x&quot;">a&quot;&lt;</p>'
    assert text("x" * 400) == "x" * 299 + "…"


def test_each_status_has_a_word_beside_its_colour():
    assert sign("unhealthy", "stale") == '<b class=bad>unhealthy</b>, stale'
    assert sign("missing") == '<b class=bad>not registered</b>'
    assert sign("<x>") == '<b class=soft>&lt;x&gt;</b>'
    assert [score_kind(score) for score in (100, 80, 79, 50, 49)] == ["good", "good", "warn", "warn", "bad"]
    assert 'width="0"' in meter(-1, "bad")
    assert 'width="100" height="8"/></svg>' in meter(7, "good")
