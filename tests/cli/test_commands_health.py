"""health as CI stands on it: gates, reports, expectations, causes; and what show says of the past."""

import json
import subprocess
import xml.etree.ElementTree as ET

import pytest

DEAD = "http://127.0.0.1:9"


def test_a_gate_of_bare_urls_needs_no_store_and_returns_the_commands_status(run, server, capfd):
    result = run("health", server.url, "--wait", "5s", "--", "sh", "-c", "echo ran; exit 3")
    assert (result.code, result.out, result.err) == (3, "", "child exited 3\n")
    assert capfd.readouterr().out == "ran\n"


def test_a_gate_that_runs_out_of_time_names_every_target_in_the_way_and_runs_nothing(run, server, capfd):
    result = run("health", server.url, DEAD, "--wait", "300ms", "--", "echo", "never")
    assert (result.code, result.out) == (5, "")
    warning, error = result.err.splitlines()
    assert warning == f"warning: {DEAD}/ is unhealthy: connection refused"
    assert error.startswith("mgov: after 300ms and ")
    assert error.endswith(" looks: 1 of 2 healthy, 2 needed")
    assert capfd.readouterr().out == ""


def test_a_person_who_waits_is_told_how_far_it_is_once_for_each_step(run, server):
    late = run("health", server.url, DEAD, "http://127.0.0.1:8", "--wait", "500ms", tty=True)
    assert late.code == 5
    lines = [line for line in late.err.splitlines() if line.startswith("waiting")]
    assert lines == [f"waiting: 1 healthy, 3 needed; {DEAD}/ is unhealthy: connection refused and 1 more"]
    stable = run("health", server.url, "--wait", "5s", "--stable", "300ms", tty=True)
    assert (stable.code, stable.err.splitlines()[0]) == (0, "waiting: 1 healthy, 1 needed for 300ms")
    assert "waiting" not in run("health", DEAD, "--wait", "300ms").err


def test_a_gate_that_the_commands_deadline_ends_names_what_was_in_the_way_too(run):
    result = run("health", DEAD, "--wait", "20s", "--deadline", "900ms")
    assert result.code == 5
    assert result.err == f"warning: {DEAD}/ is unhealthy: connection refused\nmgov: the deadline of 900ms is over\n"


@pytest.mark.parametrize(("options", "code"), [
    (("--any",), 0), (("--min-healthy", "1"), 0), (("--min-healthy", "50%"), 0), (("--min-healthy", "2"), 5),
    (("--fail-fast", "2"), 1), (("--for", "gone"), 5),
])
def test_what_is_enough_can_be_said(run, server, options, code):
    assert run("health", server.url, DEAD, "--wait", "300ms", *options).code == code


def test_a_gate_waits_for_each_name_that_is_not_there_yet(mgov, server):
    mgov("register", "orders", server.url, "--health", "/")
    mgov("register", "empty")
    late = mgov("health", "orders", "users", "empty", "z*", "--wait", "300ms", "--allow-missing", "--", "echo")
    assert (late.code, late.out) == (5, "")
    *warnings, error = late.err.splitlines()
    assert warnings == [f"warning: {name} is missing: nothing is registered" for name in ("users", "empty", "z*")]
    assert error.endswith(": 1 of 4 healthy, 4 needed")
    for name in ("users", "empty", "zoo"):
        mgov("register", name, server.url, "--health", "/")
    assert mgov("health", "orders", "users", "empty", "z*", "--wait", "5s", "--allow-missing").code == 0


def test_a_gate_for_what_is_gone_stays_shut_while_one_of_them_is_well(mgov, server):
    mgov("register", "orders", server.url, "--health", "/")
    gate = mgov("health", "orders", "users", "--wait", "300ms", "--for", "gone", "--allow-missing")
    assert (gate.code, gate.err.splitlines()[0]) == (5, f"warning: orders/{server.id} is healthy: HTTP 200 OK")
    assert mgov("health", "users", "--wait", "300ms", "--for", "gone", "--allow-missing").code == 0


