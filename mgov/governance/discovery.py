"""Discovery: which instances of a service may be used now, and which one of them.

On the path of a hot verb. What only some questions need (version ranges, picks, probing) is imported when asked.
"""

from mgov.errors import DeadlineExceeded, NoneHealthy, NotFound
from mgov.governance.fleet import Member, members_of, suggest_service
from mgov.model.health import DEGRADED, MAINTENANCE, USABLE
from mgov.model.names import check_name
from mgov.model.record import NamedTuple
from mgov.model.units import format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from mgov.clock import Clock
    from mgov.model.instance import Instance
    from mgov.store.base import Store

FIRST_POLL_S = 0.1
LONGEST_POLL_S = 2.0


class Filter(NamedTuple):
    """What an instance must have: all `tags`, the region, the zone, a version in the range, each metadata value."""

    tags: "tuple[str, ...]" = ()
    region: str = ""
    zone: str = ""
    version: str = ""
    metadata: "Mapping[str, str]" = {}

    def select(self, members: "Sequence[Member]") -> "list[Member]":
        """The members that pass; raise UsageError when the version range cannot be read."""
        chosen = [m for m in members if self._holds(m.instance)]
        if self.version:
            from mgov.model.versions import parse_range

            wanted = parse_range(self.version)
            chosen = [m for m in chosen if wanted.matches(m.instance.version)]
        return chosen

    def _holds(self, instance: "Instance") -> bool:
        return (
            all(tag in instance.tags for tag in self.tags)
            and self.region in ("", instance.region)
            and self.zone in ("", instance.zone)
            and all(instance.metadata.get(key) == text for key, text in self.metadata.items())
        )


NO_FILTER = Filter()


def usable(members: "Sequence[Member]") -> "list[Member]":
    """Those that may serve: healthy and declared ones; only when there are none, the degraded."""
    good = [m for m in members if m.health.status in USABLE and m.instance.host]
    return good or [m for m in members if m.health.status == DEGRADED and m.instance.host]


