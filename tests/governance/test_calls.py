"""Calls over real servers: who is asked, in which order, how often, how long, and what stands in."""

import asyncio
import re
import threading

import pytest
from certificates import Certificates, TlsServer
from fakes import FakeClock
from upstream import Upstream, says, stalls

from mgov.clock import SystemClock
from mgov.errors import DeadlineExceeded, NoneHealthy, NotFound, RateLimited, Refused, RemoteError, UsageError
from mgov.governance.async_calls import AsyncCalls
from mgov.governance.calls import Calls
from mgov.governance.guards import Guards
from mgov.governance.telling import tell
from mgov.model.call import Call, Terms
from mgov.model.registration import Registration
from mgov.model.retry import Attempt
from mgov.net.target import Trust

NO_RETRY = Terms(retry_count=0)
STALE = Terms(stale_if_error_s=60.0, retry_count=0)


class FakePermit:
    def __init__(self, log, name):
        self._log, self._name = log, name

    def success(self, latency_s=None):
        assert latency_s is None or latency_s >= 0
        self._log.append((self._name, "success"))

    def failure(self, kind="", latency_s=None):
        self._log.append((self._name, kind))

    def ignore(self):
        self._log.append((self._name, "ignored"))

    def cancel(self):
        self._log.append((self._name, "cancelled"))


class FakeBreakers:
    """Refuses those in `open`, ejects those in `ejected`, says that those in `serving` serve; `log` holds what was
    reported of whom."""

    def __init__(self):
        self.log, self.open, self.ejected, self.serving = [], set(), set(), set()

    def permit(self, service, instance=None, *, among=None, hold_s=0.0):
        name = instance or service
        if name in self.open:
            raise Refused(f"the breaker of {name} is open")
        return FakePermit(self.log, name)

    def guard_instances(self, service, instances):
        return frozenset(self.ejected & set(instances))

    def state(self, service, instance):
        return "closed"

    def is_serving(self, service, instance):
        return instance in self.serving


class FakeLimits:
    def __init__(self, left):
        self.left = left

    def require(self, key):
        self.left -= 1
        if self.left < 0:
            raise RateLimited(f"{key} is over its limit", retry_after_s=1.0)


@pytest.fixture
def serve():
    """Start an upstream; it is closed when the test ends."""
    started = []

    def start(plan=None):
        started.append(Upstream(plan))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def refusing(closed_port):
    """A URL where connections are refused."""
    return f"http://127.0.0.1:{closed_port}"


def fleet(platform, *urls):
    """Register one instance `a`, `b`, `c` for each URL; the first is picked while the draw is 0."""
    for id, url in zip("abc", urls, strict=False):
        platform.registry.register("orders", url, fields=Registration(id=id))


@pytest.fixture
def make():
    """Calls over a platform's members, on a clock; their connections are closed when the test ends."""
    made = []

    def start(platform, clock, draw=lambda: 0.0, **parts):
        made.append(Calls(
            lambda name: platform.discovery.members(name, probe=False), clock, draw,
            new_id=lambda: "id1", environ={}, **parts,
        ))  # fmt: skip
        return made[-1]

    yield start
    for calls in made:
        calls.close()


def tried(called):
    return [(attempt.instance, attempt.status_code or attempt.error) for attempt in called.attempts]


# -- picking and trying again


def test_an_answer_comes_whole_with_where_it_came_from(make, platform, clock, serve):
    server = serve(says(200, b"\xff\0", X_A="b"))
    fleet(platform, server.url)
    called = make(platform, clock).get("orders", "/items", query={"n": "1"}, headers={"X-Mine": "yes"})
    assert (called.status_code, called.body, called.header("x-a")) == (200, b"\xff\0", "b")
    assert (called.instance, called.url, called.request_id, called.is_fallback) == ("a", server.url, "id1", False)
    [(method, path, headers, body)] = server.requests
    assert (method, path, body, headers["X-Mine"], headers["X-Request-ID"]) == ("GET", "/items?n=1", b"", "yes", "id1")


