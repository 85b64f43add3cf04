"""Times: in local time where a person reads a table, in UTC and RFC 3339 wherever a program reads."""

import re
import time

import pytest

NEW_YEAR = "2999-01-01T00:00:00.000Z"


@pytest.fixture
def mgov(run, tmp_path, monkeypatch):
    """mgov on a store with one service, in a place eight hours east of Greenwich."""
    place = str(tmp_path / "store")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        run("init", place)
        run("register", "orders", "http://127.0.0.1:1", "--id", "o-1", "-S", place)
        run("config", "set", "orders", "at=2999-01-01T00:00:00.000Z", "-S", place)
        yield lambda *argv: run(*argv, "-S", place)
    time.tzset()


@pytest.mark.parametrize(("argv", "label"), [
    (("show", "orders", "o-1"), "registered"), (("config", "show", "orders"), "at")
])  # fmt: skip
def test_a_field_that_is_a_time_is_local_with_its_age_in_a_table_and_utc_in_a_pipe(mgov, argv, label):
    def value(output):
        return next(re.split(r"\s{2,}|\t", line, maxsplit=1)[1] for line in mgov(*argv, "-o", output).out.splitlines()
                    if line.startswith(label))  # fmt: skip

    shown, exact = value("table"), value("plain")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \ds ago", shown)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", exact)
    local, utc = (time.strptime(text[:19].replace("T", " "), "%Y-%m-%d %H:%M:%S") for text in (shown, exact))
    assert time.mktime(local) - time.mktime(utc) == 8 * 3600


def test_what_somebody_wrote_that_looks_like_a_time_stays_as_it_was_written(mgov):
    assert mgov("config", "show", "orders", "-o", "table").out.splitlines()[-1].split() == ["at", NEW_YEAR]


def test_when_maintenance_ends_is_local_with_how_far_off_it_is(mgov):
    mgov("maintenance", "orders", "--until", NEW_YEAR)
    assert re.search(r"  2999-01-01 08:00:00, in \d+d  ", mgov("maintenance", "-o", "table").out)
    assert f"\t{NEW_YEAR}\t" in mgov("maintenance").out


def test_changes_that_are_printed_for_people_are_local(mgov):
    watch = ("health", "--watch", "--count", "1")
    table, plain = (mgov(*watch, "-o", output).out.split() for output in ("table", "plain"))
    local = time.mktime(time.strptime(" ".join(table[:2]), "%Y-%m-%d %H:%M:%S"))
    assert 8 * 3600 - 60 <= local - time.mktime(time.strptime(plain[0][:19], "%Y-%m-%dT%H:%M:%S")) <= 8 * 3600
