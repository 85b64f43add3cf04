"""Command checks: Nagios' exit statuses, and programs that do everything wrong."""

from __future__ import annotations

import os
import select
import shlex
import sys
import time

import pytest
from hostile import HostileServer, stays_silent

from mgov.errors import UsageError
from mgov.model import command as rules
from mgov.model.measurement import MAX_BODY_BYTES, Measurement
from mgov.model.names import split_url
from mgov.net import probe as probe_module
from mgov.net.command import environment, probe_command
from mgov.net.sweep import Target, sweep_now


@pytest.fixture(autouse=True)
def with_probe(monkeypatch):
    def split(url):
        return ("command", "", 0, "") if url.startswith(rules.PREFIX) else split_url(url)

    monkeypatch.setitem(probe_module.PROBES, "command", probe_command)
    monkeypatch.setattr(probe_module, "split_url", split)


def sh(script: str) -> str:
    return rules.command_url(f"sh -c {shlex.quote(script)}")


def look(url: str, timeout_s: float = 5.0, **options: bool) -> Measurement:
    return sweep_now([Target(url, timeout_s, **options)])[0]


def verdict(seen: Measurement) -> tuple[str, str]:
    assert seen.error == "", seen
    return rules.verdict(seen.status_code, rules.first_line(seen.body))


