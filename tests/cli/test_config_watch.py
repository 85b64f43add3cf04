"""config watch and exec: what reaches a reader, a command and a supervised child."""

import json
import os
import signal
import sys

import pytest

from mgov import Platform

SHOW = "import os, sys; print(os.environ.get('DB_HOST'), os.environ.get('APP_LOG'), sys.argv[1:])"
SERVER = """
import os, signal, sys, time
signal.signal(signal.SIGHUP, lambda *_: print("hup", flush=True))
print(os.environ["COLOR"], flush=True)
while True:
    time.sleep(60)
"""
STUBBORN = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.environ['COLOR'], flush=True); " \
           "time.sleep(60)"


@pytest.fixture
def store(tmp_path, monkeypatch):
    path, _ = Platform.create(tmp_path / "store")
    monkeypatch.setenv("MGOV_STORE", path)
    with Platform.open(path) as platform:
        platform.registry.register("orders")
        platform.configs.set("orders", {"color": "red"})
    return path


@pytest.fixture
def configs(store):
    with Platform.open(store, actor="ann") as platform:
        yield platform.configs


def test_what_came_since_a_version_is_printed_one_line_each(run, configs):
    configs.set("orders", {"color": "green", "db.host": "h"}, message="new look")
    configs.unset("orders", ["db"])
    columns = "version,author,keys,message"
    result = run("config", "watch", "orders", "--after", "1", "--count", "2", "--columns", columns)
    assert result == (0, "2\tann\tcolor,db.host\tnew look\n3\tann\tdb.host\t\n", "")


def test_in_json_each_line_says_what_changed_with_secrets_masked(run, configs):
    configs.set("orders", {"db.password": "hunter2"}, plain=True)
    result = run("config", "watch", "orders", "--after", "1", "--count", "1", "-o", "json")
    told = json.loads(result.out)
    assert (told["service"], told["environment"], told["version"], told["operation"]) == ("orders", "default", 2, "set")
    assert told["changes"] == [{"action": "added", "key": "db.password", "from": None, "to": "***"}]


def test_a_change_in_another_process_is_seen_and_the_command_gets_the_values(mgov_process, configs, tmp_path):
    told = tmp_path / "told"
    process = mgov_process("config", "watch", "orders", "color", "--count", "1", "--after", "1",
                           "--exec", f"sh -c 'echo $COLOR $MGOV_CONFIG_SERVICE $MGOV_CONFIG_VERSION >{told}'")
    configs.set("orders", {"size": 3})
    configs.set("orders", {"color": "blue"})
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err, out.split("\t")[0]) == (0, "", "3")
    assert told.read_text() == "blue orders 3\n"


def test_a_command_that_fails_is_said_and_the_watch_goes_on(run, configs):
    for value in ("green", "blue"):
        configs.set("orders", {"color": value})
    result = run("config", "watch", "orders", "--after", "1", "--count", "2", "--exec", "sh -c 'exit 3'",
                 "--columns", "version")
    assert (result.code, result.out) == (0, "2\n3\n")
    assert result.err == "warning: sh -c 'exit 3' ended with 3\n" * 2


@pytest.mark.parametrize(("words", "note"), [
    (("orders", "colour"), "orders has no key colour in default yet (did you mean color?)"),
    (("orders", "-e", "prod"), "orders has no configuration in prod yet (it has one in default: -e default)"),
    (("order",), "order has no configuration in default yet (did you mean orders?)"),
])
def test_what_is_not_there_yet_is_remarked_on_and_waited_for(run, store, words, note):
    result = run("config", "watch", *words, "--deadline", "300ms")
    assert (result.code, result.out, result.err.splitlines()[0]) == (5, "", note)


@pytest.mark.parametrize(("words", "code", "message"), [
    (("--after", "9"), 3, "orders has no version 9 in default"),
    (("--quiesce", "5s:1s"), 2, "5s:1s' waits no longer than 1s for 5s of quiet"),
    (("a..b",), 2, "has an empty part"),
])
def test_what_cannot_be_watched_is_refused(run, store, words, code, message):
    result = run("config", "watch", "orders", *words, "--count", "1")
    assert (result.code, result.out) == (code, "")
    assert message in result.err.splitlines()[0]


def test_a_command_runs_with_the_values_in_its_environment_and_its_status_is_ours(mgov_process, configs):
    configs.set("orders", {"db.host": "h", "log": "env:LEVEL"})
    process = mgov_process("config", "exec", "orders", "--", sys.executable, "-c", SHOW, "x", env={"MGOV_TRUST": "no"})
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (6, "")
    assert "orders/default asks to read the variable 'LEVEL'" in err


def test_a_key_that_would_choose_the_programs_that_run_is_refused(run, configs):
    configs.set("orders", {"path": "/nowhere"})
    assert run("config", "exec", "orders", "--", "true") == (
        2, "", "mgov: a key would set PATH, by which the system finds what is run\n"
               "hint: --prefix APP_ makes it APP_PATH\n",
    )  # fmt: skip


def test_references_are_resolved_once_trusted_and_names_take_the_prefix(mgov_process, configs, store):
    configs.set("orders", {"db.host": "h", "log": "env:LEVEL"})
    with Platform.open(store) as platform:
        trusted = {"MGOV_TRUST": platform.store.id, "LEVEL": "debug"}
    process = mgov_process("config", "exec", "orders", "--prefix", "app_", "--", sys.executable, "-c", SHOW, "x",
                           env=trusted)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "None debug ['x']\n", "child exited 0\n")


