"""What the README says is so: its commands, its exit statuses, what its examples print."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mgov.cli import tree
from mgov.errors import EXIT_MEANINGS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOME_SHOWN = "/home/you/shop"                               # what the README shows for the folder of its examples
SHOWN_ENVIRON = {"TERM": "dumb", "COLUMNS": "140", "MGOV_ACTOR": "ann"}
SET_UP = "python3 -m venv .venv && . .venv/bin/activate && "
SERVER = re.compile(r"python3 -m http\.server --bind 127\.0\.0\.1 (\d+) &>/dev/null &")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND_ROW = re.compile(r"^\| `([a-z ]+)` \| (.+?) \| `(mgov .+?)` \|$", re.MULTILINE)
VISIBLE = [(name, text) for name, place, panel, text in tree.COMMANDS if panel and place]


class Player:
    """Carries out the README's blocks in order, in one folder, on servers whose ports are free ones."""

    def __init__(self, folder, run, start_server):
        self._folder = folder
        self._run = run
        self._start_server = start_server
        self._servers = []
        self._ports = {}                                    # as the README shows it -> as it is
        self._status = 0

    def play(self, language, text):
        """What the block prints when it is carried out, in the README's words."""
        if language in ("toml", "yaml"):
            name = re.match(r"# (\S+)\n", text)
            assert name is not None, "a block that is a file begins with its file's name"
            (self._folder / name[1]).write_text(self._here(text), encoding="utf-8")
            return text
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(self._here(text), "README.md", "exec"), {"__name__": "__main__"})
            return self._shown(out.getvalue())
        return "".join(f"$ {line}\n{self._shown(self._do(line))}" for line in commands_in(text))

    def _do(self, line):
        if found := SERVER.fullmatch(line):
            process, port = self._start_server()
            self._servers.append(process)
            self._ports[found[1]] = str(port)
            return ""
        if found := re.fullmatch(r"kill %(\d)", line):
            process = self._servers[int(found[1]) - 1]
            process.kill()
            process.wait()
            return ""
        if line == "echo $?":
            return f"{self._status}\n"
        here = self._here(line)
        if here.startswith("mgov ") and not set(here) & set("|$>&;"):
            self._status, out, err = self._run(*shlex.split(here)[1:], tty=True, env=SHOWN_ENVIRON)
            return out + err
        shell = f'mgov() {{ {shlex.quote(sys.executable)} -m mgov "$@"; }}\n{here}'
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, env=environ, cwd=self._folder)
        self._status = done.returncode
        return done.stdout + done.stderr

    def _here(self, text):
        for shown, port in self._ports.items():
            text = text.replace(shown, port)
        return text

    def _shown(self, text):
        for shown, port in self._ports.items():
            text = text.replace(port, shown)
        return text.replace(str(self._folder), HOME_SHOWN).replace("\r\n", "\n")    # CSV lines end as its RFC says


def commands_in(text):
    """The lines of a console block that a person types."""
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


def normal(text):
    """The text with everything that differs between two runs replaced: widths, times, ages, latencies, ids."""
    text = re.sub(r"(?<=\S) {2,}", "  ", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"\b\d+s (ago|before)|\bfor \d+s\b", "AGE", text)
    text = re.sub(r"(first byte|connect|total) [\d.]+ ms", r"\1 LATENCY", text)
    text = re.sub(r"(  no  \d+  |\bfree in |--wait )[\dhms.]+$", r"\1WAIT", text, flags=re.MULTILINE)
    text = re.sub(r"from \S+ in [\d.]+ ms", "from WHO in LATENCY", text)  # whichever instance was picked
    text = re.sub(r"\S+  up \d+ % in 1h, [^\n]*$", "PAST", text, flags=re.MULTILINE)
    text = re.sub(r"(healthy|unhealthy)  [\d.]+  ", r"\1  LATENCY  ", text)
    return re.sub(r'("latency_ms": )[\d.]+', r"\1LATENCY", text)


@pytest.fixture
def start_server(tmp_path):
    """Start `python -m http.server` on a free port: (its process, its port)."""
    with contextlib.ExitStack() as stack:

        def start():
            process = stack.enter_context(subprocess.Popen(
                [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                cwd=tmp_path / "shop",
            ))  # fmt: skip
            stack.callback(process.kill)
            return process, int(process.stdout.readline().split(" port ")[1].split()[0])

        yield start


@pytest.fixture
def player(tmp_path, monkeypatch, run, start_server):
    """A Player in an empty folder."""
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Player(folder, run, start_server)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="no bash")
def test_what_the_readme_shows_is_what_its_commands_print(player, require):
    require("curl")
    for language, text in BLOCK.findall(README):
        if language == "console":
            assert normal(player.play(language, text)) == normal(text)
        elif language in ("toml", "yaml", "python"):
            said = player.play(language, text)
            if language == "python":
                after = README.split(text)[1].removeprefix("```\n\n")
                assert normal(f"```text\n{said}```\n") == normal(after[: after.index("\n```\n") + 5])


def test_the_readmes_table_has_each_command_once_with_its_help_line_and_an_example_of_it():
    rows = COMMAND_ROW.findall(README)
    assert [(name, text) for name, text, _ in rows] == VISIBLE
    for name, _, example in rows:
        assert example.split()[1 : 1 + len(name.split())] == name.split()


def test_each_option_in_the_readme_is_one_that_the_command_has(run):
    for name, _, example in COMMAND_ROW.findall(README):
        shown = run(*name.split(), "--help").out
        for word in example.split():
            if word.startswith("-"):
                assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", shown), (name, word)


def test_each_commands_help_has_an_example_of_it(run):
    for name, _ in VISIBLE:
        examples = run(*name.split(), "--help").out.split("Example")[1].split("\n\n")[0]
        assert f"mgov {name}" in examples, name


def test_the_readmes_exit_statuses_are_the_codes_own():
    table = README.split("| exit | meaning |\n| --- | --- |\n")[1].split("\n\n")[0]
    assert table.splitlines() == [f"| {status} | {meaning} |" for status, meaning in EXIT_MEANINGS.items()]


def test_the_set_up_lines_are_those_that_ci_runs():
    lines = [line.removeprefix(SET_UP) for line in README.splitlines() if line.startswith(SET_UP)]
    assert lines == ["pip install . && mgov demo", "pip install '.[dev]' && pytest -n 2"]
    script = (ROOT / ".ci" / "run").read_text()
    for part in ("'.[dev]'", "\nmgov demo", "\npytest -n 2"):
        assert part in script


def test_the_readmes_prose_is_at_most_120_wide():
    prose = BLOCK.sub("", README).splitlines()
    assert [line for line in prose if len(line) > 120 and not line.startswith("|")] == []


def test_the_changelog_speaks_of_this_version():
    from mgov import __version__

    assert f"\n## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