def has_ended(pid: int) -> bool:
    """Whether a process is over, or is so at once: a killed one that is not our child takes a moment to go."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 2.0)[0])
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(("script", "expected"), [
    ("echo 'DISK OK - 10% | /=5;9;'", ("healthy", "DISK OK - 10%")),
    ("exit 0", ("healthy", "exit 0")),
    ("echo slow; exit 1", ("degraded", "slow")),
    ("exit 1", ("degraded", "exit 1 (warning)")),
    ("echo '订单 down'; echo more; exit 2", ("unhealthy", "exit 2 (critical): 订单 down")),
    ("echo; echo why >&2; exit 3", ("unhealthy", "exit 3 (unknown): why")),
    ("exit 126", ("unhealthy", "exit 126 (not runnable)")),
    ("no-such-program-of-mgov 2>/dev/null", ("unhealthy", "exit 127 (not found)")),
    ("exit 42", ("unhealthy", "exit 42 (not a status of a check)")),
    ("kill -9 $$", ("unhealthy", "ended by signal 9")),
])
def test_the_exit_status_is_the_status_and_the_first_line_the_reason(script, expected):
    assert verdict(look(sh(script))) == expected


def test_the_words_are_split_and_no_shell_sees_them():
    assert verdict(look("command:printf '%s|' 'a b' '$HOME' '*' ;"))[1] == "a b"
    assert look("command:printf '%s,' 'a b' $HOME *").body == b"a b,$HOME,*,"


def test_a_program_that_is_not_here_says_nothing_about_the_service(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("no program")
    seen = [look("command:no-such-program-of-mgov"), look(f"command:{plain}")]
    assert [(one.error, one.is_local) for one in seen] == [("local-error", True)] * 2
    assert seen[0].detail == "no-such-program-of-mgov is not on this machine"
    assert seen[1].detail == f"{plain} cannot be run here: permission denied"


def test_at_the_deadline_the_whole_process_group_is_killed_and_nothing_is_left(tmp_path):
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! $$ > {pids}; echo started; trap '' TERM; sleep 60"
    began = time.perf_counter()
    seen = look(sh(script), 0.4)
    assert time.perf_counter() - began < 20             # of the 60 s that it would sleep
    assert (seen.error, seen.detail) == ("timeout", "not finished within 400ms, killed; it said: started")
    children = [int(pid) for pid in pids.read_text().split()]
    assert len(children) == 2
    assert all(has_ended(pid) for pid in children)
    with pytest.raises(ChildProcessError):              # the shell, our child, was reaped as well
        os.waitpid(children[1], os.WNOHANG)


def test_a_grandchild_that_holds_the_output_open_delays_nobody_and_is_ended(tmp_path):
    pids = tmp_path / "pids"
    seen = look(sh(f"sleep 60 & echo $! > {pids}; echo done"))
    assert (verdict(seen), seen.total_ms < 2000) == (("healthy", "done"), True)
    assert has_ended(int(pids.read_text()))


def test_what_a_command_says_before_it_ends_is_never_lost():
    seen = sweep_now([Target(sh(f"echo {n}; exit {n % 4}"), 10.0) for n in range(40)])
    assert [(one.status_code, one.body) for one in seen] == [(n % 4, f"{n}\n".encode()) for n in range(40)]


def test_sixty_four_kib_of_output_are_kept_and_endless_output_is_ended():
    much = look(f"command:{sys.executable} -c 'print(\"x\" * 200_000)'", keep_body=True)
    assert (much.error, much.status_code, len(much.body), much.body_bytes, much.is_body_cut) == (
        "", 0, MAX_BODY_BYTES, 200_001, True)
    endless = look("command:yes")
    assert (endless.error, endless.detail) == ("protocol", "more than 1 MiB of output, killed")
    assert endless.total_ms < 3000


def test_slow_commands_hold_up_neither_each_other_nor_other_probes():
    silent = HostileServer(default=stays_silent)
    try:
        targets = [*[Target("command:sleep 0.3")] * 20, Target(f"http://127.0.0.1:{silent.port}/", 0.3)]
        began = time.perf_counter()
        seen = sweep_now(targets)
        assert time.perf_counter() - began < 2.0
    finally:
        silent.close()
    assert [one.error for one in seen] == [""] * 20 + ["timeout"]
    assert seen[-1].total_ms < 600


def test_a_sweep_that_is_given_up_leaves_no_process(tmp_path):
    pids = tmp_path / "pid"

    def stop(index: int, seen: Measurement) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        sweep_now([Target(sh(f"echo $$ > {pids}; exec sleep 60"), 60.0), Target("command:sleep 0.3")], on_result=stop)
    assert has_ended(int(pids.read_text()))


def test_only_a_few_variables_reach_a_command_and_no_relative_folder_of_path():
    ours = {"PATH": "/bin:.::/usr/bin:rel", "HOME": "/h", "GITHUB_TOKEN": "secret", "LD_PRELOAD": "x", "TZ": "UTC"}
    assert environment(ours) == {"PATH": "/bin:/usr/bin", "LANG": "C.UTF-8", "HOME": "/h", "TZ": "UTC"}


def test_a_command_runs_in_the_root_folder_without_input_and_without_our_descriptors(monkeypatch):
    monkeypatch.setenv("MGOV_SECRET", "do not tell")
    seen = look(sh("pwd; cat; ls /proc/self/fd | wc -l; env | sort"), keep_body=True)
    lines = seen.body.decode().splitlines()
    assert lines[:2] == ["/", "4"]                      # standard input, output, error, and the folder ls reads
    assert "do not tell" not in seen.body.decode()


@pytest.mark.parametrize(("text", "words"), [
    ("", "a command check needs a command"), ("command:  ", "a command check needs a command"),
    ("'' x", "a command check needs a command"), ("echo 'a", "is not a command line: no closing quotation"),
    ("echo a\nrm -rf /", "may hold no line breaks"), ("echo \x1b", "may hold no line breaks or control"),
    ("x" * 5000, "may have 4096 characters, not 5000"),
])
def test_a_command_line_that_is_none_is_refused(text, words):
    with pytest.raises(UsageError, match=words):
        rules.command_url(text)


def test_a_command_line_is_kept_as_it_was_written():
    assert rules.command_url(" check_disk -w '10 %' ") == "command:check_disk -w '10 %'"
    assert rules.argv_of(rules.command_url("command:check_disk -w '10 %'")) == ["check_disk", "-w", "10 %"]