@pytest.mark.parametrize("value", [None, True, ["a", "b"], b"a"])
def test_what_is_neither_text_nor_a_number_is_not_sent_as_it_looks(make, platform, clock, serve, value):
    server = serve()
    fleet(platform, server.url)
    calls = make(platform, clock)
    for given in ({"query": {"tag": value}}, {"headers": [("tag", value)]}):
        with pytest.raises(UsageError, match=r"^tag is text or a number, not "):
            calls.get("orders", **given)
    calls.get("orders", query=[("n", 1), ("n", 0.5)])
    assert [request[1] for request in server.requests] == ["/?n=1&n=0.5"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_another_instance_is_tried_for_what_may_pass(make, platform, clock, serve, status):
    bad, good = serve(says(status)), serve()
    fleet(platform, bad.url, good.url)
    called = make(platform, clock).get("orders")
    assert tried(called) == [("a", status), ("b", 200)]
    assert bad.requests[0][2]["X-Request-ID"] == good.requests[0][2]["X-Request-ID"]


def test_a_refused_connection_and_a_reset_go_on_elsewhere(make, platform, clock, serve, refusing):
    resetting, good = serve(lambda n: None), serve()
    fleet(platform, refusing, resetting.url, good.url)
    assert tried(make(platform, clock).get("orders")) == [("a", "refused"), ("b", "reset"), ("c", 200)]


@pytest.mark.parametrize("status", [200, 302, 400, 404, 429, 500, 501])
def test_what_will_not_pass_is_answered_at_once(make, platform, clock, serve, status):
    first, second = serve(says(status)), serve()
    fleet(platform, first.url, second.url)
    assert tried(make(platform, clock).get("orders")) == [("a", status)]
    assert second.requests == []


def test_a_post_is_sent_once_unless_it_may_be_repeated_and_then_with_one_key(make, platform, clock, serve):
    bad, good = serve(says(503)), serve()
    fleet(platform, bad.url, good.url)
    calls = make(platform, clock)
    assert calls.request("POST", "orders", body=b"x").status_code == 503
    assert "Idempotency-Key" not in bad.requests[0][2]
    called = calls.request("POST", "orders", body=b"x", terms=Terms(is_repeatable=True))
    assert tried(called) == [("a", 503), ("b", 200)]
    assert bad.requests[1][2]["Idempotency-Key"] == good.requests[0][2]["Idempotency-Key"] == "id1"
    assert good.requests[0][3] == b"x"


def test_a_post_that_never_reached_anybody_goes_on_elsewhere(make, platform, clock, serve, refusing):
    good = serve()
    fleet(platform, refusing, good.url)
    assert tried(make(platform, clock).request("POST", "orders", body=b"x")) == [("a", "refused"), ("b", 200)]


def test_when_all_were_tried_they_are_tried_again_and_the_last_word_stands(make, platform, clock, serve):
    first, second = serve(says(503, b"1")), serve(says(503, b"2"))
    fleet(platform, first.url, second.url)
    called = make(platform, clock).get("orders")
    assert (called.status_code, len(called.attempts)) == (503, 4)
    assert {attempt.instance for attempt in called.attempts[:2]} == {"a", "b"}
    assert [len(first.requests), len(second.requests)] == [2, 2]


def test_better_health_comes_first_and_what_was_just_seen_failing_never(make, platform, clock, serve):
    servers = [serve(), serve(says(429)), serve(says(503))]
    for id, server in zip("abc", servers, strict=True):
        platform.registry.register("orders", server.url, fields=Registration(id=id, health="/"))
    platform.monitor.sweep(["orders"])
    servers[0].plan = says(503)
    called = make(platform, clock).get("orders")
    assert [attempt.instance for attempt in called.attempts] == ["a", "b"]
    assert len(servers[2].requests) == 1                        # the sweep's


def test_what_was_failing_when_somebody_looked_long_ago_is_tried_again(make, platform, clock, serve):
    server = serve(says(503))
    platform.registry.register("orders", server.url, fields=Registration(id="a", health="/"))
    platform.monitor.sweep(["orders"])
    calls = make(platform, clock)
    with pytest.raises(NoneHealthy, match=r"no instance of orders may be used: a unhealthy \(HTTP 503"):
        calls.get("orders")
    clock.advance(3600)
    server.plan = says(200)
    assert calls.get("orders").status_code == 200
    assert len(server.requests) == 2                            # nobody probed


def test_nobody_unknown_no_instances_maintenance_and_another_protocol_are_told_apart(make, platform, clock, serve):
    calls = make(platform, clock)
    with pytest.raises(NotFound):
        calls.get("nobody")
    platform.registry.register("orders")
    with pytest.raises(NoneHealthy, match="orders has no instances") as nobody:
        calls.get("orders")
    assert nobody.value.hint == "mgov register orders URL"
    fleet(platform, serve().url)
    platform.registry.maintain("orders", reason="upgrade")
    with pytest.raises(NoneHealthy, match=r"a maintenance \(upgrade\)"):
        calls.get("orders")
    platform.registry.register("cache", "redis://127.0.0.1:6379")
    with pytest.raises(UsageError, match="cache speaks redis: a call speaks http and https"):
        calls.get("cache")


def test_calls_are_shared_out_by_weight_whatever_a_probe_once_took(make, platform, clock, serve):
    for id in "abc":
        fields = Registration(id=id, health="/", weight=2 if id == "b" else 1)
        platform.registry.register("orders", serve().url, fields=fields)
    platform.monitor.sweep(["orders"])                          # three latencies, one of which is the least
    draws = iter([i / 8 for i in range(8)])
    calls = make(platform, clock, draw=lambda: next(draws))
    assert [calls.get("orders").instance for _ in range(8)] == ["a", "a", "b", "b", "b", "b", "c", "c"]


def test_an_instance_in_the_callers_zone_comes_first_and_one_without_weight_not_at_all(make, platform, clock, serve):
    for id, zone, weight in (("a", "north", 1), ("b", "south", 1), ("c", "south", 0)):
        fields = Registration(id=id, zone=zone, weight=weight)
        platform.registry.register("orders", serve(says(503)).url, fields=fields)
    calls = make(platform, clock)
    for zone, order in (("", "abab"), ("south", "baba"), ("north", "abab"), ("west", "abab")):
        called = calls.get("orders", terms=Terms(zone=zone))
        assert "".join(attempt.instance for attempt in called.attempts) == order
        clock.advance(60)                                       # for the retry budget


def test_an_https_instance_is_trusted_as_its_service_says_unless_the_caller_says_otherwise(
    make, platform, clock, tmp_path, require
):
    require("openssl")
    server = TlsServer(*Certificates(tmp_path).make("valid", "IP:127.0.0.1"))
    try:
        fleet(platform, f"https://127.0.0.1:{server.port}")
        with pytest.raises(RemoteError, match="self-signed certificate"):
            make(platform, clock).get("orders", terms=NO_RETRY)
        calls = make(platform, clock, trust_of=lambda service: Trust(insecure=service == "orders"))
        assert calls.get("orders", terms=NO_RETRY).status_code == 200
        with pytest.raises(RemoteError, match="self-signed certificate"):
            calls.request("GET", "orders", terms=NO_RETRY, trust=Trust())
    finally:
        server.close()


# -- time


def test_the_pauses_between_attempts_grow_and_are_drawn(make, platform, clock, serve):
    fleet(platform, serve(says(503)).url)
    make(platform, clock, draw=lambda: 0.5).get("orders")
    assert clock.slept == [0.5, 1.0, 2.0]


def test_retry_after_binds_us_to_the_instance_that_said_it_and_to_no_other(make, platform, clock, serve):
    first, second = serve(says(503, Retry_After="7")), serve(says(429, Retry_After="Fri, 15 Jan 2027 08:00:30 GMT"))
    fleet(platform, first.url, second.url)
    make(platform, clock).get("orders", terms=Terms(retry_count=2, deadline_s=100))
    assert clock.slept == [0.0, 7.0]                # back to the first, which is free again before the second
    assert (len(first.requests), len(second.requests)) == (2, 1)


def test_retry_after_binds_us_when_the_others_are_ejected(make, platform, clock, serve):
    breakers = FakeBreakers()
    fleet(platform, serve(says(503, Retry_After="7")).url, serve().url)
    breakers.ejected.add("b")
    called = make(platform, clock, breakers=breakers).get("orders", terms=Terms(retry_count=1))
    assert (tried(called), clock.slept) == ([("a", 503), ("a", 503)], [7.0])


def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once(make, platform, clock, serve):
    server = serve(says(503, Retry_After="60"))
    fleet(platform, server.url)
    called = make(platform, clock).get("orders")
    assert (called.status_code, clock.slept, len(server.requests)) == (503, [], 1)


def test_one_deadline_holds_over_all_attempts(make, platform, clock, serve):
    def slow(n):
        clock.advance(4)
        return 503, {}, b""

    server = serve(slow)
    fleet(platform, server.url)
    called = make(platform, clock, draw=lambda: 0.9).get("orders", terms=Terms(deadline_s=9.0))
    assert (called.status_code, len(server.requests)) == (503, 2)


def test_running_into_the_deadline_is_one_thing_and_into_an_attempts_timeout_another(make, platform, serve):
    let_go = threading.Event()
    fleet(platform, serve(stalls(let_go)).url)
    try:
        with pytest.raises(DeadlineExceeded, match=r"orders did not answer within 100ms \(a: no answer within \d+ms\)"):
            make(platform, SystemClock()).get("orders", terms=Terms(deadline_s=0.1))
        with pytest.raises(RemoteError) as slow:
            make(platform, SystemClock()).get("orders", terms=Terms(timeout_s=0.1, retry_count=0))
        assert slow.value.message == "orders could not be called (a: no answer within 100ms)"
    finally:
        let_go.set()


# -- the retry budget


def test_a_retry_of_what_never_left_costs_nothing(make, platform, clock, serve, refusing):
    fleet(platform, refusing, serve().url)
    calls = make(platform, clock)
    assert [calls.get("orders").instance for _ in range(50)] == ["b"] * 50


def test_the_retry_budget_is_shared_by_all_calls_of_the_process(make, platform, clock, serve):
    server = serve(says(503))
    fleet(platform, server.url)
    clock.sleep = lambda seconds: None                          # no time passes, so that nothing is earned by it
    calls = make(platform, clock)
    for _ in range(20):
        calls.get("orders")
    assert 33 <= len(server.requests) <= 20 + 10 + 4            # the calls, the floor, a fifth of the calls


# -- limit and breaker


def test_the_limit_is_asked_first_and_its_refusal_reaches_nobody(make, platform, clock, serve):
    server, breakers = serve(), FakeBreakers()
    fleet(platform, server.url)
    calls = make(platform, clock, limits=FakeLimits(1), breakers=breakers)
    calls.get("orders")
    with pytest.raises(RateLimited):
        calls.get("orders")
    assert len(server.requests) == 1
    assert breakers.log == [("a", "success"), ("orders", "success")]
    assert calls.get("orders", terms=Terms(has_limit=False)).status_code == 200


def test_an_attempt_is_told_to_its_instances_breaker_and_the_outcome_to_all(make, platform, clock, serve, refusing):
    breakers = FakeBreakers()
    fleet(platform, refusing, serve(says(503)).url, serve(says(404)).url)
    make(platform, clock, breakers=breakers).get("orders")
    assert breakers.log == [("a", "refused"), ("b", "503"), ("c", "404"), ("orders", "404")]


def test_a_policy_that_names_a_status_or_a_kind_holds_for_calls(make, platform, clock, serve):
    breakers = platform.breakers
    fleet(platform, serve(lambda n: (503, {}, b"") if n == 1 else (502, {}, b"")).url)
    breakers.set_policy("orders", {"threshold": 1, "ignore": ["503"]})
    calls = make(platform, clock, breakers=Guards(breakers, clock))
    calls.get("orders", terms=NO_RETRY)
    assert breakers.show("orders")[1].get("a").state == "closed"
    calls.get("orders", terms=NO_RETRY)
    assert breakers.show("orders")[1].get("a").reason == "1 failure: 502"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("dns", "refused"), ("refused", "refused"), ("unreachable", "refused"), ("timeout", "timeout"),
        ("reset", "reset"), ("closed", "reset"), ("tls", "tls"), ("protocol", "protocol"),
        ("headers-too-large", "protocol"), ("unforeseen", "error"), ("local-error", "ignored"),
    ],
)  # fmt: skip
def test_each_error_has_one_name_at_the_breaker(error, kind):
    log = []
    tell(FakePermit(log, "a"), Attempt(1, "a", "http://a", error=error))
    assert log == [("a", kind)]


