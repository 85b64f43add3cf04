"""What holds for any value, any text and any order of operations."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from storekit import make, open_files

from mgov.errors import Conflict, StoreDamaged
from mgov.model.service import Service, parse_service, to_table
from mgov.store import definitions
from mgov.store.base import ABSENT, Write, revision_order
from mgov.store.codec import decode_json, encode_json, end_toml, pack, read_end, seal, strip_end, unpack, unseal
from mgov.store.repair import check

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=60)
TAG = TEXT.filter(lambda text: text and "," not in text)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), TEXT,
              st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
SERVICES = st.builds(
    Service, name=st.just("orders"), title=TEXT, description=TEXT, owner=TEXT, version=TEXT,
    tags=st.lists(TAG, unique=True, max_size=4).map(tuple),
    metadata=st.dictionaries(TEXT, TEXT, max_size=4).map(lambda table: dict(sorted(table.items()))),
)


@given(JSON)
def test_any_json_value_survives_the_codec(value: Any) -> None:
    assert decode_json(encode_json(value)) == value
    assert unseal(seal(f'"value":{encode_json(value)}')) == {"value": value}
    entries = {"instance/a/one": {"revision": 1, "value": value}}
    assert unpack(pack("instances", entries), "x") == entries


@given(JSON, st.data())
def test_any_changed_byte_of_a_sealed_document_is_found(value: Any, data: st.DataObject) -> None:
    whole = bytearray(seal(f'"value":{encode_json(value)}'))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="byte"):
        unseal(bytes(whole))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_machine_file_or_damage(data: bytes) -> None:
    with pytest.raises(StoreDamaged):
        unpack(data, "x")


@given(TEXT, st.integers(0, 10**12))
def test_the_last_line_of_a_definition_says_its_revision_and_comes_off_again(text: str, revision: int) -> None:
    body = text + "\n"
    data = end_toml(body, revision)
    end = read_end(data)
    assert end is not None
    assert (end.revision, end.is_intact) == (revision, True)
    assert strip_end(data) == body.encode()


@given(SERVICES)
def test_any_text_in_a_definition_is_read_back_as_it_was(service: Service) -> None:
    value = definitions.normal("orders", to_table(service))
    data = definitions.to_bytes(value, 1, None)
    assert parse_service("orders", definitions.parse("orders", data, "x")) == service


@given(SERVICES, SERVICES)
def test_any_definition_can_replace_any_other_in_a_file_that_a_person_shaped(before: Service, after: Service) -> None:
    text = b"# mine\n" + definitions.to_bytes(definitions.normal("orders", to_table(before)), 1, None)
    data = definitions.to_bytes(definitions.normal("orders", to_table(after)), 2, text)
    assert parse_service("orders", definitions.parse("orders", data, "x")) == after


@given(st.text("ab ", min_size=1, max_size=3), st.sampled_from(".[{"))
def test_a_text_of_many_dots_or_brackets_is_no_deep_key(word: str, sign: str) -> None:
    value = definitions.normal("orders", {"description": (word + sign) * 300})
    assert definitions.parse("orders", definitions.to_bytes(value, 1, None), "x") == value


@given(st.binary(max_size=300))
def test_any_bytes_are_a_definition_or_damage_with_its_place(data: bytes) -> None:
    try:
        definitions.parse("orders", data, "services/orders.toml")
    except StoreDamaged as error:
        assert error.message.startswith("services/orders.toml")  # noqa: PT017  either outcome is right


KEYS = ("service/a", "service/b", "instance/a/one", "instance/a/two", "health/a", "heartbeat/a/one")
TITLES = st.sampled_from(["one", "two", "three"])


class StoreAgainstDict(RuleBasedStateMachine):
    """The store does what a dict of (value, revision) does, through two handles and across hand edits."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="mgov-machine-"))
        self.place = make(self._folder / "store")
        self.model: dict[str, dict[str, Any]] = {}
        self.revisions: dict[str, str] = {}
        self.highest: dict[str, int] = {}

    @initialize()
    def start(self) -> None:
        self.stores = [open_files(self.place), open_files(self.place)]

    def _value(self, key: str, title: str) -> dict[str, Any]:
        return {"name": key.partition("/")[2], "title": title} if key.startswith("service/") else {"title": title}

    def _note(self, key: str, value: dict[str, Any], revision: str) -> None:
        if self.model.get(key) == value and "~" not in self.revisions[key] and not key.startswith("h"):
            assert revision == self.revisions[key]
        else:
            assert revision_order(revision) > self.highest.get(key, 0)
        self.model[key], self.revisions[key] = value, revision
        self.highest[key] = revision_order(revision)

    @rule(key=st.sampled_from(KEYS), title=TITLES, who=st.integers(0, 1))
    def write(self, key: str, title: str, who: int) -> None:
        value = self._value(key, title)
        self._note(key, value, self.stores[who].write(Write(key, value), operation="test"))

    @rule(key=st.sampled_from(KEYS), title=TITLES, who=st.integers(0, 1))
    def create_only(self, key: str, title: str, who: int) -> None:
        value = self._value(key, title)
        if key in self.model:
            with pytest.raises(Conflict):
                self.stores[who].write(Write(key, value, ABSENT), operation="test")
        else:
            self._note(key, value, self.stores[who].write(Write(key, value, ABSENT), operation="test"))

    @rule(key=st.sampled_from(KEYS), title=TITLES, is_current=st.booleans(), who=st.integers(0, 1))
    def compare_and_set(self, key: str, title: str, is_current: bool, who: int) -> None:
        value, expect = self._value(key, title), self.revisions.get(key, "1")
        if not is_current or key not in self.model:
            with pytest.raises(Conflict):
                self.stores[who].write(Write(key, value, expect if key not in self.model else "0"), operation="test")
        else:
            self._note(key, value, self.stores[who].write(Write(key, value, expect), operation="test"))

    @rule(key=st.sampled_from(KEYS), who=st.integers(0, 1))
    def delete(self, key: str, who: int) -> None:
        assert self.stores[who].write(Write(key, None), operation="test") == ""
        self.model.pop(key, None)
        self.revisions.pop(key, None)

    @rule(titles=st.dictionaries(st.sampled_from(KEYS[:4]), TITLES, min_size=1), is_lost=st.booleans())
    def batch(self, titles: dict[str, str], is_lost: bool) -> None:
        writes = [Write(key, self._value(key, title)) for key, title in titles.items()]
        if is_lost:
            writes[-1] = writes[-1]._replace(expect="0")
            with pytest.raises(Conflict):
                self.stores[0].write_many(writes, operation="test")
            return
        for write, revision in zip(writes, self.stores[0].write_many(writes, operation="test"), strict=True):
            self._note(write.key, dict(write.value or {}), revision)

    @rule(name=st.sampled_from("ab"), title=TITLES)
    def edit_by_hand(self, name: str, title: str) -> None:
        (self.place / "services" / f"{name}.toml").write_text(f'title = "{title}"\n')
        document = self.stores[0].read(f"service/{name}")
        assert document is not None
        self.model[document.key], self.revisions[document.key] = dict(document.value), document.revision
        assert document.value["title"] == title
        assert revision_order(document.revision) >= self.highest.get(document.key, 0)

    @invariant()
    def everyone_reads_what_was_written(self) -> None:
        for store in self.stores:
            for key in KEYS:
                document = store.read(key)
                assert (document.value if document else None) == self.model.get(key)
                assert document is None or document.revision == self.revisions[key]
            for prefix in ("service/", "instance/", "health/", "heartbeat/"):
                found = {document.key: document.value for document in store.scan(prefix)}
                assert found == {key: value for key, value in self.model.items() if key.startswith(prefix)}

    @invariant()
    def the_feed_rises_and_the_store_is_sound(self) -> None:
        orders = [int(change.revision) for change in self.stores[0].changes()]
        assert orders == sorted(set(orders))
        assert check(self.stores[0]) == []

    def teardown(self) -> None:
        shutil.rmtree(self._folder)


TestStoreAgainstDict = StoreAgainstDict.TestCase
TestStoreAgainstDict.settings = settings(max_examples=6, stateful_step_count=15)


@pytest.mark.slow
def test_the_store_does_what_a_dict_does_for_long_sequences() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        StoreAgainstDict, settings=settings(max_examples=60, stateful_step_count=40))


@pytest.mark.slow
def test_a_store_that_forgets_to_compare_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: compare-and-set without the comparison."""
    from hypothesis.stateful import run_state_machine_as_test

    monkeypatch.setattr("mgov.store.batch.check_expected", lambda write, revision: None)
    monkeypatch.setattr("mgov.store.state.check_expected", lambda write, revision: None)
    with pytest.raises(BaseException, match=r"DID NOT RAISE|Conflict") as caught:
        run_state_machine_as_test(StoreAgainstDict, settings=settings(
            max_examples=50, stateful_step_count=10, deadline=None, database=None, report_multiple_bugs=False))
    assert caught.value is not None


