"""The fleet on one screen, as rows and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.cli.breaker_rows import breaker_json, retry_at, state_text
from mgov.cli.rows import style
from mgov.cli.screen import Section, ago, height_of, lasting, render
from mgov.cli.text import BOLD, DIM, GREEN, RED, YELLOW
from mgov.cli.times import time_of
from mgov.cli.view import Column
from mgov.model.breaker_document import label
from mgov.model.health import HEALTHY
from mgov.model.overview import RUNNING, SILENT
from mgov.model.units import format_age, format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.output import Output
    from mgov.cli.screen import Cell
    from mgov.governance.overview import Status
    from mgov.model.overview import Trouble
    from mgov.store.base import Change

STATUS_COLUMNS = (
    Column("section"),
    Column("name"),
    Column("state", style=style),
    Column("at"),
    Column("detail"),
    Column("cause"),
)
FEW = 2                                         # rows of each lesser section, where there are more
SMALLEST_SCREEN = 24
OTHER_LINES = 18                                # of a screen with everything on it, without the services that fail
FEWEST_TROUBLES = 4
_STATUS_ORDER = ("healthy", "degraded", "unhealthy", "starting", "maintenance", "declared")


def status_rows(known: Status) -> list[tuple[Any, ...]]:
    """Everything as rows: what stands in `state`, `at` and `detail` follows from the section; see `mgov status -h`."""
    counts = known.statistics
    rows: list[tuple[Any, ...]] = [("prober", "", "suspect", None, known.suspicion, "")] if known.suspicion else []
    rows += [("damaged", path, "left out", None, "", "") for path in known.damaged]
    rows += [("damaged", name, "held", None, "its last good copy is in force", "") for name in known.held]
    rows += [("fleet", "services", counts["total_services"], None, "", "")]
    rows += [("fleet", "instances", counts["total_instances"], None, "", "")]
    rows += [("fleet", word, known.totals[word], None, "", "") for word in _STATUS_ORDER]
    rows += [("fleet", "stale", known.stale_count, None, "", ""), ("fleet", "unseen", known.unseen_count, None, "", "")]
    look, watcher = known.look, known.watcher
    if look is not None:
        seen = f"{look.target_count} targets, {look.failed_count} failed"
        rows.append(("sweep", look.pattern, "done", time_of(look.at), seen, ""))
    every = f"every {format_duration(watcher.every_s)}" if watcher.every_s else ""
    rows.append(("watcher", watcher.pattern, watcher.state, time_of(watcher.last_at) if every else None, every, ""))
    for trouble in known.troubles:
        standing = trouble.standing
        cause = ",".join(name for root in trouble.roots for name in root)
        rows.append(
            ("service", standing.service, standing.status, time_of(standing.since), standing.reason, cause)
        )
    for shown in known.refusing_breakers:
        name = f"{shown.service}/{shown.instance}" if shown.instance else shown.service
        rows.append(("breaker", name, label(shown.breaker), retry_at(shown.breaker), shown.breaker.reason, ""))
    rows += [("limit", r.key, "refuses", None, r.policy.rate, "") for r in known.refusing]
    for change in known.configs:
        service, environment, version = _config(change)
        rows.append((
            "config", f"{service} {environment} {version}", _operation(change), time_of(change.at), change.message,
            change.author,
        ))  # fmt: skip
    rows += [("next", str(i), "", None, step, "") for i, step in enumerate(known.next_steps, 1)]
    return rows


def status_json(known: Status) -> dict[str, Any]:
    """Everything as scripts read it."""
    look, watcher = known.look, known.watcher
    return {
        "at": time_of(known.at),
        "registry": {
            **known.statistics,
            "statuses": dict(known.totals),
            "stale_count": known.stale_count,
            "unseen_count": known.unseen_count,
        },
        "worst": [_trouble_json(trouble) for trouble in known.troubles],
        "breakers": [breaker_json(one.service, one.instance, one.breaker) for one in known.breakers],
        "limits": [
            {"name": r.name, "rate": r.policy.rate, "burst": r.policy.burst, "key": r.key, "key_count": r.key_count,
             "retry_after_s": r.retry_after_s}
            for r in known.refusing
        ],
        "tracing": None,
        "configs": [
            dict(zip(("service", "environment", "version"), _config(change), strict=True))
            | {"author": change.author, "at": time_of(change.at), "message": change.message,
               "operation": _operation(change)}
            for change in known.configs
        ],
        "change_count": known.change_count,
        "has_more_changes": known.has_more_changes,
        "sweep": {
            "pattern": look.pattern, "started_at": time_of(look.started_at), "at": time_of(look.at),
            "target_count": look.target_count, "failed_count": look.failed_count,
        } if look is not None else None,
        "watcher": {
            "state": watcher.state, "pattern": watcher.pattern or None, "interval_s": watcher.every_s or None,
            "last_at": time_of(watcher.last_at) if watcher.every_s else None,
        },
        "damaged": list(known.damaged),
        "held": list(known.held),
        "suspicion": known.suspicion or None,
        "next": list(known.next_steps),
    }  # fmt: skip


def status_screen(known: Status, out: Output, *, now: float | None = None) -> str:
    """Everything as a person reads it at a glance; ages are as of `now` [the moment of the status]."""
    at = known.at if now is None else now
    height = height_of(out)
    most = len(known.troubles) if height is None else max(
        FEWEST_TROUBLES, max(height, SMALLEST_SCREEN) - OTHER_LINES
    )
    failing = [trouble for trouble in known.troubles if trouble.standing.is_failing]
    partly = [trouble for trouble in known.troubles if not trouble.standing.is_failing]
    some = max(1, most - len(failing))
    sections = [
        Section("suspect", [[(known.suspicion, RED)]] if known.suspicion else [], wraps=True),
        Section("damaged", _damaged(known)),
        Section("fleet", [_fleet(known)], wraps=True),
        Section("looked", [[(_looked(known, at), None)]], wraps=True),
        Section("failing", _cut(_failing_rows(failing, at, most), most, "mgov status -o name")),
        Section("partly", _cut([_trouble_row(t, at, YELLOW) for t in partly], some, "mgov status -o name")),
        Section("breakers", _cut(_breakers(known, at), FEW, "mgov breaker list")),
        Section("limits", _cut(_limits(known), FEW, "mgov limit list")),
        Section("configs", _cut(_configs(known, at), FEW, "mgov history --since 24h")),
        Section("next", [[(step, BOLD)] for step in known.next_steps]),
    ]
    return render(sections, out)


def _trouble_json(trouble: Trouble) -> dict[str, Any]:
    standing = trouble.standing
    return {
        "service": standing.service,
        "status": standing.status,
        "since": time_of(standing.since),
        "reason": standing.reason,
        "instance": standing.worst or None,
        "checked_at": time_of(standing.checked_at),
        "stale": standing.is_stale,
        "statuses": dict(standing.counts),
        "roots": [list(root) for root in trouble.roots],
        "failing_count": trouble.failing_count,
        "endangered_count": trouble.endangered_count,
    }


def _fleet(known: Status) -> list[Cell]:
    statistics = known.statistics
    count, instances = statistics["total_services"], statistics["total_instances"]
    if not count:
        return [("nobody is registered yet", None)]
    words = [f"{known.totals[word]} {word}" for word in _STATUS_ORDER if known.totals[word]]
    words += [f"{known.stale_count} stale"] if known.stale_count else []
    text = f"{_counted(count, 'service')}, {_counted(instances, 'instance')}"
    well = known.totals[HEALTHY] == instances > 0
    return [(f"{text}: {', '.join(words)}" if words else text, GREEN if well and not known.stale_count else None)]


def _looked(known: Status, now: float) -> str:
    look, watcher = known.look, known.watcher
    if look is None:
        said = "no sweep over the fleet is known"
    else:
        over = "" if look.pattern == "*" else f" over {look.pattern}"
        said = f"{ago(look.at, now)}{over}, at {_counted(look.target_count, 'target')}"
    every = format_duration(watcher.every_s)
    if watcher.state == RUNNING:
        return f"{said}; a watcher looks every {every}"
    if watcher.state == SILENT:
        return f"{said}; the watcher that looked every {every} is silent for {format_age(now - watcher.last_at)}"
    return f"{said}; no watcher is known"


def _failing_rows(failing: Sequence[Trouble], now: float, most: int) -> list[list[Cell]]:
    """One row each; where not all will be shown, the roots come first and say how many fail with them."""
    if len(failing) <= most + 1:
        return [_trouble_row(trouble, now, RED) for trouble in failing]
    rows = []
    for trouble in sorted(failing, key=lambda trouble: bool(trouble.roots)):
        *cells, (text, color) = _trouble_row(trouble, now, RED)
        more = f"; {trouble.failing_count} more fail because of it" if trouble.failing_count else ""
        rows.append([*cells, (f"{text}{more}", color)])
    return rows


def _trouble_row(trouble: Trouble, now: float, color: str) -> list[Cell]:
    standing = trouble.standing
    served = f"{standing.counts.get(HEALTHY, 0)}/{standing.total} up{', stale' if standing.is_stale else ''}"
    text = standing.reason
    if trouble.roots:
        text = f"because of {' and '.join(name for root in trouble.roots for name in root)}; {text}"
    elif trouble.endangered_count:
        text = f"{text}; {trouble.endangered_count} in danger"
    return [(standing.service, color), (served, None), (lasting(standing.since, now), None), (text, None)]


def _breakers(known: Status, now: float) -> list[list[Cell]]:
    return [
        [(f"{one.service}/{one.instance}" if one.instance else one.service, YELLOW),
         (state_text(one.breaker, now), None)]
        for one in known.refusing_breakers
    ]  # fmt: skip


def _limits(known: Status) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for r in known.refusing:
        others = f", and {r.key_count - 1} more keys" if r.key_count > 1 else ""
        free_in = format_duration(-(-r.retry_after_s * 1000 // 1) / 1000)
        rows.append([(r.key, YELLOW), (f"over {r.policy.rate}, one is free in {free_in}{others}", None)])
    return rows


def _configs(known: Status, now: float) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for change in known.configs:
        service, environment, version = _config(change)
        message = f": {change.message}" if change.message else ""
        text = f"{_operation(change)} by {change.author}, {ago(change.at, now)}{message}"
        rows.append([(service, None), (f"{environment} {version}", None), (text, None)])
    return rows


def _damaged(known: Status) -> list[list[Cell]]:
    rows: list[list[Cell]] = [[(path, RED), ("cannot be read and is left out", None)] for path in known.damaged]
    return rows + [[(name, YELLOW), ("invalid as it was edited: its last good copy is in force", None)]
                   for name in known.held]  # fmt: skip


def _cut(rows: list[list[Cell]], most: int, rest: str) -> Sequence[Sequence[Cell]]:
    if len(rows) <= most + 1:
        return rows
    return [*rows[:most], [(f"and {len(rows) - most} more: {rest}", DIM)]]


def _config(change: Change) -> tuple[str, str, int]:
    _, service, environment, version = change.key.split("/")
    return service, environment, int(version)


def _operation(change: Change) -> str:
    return change.operation.removeprefix("config ")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
