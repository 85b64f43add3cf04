"""Files outside of the store: whole or not at all, and the error says which."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from mgov.errors import OutputError
from mgov.store import outfile
from mgov.store.outfile import append_to, check_place, write_whole


def test_the_file_holds_what_was_given_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "report.xml"
    write_whole(str(path), "订单\n")
    assert path.read_text() == "订单\n"
    assert [one.name for one in tmp_path.iterdir()] == ["report.xml"]


def test_what_cannot_be_written_is_seen_beforehand_and_nothing_is_made(tmp_path):
    (tmp_path / "file").write_text("x")
    for fits in ("new", "file"):
        check_place(str(tmp_path / fits))
    check_place("/dev/stdout")
    for path, reason in ((tmp_path, "is a directory"), (tmp_path / "no" / "a", "no such file or directory"),
                         (tmp_path / "file" / "a", "not a directory")):
        with pytest.raises(OutputError, match=reason):
            check_place(str(path))
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_name_without_a_folder_is_in_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_whole("report.xml", b"x")
    assert (tmp_path / "report.xml").read_bytes() == b"x"


def test_a_new_file_follows_the_umask_and_an_old_one_keeps_its_mode(tmp_path):
    path = tmp_path / "metrics.prom"
    before = os.umask(0o027)
    try:
        write_whole(str(path), "a")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(before)
    path.chmod(0o604)
    write_whole(str(path), "b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    write_whole(str(path), "c", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_whole(str(tmp_path / "link"), "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("call", ["write_all", "fsync", "replace"])
def test_when_a_call_fails_the_old_file_stays_and_the_error_is_an_output_error(tmp_path, monkeypatch, call):
    path = tmp_path / "report.xml"
    path.write_text("old")

    def fail(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outfile if call == "write_all" else os, call, fail)
    with pytest.raises(OutputError, match=r"report\.xml could not be written: no space left on device") as raised:
        write_whole(str(path), "new")
    assert raised.value.exit_status == 74
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["report.xml"]


@pytest.mark.parametrize("name", ["missing/report.xml", ".", "a\0b"])
def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path, name):
    with pytest.raises(OutputError, match="could not be written"):
        write_whole(f"{tmp_path}/{name}", "x")


def test_a_full_device_is_an_output_error_and_a_pipe_is_written_through(tmp_path):
    with pytest.raises(OutputError, match="/dev/full could not be written: no space left"):
        write_whole("/dev/full", "x")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    seen = []
    reader = threading.Thread(target=lambda: seen.append(pipe.read_text()))
    reader.start()
    write_whole(str(pipe), "through")
    reader.join()
    assert seen == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_pipe_without_a_name_is_written_through_its_place_in_dev_fd(tmp_path):
    reader, writer = os.pipe()
    write_whole(f"/dev/fd/{writer}", "through")
    os.close(writer)
    with open(reader, encoding="utf-8") as read:
        assert read.read() == "through"


def test_a_name_as_long_as_names_can_be_is_written(tmp_path):
    path = tmp_path / ("x" * 255)
    write_whole(str(path), "x")
    assert path.read_text() == "x"


def test_what_is_added_stands_behind_what_others_wrote_and_makes_the_file_when_there_is_none(tmp_path):
    path = tmp_path / "summary.md"
    append_to(str(path), "订单\n")
    with path.open("ab") as other:
        other.write(b"\xff of another step\n")
    append_to(str(path), "more\n")
    assert path.read_bytes() == "订单\n".encode() + b"\xff of another step\nmore\n"


@pytest.mark.parametrize(
    ("path", "reason"), [("/nowhere/s.md", "no such file or directory"), ("a\0b", "embedded null")]
)
def test_what_cannot_be_added_to_is_an_output_error(path, reason):
    with pytest.raises(OutputError, match=f"could not be written: {reason}"):
        append_to(path, "x")


def test_our_own_stream_is_written_to_where_it_stands_also_where_it_leads_to_a_file(tmp_path):
    log = tmp_path / "job.log"
    with log.open("w") as stream:
        stream.write("before\n")
        stream.flush()
        write_whole(f"/dev/fd/{stream.fileno()}", "report\n")
        stream.write("after\n")
    assert log.read_text() == "before\nreport\nafter\n"


@pytest.mark.parametrize("number", ["777", "99999999999999999999"])
def test_a_stream_that_is_none_of_ours_is_named(number):
    with pytest.raises(OutputError, match=f"^/dev/fd/{number} could not be written: "):
        write_whole(f"/dev/fd/{number}", "report")