def test_a_gate_that_stays_shut_says_what_failed_first(mgov, server):
    mgov("register", "db", DEAD)
    mgov("register", "orders", "http://127.0.0.1:7", "--depends-on", "db")
    gate = mgov("health", "--wait", "200ms")
    assert gate.code == 5
    assert gate.err.splitlines()[2:4] == ["db fails first: connection refused", "  because of it: orders"]


def test_a_named_service_without_instances_is_nothing_to_check_beside_others_too(mgov, server):
    mgov("register", "orders", server.url)
    mgov("register", "users", "--depends-on", "mail")
    assert mgov("health", "orders", "users") == (
        3, "", "mgov: nothing to check: users has no instances\nhint: mgov register users URL\n")
    mgov("register", "orders", "--depends-on", "mail")
    mgov("register", "mail")
    assert mgov("health", "orders", "--deep").code == 0      # what others need may be nobody's business here


def test_deep_with_a_pattern_that_matches_nothing_looks_at_nothing(mgov, server):
    mgov("register", "orders", server.url, "--health", "/")
    assert mgov("health", "zz*", "--deep").code == 3
    assert server.seen == 0


def test_a_report_that_will_not_be_written_is_said_before_anything_is_looked_at(mgov, server, tmp_path):
    mgov("register", "orders", server.url, "--health", "/")
    refused = mgov("health", "--wait", "5s", "--junit", str(tmp_path), "--", "echo")
    assert refused == (74, "", f"mgov: {tmp_path} could not be written: is a directory\n")
    assert server.seen == 0


def test_checks_that_may_not_be_carried_out_are_no_sign_of_a_broken_network(mgov):
    for number in (1, 2, 3):
        mgov("register", "orders", f"http://127.0.0.{number}:9", "--health", "command:/bin/false")
    result = mgov("health")
    assert (result.code, result.err) == (1, "0 of 3 healthy; 3 not probed\n")


def test_tls_options_of_the_call_stand_before_the_files_of_a_service_which_then_need_no_trust(mgov):
    mgov("register", "orders", "https://127.0.0.1:9", "--health", "/", "--check-cacert", "/nowhere/ca.pem")
    for command in ("health", "probe"):
        result = mgov(command, "orders", "--insecure")
        assert (result.code, "connection refused" in result.out) == (1, True)


def test_a_job_whose_command_is_not_there_is_unhealthy(mgov):
    mgov("register", "backup", "--id", "b-1", "--ttl", "1h")
    assert mgov("heartbeat", "backup", "--", "/nowhere/backup").code == 127
    (instance,) = json.loads(mgov("instances", "-o", "json").out)
    assert (instance["status"], instance["reason"]) == ("unhealthy", "/nowhere/backup: no such program")


def test_a_job_that_is_not_done_by_its_deadline_is_ended_and_unhealthy(mgov):
    mgov("register", "backup", "--id", "b-1", "--ttl", "1h")
    mgov("heartbeat", "backup")
    late = mgov("heartbeat", "backup", "--deadline", "300ms", "--", "sleep", "30")
    assert (late.code, late.err) == (5, "mgov: the deadline of 300ms is over\n")
    (instance,) = json.loads(mgov("instances", "-o", "json").out)
    assert (instance["status"], instance["reason"]) == ("unhealthy", "the deadline of 300ms is over")


def test_a_gate_waits_for_what_is_gone(run):
    assert run("health", DEAD, "--wait", "1s", "--for", "gone").code == 0


def test_a_gate_for_what_is_gone_opens_when_it_is_deregistered(mgov_process, mgov, server, tmp_path):
    mgov("register", "orders", server.url, "--health", "/")
    process = mgov_process("-S", str(tmp_path / "store"), "health", "orders", "--wait", "20s", "--for", "gone", "-v")
    assert "is healthy" in process.stderr.readline()
    assert mgov("deregister", "orders", "--all", "--yes").code == 0
    process.communicate(timeout=25)
    assert process.returncode == 0


def test_a_service_without_instances_is_gone_and_one_that_nobody_registered_may_be_mistyped(mgov):
    mgov("register", "empty")
    assert mgov("health", "empty", "--wait", "1s", "--for", "gone").code == 0
    mistyped = mgov("health", "emty", "--wait", "1s", "--for", "gone")
    assert mistyped == (3, "", "mgov: no service emty\n"
                               "hint: did you mean empty? (--allow-missing waits until it is registered)\n")
    assert mgov("health", "empty", "--wait", "1s").code == 3


