"""history, undo."""

import json
from pathlib import Path

import pytest

URL = "http://127.0.0.1:8080"
ID = "127.0.0.1-8080"


@pytest.fixture
def mgov(run, store):
    """Run a command on a fresh store."""
    assert run("init", str(store)).code == 0

    def call(*argv, by="tester", env=None, **options):
        return run(*argv, "-S", str(store), env={"MGOV_ACTOR": by, **(env or {})}, **options)

    return call


def columns(result, *picked):
    """Some columns of plain rows, by their place."""
    return [tuple(line.split("\t")[place] for place in picked) for line in result.out.splitlines()]


def test_the_history_says_what_was_changed_when_and_by_whom_newest_last(mgov):
    mgov("register", "orders", URL)
    mgov("maintenance", "orders", "--reason", "disk", by="bob")
    found = mgov("history")
    assert (found.code, found.err) == (0, "")
    assert columns(found, 0, 2, 3, 4, 5, 6) == [
        ("1", "tester", "created", "service/orders", "register", ""),
        ("2", "tester", "created", f"instance/orders/{ID}", "register", ""),
        ("3", "bob", "created", "maintenance/orders", "maintenance", ""),
    ]
    newest = json.loads(mgov("history", "-o", "json").out)[-1]
    assert newest.pop("at").endswith("Z")
    assert newest == {"revision": "3", "key": "maintenance/orders", "action": "created", "operation": "maintenance",
                      "author": "bob", "message": "", "commit": "3"}
    assert mgov("history", "-o", "name").out == "1\n2\n3\n"
    assert mgov("history", "-o", "csv", "--columns", "revision,key").out.split("\r\n")[:2] == [
        "revision,key", "1,service/orders"]


def test_a_table_shows_ages(mgov):
    mgov("register", "orders")
    lines = mgov("history", tty=True, env={"TERM": "dumb", "COLUMNS": "120"}).out.splitlines()
    assert lines[0].split() == ["REVISION", "AT", "AUTHOR", "ACTION", "KEY", "OPERATION", "MESSAGE"]
    assert lines[1].split()[2:] == ["ago", "tester", "created", "service/orders", "register", "-"]


def test_the_newest_twenty_are_shown_unless_told(mgov):
    for number in range(25):
        mgov("register", "orders", "--owner", str(number))
    found = mgov("history")
    assert (len(found.out.splitlines()), found.err) == (20, "the newest 20; --limit 0 shows all\n")
    assert columns(found, 0)[-1] == ("25",)
    assert columns(mgov("history", "--limit", "2"), 0) == [("24",), ("25",)]
    for every in (("--limit", "0"), ("--since", "0"), ("--since", "1h"), ("--since", "2020-01-02T03:04:05Z")):
        found = mgov("history", *every)
        assert (len(found.out.splitlines()), found.err) == (25, "")
    assert columns(mgov("history", "--since", "23"), 0) == [("24",), ("25",)]


def test_filters_and_keys_pick_changes(mgov):
    mgov("register", "orders", URL)
    mgov("register", "users", by="bob")
    assert columns(mgov("history", "--author", "bob"), 0) == [("3",)]
    assert columns(mgov("history", "--service", "orders"), 0) == columns(mgov("history", "orders"), 0)
    assert columns(mgov("history", f"orders/{ID}"), 0) == [("2",)]
    assert columns(mgov("history", "service/users", "--author", "bob"), 0) == [("3",)]
    assert mgov("history", "--author", "eve") == (0, "", "no changes\n")
    assert mgov("history", "--author", "eve", "-o", "json").out == "[]\n"
    assert mgov("history", "order") == (3, "", "mgov: no change of order is kept\nhint: did you mean orders?\n")
    assert mgov("history", "orders", "--service", "users") == (
        2, "", "mgov: name one of the two, the key or --service\n")


