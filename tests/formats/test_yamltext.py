"""YAML is read as YAML 1.2 means it, with the line of everything, and cannot be made to cost more than its size."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mgov.formats.lined import line_of
from mgov.formats.malformed import Malformed
from mgov.formats.yamltext import MAX_VALUES, MAX_YAML_BYTES, parse_all

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz<", min_size=1), inner, max_size=4),
    max_leaves=12,
)


def read(text):
    (document,) = parse_all(text.encode())
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[80:80, 22:22, yes, no, on, 0o17, 0x1F, 007, 1_000]",
         ["80:80", "22:22", "yes", "no", "on", 15, 31, 7, "1_000"]),
        ("[~, null, '', true, FALSE, 'true', 1.5, -2, 1e3, .5]",
         [None, None, "", True, False, "true", 1.5, -2, 1e3, 0.5]),
        ("[!!str 80, !!int '80', 2026-01-02, .inf, 1e999]", ["80", 80, "2026-01-02", ".inf", "1e999"]),
        ("8080: a\ntrue: b\n", {"8080": "a", "true": "b"}),
        ("'<<': {a: 1}", {"<<": {"a": 1}}),
        ("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [*x, {c: 4}]}",
         {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}, "z": {"a": 1, "b": 2, "c": 4}}),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2_and_merge_keys_are_followed(text, value):
    assert read(text) == value


@given(PLAIN)
def test_what_pyyaml_writes_is_read_back_as_it_was(value):
    assert read(yaml.safe_dump(value, default_style='"')) == value


def test_each_key_and_item_knows_its_line_and_what_was_merged_the_line_it_came_from():
    document = read("base: &base\n  a: 1\nlist:\n  - x\n\n  - y\nown:\n  <<: *base\n  b: 2\n")
    assert [line_of(document, key) for key in document] == [1, 3, 7]
    assert [line_of(document["list"], at) for at in (0, 1)] == [4, 6]
    assert (line_of(document["own"], "a"), line_of(document["own"], "b"), line_of(document["own"])) == (2, 9, 8)
    assert line_of(document["own"], "missing") == 8
    assert (line_of({"plain": 1}, "plain"), line_of([1], 0)) == (0, 0)


def test_several_documents_come_in_their_order_and_share_no_anchors():
    assert parse_all(b"--- a\n---\n---\nb: 1\n") == ["a", None, {"b": 1}]
    with pytest.raises(Malformed, match="no anchor &x stands before this"):
        parse_all(b"--- &x 1\n--- *x\n")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\nb: 2\na: 3", (3, 1), "the key 'a' stands twice, first in line 1"),
        ("a: &a [*a]", (1, 8), "*a stands inside what it names"),
        ("a: *b", (1, 4), "no anchor &b stands before this"),
        ("? [a]\n: b", (1, 3), "a key must be text, not a mapping, a list or an alias"),
        ("a: &a x\n*a : 2", (2, 1), "a key must be text, not a mapping, a list or an alias"),
        ("a: !!python/object:os.system x", (1, 4), "the tag !!python/object:os.system is not read"),
        ("a: !!python/object/apply:os.system [ls]", (1, 4), "the tag !!python/object/apply:os.system is not read"),
        ("a: !reset null", (1, 4), "the tag !reset is not read"),
        ("<<: 3", (1, 5), "<< takes a mapping, or a list of mappings"),
        ("a: " + "9" * 5000, (1, 4), "a number in it has too many digits"),
        ("[" * 300, (1, 201), "it is nested too deeply"),
        ("a: b: c", (1, 5), "mapping values are not allowed in this context"),
        ("a: \x01", (0, 0), "control characters are not allowed"),
        ('"a', (1, 3), "found unexpected end of stream"),
    ],
)
def test_what_is_not_to_be_read_is_refused_with_its_place(text, place, message):
    with pytest.raises(Malformed) as error:
        parse_all(text.encode())
    assert (error.value.message, (error.value.line, error.value.column)) == (message, place)


@pytest.mark.parametrize("text", ["[" * 100_000, "a:\n  " + "- " * 20_000])
def test_what_is_nested_far_too_deeply_is_refused_by_whichever_bound_is_met_first(text):
    with pytest.raises(Malformed, match="it is nested too deeply"):
        parse_all(text.encode())


def bomb(levels=12, width=10):
    lines = ["a0: &a0 [" + ",".join("x" * width) + "]"]
    lines += [f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}"] * width) + "]" for i in range(1, levels)]
    return "\n".join(lines)


def test_a_billion_laughs_are_refused_before_they_are_written_out():
    with pytest.raises(Malformed, match=f"written out it is more than {MAX_VALUES} values"):
        read(bomb())
    assert len(read(bomb(levels=4))["a3"]) == 10


def test_mappings_merged_into_each_other_without_end_are_refused():
    merging = "x{0}: &x{0} {{<<: [*x{1}], k{0}: [*x{1}, *x{1}]}}"
    lines = ["x0: &x0 {a: 1}", *(merging.format(i, i - 1) for i in range(1, 99))]
    with pytest.raises(Malformed, match="written out"):
        read("\n".join(lines))


def test_aliases_that_nest_deeper_than_a_reader_can_follow_are_refused():
    lines = ["a0: &a0 [1]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 300))]
    with pytest.raises(Malformed, match="it is nested too deeply"):
        read("\n".join(lines))


def test_more_bytes_than_are_read_are_refused_by_their_count():
    with pytest.raises(Malformed) as error:
        parse_all(b"a" * (MAX_YAML_BYTES + 1))
    assert error.value.message == f"it has {MAX_YAML_BYTES + 1} bytes, at most {MAX_YAML_BYTES} are read as YAML"


def test_it_reads_the_same_without_libyaml(monkeypatch):
    text = "x: &x {a: 1}\ny:\n  <<: *x\n  b: [80:80, ~]\n"
    fast = read(text)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert read(text) == fast
    assert line_of(read(text)["y"], "a") == 1


@given(st.binary(max_size=60) | st.text("ab:-[]{}&*!<>|'\"#%\n \t,?~0", max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused_and_nothing_else_is_raised(data):
    try:
        parse_all(data)
    except Malformed:
        pass
