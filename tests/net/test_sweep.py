"""The sweep as a whole: order, bounds, failures of one, names, cancelling (FAULTS.md rows 65, 66, 70, 71)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from mgov.net import probe as probe_module
from mgov.net import sweep as sweep_module
from mgov.net.failure import translate
from mgov.net.sweep import Target, sweep, sweep_now


def test_results_come_in_the_order_of_the_input_on_every_loop(hostile, sweep_on):
    paths = ["/ok", "/503", "/429", "/short-body"] * 20
    seen = sweep_on([Target(hostile.url(path)) for path in paths], concurrency=7)
    expected = {"/ok": ("", 200), "/503": ("", 503), "/429": ("", 429), "/short-body": ("closed", 200)}
    assert [(one.error, one.status_code) for one in seen] == [expected[path] for path in paths]


def test_a_deadline_ends_a_probe_on_every_loop(hostile, sweep_on):
    seen = sweep_on([Target(hostile.url("/silence"), 0.2), Target(hostile.url("/ok"), 30.0)])
    assert [one.error for one in seen] == ["timeout", ""]
    assert seen[0].total_ms >= 200


def test_a_silent_peer_costs_its_deadline_and_nothing_more(silent, virtual_time):
    began_s = virtual_time.now_s
    seen = sweep_now([Target(silent, 0.2), Target(silent, 5.0), Target(silent, 0.7)])
    assert [(one.error, round(one.total_ms)) for one in seen] == [("timeout", 200), ("timeout", 5000), ("timeout", 700)]
    assert virtual_time.now_s - began_s == pytest.approx(5.0)


def test_an_empty_sweep_is_an_empty_list(sweep_on):
    assert sweep_on([]) == []


def test_tcp_needs_only_a_connection_and_a_closed_port_is_refused(hostile, sweep_on, closed_port):
    seen = sweep_on([Target(f"tcp://127.0.0.1:{hostile.port}"), Target(f"tcp://127.0.0.1:{closed_port}")])
    assert [(one.error, one.detail) for one in seen] == [("", ""), ("refused", "connection refused")]
    assert seen[1].address == f"127.0.0.1:{closed_port}"


def test_on_result_is_called_once_per_target_with_what_is_returned(hostile, sweep_on):
    called = {}
    targets = [Target(hostile.url("/ok")), Target(hostile.url("/reset")), Target(hostile.url("/503"))]
    seen = sweep_on(targets, on_result=called.__setitem__)
    assert [called[i] for i in range(3)] == seen


def test_what_on_result_raises_ends_the_sweep_and_reaches_the_caller(hostile, sweep_on):
    def fail(index, seen):
        raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        sweep_on([Target(hostile.url("/ok")), Target(hostile.url("/silence"))], on_result=fail)


def test_an_unforeseen_error_is_recorded_for_its_target_and_the_sweep_completes(hostile, sweep_on, monkeypatch):
    async def explode(target, place, link, seen):
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setitem(probe_module.PROBES, "boom", explode)
    targets = [Target(hostile.url("/ok"))] * 50
    targets[25] = Target("boom://127.0.0.1:1/")
    seen = sweep_on(targets)
    assert (seen[25].error, seen[25].detail) == ("unforeseen", "ZeroDivisionError: nobody foresaw this")
    assert all(one.status_code == 200 for i, one in enumerate(seen) if i != 25)


def test_a_url_that_no_probe_can_take_fails_alone(hostile):
    seen = sweep_now([Target("http://127.0.0.1:99999/"), Target("gopher://127.0.0.1:70/"), Target(hostile.url("/ok"))])
    assert [one.error for one in seen] == ["unforeseen", "unforeseen", ""]
    assert seen[0].detail.startswith("port must be a number from 1 to 65535")


def test_when_all_hang_the_sweep_takes_the_waves_times_the_deadline(silent, virtual_time):
    began_s = virtual_time.now_s
    seen = sweep_now([Target(silent, 0.2)] * 50, concurrency=20)
    assert {one.error for one in seen} == {"timeout"}
    assert virtual_time.now_s - began_s == pytest.approx(3 * 0.2)


def test_silent_peers_widen_the_default_concurrency_by_all_that_are_silent_a_tenth_of_a_second(silent, virtual_time):
    began_s = virtual_time.now_s
    seen = sweep_now([Target(silent, 0.5)] * 600)
    assert {one.error for one in seen} == {"timeout"}
    # 200 at once, 200 more after 0.1 s and again: 200 at a time would take 1.5 s
    assert virtual_time.now_s - began_s == pytest.approx(0.1 + 0.1 + 0.5, abs=0.01)


@pytest.mark.slow
def test_silent_peers_hold_up_less_than_a_fixed_concurrency_on_every_loop(silent, sweep_on):
    targets = [Target(silent, 0.5)] * 600
    began = time.perf_counter()
    seen = sweep_on(targets, concurrency=200)
    fixed_s = time.perf_counter() - began
    seen += sweep_on(targets)
    assert {one.error for one in seen} == {"timeout"}
    assert time.perf_counter() - began - fixed_s < fixed_s * 0.85     # about half, on a machine that has time


def most_at_once(scheme: str, targets: list[Target], monkeypatch: pytest.MonkeyPatch, **options: int) -> int:
    """How many probes of `scheme` ran at once, at most."""
    running, most = 0, 0
    original = probe_module.PROBES[scheme]

    async def counted(target, place, link, seen):
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await original(target, place, link, seen)
        finally:
            running -= 1

    monkeypatch.setitem(probe_module.PROBES, scheme, counted)
    seen = sweep_now(targets, **options)
    assert not [one for one in seen if one.is_local]
    return most


def test_a_running_command_is_counted_with_the_three_descriptors_that_it_holds(silent, monkeypatch):
    monkeypatch.setattr(sweep_module, "allowed_files", lambda wanted: min(wanted, 12))
    commands = [Target("command:sleep 0.05", 30.0)] * 9
    assert most_at_once("command", commands, monkeypatch) == 4
    assert most_at_once("command", commands, monkeypatch, concurrency=3) == 3
    assert most_at_once("http", [Target(silent, 0.1)] * 30, monkeypatch) == 12
    mixed = [*[Target(silent, 0.2)] * 8, *commands]
    assert most_at_once("command", mixed, monkeypatch) <= 4


def test_commands_that_take_their_time_do_not_widen_the_concurrency(monkeypatch):
    monkeypatch.setattr(sweep_module, "DEFAULT_CONCURRENCY", 3)
    assert most_at_once("command", [Target("command:sleep 0.3", 30.0)] * 8, monkeypatch) == 3


@pytest.mark.parametrize("missing", ["command:no-such-plugin-of-mgov", "https://127.0.0.1:{port}/"])
def test_a_file_that_is_missing_here_is_one_targets_result_and_slows_nobody(silent, virtual_time, missing):
    port = silent.rpartition(":")[2].rstrip("/")
    lacking = Target(missing.format(port=port), 0.2, ca_file="/no/such/authority.pem")
    began_s = virtual_time.now_s
    seen = sweep_now([*[Target(silent, 0.2)] * 4, lacking, *[Target(silent, 0.2)] * 16], concurrency=5)
    assert [one.is_local for one in seen] == [index == 4 for index in range(21)]
    assert virtual_time.now_s - began_s == pytest.approx(4 * 0.2)       # four at a time would need a wave more


def test_a_shortage_is_tried_again_when_others_have_given_back_what_they_held(silent, virtual_time, monkeypatch):
    original, failed = probe_module.PROBES["http"], []

    async def short_once(target, place, link, seen):
        if not failed:
            failed.append(target)
            raise translate(OSError(errno.EMFILE, "too many"))
        await original(target, place, link, seen)

    monkeypatch.setitem(probe_module.PROBES, "http", short_once)
    began_s = virtual_time.now_s
    seen = sweep_now([Target(f"grpc{silent[4:]}", 0.2), Target(silent, 0.2), Target(silent, 0.2)], concurrency=3)
    assert ([one.error for one in seen], len(failed)) == (["timeout"] * 3, 1)
    assert virtual_time.now_s - began_s == pytest.approx(3 * 0.2)       # one at a time from then on


def test_never_more_probes_run_at_once_than_asked(hostile, monkeypatch):
    assert most_at_once("http", [Target(hostile.url("/ok"))] * 40, monkeypatch, concurrency=5) == 5


def open_sockets() -> set[str]:
    """The sockets of this process, by their inode: what an earlier test left may close at any time."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return {link for link in found if link.startswith("socket:")}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to count descriptors")
