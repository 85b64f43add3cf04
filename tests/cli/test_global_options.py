"""Global options before and after the verb, their variables, the child behind --, and confirmation."""

import json
import os

import pytest

pytestmark = pytest.mark.usefixtures("fake_tree")
OPTIONS = ("-S", "/tmp/s", "-y", "-q", "--debug", "--deadline", "1m30s", "-o", "json")
TOLD = {"store": "/tmp/s", "deadline_s": 90.0, "yes": True, "debug": True, "quiet": True}


@pytest.mark.parametrize("argv", [
    (*OPTIONS, "where"), ("where", *OPTIONS), (*OPTIONS[:4], "where", *OPTIONS[4:]),
    (*OPTIONS, "box", "open"), ("box", *OPTIONS, "open"), ("box", "open", *OPTIONS),
])
def test_global_options_mean_the_same_before_and_after_the_verb(run, argv):
    code, out, err = run(*argv)
    assert (code, json.loads(out), err) == (0, TOLD, "")


def test_the_last_one_typed_wins(run):
    assert json.loads(run("-S", "a", "where", "-o", "json", "-S", "b").out)["store"] == "b"


def test_a_flag_beats_its_variable_and_the_variable_beats_the_default(run):
    env = {"MGOV_STORE": "v", "MGOV_OUTPUT": "json", "MGOV_DEADLINE": "2s", "MGOV_YES": "1"}
    told = json.loads(run("where", env=env).out)
    assert (told["store"], told["deadline_s"], told["yes"]) == ("v", 2.0, True)
    assert json.loads(run("-S", "f", "where", env=env).out)["store"] == "f"
    assert run("where", "-o", "name", env=env).out.startswith("store\n")


def test_an_output_variable_that_a_command_lacks_is_passed_over_but_an_unknown_one_is_refused(run):
    assert run("completion", "bash", env={"MGOV_OUTPUT": "csv"}).code == 0
    assert run("where", env={"MGOV_OUTPUT": "yaml"}).code == 2


def test_an_option_value_that_looks_like_an_option_stays_a_value(run):
    assert json.loads(run("where", "-o", "json", "-S", "--debug").out)["store"] == "--debug"
    assert json.loads(run("where", "-o", "json", "-S", "--debug").out)["debug"] is False


def test_everything_behind_the_first_double_dash_is_the_childs(run):
    assert run("guard", "orders", "--", "sh", "-o", "json", "--", "x").out == "orders ['sh', '-o', 'json', '--', 'x']\n"
    assert run("guard", "orders").out == "orders []\n"


def test_a_destructive_command_asks_on_a_terminal(run):
    assert run("wipe", input="y\n", tty=True) == (0, "", "Delete all? [y/N] ")
    assert run("wipe", input="\n", tty=True).code == 1
    assert run("wipe", input="", tty=True).code == 1


def test_a_destructive_command_without_a_terminal_needs_yes(run):
    assert run("wipe") == (
        2, "", "mgov: Delete all? nobody can be asked here\nhint: add --yes, or look first with --dry-run\n")
    assert run("wipe", "--yes").code == 0


def test_a_hot_verb_answers_without_typer_and_falls_to_it_when_it_does_not_know(run, monkeypatch):
    import fake_topic

    from mgov.cli import tree

    monkeypatch.setattr(fake_topic, "quick", lambda argv, out: out.show("quick") if argv == ["where"] else None,
                        raising=False)
    monkeypatch.setattr(tree, "HOT", {"where": "fake_topic:quick"})
    assert run("where") == (0, "quick\n", "")
    assert run("where", "-o", "name").out.startswith("store\n")


def test_within_a_deadline_it_is_the_writer_in_the_way_that_is_named(run, tmp_path):
    run("init", str(tmp_path / "store"))
    from mgov.clock import SystemClock
    from mgov.store.lock import Lock
    from mgov.store.root import open_root

    with Lock(open_root(str(tmp_path / "store")), "intent", clock=SystemClock(), wait_s=5):
        result = run("-S", str(tmp_path / "store"), "--deadline", "300ms", "register", "orders")
    assert (result.code, str(os.getpid()) in result.err) == (5, True)
