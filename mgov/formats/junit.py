"""JUnit XML, as CI servers read it: one testsuite per service, one testcase per instance.

unhealthy is a failure; what could not be probed from here is an error, for it says nothing about the target;
maintenance, declared and starting are skipped; degraded passes and says so in system-out. There is no standard: the
elements and attributes are those of Ant's junitreport that Jenkins, GitLab and Azure agree on; times are seconds. The
text is XML 1.0 whatever a peer answered: a character outside its `Char` production (section 2.2) is shown as an escape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.formats.visible import clean
from mgov.model.health import DEGRADED, HEALTHY, MISSING, UNHEALTHY
from mgov.model.measurement import LOCAL_ERROR
from mgov.model.units import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.model.finding import Finding
    from mgov.model.result import Result

MAX_TEXT_CHARS = 4096           # of one foreign text: a report is read by people
URLS = "urls"                   # the suite of bare URLs, which belong to no service
_NONCHARACTERS = ("\ufffe", "\uffff")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}


def junit(results: Sequence[Result], *, name: str = "mgov health") -> str:
    """The report over `results`: suites in the order in which their services come, cases in the order given."""
    suites: dict[str, list[Result]] = {}
    for result in results:
        suites.setdefault(result.service or URLS, []).append(result)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{_attributes(name, results)}>"]
    for service, members in suites.items():
        lines.append(f"  <testsuite{_attributes(service, members)}{_timestamp(members)}>")
        for member in members:
            lines += _case(service, member)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def junit_findings(found: Sequence[Finding], rules: Sequence[str], *, name: str) -> str:
    """The report over rules: one testsuite with a testcase for each finding, a failure, and one for each rule that
    nothing breaks."""
    cases = []
    for rule in rules:
        broken = [finding for finding in found if finding.rule == rule]
        if not broken:
            cases.append(f"    <testcase{_attribute('name', rule)}{_attribute('classname', name)}/>")
        for finding in broken:
            label = f"{rule}: {finding.subject}"
            failure = f"<failure{_attribute('message', finding.message)}{_attribute('type', rule)}>"
            cases += [
                f"    <testcase{_attribute('name', label)}{_attribute('classname', name)}>",
                f"      {failure}{_text(f'{label}: {finding.message}')}</failure>",
                "    </testcase>",
            ]
    case_count = sum("<testcase" in line for line in cases)
    counts = _attribute("name", name) + f' tests="{case_count}" failures="{len(found)}" errors="0"'
    head = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{counts}>", f'  <testsuite{counts} skipped="0">']
    return "\n".join([*head, *cases, "  </testsuite>", "</testsuites>"]) + "\n"


def _attributes(name: str, results: Sequence[Result]) -> str:
    outcomes = [_outcome(result) for result in results]
    seconds = sum((result.latency_ms or 0.0) / 1000 for result in results)
    return _attribute("name", name) + (
        f' tests="{len(results)}" failures="{outcomes.count("failure")}" errors="{outcomes.count("error")}"'
        f' skipped="{outcomes.count("skipped")}" time="{seconds:.3f}"'
    )


def _timestamp(results: Sequence[Result]) -> str:
    moments = [result.checked_at for result in results if result.checked_at is not None]
    # ISO 8601 without fraction or zone, as junitreport writes it; some readers take nothing else.
    return _attribute("timestamp", format_time(min(moments))[:19]) if moments else ""


def _case(service: str, result: Result) -> list[str]:
    label = result.instance or result.url or result.service
    head = (
        f"    <testcase{_attribute('name', label)}{_attribute('classname', service)}"
        f' time="{(result.latency_ms or 0.0) / 1000:.3f}"'
    )
    outcome, reason = _outcome(result), result.reason or result.status
    if outcome == "failure":
        kind = str(result.evidence.get("error") or result.status)
        inner = _child("failure", reason, kind, result)
    elif outcome == "error":
        kind = MISSING if result.status == MISSING else str(result.evidence.get("error") or LOCAL_ERROR)
        inner = _child("error", reason, kind, result)
    elif outcome == "skipped":
        inner = f"<skipped{_attribute('message', _joined(result.status, result.reason))}/>"
    elif result.status == DEGRADED:
        inner = f"<system-out>{_text(_joined(DEGRADED, result.reason))}</system-out>"
    else:
        return [f"{head}/>"]
    return [f"{head}>", f"      {inner}", "    </testcase>"]


def _child(tag: str, reason: str, kind: str, result: Result) -> str:
    return f"<{tag}{_attribute('message', reason)}{_attribute('type', kind)}>{_text(_facts(result))}</{tag}>"


def _outcome(result: Result) -> str:
    if result.is_local:
        return "error"
    if result.status == UNHEALTHY:
        return "failure"
    return "" if result.status in (HEALTHY, DEGRADED) else "skipped"


def _facts(result: Result) -> str:
    lines = [f"{result.name}: {_joined(result.status, result.reason)}", *([f"url: {result.url}"] if result.url else [])]
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in result.evidence.items())])


def _joined(status: str, reason: str) -> str:
    return f"{status}: {reason}" if reason else status


def _attribute(name: str, value: str) -> str:
    return f' {name}="{_text(value)}"'


def _text(text: str) -> str:
    if len(text) > MAX_TEXT_CHARS:
        text = text[: MAX_TEXT_CHARS - 1] + "…"
    shown = clean(text, keep="\n\t")
    for c in _NONCHARACTERS:
        shown = shown.replace(c, f"\\u{ord(c):04x}")
    return "".join(_ENTITIES.get(c, c) for c in shown)
