"""What GitHub Actions is told: workflow commands that no foreign text can forge, and a table that it cannot break."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st
from reportkit import foreign, result, results

from mgov.formats.github import MAX_ANNOTATIONS, MAX_ROWS, summary, workflow_commands

COMMAND = re.compile(r"::(error|warning) title=([^:,\r\n]*)::([^\r\n]*)")


def test_an_unhealthy_target_is_an_error_with_properties_and_data_escaped():
    assert workflow_commands([result("unhealthy", "100% lost,\nmaybe", url="http://h:1/")]) == (
        "::error title=orders/a%3A unhealthy::100%25 lost,%0Amaybe (http://h:1/)\n")


def test_a_degraded_target_is_a_warning_and_an_unprobed_one_an_error():
    lines = workflow_commands([result("degraded", "slow"), result(reason="no memory", is_local=True, instance="b")])
    assert [COMMAND.fullmatch(line).group(1, 2) for line in lines.splitlines()] == [
        ("error", "orders/b%3A not probed"), ("warning", "orders/a%3A degraded")]


def test_nothing_is_said_when_all_is_well():
    assert workflow_commands([result(), result("maintenance")]) == ""


def test_more_than_github_keeps_are_counted_in_the_last_one():
    many = workflow_commands([result("unhealthy", instance=str(n)) for n in range(25)]).splitlines()
    assert len(many) == MAX_ANNOTATIONS
    assert many[-1] == "::error title=mgov::and 16 more are failing"
    assert len(workflow_commands([result("unhealthy")] * MAX_ANNOTATIONS).splitlines()) == MAX_ANNOTATIONS


@given(st.lists(results, max_size=5))
def test_every_line_is_one_command_whatever_the_text(given_results):
    for line in workflow_commands(given_results).split("\n")[:-1]:
        assert COMMAND.fullmatch(line), line
        assert "\x1b" not in line


@given(foreign)
def test_decoding_the_data_gives_the_reason_back(reason):
    message = COMMAND.fullmatch(workflow_commands([result("unhealthy", reason, url="")])[:-1]).group(3)
    if reason and all(c.isprintable() or c == "\n" for c in reason):
        assert message.replace("%0A", "\n").replace("%25", "%") == reason


def test_the_summary_has_the_failing_first_and_counts_the_healthy():
    text = summary([result(), result("degraded", instance="b"), result("unhealthy", "refused", instance="c")])
    rows = [html.unescape(line).split(" | ")[:2] for line in text.splitlines() if line.startswith("| ")][2:]
    assert "1 of 3 healthy" in text
    assert rows == [["| unhealthy", "orders/c"], ["| degraded", "orders/b"], ["| healthy", "orders/a"]]


@given(foreign)
def test_foreign_text_stays_one_cell_and_reads_as_it_was(reason):
    row = next(line for line in summary([result(reason=reason)]).splitlines() if line.startswith("| healthy"))
    cells = row.split("|")
    assert len(cells) == 6
    shown = cells[4][1:-1]
    assert set(re.sub(r"&#\d+;", "", shown)).isdisjoint("\\`*_{}[]<>()#+!|~&:@$.\n\r")
    if reason.isprintable():
        assert html.unescape(shown) == reason


def test_a_summary_of_thousands_is_cut_below_githubs_mebibyte():
    worst = "|" * 500
    text = summary([result("unhealthy", worst, service="", url=worst)] * 5000)
    assert len(text.encode()) < 1024 * 1024
    assert f"and {5000 - MAX_ROWS} more" in text
