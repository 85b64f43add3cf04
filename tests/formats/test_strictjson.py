"""JSON that anybody may send: read strictly, refused in words and at once."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.formats.malformed import Malformed
from mgov.formats.strictjson import parse

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(values, st.booleans())
def test_what_json_writes_is_read_back(value, is_ascii):
    assert parse(json.dumps(value, ensure_ascii=is_ascii).encode(), max_bytes=10**6) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_words(data):
    try:
        parse(data, max_bytes=50)
    except Malformed as error:
        assert error.message  # noqa: PT017 - bytes that are JSON raise nothing


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"{", "f:1:2: "), (b'{"a": 1,\n "a" 2}', "f:2:6: "), (b'{"a": 1, "a": 2}', "f: the key 'a' stands twice"),
        (b"NaN", "f: NaN is not JSON"), (b"[-Infinity]", "f: -Infinity is not JSON"), (b"1e999", "f: 1e999 is too"),
        (b"9" * 5000, "f: a number in it has too many digits"), (b'"\\ud800"', "f: a string in it holds half"),
        (b"[" * 100_000, "f: it is nested too deeply"), (b"[" * 300 + b"]" * 300, "f: it is nested too deeply"),
        (b"\xef\xbb\xbf{}", "f:1:1: it begins with a byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "f:1:1: it is UTF-16"),
        ('{"a": 1}'.encode("utf-16-le"), "f:1:1: it is UTF-16"), (b'\n"\xff"', "f:2:2: it is not valid UTF-8"),
        (b'"aaaaaa\0"', "f:1:8: it holds a NUL"), (b" " * 2_000_000, "f: it has 2000000 bytes"),
    ],
    ids=range(16),
)  # fmt: skip
def test_a_fault_is_named_with_its_place(data, place):
    with pytest.raises(Malformed) as refused:
        parse(data, max_bytes=1_000_000)
    assert refused.value.at("f").startswith(place)


def test_wide_is_not_deep():
    assert len(parse(b"[" + b"[]," * 5000 + b"[]]", max_bytes=10**6)) == 5001
    assert parse(b"[" * 150 + b"]" * 150, max_bytes=10**6)
