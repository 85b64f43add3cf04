"""A person edits, copies, deletes and checks out the files of services. Rows 19, 30, 31 and 97."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from storekit import names_below, open_files, put

import mgov.store.commit
from mgov.errors import Conflict, NotFound, StoreDamaged, StoreError
from mgov.formats import toml
from mgov.store.base import revision_order
from mgov.store.files import FilesStore
from mgov.store.repair import accept, check


@pytest.fixture
def file(place: Path, store: FilesStore) -> Path:
    """The definition of `orders`, which was written twice."""
    put(store, "service/orders", name="orders", title="one")
    put(store, "service/orders", name="orders", title="two", tags=["edge"])
    return place / "services" / "orders.toml"


def feed(store: FilesStore) -> list[tuple[str, str]]:
    return [(change.key.partition("/")[2], change.action) for change in store.changes()]


def test_an_edit_is_in_force_at_once_under_a_revision_of_its_own(store: FilesStore, file: Path) -> None:
    before = store.read("service/orders")
    file.write_text('title = "by hand"\n')
    after = store.read("service/orders")
    assert before is not None
    assert after is not None
    assert after.value == {"name": "orders", "title": "by hand"}
    assert after.revision != before.revision
    assert revision_order(after.revision) >= revision_order(before.revision)
    assert list(store.scan("service/")) == [after]


def test_an_edit_is_adopted_into_the_log_by_the_next_write_to_that_service(store: FilesStore, file: Path) -> None:
    file.write_text('title = "by hand"\n')
    edited = store.read("service/orders")
    put(store, "service/orders", name="orders", title="three")
    assert feed(store) == [("orders", action) for action in ("create", "update", "adopt", "update")]
    assert edited is not None


def test_an_edit_is_adopted_also_when_the_write_wants_what_is_there(store: FilesStore, file: Path) -> None:
    file.write_text('title = "by hand"\n')
    revision = put(store, "service/orders", name="orders", title="by hand")
    assert file.read_text() == 'title = "by hand"\n'
    assert feed(store)[-1] == ("orders", "adopt")
    assert store.read("service/orders").revision == revision  # type: ignore[union-attr]
    assert put(store, "service/orders", name="orders", title="by hand") == revision


def test_comments_and_order_outlast_a_change_by_mgov(store: FilesStore, file: Path) -> None:
    file.write_text('# who to call\nowner = "shop"  # the shop team\n\ntitle = "by hand"\n')
    put(store, "service/orders", name="orders", owner="shop", title="by mgov")
    text = file.read_text()
    assert text.startswith('# who to call\nowner = "shop"  # the shop team\n\ntitle = "by mgov"\n')
    assert store.read("service/orders").value == {  # type: ignore[union-attr]
        "name": "orders", "owner": "shop", "title": "by mgov"}


def test_what_a_person_adds_behind_mgovs_last_line_is_kept_and_the_line_stands_once(
    store: FilesStore, file: Path
) -> None:
    file.write_text(file.read_text() + 'owner = "shop"  # added\n')
    put(store, "service/orders", name="orders", title="three", tags=["edge"], owner="shop")
    text = file.read_text()
    assert text.count("# end ") == 1
    assert "# added" in text
    assert "~" not in store.read("service/orders").revision  # type: ignore[union-attr]


def test_compare_and_set_on_what_was_there_before_an_edit_is_a_conflict(store: FilesStore, file: Path) -> None:
    before = store.read("service/orders")
    file.write_text('title = "by hand"\n')
    with pytest.raises(Conflict):
        put_expecting(store, before.revision)  # type: ignore[union-attr]
    assert file.read_text() == 'title = "by hand"\n'


def put_expecting(store: FilesStore, revision: str) -> str:
    from mgov.store.base import Write

    return store.write(Write("service/orders", {"name": "orders", "title": "mine"}, revision), operation="test")


def test_an_edit_in_the_middle_of_a_write_is_a_conflict_and_stays(
    store: FilesStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 30: the editor saved after mgov had read the file, before it replaced it."""
    real = mgov.store.commit.prepare

    def edited_meanwhile(root: object, plan: object) -> None:
        real(root, plan)  # type: ignore[arg-type]
        file.write_text('title = "by hand"\n')

    monkeypatch.setattr(mgov.store.commit, "prepare", edited_meanwhile)
    with pytest.raises(Conflict, match=r"orders.toml was edited") as caught:
        put(store, "service/orders", name="orders", title="three")
    assert caught.value.exit_status == 4
    monkeypatch.undo()
    assert store.read("service/orders").value["title"] == "by hand"  # type: ignore[union-attr]
    put(store, "service/orders", name="orders", title="three")
    copies = [path.read_text() for path in (file.parents[1] / "history" / "services" / "orders").iterdir()]
    assert 'title = "by hand"\n' in copies


