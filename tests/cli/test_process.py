"""mgov as a process: full and closed outputs, pipes, a narrow terminal, signals, and what starting it imports."""

import fcntl
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from mgov.cli.output import Output
from mgov.errors import EXIT_MEANINGS

ROOT = Path(__file__).resolve().parent.parent.parent
FULL = Path("/dev/full")
NOT_WRITTEN = "hint: the command itself may have been carried out: look before repeating it\n"


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("argv", [("help", "exit-codes"), ("--help",), ("version", "--help"), ("--version",)])
def test_a_full_stdout_is_74_in_one_line(mgov_process, argv):
    with FULL.open("w") as full:
        process = mgov_process(*argv, stdout=full)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (
        74, f"mgov: the output could not be written: no space left on device\n{NOT_WRITTEN}")


def test_a_closed_stdout_is_74_in_one_line(mgov_process):
    process = mgov_process("version", stdout=None, preexec_fn=lambda: os.close(1))
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (74, f"mgov: the output could not be written: stdout is closed\n{NOT_WRITTEN}")


def test_a_closed_stderr_leaves_the_exit_status(mgov_process):
    process = mgov_process("nope", stderr=None, preexec_fn=lambda: os.close(2))
    process.communicate(timeout=30)
    assert process.returncode == 2


def test_a_reader_that_went_away_is_141_and_silent(mgov_process):
    read, write = os.pipe()
    os.close(read)
    process = mgov_process("help", "exit-codes", stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (141, "")


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="this system makes no small pipes")
def test_without_a_buffer_no_part_of_an_answer_is_lost_in_silence(mgov_process):
    # Unbuffered, a write takes what the pipe has room for when its reader goes away, and the rest must be tried.
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    process = mgov_process("completion", "bash", stdout=write, env={"PYTHONUNBUFFERED": "1"})
    os.close(write)
    os.read(read, 1)
    os.close(read)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (141, "")


def test_answers_go_out_behind_what_a_program_that_runs_mgov_in_itself_has_written(monkeypatch):
    file = io.BytesIO()
    stdout = io.TextIOWrapper(file, "utf-16")
    monkeypatch.setattr(sys, "stdout", stdout)
    out = Output({})
    stdout.write("said ")
    out.write("a\n")
    stdout.write("and ")
    out.write_bytes(b"raw")
    assert file.getvalue() == "said a\nand ".encode("utf-16") + b"raw"


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_terminal_of_20_columns_gets_lines_of_at_most_20(term):
    import struct
    import termios

    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
    env = {k: v for k, v in os.environ.items() if k != "COLUMNS"} | {"TERM": term, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "mgov", "help", "exit-codes"], stdout=child, stderr=child,
                               stdin=subprocess.DEVNULL, env=env)
    os.close(child)
    seen = _read_all(parent)
    assert process.wait(timeout=30) == 0
    assert ("\x1b[" in seen) is (term == "xterm")
    lines = [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in seen.splitlines()]
    assert len(lines) == 1 + len(EXIT_MEANINGS)
    assert all(len(line) <= 20 for line in lines)


def _read_all(fd):
    chunks = []
    while True:
        try:
            chunk = os.read(fd, 65536)
        except OSError:                                 # Linux says EIO when the last writer is gone
            chunk = b""
        if not chunk:
            os.close(fd)
            return b"".join(chunks).decode()
        chunks.append(chunk)


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_an_ascii_locale_never_makes_an_exception(mgov_process, locale):
    env = {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    process = mgov_process("订单\udcff", env=env)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("mgov: no such command: ")
    assert err.isascii()


def _modules_after(code):
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, file=sys.stderr)"],
                          capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)
    return set(done.stderr.split())


def test_importing_main_costs_almost_nothing():
    bare = _modules_after("pass")
    new = _modules_after("import mgov.cli.main") - bare
    forbidden = {"re", "typing", "enum", "dataclasses", "json", "pathlib", "tomllib", "typer", "rich", "asyncio",
                 "signal", "threading", "traceback"}
    assert not forbidden & new


def test_bare_help_does_not_load_typer_or_rich():
    assert not {"typer", "rich", "re"} & _modules_after("from mgov.cli.main import main; main(['--help'])")


@pytest.mark.parametrize("argv", [["version"], ["help", "exit-codes"], ["version", "--help"]])
def test_a_plain_command_loads_only_its_own_topic(argv):
    seen = _modules_after(f"from mgov.cli.main import main; main({argv!r})")
    assert not {"rich", "httpx", "asyncio", "tomllib", "tomlkit", "mgov.cli.completion", "mgov.governance.platform",
                "mgov.store.files", "dataclasses", "json"} & seen


@pytest.mark.parametrize("argv", [
    ("health", "--watch", "--interval", "100ms"), ("status", "--watch", "--interval", "100ms"),
    ("discover", "orders", "--all", "--watch", "--interval", "100ms"), ("config", "watch", "orders"),
])
def test_a_watch_ends_in_silence_when_its_reader_goes_even_if_nothing_changes(mgov_process, run, tmp_path, argv):
    store = str(tmp_path / "store")
    for line in (("init", store), ("-S", store, "register", "orders", "tcp://127.0.0.1:9", "--id", "a"),
                 ("-S", store, "config", "set", "orders", "a=1")):
        assert run(*line).code == 0
    process = mgov_process("-S", store, *argv)
    if argv[0] != "config":
        process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (141, "")
