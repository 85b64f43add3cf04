"""Retrying, as rules: which attempt, after which pause, out of which budget, and what Retry-After means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.model import retry
from mgov.model.measurement import ERRORS
from mgov.model.retry import Attempt

NOW = 784111777.0 - 60                          # a minute before the date of RFC 9110's examples


def failed(error):
    return Attempt(1, "a", "http://a", error=error)


def answered(status, after=None):
    return Attempt(1, "a", "http://a", status, retry_after_s=after)


def test_connecting_resets_and_timeouts_may_pass_and_garbage_and_our_own_faults_do_not():
    passing = {error for error in ERRORS if retry.is_passing(failed(error))}
    assert passing == {"dns", "refused", "unreachable", "timeout", "reset", "closed", "tls"}


@pytest.mark.parametrize(("status", "after", "passes"), [
    (200, None, False), (302, None, False), (404, None, False), (500, None, False), (501, None, False),
    (502, None, True), (503, None, True), (504, None, True), (429, None, False), (429, 1.0, True), (503, 1.0, True),
])
def test_502_503_504_may_pass_and_429_if_it_says_when(status, after, passes):
    assert retry.is_passing(answered(status, after)) is passes


@pytest.mark.parametrize(("method", "may"), [
    ("GET", True), ("HEAD", True), ("OPTIONS", True), ("PUT", True), ("DELETE", True),
    ("POST", False), ("PATCH", False), ("get", False),
])
def test_only_idempotent_methods_are_sent_twice_unless_told_or_never_sent(method, may):
    assert retry.may_repeat(answered(503), method, is_repeatable=False) is may
    assert retry.may_repeat(answered(503), method, is_repeatable=True)
    assert retry.may_repeat(failed("refused")._replace(was_sent=False), method, is_repeatable=False)


@pytest.mark.parametrize("text", ["60", " 60 ", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                  "Sun Nov  6 08:49:37 1994"])
def test_a_minute_in_seconds_and_in_all_three_forms_of_a_date_is_a_minute(text):
    assert retry.parse_retry_after(text, now=NOW) == 60.0


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "٣", "Sun, 06 Nov 1994 08:49:37 CET",
                                  "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:00:00 GMT",
                                  "Sun, 06 Nov 1994 08:49 GMT", "Sun Nov 6 08:49:37 0"])
def test_what_is_neither_is_none(text):
    assert retry.parse_retry_after(text, now=NOW) is None


def test_a_date_that_has_passed_means_now_and_a_leap_second_is_one():
    assert retry.parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now=NOW + 3600) == 0.0
    assert retry.parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", now=NOW) == 1483228799.0


@given(st.text())
def test_any_text_is_none_or_a_number_of_seconds_that_is_not_negative(text):
    seconds = retry.parse_retry_after(text, now=NOW)
    assert seconds is None or seconds >= 0


def test_a_pause_is_drawn_between_nothing_and_a_doubling_bound_that_is_capped():
    assert [retry.pause_s(n, 0.0) for n in (1, 2, 3)] == [0, 0, 0]
    assert [retry.pause_s(n, 0.5) for n in (1, 2, 3, 4, 5, 6, 99, 5000)] == [0.5, 1, 2, 4, 8, 10, 10, 10]


def test_a_retry_after_that_binds_us_is_the_least_pause():
    assert retry.pause_s(1, 0.5, wait_s=7.0) == 7.0
    assert retry.pause_s(4, 0.99, wait_s=1.0) == pytest.approx(7.92)


def test_an_attempt_never_runs_past_the_deadline():
    assert retry.time_for(10.0, now=100.0, deadline_at=130.0) == 10.0
    assert retry.time_for(10.0, now=125.0, deadline_at=130.0) == 5.0
    assert retry.time_for(10.0, now=131.0, deadline_at=130.0) < 0


def test_a_quiet_program_has_ten_retries_and_one_more_each_second():
    account = retry.open_account(0.0)
    for _ in range(10):
        account = retry.spend(account, 0.0)
    assert retry.spend(account, 0.5) is None
    assert retry.spend(account, 1.0).tokens == 0.0
    assert retry.spend(retry.open_account(0.0), 1000.0).tokens == 9.0


def test_a_clock_that_goes_back_earns_nothing():
    account = retry.Account(0.0, 100.0)
    assert retry.spend(account, 50.0) is None


@given(st.lists(st.booleans(), max_size=400))
def test_in_one_moment_retries_are_at_most_a_fifth_of_the_calls_and_the_floor(moves):
    account, call_count, retry_count = retry.open_account(0.0), 0, 0
    for is_call in moves:
        if is_call:
            account, call_count = retry.earn(account, 0.0), call_count + 1
        elif (paid := retry.spend(account, 0.0)) is not None:
            account, retry_count = paid, retry_count + 1
    assert retry_count <= retry.FLOOR_TOKENS + retry.EARNED_BY_CALL * call_count + 1e-6
    assert account.tokens <= retry.MOST_TOKENS
