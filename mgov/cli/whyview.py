"""The explanation of one service, as a screen, as rows and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.cli.breaker_rows import breaker_json, retry_at, state_text
from mgov.cli.rows import style
from mgov.cli.screen import Section, ago, lasting, render
from mgov.cli.text import BOLD, DIM, GREEN, RED, YELLOW
from mgov.cli.times import time_of
from mgov.cli.view import Column
from mgov.model.breaker_document import label
from mgov.model.health import HEALTHY
from mgov.model.impact import Impact
from mgov.model.picture import EMPTY
from mgov.model.service import ASYNCHRONOUS
from mgov.model.units import format_age

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.output import Output
    from mgov.cli.screen import Cell
    from mgov.governance.why import Why
    from mgov.model.standing import Standing
    from mgov.model.why import Event, Root, Sufferer, Witness

WHY_COLUMNS = (
    Column("section"),
    Column("name"),
    Column("state", style=style),
    Column("at"),
    Column("detail"),
)
SHOWN_WITNESSES = 3
SHOWN_EVENTS = 6
SHOWN_SUFFERERS = 8
_COLORS = {HEALTHY: GREEN, "unhealthy": RED}


def why_rows(why: Why) -> list[tuple[Any, ...]]:
    """Everything as rows; what stands in `state`, `at` and `detail` follows from the section."""
    rows: list[tuple[Any, ...]] = [("prober", "", "suspect", None, why.suspicion)] if why.suspicion else []
    rows.append(("service", why.standing.service, why.standing.status, time_of(why.standing.since), _headline(why)))
    rows += [("damaged", name, "unreadable", None, "") for name in why.damaged]
    for root in why.roots:
        standing = root.standing
        rows.append(("root", standing.service, standing.status, time_of(standing.since), " ".join(root.path)))
        for w in root.witnesses:
            name = f"{standing.service}/{w.instance}"
            rows.append(("evidence", name, w.health.status, time_of(w.health.checked_at), "; ".join(_facts(w))))
    rows += [("change", e.service, e.kind, time_of(e.at), _event_text(e)) for e in why.events]
    for shown in why.breakers:
        name = f"{shown.service}/{shown.instance}" if shown.instance else shown.service
        rows.append(("breaker", name, label(shown.breaker), retry_at(shown.breaker), shown.breaker.reason))
    rows += [("failing", name, "optional", None, "") for name in why.soft]
    rows += [("missing", name, "not registered", None, "") for name in why.missing]
    rows += [("suffers", s.impact.service, _status_of(s), None, _need_words(s.impact)) for s in why.sufferers]
    return rows + [("next", str(i), "", None, step) for i, step in enumerate(why.next_steps, 1)]


def why_json(why: Why) -> dict[str, Any]:
    """Everything as scripts read it."""
    return {
        **_standing_json(why.standing),
        "at": time_of(why.at),
        "roots": [
            {**_standing_json(root.standing), "path": list(root.path),
             "instances": [_witness_json(witness) for witness in root.witnesses]}
            for root in why.roots
        ],
        "window": {"from": time_of(why.window.start), "to": time_of(why.window.end)} if why.window else None,
        "changes": [{**event._asdict(), "at": time_of(event.at)} for event in why.events],
        "breakers": [breaker_json(one.service, one.instance, one.breaker) for one in why.breakers],
        "suffers": [
            {"service": s.impact.service, "status": _status_of(s), "path": list(s.impact.path), "type": s.impact.type,
             "optional": s.impact.is_optional}
            for s in why.sufferers
        ],
        "failing_optional": list(why.soft),
        "missing": list(why.missing),
        "damaged": list(why.damaged),
        "suspicion": why.suspicion or None,
        "next": list(why.next_steps),
    }  # fmt: skip


def why_screen(why: Why, out: Output) -> str:
    """Everything as a person reads it."""
    color = _COLORS.get(why.standing.status, YELLOW)
    sections = [
        Section("suspect", [[(why.suspicion, RED)]] if why.suspicion else [], wraps=True),
        Section("now", [[(_headline(why), color)], [(_age(why), DIM)]], wraps=True),
        *(section for root in why.roots for section in _root_sections(why, root)),
        Section("damaged", [[(f"{name}: its files cannot be read", RED)] for name in why.damaged], wraps=True),
        Section("missing", [[(f"{name} is needed, and nobody registered it", YELLOW)] for name in why.missing]),
        Section("before", _events(why), wraps=True),
        Section("breakers", [
            [(f"{one.service}/{one.instance}" if one.instance else one.service, YELLOW),
             (state_text(one.breaker, why.at), None)]
            for one in why.breakers
        ], wraps=True),
        Section("also", [[(f"{name} fails, which it can do without", None)] for name in why.soft]),
        Section("suffers", _sufferers(why)),
        Section("next", [[(step, BOLD)] for step in why.next_steps]),
    ]  # fmt: skip
    return render(sections, out)


def _headline(why: Why) -> str:
    standing = why.standing
    name = standing.service
    others = list(dict.fromkeys(root.standing.service for root in why.roots if root.standing.service != name))
    roots = " and ".join(others)
    long = lasting(standing.since, why.at)
    if standing.is_failing:
        text = f"{name} fails {long}".rstrip()
        return f"{text}, because of {roots}" if roots else text
    served = f"{standing.counts.get(HEALTHY, 0)} of {standing.total} healthy"
    if standing.is_troubled:
        text = f"{name} fails in part {long}".rstrip() + f": {served}"
    elif standing.status == HEALTHY:
        text = f"{name} is well {long}".rstrip()
    else:
        words = {EMPTY: "has no instances", "starting": "was never looked at", "declared": "has no check"}
        text = f"{name} {words.get(standing.status, f'is in {standing.status}')}"
    if not roots:
        return text
    fails = any(root.standing.is_failing for root in why.roots)
    return f"{text}, but it needs {roots}, which {'fail' if len(others) > 1 else 'fails'}{'' if fails else ' in part'}"


def _age(why: Why) -> str:
    known = [root.standing for root in why.roots] or [why.standing]
    ages = [standing.checked_at for standing in known if standing.checked_at is not None]
    if not ages:
        return "nobody looked at it yet"
    stale = any(standing.is_stale for standing in known)
    return f"as last seen {ago(min(ages), why.at)}{', which is too old to trust' if stale else ''}"


def _root_sections(why: Why, root: Root) -> list[Section]:
    standing = root.standing
    served = f"{standing.counts.get(HEALTHY, 0)} of {standing.total} healthy"
    line = f"{standing.service} {'fails' if standing.is_failing else 'fails in part'} "
    line += f"{lasting(standing.since, why.at)}, {served}" if standing.since is not None else served
    rows: list[list[Cell]] = [[(line, RED)], [(" -> ".join(root.path), None)]] if len(root.path) > 1 else []
    facts: list[list[Cell]] = []
    unlike = _unlike(root.witnesses)
    shown = unlike[:SHOWN_WITNESSES]
    for witness in shown:
        facts.append([(f"{witness.instance}  {witness.url}", BOLD)])
        facts += [[(f"  {fact}", None)] for fact in _facts(witness)]
    if more := len(root.witnesses) - len(shown):
        alike = " like it" if len(unlike) == 1 else ""
        facts.append([(f"and {more} more{alike}: mgov health {standing.service}", DIM)])
    return [Section("root", rows, wraps=True), Section("evidence", facts, wraps=True)]


def _unlike(witnesses: Sequence[Witness]) -> list[Witness]:
    """The first of each that fail for the same reason: ten that refuse say no more than one."""
    first: dict[str, Witness] = {}
    for witness in witnesses:
        first.setdefault(witness.health.reason, witness)
    return list(first.values())


def _facts(witness: Witness) -> list[str]:
    """What was seen, one line each: observed against expected, how far it got."""
    evidence = witness.evidence
    if evidence is None:
        return [witness.health.reason]
    facts = [f"expected {wanted}, observed {seen}" for wanted, seen in evidence.unmet] if evidence.phases else []
    lines = facts if evidence.reason in facts else [witness.health.reason, *facts]
    if evidence.phases:
        lines.append(", ".join(f"{word} {ms:.1f} ms" for word, ms in evidence.phases))
    return lines


def _events(why: Why) -> list[list[Cell]]:
    if why.window is None:
        return []
    if not why.events:
        return [[("nothing is known to have changed in the 15 minutes before", DIM)]]
    end = why.window.end
    rows: list[list[Cell]] = [
        [(f"{format_age(end - e.at)} before", None), (e.service, None), (_event_text(e), None)]
        for e in why.events[:SHOWN_EVENTS]
    ]
    more = len(why.events) - SHOWN_EVENTS
    return [*rows, [(f"and {more} more: mgov why {why.standing.service} -o json", DIM)]] if more > 0 else rows


def _event_text(event: Event) -> str:
    return f"{event.text}, by {event.by}" if event.by else event.text


def _sufferers(why: Why) -> list[list[Cell]]:
    rows: list[list[Cell]] = [
        [(s.impact.service, None), (_need_words(s.impact), None), (_status_of(s), _COLORS.get(_status_of(s)))]
        for s in why.sufferers[:SHOWN_SUFFERERS]
    ]
    more = len(why.sufferers) - SHOWN_SUFFERERS
    return [*rows, [(f"and {more} more: mgov graph impact {why.standing.service}", DIM)]] if more > 0 else rows


def _need_words(impact: Impact) -> str:
    kind = "asynchronous" if impact.type == ASYNCHRONOUS else ""
    words = [word for word in ("optional" if impact.is_optional else "required", kind) if word]
    via = f" through {impact.path[1]}" if len(impact.path) > 2 else ""
    return ", ".join(words) + via


def _status_of(sufferer: Sufferer) -> str:
    return sufferer.standing.status if sufferer.standing is not None else "unreadable"


def _standing_json(standing: Standing) -> dict[str, Any]:
    return {
        "service": standing.service,
        "status": standing.status,
        "since": time_of(standing.since),
        "reason": standing.reason,
        "checked_at": time_of(standing.checked_at),
        "stale": standing.is_stale,
        "statuses": dict(standing.counts),
    }


def _witness_json(witness: Witness) -> dict[str, Any]:
    health, evidence = witness.health, witness.evidence
    return {
        "id": witness.instance,
        "url": witness.url,
        "status": health.status,
        "reason": health.reason,
        "since": time_of(health.since),
        "checked_at": time_of(health.checked_at),
        "evidence": dict(evidence.facts) if evidence is not None else None,
        "evidence_at": time_of(evidence.at) if evidence is not None else None,
    }
