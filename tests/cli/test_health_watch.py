"""health --watch: what is told of each change, in a pipe and in CI, and when it ends."""

import json

import pytest

from mgov.cli.watch import Watch

DEAD = "http://127.0.0.1:9"


def test_a_watch_goes_on_when_a_service_goes(mgov_process, mgov, server, tmp_path):
    mgov("register", "orders", server.url, "--health", "/")
    process = mgov_process(
        "-S", str(tmp_path / "store"), "health", "orders", "--watch", "-o", "plain", "--interval", "100ms",
        "--until-change")
    assert "healthy" in process.stdout.readline()
    assert mgov("deregister", "orders", "--all", "--yes").code == 0
    out, err = process.communicate(timeout=20)
    told = [line.split("\t")[1:] for line in out.splitlines()]
    assert told == [["orders", "-", "missing", "nothing is registered"],
                    [f"orders/{server.id}", "healthy", "gone", "no longer registered"]]
    assert (process.returncode, err) == (1, "")


def test_a_watch_goes_on_when_the_last_instance_of_all_goes_and_sees_what_comes(mgov_process, mgov, server, tmp_path):
    mgov("register", "orders", server.url, "--health", "/")
    process = mgov_process("-S", str(tmp_path / "store"), "health", "--watch", "-o", "plain", "--interval", "100ms")
    told = [process.stdout.readline()]
    mgov("deregister", "orders", "--all", "--yes")
    told.append(process.stdout.readline())
    mgov("register", "users", server.url, "--health", "/")
    told.append(process.stdout.readline())
    assert [line.split("\t")[1:4] for line in told] == [
        [f"orders/{server.id}", "-", "healthy"], [f"orders/{server.id}", "healthy", "gone"],
        [f"users/{server.id}", "-", "healthy"],
    ]
    process.terminate()
    assert process.wait(10) == 143


def test_what_was_missing_and_comes_is_not_told_as_gone(mgov_process, mgov, server, tmp_path):
    mgov("register", "orders", server.url, "--health", "/")
    process = mgov_process(
        "-S", str(tmp_path / "store"), "health", "o*", "--watch", "-o", "plain", "--interval", "100ms")
    assert "healthy" in process.stdout.readline()
    mgov("deregister", "orders", "--all", "--yes")
    assert [process.stdout.readline().split("\t")[3] for _ in range(2)] == ["missing", "gone"]
    mgov("register", "orders", server.url, "--health", "/")
    assert process.stdout.readline().split("\t")[1:4] == [f"orders/{server.id}", "-", "healthy"]
    mgov("deregister", "orders", "--all", "--yes")
    assert [process.stdout.readline().split("\t")[1:4] for _ in range(2)] == [
        ["o*", "-", "missing"], [f"orders/{server.id}", "healthy", "gone"]]


@pytest.mark.parametrize(("options", "line"), [
    (("-o", "name"), "{url}"),
    (("-o", "csv", "--columns", "target,before,status"), "target,before,status\r\n{url},-,healthy\r"),
    (("-o", "table", "--columns", "before,status,target,reason"), "-            healthy      {url}  HTTP 200 OK"),
])
def test_a_change_is_printed_in_each_format(run, server, options, line):
    result = run("health", server.url, "--watch", "--count", "1", *options)
    assert (result.code, result.out, result.err) == (0, line.format(url=server.url + "/") + "\n", "")


def test_a_watch_in_actions_tells_github_once_at_its_end(run, tmp_path):
    place = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(place)}
    result = run("health", DEAD, "--watch", "--interval", "100ms", "--count", "3", env=env)
    assert (result.code, result.err.count("::error ")) == (1, 1)
    assert place.read_text(encoding="utf-8").count("### ") == 1


def test_a_watch_in_a_pipe_suspects_its_own_network_once(run):
    urls = [f"http://127.0.0.{number}:9" for number in (1, 2, 3)]
    result = run("health", *urls, "--watch", "--interval", "100ms", "--count", "2")
    assert (result.code, len(result.out.splitlines())) == (1, 3)
    assert result.err == "warning: none of 3 targets on 3 hosts could be reached: " \
                         "is the network of this machine at fault?\n"


def test_the_lines_of_changes_align_in_a_pipe_and_programs_ask_for_tabs(run, server):
    watch = ("health", server.url, DEAD, "--watch", "--count", "1")
    for asked in ((), ("-o", "table")):
        first, second = run(*watch, *asked).out.splitlines()
        assert first.index("HTTP 200") == second.index("connection refused")
    for asked, env in ((("-o", "plain"), {}), ((), {"MGOV_OUTPUT": "plain"})):
        first, _ = run(*watch, *asked, env=env).out.splitlines()
        assert first.split("\t")[1:] == [f"{server.url}/", "-", "healthy", "HTTP 200 OK"]


def test_a_watch_ends_at_the_first_change_and_runs_the_command_for_it(mgov_process, mgov, server, tmp_path):
    mgov("register", "orders", server.url, "--health", "/")
    told = tmp_path / "told"
    process = mgov_process(
        "-S", str(tmp_path / "store"), "health", "--watch", "-o", "plain", "--interval", "100ms", "--until-change",
        "--on-change", f"sh -c 'echo $MGOV_TARGET $MGOV_BEFORE $MGOV_STATUS >{told}'",
    )
    assert "healthy" in process.stdout.readline()
    server.status = 500
    out, err = process.communicate(timeout=20)
    # three looks in a row are needed before a watched status gets worse
    assert out.split("\t")[1:4] == [f"orders/{server.id}", "healthy", "unhealthy"]
    assert (process.returncode, err) == (1, "")
    assert told.read_text() == f"orders/{server.id} healthy unhealthy\n"


def test_looks_are_spread_so_that_many_watchers_do_not_strike_at_once():
    draws = iter([0.0, 0.5])
    watch = Watch(10.0, draw=lambda: next(draws))
    assert [watch.pause_s, watch.pause_s] == [9.0, 10.0]


def test_a_piped_watch_prints_one_line_for_each_change(mgov, monkeypatch, server, gone):
    from mgov.clock import SystemClock

    events = iter([lambda: None, lambda: setattr(server, "status", 429), lambda: None,
                   lambda: mgov("deregister", "orders", gone.id)])
    monkeypatch.setattr(SystemClock, "sleep", lambda self, seconds: next(events)())
    mgov("register", "orders", server.url, "--health", "/", "--id", "a")
    mgov("register", "orders", gone.url)
    watched = mgov("health", "--watch", "--count", "5", "-o", "jsonl")
    lines = [json.loads(line) for line in watched.out.splitlines()]
    told = [(line["instance"], line["before"], line["status"]) for line in lines]
    assert sorted(told[:2]) == [(gone.id, None, "unhealthy"), ("a", None, "healthy")]
    assert told[2:] == [("a", "healthy", "degraded"), (gone.id, "unhealthy", "gone")]
    assert watched.code == 0