@pytest.mark.parametrize(("since", "said"), [
    ("soon", "mgov: 'soon' is not a duration"), ("2020-13-01", "mgov: '2020-13-01' is not an RFC 3339 time"),
    ("-1", "mgov: '-1' is not a duration"), ("", "mgov: '' is not a duration"),
])  # fmt: skip
@pytest.mark.parametrize("verb", ["history", "undo"])
def test_what_since_cannot_be_is_refused(mgov, verb, since, said):
    found = mgov(verb, f"--since={since}")
    assert (found.code, found.out, found.err.splitlines()[0]) == (2, "", said)


def test_diff_shows_what_each_change_did(mgov):
    mgov("register", "orders", "--owner", "shop", "--tag", "a")
    mgov("register", "orders", "--owner", "", "--tag", "a", "--tag", "b", "--depends-on", "mail:async")
    mgov("maintenance", "orders", "--reason", "disk")
    mgov("deregister", "orders", "--all", "--yes")
    rows = [row[0] for row in columns(mgov("history", "service/orders", "--diff"), 7)]
    assert rows == [
        "origin: register; owner: shop; tags: a",
        'dependencies: - -> [{"name": "mail", "type": "asynchronous"}]; owner: shop -> -; tags: a -> a,b',
        'dependencies: [{"name": "mail", "type": "asynchronous"}]; origin: register; tags: a,b',
    ]
    first, held, *_ = json.loads(mgov("history", "--diff", "--limit", "5", "-o", "json").out)[1:3]
    assert first["fields"]["owner"] == {"from": "shop", "to": None}
    assert held["fields"]["reason"] == {"from": None, "to": "disk"}
    assert held["fields"]["since"]["to"].endswith("Z")


def test_what_is_no_longer_kept_is_said_in_the_diff(mgov):
    for number in range(22):
        mgov("register", "orders", "--owner", str(number))
    found = mgov("history", "orders", "--diff", "--limit", "0")
    assert columns(found, 0, 7)[:4] == [
        ("1", "no longer kept"), ("2", "no longer kept"), ("3", "no longer kept"), ("4", "owner: 2 -> 3")]
    assert json.loads(mgov("history", "orders", "--diff", "--limit", "0", "-o", "json").out)[0]["fields"] is None
    assert mgov("undo", "--since", "1", "--yes") == (
        3, "", "mgov: what service/orders was before revision 2 is no longer kept: a file has 20 copies at most\n"
        "hint: mgov history service/orders --diff\n")


def test_the_newest_change_is_taken_back_and_brought_back(mgov):
    mgov("register", "orders", URL)
    mgov("register", "orders", "--owner", "shop")
    assert mgov("undo", "--yes") == (
        0, "changed\torders\t\towner\t3\t4\n",
        "took back revision 3 (register by tester); mgov undo brings it back\n")
    assert json.loads(mgov("show", "orders", "-o", "json").out)["owner"] == ""
    assert mgov("undo", "--yes").out == "changed\torders\t\towner\t4\t5\n"
    assert json.loads(mgov("show", "orders", "-o", "json").out)["owner"] == "shop"


def test_a_dry_run_and_a_question_without_a_terminal_change_nothing(mgov):
    mgov("register", "orders", URL)
    before = mgov("history").out
    assert mgov("undo", "--dry-run") == (
        0, f"removed\torders\t\t\t1\t\nremoved\torders\t{ID}\t\t2\t\n",
        "would take back 2 changes, revisions 1 to 2 (register by tester) (--dry-run: nothing was changed)\n")
    assert mgov("undo") == (
        2, "", "mgov: Take back 2 changes, revisions 1 to 2 (register by tester)? nobody can be asked here\n"
        "hint: add --yes, or look first with --dry-run\n")
    assert mgov("history").out == before


def test_on_a_terminal_it_shows_what_it_will_do_and_asks(mgov):
    mgov("register", "orders", URL, "--weight", "2")
    mgov("register", "orders", URL, "--weight", "3")
    asked = mgov("undo", tty=True, input="n\n", env={"TERM": "dumb"})
    assert (asked.code, asked.out, asked.err) == (
        1, "", f"set back instance/orders/{ID}: weight\n"
        "Take back revision 3 (register by tester)? [y/N] nothing was changed\n")
    agreed = mgov("undo", tty=True, input="y\n", env={"TERM": "dumb"})
    assert agreed.code == 0
    assert agreed.out.splitlines()[1].split() == ["changed", "orders", ID, "weight", "3", "4"]


