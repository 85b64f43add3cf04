"""Breakers as rows and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.cli.text import GREEN, RED, YELLOW
from mgov.cli.times import age_shown, time_of
from mgov.cli.view import Column, View
from mgov.errors import NotFound
from mgov.model.breaker import FORCE_OPEN, HALF_OPEN, OPEN, Breaker
from mgov.model.breaker_document import label
from mgov.model.breaker_policy import policy_json
from mgov.model.units import format_age, format_duration, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.cli.output import Output
    from mgov.governance.breaker_store import Shown
    from mgov.governance.breakers import Recorded
    from mgov.model.breaker_document import BreakerSet, Transition
    from mgov.model.breaker_policy import BreakerPolicy

SHOWN_TRANSITIONS = 5
_STYLES = {
    "closed": GREEN, "open": RED, "half-open": YELLOW, "forced open": RED, "forced closed": YELLOW, "off": YELLOW,
}  # fmt: skip


def list_columns(now: float = 0.0) -> tuple[Column, ...]:
    """The columns of `breaker list`."""
    return (
        Column("name", cut_rank=2),
        Column("instance"),
        Column("state", style=_STYLES.get, cut_rank=2),
        Column("failures", "right"),
        Column("retry_at", show=_wait_shown(now), cut_rank=2),
        Column("total", "right"),
        Column("failed", "right"),
        Column("rejected", "right"),
        Column("reason"),
        Column("successful", "right", is_wide_only=True),
        Column("slow", "right", is_wide_only=True),
        Column("last_failure_at", show=age_shown(now), is_wide_only=True),
        Column("last_success_at", show=age_shown(now), is_wide_only=True),
    )


SHOW_COLUMNS = (Column("field"), Column("value"))


def list_view(found: Sequence[Shown], now: float) -> View:
    """The answer of `breaker list`."""
    rows = [
        (
            s.service, s.instance, label(s.breaker), s.breaker.failures, retry_at(s.breaker), s.breaker.total,
            s.breaker.failed, s.breaker.rejected, s.breaker.reason, s.breaker.successful, s.breaker.slow,
            _time(s.breaker.last_failure_at), _time(s.breaker.last_success_at),
        )
        for s in found
    ]  # fmt: skip
    names = [f"{s.service}/{s.instance}" if s.instance else s.service for s in found]
    data = [breaker_json(s.service, s.instance, s.breaker) for s in found]
    return View(list_columns(now), rows, data, names=names)


def show_view(name: str, instance: str, policy: BreakerPolicy, known: BreakerSet, now: float) -> View:
    """The answer of `breaker show`; NotFound for an instance whose breaker nobody used yet."""
    if instance and instance not in known.breakers:
        used = sorted(key for key in known.breakers if key)
        hint = f"one of {', '.join(used[:5])}" if used else f"mgov instances {name}"
        raise NotFound(f"the breaker of {name}/{instance} was not used yet", hint=hint)
    breaker = known.get(instance)
    transitions = [t for t in known.transitions if not instance or t.instance == instance]
    rows = [*_rows(name, instance, breaker, now), *_policy_rows(policy)]
    if not instance:
        rows += [("instance", f"{key}  {state_text(b, now)}") for key, b in sorted(known.breakers.items()) if key]
    rows += [("changed", _change(t, now)) for t in reversed(transitions[-SHOWN_TRANSITIONS:])]
    document = {
        **breaker_json(name, instance, breaker),
        "policy": policy_json(policy),
        "instances": [] if instance else [breaker_json(name, k, b) for k, b in sorted(known.breakers.items()) if k],
        "transitions": [{**t._asdict(), "at": time_of(t.at), "instance": t.instance or None} for t in transitions],
    }
    return View(SHOW_COLUMNS, rows, document, has_header=False)


def breaker_json(name: str, instance: str, breaker: Breaker) -> dict[str, Any]:
    """One breaker as scripts read it."""
    until = breaker.forced_at + breaker.forced_s if breaker.forced_s else None
    return {
        "name": name,
        "instance": instance or None,
        "state": breaker.state,
        "failures": breaker.failures,
        "reason": breaker.reason or None,
        "opened_at": _time(breaker.opened_at),
        "retry_at": retry_at(breaker),
        "last_failure_at": _time(breaker.last_failure_at),
        "last_success_at": _time(breaker.last_success_at),
        "forced": {"state": breaker.forced, "until": time_of(until)} if breaker.forced else None,
        "statistics": {
            "total": breaker.total,
            "successful": breaker.successful,
            "failed": breaker.failed,
            "rejected": breaker.rejected,
            "slow": breaker.slow,
        },
    }


def recorded_note(out: Output, name: str, instance: str | None, done: Recorded, *, is_told_token: bool) -> None:
    """Say on stderr what a report changed, or that it came too late to count."""
    what = f"{name}/{instance}" if instance else name
    if done.before != done.after:
        why = f": {done.reason}" if done.reason else ""
        out.note(f"the breaker of {what} is {done.after} now{why}")
    elif not done.counts and done.after == "half-open":
        late = "this token is over" if is_told_token else "without the token that check printed"
        out.note(f"the breaker of {what} stays half-open: {late}, a report closes nothing")


def _rows(name: str, instance: str, breaker: Breaker, now: float) -> list[tuple[str, str]]:
    rows = [("name", name), *([("instance", instance)] if instance else []), ("state", state_text(breaker, now))]
    if breaker.failures:
        rows.append(("failures", f"{breaker.failures} in a row"))
    counts = {field: getattr(breaker, field) for field in ("total", "successful", "failed", "rejected", "slow")}
    rows.append(("calls", ", ".join(f"{n} {field}" for field, n in counts.items() if n or field == "total")))
    for field, at in (("last failure", breaker.last_failure_at), ("last success", breaker.last_success_at)):
        if at:
            rows.append((field, f"{format_age(now - at)} ago"))
    return rows


def _policy_rows(policy: BreakerPolicy) -> list[tuple[str, str]]:
    rules = [f"{policy.threshold} failures in a row"] if policy.threshold else []
    if policy.failure_rate:
        rules.append(f"{policy.failure_rate:.0%} failed")
    if policy.slow_rate and policy.slow_call_s:
        rules.append(f"{policy.slow_rate:.0%} slower than {format_duration(policy.slow_call_s)}")
    window = f"of at least {policy.min_calls} calls within {format_duration(policy.window_s)}"
    is_windowed = bool(policy.failure_rate or (policy.slow_rate and policy.slow_call_s))
    rests = f"{format_duration(policy.open_for_s)}, growing to {format_duration(policy.cap_s)}"
    probes = f"{policy.half_open} at once, {policy.close_after} must pass"
    rows = [
        ("opens at", " or ".join(rules) + (f" {window}" if is_windowed else "") if rules else "nothing"),
        ("rests", rests),
        ("probes", probes),
        ("counts", ", ".join(policy.counted) or "nothing"),
    ]
    return rows + ([("ignores", ", ".join(policy.ignored))] if policy.ignored else [])


def state_text(breaker: Breaker, now: float) -> str:
    """The state in words, with why, and when it is tried again."""
    words = label(breaker)
    if breaker.reason and breaker.state != "closed":
        words += f" ({breaker.reason})"
    if breaker.forced:
        if breaker.forced_s:
            words += f", for {_left(breaker.forced_at + breaker.forced_s - now)} more"
    elif breaker.state == OPEN:
        left_s = breaker.retry_at - now
        words += f", to be probed in {_left(left_s)}" if left_s > 0 else ", to be probed now"
    elif breaker.state == HALF_OPEN:
        words += _under_way(breaker, now)
    return words


def _under_way(breaker: Breaker, now: float) -> str:
    left = [probe[1] - now for probe in breaker.probes if probe[1] > now]
    if not left:
        return ", the next call is a probe"
    return f", {len(left)} probe{'s' if len(left) > 1 else ''} under way, a place free in {_left(min(left))}"


def _change(transition: Transition, now: float) -> str:
    of = f"{transition.instance}  " if transition.instance else ""
    reason = f" ({transition.reason})" if transition.reason else ""
    return f"{of}{format_age(now - transition.at)} ago, {transition.before} to {transition.after}{reason}"


def _left(seconds: float) -> str:
    """How long that is still, rounded up to the second, and to the minute from ten minutes on."""
    step_s = 60.0 if seconds >= 600 else 1.0
    return format_duration(max(1.0, -(-seconds // step_s) * step_s))


def retry_at(breaker: Breaker) -> str | None:
    """When calls are tried again, None where that is not set or calls may go out."""
    if breaker.forced == FORCE_OPEN:
        return _time(breaker.forced_at + breaker.forced_s) if breaker.forced_s else None
    return _time(breaker.retry_at) if breaker.state == OPEN else None


def _time(at: float) -> str | None:
    return time_of(at) if at else None


def _wait_shown(now: float) -> Callable[[Any], str]:
    def show(text: Any) -> str:
        left_s = parse_time(text) - now if text else 0.0
        return f"in {_left(left_s)}" if left_s > 0 else "now" if text else "-"

    return show


LIST_COLUMNS = list_columns()
