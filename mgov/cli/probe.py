"""probe: one check explained; nothing is stored."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.options import Context, command
from mgov.cli.rows import style
from mgov.cli.text import GREEN, RED, YELLOW, fit
from mgov.cli.times import clock_shown, time_of
from mgov.cli.tls import CaCert, Cert, Insecure, Key, trust_of
from mgov.cli.view import TABLE, WIDE, Column, View
from mgov.errors import NO, OK, NotFound
from mgov.model.check import parse_check_url
from mgov.model.health import NONE, STATUSES, UNHEALTHY, Check, Observation
from mgov.model.record import NamedTuple
from mgov.model.units import parse_timeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.session import Session
    from mgov.model.measurement import Measurement
    from mgov.model.verdict import Verdict
    from mgov.net.target import Trust

_MET, _UNMET, _SOFT = "met", "not met", "not met (soft)"
_STYLES = {_MET: GREEN, _UNMET: RED, _SOFT: YELLOW}
_BAR_CELLS = 24
_DAY_S = 86400.0


class Named(NamedTuple):
    """One check and the TLS options in force for it. `service` and `instance` are '' for a bare URL."""

    service: str
    instance: str
    check: Check
    trust: Trust | None


class Probed(NamedTuple):
    """A check and what it showed."""

    named: Named
    seen: Measurement
    judged: Observation
    verdicts: tuple[Verdict, ...]

    @property
    def is_failing(self) -> bool:
        """Whether the answer is no."""
        return self.judged.status == UNHEALTHY


def _style_of(word: Any) -> str | None:
    return _STYLES.get(str(word)) or (style(word) if str(word) in STATUSES else None)


COLUMNS = (Column("what"), Column("value", style=_style_of), Column("detail"))


@command(
    "mgov probe https://127.0.0.1:8443/health --expect status=2xx --expect cert=14d",
    "mgov probe orders/orders-1 -o json",
    columns=COLUMNS,
)
def probe(
    ctx: Context,
    target: Annotated[str, typer.Argument(metavar="URL|NAME|NAME/INSTANCE", help="A URL, or whose registered check")],
    expect: Annotated[
        list[str] | None, typer.Option(metavar="EXPECTATION", help="What must hold beside the check's own; repeat")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long the probe may take [its check's, or 5s]")
    ] = None,
    insecure: Insecure = False,
    cacert: CaCert = "",
    cert: Cert = "",
    key: Key = "",
) -> View:
    """Explain one check: phases, expectations, certificate, judgement. Nothing is stored; 1 when the check fails.

    A URL is http, https, tcp, or tls for the certificate of any TCP service. Expectations: status=2xx, status<300,
    latency=200ms, body~REGEX, json:.a.b==up, header:Name~REGEX, cert=14d; soft: before one makes it degrade only.
    With -o json a URL and NAME/INSTANCE give one object, NAME a list of them.
    """
    session = ctx.obj
    trust = trust_of(cacert, cert, key, insecure=insecure)
    named = _named(session, target, trust)
    found = _probe_all(session, _held_to(named, expect or (), parse_timeout(timeout) if timeout is not None else None))
    has_bars = session.out.format in (TABLE, WIDE)
    block = "█" if fit("█", session.out.encoding) == "█" else "#"
    rows: list[tuple[str, str, str]] = []
    for one in found:
        rows += _rows(one, block if has_bars else "")
    documents = [_document(one) for one in found]
    is_list = "://" not in target and "/" not in target
    what, value, detail = COLUMNS
    return View(
        (what, value._replace(show=clock_shown), detail),
        rows,
        documents if is_list else documents[0],
        status=NO if any(one.is_failing for one in found) else OK,
        names=[one.judged.status for one in found],
        has_header=False,
    )


def _named(session: Session, target: str, trust: Trust | None) -> list[Named]:
    if "://" in target:
        return [Named("", "", parse_check_url(target), trust)]
    from mgov.governance.policies import in_force, policies_of

    name, slash, instance_id = target.partition("/")
    platform = session.platform()
    members = [platform.registry.instance(name, instance_id)] if slash else platform.registry.show(name).members
    instances = [m.instance for m in members if m.instance.check.kind != NONE]
    if not instances:
        raise NotFound(f"nothing to check: {target[:80]} has no instance with a check", hint=f"mgov instances {name}")
    policies = policies_of(platform.store, {name})
    platform.trusts.require(instances, policies if trust is None else {})
    return [Named(name, i.id, *in_force(i.check, policies.get(name), trust)) for i in instances]


def _held_to(named: Sequence[Named], expect: Sequence[str], timeout_s: float | None) -> list[Named]:
    return [
        one._replace(check=one.check._replace(expect=(*one.check.expect, *expect),
                                              timeout_s=timeout_s or one.check.timeout_s))
        for one in named
    ]


def _probe_all(session: Session, named: Sequence[Named]) -> list[Probed]:
    from mgov.model.expectation import expectations_of
    from mgov.model.verdict import judge
    from mgov.net.sweep import sweep_now
    from mgov.net.target import target_of

    expected = [expectations_of(one.check.kind, one.check.expect) for one in named]     # a bad one is refused here
    measured = sweep_now([target_of(one.check, trust=one.trust)._replace(want_cert=True) for one in named])
    now = session.clock.now()
    return [
        Probed(one, seen, _judged(one.check, seen, now), judge(expectations, seen, at=now))
        for one, expectations, seen in zip(named, expected, measured, strict=True)
    ]


def _judged(check: Check, seen: Measurement, now: float) -> Observation:
    from mgov.model.judgement import observe

    if seen.is_local:
        return Observation(UNHEALTHY, f"could not be probed from here: {seen.detail}", None, now)
    return observe(check, seen, at=now)


# -- what is shown


def _rows(one: Probed, block: str) -> list[tuple[str, str, str]]:
    seen, named = one.seen, one.named
    name = f"{named.service}/{named.instance}" if named.service else ""
    rows = [("target", named.check.url, name), ("address", seen.address, "")]
    rows += [(label, f"{length:.3f} ms", _bar(block, start, length, seen.total_ms)) for label, start, length in
             _phases(seen)]
    if seen.status_code is not None:
        rows.append(("status", f"{seen.status_code} {seen.reason_phrase}".rstrip(), seen.location))
    for verdict in one.verdicts:
        word = _MET if verdict.is_met else _SOFT if verdict.is_soft else _UNMET
        rows.append((f"expect {verdict.text}", word, f"observed {verdict.observed}"))
    if seen.cert_expires_at is not None:
        from mgov.model.verdict import certificate_age

        left = certificate_age(seen.cert_expires_at - one.judged.checked_at)
        rows.append(("certificate", seen.cert_subject or "no name", f"issued by {seen.cert_issuer or 'nobody named'}"))
        rows.append(("certificate until", time_of(seen.cert_expires_at) or "",
                     f"{left}; not verified" if named.trust and named.trust.insecure else left))
    return [*rows, ("judgement", one.judged.status, one.judged.reason)]


def _phases(seen: Measurement) -> list[tuple[str, float, float]]:
    """(name, start, length) in milliseconds of each phase reached: first byte is the wait for it, total is all."""
    phases = []
    at = 0.0
    for label, length in (("dns", seen.dns_ms), ("connect", seen.connect_ms), ("tls", seen.tls_ms)):
        if length is not None:
            phases.append((label, at, length))
            at += length
    if seen.first_byte_ms is not None:
        phases.append(("first byte", at, max(0.0, seen.first_byte_ms - at)))
    if seen.total_ms is not None:
        phases.append(("total", 0.0, seen.total_ms))
    return phases


def _bar(block: str, start: float, length: float, total: float | None) -> str:
    """Where in the whole a phase lies, as blocks; '' without a block to draw with."""
    if not block or not total:
        return ""
    begin = min(_BAR_CELLS - 1, int(start / total * _BAR_CELLS))
    return " " * begin + block * min(_BAR_CELLS - begin, max(1, round(length / total * _BAR_CELLS)))


def _document(one: Probed) -> dict[str, Any]:
    seen, judged = one.seen, one.judged
    phases = {phase: getattr(seen, phase) for phase in ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms")}
    certificate = None
    if seen.cert_expires_at is not None:
        certificate = {
            "subject": seen.cert_subject,
            "issuer": seen.cert_issuer,
            "expires_at": time_of(seen.cert_expires_at),
            "days_left": floor((seen.cert_expires_at - judged.checked_at) / _DAY_S * 10) / 10,
        }
    return {
        "service": one.named.service,
        "instance": one.named.instance,
        "url": one.named.check.url,
        "status": judged.status,
        "reason": judged.reason,
        "latency_ms": _rounded(judged.latency_ms),
        "checked_at": time_of(judged.checked_at),
        "address": seen.address,
        "phases": {phase: _rounded(value) for phase, value in phases.items()},
        "status_code": seen.status_code,
        "error": seen.error,
        "expectations": [
            {"expect": v.text, "observed": v.observed, "is_met": v.is_met, "is_soft": v.is_soft} for v in one.verdicts
        ],
        "certificate": certificate,
    }


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if value is not None else None
