"""TOML that anybody may send: read behind limits, refused with its place, and written so that it reads back."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.formats.malformed import Malformed
from mgov.formats.toml import dump, parse

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
tables = st.dictionaries(
    texts,
    st.recursive(
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(tables)
def test_what_is_written_is_read_back_byte_for_byte(table):
    """Also line ends within strings (CR, CRLF), quotes and dots in keys."""
    assert parse(dump(table).encode(), max_bytes=10**6) == table


def test_none_is_left_out_at_every_depth_and_tuples_are_lists():
    assert parse(dump({"a": None, "b": {"c": None, "d": (1, None, 2)}}).encode(), max_bytes=100) == {"b": {"d": [1, 2]}}


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_words(data):
    try:
        parse(data, max_bytes=50)
    except Malformed as error:
        assert error.message  # noqa: PT017 - bytes that are TOML raise nothing


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"a = 1\na = 2", "f:2:"), (b"[a]\n[a]", "f:2:"), (b"a = ", "f:1:"), (b"a = 'x", "f:1"),
        (b"a = 1\rb = 2", "f:1:"), (b"\xef\xbb\xbfa = 1", "f:1:1: it begins with a byte order mark: save it as UTF-8"),
        (b"a = 1\n\xff", "f:2:1: it is not valid UTF-8"), (b"a = 'xxx\0'", "f:1:9: it holds a NUL"),
        (b"a = " + b"9" * 5000, "f: a number in it has too many digits"), (b"a = " + b"[" * 5000, "f:1"),
        (b"x = 1\n" + b"a." * 16_000 + b"a = 1", "f:2:1: a key has more than 64 dotted parts"),
        (b"a = 1\n" * 200_000, "f: it has 1200000 bytes"),
    ],
    ids=range(12),
)  # fmt: skip
def test_a_fault_is_named_with_its_place(data, place):
    with pytest.raises(Malformed) as refused:
        parse(data, max_bytes=1_000_000)
    assert refused.value.at("f").startswith(place)


@pytest.mark.parametrize(
    "data", [b"a." * 16_000 + b"a = 1", b"a = {" * 5000, b'"a".' * 16_000 + b"a = 1"], ids=range(3)
)
def test_a_costly_document_is_refused_before_it_costs(data):
    started = process_time()
    with pytest.raises(Malformed):
        parse(data, max_bytes=1_000_000)
    assert process_time() - started < 0.5


def test_dots_and_brackets_in_quotes_or_comments_cost_nothing():
    dots = "." * 500
    text = f"a = '{dots}' # {dots}\nb = \"{'[' * 300}\"\n# {'{' * 300}\n"
    assert parse(text.encode(), max_bytes=10**6) == {"a": dots, "b": "[" * 300}