@pytest.mark.parametrize(("serving", "ejected", "told"), [
    ("", "", "503"), ("b", "", "ignored"), ("a", "", "503"), ("b", "b", "503"),
])
def test_a_failure_beside_an_instance_that_serves_says_nothing_of_the_service(
    make, platform, clock, serve, serving, ejected, told
):
    breakers = FakeBreakers()
    breakers.serving, breakers.ejected = set(serving), set(ejected)
    fleet(platform, serve(says(503)).url, serve().url)
    assert make(platform, clock, breakers=breakers).get("orders", terms=NO_RETRY).status_code == 503
    assert breakers.log == [("a", "503"), ("orders", told)]


def test_one_instance_that_fails_does_not_stop_the_calls_to_another(make, platform, clock, serve):
    bad, good, breakers = serve(), serve(), platform.breakers
    fleet(platform, bad.url, good.url)
    draws = [0.9, *[0.0] * 5]
    calls = make(platform, clock, draw=lambda: draws.pop(0), breakers=Guards(breakers, clock))
    calls.request("POST", "orders")                             # b serves
    bad.plan = says(503)
    assert [calls.request("POST", "orders").status_code for _ in range(5)] == [503] * 5
    breakers.flush()
    known = breakers.show("orders")[1]
    assert (known.get("a").state, known.get().state, known.get().failed) == ("open", "closed", 0)
    assert calls.request("POST", "orders").instance == "b"      # only one is left: nothing is drawn


