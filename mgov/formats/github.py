"""What GitHub Actions shows of a look: annotations on the run, and a Markdown table on its summary page.

A workflow command is one line on stdout, `::error title=T::MESSAGE`. Its data escapes `%`, CR and LF as `%25`, `%0D`,
`%0A`; a property also `:` and `,` as `%3A`, `%2C` (actions/toolkit, core/command). GitHub keeps ten errors and ten
warnings of a step and at most 1 MiB of its summary; what is left out is counted in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.formats.visible import clean
from mgov.model.health import DEGRADED, HEALTHY, UNHEALTHY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.model.finding import Finding
    from mgov.model.result import Result

MAX_ANNOTATIONS = 10            # of one level and step
MAX_ROWS = 300                  # 300 rows of escaped foreign text stay below 1 MiB
MAX_CELL_CHARS = 200
_PLAIN = frozenset(" -,/%")


def workflow_commands(results: Sequence[Result]) -> str:
    """An `::error` for each target that is unhealthy or could not be probed, a `::warning` for each degraded one.

    Of more than ten of one level, nine are named and the tenth says how many more there are. '' when all is well.
    """
    errors = [_annotation("error", r) for r in results if r.is_local or r.status == UNHEALTHY]
    warnings = [_annotation("warning", r) for r in results if r.status == DEGRADED and not r.is_local]
    return "".join([*_capped("error", "failing", errors), *_capped("warning", "degraded", warnings)])


def finding_commands(found: Sequence[Finding]) -> str:
    """An `::error` for each finding; of more than ten, nine are named and the tenth says how many more there are."""
    lines = [
        f"::error title={_property(f'{finding.rule}: {finding.subject}')}::{_data(finding.message)}\n"
        for finding in found
    ]
    return "".join(_capped("error", "found", lines))


def summary(results: Sequence[Result], *, title: str = "mgov health") -> str:
    """A Markdown section: the count of healthy targets, and a table with what is not well at its top.

    All ASCII punctuation of foreign text is written as character references, which Markdown never reads as markup
    (CommonMark 2.5), nor GitHub as a link, a mention or a formula.
    """
    ordered = sorted(results, key=_urgency)
    healthy_count = sum(r.status == HEALTHY and not r.is_local for r in results)
    lines = [f"### {_cell(title)}", "", f"{healthy_count} of {len(results)} healthy", ""]
    if ordered:
        lines += ["| status | target | latency | reason |", "| --- | --- | ---: | --- |"]
        lines += [_row(result) for result in ordered[:MAX_ROWS]]
    if len(ordered) > MAX_ROWS:
        lines += ["", f"and {len(ordered) - MAX_ROWS} more"]
    return "\n".join(lines).rstrip("\n") + "\n"


def _annotation(level: str, result: Result) -> str:
    status = "not probed" if result.is_local else result.status
    message = _data(f"{result.reason or status} ({result.url})" if result.url else result.reason or status)
    return f"::{level} title={_property(f'{result.name}: {status}')}::{message}\n"


def _capped(level: str, what: str, lines: list[str]) -> list[str]:
    if len(lines) <= MAX_ANNOTATIONS:
        return lines
    kept = lines[: MAX_ANNOTATIONS - 1]
    return [*kept, f"::{level} title=mgov::and {len(lines) - len(kept)} more are {what}\n"]


def _data(text: str) -> str:
    shown = clean(text if len(text) <= MAX_CELL_CHARS * 5 else text[: MAX_CELL_CHARS * 5 - 1] + "…", keep="\n")
    return shown.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _urgency(result: Result) -> int:
    if result.is_local or result.status == UNHEALTHY:
        return 0
    return 2 if result.status == HEALTHY else 1


def _row(result: Result) -> str:
    status = "not probed" if result.is_local else result.status
    latency = f"{result.latency_ms:.1f} ms" if result.latency_ms is not None else ""
    return f"| {status} | {_cell(result.name)} | {latency} | {_cell(result.reason)} |"


def _cell(text: str) -> str:
    shown = clean(text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + "…")
    return "".join(c if c.isalnum() or not c.isascii() or c in _PLAIN else f"&#{ord(c)};" for c in shown)
