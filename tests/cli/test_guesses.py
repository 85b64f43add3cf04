"""Words of other tools, typed where a command stands: each is refused with the command that is meant here."""

import pytest

from mgov.cli import tree
from mgov.cli.guesses import _OF_ONE, _WORDS


@pytest.fixture
def store(run, tmp_path):
    place = str(tmp_path / "store")
    assert run("init", place).code == 0
    assert run("register", "orders", "-S", place).code == 0
    return place


@pytest.mark.parametrize(("typed", "meant"), [
    ("ls", "services"), ("get services", "services"), ("list service", "services"), ("get svc", "services"),
    ("get instances", "instances"), ("list limits", "limit list"), ("get breaker", "breaker list"),
    ("get config", "config get"), ("get orders", "show orders"), ("get -o json", "services"),
    ("describe orders", "show"), ("rm orders", "deregister"), ("unregister orders", "deregister"),
    ("create service x", "register"), ("logs orders", "history"), ("ping orders", "health"),
    ("find orders", "discover"),
    ("config list", "config get"), ("config delete orders k", "config unset"), ("breaker open orders", "breaker trip"),
    ("breaker status", "breaker show"), ("limit check orders", "limit take"), ("store status", "store info"),
    ("import k8s x.yaml", "import kubernetes"), ("graph show", "graph"),
    ("orders", "show orders"), ("breaker orders", "breaker show orders"), ("limit orders", "limit show orders"),
    ("config orders", "config get orders"), ("graph orders", "graph --around orders"),
])  # fmt: skip
def test_a_word_of_another_tool_is_refused_with_what_is_meant(run, store, typed, meant):
    code, out, err = run("-S", store, *typed.split())
    assert (code, out) == (2, "")
    assert err.splitlines()[1] == f"hint: did you mean: mgov {meant}"


def test_a_name_that_is_no_service_is_taken_for_a_typing_mistake(run, store):
    assert run("-S", store, "graph", "ordre").err.endswith("hint: did you mean: mgov graph order\n")
    assert run("-S", store, "breaker", "nobody").err.endswith("hint: mgov breaker --help\n")


def test_help_knows_the_words_of_other_tools_too(run):
    assert run("help", "ls").err == "mgov: no such topic: ls\nhint: did you mean: mgov help services\n"
    assert run("help", "breaker", "open").err.endswith("hint: did you mean: mgov help breaker trip\n")


def test_a_guess_needs_no_store_and_makes_none(run, tmp_path):
    assert run("-S", str(tmp_path / "none"), "ls").err.endswith("hint: did you mean: mgov services\n")
    assert run("list", "nobody").err.endswith("hint: did you mean: mgov show nobody\n")
    assert list(tmp_path.iterdir()) == []


def test_every_guess_leads_to_a_command_and_hides_none():
    for group, path, words in _WORDS:
        assert tree.find(path), path
        for word in words.split():
            assert tree.find(f"{group} {word}".strip()) is None, (group, word)
    assert all(tree.find(asked.split(" --")[0]) for asked in _OF_ONE.values())


def test_a_word_is_one_guess_in_its_group():
    listed = [(group, word) for group, _, words in _WORDS for word in words.split()]
    assert len(listed) == len(set(listed))
