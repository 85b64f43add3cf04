"""limit list, show, set, take, reset, as a person and a script use them."""

import json
import re

import pytest


@pytest.fixture
def mgov(run, tmp_path):
    """Run a command on a store with `orders`, of which two an hour may be called."""
    store = str(tmp_path / "store")
    assert run("init", store).code == 0

    def act(*argv, **options):
        return run(*argv, "-S", store, **options) if "--" not in argv else run("-S", store, *argv, **options)

    assert act("register", "orders").code == 0
    assert act("limit", "set", "orders", "2/1h").out == "changed\torders\t2/1h\t2\t2\n"
    return act


def test_setting_says_changed_or_unchanged_and_off_ends_it(mgov):
    assert mgov("limit", "set", "orders", "2/1h") == (0, "unchanged\torders\t2/1h\t2\t2\n", "")
    assert mgov("limit", "set", "orders", "100/1m", "--burst", "20") == (0, "changed\torders\t100/1m\t20\t3\n", "")
    assert json.loads(mgov("limit", "set", "orders", "off", "-o", "json").out) == {
        "action": "changed", "name": "orders", "rate": None, "burst": None, "revision": "4"}
    assert mgov("limit", "set", "orders", "off") == (0, "unchanged\torders\t\t\t4\n", "")
    assert mgov("limit", "take", "orders") == (
        3, "", "mgov: orders has no limit\nhint: mgov limit set orders 100/1m --burst 20\n")


@pytest.mark.parametrize(("argv", "error"), [
    (("set", "orders", "fast"), "mgov: 'fast' is not a rate\nhint: write it like 100/1m or 5/s\n"),
    (("set", "orders", "off", "--burst", "3"),
     "mgov: --burst belongs to a rate\nhint: mgov limit set orders 100/1m --burst 3\n"),
    (("set", "orders", "5/1s", "--burst", "0"), "mgov: burst must be from 1 to 1000000000, not 0\n"),
    (("take", "orders", "--count", "3"),
     "mgov: 3 of orders can never pass at once: its burst is 2\n"
     "hint: take fewer, or: mgov limit set orders 2/1h --burst 3\n"),
    (("take", "orders", "--count", "0"), "mgov: one takes at least 1, not 0\n"),
    (("take", "orders:"), "mgov: 'orders:' ends in a colon\nhint: orders, or orders:CLIENT\n"),
    (("take", "orders", "--wait", "5"), "mgov: '5' is not a duration\nhint: 5s\n"),
    (("take", "orders", "--dry-run", "--wait", "5s"),
     "mgov: --dry-run does not wait: it says how long --wait would have to be\n"),
    (("reset", "orders:a", "--all"),
     "mgov: --all goes with a limit's name alone\nhint: mgov limit reset orders --all\n"),
])
def test_what_cannot_be_is_a_usage_error_with_the_way_out(mgov, argv, error):
    assert mgov("limit", *argv) == (2, "", error)


@pytest.mark.parametrize("argv", [("set", "ordres", "1/1s"), ("take", "ordres:a"), ("show", "ordres"),
                                  ("reset", "ordres")])
def test_a_limit_of_nobody_is_not_found_with_a_suggestion(mgov, argv):
    assert mgov("limit", *argv) == (3, "", "mgov: no service ordres\nhint: did you mean orders?\n")
    assert mgov("limit", argv[0], "payments", *argv[2:]) == (
        3, "", "mgov: no service payments\nhint: mgov register payments\n")


def test_a_take_passes_until_nothing_is_left_and_then_says_the_wait(mgov):
    assert mgov("limit", "take", "orders:client-7") == (0, "orders:client-7\tyes\t1\t0\n", "")
    assert mgov("limit", "take", "orders:client-7").out == "orders:client-7\tyes\t0\t0\n"
    refused = mgov("limit", "take", "orders:client-7")
    assert refused.code == 6
    assert re.fullmatch(r"orders:client-7\tno\t0\t1799\.\d+\n", refused.out)
    assert re.fullmatch(
        r"mgov: orders:client-7 is over its limit of 2/1h: one is free in (29m59\.\d+s)\n"
        r"hint: wait for it with --wait \1\n", refused.err)


def test_a_script_reads_json_on_stdout_and_the_error_on_stderr(mgov):
    assert json.loads(mgov("limit", "take", "orders", "--count", "2", "-o", "json").out) == {
        "key": "orders", "allowed": True, "remaining": 0, "retry_after_s": 0.0}
    refused = mgov("limit", "take", "orders", "-o", "json")
    answer = json.loads(refused.out)
    assert (answer["allowed"], answer["remaining"], 1799 < answer["retry_after_s"] < 1800) == (False, 0, True)
    assert json.loads(refused.err)["error"]["code"] == "rate-limited"


def test_a_wait_that_cannot_succeed_is_a_timeout_at_once(mgov):
    mgov("limit", "take", "orders", "--count", "2")
    late = mgov("limit", "take", "orders", "--wait", "1m", "-q")
    assert late.code == 5
    assert re.fullmatch(
        r"mgov: orders is over its limit of 2/1h: one is free in 29m59\.\d+s, which 1m of waiting does not reach\n"
        r"hint: mgov limit show orders\n", late.err)


