"""A child that is started anew or told of changes, and never left behind."""

import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from mgov.errors import ChildNotFound, ChildNotRunnable, UsageError
from mgov.net.supervise import Supervisor

STUBBORN = "import os, signal, time; signal.signal(15, signal.SIG_IGN); open(os.environ['UP'], 'w').close(); " \
           "time.sleep(60)"
# tells of each signal on a line of its own; a second one of a kind would be told before the last line is
TELLS = """
import os, signal, sys
def tell(number, _):
    os.write(1, f"{signal.Signals(number).name}\\n".encode())
for number in (1, 2, 3, 10, 12, 15):
    signal.signal(number, tell)
print("up", flush=True)
for line in sys.stdin:
    print("asked", flush=True)
    sys.exit(7)
"""
SUPERVISES = """
import fcntl, os, sys, termios
if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from mgov.net.child import run_forwarding
sys.exit(run_forwarding(sys.argv[1:], environ=os.environ))
"""
COUNTS_HUPS = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})   # so that none is missed on the way to the wait
open(os.environ["UP"], "w").close()
signal.sigwait({signal.SIGHUP})
sys.exit(7)
"""


def wait_for(path) -> None:
    """Until the file is there; a child makes it, so its reader only has to look."""
    for _ in range(3000):
        if path.exists():
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{path} was never made")


def test_the_status_is_the_childs_and_after_a_signal_it_is_128_and_more():
    with Supervisor(["sh", "-c", "exit 5"]) as child:
        child.start(os.environ)
        assert child.wait(30) == 5
    with Supervisor(["sh", "-c", "kill -9 $$"]) as child:
        child.start(os.environ)
        assert child.wait(30) == 137


def test_a_child_that_runs_on_has_no_status_yet_and_is_ended_with_the_block():
    with Supervisor(["sleep", "60"]) as child:
        child.start(os.environ)
        assert child.wait(0.01) is None
        process = child._process
    assert process.returncode == -signal.SIGTERM


def test_a_restart_is_a_new_process_with_the_new_environment(tmp_path):
    script = f'echo "$COLOR" >> {tmp_path}/colors; touch {tmp_path}/$COLOR; exec sleep 60'
    with Supervisor(["sh", "-c", script]) as child:
        for color in ("red", "green"):
            child.restart({**os.environ, "COLOR": color})
            wait_for(tmp_path / color)
    assert (tmp_path / "colors").read_text() == "red\ngreen\n"


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path):
    with Supervisor([sys.executable, "-c", STUBBORN], grace_s=0.1) as child:
        child.start({**os.environ, "UP": str(tmp_path / "up")})
        wait_for(tmp_path / "up")
        process = child._process
        child.end()
        assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("through_us", [False, True])
def test_a_signal_reaches_the_child_sent_by_us_or_passed_on(tmp_path, through_us):
    with Supervisor([sys.executable, "-c", COUNTS_HUPS]) as child:
        child.start({**os.environ, "UP": str(tmp_path / "up")})
        wait_for(tmp_path / "up")
        if through_us:
            os.kill(os.getpid(), signal.SIGHUP)
        else:
            child.send(signal.SIGHUP)
        assert (child.wait(30), child.is_told_to_end) == (7, False)


@pytest.mark.parametrize("name", ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_a_signal_sent_to_us_alone_is_passed_on_and_ends_neither(name):
    argv = [sys.executable, "-c", SUPERVISES, sys.executable, "-c", TELLS]
    ours = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with ours:
        assert ours.stdout.readline() == "up\n"
        ours.send_signal(getattr(signal, name))
        assert ours.stdout.readline() == f"{name}\n"
        assert (ours.communicate("end\n", timeout=30)[0], ours.returncode) == ("asked\n", 7)


def test_what_the_keys_of_a_terminal_send_reaches_the_child_once():
    argv = [sys.executable, "-c", SUPERVISES, sys.executable, "-c", TELLS]
    terminal, theirs = pty.openpty()
    ours = subprocess.Popen(argv, stdin=theirs, stdout=theirs, start_new_session=True)
    os.close(theirs)
    with ours, open(terminal, "r+b", buffering=0) as keys:
        told = read_until(keys, b"up\r\n")
        keys.write(b"\x03")
        told += read_until(keys, b"SIGINT\r\n")
        keys.write(b"end\n")
        told += read_until(keys, b"asked\r\n")
        assert (told.count(b"SIGINT"), ours.wait(30)) == (1, 7)


def read_until(keys, end: bytes) -> bytes:
    told = b""
    while not told.endswith(end):
        told += keys.read(1)
    return told


def test_after_sigterm_the_child_is_not_started_anew_and_its_status_is_kept():
    with Supervisor(["sleep", "60"]) as child:
        child.start(os.environ)
        os.kill(os.getpid(), signal.SIGTERM)
        child.restart(os.environ)
        assert (child.wait(30), child.is_told_to_end) == (143, True)
        child.restart(os.environ)
        assert child.wait(30) == 143


def test_a_signal_to_end_that_came_before_there_was_a_child_ends_it():
    with Supervisor(["sleep", "60"]) as child:
        os.kill(os.getpid(), signal.SIGTERM)
        child.start(os.environ)
        assert child.wait(30) == 143


def test_a_child_that_ended_by_itself_is_not_started_anew():
    with Supervisor(["sh", "-c", "exit 5"]) as child:
        child.start(os.environ)
        child._process.wait(30)
        child.restart(os.environ)
        assert child.wait(30) == 5


def test_our_own_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    with Supervisor(["true"]):
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


def test_what_cannot_be_started_is_said_with_its_status(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("no program")
    for argv, kind, status in (
        (["/nowhere/at-all"], ChildNotFound, 127), ([str(plain)], ChildNotRunnable, 126),
    ):
        with pytest.raises(kind) as refused, Supervisor(argv) as child:
            child.start(os.environ)
        assert refused.value.exit_status == status
    with pytest.raises(UsageError):
        Supervisor([])


def test_an_environment_that_the_system_does_not_hand_over_names_its_largest_variable():
    with pytest.raises(ChildNotRunnable, match="BIG alone has 4194304 bytes"), Supervisor(["true"]) as child:
        child.start({**os.environ, "BIG": "x" * 4 * 1024 * 1024})


def test_nothing_is_left_behind_where_the_block_fails():
    child = Supervisor(["sleep", "60"])
    with pytest.raises(ZeroDivisionError):
        fail_beside(child)
    assert child._process is None


def fail_beside(supervisor: Supervisor) -> None:
    with supervisor as child:
        child.start(os.environ)
        raise ZeroDivisionError