def test_many_are_listed_in_part_before_the_question(mgov, tmp_path):
    manifest = tmp_path / "fleet.json"
    manifest.write_text(json.dumps({"services": {f"s{n:02}": {} for n in range(14)}}))
    mgov("apply", "-f", str(manifest))
    asked = mgov("undo", tty=True, input="\n", env={"TERM": "dumb"}).err.splitlines()
    assert asked[:2] == ["remove service/s00", "remove service/s01"]
    assert asked[10] == "and 4 more: --dry-run lists them"
    assert asked[11].startswith("Take back 14 changes, revisions 1 to 14 (apply by tester)? [y/N] ")


def test_undo_in_json_says_what_each_field_was_and_becomes(mgov):
    mgov("register", "orders", "--owner", "shop")
    mgov("register", "orders", "--owner", "other")
    (done,) = json.loads(mgov("undo", "--yes", "-o", "json").out)
    assert done == {"action": "changed", "service": "orders", "instance": None, "key": "service/orders",
                    "takes_back": "2", "revision": "3", "fields": {"owner": {"from": "other", "to": "shop"}}}
    assert mgov("undo", "--dry-run", "-o", "name").out == "orders\n"


def test_since_takes_all_back_and_refuses_to_cut_what_was_written_together(mgov):
    mgov("register", "orders", URL)
    mgov("register", "users")
    assert mgov("undo", "--since", "1", "--yes") == (
        4, "", "mgov: revision 1 is in the middle of what was written together, 1 to 2\n"
        "hint: --since 0 takes all of it back, --since 2 none of it\n")
    assert mgov("undo", "--since", "2", "--yes").out == "removed\tusers\t\t\t3\t\n"
    assert mgov("undo", "--since", "0", "--yes").code == 0
    assert mgov("services").out == ""


def test_a_change_and_its_undo_since_a_revision_come_to_nothing(mgov):
    mgov("register", "orders")
    mgov("undo", "--yes")
    assert mgov("undo", "--since", "0", "--yes") == (0, "", "everything is as it was before already\n")
    assert len(mgov("history").out.splitlines()) == 2


def test_what_stands_in_the_way_is_named(mgov):
    assert mgov("undo", "--yes") == (3, "", "mgov: there is no change to take back\nhint: mgov history\n")
    mgov("register", "orders", "--owner", "shop")
    assert mgov("undo", "--mine", "--yes", by="bob").err.startswith("mgov: there is no change of bob to take back\n")
    mgov("register", "orders", "--owner", "bob", by="bob")
    assert mgov("undo", "--mine", "--yes") == (
        4, "", "mgov: service/orders was changed again: revision 2 (register by bob) came after "
        "revision 1 (register by tester)\nhint: mgov history service/orders --diff\n")
    refused = mgov("undo", "--mine", "--yes", "-o", "json")
    assert json.loads(refused.err)["error"]["code"] == "conflict"


def test_a_hand_edit_that_no_write_has_seen_is_taken_in_first(mgov, store: Path):
    mgov("register", "orders", "--owner", "shop")
    (store / "services" / "orders.toml").write_text("# mine\nowner = 'hand'\n")
    assert mgov("undo", "--yes") == (
        4, "", "mgov: service/orders was changed after revision 1, by hand or just now\n"
        "hint: mgov register orders takes a hand edit into the history; then repeat\n")
    mgov("register", "orders")
    assert columns(mgov("history", "--diff"), 3, 5, 7)[1] == (
        "adopted", "hand edit", "origin: register -> -; owner: shop -> hand")
    assert mgov("undo", "--yes").out == "changed\torders\t\torigin, owner\t2\t3\n"
    assert json.loads(mgov("show", "orders", "-o", "json").out)["owner"] == "shop"


