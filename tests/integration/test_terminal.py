"""`health --watch` on a real terminal: tmux is the terminal, and what it shows is what is asserted."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0


class Terminal:
    """A shell in a tmux of its own."""

    def __init__(self, tmux, folder, *, width, height):
        self._tmux = [tmux, "-S", str(folder / "tmux"), "-f", "/dev/null"]
        environ = {**os.environ, "PS1": "$ ", "PYTHONPATH": str(ROOT), "MGOV_STORE": str(folder / "store")}
        del environ["COLUMNS"]                              # the terminal itself says how wide it is
        self._do("new-session", "-d", "-x", str(width), "-y", str(height), "/bin/sh", env=environ)

    def _do(self, *words, env=None):
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True, env=env).stdout

    def type(self, text):
        """Type a line."""
        self._do("send-keys", "-l", text)
        self._do("send-keys", "Enter")

    def press(self, key):
        """Press one key, such as C-c."""
        self._do("send-keys", key)

    def resize(self, width, height):
        """Give the window another size; the program in it is told as by any terminal."""
        self._do("resize-window", "-x", str(width), "-y", str(height))

    @property
    def screen(self):
        """The lines that are seen now."""
        return [line.rstrip() for line in self._do("capture-pane", "-p").rstrip("\n").split("\n")]

    def ask(self, variable):
        """What tmux knows of the pane, such as cursor_flag."""
        return self._do("display-message", "-p", f"#{{{variable}}}").strip()

    def wait_for(self, holds):
        """The screen when `holds(lines)` is first true; fail with the last screen when it never is."""
        end = time.monotonic() + PATIENCE_S
        while not holds(lines := self.screen):
            if time.monotonic() > end:
                pytest.fail("the terminal never came to show it:\n" + "\n".join(lines))
        return lines

    def close(self):
        """End the tmux and what runs in it."""
        self._do("kill-server")


@pytest.fixture
def terminal(tmp_path, require):
    """An 80 x 24 terminal with a shell in it."""
    shown = Terminal(require("tmux"), tmp_path, width=80, height=24)
    yield shown
    shown.close()


@pytest.fixture
def mgov(tmp_path):
    """The words that run mgov in a shell, over a store with a server that is there and one that is not."""
    return f"{shlex.quote(sys.executable)} -m mgov"


@pytest.fixture
def fleet(tmp_path, mgov_process, closed_port, open_port):
    """A store with a service that answers on tcp and one that nobody serves."""
    store = str(tmp_path / "store")
    for words in (
        ("init", store),
        ("register", "here", f"redis://127.0.0.1:{open_port}", "--store", store),
        ("register", "gone", f"redis://127.0.0.1:{closed_port}", "--store", store),
    ):
        assert mgov_process(*words).wait() == 0


def is_table(lines):
    """Whether the live table stands there whole, with its foot."""
    text = "\n".join(lines)
    return "STATUS" in text and "1 of 2 healthy; 1 unhealthy; next look" in text


def is_last_state(lines):
    """Whether the table stands once, as it was last, with nothing torn around it."""
    text = "\n".join(lines)
    return (text.count("STATUS"), text.count("1 of 2 healthy; 1 unhealthy"), text.count("next look")) == (1, 1, 0)


@pytest.mark.usefixtures("fleet")
def test_the_watch_is_a_live_table_that_survives_a_resize_and_leaves_the_terminal_clean(terminal, mgov):
    terminal.type(f"{mgov} health --watch --interval 1s")
    lines = terminal.wait_for(is_table)
    rows = [line.split()[:3] for line in lines if line.startswith(("here", "gone"))]
    assert [(row[0], row[2]) for row in rows] == [("gone", "unhealthy"), ("here", "healthy")]
    assert not any("\x1b" in line for line in lines)

    terminal.resize(60, 12)
    terminal.wait_for(lambda seen: is_table(seen) and all(len(line) <= 60 for line in seen))
    terminal.resize(30, 10)
    whole = ["SER…", "gone", "here", "", "1"]             # and no torn line of the wider table
    terminal.wait_for(lambda seen: [line.partition(" ")[0] for line in seen] == whole)
    terminal.resize(120, 30)
    terminal.wait_for(lambda seen: "connection refused" in "".join(seen) and is_table(seen))

    terminal.press("C-c")
    terminal.type("echo status=$?")
    ended = terminal.wait_for(lambda seen: any(line.endswith("status=130") for line in seen))
    assert not any("Traceback" in line for line in ended)
    assert terminal.ask("cursor_flag") == "1"
    assert terminal.ask("alternate_on") == "0"
    assert is_last_state(ended)
    terminal.type("stty -a | tr ' ;' '\\n\\n' | grep -x -e -echo -e -icanon -e -isig; echo sane=$?")
    terminal.wait_for(lambda seen: any(line.endswith("sane=1") for line in seen))


@pytest.mark.usefixtures("fleet")
def test_a_watch_that_ends_by_itself_leaves_its_last_state_below_what_was_there_before(terminal, mgov):
    terminal.type("echo from before")
    terminal.wait_for(lambda seen: "from before" in seen)
    terminal.type(f"{mgov} health --watch --interval 100ms --count 2; echo status=$?")
    ended = terminal.wait_for(lambda seen: any(line == "status=1" for line in seen))
    assert is_last_state(ended)
    assert "from before" in ended
    assert terminal.ask("alternate_on") == "0"


@pytest.mark.usefixtures("fleet")
def test_ctrl_z_gives_the_shell_its_screen_back_and_fg_draws_the_table_again(terminal, mgov):
    terminal.type(f"{mgov} health --watch --interval 1s")
    terminal.wait_for(is_table)
    terminal.press("C-z")
    terminal.wait_for(lambda seen: any("topped" in line for line in seen) and not is_table(seen))
    assert terminal.ask("alternate_on") == "0"
    assert terminal.ask("cursor_flag") == "1"
    terminal.type("fg")
    terminal.wait_for(lambda seen: is_table(seen) and terminal.ask("alternate_on") == "1")
    terminal.press("C-c")
    terminal.wait_for(is_last_state)


@pytest.mark.usefixtures("fleet")
def test_what_fails_first_and_who_would_suffer_stands_under_the_live_table(terminal, mgov, mgov_process, tmp_path):
    words = ("register", "here", "--depends-on", "gone", "--store", str(tmp_path / "store"))
    assert mgov_process(*words).wait() == 0
    terminal.type(f"{mgov} health --watch --interval 1s")
    lines = terminal.wait_for(is_table)
    foot = lines.index("gone fails first: connection refused")
    assert lines[foot + 1] == "  would suffer: here"
    assert lines[foot + 2].startswith("1 of 2 healthy; 1 unhealthy; next look")
    terminal.press("C-c")
    terminal.wait_for(is_last_state)


@pytest.mark.usefixtures("fleet")
def test_a_wide_watch_is_a_live_table_too_with_the_past_of_each(terminal, mgov):
    terminal.resize(230, 24)
    terminal.type(f"{mgov} health --watch --interval 1s -o wide")
    lines = terminal.wait_for(is_table)
    head = next(line for line in lines if "STATUS" in line)
    here = next(line for line in lines if line.startswith("here"))
    assert here[head.index("LAST RESULTS") :].split()[0] == "█"
    terminal.press("C-c")
    terminal.wait_for(is_last_state)


def test_a_resize_is_answered_at_once_though_a_look_is_under_way(terminal, mgov, open_port):
    slow = f"http://127.0.0.1:{open_port}/"                 # accepts, and never answers
    terminal.type(f"{mgov} health {slow} --watch --interval 100ms --timeout 4s --count 2")
    terminal.wait_for(lambda seen: "0 of 1 healthy; 1 unhealthy" in seen)      # no "next look": it is under way
    terminal.resize(160, 24)
    wide = terminal.wait_for(lambda seen: max(len(line) for line in seen) > 80)
    assert terminal.ask("alternate_on") == "1", "the second look was over before the table was drawn again"
    assert "no answer within 4s" in "".join(wide)


@pytest.mark.usefixtures("fleet")
def test_what_a_command_on_change_says_stays_on_the_screen(terminal, mgov, mgov_process, tmp_path):
    terminal.type(f"{mgov} health --watch --interval 1s --until-change --on-change 'sh -c \"echo changed; exit 3\"'")
    terminal.wait_for(is_table)
    assert mgov_process("deregister", "gone", "--all", "--yes", "--store", str(tmp_path / "store")).wait() == 0
    ended = terminal.wait_for(lambda seen: "changed" in seen and "1 of 1 healthy" in seen)
    assert any(line.startswith("warning: sh -c") and line.endswith("ended with 3") for line in ended)


@pytest.mark.usefixtures("fleet")
def test_the_status_is_watched_on_one_screen_and_its_last_state_stays(terminal, mgov):
    def is_whole(lines):
        text = "\n".join(lines)
        return "failing   gone  0/1 up" in text and "next look in" in text and "a watcher looks every 1s" in text

    terminal.type(f"{mgov} health --watch --interval 1s --count 2 > /dev/null; {mgov} status --watch --interval 1s")
    lines = terminal.wait_for(is_whole)
    assert lines[0] == "fleet     2 services, 2 instances: 1 healthy, 1 unhealthy"
    assert max(len(line) for line in lines) <= 80
    terminal.resize(120, 40)
    terminal.wait_for(is_whole)
    terminal.press("C-c")
    terminal.type("echo status=$?")
    lines = terminal.wait_for(lambda seen: any("status=130" in line for line in seen))
    text = "\n".join(lines)
    assert (text.count("failing   gone"), text.count("next look"), terminal.ask("alternate_on")) == (1, 0, "0")
