"""The last good answers: bounded, sealed, and never in the way."""

import os

import pytest
from fakes import FakeClock

from mgov.store import answers as kept
from mgov.store.answers import Answers
from mgov.store.create import create
from mgov.store.files import FilesStore
from mgov.store.root import open_root

FIELDS = {"at": 1.5, "headers": [["X-\xe9", "订单"]]}


@pytest.fixture
def root(tmp_path):
    made, _ = create(str(tmp_path / "store"), is_shared=False, random_bytes=os.urandom)
    return open_root(made.path)


@pytest.fixture
def answers(root):
    return Answers(root)


def names(root):
    return sorted(os.listdir(os.path.join(root.path, kept.FOLDER)))


def test_what_was_kept_is_found_byte_for_byte_and_the_newest_counts(answers):
    assert answers.find("aa") is None
    answers.keep("aa", FIELDS, bytes(range(256)))
    assert answers.find("aa") == (FIELDS, bytes(range(256)))
    answers.keep("aa", {}, b"new")
    assert answers.find("aa") == ({}, b"new")


def test_a_cut_or_flipped_file_is_no_answer(answers, root):
    answers.keep("aa", FIELDS, b"body")
    path = os.path.join(root.path, kept.FOLDER, "aa.json")
    with open(path, "rb") as file:
        whole = file.read()
    for damaged in (whole[:-5], whole.replace(b"X-", b"Y-"), b"", b"\0" * 100):
        with open(path, "wb") as file:
            file.write(damaged)
        assert answers.find("aa") is None


def test_the_oldest_go_when_there_are_too_many_or_too_much(answers, root, monkeypatch):
    monkeypatch.setattr(kept, "MAX_COUNT", 3)
    for n in range(5):
        answers.keep(f"{n:02}", {}, b"x")
        os.utime(os.path.join(root.path, kept.FOLDER, f"{n:02}.json"), ns=(n, n))
    assert names(root) == ["02.json", "03.json", "04.json"]
    monkeypatch.setattr(kept, "MAX_BYTES", 340)
    answers.keep("ff", {}, b"y" * 200)
    assert names(root) == ["ff.json"]


def test_an_answer_that_is_too_large_is_not_kept(answers, monkeypatch):
    monkeypatch.setattr(kept, "MAX_BODY_BYTES", 10)
    answers.keep("aa", {}, b"x" * 11)
    assert answers.find("aa") is None


def test_a_planted_link_is_not_followed(answers, root, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    answers.keep("aa", {}, b"x")
    os.symlink(secret, os.path.join(root.path, kept.FOLDER, "bb.json"))
    assert answers.find("bb") is None
    answers.keep("bb", {}, b"y")
    assert secret.read_text() == "mine"


def test_the_stores_check_has_nothing_to_say_of_them(answers, root):
    from mgov.store.repair import check

    answers.keep("aa", FIELDS, b"x")
    assert check(FilesStore(root, clock=FakeClock(), actor="tester", warn=print)) == []
