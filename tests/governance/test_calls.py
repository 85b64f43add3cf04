"""Calls over real servers: who is asked, in which order, how often and for how long."""

import threading

import pytest
from callkit import NO_RETRY, FakeBreakers, FakeLimits, FakePermit, fleet, tried
from certificates import Certificates, TlsServer
from upstream import says, stalls

from mgov.clock import SystemClock
from mgov.errors import DeadlineExceeded, NoneHealthy, NotFound, RateLimited, Refused, RemoteError, UsageError
from mgov.governance.guards import Guards
from mgov.governance.telling import tell
from mgov.model.call import Call, Terms
from mgov.model.registration import Registration
from mgov.model.retry import Attempt
from mgov.net.target import Trust

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


# -- the plan


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
