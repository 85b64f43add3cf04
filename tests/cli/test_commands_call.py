"""call: bytes to stdout, everything else to stderr, and a status that scripts can rely on."""

import base64
import json
import re
import shlex
import subprocess
import threading

import pytest
from upstream import Upstream, says, stalls

ID = re.compile(r"\b[0-9a-f]{32}\b")


@pytest.fixture
def server():
    running = Upstream(says(200, b"ok\n", X_Kind="plain"))
    yield running
    running.close()


@pytest.fixture
def mgov(run, tmp_path, server):
    """Run a command on a store where `a` of orders is the server."""
    store = str(tmp_path / "store")
    assert run("init", store).code == 0
    assert run("register", "orders", server.url, "--id", "a", "-S", store).code == 0
    return lambda *argv, **options: run(*argv, "-S", store, **options)


def said(text):
    """What was said on stderr, without how long it took."""
    return re.sub(r"[\d.]+ ms", "N ms", text)


def test_the_body_goes_to_stdout_and_what_is_said_of_it_to_stderr(mgov, server):
    code, out, err = mgov("call", "orders/items")
    assert (code, out, said(err)) == (0, "ok\n", "HTTP 200 OK from a in N ms\n")
    assert mgov("call", "orders", "-q") == (0, "ok\n", "")
    assert [request[:2] for request in server.requests] == [("GET", "/items"), ("GET", "/")]


def test_a_binary_body_reaches_a_file_byte_for_byte(mgov_process, mgov, server, tmp_path):
    server.plan = says(200, bytes(range(256)) * 300)
    with open(tmp_path / "out", "wb") as out:
        process = mgov_process("call", "orders/image", "-S", str(tmp_path / "store"), "-q", stdout=out)
        assert process.wait() == 0
    assert (tmp_path / "out").read_bytes() == bytes(range(256)) * 300


def test_on_a_terminal_foreign_text_is_made_safe_and_what_is_no_text_is_not_shown(mgov, server):
    server.plan = says(200, b"\x1b[31mred\xff\tand\nmore")
    assert mgov("call", "orders", "-q", tty=True).out == "\\x1b[31mred\\xff\tand\nmore\n"
    server.plan = says(200, b"\x7fELF\0\0")
    code, out, err = mgov("call", "orders", tty=True, env={"TERM": "dumb"})
    assert (code, out) == (0, "")
    assert err.replace("\r\n", "\n").startswith("6 bytes that are no text are not shown: pipe them, or -o json\n")