def test_failures_of_instances_that_all_fail_now_and_then_count_for_the_service(make, platform, clock, serve):
    servers = [serve(), serve()]
    fleet(platform, *(server.url for server in servers))
    picked = []
    calls = make(platform, clock, draw=lambda: 0.9 * picked[-1], breakers=Guards(platform.breakers, clock))

    def post(number, plan):
        picked.append(number)
        servers[number].plan = plan
        calls.request("POST", "orders")

    well, fails = servers[0].plan, says(503)
    post(0, well)
    post(1, well)
    for number in (0, 1) * 3:                   # the other one's last call went well each time
        for plan in (fails, fails, well):
            post(number, plan)
    post(0, fails)
    post(1, fails)                              # the 20th that counts: fewer say nothing
    with pytest.raises(Refused, match=r"the breaker of orders is open .*calls failed within 10s"):
        post(0, fails)


def test_a_failure_counts_for_the_service_when_nobody_else_was_seen_to_serve_lately(make, platform, clock, serve):
    fleet(platform, serve(says(500)).url, serve().url)
    draws = [0.9, *[0.0] * 5]
    calls = make(platform, clock, draw=lambda: draws.pop(0), breakers=Guards(platform.breakers, clock))
    calls.get("orders")
    clock.advance(11)
    for _ in range(5):
        calls.get("orders")
    with pytest.raises(Refused, match="the breaker of orders is open"):
        calls.get("orders")


