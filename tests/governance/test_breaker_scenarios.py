"""One table of stories, told to a breaker over the store and to one in memory: both behave the same."""

from __future__ import annotations

import pytest
from fakes import FakeClock

from mgov import Platform
from mgov.errors import BreakerOpen

# Each story: the policy, then steps. `ok`, `slow` (3 s) and `fail [KIND]` are calls; `ask` takes a permit and keeps
# it, `told ok|fail|ignore|cancel` reports the oldest kept one; `no` is a refusal; `wait S` and `jump S` move the clock.
STORIES = {
    "opens at the fifth failure in a row": (
        {},
        "fail; fail; fail; fail; is closed; fail; is open; no",
    ),
    "a success ends the row": (
        {},
        "fail; fail; fail; fail; ok; fail; fail; fail; fail; is closed; fail; is open",
    ),
    "one probe goes out when the rest is over, and closes it": (
        {"threshold": 1},
        "fail; no; wait 59; no; wait 1; ask; no; told ok; is closed; ok; ok",
    ),
    "a failed probe opens it for twice as long": (
        {"threshold": 1},
        "fail; wait 60; fail; is open; wait 119; no; wait 1; ok; is closed",
    ),
    "the rest grows to its cap and no further": (
        {"threshold": 1, "open_for": "10s", "open_cap": "15s"},
        "fail; wait 10; fail; wait 14; no; wait 1; fail; wait 14; no; wait 1; ok; is closed",
    ),
    "closing starts the rest over": (
        {"threshold": 1},
        "fail; wait 60; fail; wait 120; ok; fail; wait 60; ok; is closed",
    ),
    "half-open lets as many probes out at once as it says": (
        {"threshold": 1, "half_open": 2, "close_after": 2},
        "fail; wait 60; ask; ask; no; told ok; is half-open; ask; no; told ok; is closed",
    ),
    "a probe that never reports frees its place, and its report comes too late": (
        {"threshold": 1},
        "fail; wait 60; ask; no; wait 30; ask; no; told fail; is half-open; told ok; is closed",
    ),
    "a probe that reports after its time is late even where nobody took its place": (
        {"threshold": 1},
        "fail; wait 60; ask; wait 30; told ok; is half-open; ok; is closed",
    ),
    "an old success does not end a row that began since": (
        {"threshold": 2},
        "ask; fail; fail; wait 60; ok; fail; told ok; fail; is open",
    ),
    "a cancelled probe and an ignored one free their places and say nothing": (
        {"threshold": 1},
        "fail; wait 60; ask; told cancel; ask; told ignore; is half-open; ok; is closed",
    ),
    "a report from before the transition changes nothing": (
        {"threshold": 1},
        "ask; ask; told fail; is open; told ok; is open; wait 60; ask; told ok; is closed",
    ),
    "an old failure does not open what was closed since": (
        {"threshold": 1},
        "ask; ask; told fail; wait 60; ok; is closed; told fail; is closed",
    ),
    "what does not count neither opens nor ends the row": (
        {"threshold": 2},
        "fail 4xx; fail 404; fail 4xx; is closed; fail timeout; fail 4xx; fail 503; is open",
    ),
    "kinds are counted and ignored as the policy says, the exact status first": (
        {"threshold": 1, "count": ["5xx", "429"], "ignore": ["503"]},
        "fail timeout; fail 503; fail 404; is closed; fail 429; is open",
    ),
    "a kind that nobody knows counts as an error": (
        {"threshold": 1},
        "fail nonsense; is open",
    ),
    "opens at a failure rate once enough calls are seen": (
        {"threshold": 0, "min_calls": 4, "failure_rate": 0.5},
        "fail; ok; fail; is closed; ok; is closed; fail; is open",
    ),
    "what is older than the window does not count": (
        {"threshold": 0, "min_calls": 4, "failure_rate": 0.5},
        "fail; fail; fail; wait 11; fail; is closed; ok; ok; fail; is open",
    ),
    "the window slides: what is younger still counts": (
        {"threshold": 0, "min_calls": 4, "failure_rate": 0.5},
        "fail; fail; wait 5; fail; wait 4; fail; is open",
    ),
    "opens at a slow-call rate": (
        {"slow_call": "2s", "slow_rate": 0.5, "min_calls": 4},
        "ok; ok; slow; is closed; slow; is open",
    ),
    "a slow probe opens it again": (
        {"slow_call": "2s", "slow_rate": 0.5, "min_calls": 1},
        "slow; is open; wait 60; slow; is open; wait 120; ok; is closed",
    ),
    "rules that are zero never open it": (
        {"threshold": 0, "failure_rate": 0, "min_calls": 1},
        "fail; fail; fail; fail; fail; fail; is closed",
    ),
    "a clock that goes back a day does not keep it open": (
        {"threshold": 1},
        "fail; jump -86400; no; wait 60; ok; is closed",
    ),
    "a clock that goes to 1970 does not keep a probe's place": (
        {"threshold": 1},
        "fail; wait 60; ask; jump -1800000000; no; wait 30; ok; is closed",
    ),
    "a clock that leaps ahead ends the rest, and empties the window": (
        {"threshold": 0, "min_calls": 2, "failure_rate": 1.0},
        "fail; jump 86400; fail; is closed; fail; is open; jump 86400; ok; is closed",
    ),
    "tripped by hand it comes back as ever": (
        {},
        "trip; no; wait 59; no; wait 1; ok; is closed",
    ),
    "tripped until a time it rests that long": (
        {},
        "trip 1800; wait 1799; no; wait 1; ok; is closed",
    ),
    "reset closes it at once": (
        {"threshold": 1},
        "fail; wait 60; fail; reset; is closed; ok; fail; wait 60; ok; is closed",
    ),
    "forced open it lets nothing out, and is probed when that ends": (
        {},
        "force open; no; wait 86400; no; force none; ok; is closed",
    ),
    "forced open for a time": (
        {},
        "force open 100; wait 99; no; wait 1; ask; no; told ok; is closed",
    ),
    "forced closed it lets everything out": (
        {"threshold": 1},
        "fail; force closed; ok; fail; fail; ask; told fail; is closed; force none; fail; is open",
    ),
    "off, it counts nothing": (
        {"threshold": 1},
        "force off; fail; fail; counted 0; force none; fail; is open; counted 1",
    ),
    "the clock goes back while it is forced for a time": (
        {},
        "force open 100; jump -86400; no; wait 100; ok; is closed",
    ),
}  # fmt: skip