def test_what_was_last_seen_is_the_answer_of_a_gate_that_stays_shut_too(run, server):
    result = run("health", server.url, DEAD, "--wait", "300ms", "-o", "json")
    assert result.code == 5
    assert [found["status"] for found in json.loads(result.out)] == ["healthy", "unhealthy"]


def test_a_gate_shows_the_past_where_it_is_asked_for(mgov, server):
    mgov("register", "orders", server.url, "--health", "/")
    gate = mgov("health", "--wait", "5s", "--columns", "service,up_1h,last_results")
    assert (gate.code, gate.out) == (0, "orders\t100 %\t█\n")


def test_a_report_that_cannot_be_written_costs_nobody_the_answer(run, server):
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/nowhere/summary.md"}
    result = run("health", server.url, env=env)
    assert (result.code, "HTTP 200 OK" in result.out) == (74, True)
    assert result.err.startswith("mgov: /nowhere/summary.md could not be written: no such file or directory")


def test_a_narrow_table_keeps_statuses_and_reasons_and_the_url_where_it_is_the_name(mgov, run):
    narrow = {"tty": True, "env": {"COLUMNS": "80", "NO_COLOR": "1"}}
    path = "/a/path/that/is/long/enough/to/be/cut"
    mgov("register", "orders", DEAD, "--health", path)
    assert "unhealthy           -  connection refused  http" in mgov("health", **narrow).out
    assert "unhealthy  " in mgov("health", tty=True, env={"COLUMNS": "50", "NO_COLOR": "1"}).out
    head, row = run("health", DEAD + path, **narrow).out.splitlines()
    assert head.split() == ["STATUS", "LATENCY", "MS", "REASON", "URL"]       # and no column that bare URLs leave empty
    assert f"connection refused  {DEAD}{path[:15]}" in row


def test_what_fails_first_is_told_under_the_results_that_say_so(mgov_process, mgov, server, tmp_path):
    mgov("register", "users", DEAD, "--health", "/")
    mgov("register", "orders", server.url, "--health", "/", "--depends-on", "users")
    process = mgov_process("-S", str(tmp_path / "store"), "health", stderr=subprocess.STDOUT)
    told = process.communicate(timeout=20)[0].splitlines()
    assert [line.split("\t")[0] for line in told] == [
        "orders", "users", "users fails first: connection refused", "  would suffer: orders",
        "1 of 2 healthy; 1 unhealthy",
    ]


@pytest.mark.parametrize(("argv", "message"), [
    (("--any",), "--any goes with --wait"),
    (("--stable", "1s"), "--stable goes with --wait"),
    (("--wait", "1s", "--stable", "2s"), "--stable 2s needs a longer --wait than 1s"),
    (("--timeout", "0s"), "a timeout is at least 1ms, not 0s"),
    (("--watch", "--count", "1", "--on-change", "say '"), "--on-change \"say '\": no closing quotation"),
    (("--watch", "--count", "1", "--on-change", " "), "--on-change names no command"),
    (("--insecure", "--cacert", "/ca.pem"),
     "--insecure accepts any certificate, so --cacert has no meaning beside it"),
    (("orders/i-1",), "'orders/i-1' is neither a service nor a URL"),
    (("--until-change",), "--until-change goes with --watch"),
    (("--interval", "2s"), "--interval goes with --watch"),
    (("--watch", "--count", "1", "--any"), "--any goes with --wait"),
    (("--watch", "--count", "1", "--for", "gone"), "--for goes with --wait"),
    (("--deep",), "--deep is for services: nobody knows what a bare URL needs"),
    (("--watch", "--count", "1", "--columns", "url"), "unknown column: url"),
    (("--columns", "before"), "unknown column: before"),
    (("--watch", "--wait", "1s"), "--watch goes with neither --wait nor a command behind --"),
    (("--wait", "1s", "--any", "--min-healthy", "2"), "--any and --min-healthy say two different things"),
    (("--wait", "1s", "--for", "up"), "--for takes healthy, degraded or gone, not 'up'"),
    (("--expect", "stat=1"), "expectation 'stat=1', column 1: 'stat' is nothing that can be expected"),
    (("--key", "k.pem"), "--key goes with --cert"),
    (("--junit", ""), "--junit takes a file, not ''"),
    (("--textfile", "-"), "--textfile takes a file, not '-'"),
])
def test_what_does_not_fit_together_is_refused_before_anything_is_probed(run, server, argv, message):
    result = run("health", server.url, *argv)
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[0] == f"mgov: {message}"
    assert server.seen == 0


