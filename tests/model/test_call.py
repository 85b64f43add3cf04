"""A call's parts: targets, headers, terms; and which health an instance needs to get one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.call import Call, Called, Terms, check_call, check_terms, outgoing, parse_header, target_of, tier
from mgov.model.units import format_size, parse_size

TOLD = Terms(is_repeatable=True)


@pytest.mark.parametrize(("path", "query", "target"), [
    ("", (), "/"),
    ("/items", (), "/items"),
    ("items", (), "/items"),
    ("/items?a=1", [("b", "x y&z")], "/items?a=1&b=x%20y%26z"),
    ("/items?", [("b", "")], "/items?b="),
    ("/订单", [("名", "值/")], "/%E8%AE%A2%E5%8D%95?%E5%90%8D=%E5%80%BC%2F"),
    ("/a%2Fb/../c//d", (), "/a%2Fb/../c//d"),
    ("/\udc80", [("\udcff", "")], "/%80?%FF="),               # bytes of a command line that are no UTF-8
])
def test_a_path_is_sent_as_it_stands_and_only_what_no_url_can_hold_is_quoted(path, query, target):
    assert target_of(path, query) == target


@pytest.mark.parametrize("path", ["/a b", "/a\rb", "/a\nHost: evil", "/a\0", "/a\x7f", "/a#b", "/\ud800"])
def test_a_path_with_what_a_url_cannot_hold_is_refused(path):
    with pytest.raises(UsageError):
        target_of(path)


@given(st.text(), st.lists(st.tuples(st.text(), st.text())))
def test_any_path_and_query_is_one_line_of_ascii_or_refused(path, query):
    try:
        target = target_of(path, query)
    except UsageError:
        return
    assert target.isascii()
    assert not set(target) & set(" \r\n\0#")


@pytest.mark.parametrize("call", [
    Call("orders", "GET POST"), Call("orders", ""), Call("orders", "G\r\nX: y"), Call("orders", "CONNECT"),
    Call("Orders"), Call("orders", target="*"), Call("orders", headers=(("X Y", "1"),)),
    Call("orders", headers=(("X", "a\r\nY: b"),)), Call("orders", headers=(("X", "a\0"),)),
    Call("orders", headers=(("X", "\ud800"),)),
    Call("orders", headers=(("Content-Length", "3"),)), Call("orders", headers=(("", "3"),)),
    Call("orders", headers=(("transfer-encoding", "chunked"),)),
])
def test_what_could_split_or_mislead_a_request_is_refused(call):
    with pytest.raises(UsageError):
        check_call(call)


@pytest.mark.parametrize("terms", [Terms(timeout_s=0), Terms(deadline_s=-1), Terms(retry_count=-1),
                                   Terms(max_body_bytes=-1), Terms(caller="Not A Name"),
                                   Terms(deadline_s=1.0, spare_s=1.0), Terms(fallback_url="ftp://host/")])
def test_terms_that_cannot_be_kept_are_refused(terms):
    with pytest.raises(UsageError):
        check_terms(terms)


def test_a_header_is_a_name_and_a_value_and_a_refusal_never_shows_the_value():
    assert parse_header("X-A:  b: c ") == ("X-A", "b: c")
    with pytest.raises(UsageError) as caught:
        parse_header("Authorization Bearer hunter2")
    assert "hunter2" not in str(caught.value)


def names_of(call, terms, environ=None):
    return dict(outgoing(call, terms, environ or {}, "id1"))


def test_a_request_gets_an_id_and_keeps_the_one_it_has():
    assert names_of(Call("orders"), Terms()) == {"X-Request-ID": "id1", "User-Agent": "mgov", "Accept": "*/*"}
    mine = Call("orders", headers=(("x-request-id", "mine"), ("user-agent", "me")))
    assert names_of(mine, Terms()) == {"x-request-id": "mine", "user-agent": "me", "Accept": "*/*"}


def test_the_caller_and_the_trace_of_the_environment_go_along_unless_they_would_split_the_head():
    environ = {"TRACEPARENT": "00-1-2-01", "TRACESTATE": "a=b\r\nX: y"}
    sent = names_of(Call("orders"), Terms(caller="shop"), environ)
    assert (sent["X-Service-ID"], sent["traceparent"]) == ("shop", "00-1-2-01")
    assert "tracestate" not in sent


def test_only_what_may_be_sent_twice_and_is_not_idempotent_has_an_idempotency_key():
    assert "Idempotency-Key" not in names_of(Call("orders", "POST"), Terms())
    assert "Idempotency-Key" not in names_of(Call("orders", "PUT"), TOLD)
    assert "Idempotency-Key" not in names_of(Call("orders", "POST"), TOLD._replace(retry_count=0))
    assert names_of(Call("orders", "POST"), TOLD)["Idempotency-Key"] == "id1"


@pytest.mark.parametrize(("body", "kind"), [(b'{"a":1}', "application/json"), (b" [1]", "application/json"),
                                            (b"a=1", None), (b"", None), (b"\xff\x00", None)])
def test_a_body_that_begins_like_json_is_called_json(body, kind):
    assert names_of(Call("orders", "POST", body=body), Terms()).get("Content-Type") == kind


@pytest.mark.parametrize(("status", "is_stale", "expected"), [
    ("healthy", False, 0), ("healthy", True, 0), ("declared", False, 0), ("starting", True, 0),
    ("degraded", False, 1), ("unhealthy", True, 2), ("unhealthy", False, None), ("maintenance", False, None),
])
def test_what_nobody_has_looked_at_lately_may_serve_and_what_was_just_seen_failing_not(status, is_stale, expected):
    assert tier(status, is_stale=is_stale) == expected


def test_a_failure_is_what_a_fallback_may_stand_in_for():
    assert [code for code in (200, 302, 404, 429, 500, 503) if Called("orders", code).is_failure] == [429, 500, 503]
    assert Called("orders", 200, headers=(("ETag", "1"), ("etag", "2"))).header("eTAG") == "1"


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("65536", 65536), ("64KiB", 65536), ("64k", 65536),
                                            ("16MiB", 2**24), ("16MB", 2**24), ("1G", 2**30), ("10B", 10)])
def test_a_size_is_bytes_or_has_a_unit(text, size):
    assert parse_size(text) == size
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1.5M", "ten", "1T", "9" * 16, "1 k b"])
def test_anything_else_is_no_size(text):
    with pytest.raises(UsageError):
        parse_size(text)
