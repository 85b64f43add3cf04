"""What stands in when a call fails: the last good answer, a URL, given bytes."""

import re
import threading

import pytest
from callkit import NO_RETRY, FakeBreakers, FakeLimits, fleet, tried
from upstream import says, stalls

from mgov.clock import SystemClock
from mgov.errors import DeadlineExceeded, NotFound, UsageError
from mgov.model.call import Terms

STALE = Terms(stale_if_error_s=60.0, retry_count=0)


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