def test_a_configuration_is_taken_back_without_showing_its_values(mgov):
    mgov("config", "set", "orders", "-e", "prod", "a=1")
    mgov("config", "set", "orders", "-e", "prod", "--plain", "password=hush")
    (planned,) = json.loads(mgov("undo", "--dry-run", "-o", "json").out)
    assert planned["fields"] == {"prod": {"from": 2, "to": 1}}
    done = mgov("undo", "--yes")
    assert (done.code, done.out) == (0, "changed\torders\t\tconfiguration prod\t2\t3\n")
    assert mgov("config", "get", "orders", "-e", "prod", "-o", "json").out == '{\n  "a": 1\n}\n'
    assert "hush" not in mgov("history", "config/orders", "--diff").out + mgov("undo", "--yes", "-o", "json").out


def test_foreign_text_is_shown_as_text(mgov):
    mgov("register", "orders", "--title", "\x1b[31mred", by="\x1b]0;x\x07ann")
    shown = mgov("history", "--diff", tty=True, env={"TERM": "dumb", "COLUMNS": "200"})
    assert "\x1b" not in shown.out
    assert "\\x1b[31mred" in shown.out
    assert "\x1b" not in mgov("undo", "--dry-run").err


def test_the_policy_has_a_history_and_an_edit_of_it_is_taken_back(mgov, store):
    mgov("register", "policy")                  # a service may have that name too
    (store / "policy.toml").write_text("[audit.weights]\ncycle = 0\n")
    mgov("register", "orders")
    assert columns(mgov("history", "policy", "--diff"), 0, 3, 4, 5, 7) == [
        ("1", "created", "service/policy", "register", "origin: register"),
        ("2", "created", "policy", "hand edit", 'audit: {"weights": {"cycle": 0}}'),
    ]
    taken = mgov("undo", "--since", "1", "--yes")
    assert columns(taken, 0, 1, 4) == [("removed", "policy", "2"), ("removed", "orders", "3")]
    assert not (store / "policy.toml").exists()
    again = json.loads(mgov("undo", "--yes", "-o", "json").out)
    assert [(one["action"], one["service"], one["key"]) for one in again] == [
        ("created", None, "policy"), ("created", "orders", "service/orders")]


def test_a_policy_that_nobody_ever_made_has_no_history(mgov):
    mgov("register", "orders")
    assert mgov("history", "policy") == (
        3, "", "mgov: no change of policy is kept\nhint: mgov history shows all there are\n")


def test_what_was_changed_is_told_also_where_the_policy_was_spoilt_since(mgov, store):
    (store / "policy.toml").write_text("[audit.weights]\ncycle = 0\n")
    mgov("register", "orders")
    (store / "policy.toml").write_text("[audit")
    assert columns(mgov("history", "--diff"), 3, 4, 7) == [
        ("adopted", "policy", "no longer kept"), ("created", "service/orders", "origin: register")]
    (store / "policy.toml").write_text("[audit.weights]\ncycle = 1\n")
    mgov("register", "orders")
    (store / "policy.toml").write_text("[audit")
    assert columns(mgov("history", "policy", "--diff"), 7)[-1] == (
        'audit: {"weights": {"cycle": 0}} -> {"weights": {"cycle": 1}}',)


def test_an_edit_of_the_policy_that_no_write_has_seen_is_named_with_what_takes_it_in(mgov, store):
    mgov("register", "orders")
    (store / "policy.toml").write_text("[audit.weights]\ncycle = 0\n")
    mgov("register", "orders")
    (store / "policy.toml").write_text("[audit.weights]\ncycle = 1\n")
    refused = mgov("undo", "--yes")
    assert (refused.code, refused.err) == (4,
        "mgov: policy was changed after revision 2, by hand or just now\n"
        "hint: mgov register NAME takes a hand edit into the history; then repeat\n")
    mgov("register", "orders")
    assert mgov("undo", "--yes").code == 0
    assert (store / "policy.toml").read_text() == "[audit.weights]\ncycle = 0\n"
