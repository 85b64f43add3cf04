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


@pytest.mark.usefixtures("fleet")
def test_the_watch_is_a_live_table_that_survives_a_resize_and_leaves_the_terminal_clean(terminal, mgov):
    terminal.type(f"{mgov} health --watch --interval 1s")
    lines = terminal.wait_for(is_table)
    rows = [line.split()[:3] for line in lines if line.startswith(("here", "gone"))]
    assert [(row[0], row[2]) for row in rows] == [("gone", "unhealthy"), ("here", "healthy")]
    assert not any("\x1b" in line for line in lines)

    terminal.resize(60, 12)
    terminal.wait_for(lambda seen: is_table(seen) and all(len(line) <= 60 for line in seen))
    terminal.resize(120, 30)
    terminal.wait_for(lambda seen: "connection refused" in "".join(seen) and is_table(seen))

    terminal.press("C-c")
    terminal.type("echo status=$?")
    ended = terminal.wait_for(lambda seen: any(line.endswith("status=130") for line in seen))
    assert not any("Traceback" in line for line in ended)
    assert terminal.ask("cursor_flag") == "1"
    assert terminal.ask("alternate_on") == "0"
    terminal.type("stty -a | tr ' ;' '\\n\\n' | grep -x -e -echo -e -icanon -e -isig; echo sane=$?")
    terminal.wait_for(lambda seen: any(line.endswith("sane=1") for line in seen))