def test_cancelling_a_sweep_closes_every_socket_at_once():
    left_open = []

    async def begin_and_cancel(url):
        before = open_sockets()
        running = asyncio.create_task(sweep([Target(url, 30.0)] * 30))
        for _ in range(5):
            await asyncio.sleep(0)
        while_running = open_sockets() - before
        began = time.perf_counter()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        left_open.append(while_running & open_sockets())
        return len(while_running), time.perf_counter() - began

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:       # its kernel accepts, nobody answers
        opened, took_s = asyncio.run(begin_and_cancel(f"http://127.0.0.1:{listening.getsockname()[1]}/"))
    assert opened >= 30
    assert left_open == [set()]
    assert took_s < 10                  # of the 30 s that each probe has


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0"])
def test_every_spelling_of_an_address_is_recorded_as_the_address_that_was_meant(hostile, host):
    [seen] = sweep_now([Target(hostile.url("/ok", host))])
    assert (seen.error, seen.status_code) == ("", 200)
    assert seen.address == f"{'0.0.0.0' if host == '0' else '127.0.0.1'}:{hostile.port}"


def test_an_ipv4_address_mapped_into_ipv6_is_recorded_as_such(hostile):
    [seen] = sweep_now([Target(hostile.url("/ok", "[::ffff:127.0.0.1]"))])
    if seen.is_local or seen.error == "unreachable":
        pytest.skip(f"no IPv6 here: {seen.detail}")
    assert (seen.status_code, seen.address) == (200, f"[::ffff:127.0.0.1]:{hostile.port}")