def test_a_wait_that_is_long_enough_passes(mgov):
    mgov("limit", "set", "orders", "100/1s", "--burst", "1")
    assert [mgov("limit", "take", "orders", "--wait", "5s").code for _ in range(5)] == [0] * 5


def test_a_dry_run_takes_nothing_and_runs_nothing(mgov, tmp_path):
    touched = tmp_path / "touched"
    for _ in range(3):
        assert mgov("limit", "take", "orders", "--dry-run", "--", "touch", str(touched)) == (
            0, "orders\tyes\t1\t0\n", "")
    assert not touched.exists()


def test_a_command_runs_when_the_take_passes_and_its_status_is_returned(mgov, tmp_path):
    counted = tmp_path / "counted"
    for status in (4, 0):
        assert mgov("limit", "take", "orders", "--", "sh", "-c", f"echo x >> {counted}; exit {status}") == (
            status, "", f"child exited {status}\n")
    refused = mgov("limit", "take", "orders", "--", "sh", "-c", f"echo x >> {counted}")
    assert (refused.code, refused.out, counted.read_text()) == (6, "", "x\nx\n")


def test_list_shows_each_limit_with_what_is_left(mgov):
    mgov("register", "mail")
    mgov("register", "free")
    mgov("limit", "set", "mail", "5/s")
    assert mgov("limit", "list") == (0, "mail\t5/1s\t5\t5\t0\norders\t2/1h\t2\t2\t0\n", "")
    assert json.loads(mgov("limit", "list", "ma*", "-o", "json").out) == [
        {"key": "mail", "rate": "5/1s", "burst": 5, "remaining": 5, "full_after_s": 0.0}]
    assert mgov("limit", "list", "x*", "-o", "json").out == "[]\n"


def test_show_names_the_keys_with_the_least_left(mgov):
    mgov("limit", "take", "orders:a")
    mgov("limit", "take", "orders:b", "--count", "2")
    shown = mgov("limit", "show", "orders")
    assert (shown.code, shown.err) == (0, "")
    assert re.sub(r"\d+m[\d.]+s", "WAIT", shown.out) == (
        "key\torders\nrate\t2/1h\nburst\t2\nremaining\t2\nfull after\tnow\nkeys below burst\t2\n"
        "key\torders:b  0 left, full after WAIT\nkey\torders:a  1 left, full after WAIT\n")
    one = json.loads(mgov("limit", "show", "orders:b", "-o", "json").out)
    assert (one["key"], one["remaining"], "keys" in one) == ("orders:b", 0, False)
    document = json.loads(mgov("limit", "show", "orders", "-o", "json").out)
    assert (document["key_count"], [key["key"] for key in document["keys"]]) == (2, ["orders:b", "orders:a"])


def test_reset_gives_a_key_back_or_all_of_them(mgov):
    for key in ("orders:a", "orders:b"):
        mgov("limit", "take", key, "--count", "2")
    assert mgov("limit", "reset", "orders:a") == (0, "changed\torders:a\t1\n", "")
    assert mgov("limit", "reset", "orders:a") == (0, "unchanged\torders:a\t0\n", "")
    assert mgov("limit", "reset", "orders", "--all") == (0, "changed\torders\t1\n", "")
    assert mgov("limit", "take", "orders:b").code == 0


def test_the_limit_stands_in_what_shows_and_exports_the_service(mgov, tmp_path):
    assert mgov("show", "orders") == (0, "name\torders\nlimit\t2/1h, burst 2\nrevision\t2\n", "")
    assert json.loads(mgov("show", "orders", "-o", "json").out)["limit"] == {"rate": "2/1h", "burst": 2}
    manifest = tmp_path / "fleet.toml"
    manifest.write_text(mgov("export").out)
    assert 'rate = "2/1h"' in manifest.read_text()
    assert mgov("diff", "-f", str(manifest)).code == 0
    mgov("limit", "set", "orders", "3/1h")
    assert mgov("diff", "-f", str(manifest)).code == 1


@pytest.mark.parametrize(("line", "error"), [
    ('rate = "5/1s"\nbrust = 2', "limit: a limit has no key 'brust'"),
    ('rate = 5', "limit: rate must be text in quotes, not 5"),
    ('burst = 5', "limit: rate is missing"),
])
def test_a_manifest_with_a_wrong_limit_is_refused_naming_the_key(mgov, tmp_path, line, error):
    manifest = tmp_path / "fleet.toml"
    manifest.write_text(f"[services.orders.limit]\n{line}\n")
    refused = mgov("apply", "-f", str(manifest))
    assert (refused.code, error in refused.err) == (2, True)


def test_a_foreign_key_reaches_no_terminal_raw(mgov):
    mgov("limit", "take", "orders:[red]\u202e\u200b")
    assert "orders:[red]\\u202e" in mgov("limit", "show", "orders", tty=True).out