def test_an_open_breaker_of_the_service_is_the_answer_unless_told_not_to_ask(make, platform, clock, serve):
    server, breakers = serve(), FakeBreakers()
    fleet(platform, server.url)
    breakers.open.add("orders")
    calls = make(platform, clock, breakers=breakers)
    with pytest.raises(Refused, match="the breaker of orders is open"):
        calls.get("orders")
    assert calls.get("orders", terms=Terms(has_breaker=False)).status_code == 200
    assert breakers.log == []


def test_an_ejected_instance_is_passed_over_and_so_is_one_whose_breaker_refuses(make, platform, clock, serve):
    servers, breakers = [serve(), serve(), serve()], FakeBreakers()
    fleet(platform, *(server.url for server in servers))
    breakers.ejected.add("a")
    breakers.open.add("b")
    assert tried(make(platform, clock, breakers=breakers).get("orders")) == [("c", 200)]


def test_when_every_other_breaker_refuses_the_last_answer_stands(make, platform, clock, serve):
    breakers = FakeBreakers()

    def then_open(n):
        breakers.open.update("ab")
        return 503, {}, b"sorry"

    fleet(platform, serve(then_open).url, serve().url)
    called = make(platform, clock, breakers=breakers).get("orders")
    assert (called.status_code, called.body) == (503, b"sorry")
    with pytest.raises(Refused, match="is open"):
        make(platform, clock, breakers=breakers).get("orders")