def test_with_i_the_head_comes_before_the_body(mgov):
    assert mgov("call", "orders", "-i", "-q").out == (
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Kind: plain\r\n\r\nok\n")


def test_a_status_from_400_on_is_7_and_its_body_is_printed_all_the_same(mgov, server):
    server.plan = says(404, b"nothing")
    code, out, err = mgov("call", "orders", "-q")
    assert (code, out, err) == (7, "nothing", "mgov: orders answered HTTP 404 Not Found\n"
                                "hint: see what is sent with --curl; --fail-on 500 lets a 4xx pass\n")
    assert mgov("call", "orders", "-q", "--fail-on", "500") == (0, "nothing", "")
    assert mgov("call", "orders", "-q", "--fail-on", "0") == (0, "nothing", "")
    server.plan = says(302, b"", Location="http://169.254.169.254/")
    code, out, err = mgov("call", "orders")
    assert (code, out, said(err)) == (
        0, "", "HTTP 302 Found from a in N ms\nit redirects to http://169.254.169.254/, which is not followed\n")
    assert len(server.requests) == 4


def test_the_request_is_what_the_options_say(mgov, server, tmp_path):
    (tmp_path / "secret").write_text("Authorization: Bearer hunter2\r\n\r\nX-Two: 2\n")
    code, _, _ = mgov(
        "call", "orders/a?x=1", "-X", "PUT", "-H", "X-One: 1", "-H", f"@{tmp_path}/secret", "-d", '{"n": 1}',
        "--query", "q=a b&c", "--as", "shop", env={"TRACEPARENT": "00-aa-bb-01", "MGOV_SERVICE": "other"},
    )  # fmt: skip
    [(method, path, headers, body)] = server.requests
    assert (code, method, path, body) == (0, "PUT", "/a?x=1&q=a%20b%26c", b'{"n": 1}')
    assert ID.fullmatch(headers.pop("X-Request-ID"))
    assert headers == {
        "Host": f"127.0.0.1:{server.port}", "X-One": "1", "Authorization": "Bearer hunter2", "X-Two": "2",
        "User-Agent": "mgov", "Accept": "*/*", "X-Service-ID": "shop", "traceparent": "00-aa-bb-01",
        "Content-Type": "application/json", "Content-Length": "8",
    }


def test_a_body_comes_from_the_line_a_file_or_stdin(mgov, server, tmp_path):
    (tmp_path / "body").write_bytes(b"\0\xff")
    for word in ("text", f"@{tmp_path}/body", "@-"):
        assert mgov("call", "orders", "-d", word, "-q", input="from stdin").code == 0
    assert [(method, body) for method, _, _, body in server.requests] == [
        ("POST", b"text"), ("POST", b"\0\xff"), ("POST", b"from stdin")]
    assert mgov("call", "orders", env={"MGOV_SERVICE": "shop"}).code == 0
    assert server.requests[-1][2]["X-Service-ID"] == "shop"


@pytest.mark.parametrize(("argv", "code", "err"), [
    (("nobody",), 3, "mgov: no service nobody\nhint: mgov services\n"),
    (("ordres/x",), 3, "mgov: no service ordres\nhint: did you mean orders?\n"),
    (("Orders",), 2, "mgov: 'Orders' is not a valid service name\nhint: use orders; --title holds any text\n"),
    (("http://127.0.0.1/",), 2,
     "mgov: call takes a service's name, not a URL\nhint: mgov call NAME/PATH, or curl for a bare URL\n"),
    (("orders?a#b",), 2,
     "mgov: '/?a#b' has a fragment, which no server ever sees\nhint: for a literal '#': %23\n"),
    (("orders", "-d", "@missing"), 2, "mgov: cannot read missing: no such file or directory\n"),
    (("orders", "-d", "@"), 2, "mgov: cannot read '': no such file or directory\n"),
    (("orders", "-X", "HEAD", "-d", "x", "--curl"), 2, "mgov: curl sends no body with HEAD\n"),
    (("orders", "-H", "@missing"), 2, "mgov: cannot read missing: no such file or directory\n"),
    (("orders", "--fallback", "missing"), 2, "mgov: cannot read missing: no such file or directory\n"),
    (("orders", "--fallback", "ftp://127.0.0.1/x"), 2,
     "mgov: 'ftp://127.0.0.1/x' cannot stand in: a fallback speaks http or https\n"),
    (("orders", "-H", "X: a\r\nY: b"), 2, "mgov: the value of X holds a line break or NUL\n"),
    (("orders", "-H", "Content-Length: 3"), 2,
     "mgov: Content-Length belongs to the connection, and is not a caller's to give\n"),
    (("orders/a\nb",), 2, "mgov: '/a\\nb' holds a character that a URL cannot\nhint: write it as %XX\n"),
    (("orders", "-X", "GET\r\nX:"), 2, "mgov: 'GET\\r\\nX:' is not a method\nhint: such as GET or POST\n"),
    (("orders", "--query", "x"), 2, "mgov: --query takes K=V, not 'x'\n"),
    (("orders", "--max-body", "much"), 2,
     "mgov: 'much' is not a size\nhint: write it like 65536, 64KiB or 16MiB\n"),
    (("orders", "--timeout", "0s"), 2,
     "mgov: a call needs some time: its timeout and its deadline must be more than 0s\n"),
    (("orders", "--cacert", "missing"), 2,
     "mgov: no certificates can be read from missing: no such file or directory\n"),
])
def test_what_cannot_be_called_or_sent_says_why_and_reaches_nobody(mgov, server, argv, code, err):
    assert mgov("call", *argv) == (code, "", err)
    assert server.requests == []


def test_a_secret_in_a_header_that_cannot_be_read_is_not_shown(mgov, tmp_path):
    (tmp_path / "secret").write_text("X-Ok: 1\nAuthorization hunter2\n")
    assert mgov("call", "orders", "-H", f"@{tmp_path}/secret") == (
        2, "", f"mgov: {tmp_path}/secret:2: not a header\nhint: write it like X-Name: value\n")


def test_nobody_there_is_7_with_the_reason_and_v_shows_the_attempts(mgov, server):
    server.close()
    code, out, err = mgov("call", "orders", "--retry", "0", "-v")
    assert (code, out) == (7, "")
    table, row, error, hint = err.splitlines()
    assert table.split() == ["ATTEMPT", "INSTANCE", "URL", "STATUS", "MS", "BREAKER", "DETAIL"]
    assert [word for i, word in enumerate(row.split()) if i != 4] == [
        "1", "a", server.url, "-", "closed", "connection", "refused"]
    assert (error, hint) == (
        "mgov: orders could not be called (a: connection refused)", "hint: mgov health orders")
    server.close = lambda: None


def test_v_says_when_an_attempt_asks_to_come_back(mgov, server):
    server.plan = says(503, Retry_After="120")
    code, _, err = mgov("call", "orders", "-v")
    assert (code, len(server.requests)) == (7, 1)               # later than the deadline
    assert err.splitlines()[1].endswith("  asks to come back in 2m")


def test_maintenance_and_a_limit_that_is_used_up_are_6(mgov):
    assert mgov("maintenance", "orders", "--reason", "upgrade").code == 0
    assert mgov("call", "orders") == (
        6, "", "mgov: no instance of orders may be used: a maintenance (upgrade)\nhint: mgov health orders\n")
    assert mgov("maintenance", "orders", "--off").code == 0
    assert mgov("limit", "set", "orders", "1/1h").code == 0
    assert mgov("call", "orders").code == 0
    code, out, err = mgov("call", "orders")
    assert (code, out, err.startswith("mgov: orders is over its limit of 1/1h")) == (6, "", True)
    assert err.endswith("\nhint: mgov limit show orders\n")
    assert mgov("call", "orders", "--no-limit").code == 0


def test_failures_open_the_breaker_for_the_next_command_and_no_breaker_asks_none(mgov, server):
    server.plan = says(500, b"broken")
    for _ in range(5):
        assert mgov("call", "orders").code == 7
    code, out, err = mgov("call", "orders")
    assert (code, out) == (6, "")
    assert err.startswith("mgov: the breaker of orders is open")
    assert len(server.requests) == 5
    assert mgov("call", "orders", "--no-breaker").out == "broken"


def test_a_deadline_that_runs_out_is_5(mgov, server):
    let_go = threading.Event()
    server.plan = stalls(let_go)
    try:
        code, out, err = mgov("call", "orders", "--deadline", "400ms")
    finally:
        let_go.set()
    assert (code, out) == (5, "")
    assert err.startswith("mgov: orders did not answer within 400ms (a: no answer within ")


def test_an_endless_answer_is_cut_and_the_cut_is_a_failure(mgov, server):
    server.plan = says(200, b"x" * 5000)
    assert mgov("call", "orders", "--max-body", "4KiB", "-q") == (
        7, "x" * 4096,
        "mgov: the answer of orders is longer than 4KiB, the rest of it was not read\nhint: --max-body 16KiB\n")
    assert mgov("call", "orders", "--max-body", "0", "-q").err.endswith("hint: --max-body 16MiB\n")


def test_json_holds_everything_and_a_body_that_is_no_text_in_base64(mgov, server):
    found = json.loads(mgov("call", "orders/items", "-o", "json").out)
    [attempt] = found.pop("attempts")
    assert ID.fullmatch(found.pop("request_id"))
    assert found.pop("latency_ms") == attempt.pop("latency_ms") > 0
    assert found == {
        "service": "orders", "instance": "a", "url": server.url, "status": 200, "reason": "OK",
        "headers": [["Content-Length", "3"], ["X-Kind", "plain"]], "body": "ok\n", "body_base64": None,
        "is_cut": False, "is_fallback": False, "source": "instance", "failure": "", "age_s": None,
    }
    assert attempt == {"number": 1, "instance": "a", "url": server.url, "status": 200, "error": "", "detail": "",
                       "breaker": "closed", "retry_after_s": None}
    server.plan = says(500, b"\xff\0")
    code, out, err = mgov("call", "orders", "-o", "json", "-q")
    assert (code, json.loads(out)["body"], base64.b64decode(json.loads(out)["body_base64"])) == (7, None, b"\xff\0")
    assert json.loads(err)["error"]["code"] == "remote"


def test_the_last_good_answer_and_a_file_stand_in_and_say_so(mgov, server, tmp_path):
    assert mgov("call", "orders", "--stale-if-error", "5m").out == "ok\n"
    server.plan = says(503, b"sorry")
    code, out, err = mgov("call", "orders", "--stale-if-error", "5m", "--retry", "0", "-i")
    assert (code, err) == (0, "warning: orders answered HTTP 503; this is its last good answer, 0s old\n")
    assert out.split("\r\n")[2:] == ["X-Kind: plain", "X-Mgov-Fallback: last-good; age=0", "", "ok\n"]
    (tmp_path / "spare.json").write_text("[]")
    code, out, err = mgov("call", "orders/b", "--fallback", str(tmp_path / "spare.json"), "--retry", "0")
    assert (code, out, err) == (0, "[]", "warning: orders answered HTTP 503; this is the fallback given\n")
    code, out, err = mgov("call", "orders/b", "--fallback", server.url, "--retry", "0", "-o", "json", "-q")
    found = json.loads(out)
    assert (found["status"], found["is_fallback"]) == (503, False)
    assert found["failure"] == f"{server.url} does not stand in: HTTP 503"
    assert err.startswith(f"warning: {server.url} does not stand in: HTTP 503\n")


def test_a_rehearsal_says_what_would_be_sent_and_sends_nothing(mgov, server):
    code, out, err = mgov("call", "orders/items", "--dry-run", "-d", "x", "-H", "X-Api-Key: hunter2")
    assert (code, err) == (0, "")
    assert ID.sub("ID", out) == (
        f"request   POST {server.url}/items\n"
        "header    X-Api-Key: ***\n"
        "header    X-Request-ID: ID\n"
        "header    User-Agent: mgov\n"
        "header    Accept: */*\n"
        "body      1 bytes\n"
        "instance  a\n"
        "others    -\n"
        "timeout   10s an attempt, 30s in all\n"
        "retries   3\n"
    )
    found = json.loads(mgov("call", "orders", "--dry-run", "-o", "json").out)
    assert (found["method"], found["url"], found["instance"], found["others"]) == ("GET", f"{server.url}/", "a", [])
    assert server.requests == []


def test_a_rehearsal_is_6_where_the_call_would_be_refused_and_takes_nothing(mgov, server):
    assert mgov("limit", "set", "orders", "1/1h").code == 0
    assert [mgov("call", "orders", "--dry-run").code for _ in range(2)] == [0, 0]
    assert mgov("call", "orders").code == 0
    code, out, err = mgov("call", "orders", "--dry-run")
    assert (code, out.splitlines()[0]) == (6, f"request   GET {server.url}/")
    assert err.startswith("mgov: orders is over its limit of 1/1h")
    mgov("breaker", "trip", "orders")
    code, _, err = mgov("call", "orders", "--dry-run", "--no-limit")
    assert (code, err[:43]) == (6, "mgov: the breaker of orders is open (trippe")
    assert json.loads(mgov("breaker", "show", "orders", "-o", "json").out)["statistics"]["rejected"] == 0
    assert mgov("call", "orders", "--dry-run", "--no-limit", "--no-breaker").code == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize("argv", [
    ("orders/items?a=[1]&b={2}", "-H", "X-Odd: it's \"$HOME\" `x`", "-H", "X-Empty:"),
    ("orders/a/../b", "-d", "it's @\n"), ("orders", "-d", '{"a": "订单"}'), ("orders", "-X", "DELETE"),
    ("orders", "-X", "PUT", "-d", "@FILE", "-H", "@HEADERS", "-H", "Content-Type: text/plain"),
    ("orders", "-X", "POST"), ("orders?a=1",),
])  # fmt: skip
def test_the_curl_line_sends_what_the_call_sends(mgov, server, tmp_path, require, argv):
    require("curl")
    (tmp_path / "file").write_bytes(b"line\r\n\0\xff")
    (tmp_path / "headers").write_text("Authorization: Bearer hunter2\nX-File: 1\nX-None:\n")
    argv = [word.replace("@FILE", f"@{tmp_path}/file").replace("@HEADERS", f"@{tmp_path}/headers") for word in argv]
    assert mgov("call", *argv, "-q").code == 0
    code, line, _ = mgov("call", *argv, "--curl", "-q")
    assert (code, "hunter2" in line, len(server.requests)) == (0, False, 1)
    subprocess.run(["sh", "-c", line], check=True, capture_output=True, timeout=30, env={"HTTP_PROXY": "http://x:1"})
    ours, theirs = server.requests
    assert theirs[:2] + theirs[3:] == ours[:2] + ours[3:]
    assert {k: v for k, v in theirs[2].items() if k != "X-Request-ID"} == {
        k: v for k, v in ours[2].items() if k != "X-Request-ID"}


def test_a_secret_that_was_typed_is_masked_in_the_curl_line(mgov):
    code, out, err = mgov("call", "orders", "--curl", "-H", "Authorization: Bearer hunter2")
    assert (code, err) == (0, "")
    assert "Authorization: ***" in shlex.split(out)
