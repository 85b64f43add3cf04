"""The JUnit report, read by parsers that are not ours (FAULTS.md row 82)."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.sax import handler, parseString

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml
from reportkit import foreign, result, results

from mgov.formats.junit import MAX_TEXT_CHARS, junit


def read(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode())


def only_case(one) -> ElementTree.Element:
    return read(junit([one])).find("testsuite/testcase")


def test_a_healthy_instance_is_a_case_without_children_and_its_time_is_in_seconds():
    case = only_case(result())
    assert case.attrib == {"name": "a", "classname": "orders", "time": "0.013"}
    assert list(case) == []


def test_an_unhealthy_instance_is_a_failure_with_its_reason_its_kind_and_the_evidence():
    failure = only_case(result("unhealthy", "connection refused", evidence={"error": "refused"})).find("failure")
    assert failure.attrib == {"message": "connection refused", "type": "refused"}
    assert failure.text == "orders/a: unhealthy: connection refused\nurl: http://127.0.0.1:1/\nerror: refused"


def test_what_could_not_be_probed_from_here_is_an_error_whatever_was_known_before():
    for status in ("healthy", "unhealthy", "maintenance"):
        error = only_case(result(status, "no file descriptor left", is_local=True)).find("error")
        assert error.attrib == {"message": "no file descriptor left", "type": "local-error"}


def test_an_error_says_what_kind_it_is():
    for fields, kind in (({"evidence": {"error": "untrusted"}}, "untrusted"), ({"status": "missing"}, "missing")):
        assert only_case(result(**{"reason": "r", "is_local": True, **fields})).find("error").get("type") == kind


@pytest.mark.parametrize(("status", "reason", "message"), [
    ("maintenance", "disk swap", "maintenance: disk swap"), ("declared", "no check", "declared: no check"),
    ("starting", "", "starting"),
])
def test_what_nobody_judged_is_skipped_with_the_word_for_it(status, reason, message):
    assert only_case(result(status, reason)).find("skipped").attrib == {"message": message}


def test_a_degraded_instance_passes_and_says_so():
    case = only_case(result("degraded", "HTTP 429"))
    assert [child.tag for child in case] == ["system-out"]
    assert case.find("system-out").text == "degraded: HTTP 429"


def test_each_service_is_a_suite_with_its_own_counts_and_bare_urls_are_one_of_their_own():
    root = read(junit([
        result(), result("unhealthy", instance="b"), result("maintenance", service="mail"),
        result(is_local=True, service="mail", instance="b"), result(service="", instance="", url="tcp://db:5432"),
    ]))
    keys = ("name", "tests", "failures", "errors", "skipped")
    assert [tuple(suite.get(key) for key in keys) for suite in root] == [
        ("orders", "2", "1", "0", "0"), ("mail", "2", "0", "1", "1"), ("urls", "1", "0", "0", "0")]
    assert tuple(root.get(key) for key in keys) == ("mgov health", "5", "1", "1", "1")
    assert root[2][0].get("name") == "tcp://db:5432"
    assert root[0].get("timestamp") == "2027-01-15T08:00:00"


def test_an_empty_look_is_a_report_without_suites():
    assert len(read(junit([]))) == 0


@given(st.lists(results, max_size=6))
def test_any_text_in_any_field_makes_valid_xml_with_one_case_per_target(given_results):
    text = junit(given_results)
    root = read(text)
    parseString(text.encode(), handler.ContentHandler())
    assert len(root.findall("testsuite/testcase")) == len(given_results)
    assert sum(int(suite.get("tests")) for suite in root) == len(given_results)


@given(foreign)
def test_printable_text_comes_back_as_it_was_and_nothing_else_steers_a_terminal(reason):
    message = only_case(result("unhealthy", reason or "x")).find("failure").get("message")
    if reason.isprintable() and reason:
        assert message == reason
    assert not {"\x1b", "\x85", "\u202e", "\x00"} & set(message)


def test_a_text_of_a_megabyte_is_shortened():
    message = only_case(result("unhealthy", "x" * 1_000_000)).find("failure").get("message")
    assert len(message) == MAX_TEXT_CHARS


def test_a_reader_of_test_reports_finds_each_target_with_its_outcome():
    text = junit([
        result(), result("unhealthy", "\x1b]0;refused", service="users"), result("maintenance", "moving", instance="b"),
        result("starting", "no file left", service="mail", is_local=True),
        result("missing", "nothing is registered", service="zoo", instance="", url="", evidence={}, is_local=True),
    ])
    suites = JUnitXml.fromstring(text.encode())
    assert (suites.tests, suites.failures, suites.errors, suites.skipped) == (5, 1, 2, 1)
    assert {
        (case.classname, case.name): [type(outcome).__name__ for outcome in case.result]
        for suite in suites for case in suite
    } == {("orders", "a"): [], ("orders", "b"): ["Skipped"], ("users", "a"): ["Failure"], ("mail", "a"): ["Error"],
          ("zoo", "zoo"): ["Error"]}