def test_an_interrupt_frees_every_permit(make, platform, clock, serve):
    breakers = FakeBreakers()
    fleet(platform, serve(says(503)).url)

    def interrupt(seconds):
        raise KeyboardInterrupt

    clock.sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        make(platform, clock, breakers=breakers).get("orders")
    assert breakers.log == [("a", "503"), ("orders", "cancelled")]


# -- what stands in


def answers_of(platform):
    from mgov.store.answers import Answers

    return Answers(platform.store.root)


def test_the_last_good_answer_stands_in_when_asked_for_and_says_so(make, platform, clock, serve):
    server = serve(says(200, b"good", ETag="1", Set_Cookie="s=1"))
    fleet(platform, server.url)
    calls = make(platform, clock, answers=answers_of(platform))
    assert calls.get("orders", "/items", terms=STALE).body == b"good"
    server.plan = says(500, b"bad")
    clock.advance(59)
    called = calls.get("orders", "/items", terms=STALE)
    assert (called.body, called.status_code, called.source, called.age_s) == (b"good", 200, "last-good", 59.0)
    assert (called.failure, called.header("etag"), called.header("set-cookie")) == ("orders answered HTTP 500", "1", "")
    assert tried(called) == [("a", 500)]
    assert calls.get("orders", "/items", terms=NO_RETRY).body == b"bad"
    assert calls.get("orders", "/other", terms=STALE).body == b"bad"
    clock.advance(2)
    assert calls.get("orders", "/items", terms=STALE).body == b"bad"


def test_another_process_finds_the_last_good_answer_when_nobody_is_left(make, platform, clock, serve):
    server = serve()
    fleet(platform, server.url)
    make(platform, clock, answers=answers_of(platform)).get("orders", terms=STALE)
    server.close()
    called = make(platform, clock, answers=answers_of(platform)).get("orders", terms=STALE)
    assert (called.body, called.source, called.failure) == (
        b"ok\n", "last-good", "orders could not be called (a: connection refused)")
    platform.registry.maintain("orders")
    assert make(platform, clock, answers=answers_of(platform)).get("orders", terms=STALE).is_fallback
    server.close = lambda: None


def test_what_one_bearer_of_a_token_was_told_is_not_told_to_another(make, platform, clock, serve):
    server = serve(says(200, b"hers"))
    fleet(platform, server.url)
    calls = make(platform, clock, answers=answers_of(platform))
    calls.get("orders", headers={"Authorization": "hers", "X-Request-ID": "1"}, terms=STALE)
    server.plan = says(503)
    assert calls.get("orders", headers={"Authorization": "his"}, terms=STALE).status_code == 503
    mine = calls.get("orders", headers={"authorization": "hers", "X-Request-ID": "2"}, terms=STALE)
    assert mine.body == b"hers"