def test_an_old_version_brought_back_is_an_edit_and_revisions_do_not_go_back(store: FilesStore, file: Path) -> None:
    """A change of branch in git, or cp from a backup: the file's own last line is intact, and old."""
    old = sorted((file.parents[1] / "history" / "services" / "orders").iterdir())[0].read_bytes()
    file.write_bytes(old)
    found = store.read("service/orders")
    assert found is not None
    assert found.value["title"] == "one"
    assert revision_order(found.revision) >= 2
    assert found.revision != "1"
    revision = put(store, "service/orders", name="orders", title="one")
    assert int(revision) == 3
    assert feed(store)[-1] == ("orders", "adopt")
    assert store.read("service/orders").revision == "3"  # type: ignore[union-attr]


def test_a_store_cloned_without_its_history_goes_on_with_its_revisions(
    place: Path, store: FilesStore, file: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    (clone / "services").mkdir(parents=True)
    for name in ("store.toml", "services/orders.toml"):
        (clone / name).write_bytes((place / name).read_bytes())
    cloned = open_files(clone)
    assert cloned.read("service/orders").revision == "2"  # type: ignore[union-attr]
    assert put(cloned, "service/orders", name="orders", title="next") == "3"


@pytest.mark.parametrize("name", [".orders.toml.swp", "orders.toml~", "4913", "#orders.toml#", ".#orders.toml"])
def test_an_editors_own_files_are_passed_over_and_noted(
    place: Path, store: FilesStore, file: Path, name: str
) -> None:
    """Row 31."""
    (place / "services" / name).write_text("half")
    assert [document.key for document in store.scan("service/")] == ["service/orders"]
    assert store.damaged == []
    assert store.warnings == []  # type: ignore[attr-defined]
    assert [(finding.path, finding.is_note) for finding in check(store)] == [(f"services/{name}", True)]


def test_a_file_whose_name_is_no_services_is_passed_over_with_a_warning(
    place: Path, store: FilesStore, file: Path
) -> None:
    (place / "services" / "Orders copy.toml").write_text("")
    (place / "instances" / "Orders copy.json").write_text("")
    assert [document.key for document in store.scan("service/")] == ["service/orders"]
    assert list(store.scan("instance/")) == []
    assert "its name is not a service's" in store.warnings[0]  # type: ignore[attr-defined]


def fleet(place: Path, count: int = 10) -> FilesStore:
    store = open_files(place)
    for number in range(count):
        put(store, f"service/s{number}", name=f"s{number}")
    return store


def test_many_vanished_files_stop_writers_until_a_person_accepts_it(place: Path) -> None:
    """Row 97: reads warn, writes end with 8, the history keeps what was lost."""
    fleet(place)
    for number in range(3):
        (place / "services" / f"s{number}.toml").unlink()
    store = open_files(place)
    assert len(list(store.scan("service/"))) == 7
    assert store.warnings == ["3 of 10 service files have vanished, s0 among them"]  # type: ignore[attr-defined]
    for _ in range(2):
        with pytest.raises(StoreError, match="nothing is written") as caught:
            put(store, "service/new", name="new")
        assert caught.value.exit_status == 8
        assert "mgov accept --all" in (caught.value.hint or "")
    assert accept(store, None) == ["s0", "s1", "s2"]
    put(store, "service/new", name="new")
    assert feed(store)[10:] == [("s0", "delete"), ("s1", "delete"), ("s2", "delete"), ("new", "create")]
    assert check(open_files(place)) == []
    assert any(name.startswith("history/services/s0/") for name in names_below(place))


def test_many_vanished_files_are_seen_also_behind_a_writer_that_died(place: Path) -> None:
    """Row 97: finishing somebody's write does not make the loss look like mgov's own doing."""
    store = fleet(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mgov.store.commit, "_note_settled", lambda *_, **__: None)
        put(store, "service/s9", name="s9", title="last")
    for number in range(3):
        (place / "services" / f"s{number}.toml").unlink()
    with pytest.raises(StoreError, match="vanished"):
        put(open_files(place), "service/new", name="new")


def test_one_deleted_file_is_a_service_less(place: Path) -> None:
    store = fleet(place)
    (place / "services" / "s0.toml").unlink()
    assert len(list(store.scan("service/"))) == 9
    put(store, "service/new", name="new")
    assert store.warnings == []  # type: ignore[attr-defined]
    assert revision_order(put(store, "service/s0", name="s0", title="again")) > 11


def test_in_a_git_work_tree_vanished_files_are_a_change_of_branch(place: Path) -> None:
    fleet(place)
    (place.parent / ".git").mkdir()
    for number in range(9):
        (place / "services" / f"s{number}.toml").unlink()
    store = open_files(place)
    put(store, "service/new", name="new")
    assert store.warnings == []  # type: ignore[attr-defined]


def test_accepting_a_definition_that_looks_cut_off_puts_it_in_force(store: FilesStore, file: Path) -> None:
    whole = b'title = "one"\nowner = "shop"\n'
    file.write_bytes(whole)
    put(store, "service/orders", name="orders", title="one", owner="shop")
    file.write_bytes(whole[:14])
    assert store.read("service/orders").is_held  # type: ignore[union-attr]
    assert accept(store, ["orders"]) == ["orders"]
    document = open_files(store.location).read("service/orders")
    assert document is not None
    assert document.value == {"name": "orders", "title": "one"}
    assert not document.is_held
    assert feed(store)[-1] == ("orders", "adopt")
    assert file.read_bytes() == whole[:14]


def test_accept_refuses_a_name_with_nothing_to_accept_and_text_that_is_invalid(store: FilesStore, file: Path) -> None:
    with pytest.raises(NotFound, match="users"):
        accept(store, ["users"])
    file.write_bytes(file.read_bytes()[:9])
    with pytest.raises(StoreDamaged, match=r"orders\.toml"):
        accept(store, ["orders"])
    assert accept(open_files(store.location), []) == []


def test_the_cache_of_parsed_definitions_never_hides_an_edit(place: Path) -> None:
    """The same length, and the time set back: the inode's own time of change tells."""
    store = fleet(place, 3)
    store.clock.advance(3600 * 24 * 365 * 50)  # type: ignore[attr-defined]
    list(store.scan("service/"))
    file = place / "services" / "s1.toml"
    before = file.stat()
    file.write_text(file.read_text().replace("# end", "#xend"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    revisions = {document.key: document.revision for document in open_files(place).scan("service/")}
    assert "~" in revisions["service/s1"]


@pytest.mark.parametrize("text", ["", "rubbish", '{"crc32":"00000000","services":{}}\n'])
def test_a_damaged_cache_is_ignored(place: Path, text: str) -> None:
    store = fleet(place, 3)
    (place / "cache").mkdir(exist_ok=True)
    (place / "cache" / "services.json").write_text(text)
    assert len(list(open_files(place).scan("service/"))) == 3
    assert store.damaged == []


def test_a_definition_that_was_read_alone_is_not_parsed_again_until_its_text_changes(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(place, 1)
    first = open_files(place).read("service/s0")
    parsed: list[bytes] = []
    parse = toml.parse
    monkeypatch.setattr(toml, "parse", lambda data, **limits: parsed.append(data) or parse(data, **limits))
    assert open_files(place).read("service/s0") == first
    assert parsed == []
    file = place / "services" / "s0.toml"
    file.write_text('owner = "shop"\n' + file.read_text())
    edited = open_files(place).read("service/s0")
    assert edited is not None
    assert edited.value["owner"] == "shop"
    assert "~" in edited.revision
    assert len(parsed) == 1


@pytest.mark.parametrize("text", ["", "rubbish", '{"crc32":"00000000","text":"","table":{}}\n'])
def test_a_damaged_copy_of_a_parsed_definition_is_ignored(place: Path, text: str) -> None:
    fleet(place, 1)
    first = open_files(place).read("service/s0")
    kept = place / "cache" / "definitions" / "s0.json"
    assert kept.exists()
    kept.write_text(text)
    assert open_files(place).read("service/s0") == first
