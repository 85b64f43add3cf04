"""Exit statuses and error lines: the whole of stdout and stderr."""

import json
import signal

import pytest

from mgov import errors

pytestmark = pytest.mark.usefixtures("fake_tree")


def _classes(base=errors.MgovError):
    return [c for sub in base.__subclasses__() if sub.__module__ == "mgov.errors" for c in (sub, *_classes(sub))]


def test_every_error_has_its_own_code_and_a_documented_status():
    classes = _classes()
    codes = [c.code for c in classes]
    assert len(set(codes)) == len(codes)
    lines = [line.split() for line in errors.__doc__.splitlines()]
    for c in classes:
        assert str(c.exit_status) in {status for key in errors.EXIT_MEANINGS for status in key.split("/")}
        assert any(c.__name__ in words and c.code in words and str(c.exit_status) in words for words in lines), c


def test_an_error_is_one_line_and_a_hint_with_foreign_text_made_visible(run):
    assert run("fail", "missing") == (3, "", "mgov: no service \\x1b[2J\\nwipe\nhint: mgov services\n")


def test_an_error_without_a_hint_is_one_line(run):
    assert run("fail", "conflict") == (4, "", "mgov: lost\n")


@pytest.mark.parametrize("where", [("-o", "json", "fail", "missing"), ("fail", "missing", "--output=json")])
def test_with_json_output_an_error_is_one_json_object_on_stderr(run, where):
    code, out, err = run(*where)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert json.loads(err) == {
        "error": {"code": "not-found", "message": "no service \x1b[2J\nwipe", "hint": "mgov services"}
    }


def test_a_usage_error_after_the_verb_is_json_too_when_json_was_asked_for(run):
    code, out, err = run("ls", "--limt", "3", "-o", "json")
    assert (code, out) == (2, "")
    assert json.loads(err)["error"] == {
        "code": "usage", "message": "no such option: --limt", "hint": "did you mean --limit?"
    }


def test_a_bug_is_one_line_with_status_70_and_no_traceback(run):
    assert run("fail", "bug") == (
        70, "", "mgov: this is a bug in mgov: ValueError: unforeseen 7\n"
                "hint: run it again with --debug and report what it prints\n")


@pytest.mark.parametrize("argv", [("--debug", "fail", "bug"), ("fail", "bug", "--debug")])
def test_debug_shows_the_traceback_without_local_values(run, argv):
    code, out, err = run(*argv)
    assert (code, out) == (70, "")
    assert err.startswith("Traceback (most recent call last):\n")
    assert "hunter2\n" not in err.replace('secret = "hunter2"', "")
    assert err.endswith("mgov: this is a bug in mgov: ValueError: unforeseen 7\n"
                        "hint: run it again with --debug and report what it prints\n")


def test_too_little_memory_is_said_in_the_store_class(run):
    assert run("fail", "memory") == (8, "", "mgov: not enough memory\nhint: nothing was changed; ask for less\n")


def test_an_interrupt_is_130_and_silent(run):
    assert run("fail", "interrupt") == (130, "", "")


def test_sigterm_unwinds_and_gives_143(run, monkeypatch):
    import fake_topic

    monkeypatch.setattr(fake_topic, "NotFound", lambda *a, **k: signal.raise_signal(signal.SIGTERM) or KeyError())
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert run("fail", "missing") == (143, "", "")
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("argv", "line", "hint"), [
    (("lss",), "no such command: lss", "did you mean: mgov ls"),
    (("zzzz",), "no such command: zzzz", "mgov --help"),
    (("open",), "no such command: open", "did you mean: mgov box open"),
    (("box", "brun"), "no such command: box brun", "did you mean: mgov box burn"),
    (("ls", "--colum", "name"), "no such option: --colum", "did you mean --columns?"),
    (("ls", "--json"), "no such option: --json", "did you mean -o json?"),
    (("ls", "--format", "csv"), "no such option: --format", "did you mean --output?"),
    (("ls", "--for", "5m"), "no such option: --for", "mgov ls --help"),
    (("apply", "fleet.toml"), "missing option -f / --file", "mgov apply -f fleet.toml"),
    (("-rf", "ls"), "no such option: -r", "mgov --help"),
    (("ls", "-o", "jsn"), "unknown output format: jsn",
     "did you mean json? one of table, wide, plain, json, jsonl, csv, name, url"),
    (("ls", "--columns", "nam"), "unknown column: nam", "did you mean name? one of name, note, port, tags"),
    (("ls", "--color", "blue"), "unknown --color blue", "one of auto, always, never"),
    (("ls", "a", "b"), "unexpected argument: b", "mgov ls --help"),
    (("guard", "a", "b"), "unexpected argument: b", "mgov guard [OPTIONS] NAME [-- COMMAND]"),
    (("guard",), "missing argument NAME", "mgov guard [OPTIONS] NAME [-- COMMAND]"),
    (("ls", "--", "rm"), "mgov ls takes no command after --", "mgov ls --help"),
    (("ls", "--deadline", "5"), "'5' is not a duration", "5s"),
    (("ls", "-S"), "option '-S' requires an argument", "mgov ls --help"),
    (("help", "exit-code"), "no such topic: exit-code", "did you mean: mgov help exit-codes"),
    (("completion", "fsh"), "unknown shell: fsh", "did you mean fish?"),
    (("--output", "yaml", "version"), "unknown output format: yaml",
     "one of table, wide, plain, json, jsonl, csv, name"),
])
def test_what_is_typed_slightly_wrong_is_refused_with_a_suggestion(run, argv, line, hint):
    assert run(*argv) == (2, "", f"mgov: {line}\nhint: {hint}\n")


def test_a_value_of_the_wrong_type_is_refused_in_one_line(run):
    code, out, err = run("ls", "--limit", "many")
    assert (code, out) == (2, "")
    assert err.startswith("mgov: invalid value for '--limit': 'many' is not a valid int")
    assert err.endswith("\nhint: mgov ls --help\n")
    assert err.count("\n") == 2
