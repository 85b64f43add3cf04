"""Variables in each dialect, read back by those who read them: sh, python-dotenv, docker's and GitHub's rules."""

import io
import json
import subprocess

import dotenv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.formats import dotenv as ours
from mgov.formats.malformed import Malformed
from mgov.formats.variables import docker_env, for_commands, github, render, shell, variable_name, variables
from mgov.model.key import parse_key
from mgov.model.setting import with_settings

NASTY = {
    "PLAIN": "info", "EMPTY": "", "SPACES": "  two  words ", "QUOTES": """it's "so" `x` $HOME ${HOME} $(id) \\ \\n""",
    "LINES": "one\ntwo\r\nthree\n", "HASH": "a #b", "CJK": "订单 ü 😀", "EQUALS": "a=b=c", "TAB": "a\tb",
    "BANG": "!x*?[a]", "BACKSLASH": "ends in \\", "CR": "a\rb\r",
}  # fmt: skip
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
names = st.text("ABC_", min_size=1, max_size=4)
found = st.dictionaries(names, texts | st.sampled_from(list(NASTY.values())), max_size=4)


def read_by_docker(text):
    """docker's opts/file.go: lines of a scanner, white space cut at the left, comments, NAME=VALUE as it is."""
    env = {}
    for line in text.encode().split(b"\n"):
        line = line.removesuffix(b"\r").lstrip()
        if line and not line.startswith(b"#"):
            name, _, value = line.decode().partition("=")
            env[name] = value
    return env


def read_by_github(text):
    """The runner's FileCommandManager: lines end at LF; NAME=VALUE, or NAME<<MARK up to a line that is MARK."""
    env, lines = {}, text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            env[line[:equals]] = line[equals + 1 :]
            continue
        name, mark = line.split("<<", 1)
        end = lines.index(mark, at)
        env[name] = "\n".join(lines[at:end])
        at = end + 1
    return env


def read_by_sh(text, names):
    script = text + "".join(f"printf '%s\\0' \"${name}\"\n" for name in names)
    done = subprocess.run(["sh", "-eu"], input=script.encode(), capture_output=True, check=True)
    assert done.stderr == b""
    return dict(zip(names, done.stdout.decode().split("\0")[:-1], strict=True))


def read_by_python_dotenv(text):
    return dict(dotenv.dotenv_values(stream=io.StringIO(text, newline=""), interpolate=False))


def test_a_posix_shell_reads_exactly_what_was_meant():
    assert read_by_sh(shell(NASTY), list(NASTY)) == NASTY


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(found)
def test_a_posix_shell_reads_back_any_text(values):
    assert read_by_sh(shell(values), list(values)) == values


@given(found)
def test_python_dotenv_and_our_own_reader_read_back_any_text(values):
    text = render("dotenv", values)
    assert read_by_python_dotenv(text) == values
    assert ours.parse(text.encode(), max_bytes=10_000) == values


@given(found)
def test_dockers_env_file_holds_what_it_can_and_the_rest_is_refused(values):
    if any("\n" in value or value.endswith("\r") for value in values.values()):
        with pytest.raises(UsageError, match="holds a line break"):
            docker_env(values)
    else:
        assert read_by_docker(docker_env(values)) == values


@given(found)
def test_github_reads_back_any_text_over_several_lines_too(values):
    assert read_by_github(github(values)) == values


def test_the_mark_of_a_github_value_is_never_a_line_of_it():
    from mgov.formats.variables import _mark

    mark = _mark("a\nb")
    assert mark not in f"a\nb\n{_mark(f'a{chr(10)}{mark}')}".split("\n")
    assert read_by_github(github({"X": f"a\n{mark}\nb"})) == {"X": f"a\n{mark}\nb"}


def test_a_line_too_long_for_docker_is_refused():
    with pytest.raises(UsageError, match="longer than a line"):
        docker_env({"X": "y" * 65536})


def test_names_are_the_parts_in_upper_case_and_values_that_are_no_text_are_json():
    values = {"db": {"max-open": 5, "on": True}, "9x": 1.5, "hosts": ["a", {"b": 1}], "none": {}}
    assert variables(values) == {
        "DB_MAX_OPEN": "5", "DB_ON": "true", "_9X": "1.5", "HOSTS": json.dumps(["a", {"b": 1}], separators=(",", ":")),
    }  # fmt: skip
    assert variables({"port": 1}, above=("db",), prefix="orders_") == {"ORDERS_DB_PORT": "1"}
    assert variable_name(("订单", "x")) == "___X"
    with pytest.raises(UsageError, match="has no letter or digit"):
        variables({"订单": 1})


def test_two_keys_of_one_name_are_refused_and_both_named():
    with pytest.raises(UsageError, match=r"a\.b and a-b would both be the variable A_B"):
        variables({"a": {"b": 1}, "a-b": 2})


@pytest.mark.parametrize("prefix", ["1", "a b", "x=", "ü"])
def test_a_prefix_that_begins_no_name_is_refused(prefix):
    with pytest.raises(UsageError, match="cannot begin"):
        variables({"a": 1}, prefix=prefix)


@pytest.mark.parametrize(
    "text",
    ["A=1\n", "export A=1", "# c\n\nA = spaced \n", "A='x # y' # c\n", 'A="l1\nl2"\nB=2', "A=a #c", "A=a#c", "A=\n",
     "A='it\\'s'", 'A="\\t\\n\\"\\q"', "A='\\n'", "A=$HOME", "\r\nA=1\r\nB=2\r\n", "A=#c", "A.B=1", "A='x'\n\nB=y"],
)  # fmt: skip
def test_env_files_are_read_as_python_dotenv_reads_them(text):
    assert ours.parse(text.encode(), max_bytes=1000) == read_by_python_dotenv(text)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"A=1\nnonsense", "env:2:1: 'nonsense' is not NAME=VALUE"), (b"A='open\n\n", "env:1:1: a quote is not closed"),
     (b"A='x'y", "env:1:1: more text stands behind"), (b"a b=1", "not NAME=VALUE"), (b"=1", "not NAME=VALUE"),
     (b"\xef\xbb\xbfA=1", "byte order mark"), (b"A=\xff", "UTF-8"), (b"AB=12\0", "NUL"), (b"A" * 2000, "at most 1000")],
)  # fmt: skip
def test_what_is_no_env_file_is_refused_with_its_line(data, words):
    with pytest.raises(Malformed) as caught:
        ours.parse(data, max_bytes=1000)
    assert words in caught.value.at("env")


@pytest.mark.parametrize("key", [
    "path", "ld.preload", "LD_LIBRARY_PATH", "LD_PRELOAD_64", "dyld.insert-libraries", "bash.env", "prompt-command",
])  # fmt: skip
def test_what_programs_are_found_by_is_set_for_no_shell_and_no_command(key):
    found = variables(with_settings({}, {parse_key(key): "/x"}))
    for use in (for_commands, shell):
        with pytest.raises(UsageError, match="by which the system finds what is run"):
            use(found)
    assert docker_env(found) == f"{variable_name(parse_key(key))}=/x\n"
    assert for_commands(variables({"path": "/x", "ld": {"a": 1}}, prefix="app_"))
    assert for_commands(variables({"db": {"path": "/x"}, "ldap": 1, "paths": 2, "env": "prod"}))
    assert for_commands(variables({"ld": {"sdk-key": "env:LD_SDK_KEY"}})), "LaunchDarkly's, say, is no loader's"
