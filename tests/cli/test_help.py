"""What help prints, and from where."""

import re
from pathlib import Path

import pytest

from mgov.cli import tree
from mgov.errors import EXIT_MEANINGS

ROOT = Path(__file__).resolve().parent.parent.parent


def test_help_exit_codes_prints_the_codes_own_table(run):
    assert run("help", "exit-codes") == (0, "".join(f"{k}\t{v}\n" for k, v in EXIT_MEANINGS.items()), "")


def test_every_variable_that_is_read_is_in_the_help_and_the_manual(run):
    source = "".join(file.read_text() for file in (ROOT / "mgov").rglob("*.py"))
    read = set(re.findall(r'environ(?:\.get\(|\[)"(MGOV_[A-Z_]+)"', source))
    assert len(read) > 5
    shown, manual = run("help", "variables").out, (ROOT / "completions" / "mgov.1").read_text()
    assert [name for name in read if f"  {name} " not in shown] == []
    assert [name for name in read if f".B {name}\n" not in manual] == []


@pytest.mark.usefixtures("fake_tree")
def test_bare_mgov_shows_the_panels_that_have_commands(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    used = {panel for _, _, panel, _ in tree.COMMANDS}
    assert [line for line in out.splitlines() if line in tree.PANELS] == [p for p in tree.PANELS if p in used]
    assert "  ls              List nasty rows\n" in out
    assert "box open" not in out
    assert "_completions" not in out


@pytest.mark.parametrize("argv", [("--help",), ("-h",), ("-q",), ("-q", "--help")])
def test_bare_mgov_and_its_help_say_the_same_on_either_lane(run, argv):
    assert run(*argv) == run()


def test_headings_are_bold_only_when_colour_is_on(run):
    assert "\x1b" not in run("--help").out
    assert "\x1b" not in run("--help", tty=True, env={"TERM": "dumb"}).out
    assert "\x1b[1mStore\x1b[0m\n" in run("--help", tty=True).out
    assert "\x1b[1mStore\x1b[0m\n" in run("--color", "always", "--help").out


@pytest.mark.usefixtures("fake_tree")
@pytest.mark.parametrize("argv", [("guard", "--help"), ("guard", "-h"), ("help", "guard"), ("guard", "x", "-h")])
def test_a_commands_help_has_usage_example_description_and_options(run, argv):
    code, out, err = run(*argv)
    assert (code, err) == (0, "")
    assert out.startswith("Usage: mgov guard [OPTIONS] NAME [-- COMMAND]\n\nExample:\n  mgov guard NAME -- true\n\n"
                          "  Say what the child would be.\n\n")
    assert "Global options:\n" in out


@pytest.mark.usefixtures("fake_tree")
def test_help_names_the_columns_and_the_formats(run):
    out = " ".join(run("ls", "--help").out.split())
    assert "Columns: name, note, port, tags (wide)" in out
    assert "table, wide, plain, json, jsonl, csv, name, url" in out


@pytest.mark.usefixtures("fake_tree")
def test_a_group_alone_lists_its_commands(run):
    code, out, _ = run("box")
    assert code == 0
    assert "Usage: mgov box [OPTIONS] COMMAND [ARGS]...\n" in out
    assert "  open  Open a box\n  burn  Burn a box\n" in out
    assert run("box", "--help").out == out


def test_every_command_has_an_example_and_a_help_line_that_starts_with_a_verb(run):
    for name, place, panel, text in tree.COMMANDS:
        if panel and place:
            out = run(*name.split(), "--help").out
            assert "\nExample" in out, name
            assert f"\n  mgov {name}" in out or "$(mgov" in out, name
        assert text
        assert not text.endswith("."), name
        assert text[0].isupper(), name


def test_every_topic_of_help_prints_something(run):
    for line in run("help").out.splitlines():
        assert run("help", line.split("\t")[0]).code == 0


def test_the_version_has_one_source(run):
    from mgov import __version__

    assert run("version").out == run("--version").out == f"{__version__}\n"
    assert run("version", "-o", "json").out == f'{{\n  "version": "{__version__}"\n}}\n'
