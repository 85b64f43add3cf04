"""One look at what a command line names: services and globs from the store, bare URLs without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mgov.errors import NO, OK, NotFound, UsageError
from mgov.governance.checked import absent
from mgov.governance.urls import Urls
from mgov.model.health import HEALTHY, MISSING
from mgov.model.names import is_glob, matches
from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked
    from mgov.governance.manner import Manner


class How(NamedTuple):
    """How to look: as `manner` says; `expect` is what bare URLs are held to; `is_deep` adds what services need.

    With `may_be_empty` a service without instances is a result, as one that is missing is.
    """

    manner: Manner
    expect: tuple[str, ...] = ()
    is_deep: bool = False
    may_be_empty: bool = False


class Sweep(Protocol):
    """Look once at everything named, and give the results in the order in which it was named.

    No probe takes longer than `most_s` seconds. A name that no instance has raises NotFound; where it `may_be_missing`
    it is a result of its own. NotFound too when there is nothing to look at.
    """

    def __call__(self, most_s: float | None = None, *, may_be_missing: bool = False) -> list[Checked]: ...


def sweeper(session: Session, targets: Sequence[str], how: How) -> Sweep:
    """The function that looks once at `targets`."""
    urls = [target for target in targets if "://" in target]
    names = [target for target in targets if "://" not in target]
    _check_targets(names, urls, how)
    bare = Urls(urls, clock=session.clock, expect=how.expect)

    def sweep(most_s: float | None = None, *, may_be_missing: bool = False) -> list[Checked]:
        manner = how.manner._replace(most_s=most_s, may_be_missing=may_be_missing)
        results: list[Checked] = []
        if names or not urls:
            platform = session.platform()
            wanted = platform.registry.with_needs(names) if how.is_deep and names else names
            results += platform.monitor.sweep(wanted, manner)
            results += _missing(names, results, may_be_missing=may_be_missing or how.may_be_empty)
        if urls:
            results += bare.sweep(manner)
        if not results:
            raise NotFound("nothing to check: no instance is registered", hint="mgov register NAME URL")
        return _in_order(results, targets) if names and urls else results

    return sweep


def _missing(names: Sequence[str], results: Sequence[Checked], *, may_be_missing: bool) -> list[Checked]:
    """A result for each of `names` that has none; NotFound for a service without instances unless it may be so."""
    services = {result.service for result in results}
    missing = [name for name in dict.fromkeys(names) if not any(matches(name, service) for service in services)]
    for name in missing:
        if not (may_be_missing or is_glob(name)):
            raise NotFound(f"nothing to check: {name} has no instances", hint=f"mgov register {name} URL")
    return [absent(name) for name in missing]


def _check_targets(names: Sequence[str], urls: Sequence[str], how: How) -> None:
    for name in names:
        if ":" in name or "/" in name:
            raise UsageError(f"{name[:80]!r} is neither a service nor a URL", hint=_meant(name))
    if how.expect and names:
        from shlex import quote

        raise UsageError(
            "--expect is for bare URLs", hint=f"mgov register {names[0]} --check-expect {quote(how.expect[0])}"
        )
    if urls and not names and how.is_deep:
        raise UsageError("--deep is for services: nobody knows what a bare URL needs")
    if urls and not names and how.manner.max_age_s is not None:
        raise UsageError("--cached is for services: nothing is kept of bare URLs")


def _meant(text: str) -> str:
    """What somebody may have meant by a target with a slash or a colon."""
    service, slash, instance = text.partition("/")
    if slash and instance and ":" not in service and "." not in service:
        return f"one instance: mgov probe {text[:80]}; a URL is http://{text[:80]}"
    return f"a URL is http://{text[:80]}"


def _in_order(results: list[Checked], targets: Sequence[str]) -> list[Checked]:
    """`results` in the order of the targets that name them; what nobody named (a need) comes last."""
    urls = iter([place for place, target in enumerate(targets) if "://" in target])

    def place_of(result: Checked) -> int:
        if not result.service:
            return next(urls)
        named = (p for p, target in enumerate(targets) if target == result.service or matches(target, result.service))
        return next(named, len(targets))

    return sorted(results, key=place_of)


def status_of(results: Sequence[Checked]) -> int:
    """1 when anything is unhealthy or could not be probed, else 0."""
    return NO if any(result.is_failing for result in results) else OK


def counted(results: Sequence[Checked]) -> str:
    """How many are well, in words."""
    counts: dict[str, int] = {}
    for result in results:
        word = "not probed" if result.is_local and result.health.status != MISSING else result.health.status
        counts[word] = counts.get(word, 0) + 1
    others = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()) if status != HEALTHY)
    return f"{counts.get(HEALTHY, 0)} of {len(results)} healthy" + (f"; {others}" if others else "")
