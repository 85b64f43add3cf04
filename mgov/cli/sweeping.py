"""One look at what a command line names: services and globs from the store, bare URLs without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import NO, OK, NotFound, UsageError
from mgov.model.health import DEFAULT_TIMEOUT_S, HEALTHY
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.cli.session import Session
    from mgov.governance.monitor import Checked
    from mgov.net.probe import Trust


class How(NamedTuple):
    """How to look: `timeout_s` instead of each check's own, what bare URLs are held to, and whom TLS trusts.

    `is_deep` adds what the named services need; a watch has thresholds.
    """

    timeout_s: float | None = None
    concurrency: int | None = None
    expect: tuple[str, ...] = ()
    trust: Trust | None = None
    is_watch: bool = False
    is_deep: bool = False


def sweeper(session: Session, targets: Sequence[str], how: How) -> Callable[[float | None], list[Checked]]:
    """The function that looks once at everything named; it raises NotFound when there is nothing to look at.

    It is given the seconds that any probe may take at the most, or None.
    """
    urls = [target for target in targets if "://" in target]
    names = [target for target in targets if "://" not in target]
    for name in names:
        if ":" in name or "/" in name:
            raise UsageError(f"{name[:80]!r} is neither a service nor a URL", hint=f"a URL is http://{name[:80]}")

    if how.expect and names:
        raise UsageError("--expect is for bare URLs", hint=f"mgov register {names[0]} URL --check-expect ...")

    def sweep(most_s: float | None = None) -> list[Checked]:
        results: list[Checked] = []
        if names or not urls:
            from mgov.governance.monitor import ONE_SHOT, WATCHING

            platform = session.platform()
            results += platform.monitor.sweep(
                platform.registry.with_needs(names) if how.is_deep and names else names,
                timeout_s=how.timeout_s,
                most_s=most_s,
                concurrency=how.concurrency,
                thresholds=WATCHING if how.is_watch else ONE_SHOT,
                trust=how.trust,
            )
        if urls:
            from mgov.governance.monitor import check_urls

            wanted_s = how.timeout_s if how.timeout_s is not None else DEFAULT_TIMEOUT_S
            probe_s = wanted_s if most_s is None else min(wanted_s, most_s)
            results += check_urls(
                urls,
                clock=session.clock,
                timeout_s=probe_s,
                expect=how.expect,
                concurrency=how.concurrency,
                trust=how.trust,
            )
        if not results:
            what = f"{', '.join(names)} has no instances" if names else "no instance is registered"
            raise NotFound(f"nothing to check: {what}", hint="mgov register NAME URL")
        return results

    return sweep


def status_of(results: Sequence[Checked]) -> int:
    """1 when anything is unhealthy or could not be probed, else 0."""
    return NO if any(result.is_failing for result in results) else OK


def counted(results: Sequence[Checked]) -> str:
    """How many are well, in words."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result.health.status] = counts.get(result.health.status, 0) + 1
    others = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()) if status != HEALTHY)
    return f"{counts.get(HEALTHY, 0)} of {len(results)} healthy" + (f"; {others}" if others else "")