def test_the_hint_for_an_expectation_of_a_service_can_be_typed(mgov):
    mgov("register", "orders", DEAD, "--health", "/")
    refused = mgov("health", "orders", "--expect", "status<300")
    assert (refused.code, refused.err.splitlines()[1]) == (2, "hint: mgov register orders --check-expect 'status<300'")
    assert mgov("register", "orders", "--check-expect", "status<300").code == 0


@pytest.mark.parametrize(("command", "code"), [(("/nowhere/at-all",), 127), (("/",), 126)])
def test_a_command_that_cannot_start_has_the_shells_status(run, server, command, code):
    result = run("health", server.url, "--wait", "1s", "--", *command)
    assert result.code == code
    assert len(result.err.splitlines()) == 1


def test_bare_urls_are_held_to_expectations(run, server):
    assert run("health", server.url, "--expect", "status=200").code == 0
    result = run("health", server.url, "--expect", "status=404", "-o", "json")
    assert result.code == 1
    (found,) = json.loads(result.out)
    assert found["reason"] == "expected status=404, observed 200 OK"
    assert found["evidence"]["expectations"][0]["is_met"] is False


def test_a_registered_expectation_is_kept_exported_and_judged(mgov, server):
    assert mgov("register", "orders", server.url, "--health", "/", "--check-expect", "status=200",
                "--check-expect", "header:X-None=1?").code == 0
    result = mgov("health")
    assert result.code == 0
    assert result.out.split("\t")[2] == "degraded"
    exported = mgov("export").out
    assert 'expect = [\n  "status=200",\n  "header:X-None=1?",\n]' in exported
    assert mgov("apply", "-f", "-", input=exported).err == "2 unchanged\n"


def test_a_bad_expectation_is_refused_when_it_is_registered_with_its_column(mgov, server):
    result = mgov("register", "orders", server.url, "--check-expect", "status<>3")
    assert result.code == 2
    assert "column 8" in result.err.splitlines()[0]
    assert mgov("services").out == ""