def test_a_name_is_resolved_once_however_many_targets_have_it(hostile, sweep_on):
    asked = []

    def resolve(host):
        asked.append(host)
        return ["127.0.0.1"]

    targets = [Target(hostile.url("/ok", f"name-{i % 3}.test")) for i in range(30)]
    seen = sweep_on(targets, resolve=resolve)
    assert all(one.status_code == 200 and one.address == f"127.0.0.1:{hostile.port}" for one in seen)
    assert sorted(asked) == ["name-0.test", "name-1.test", "name-2.test"]
    assert all(one.dns_ms is not None for one in seen)


def test_a_name_that_does_not_exist_is_a_dns_failure():
    def resolve(host):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    [seen] = sweep_now([Target("http://nowhere.test/")], resolve=resolve)
    assert (seen.error, seen.detail) == ("dns", "no such host: nowhere.test")


def test_a_slow_resolver_is_under_the_deadline_and_starves_nobody(hostile, sweep_on):
    free = threading.Event()

    def resolve(host):
        if host.startswith("slow"):
            free.wait(30)           # until all is over
        return ["127.0.0.1"]

    targets = [Target(hostile.url("/ok", f"slow-{i}.test"), 0.2) for i in range(40)]
    targets += [Target(hostile.url("/ok", f"fast-{i}.test"), 30.0) for i in range(10)]
    try:
        seen = sweep_on(targets, resolve=resolve)
    finally:
        free.set()
    assert {(one.error, one.detail) for one in seen[:40]} == {("timeout", "name not resolved within 200ms")}
    assert max(one.total_ms for one in seen[:40]) < 10_000
    assert [one.status_code for one in seen[40:]] == [200] * 10


def test_addresses_are_tried_in_order_until_one_answers(hostile):
    dead = [f"127.0.9.{i}" for i in range(1, 50)]       # nobody listens there: each refuses at once
    [seen] = sweep_now([Target(hostile.url("/ok", "many.test"))], resolve=lambda host: [*dead, "127.0.0.1"])
    assert (seen.status_code, seen.address) == (200, f"127.0.0.1:{hostile.port}")


def test_when_no_address_answers_the_last_failure_is_told_with_their_number(hostile):
    [seen] = sweep_now([Target(hostile.url("/ok", "dead.test"))], resolve=lambda host: ["127.0.9.1", "127.0.9.2"])
    assert (seen.error, seen.detail) == ("refused", "connection refused (the last of 2 addresses)")


@pytest.mark.skipif(sys.platform != "linux", reason="a full accept queue drops connects on Linux only")
def test_a_silent_address_leaves_time_for_the_next_one(hostile, virtual_time):
    with socket.create_server(("127.0.8.1", hostile.port), backlog=0) as full, contextlib.ExitStack() as fillers:
        filling = [fillers.enter_context(socket.socket()) for _ in range(4)]
        for filler in filling:          # more than its queue takes: further connects get no answer at all
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        select.select([], filling, [], 5)
        target = Target(f"tcp://two.test:{hostile.port}", 1.2)
        [seen] = sweep_now([target], resolve=lambda host: ["127.0.8.1", "127.0.0.1"])
    assert (seen.error, seen.address) == ("", f"127.0.0.1:{hostile.port}")
    assert seen.connect_ms == pytest.approx(600, abs=0.1)


CHILD = """
import sys
from mgov.net.sweep import Target, sweep, sweep_now
targets = [Target(sys.argv[2]), *[Target(sys.argv[3], 60.0)] * 20]
def tell(index, seen):
    print("one is done", flush=True)
if sys.argv[1] == "alone":
    sweep_now(targets, on_result=tell)
else:
    from mgov.net.loop import run
    run(sweep(targets, on_result=tell))
"""


@pytest.mark.parametrize("driver", ["alone", "loop"])
def test_an_interrupt_ends_a_sweep_at_once(hostile, driver):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, driver, hostile.url("/ok"), hostile.url("/silence")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PYTHONPATH": ":".join(sys.path)},
    )
    with child:
        assert child.stdout.readline() == "one is done\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10)
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "never awaited" not in errors
    assert "ignored" not in errors
