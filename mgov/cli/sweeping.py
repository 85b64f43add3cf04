"""One look at what a command line names: services and globs from the store, bare URLs without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import NO, OK, NotFound, UsageError
from mgov.governance.urls import Urls
from mgov.model.health import HEALTHY
from mgov.model.names import matches
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked
    from mgov.governance.manner import Manner


class How(NamedTuple):
    """How to look: as `manner` says; `expect` is what bare URLs are held to; `is_deep` adds what services need."""

    manner: Manner
    expect: tuple[str, ...] = ()
    is_deep: bool = False


def sweeper(session: Session, targets: Sequence[str], how: How) -> Callable[[float | None], list[Checked]]:
    """The function that looks once at everything named; it raises NotFound when there is nothing to look at.

    It is given the seconds that any probe may take at the most, or None. The results are in the order of `targets`.
    """
    urls = [target for target in targets if "://" in target]
    names = [target for target in targets if "://" not in target]
    _check_targets(names, urls, how)
    bare = Urls(urls, clock=session.clock, expect=how.expect)

    def sweep(most_s: float | None = None) -> list[Checked]:
        manner = how.manner._replace(most_s=most_s)
        results: list[Checked] = []
        if names or not urls:
            platform = session.platform()
            wanted = platform.registry.with_needs(names) if how.is_deep and names else names
            results += platform.monitor.sweep(wanted, manner)
        if urls:
            results += bare.sweep(manner)
        if not results:
            what = f"{', '.join(names)} has no instances" if names else "no instance is registered"
            raise NotFound(f"nothing to check: {what}", hint="mgov register NAME URL")
        return _in_order(results, targets) if names and urls else results

    return sweep


def _check_targets(names: Sequence[str], urls: Sequence[str], how: How) -> None:
    for name in names:
        if ":" in name or "/" in name:
            raise UsageError(f"{name[:80]!r} is neither a service nor a URL", hint=f"a URL is http://{name[:80]}")
    if how.expect and names:
        raise UsageError("--expect is for bare URLs", hint=f"mgov register {names[0]} URL --check-expect ...")
    if urls and not names and how.manner.max_age_s is not None:
        raise UsageError("--cached is for services: nothing is kept of bare URLs")


def _in_order(results: list[Checked], targets: Sequence[str]) -> list[Checked]:
    """`results` in the order of the targets that name them; what nobody named (a need) comes last."""
    urls = iter([place for place, target in enumerate(targets) if "://" in target])

    def place_of(result: Checked) -> int:
        if not result.service:
            return next(urls)
        named = (place for place, target in enumerate(targets) if matches(target, result.service))
        return next(named, len(targets))

    return sorted(results, key=place_of)


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
