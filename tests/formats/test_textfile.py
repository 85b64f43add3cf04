"""Prometheus' text format, checked by promtool and by a parser of its grammar (FAULTS.md row 83)."""

from __future__ import annotations

import random
import re
import subprocess

from hypothesis import given
from hypothesis import strategies as st
from reportkit import foreign, result, results

from mgov.formats.textfile import METRICS, textfile

SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"')


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            unescaped = tuple(
                (key, re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value_))
                for key, value_ in LABEL.findall(labels))
            assert (name, unescaped) not in found, "a series stands twice"
            found[name, unescaped] = float(value)
    return found


def promtool(require, text: str) -> tuple[int, str]:
    done = subprocess.run([require("promtool"), "check", "metrics"], input=text.encode(), capture_output=True,
                          timeout=20, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_promtool_finds_nothing_to_say_about_every_status_and_the_worst_labels(require):
    fleet = [
        result(), result("unhealthy", instance="b", latency_ms=None), result("degraded", instance='c"\\\n\x1b'),
        result("maintenance", instance="d", checked_at=None), result("declared", instance="e\ud800"),
        result("starting", instance="f", is_local=True), result(service="", instance="", url="tcp://db:5432"),
    ]
    assert promtool(require, textfile(fleet).text) == (0, "")


def test_promtool_would_find_a_quote_that_is_not_escaped(require):
    code, said = promtool(require, textfile([result()]).text.replace('"orders"', '"or"ders"'))
    assert (code, "error while linting" in said) == (1, True)


def test_one_instance_is_these_lines():
    lines = textfile([result("degraded")]).text.splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'mgov_instance_up{service="orders",instance_id="a"} 1',
        'mgov_instance_status{service="orders",instance_id="a",status="starting"} 0',
        'mgov_instance_status{service="orders",instance_id="a",status="healthy"} 0',
        'mgov_instance_status{service="orders",instance_id="a",status="degraded"} 1',
        'mgov_instance_status{service="orders",instance_id="a",status="unhealthy"} 0',
        'mgov_instance_status{service="orders",instance_id="a",status="maintenance"} 0',
        'mgov_instance_status{service="orders",instance_id="a",status="declared"} 0',
        'mgov_instance_latency_seconds{service="orders",instance_id="a"} 0.0125',
        'mgov_instance_checked_timestamp_seconds{service="orders",instance_id="a"} 1800000000.25',
    ]


def test_up_is_absent_where_nobody_knows():
    fleet = [result("declared"), result(instance="b", is_local=True), result("unhealthy", instance="c")]
    ups = {dict(labels)["instance_id"]: value for (name, labels), value in samples(textfile(fleet).text).items()
           if name == "mgov_instance_up"}
    assert ups == {"c": 0.0}


def test_the_order_of_the_input_does_not_show():
    fleet = [result(instance=f"i{n}", service=f"s{n % 7}") for n in range(50)]
    shuffled = random.Random(1).sample(fleet, len(fleet))
    assert textfile(shuffled) == textfile(fleet)


def test_of_a_target_given_twice_the_newer_look_stands():
    text = textfile([result("unhealthy", checked_at=20.0), result(checked_at=10.0)]).text
    assert samples(text)["mgov_instance_up", (("service", "orders"), ("instance_id", "a"))] == 0.0


def test_beyond_the_cap_healthy_targets_are_left_out_with_a_note_and_the_failing_stay():
    fleet = [result(instance=f"h{n:03}") for n in range(100)] + [result("unhealthy", instance="z")]
    rendering = textfile(fleet, max_series=90)
    assert rendering.notes == ("91 of 101 targets left out of the metrics: 90 series at most",)
    assert len(samples(rendering.text)) == 90
    assert 'mgov_instance_up{service="orders",instance_id="z"} 0' in rendering.text
    assert textfile(fleet).notes == ()


def test_no_results_are_no_metrics():
    assert textfile([]) == ("", ())


@given(st.lists(results, max_size=6))
def test_any_text_makes_lines_of_the_grammar_and_every_metric_is_introduced_once(given_results):
    text = textfile(given_results).text
    text.encode("utf-8")
    found = samples(text)
    for metric in {name for name, _ in found}:
        assert text.count(f"# HELP {metric} ") == text.count(f"# TYPE {metric} gauge\n") == 1
        assert metric in METRICS


@given(foreign)
def test_a_label_is_read_back_as_it_was(instance):
    found = samples(textfile([result(instance=instance)]).text)
    expected = instance.encode("utf-8", "replace").decode()
    assert {dict(labels)["instance_id"] for _, labels in found} == {expected}