@pytest.mark.parametrize(("answer", "method"), [
    (says(200, b"x", Cache_Control="private, No-Store"), "GET"), (says(404, b"x"), "GET"), (says(200, b"x"), "POST"),
])
def test_what_must_not_be_stored_and_what_is_no_good_answer_is_not_kept(make, platform, clock, serve, answer, method):
    server = serve(answer)
    fleet(platform, server.url)
    calls = make(platform, clock, answers=answers_of(platform))
    calls.request(method, "orders", terms=STALE)
    server.plan = says(500, b"bad")
    assert calls.request(method, "orders", terms=STALE).body == b"bad"


def test_a_url_stands_in_and_is_told_none_of_the_callers_headers(make, platform, clock, serve, refusing):
    spare = serve(says(200, b"spare"))
    fleet(platform, refusing)
    terms = Terms(retry_count=0, fallback_url=f"{spare.url}/spare?x=1", fallback_body=b"last")
    called = make(platform, clock).get("orders", headers={"Authorization": "secret"}, terms=terms)
    assert (called.body, called.source, called.url) == (b"spare", "url", f"{spare.url}/spare?x=1")
    assert spare.requests[0][1] == "/spare?x=1"
    assert "Authorization" not in spare.requests[0][2]
    spare.plan = says(404)
    called = make(platform, clock).get("orders", terms=terms)
    assert (called.body, called.source) == (b"last", "file")


def test_of_the_deadline_time_is_kept_for_the_url_that_may_stand_in(make, platform, serve):
    let_go = threading.Event()
    fleet(platform, serve(stalls(let_go)).url)
    spare = serve(says(200, b"spare"))
    try:
        called = make(platform, SystemClock()).get("orders", terms=Terms(deadline_s=0.4, fallback_url=spare.url))
        assert called.body == b"spare"
        why = r"orders did not answer within 400ms \(a: no answer within (2[5-9]\d|300)ms\)"
        assert re.fullmatch(why, called.failure)
        spare.plan = stalls(let_go)
        with pytest.raises(DeadlineExceeded, match=r"; http://\S+ does not stand in: no answer within [1-9]\d{0,2}ms$"):
            make(platform, SystemClock()).get("orders", terms=Terms(deadline_s=0.4, fallback_url=spare.url))
    finally:
        let_go.set()


def test_a_url_that_does_not_stand_in_is_named_with_its_reason(make, platform, clock, serve, refusing):
    def slow(n):
        clock.advance(31)
        return 503, {}, b"busy"

    server, spare = serve(says(503, b"busy")), serve(says(302, b"", Location="/login"))
    fleet(platform, server.url)
    calls = make(platform, clock)
    terms = Terms(retry_count=0, fallback_url=spare.url)
    called = calls.get("orders", terms=terms)
    assert (called.body, called.failure) == (b"busy", f"{spare.url} does not stand in: HTTP 302")
    assert not called.is_fallback
    called = calls.get("orders", terms=terms._replace(fallback_body=b"last"))
    assert called.failure == f"orders answered HTTP 503; {spare.url} does not stand in: HTTP 302"
    called = calls.get("orders", terms=terms._replace(fallback_url=refusing))
    assert called.failure == f"{refusing} does not stand in: connection refused"
    server.plan = slow
    assert calls.get("orders", terms=terms).failure == f"{spare.url} does not stand in: no time was left"


@pytest.mark.parametrize("parts", [{"limits": FakeLimits(0)}, {"breakers": FakeBreakers()}])
def test_a_refusal_has_its_fallback_too_and_wrong_use_has_none(make, platform, clock, serve, parts):
    if "breakers" in parts:
        parts["breakers"].open.add("orders")
    fleet(platform, serve().url)
    terms = Terms(fallback_body=b"instead")
    calls = make(platform, clock, **parts)
    assert calls.get("orders", terms=terms).body == b"instead"
    with pytest.raises(NotFound):
        calls.get("nobody", terms=terms)
    with pytest.raises(UsageError):
        calls.get("orders", "/a b", terms=terms)