def test_reports_are_written_beside_the_answer(mgov, server, tmp_path):
    mgov("register", "orders", server.url, "--health", "/")
    mgov("register", "users", DEAD)
    junit, prom, summary = tmp_path / "j.xml", tmp_path / "m.prom", tmp_path / "summary.md"
    summary.write_text("before\n")
    result = mgov("health", "--junit", str(junit), "--textfile", str(prom),
                  env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    assert result.code == 1
    root = ET.parse(junit).getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert 'mgov_instance_up{service="users",instance_id="127.0.0.1-9"} 0' in prom.read_text()
    assert summary.read_text().startswith("before\n### mgov health\n\n1 of 2 healthy\n")
    inode, once = summary.stat().st_ino, summary.read_text().removeprefix("before\n")
    mgov("health", env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.read_text().count("### mgov health\n\n1 of 2 healthy\n") == 2
    assert summary.read_text().startswith(f"before\n{once}")
    assert summary.stat().st_ino == inode           # the runner, or tee, may hold it open: it is the same file still
    assert result.err.startswith("::error title=users/127.0.0.1-9%3A unhealthy::connection refused")


def test_a_report_that_cannot_be_written_is_74(mgov, server):
    mgov("register", "orders", server.url, "--health", "/")
    result = mgov("health", "--junit", "/nowhere/j.xml")
    assert result.code == 74
    assert result.err.splitlines()[0] == "mgov: /nowhere/j.xml could not be written: no such file or directory"


def test_the_root_of_a_failing_sweep_is_named_first(mgov):
    mgov("register", "db", DEAD)
    mgov("register", "orders", "http://127.0.0.1:7", "--depends-on", "db")
    mgov("register", "web", "--depends-on", "orders")
    result = mgov("health", "--deep", "orders")
    assert [line.split("\t")[0] for line in result.out.splitlines()] == ["db", "orders"]
    assert result.err.splitlines() == [
        "db fails first: connection refused",
        "  because of it: orders",
        "  would suffer: web",
        "0 of 2 healthy; 2 unhealthy",
    ]


def test_when_nothing_at_all_answers_the_prober_is_suspected(run):
    result = run("health", DEAD, "http://127.0.0.2:9", "http://127.0.0.3:9")
    assert result.err.splitlines()[0] == (
        "warning: none of 3 targets on 3 hosts could be reached: is the network of this machine at fault?")


def test_show_and_wide_tell_the_past(mgov, server):
    mgov("register", "orders", server.url, "--health", "/")
    mgov("health")
    shown = dict(line.split("\t") for line in mgov("show", "orders").out.splitlines())
    assert shown["past"].startswith(f"{server.id}  █  up 100 % in 1h, 100 % in 24h, 100 % in 7d  p50 ")
    assert shown["changed"] == f"{server.id}  0s ago, healthy (HTTP 200 OK)"
    rows = dict(line.split("\t") for line in mgov("show", "orders", server.id).out.splitlines())
    assert rows["up"] == "100 % in 1h, 100 % in 24h, 100 % in 7d"
    assert rows["last results"] == "█"
    history = json.loads(mgov("show", "orders", server.id, "-o", "json").out)["history"]
    assert (history["up_24h"], len(history["samples"]), history["transitions"][0]["status"]) == (1.0, 1, "healthy")
    wide = mgov("health", "-o", "wide").out.splitlines()
    assert [name for name in wide[0].split("  ") if name.strip()][-6:] == [
        "LAST RESULTS", "UP 1H", "UP 7D", "P50 MS", "P99 MS", "CHANGED AT"]
    cells = [cell.strip() for cell in wide[1].split("  ") if cell.strip()]
    assert (cells[-6:-3], cells[-1]) == (["█", "100 %", "100 %"], "0s ago")


@pytest.mark.parametrize(("command", "code", "status"), [("exit 0", 0, "healthy"), ("exit 7", 7, "unhealthy")])
def test_the_outcome_of_a_command_is_the_heartbeat(mgov, command, code, status):
    mgov("register", "backup", "--id", "b-1", "--ttl", "1h")
    assert mgov("heartbeat", "backup", "--", "sh", "-c", command) == (code, "", f"child exited {code}\n")
    (instance,) = json.loads(mgov("instances", "-o", "json").out)
    assert (instance["status"], instance["reason"]) == (status, f"ended with {code}" if code else "")


def test_a_command_for_an_unknown_instance_is_not_run(mgov, tmp_path):
    touched = tmp_path / "ran"
    assert mgov("heartbeat", "backup", "--", "touch", str(touched)).code == 3
    assert not touched.exists()


def test_a_policy_shows_in_show_and_export_and_an_empty_one_is_gone(mgov):
    mgov("register", "orders", "http://127.0.0.1:9", "--check-retries", "2", "--check-fall", "3",
         "--check-cacert", "/etc/ca.pem")
    mgov("register", "orders", "--check-expect", "latency=200ms")
    shown = dict(line.split("\t") for line in mgov("show", "orders").out.splitlines())
    assert shown["checks"] == "retries 2, fall 3, cacert /etc/ca.pem, expect latency=200ms"
    exported = json.loads(mgov("export", "-o", "json").out)["services"]["orders"]
    assert exported["health"] == {
        "cacert": "/etc/ca.pem", "expect": ["latency=200ms"], "fall": 3, "retries": 2}
    assert json.loads(mgov("show", "orders", "-o", "json").out)["health"] == exported["health"]
    mgov("register", "orders", "--replace")
    assert json.loads(mgov("show", "orders", "-o", "json").out)["health"] == {}


def test_a_bad_policy_is_refused_by_its_key_and_a_bad_expectation_by_its_column(mgov):
    assert mgov("register", "orders", "--check-retries", "99") == (
        2, "", "mgov: health.retries must be a whole number from 0 to 10, not 99\n")
    refused = mgov("register", "orders", "--check-expect", "status=2yy")
    assert (refused.code, "column 8" in refused.err) == (2, True)
    assert mgov("register", "orders", "--check-insecure", "--check-cacert", "/ca.pem").code == 2
    assert mgov("services").out == ""


def test_files_of_a_service_are_read_by_health_and_probe_only_after_trust(mgov, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    mgov("register", "orders", "https://127.0.0.1:9", "--check-cacert", "/nowhere/ca.pem")
    mgov("register", "orders", "--id", "127.0.0.1-9", "--health", "tls")
    refused = mgov("probe", "orders")
    assert (refused.code, refused.err.splitlines()[0]) == (
        6, "mgov: orders/127.0.0.1-9 asks to read '/nowhere/ca.pem', and this store is not trusted to")
    assert "its service's files may not be read here: mgov trust" in mgov("health", "orders").out
    asked = mgov("trust", "--yes")
    assert asked.out == "orders/127.0.0.1-9\tfile\t/nowhere/ca.pem\tno\n"
    assert "connection refused" in mgov("health", "orders").out


def test_cached_answers_from_the_store_and_is_not_for_urls(mgov, server):
    mgov("register", "orders", server.url, "--health", "/")
    assert mgov("health", "orders").code == 0
    server.status = 500
    assert mgov("health", "orders", "--cached", "30s").code == 0
    assert (mgov("health", "orders").code, server.seen) == (1, 2)
    assert mgov("health", server.url, "--cached", "30s") == (
        2, "", "mgov: --cached is for services: nothing is kept of bare URLs\n")


def test_results_come_in_the_order_in_which_targets_were_named(mgov, server):
    for name in ("orders", "users", "mail"):
        mgov("register", name, server.url)
    shown = mgov("health", "users", server.url, "m*", "-o", "json")
    assert [r["service"] or r["url"] for r in json.loads(shown.out)] == ["users", f"{server.url}/", "mail"]


def test_thresholds_and_retries_can_be_said_for_one_sweep(mgov, server):
    mgov("register", "orders", server.url, "--health", "/")
    mgov("health", "orders")
    server.status = 500
    steady = mgov("health", "orders", "--fall", "2", "--retries", "1")
    assert (steady.code, server.seen) == (0, 3)
    assert "healthy until 2 in a row say unhealthy" in steady.out


def test_health_says_who_is_well_and_ends_with_1_when_anyone_is_not(mgov, server, gone):
    mgov("register", "orders", server.url, "--health", "/h")
    well = mgov("health", "-o", "json")
    (result,) = json.loads(well.out)
    assert (well.code, result["service"], result["instance"], result["status"], result["reason"]) == (
        0, "orders", server.id, "healthy", "HTTP 200 OK")
    assert result["url"] == f"{server.url}/h"
    assert result["latency_ms"] >= 0
    mgov("register", "users", gone.url)
    assert mgov("health").code == 1
    assert mgov("health", "orders").code == 0
    assert mgov("health", "us*", "-o", "name") == (1, f"users/{gone.id}\n", "0 of 1 healthy; 1 unhealthy\n")
    assert mgov("health", "order").code == 3


def test_bare_urls_need_no_store_and_names_beside_them_do(run, mgov, server, gone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("health", server.url).code == 0
    both = run("health", f"tcp://127.0.0.1:{server.port}", gone.url, "-o", "name")
    assert both == (1, f"tcp://127.0.0.1:{server.port}\n{gone.url}/\n", "1 of 2 healthy; 1 unhealthy\n")
    assert run("health", server.url, "orders").code == 8
    mgov("register", "orders", server.url)
    mixed = mgov("health", server.url, "orders", "-o", "json")
    assert (mixed.code, [r["service"] for r in json.loads(mixed.out)]) == (0, [None, "orders"])
