"""report as a person types it: the file, and what is said of it."""

import re

import pytest


@pytest.fixture
def store(run, tmp_path):
    path = str(tmp_path / "store")
    assert run("init", path).code == 0
    for name in ("orders", "users"):
        title = f"<b>{name}</b>"
        assert run("register", name, "http://127.0.0.1:1", "--title", title, "-S", path).code == 0
    return tmp_path / "store"


@pytest.fixture
def report(run, store):
    return lambda *words, **options: run("report", *words, "-S", str(store), **options)


def words_in(file):
    return re.sub(r"<[^>]*>", " ", re.sub(r"<(style|script)>.*?</\1>", "", file.read_text(), flags=re.S))


def test_the_page_is_written_and_its_size_said(report, tmp_path):
    file = tmp_path / "fleet.html"
    done = report("--out", str(file), "--title", "Shop <prod>")
    assert done == (0, f"{file}\n", "")
    words = words_in(file)
    for told in ("Shop &lt;prod&gt;", "&lt;b&gt;orders&lt;/b&gt;", "2 instances not looked at yet"):
        assert told in words


def test_the_page_can_go_down_a_pipe(report):
    assert report("--out", "/dev/null") == (0, "/dev/null\n", "")
    done = report("--out", "-")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("<!doctype html>")
    assert done.out.endswith("</html>\n")


def test_without_a_file_it_says_how(report):
    assert report() == (2, "", "mgov: report needs a file to write\nhint: mgov report --out fleet.html\n")


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_stays(report, tmp_path):
    file = tmp_path / "no" / "fleet.html"
    assert report("--out", str(file)) == (74, "", f"mgov: {file} could not be written: no such file or directory\n")


def test_an_empty_store_has_a_page_that_says_what_to_type(run, tmp_path):
    empty, file = str(tmp_path / "empty"), tmp_path / "fleet.html"
    run("init", empty)
    assert run("report", "--out", str(file), "-S", empty).code == 0
    assert "No service is registered yet." in words_in(file)


def test_a_damaged_service_is_shown_as_such_and_the_rest_is_there(report, store, tmp_path):
    (store / "services" / "orders.toml").write_bytes(b"\x00broken")
    for copy in (store / "history" / "services" / "orders").iterdir():
        copy.unlink()
    file = tmp_path / "fleet.html"
    assert report("--out", str(file)).code == 8
    words = words_in(file)
    assert "services/orders.toml is damaged" in words
    assert "users" in words