def test_a_4xx_is_the_callers_affair_and_has_no_fallback(make, platform, clock, serve):
    fleet(platform, serve(says(404, b"no")).url)
    assert make(platform, clock).get("orders", terms=Terms(fallback_body=b"instead")).body == b"no"


# -- plan, and the event loop


def test_a_plan_sends_nothing_and_takes_nothing(make, platform, clock, serve):
    server, limits, breakers = serve(), FakeLimits(1), FakeBreakers()
    fleet(platform, server.url, serve().url)
    plan = make(platform, clock, limits=limits, breakers=breakers).plan(Call("orders", "POST", "/x", body=b"{}"))
    assert [member.instance.id for member in plan.members] == ["a", "b"]
    assert (plan.request.port, plan.request.method, plan.request.target) == (server.port, "POST", "/x")
    assert (server.requests, limits.left, breakers.log) == ([], 1, [])


def test_a_plan_passes_over_what_is_ejected_as_the_call_would(make, platform, clock, serve):
    breakers = FakeBreakers()
    fleet(platform, serve().url, serve().url)
    breakers.ejected.add("a")
    calls = make(platform, clock, breakers=breakers)
    assert calls.plan(Call("orders")).members[0].instance.id == "b"
    assert calls.plan(Call("orders"), Terms(has_breaker=False)).members[0].instance.id == "a"


def test_on_an_event_loop_the_same_rules_hold_and_many_run_at_once(make, platform, serve):
    bad, good = serve(says(503)), serve()
    fleet(platform, bad.url, good.url)
    platform.clock.sleep = None                                 # nobody may block the loop

    async def act():
        calls = AsyncCalls(make(platform, FakeClock()))
        found = await asyncio.gather(*(calls.get("orders") for _ in range(8)))
        with pytest.raises(NotFound):
            await calls.get("nobody")
        plan = await calls.plan(Call("orders"))
        await calls.close()
        return found, plan

    found, plan = asyncio.run(act())
    assert [tried(called) for called in found] == [[("a", 503), ("b", 200)]] * 8
    assert plan.members[0].instance.id == "a"


def test_a_cancelled_call_frees_its_permits(make, platform, clock, serve):
    let_go, breakers = threading.Event(), FakeBreakers()
    fleet(platform, serve(stalls(let_go)).url)

    async def act():
        calls = AsyncCalls(make(platform, clock, breakers=breakers))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await calls.get("orders")
        await calls.close()

    try:
        asyncio.run(act())
    finally:
        let_go.set()
    assert breakers.log == [("a", "cancelled"), ("orders", "cancelled")]


def test_a_call_that_is_cancelled_while_it_asks_the_store_waits_for_the_answer_and_gives_it_back(
    make, platform, clock, serve
):
    let_go, breakers = threading.Event(), FakeBreakers()
    ask = breakers.permit

    def ask_slowly(*words, **options):
        let_go.wait(10)
        return ask(*words, **options)

    breakers.permit = ask_slowly
    fleet(platform, serve().url)

    async def act():
        calls = AsyncCalls(make(platform, clock, breakers=breakers))
        asyncio.get_running_loop().call_later(0.1, let_go.set)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await calls.get("orders")

    asyncio.run(act())
    assert breakers.log == [("a", "cancelled"), ("orders", "cancelled")]


def test_the_platform_has_calls_both_ways(platform, serve):
    fleet(platform, serve().url)
    assert platform.calls.get("orders").body == b"ok\n"
    assert platform.calls is platform.calls

    async def act():
        async with platform as twin:
            return await twin.calls.get("orders")

    assert asyncio.run(act()).body == b"ok\n"
