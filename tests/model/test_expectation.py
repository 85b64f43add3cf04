"""What may be expected, and what is refused with the column of its fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.expectation import Expectation, Needs, expectations_of, needs, parse_expectation


@pytest.mark.parametrize(
    ("text", "subject", "name", "operator", "value"),
    [
        ("status=2xx", "status", "", "=", ((200, 299),)),
        ("status==200", "status", "", "=", ((200, 200),)),
        ("status=200,204, 3XX", "status", "", "=", ((200, 200), (204, 204), (300, 399))),
        ("status!=5xx", "status", "", "!=", ((500, 599),)),
        ("status<300", "status", "", "<", 300),
        ("status >= 200", "status", "", ">=", 200),
        ("latency=200ms", "latency", "", "=", 0.2),
        ("latency<1m30s", "latency", "", "<", 90.0),
        ("body~^ok", "body", "", "~", "^ok"),
        ("body!~error|fail", "body", "", "!~", "error|fail"),
        ("body=all well", "body", "", "=", "all well"),
        ('body="ready?"', "body", "", "=", "ready?"),
        ("body~ leading", "body", "", "~", " leading"),
        (r"body~ready\?", "body", "", "~", r"ready\?"),
        ("body~(ab?)", "body", "", "~", "(ab?)"),
        ('json:.a.b=="up"', "json", ("a", "b"), "=", "up"),
        ("json:.a.b==up", "json", ("a", "b"), "=", "up"),
        ("json:.items[0].n>=3", "json", ("items", 0, "n"), ">=", 3),
        ("json:[1]!=null", "json", (1,), "!=", None),
        ("json:.==true", "json", (), "=", True),
        ('json:.["odd.key"]["]"]=1.5', "json", ("odd.key", "]"), "=", 1.5),
        ("json:.version~^2[.]", "json", ("version",), "~", "^2[.]"),
        ('json:.n=="5"', "json", ("n",), "=", "5"),
        ("json:.n==1e999", "json", ("n",), "=", "1e999"),
        ("header:Content-Type~json", "header", "content-type", "~", "json"),
        ("header:X-Env=prod", "header", "x-env", "=", "prod"),
        ("cert>14d", "cert", "", ">", 14 * 86400.0),
        ("cert=0s", "cert", "", "=", 0.0),
    ],
)
def test_an_expectation_is_read_as_it_is_meant(text, subject, name, operator, value):
    assert parse_expectation(text) == Expectation(text, subject, name, operator, value)


@pytest.mark.parametrize(
    ("text", "value", "is_soft"),
    [
        ("latency=200ms?", 0.2, True),
        ("soft:latency=200ms", 0.2, True),
        ("soft: latency = 200ms", 0.2, True),
        ("body~colou?", "colou", True),
        ("soft:body~colou?", "colou?", True),
        (r"body~really\?", r"really\?", False),
        (r"body~really\\?", r"really\\", True),
        ('body="ready?"?', "ready?", True),
        ("body=ready?", "ready", True),
        ("body~a??", "a?", True),
    ],
)
def test_soft_is_said_before_or_behind_and_a_last_question_mark_can_be_meant(text, value, is_soft):
    found = parse_expectation(text)
    assert (found.value, found.is_soft, found.text) == (value, is_soft, text)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "nothing is named"),
        ("stat=1", 1, "'stat' is nothing that can be expected"),
        ("soft:", 6, "nothing is named"),
        ("status", 7, "an operator is missing behind status"),
        ("status=", 8, "no value behind ="),
        ("status=?", 8, "no value behind ="),
        ("status~2", 7, "status does not take ~"),
        ("status=20", 8, "'20' is not an HTTP status"),
        ("status=200,2x", 12, "'2x' is not an HTTP status"),
        ("status=200, 700", 13, "'700' is not an HTTP status"),
        ("status<2xx", 8, "'2xx' is not an HTTP status"),
        ("status=２００", 8, "'２００' is not an HTTP status"),
        ("latency=200", 9, "'200' is not a duration of at most a year"),
        ("latency=0s", 9, "nothing answers within no time"),
        ("latency>1s", 8, "latency does not take >"),
        ("cert>14", 6, "'14' is not a duration of at most a year"),
        ("cert>9999d", 6, "'9999d' is not a duration of at most a year"),
        ("cert<14d", 5, "cert does not take <"),
        ("body=~ok", 5, "=~ is not an operator"),
        ("body<3", 5, "body does not take <"),
        ('body="open', 6, "a string in double quotes is not closed or not valid JSON"),
        ('body="a" b', 9, "something follows the string in double quotes"),
        ("body~(", 6, "missing ): ("),
        ("body~a[b", 7, "missing ]: [b"),
        ("body~abc**", 9, "bad repetition operator: **"),
        (r"body~(a)\1", 9, "backreferences take more than linear time, and are not offered"),
        ("body~a(?=b)", 7, "lookaround and backreferences take more than linear time, and are not offered"),
        ("body~(?P<n>a)(?P=n)", 14, "lookaround and backreferences take more than linear time, and are not offered"),
        ("body~a{2000}", 7, "invalid repetition size: {2000}"),
        ("body~(.{0,100}){9}x", 6, "the pattern is too large: 8123 instructions of at most 1000"),
        ("body~\ud800", 6, "half of a surrogate pair is no character"),
        ("json.a==1", 5, "json needs a name behind a colon"),
        ("json:a==1", 6, "a JSON path begins with a dot"),
        ("json:.a", 8, "an operator is missing behind json"),
        ("json:..a==1", 7, "a key is missing in the JSON path"),
        ("json:.a[x]==1", 9, "brackets hold an index or a key in double quotes"),
        ("json:.a[1==1", 10, "a bracket is not closed"),
        ("json:.a[1234567890]==1", 9, "brackets hold an index or a key in double quotes"),
        ("json:.a>up", 9, "> compares numbers, not 'up'"),
        ("json:.a<true", 9, "< compares numbers, not 'true'"),
        ("json:" + ".a" * 65 + "==1", 136, "the JSON path has more than 64 steps"),
        ("header:=x", 8, "no header is named"),
        ("header:X-A b=x", 12, "an operator is missing behind header"),
        ("header:X<3", 9, "header does not take <"),
        ("body~" + "a" * 1000, 1001, "longer than 1000 characters"),
    ],
)
def test_a_fault_is_told_with_its_column(text, column, words):
    with pytest.raises(UsageError) as caught:
        parse_expectation(text)
    assert caught.value.message == f"expectation '{text[:80]}', column {column}: {words}"


@pytest.mark.parametrize(
    ("text", "near"), [("stauts=200", "status"), ("Status=200", "status"), ("heder:X=1", "header")]
)
def test_a_mistyped_subject_gets_a_suggestion(text, near):
    with pytest.raises(UsageError) as caught:
        parse_expectation(text)
    assert caught.value.hint.startswith(f"did you mean {near}? begin with status, ")


@given(st.one_of(
    st.text(),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["status", "soft:latency", "body", "json:.a", "json:[0]", 'json:["', "header:X", "cert", "x"]),
        st.sampled_from(["=", "==", "!=", "<", "<=", ">", ">=", "~", "!~", "=~", ""]),
        st.text(),
        st.sampled_from(["", "?", "??", '"', "\\?"]),
    ),
))
def test_any_text_is_an_expectation_or_a_usage_error(text):
    try:
        found = parse_expectation(text)
    except UsageError:
        return
    assert found.text == text


def test_what_nobody_wrote_is_implied_by_the_kind_of_the_check():
    assert [e.text for e in expectations_of("http", ("latency=1s",))] == ["status=2xx", "latency=1s"]
    assert [e.text for e in expectations_of("https", ("status<500", "cert=7d"))] == ["status<500", "cert=7d"]
    assert [e.text for e in expectations_of("tls")] == ["cert>0s"]
    assert [e.text for e in expectations_of("tls", ("cert>14d?",))] == ["cert>14d?"]
    assert expectations_of("tcp") == ()


@pytest.mark.parametrize(
    ("kind", "text", "hint"),
    [
        ("tcp", "status=200", "it sees latency"),
        ("tls", "body~ok", "it sees latency, cert"),
        ("http", "cert>14d", "it sees status, latency, body, json, header"),
        ("none", "latency=1s", "a none check takes no expectations"),
    ],
)
def test_a_check_refuses_to_expect_what_it_never_sees(kind, text, hint):
    with pytest.raises(UsageError, match=f"a {kind} check sees no ") as caught:
        expectations_of(kind, (text,))
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ((), Needs(False, False, False)),
        (("status=200", "latency=1s"), Needs(False, False, False)),
        (("body~a",), Needs(True, False, False)),
        (("json:.a==1", "header:A=b"), Needs(True, True, False)),
        (("cert>1d",), Needs(False, False, True)),
    ],
)
def test_a_probe_keeps_only_what_is_judged(texts, wanted):
    assert needs(expectations_of("https", texts)) == wanted
