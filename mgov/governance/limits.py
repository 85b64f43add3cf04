"""Rate limits that every process on the store shares: take, wait, look, set, reset.

The policy stands in the service's definition; what was taken, in documents of its own (see `takings`). A take reads
one or two of them and writes one, compare-and-set; one that is refused writes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import Conflict, DeadlineExceeded, MgovError, NotFound, RateLimited
from mgov.governance.fleet import suggest_service
from mgov.governance.takings import Takings
from mgov.model.limit import (
    LimitPolicy,
    check_count,
    decide,
    live,
    nanoseconds,
    parse_policy,
    seconds_up,
    split_key,
)
from mgov.model.names import matches
from mgov.model.record import NamedTuple
from mgov.model.units import format_duration
from mgov.store.base import UPDATE_ATTEMPTS, value_of

if TYPE_CHECKING:
    from mgov.clock import Clock
    from mgov.governance.outcomes import Outcome
    from mgov.store.base import Store

POLICY_AGE_S = 1.0
TAKE_ATTEMPTS = 1000                            # a hundred processes on one key may lose fifty races in a row


class Taken(NamedTuple):
    """What became of a take. `remaining` is how many could follow at once; `retry_after_s` (seconds) is when a refused
    one would pass if nobody else took any."""

    key: str
    policy: LimitPolicy
    allowed: bool
    remaining: int
    retry_after_s: float

    @property
    def wait(self) -> str:
        """`retry_after_s` as people write it, rounded up to the millisecond."""
        return format_duration(-(-self.retry_after_s * 1000 // 1) / 1000)

    def refusal(self, count: int = 1, *, wait_s: float = 0.0) -> MgovError:
        """The error of a take that did not pass: RateLimited, or DeadlineExceeded where waiting was allowed."""
        name = split_key(self.key)[0]
        many = "one is" if count == 1 else f"{count} are"
        what = f"{self.key} is over its limit of {self.policy.rate}: {many} free in {self.wait}"
        if wait_s:
            return DeadlineExceeded(
                f"{what}, which {format_duration(wait_s)} of waiting does not reach", hint=f"mgov limit show {name}"
            )
        return RateLimited(what, hint=f"mgov limit show {name}", retry_after_s=self.retry_after_s)


class KeyState(NamedTuple):
    """A key now: how many could be taken at once, and in how many seconds it is back at full burst."""

    key: str
    policy: LimitPolicy
    remaining: int
    full_after_s: float


class Refusing(NamedTuple):
    """A limit that lets nothing more pass for some key now: how many keys, the one with the longest wait, and in how
    many seconds one token of it is free."""

    name: str
    policy: LimitPolicy
    key_count: int
    key: str
    retry_after_s: float


class Limits:
    """The limits of a store. A key is a limit's name, `orders`, or that and any text, `orders:client-7`.

    A policy that another process set is seen within a second.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock, self._takings = store, clock, Takings(store)
        self._policies: dict[str, tuple[LimitPolicy | None, float]] = {}

    # -- taking

    def take(self, key: str, count: int = 1, *, wait_s: float = 0.0, dry_run: bool = False) -> Taken:
        """Take `count` tokens of `key` if they are there, or become free within `wait_s` seconds.

        What cannot pass in that time is refused at once and takes nothing; `dry_run` never takes nor waits. NotFound
        where there is no limit, UsageError for a count that could never pass.
        """
        deadline = self._clock.monotonic() + wait_s
        while True:
            taken = self.take_now(key, count, dry_run=dry_run)
            if taken.allowed or dry_run or self._clock.monotonic() + taken.retry_after_s > deadline:
                return taken
            self._clock.sleep(taken.retry_after_s)

    def take_now(self, key: str, count: int = 1, *, dry_run: bool = False) -> Taken:
        """As `take`, without waiting."""
        name, rest = split_key(key)
        policy = self.policy(name)
        check_count(policy, count, key)
        for _ in range(TAKE_ATTEMPTS):
            shelf = self._takings.open(name, rest)
            # The clock is read behind the document: a time from before another's take would look like a step back.
            now_ns = nanoseconds(self._clock.now())
            tats = shelf.tats(policy, now_ns)
            made = decide(policy, tats.get(rest), now_ns, count)
            is_same = dry_run or made.tat == tats.get(rest)
            if is_same or self._takings.keep(shelf, rest, made.tat, tats, policy, now_ns):
                return Taken(key, policy, made.allowed, made.remaining, seconds_up(made.retry_after_ns))
        raise Conflict(f"{key} was taken from {TAKE_ATTEMPTS} times during one take", hint="try again")

    def require(self, key: str, count: int = 1, *, wait_s: float = 0.0, dry_run: bool = False) -> Taken | None:
        """As `take`, but raise RateLimited, or DeadlineExceeded with `wait_s`, when it does not pass.

        What has no limit, registered or not, passes for free: None.
        """
        if not self.is_limited(key):
            return None
        taken = self.take(key, count, wait_s=wait_s, dry_run=dry_run)
        if not taken.allowed:
            raise taken.refusal(count, wait_s=wait_s)
        return taken

    def is_limited(self, key: str) -> bool:
        """Whether there is a limit for `key`."""
        return self._find_policy(split_key(key)[0]) is not None

    def reset(self, key: str) -> bool:
        """Give `key` its full burst back; False where it has it."""
        name, rest = split_key(key)
        policy = self.policy(name)
        for _ in range(UPDATE_ATTEMPTS):
            shelf = self._takings.open(name, rest)
            now_ns = nanoseconds(self._clock.now())
            tats = shelf.tats(policy, now_ns)
            if tats.get(rest, 0) <= now_ns:
                return False
            if self._takings.keep(shelf, rest, None, tats, policy, now_ns):
                return True
        raise Conflict(f"{key} changed {UPDATE_ATTEMPTS} times while it was being reset", hint="try again")

    def reset_all(self, name: str) -> int:
        """Give every key of a limit its full burst back; return how many did not have it."""
        count = len(self.keys(name))
        self._takings.forget(name)
        return count

    # -- looking

    def show(self, key: str) -> KeyState:
        """The state of one key; NotFound where there is no limit."""
        name, rest = split_key(key)
        policy = self.policy(name)
        shelf = self._takings.open(name, rest)
        now_ns = nanoseconds(self._clock.now())
        return _state(key, policy, shelf.tats(policy, now_ns).get(rest), now_ns)

    def states(self, pattern: str = "*") -> list[KeyState]:
        """The limits whose name matches `pattern`, each with the state of the key that is its name."""
        found = []
        for document in self._store.scan("service/"):
            name = document.key.partition("/")[2]
            if "limit" in document.value and matches(pattern, name):
                self._policies[name] = (parse_policy(document.value["limit"]), self._clock.monotonic())
                found.append(self.show(name))
        return found

    def refusing(self) -> list[Refusing]:
        """The limits that refuse a take of one now, for some key; of a limit with very many keys only the key that is
        its name is looked at."""
        names = [document.key.partition("/")[2] for document in self._store.scan("limit/")]
        found = [self._refusing(name, policy) for name in names if (policy := self._find_policy(name)) is not None]
        return [one for one in found if one is not None]

    def keys(self, name: str) -> list[KeyState]:
        """Every key of a limit that is not at full burst, the one with the least left first."""
        policy = self.policy(name)
        now_ns = nanoseconds(self._clock.now())
        found = [
            _state(f"{name}:{rest}" if rest else name, policy, tat, now_ns)
            for shelf in self._takings.shelves(name)
            for rest, tat in live(shelf.tats(policy, now_ns), now_ns).items()
        ]
        return sorted(found, key=lambda state: (-state.full_after_s, state.key))

    # -- policies

    def policy(self, name: str) -> LimitPolicy:
        """The policy of a limit; NotFound where there is none."""
        found = self._find_policy(name)
        if found is not None:
            return found
        if self._store.read(f"service/{name}") is None:
            raise NotFound(f"no service {name}", hint=suggest_service(self._store, name, f"mgov register {name}"))
        raise NotFound(f"{name} has no limit", hint=f"mgov limit set {name} 100/1m --burst 20")

    def set_policy(self, name: str, policy: LimitPolicy | None) -> Outcome:
        """Give a registered service this limit, or none. Keys keep the tokens that are gone; without a limit they end.

        NotFound for a service that nobody registered.
        """
        from mgov.governance.definition import change_definition

        outcome = change_definition(self._store, name, lambda known: known._replace(limit=policy), operation="limit")
        self._policies[name] = (policy, self._clock.monotonic())
        if policy is None:
            self._takings.forget(name)
        return outcome

    def _refusing(self, name: str, policy: LimitPolicy) -> Refusing | None:
        shelf = self._takings.open(name, "")
        now_ns = nanoseconds(self._clock.now())
        tats = shelf.tats(policy, now_ns)
        keys = [""] if shelf.is_bucket else list(tats)
        refused = [(wait, key) for key in keys if (wait := decide(policy, tats.get(key), now_ns).retry_after_ns) > 0]
        if not refused:
            return None
        wait_ns, key = max(refused)
        return Refusing(name, policy, len(refused), f"{name}:{key}" if key else name, seconds_up(wait_ns))

    def _find_policy(self, name: str) -> LimitPolicy | None:
        now = self._clock.monotonic()
        kept = self._policies.get(name)
        if kept is not None and 0 <= now - kept[1] < POLICY_AGE_S:
            return kept[0]
        table = value_of(self._store.read(f"service/{name}")).get("limit")
        policy = parse_policy(table) if table is not None else None
        self._policies[name] = (policy, now)
        return policy


def _state(key: str, policy: LimitPolicy, tat: int | None, now_ns: int) -> KeyState:
    look = decide(policy, tat, now_ns, 0)
    return KeyState(key, policy, look.remaining, seconds_up(look.tat - now_ns) if look.tat is not None else 0.0)