@pytest.mark.parametrize(("argv", "code"), [
    (("orders", "--", "/nowhere/at-all"), 127), (("orders", "--", "/etc/passwd"), 126),
    (("orders", "-e", "prod", "--", "true"), 3), (("orders", "--signal", "HUP", "--", "true"), 2),
    (("orders", "--watch", "--signal", "NO", "--", "true"), 2), (("orders",), 2),
    (("orders", "--watch", "--", "sh", "-c", "exit 4"), 4), (("orders", "--", "sh", "-c", "kill -9 $$"), 137),
])
def test_the_status_says_what_became_of_the_command(mgov_process, store, argv, code):
    process = mgov_process("config", "exec", *argv)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (code, False)


def test_a_watched_command_is_started_anew_with_the_new_values_and_ended_with_us(mgov_process, configs):
    process = mgov_process("config", "exec", "orders", "--watch", "--quiesce", "100ms", "--", sys.executable, "-c",
                           SERVER)
    assert process.stdout.readline() == "red\n"
    configs.set("orders", {"color": "green"})
    assert process.stdout.readline() == "green\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (143, "orders default 2: starting the command anew\nchild exited 143\n")


def test_a_child_that_ignores_sigterm_is_killed_when_its_values_change(mgov_process, configs):
    process = mgov_process("config", "exec", "orders", "--watch", "--quiesce", "100ms", "--grace", "200ms", "--",
                           sys.executable, "-c", STUBBORN, start_new_session=True)
    assert process.stdout.readline() == "red\n"
    configs.set("orders", {"color": "green"})
    assert process.stdout.readline() == "green\n"
    os.killpg(process.pid, signal.SIGKILL)


def test_with_a_signal_the_command_is_told_and_stays(mgov_process, configs):
    process = mgov_process("config", "exec", "orders", "--watch", "--signal", "HUP", "--quiesce", "100ms", "--",
                           sys.executable, "-c", SERVER)
    assert process.stdout.readline() == "red\n"
    configs.set("orders", {"color": "green"})
    assert process.stdout.readline() == "hup\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143


def test_a_change_that_cannot_be_used_leaves_the_command_as_it_is(mgov_process, configs):
    process = mgov_process("config", "exec", "orders", "--watch", "--quiesce", "100ms", "--", sys.executable, "-c",
                           SERVER)
    assert process.stdout.readline() == "red\n"
    configs.set("orders", {"token": "env:NOT_SET"})
    assert "the command goes on as it is" in process.stderr.readline()
    assert process.stderr.readline() == "hint: look at what it asks for, and agree, with: mgov trust\n"
    configs.unset("orders", ["token"])
    configs.set("orders", {"color": "blue"})
    assert process.stdout.readline() == "blue\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


@pytest.mark.parametrize(("text", "code", "message"), [
    ("'open", 2, "mgov: --exec \"'open\": no closing quotation"),
    ("", 2, "mgov: --exec names no command"),
    ("/nowhere/at-all x", 127, "mgov: --exec: /nowhere/at-all: no such program, or none that may be run"),
])
def test_a_command_that_can_never_run_is_refused_before_anything_is_watched(run, store, text, code, message):
    result = run("config", "watch", "orders", "--after", "0", "--exec", text)
    assert (result.code, result.out, result.err.splitlines()[0]) == (code, "", message)


def test_a_change_whose_references_lead_nowhere_runs_no_command_and_the_watch_goes_on(run, configs):
    configs.set("orders", {"token": "env:NOT_SET"})
    configs.unset("orders", ["token"])
    result = run("config", "watch", "orders", "--after", "1", "--count", "2", "--exec", "sh -c 'exit 3'",
                 "--columns", "version")
    assert (result.code, result.out) == (0, "2\n3\n")
    assert result.err.splitlines() == [
        "warning: orders default 2: orders/default asks to read the variable 'NOT_SET', and this store is not trusted "
        "to; the command was not run",
        "hint: look at what it asks for, and agree, with: mgov trust",
        "warning: sh -c 'exit 3' ended with 3",
    ]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, -1)])
def test_a_signal_that_comes_while_the_command_runs_ends_the_watch_too(mgov_process, configs, number, code):
    process = mgov_process("config", "watch", "orders", "--after", "0", "--exec", "sh -c 'echo runs; exec sleep 60'",
                           "--columns", "version", start_new_session=True)
    assert process.stdout.readline() == "1\n"
    assert process.stdout.readline() == "runs\n"
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, "Traceback" in err) == (code, "", False)


def test_without_the_store_references_are_looked_up_under_the_trust_that_it_had(
    run, mgov_process, configs, store, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOST_OF_DB", "h")
    configs.set("orders", {"db.host": "env:HOST_OF_DB"})
    assert run("config", "get", "orders").code == 0
    away = tmp_path / "gone"
    os.rename(store, away)
    refused = run("config", "get", "orders", "db.host", "--resolve")
    assert (refused.code, refused.out) == (6, "")
    assert "orders/default asks to read the variable 'HOST_OF_DB'" in refused.err
    os.rename(away, store)
    assert run("trust", "--yes").code == 0
    os.rename(store, away)
    assert run("config", "get", "orders", "db.host", "--resolve").out == "h\n"
    process = mgov_process("config", "exec", "orders", "--", sys.executable, "-c", SHOW)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "h None []\n"), err


def test_without_the_store_a_command_runs_with_what_was_read_last(run, mgov_process, configs, store, tmp_path):
    configs.set("orders", {"db.host": "h"})
    assert run("config", "get", "orders", "db.host").out == "h\n"
    os.rename(store, tmp_path / "gone")
    process = mgov_process("config", "exec", "orders", "--", sys.executable, "-c", SHOW)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "h None []\n")
    assert "the store cannot be read: this is version 2, as it was read" in err
    process = mgov_process("config", "exec", "orders", "--no-snapshot", "--", sys.executable, "-c", SHOW)
    assert (process.communicate(timeout=30)[0], process.returncode) == ("", 8)