class Discovery:
    """Finds instances by service name.

    `probe` looks at a service now and keeps what it saw; `draw` gives numbers in [0, 1) where chance is needed.
    """

    def __init__(
        self, store: "Store", clock: "Clock", probe: "Callable[[str], object]", draw: "Callable[[], float]"
    ) -> None:
        self._store, self._clock, self._probe, self._draw = store, clock, probe, draw

    def members(self, name: str, *, max_age_s: "float | None" = None, probe: bool = True) -> "list[Member]":
        """Every instance of `name` with its health, by id. A stale or missing result is probed first, unless told not.

        `max_age_s` (seconds) takes the place of the three intervals after which a result is stale. Raise NotFound for
        a service that nobody registered.
        """
        check_name(name)
        members = members_of(self._store, name, now=self._clock.now())
        if not members and self._store.read(f"service/{name}") is None:
            raise NotFound(f"no service {name}", hint=self._suggestion(name))
        if probe and any(self._is_stale(member, max_age_s) for member in members):
            self._probe(name)
            members = members_of(self._store, name, now=self._clock.now())
        return members

    def find(
        self,
        name: str,
        where: Filter = NO_FILTER,
        *,
        include_all: bool = False,
        max_age_s: "float | None" = None,
        probe: bool = True,
    ) -> "list[Member]":
        """The usable instances of `name` that pass `where`, by id; all of them, whatever their health, if told.

        Raise NotFound for an unknown service, NoneHealthy (with each instance's reason) when none may be used.
        """
        members = self.members(name, max_age_s=max_age_s, probe=probe)
        matching = where.select(members)
        if include_all:
            return matching
        found = usable(matching)
        if not found:
            hint = f"mgov health {name}" if members else f"mgov register {name} URL"
            raise NoneHealthy(why_none(name, members, matching), hint=hint)
        return found

    def pick(
        self,
        name: str,
        strategy: str,
        where: Filter = NO_FILTER,
        *,
        key: "str | None" = None,
        count: int = 1,
        max_age_s: "float | None" = None,
        probe: bool = True,
        prefer_zone: str = "",
        skip: "Collection[str]" = (),
    ) -> "list[Member]":
        """`count` different usable instances, in the order in which `strategy` (model.balance) gives them.

        Those in `prefer_zone` come first. The ids in `skip` (a breaker's outliers) are left out, and so are those with
        weight 0, unless none would be left. The strategies with a memory share it with every process on the store.
        Raises as `find`, and UsageError for an unknown strategy or `hash` without a key.
        """
        from mgov.model.balance import HAS_MEMORY, Candidate, check_strategy, eligible, pick
        from mgov.store.base import update

        check_strategy(strategy)
        members = self.find(name, where, max_age_s=max_age_s, probe=probe)
        by_id = {m.instance.id: m for m in members}
        candidates = eligible(
            [Candidate(m.instance.id, m.instance.weight, m.health.latency_ms, m.instance.zone) for m in members], skip
        )
        chosen: list[str] = []

        def choose(memory: "Mapping[str, object] | None") -> "dict[str, object]":
            chosen.clear()
            state = dict(memory or {})
            left = list(candidates)
            while left and len(chosen) < count:
                best, state = pick(strategy, left, memory=state, draw=self._draw(), key=key, zone=prefer_zone)
                chosen.append(best.id)
                left.remove(best)
            return state

        if strategy in HAS_MEMORY:
            update(self._store, f"pick/{name}", choose, operation="pick")
        else:
            choose(None)
        return [by_id[instance_id] for instance_id in chosen]

    def wait(
        self,
        name: str,
        where: Filter = NO_FILTER,
        *,
        wait_s: float,
        max_age_s: "float | None" = None,
        probe: bool = True,
    ) -> "list[Member]":
        """As `find`, but give the service up to `wait_s` seconds to appear and become usable; else DeadlineExceeded."""
        deadline = self._clock.monotonic() + wait_s
        pause_s = FIRST_POLL_S
        while True:
            try:
                return self.find(
                    name, where, max_age_s=pause_s if max_age_s is None else min(max_age_s, pause_s), probe=probe
                )
            except (NotFound, NoneHealthy) as error:
                left_s = deadline - self._clock.monotonic()
                if left_s <= 0:
                    raise DeadlineExceeded(
                        f"after {format_duration(wait_s)}: {error.message}", hint=error.hint
                    ) from None
                self._clock.sleep(min(pause_s, left_s))
                pause_s = min(pause_s * 1.5, LONGEST_POLL_S)

    def watch(
        self,
        name: str,
        where: Filter = NO_FILTER,
        *,
        interval_s: float,
        include_all: bool = False,
        probe: bool = True,
        pause: "Callable[[float], object] | None" = None,
    ) -> "Iterator[list[Member]]":
        """The usable (or all) instances now, and again each time they change; looks every `interval_s`, for ever.

        `pause` is called with the seconds between two looks [the clock sleeps].
        """
        before: object = None
        while True:
            members = where.select(self.members(name, max_age_s=interval_s, probe=probe))
            found = members if include_all else usable(members)
            mark = [(m.instance, m.health.status) for m in found]
            if mark != before:
                before = mark
                yield found
            (pause or self._clock.sleep)(interval_s)

    def _is_stale(self, member: Member, max_age_s: "float | None") -> bool:
        health = member.health
        if max_age_s is None or health.checked_at is None or not member.instance.check.url:
            return health.stale
        if health.status == MAINTENANCE:                # nobody probes it, so nothing would become younger
            return False
        return health.stale or self._clock.now() - health.checked_at >= max_age_s

    def _suggestion(self, name: str) -> str:
        return suggest_service(self._store, name)


def why_none(name: str, members: "Sequence[Member]", matching: "Sequence[Member]") -> str:
    """Why none of the `members` of a service, of which `matching` pass the filter, may be used."""
    if not members:
        return f"{name} has no instances"
    if not matching:
        one = "1 instance, and it does not match" if len(members) == 1 else f"{len(members)} instances, none matches"
        return f"{name} has {one} the filter"
    reasons = [f"{m.instance.id} {_why_not(m)}" for m in matching[:5]]
    more = f", and {len(matching) - 5} more" if len(matching) > 5 else ""
    return f"no instance of {name} may be used: {', '.join(reasons)}{more}"


def _why_not(member: Member) -> str:
    if not member.instance.host:
        return "has no address"
    return f"{member.health.status} ({member.health.reason or 'no reason given'})"