class Teller:
    """Carries out a story's steps."""

    def __init__(self, platform, clock, *, is_local):
        self.clock, self.breakers, self.is_local = clock, platform.breakers, is_local
        self.kept = []

    def permit(self):
        return self.breakers.local("orders").permit() if self.is_local else self.breakers.permit("orders")

    def tell(self, text):
        word, *rest = text.split()
        getattr(self, f"do_{word}")(*rest)

    def do_ok(self):
        self.permit().success(latency_s=0.01)

    def do_slow(self):
        self.permit().success(latency_s=3.0)

    def do_fail(self, kind=""):
        self.permit().failure(kind, latency_s=0.01)

    def do_no(self):
        with pytest.raises(BreakerOpen):
            self.permit()

    def do_ask(self):
        self.kept.append(self.permit())

    def do_told(self, word):
        permit = self.kept.pop(0)
        {"ok": permit.success, "fail": permit.failure, "ignore": permit.ignore, "cancel": permit.cancel}[word]()

    def do_wait(self, seconds):
        self.clock.advance(float(seconds))

    def do_jump(self, seconds):
        self.clock.jump(float(seconds))

    def do_is(self, state):
        self.breakers.flush()
        assert self.breakers.show("orders")[1].get().state == state

    def do_counted(self, total):
        self.breakers.flush()
        assert self.breakers.show("orders")[1].get().total == int(total)

    def do_trip(self, seconds=None):
        self.breakers.trip("orders", until=self.clock.now() + float(seconds) if seconds else None)
        self._look_again()

    def do_reset(self):
        self.breakers.reset("orders")
        self._look_again()

    def do_force(self, word, seconds=None):
        self.breakers.force("orders", word, until=self.clock.now() + float(seconds) if seconds else None)
        self._look_again()

    def _look_again(self):
        if self.is_local:                               # which it does within a second
            self.breakers._local["orders"].sync()


@pytest.mark.parametrize("is_local", [False, True], ids=["store", "local"])
@pytest.mark.parametrize("story", STORIES)
def test_a_breaker_behaves_as_the_story_says(store_path, story, is_local):
    policy, steps = STORIES[story]
    clock = FakeClock()
    with Platform.open(store_path, clock=clock, draw=lambda: 0.0) as platform:
        platform.registry.register("orders")
        platform.breakers.set_policy("orders", policy)
        teller = Teller(platform, clock, is_local=is_local)
        if is_local:
            platform.breakers.local("orders").permit().cancel()
        for step in steps.split("; "):
            teller.tell(step)
