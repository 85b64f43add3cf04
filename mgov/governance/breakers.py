"""Circuit breakers that all processes on a store share: per service, and per instance of it.

A closed breaker is only read; what becomes of a call is written, and so is a refusal. A damaged document counts as
closed, with a warning: mgov rather lets calls through than stops them on a guess.
"""

from mgov.governance.breaker_store import candidates, change_document, load, refusal, require, require_instance
from mgov.governance.permits import Permit
from mgov.model import breaker as rules
from mgov.model.breaker import HOLD_S, Answer, Breaker
from mgov.model.breaker_document import BreakerSet, label, with_breaker
from mgov.model.names import check_name
from mgov.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import Any

    from mgov.clock import Clock
    from mgov.governance.breaker_local import LocalBreaker
    from mgov.governance.breaker_store import Shown
    from mgov.governance.breaker_sync import LocalDocument
    from mgov.governance.outcomes import Outcome
    from mgov.model.breaker_policy import BreakerPolicy
    from mgov.store.base import Store

POLICY_AGE_S = 1.0                              # how long a process goes by the policy that it read


class Recorded(NamedTuple):
    """What a report did: whether it `counts` for more than the statistics, and the state before and after."""

    counts: bool
    before: str
    after: str
    reason: str


class Breakers:
    """The breakers over a store. Times are seconds since the epoch, durations seconds; `draw` is random in 0 to 1.

    A service that nobody registered is NotFound, and so is an instance, unless its breaker was used before.
    """

    def __init__(self, store: "Store", clock: "Clock", draw: "Callable[[], float]") -> None:
        self._store, self._clock, self._draw = store, clock, draw
        self._policies: dict[str, tuple[float, BreakerPolicy]] = {}
        self._local: dict[str, LocalDocument] = {}

    # -- asking and reporting

    def permit(
        self,
        service: str,
        instance: "str | None" = None,
        *,
        among: "Collection[str] | None" = None,
        hold_s: float = HOLD_S,
    ) -> Permit:
        """Leave for one call, or BreakerOpen, which says why and when to try again. Report what became of it.

        A probe keeps its place for `hold_s`. The last of a service's instances is never stopped by its own breaker:
        `among` are those that there were to choose from [all registered ones].
        """
        at = self._clock.monotonic()
        known, answer = self._look(service, instance or "")
        if answer is None or not answer.is_granted:
            known, answer = self._ask(service, instance or "", among, hold_s)
        if not answer.is_granted:
            raise refusal(service, instance or "", answer)

        def finish(permit: Permit, outcome: str, kind: str, latency_s: "float | None") -> None:
            took_s = self._clock.monotonic() - permit.at if latency_s is None else latency_s
            self._report(service, instance or "", outcome, permit.generation, permit.serial, kind, took_s)

        return Permit(finish, at, known.get(instance or "").generation, answer.serial)

    def admits(self, service: str, instance: "str | None" = None) -> bool:
        """Whether any call may go out now; False where the next one would be a probe. Raise BreakerOpen.

        Nothing is written, and a refusal is not counted.
        """
        _, answer = self._look(service, instance or "")
        if answer is not None and not answer.is_granted:
            raise refusal(service, instance or "", answer)
        return answer is not None

    def check(self, service: str, instance: "str | None" = None, *, hold_s: float = HOLD_S) -> str:
        """As `permit`, for a shell: '' where any call may go out, else the token of a probe, for `record`.

        A refusal is not counted: nothing is written while the breaker is closed or open.
        """
        if self.admits(service, instance):
            return ""
        permit = self.permit(service, instance, hold_s=hold_s)
        return permit.token if permit.serial else ""

    def record(
        self,
        service: str,
        token: "str | None",
        outcome: str,
        *,
        instance: "str | None" = None,
        kind: str = "",
        latency_s: float = 0.0,
    ) -> Recorded:
        """Report for a shell; `outcome` is one of model.breaker's, `token` what `check` gave, if anything."""
        from mgov.governance.breaker_settings import parse_token

        generation, serial = parse_token(token) if token else (None, 0)
        if instance:
            self._read(service, instance)               # for its NotFound
        return self._report(service, instance or "", outcome, generation, serial, kind, latency_s)

    def guard_instances(self, service: str, instances: "Iterable[str]") -> "frozenset[str]":
        """Those of `instances` to pass over now because their breakers are open; never all of them."""
        from mgov.model.breaker_document import ejected

        known = self._read(service)
        if not known.breakers:
            return frozenset()
        return ejected(known, instances, self.policy(service), self._clock.now())

    def local(self, service: str, instance: "str | None" = None) -> "LocalBreaker":
        """The breaker of a service or an instance with its window in this process's memory; the same one each time.

        It tells the store what it saw at most every second and at once when that opens it; `flush` tells the rest.
        """
        from mgov.governance.breaker_local import LocalBreaker
        from mgov.governance.breaker_sync import LocalDocument

        check_name(service)
        if service not in self._local:
            made = LocalDocument(service, self._store, self._clock, self._draw, self.policy)
            self._local.setdefault(service, made)
        document = self._local[service]
        return document.members.get(instance or "") or document.members.setdefault(
            instance or "", LocalBreaker(document, instance or "")
        )

    def flush(self) -> None:
        """Tell the store what the local breakers have seen and not told yet."""
        for local in list(self._local.values()):
            local.flush()

    # -- looking

    def states(self, pattern: str = "*") -> "list[Shown]":
        """The breakers of the services that match `pattern`: each service's own, and its instances' that were used."""
        from mgov.governance.breaker_settings import states

        return states(self._store, pattern, self._clock.now())

    def show(self, service: str) -> "tuple[BreakerPolicy, BreakerSet]":
        """The policy of a service's breakers, and all that is known of them, settled."""
        known = self._read(service)
        now = self._clock.now()
        settled = {instance: rules.settle(breaker, now) for instance, breaker in known.breakers.items()}
        return self.policy(service, is_fresh=True), known._replace(breakers={"": Breaker(), **settled})

    def policy(self, service: str, *, is_fresh: bool = False) -> "BreakerPolicy":
        """When the breakers of a service open; what was read within the last second will do, unless `is_fresh`."""
        from mgov.governance.breaker_settings import read_policy

        now = self._clock.monotonic()
        kept = self._policies.get(service)
        if kept is None or is_fresh or not 0 <= now - kept[0] < POLICY_AGE_S:
            kept = self._policies[service] = now, read_policy(self._store, service)
        return kept[1]

    # -- by hand

    def trip(
        self, service: str, instance: "str | None" = None, *, until: "float | None" = None, reason: str = ""
    ) -> "Outcome":
        """Open a breaker now, until `until` [as long as the policy says]; then it comes back as ever."""
        policy, now = self.policy(service, is_fresh=True), self._clock.now()
        rest_s = until - now if until is not None else 0.0
        return self._turn(
            service, instance, lambda b: rules.trip(b, policy, now, self._draw(), reason=reason, rest_s=rest_s)
        )

    def reset(self, service: str, instance: "str | None" = None, *, statistics: bool = False) -> "Outcome":
        """Close a breaker and lift what was forced; with `statistics` they begin anew too."""
        return self._turn(service, instance, lambda b: rules.reset(b, is_whole=statistics))

    def force(
        self,
        service: str,
        word: str,
        instance: "str | None" = None,
        *,
        until: "float | None" = None,
        reason: str = "",
    ) -> "Outcome":
        """Hold a breaker `open`, `closed` or `off` until `until` [lifted]; `none` lifts."""
        from mgov.governance.breaker_settings import check_force

        now = self._clock.now()
        kept = check_force(word)
        for_s = until - now if until is not None else 0.0
        return self._turn(service, instance, lambda b: rules.force(b, kept, now, reason=reason, for_s=for_s))

    def set_policy(
        self, service: str, given: "Mapping[str, Any]", *, replace: bool = False
    ) -> "tuple[Outcome, BreakerPolicy]":
        """Change the keys of the service's `[breaker]` table that are `given`; a value of None was not given.

        With `replace` the others go back to their defaults.
        """
        from mgov.governance.breaker_settings import write_policy

        outcome, policy = write_policy(self._store, service, given, replace=replace)
        self._policies[service] = self._clock.monotonic(), policy
        return outcome, policy

    # -- inside

    def _look(self, service: str, instance: str) -> "tuple[BreakerSet, Answer | None]":
        known = self._read(service, instance)
        now = self._clock.now()
        breaker = known.get(instance)
        settled = rules.settle(breaker, now)
        # What time or a clock that was set back has changed is kept: by the one who then asks.
        return known, rules.look(settled, now) if settled == breaker else None

    def _read(self, service: str, instance: str = "") -> BreakerSet:
        check_name(service)
        document = self._store.read(f"breaker/{service}")
        if document is None:
            require(self._store, service)
        known = load(self._store, service, document.value) if document is not None else BreakerSet()
        if instance and instance not in known.breakers:
            require_instance(self._store, service, instance)
        return known

    def _ask(
        self, service: str, instance: str, among: "Collection[str] | None", hold_s: float
    ) -> "tuple[BreakerSet, Answer]":
        from mgov.model.breaker_document import ask

        policy = self.policy(service)
        chosen = among if among is not None else candidates(self._store, service) if instance else ()
        answers: list[Answer] = []

        def change(known: BreakerSet, now: float) -> BreakerSet:
            after, answer = ask(known, instance, policy, now, hold_s, chosen)
            answers[:] = [answer]
            return after

        return self._change(service, change), answers[0]

    def _report(
        self, service: str, instance: str, outcome: str, generation: "int | None", serial: int, kind: str, took_s: float
    ) -> Recorded:
        policy = self.policy(service)
        done: list[Recorded] = []

        def change(known: BreakerSet, now: float) -> BreakerSet:
            before = rules.settle(known.get(instance), now)
            after = rules.report(
                before, policy, outcome, now,
                generation=generation, serial=serial, kind=kind, latency_s=took_s, draw=self._draw(),
            )  # fmt: skip
            counts = after != before and (before.state == rules.CLOSED or before.probes != after.probes)
            done[:] = [Recorded(counts, label(before), label(after), after.reason)]
            return with_breaker(known, instance, after, now)

        self._change(service, change)
        return done[0]

    def _turn(self, service: str, instance: "str | None", turn: "Callable[[Breaker], Breaker]") -> "Outcome":
        from mgov.governance.outcomes import CHANGED, UNCHANGED, Outcome

        self.policy(service, is_fresh=True)             # for its NotFound
        if instance is not None:
            check_name(instance, "instance")
            self._read(service, instance)
        is_new: list[bool] = []

        def change(known: BreakerSet, now: float) -> BreakerSet:
            after = turn(known.get(instance or ""))
            is_new[:] = [after != known.get(instance or "")]
            return with_breaker(known, instance or "", after, now, self._store.actor)

        self._change(service, change)
        return Outcome(CHANGED if is_new[0] else UNCHANGED, service, instance or "")

    def _change(self, service: str, change: "Callable[[BreakerSet, float], BreakerSet]") -> BreakerSet:
        return change_document(self._store, self._clock, service, change)
